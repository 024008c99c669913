/* Unwinding information that is not loaded: .debug_frame, as Go's programs have it. */
#ifndef SOCKTEST_TRACE_DEBUG_FRAME_H
#define SOCKTEST_TRACE_DEBUG_FRAME_H

#include <gelf.h>

#include "trace/unwind_table.h"

/* Fills table->debug and the descriptions, if the file has any. */
void debug_frame_read(struct unwind_table *table, Elf *elf);

/* ---- for whoever fills a table ---- */

/* The function's address is the file's, the description's relative to the rows' base. */
void unwind_rows_add(struct unwind_rows *rows, uint64_t function, uint64_t description);
void unwind_rows_sort(struct unwind_rows *rows);

#endif
