/* Where the unwinding information of a file's functions is. */
#ifndef SOCKTEST_TRACE_UNWIND_TABLE_H
#define SOCKTEST_TRACE_UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function and its description in .eh_frame, relative to the table's base. */
struct unwind_row {
	int32_t function, description;
};

/* Addresses are those that the file gives. */
struct unwind_table {
	struct unwind_row *rows; /* ascending by function */
	size_t count;            /* 0: there is no unwinding information */
	uint64_t base;
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
