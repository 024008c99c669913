/* Arm's Architecture Reference Manual, C4.1: all that stores to the stack or moves its pointer. */
#include <string.h>

#include "trace/arch/code.h"

enum { X19 = 19, X30 = 30, SP = 31, WORD = 8 };

static uint32_t instruction_at(const uint8_t *code)
{
	uint32_t instruction;

	memcpy(&instruction, code, sizeof(instruction));
	return instruction;
}

/* Some bits of an instruction as a signed number. */
static int64_t signed_field(uint32_t instruction, unsigned lowest, unsigned bits)
{
	const uint64_t field = instruction >> lowest & ((UINT64_C(1) << bits) - 1);
	const uint64_t sign = UINT64_C(1) << (bits - 1);

	return (int64_t)((field ^ sign) - sign);
}

static unsigned target_of(uint32_t instruction)
{
	return instruction & 31;
}

static unsigned base_of(uint32_t instruction)
{
	return instruction >> 5 & 31;
}

static bool move_pointer(struct code_frame *frame, int64_t by)
{
	if (by > 0 && (uint64_t)by > frame->depth)
		return false;
	frame->depth -= (uint64_t)by;
	return true;
}

/* At so many bytes above the stack pointer; below it Go keeps the frame pointer. */
static void save(struct code_frame *frame, unsigned number, int64_t offset)
{
	if (number >= X19 && number <= X30 && (offset < 0 || (uint64_t)offset < frame->depth))
		code_save(frame, (int)number, frame->depth - (uint64_t)offset);
}

static void save_pair(struct code_frame *frame, uint32_t instruction, int64_t offset)
{
	save(frame, target_of(instruction), offset);
	save(frame, instruction >> 10 & 31, offset + WORD);
}

/* Stores and moves whose base is the stack pointer. */
static bool read_stack_use(uint32_t instruction, struct code_frame *frame)
{
	const int64_t pair = signed_field(instruction, 15, 7) * WORD;
	const int64_t single = signed_field(instruction, 12, 9);
	const int64_t number = instruction >> 10 & 0xfff;

	if ((instruction & 0xffc00000) == 0xa9000000) { /* stp, offset */
		save_pair(frame, instruction, pair);
	} else if ((instruction & 0xffc00000) == 0xa9800000) { /* stp, pre-indexed */
		if (!move_pointer(frame, pair))
			return false;
		save_pair(frame, instruction, 0);
	} else if ((instruction & 0xffc00000) == 0xf9000000) { /* str, offset */
		save(frame, target_of(instruction), number * WORD);
	} else if ((instruction & 0xffe00c00) == 0xf8000000) { /* stur */
		save(frame, target_of(instruction), single);
	} else if ((instruction & 0xffe00c00) == 0xf8000c00) { /* str, pre-indexed */
		if (!move_pointer(frame, single))
			return false;
		save(frame, target_of(instruction), 0);
	} else if ((instruction & 0x3a800000) == 0x28800000 || /* other pairs, indexed */
		   (instruction & 0x3b200400) == 0x38000400) { /* other registers, indexed */
		return false;
	}
	return true;
}

/* add and sub with a number, whose result is the stack pointer's */
static bool read_sum(uint32_t instruction, struct code_frame *frame)
{
	const int64_t number = instruction >> 10 & 0xfff;
	const int64_t bytes = instruction & 1U << 22 ? number << 12 : number;

	if (base_of(instruction) != SP)
		return false;
	return move_pointer(frame, instruction & 1U << 30 ? -bytes : bytes);
}

/* b; and of those that go to a register, all but blr */
static bool is_way_out(uint32_t instruction)
{
	return (instruction & 0xfc000000) == 0x14000000 ||
	       ((instruction & 0xfe000000) == 0xd6000000 && (instruction >> 21 & 7) != 1);
}

/* bl, blr */
static bool is_call(uint32_t instruction)
{
	return (instruction & 0xfc000000) == 0x94000000 ||
	       ((instruction & 0xfe000000) == 0xd6000000 && (instruction >> 21 & 7) == 1);
}

static bool read_instruction(uint32_t instruction, struct code_frame *frame)
{
	if (is_way_out(instruction))
		return false;
	/* A call overwrites the address to return to. */
	if (is_call(instruction) && !code_find_saved(frame, X30))
		return false;
	if ((instruction & 0xbf800000) == 0x91000000 && target_of(instruction) == SP)
		return read_sum(instruction, frame);
	/* add and sub of registers; and, orr, eor with a number */
	if (((instruction & 0xbfe00000) == 0x8b200000 ||
		    ((instruction & 0x9f800000) == 0x92000000 && instruction >> 29 != 7)) &&
		target_of(instruction) == SP)
		return false;
	return base_of(instruction) != SP || read_stack_use(instruction, frame);
}

static bool read_frame(const uint8_t *code, size_t length, struct code_frame *frame)
{
	*frame = (struct code_frame){0};
	if (length % sizeof(uint32_t))
		return false;
	for (size_t at = 0; at < length; at += sizeof(uint32_t)) {
		if (!read_instruction(instruction_at(code + at), frame))
			return false;
	}
	return true;
}

static uint64_t branch_target(uint32_t instruction, uint64_t address)
{
	return address + (uint64_t)signed_field(instruction, 0, 26) * sizeof(instruction);
}

static bool read_call(
	const uint8_t before[CODE_CALL_BYTES], uint64_t address, struct code_jump *jump)
{
	const uint32_t instruction = instruction_at(before + CODE_CALL_BYTES - sizeof(instruction));

	*jump = (struct code_jump){
		.address = branch_target(instruction, address - sizeof(instruction))};
	return (instruction & 0xfc000000) == 0x94000000;
}

/* b; or adrp x16, ldr x17, add, br x17, perhaps behind bti */
static bool read_jump(const uint8_t code[CODE_JUMP_BYTES], uint64_t address, struct code_jump *jump)
{
	enum { BTI = 0xd503245f, PAGE_BITS = 12 };
	size_t at = instruction_at(code) == (uint32_t)BTI ? sizeof(uint32_t) : 0;
	const uint32_t first = instruction_at(code + at), second = instruction_at(code + at + 4);

	address += at;
	if ((first & 0xfc000000) == 0x14000000) {
		*jump = (struct code_jump){.address = branch_target(first, address)};
		return true;
	}
	const int64_t pages = signed_field(first, 5, 19) * 4 + (first >> 29 & 3);
	const uint64_t page = (address >> PAGE_BITS) + (uint64_t)pages;
	*jump = (struct code_jump){
		.indirect = true,
		.address = (page << PAGE_BITS) + (uint64_t)(second >> 10 & 0xfff) * WORD,
	};
	return (first & 0x9f00001f) == 0x90000010 && (second & 0xffc003ff) == 0xf9400211;
}

const struct code_machine code_aarch64 = {
	.return_register = X30,
	.read_frame = read_frame,
	.read_call = read_call,
	.read_jump = read_jump,
};
