/* The callers of functions that have no unwinding information, such as musl's. */
#ifndef SOCKTEST_TRACE_PROLOGUE_H
#define SOCKTEST_TRACE_PROLOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/arch/code.h"

/* The task, as its reader is willing to show it. */
struct prologue_task {
	void *context;
	bool (*read_word)(void *context, uint64_t at, uint64_t *word);
	/* Only code of files, which stays as it is; false: it is none. */
	bool (*read_code)(void *context, uint64_t at, uint8_t *code, size_t length);
};

struct prologue_place {
	uint64_t instruction_pointer, stack_pointer;
	uint64_t return_register; /* its value, where the machine has one */
};

/* Where the caller goes on; what it had in registers is stored in words from here down. */
struct prologue_caller {
	uint64_t instruction_pointer, stack_pointer;
	uint64_t entry; /* the stack pointer when the function began */
	struct code_frame frame;
};

/*
 * Finds the one word, above the stack pointer, that is the address to return to: the call before it
 * leads to a function whose code, from its beginning to the instruction pointer, puts that word just
 * there. Words that were left behind by earlier calls do not meet both. false: there is none.
 */
bool prologue_find(const struct code_machine *machine, const struct prologue_task *task,
	const struct prologue_place *place, struct prologue_caller *caller);

#endif
