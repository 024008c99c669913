/* Intel's Software Developer's Manual, volume 2, appendix A: the opcodes that compilers use most. */
#include <string.h>

#include "trace/arch/code.h"

enum { HW_RSP = 4, WORD = 8 };

struct instruction {
	const uint8_t *at, *end; /* what is left of it, and of the code */
	uint8_t rex, opcode, modrm, sib;
	int32_t displacement;
	bool two_bytes; /* behind 0x0f */
	bool is_wrong;
};

static uint8_t take(struct instruction *instruction)
{
	if (instruction->at == instruction->end) {
		instruction->is_wrong = true;
		return 0;
	}
	return *instruction->at++;
}

static int32_t take_immediate(struct instruction *instruction, size_t bytes)
{
	int32_t value = 0;

	if ((size_t)(instruction->end - instruction->at) < bytes) {
		instruction->is_wrong = true;
		return 0;
	}
	if (bytes == 1)
		/* NOLINTNEXTLINE(bugprone-signed-char-misuse) */
		value = (int8_t)*instruction->at;
	else if (bytes == sizeof(value))
		memcpy(&value, instruction->at, sizeof(value));
	instruction->at += bytes;
	return value;
}

/* Of the modrm byte's three parts. */
static unsigned mod_of(const struct instruction *instruction)
{
	return instruction->modrm >> 6;
}

static unsigned field_of(const struct instruction *instruction)
{
	return instruction->modrm >> 3 & 7;
}

static unsigned rm_of(const struct instruction *instruction)
{
	return instruction->modrm & 7;
}

static void take_operand(struct instruction *instruction)
{
	static const size_t bytes[] = {0, 1, 4, 0};

	instruction->modrm = take(instruction);
	const unsigned mod = mod_of(instruction), rm = rm_of(instruction);
	if (mod == 3)
		return;
	instruction->sib = rm == 4 ? take(instruction) : 0;
	const bool has_no_base = mod == 0 && (rm == 5 || (rm == 4 && (instruction->sib & 7) == 5));
	instruction->displacement = take_immediate(instruction, has_no_base ? 4 : bytes[mod]);
}

static bool is_stack_pointer(const struct instruction *instruction, bool field)
{
	if (field)
		return field_of(instruction) == HW_RSP && !(instruction->rex & 4);
	return mod_of(instruction) == 3 && rm_of(instruction) == HW_RSP && !(instruction->rex & 1);
}

/* DWARF's number of a register that a function has to keep; -1: it is none. */
static int kept_register(unsigned number)
{
	enum { HW_RBX = 3, HW_RBP = 5, HW_R12 = 12, DWARF_RBP = 6 };

	if (number == HW_RBP)
		return DWARF_RBP;
	return number == HW_RBX || number >= HW_R12 ? (int)number : -1;
}

static void push(struct code_frame *frame)
{
	frame->depth += WORD;
}

static void drop(struct instruction *instruction, struct code_frame *frame, uint64_t bytes)
{
	if (frame->depth < bytes) {
		instruction->is_wrong = true;
		return;
	}
	frame->depth -= bytes;
	while (frame->saved_count && frame->saved[frame->saved_count - 1].depth > frame->depth)
		frame->saved_count--;
}

/* add, or, adc, sbb, and, sub, xor, cmp, with a number */
static void read_arithmetic(
	struct instruction *instruction, struct code_frame *frame, size_t immediate_bytes)
{
	enum { ADD = 0, SUB = 5, CMP = 7 };

	take_operand(instruction);
	const int32_t value = take_immediate(instruction, immediate_bytes);
	const unsigned operation = field_of(instruction);
	if (!is_stack_pointer(instruction, false) || operation == CMP)
		return;
	if (value < 0 || (operation != ADD && operation != SUB))
		instruction->is_wrong = true;
	else if (operation == ADD)
		drop(instruction, frame, (uint64_t)value);
	else
		frame->depth += (uint64_t)value;
}

/* inc, dec, call, jmp, push */
static void read_group_5(struct instruction *instruction, struct code_frame *frame)
{
	enum { CALL = 2, PUSH = 6 };

	take_operand(instruction);
	const unsigned operation = field_of(instruction);
	if (operation == PUSH)
		push(frame);
	else if (operation > CALL || is_stack_pointer(instruction, false))
		instruction->is_wrong = true;
}

static void read_move(struct instruction *instruction, bool writes_field)
{
	take_operand(instruction);
	if (is_stack_pointer(instruction, writes_field))
		instruction->is_wrong = true;
}

/* mov to memory, as Go's compiler keeps the caller's frame pointer: mov %rbp,0x20(%rsp). */
static void read_store(struct instruction *instruction, struct code_frame *frame)
{
	enum { WIDE = 8, HIGH_FIELD = 4, HW_RBP = 5, ON_RSP = 0x24 };

	read_move(instruction, false);
	const unsigned mod = mod_of(instruction);
	const uint64_t above = (uint64_t)(int64_t)instruction->displacement;
	if ((instruction->rex & (WIDE | HIGH_FIELD)) == WIDE && field_of(instruction) == HW_RBP &&
		(mod == 1 || mod == 2) && instruction->sib == ON_RSP && above < frame->depth)
		code_save(frame, kept_register(HW_RBP), frame->depth - above);
}

static void read_two_bytes(struct instruction *instruction)
{
	const uint8_t opcode = instruction->opcode;

	if (opcode == 0x05 || opcode == 0xa2) /* syscall, cpuid */
		return;
	if (opcode >= 0x80 && opcode <= 0x8f) /* jcc */
		(void)take_immediate(instruction, 4);
	else if (opcode == 0xba || opcode == 0xa4 || opcode == 0xac || opcode == 0xc6 ||
		 (opcode >= 0x70 && opcode <= 0x73)) {
		take_operand(instruction);
		(void)take_immediate(instruction, 1);
	} else if ((opcode >= 0x10 && opcode <= 0x1f) || (opcode >= 0x28 && opcode <= 0x2f) ||
		   (opcode >= 0x40 && opcode <= 0x76) || opcode == 0x7e || opcode == 0x7f ||
		   (opcode >= 0x90 && opcode <= 0x9f) || opcode == 0xa3 || opcode == 0xab ||
		   opcode >= 0xae)
		take_operand(instruction); /* moves, and what never writes to the stack pointer */
	else
		instruction->is_wrong = true;
}

/* Opcodes 0x40 to 0xff that do nothing to the stack; false: it is none. */
static bool read_plain(struct instruction *instruction)
{
	const uint8_t opcode = instruction->opcode;

	if (opcode == 0x90 || opcode == 0x98 || opcode == 0x99)
		return true;
	if ((opcode >= 0x70 && opcode <= 0x7f) || (opcode >= 0xb0 && opcode <= 0xb7) ||
		opcode == 0xa8)
		(void)take_immediate(instruction, 1);
	else if (opcode == 0xa9 || opcode == 0xe8)
		(void)take_immediate(instruction, 4);
	else if (opcode >= 0xb8 && opcode <= 0xbf)
		(void)take_immediate(instruction, instruction->rex & 8 ? 8 : 4);
	else if (opcode == 0x84 || opcode == 0x85 || (opcode >= 0xd0 && opcode <= 0xd3))
		take_operand(instruction);
	else if (opcode == 0x88)
		read_move(instruction, false);
	else if (opcode == 0x63 || opcode == 0x8a || opcode == 0x8b || opcode == 0x8d)
		read_move(instruction, true);
	else
		return false;
	return true;
}

static void read_with_immediate(struct instruction *instruction)
{
	enum { TEST = 1 };
	const uint8_t opcode = instruction->opcode;

	take_operand(instruction);
	if (opcode == 0x69 || opcode == 0xc7 || (opcode == 0xf7 && field_of(instruction) <= TEST))
		(void)take_immediate(instruction, 4);
	else if (opcode != 0xf7 && (opcode != 0xf6 || field_of(instruction) <= TEST))
		(void)take_immediate(instruction, 1);
}

/* add, or, adc, sbb, and, sub, xor, cmp, between operands */
static void read_operands(struct instruction *instruction)
{
	enum { CMP = 0x38 };
	const unsigned form = instruction->opcode & 7;

	if (form < 4)
		take_operand(instruction);
	else if (form < 6)
		(void)take_immediate(instruction, form == 4 ? 1 : 4);
	else
		instruction->is_wrong = true;
	if (form < 4 && (instruction->opcode & 0x38) != CMP &&
		is_stack_pointer(instruction, form >= 2))
		instruction->is_wrong = true;
}

static void read_one_byte(struct instruction *instruction, struct code_frame *frame)
{
	const uint8_t opcode = instruction->opcode;
	const unsigned in_opcode = (opcode & 7U) | (instruction->rex & 1U) << 3;

	if (opcode < 0x40) {
		read_operands(instruction);
	} else if (opcode >= 0x50 && opcode <= 0x57) {
		push(frame);
		if (kept_register(in_opcode) >= 0)
			code_save(frame, kept_register(in_opcode), frame->depth);
	} else if (opcode >= 0x58 && opcode <= 0x5f) {
		drop(instruction, frame, WORD);
	} else if (opcode == 0x68 || opcode == 0x6a) {
		(void)take_immediate(instruction, opcode == 0x68 ? 4 : 1);
		push(frame);
	} else if (opcode == 0x81 || opcode == 0x83 || opcode == 0x80) {
		read_arithmetic(instruction, frame, opcode == 0x81 ? 4 : 1);
	} else if (opcode == 0x69 || opcode == 0x6b || opcode == 0xc0 || opcode == 0xc1 ||
		   opcode == 0xc6 || opcode == 0xc7 || opcode == 0xf6 || opcode == 0xf7) {
		read_with_immediate(instruction);
	} else if (opcode == 0x89) {
		read_store(instruction, frame);
	} else if (opcode == 0xfe || opcode == 0xff) {
		read_group_5(instruction, frame);
	} else if (!read_plain(instruction)) {
		instruction->is_wrong = true;
	}
}

static bool is_prefix(uint8_t byte)
{
	return byte == 0xf0 || byte == 0xf2 || byte == 0xf3 || byte == 0x64 || byte == 0x2e;
}

static void read_opcode(struct instruction *instruction)
{
	instruction->opcode = take(instruction);
	while (!instruction->is_wrong && is_prefix(instruction->opcode))
		instruction->opcode = take(instruction);
	if ((instruction->opcode & 0xf0) == 0x40) {
		instruction->rex = instruction->opcode;
		instruction->opcode = take(instruction);
	}
	instruction->two_bytes = instruction->opcode == 0x0f;
	if (instruction->two_bytes)
		instruction->opcode = take(instruction);
}

static bool read_frame(const uint8_t *code, size_t length, struct code_frame *frame)
{
	const uint8_t *const end = code + length;

	*frame = (struct code_frame){0};
	while (code < end) {
		struct instruction instruction = {.at = code, .end = end};
		/* Shorter immediates: only the two-byte nop is usual. */
		if (*code == 0x66 && length > 1)
			instruction.at++;
		read_opcode(&instruction);
		if (*code == 0x66 && !instruction.two_bytes && instruction.opcode != 0x90 &&
			instruction.opcode != 0x89)
			return false;
		if (instruction.two_bytes)
			read_two_bytes(&instruction);
		else
			read_one_byte(&instruction, frame);
		if (instruction.is_wrong)
			return false;
		code = instruction.at;
	}
	return true;
}

static uint64_t relative(uint64_t address, const uint8_t *bytes)
{
	int32_t distance;

	memcpy(&distance, bytes, sizeof(distance));
	return address + (uint64_t)(int64_t)distance;
}

/* call, with the distance; call *, with that of the word */
static bool read_call(
	const uint8_t before[CODE_CALL_BYTES], uint64_t address, struct code_jump *jump)
{
	jump->indirect = before[0] == 0xff && before[1] == 0x15;
	jump->address = relative(address, before + 2);
	return jump->indirect || before[1] == 0xe8;
}

/* endbr64, bnd; then jmp, with either distance, or jmp * */
static bool read_jump(const uint8_t code[CODE_JUMP_BYTES], uint64_t address, struct code_jump *jump)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	size_t at = memcmp(code, endbr64, sizeof(endbr64)) == 0 ? sizeof(endbr64) : 0;

	at += code[at] == 0xf2;
	if (code[at] == 0xeb) {
		*jump = (struct code_jump){
			.address = address + at + 2 + (uint64_t)(int64_t)(int8_t)code[at + 1]};
		return true;
	}
	jump->indirect = code[at] == 0xff && code[at + 1] == 0x25;
	at += jump->indirect ? 2 : 1;
	jump->address = relative(address + at + sizeof(int32_t), code + at);
	return jump->indirect || code[at - 1] == 0xe9;
}

const struct code_machine code_x86_64 = {
	.return_register = -1,
	.read_frame = read_frame,
	.read_call = read_call,
	.read_jump = read_jump,
};
