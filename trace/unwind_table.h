/* Where the unwinding information of a file's functions is. */
#ifndef SOCKTEST_TRACE_UNWIND_TABLE_H
#define SOCKTEST_TRACE_UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function and its description, relative to the base of the rows. */
struct unwind_row {
	int32_t function, description;
};

struct unwind_rows {
	struct unwind_row *list; /* ascending by function */
	size_t count;            /* 0: there is no unwinding information */
	uint64_t base;
};

/* What is not loaded seems to be this far above where it would be: no task has memory there. */
#define UNWIND_NOT_LOADED UINT64_C(0x7100000000000000)

/* Addresses are those that the file gives. */
struct unwind_table {
	struct unwind_rows loaded; /* described in .eh_frame, which is in the task's memory */
	struct unwind_rows debug;  /* described in .debug_frame, which is not, so here */
	unsigned char
		*descriptions; /* as .eh_frame has them, from UNWIND_NOT_LOADED and the base on */
	size_t descriptions_bytes;
	uint64_t entry; /* where the program begins */
	struct unwind_segment {
		uint64_t offset, size, address;
	} * segments; /* what is loaded */
	size_t segments_count;
};

/* Fills *table from the file, -1: none; it is to be cleared. */
void unwind_table_read(struct unwind_table *table, int fd);
void unwind_table_clear(struct unwind_table *table);

/* From a place in the file to its address; false: it is not loaded. */
bool unwind_table_address(const struct unwind_table *table, uint64_t offset, uint64_t *address);

#endif
