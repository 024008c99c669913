/* The stacks of a run: taken while the program runs, turned into text when that is asked for. */
#ifndef SOCKTEST_TRACE_STACKS_H
#define SOCKTEST_TRACE_STACKS_H

#include <stdint.h>
#include <sys/types.h>

#include "switch/stack.h"

struct stacks;

/* NULL: no memory. */
struct stacks *stacks_new(void);
void stacks_free(struct stacks *stacks);

/* The text of a stack; also when its program is long gone. Lent as long as stacks. */
const struct stack_text *stacks_text(struct stacks *stacks, uint32_t id);

/* The names of its functions that have one, the innermost first, and NULL. Lent likewise. */
const char *const *stacks_functions(struct stacks *stacks, uint32_t id);

/* How many were taken that end so. */
uint64_t stacks_ended(const struct stacks *stacks, enum stack_end end);

/* How many distinct ones there are; they are numbered from 1. */
uint32_t stacks_count(const struct stacks *stacks);

/* ---- for the tracer ---- */

struct stack_place {
	uint32_t audit; /* the ABI of the call */
	uint64_t instruction_pointer, stack_pointer;
};

/* The number of a stopped task's stack. */
uint32_t stacks_take(struct stacks *stacks, pid_t tid, pid_t tgid, const struct stack_place *place);

/* The process has other code than before, or is gone. */
void stacks_forget(struct stacks *stacks, pid_t tgid);

#endif
