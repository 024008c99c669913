/* The files that programs run code of, each known by a number, and where a process has them. */
#ifndef SOCKTEST_TRACE_MODULES_H
#define SOCKTEST_TRACE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/unwind_table.h"

struct modules;

/* NULL: no memory. */
struct modules *modules_new(void);
void modules_free(struct modules *modules);

/* As the kernel names it: a path, "[vdso]", or "[anonymous]". Lent. */
const char *modules_path(const struct modules *modules, uint64_t module);

/*
 * A descriptor of the file, which was opened while a process had it mapped: it may have been
 * removed since. -1: it is none, or cannot be read. Lent, until another module's is asked for:
 * only so many are open at a time, and a removed file is lost when it was not among the latest.
 */
int modules_fd(struct modules *modules, uint64_t module);

/* How many files of ours may be open for this at a time. */
size_t modules_files_max(void);

/* Of the same file. Lent. */
const struct unwind_table *modules_unwind_table(struct modules *modules, uint64_t module);

/* A part of a process that is code, or that is of a file and not to be written to. */
struct mapping {
	bool executable, writable;
	uint64_t start, end;
	uint64_t offset; /* of start in the file; from 0 where there is no file */
	uint64_t module;
};

struct mappings {
	struct mapping *list; /* ascending */
	size_t count;
};

/* Reads /proc/TID/maps. Returns 0 or -errno; *mappings is to be cleared in every case. */
int mappings_read(struct modules *modules, pid_t tid, struct mappings *mappings);
void mappings_clear(struct mappings *mappings);

/* The one that holds this address, or NULL. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address);

/* A frame is in this mapping of the task: its file will be asked for. */
void modules_open(struct modules *modules, pid_t tid, const struct mapping *mapping);

#endif
