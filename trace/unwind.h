/* Reading the stacks of stopped tasks: the only user of libunwind. */
#ifndef SOCKTEST_TRACE_UNWIND_H
#define SOCKTEST_TRACE_UNWIND_H

#include <stdint.h>
#include <sys/types.h>

#include "switch/stack.h"
#include "trace/modules.h"

/* What is kept of a process from one of its stacks to the next. */
struct unwinder;

/* NULL: no memory. */
struct unwinder *unwinder_new(void);
void unwinder_free(struct unwinder *unwinder);

/*
 * The number in table of the stack of a stopped task of the process, whose registers have these
 * values; 0: no memory. A stack of which every word and register that was looked at is as it was
 * the last time is not unwound again.
 */
uint32_t unwinder_take(struct unwinder *unwinder, struct modules *modules,
	struct stack_table *table, pid_t tid, uint64_t instruction_pointer, uint64_t stack_pointer);

#endif
