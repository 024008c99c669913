/*
 * Machine code, read as far as it takes to find the caller of a function that has no unwinding
 * information. Pure: every machine's can be read on every other.
 */
#ifndef SOCKTEST_TRACE_ARCH_CODE_H
#define SOCKTEST_TRACE_ARCH_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CODE_CALL_BYTES = 6,  /* the longest call that is read */
	CODE_JUMP_BYTES = 16, /* the longest stub */
	CODE_SAVED_MAX = 16,
};

/* What a function has done to the stack, before one of its instructions. */
struct code_frame {
	uint64_t depth; /* the stack pointer is so many bytes below where it was on entry */
	struct code_saved {
		int number;     /* of the register, as in DWARF */
		uint64_t depth; /* it was stored so many bytes below that */
	} saved[CODE_SAVED_MAX];
	size_t saved_count;
};

/* Where code goes on. */
struct code_jump {
	bool indirect;    /* the address is in memory, at */
	uint64_t address; /* this one */
};

struct code_machine {
	int return_register; /* -1: a call pushes the address to return to */

	/*
	 * Reads a function from its first byte on; false: it does more than is understood. What it
	 * says holds for all ways to the last byte, because compilers give each instruction one
	 * depth.
	 */
	bool (*read_frame)(const uint8_t *code, size_t length, struct code_frame *frame);

	/* The call before this address; false: there is none that says what it calls. */
	bool (*read_call)(
		const uint8_t before[CODE_CALL_BYTES], uint64_t address, struct code_jump *jump);

	/* Where code that only jumps elsewhere does; false: it does more. */
	bool (*read_jump)(
		const uint8_t code[CODE_JUMP_BYTES], uint64_t address, struct code_jump *jump);
};

extern const struct code_machine code_x86_64, code_aarch64;

/* A register is stored there, if it has not been before. */
void code_save(struct code_frame *frame, int number, uint64_t depth);
/* NULL: it was not stored. */
const struct code_saved *code_find_saved(const struct code_frame *frame, int number);

#endif
