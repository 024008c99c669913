/* Names and source lines of code, by libdwfl. */
#ifndef SOCKTEST_TRACE_SYMBOLS_H
#define SOCKTEST_TRACE_SYMBOLS_H

#include <stdint.h>

#include "switch/stack.h"
#include "trace/modules.h"

struct symbols;

/* The modules are lent. NULL: no memory. */
struct symbols *symbols_new(struct modules *modules);
void symbols_free(struct symbols *symbols);

enum { SYMBOLS_LINES_MAX = 32 };

/*
 * What is known of a frame: the functions that were inlined there, and the one that they were
 * inlined into. The strings are valid as long as symbols. Returns how many lines that are.
 */
size_t symbols_find(struct symbols *symbols, const struct stack_frame *frame,
	struct stack_line lines[static SYMBOLS_LINES_MAX]);

#endif
