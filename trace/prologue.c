#include "trace/prologue.h"

enum {
	WORDS = 128,           /* of the stack, that are looked at */
	FUNCTION_BYTES = 4096, /* read of a function */
	JUMPS = 4,             /* on the way to it */
};

static bool follow(const struct prologue_task *task, struct code_jump *jump)
{
	if (jump->indirect && !task->read_word(task->context, jump->address, &jump->address))
		return false;
	jump->indirect = false;
	return true;
}

/* Where the call before an address leads to, through stubs of the linker and jumps. */
static bool find_called(const struct code_machine *machine, const struct prologue_task *task,
	uint64_t address, uint64_t *function)
{
	uint8_t call[CODE_CALL_BYTES], code[CODE_JUMP_BYTES];
	struct code_jump jump;

	if (!task->read_code(task->context, address - sizeof(call), call, sizeof(call)) ||
		!machine->read_call(call, address, &jump) || !follow(task, &jump))
		return false;
	*function = jump.address;
	for (int i = 0; i < JUMPS; i++) {
		if (!task->read_code(task->context, *function, code, sizeof(code)) ||
			!machine->read_jump(code, *function, &jump))
			return true;
		if (!follow(task, &jump))
			return false;
		*function = jump.address;
	}
	return true;
}

/* What the function that an address returns from has done up to the instruction pointer. */
static bool read_frame(const struct code_machine *machine, const struct prologue_task *task,
	uint64_t address, uint64_t instruction_pointer, struct code_frame *frame)
{
	uint8_t code[FUNCTION_BYTES];
	uint64_t function;

	if (!find_called(machine, task, address, &function) || function > instruction_pointer ||
		instruction_pointer - function > sizeof(code))
		return false;
	const size_t length = (size_t)(instruction_pointer - function);
	return task->read_code(task->context, function, code, length) &&
	       machine->read_frame(code, length, frame);
}

/* Where a call has pushed the address, it is the word at which the function began. */
static bool is_at(const struct code_machine *machine, const struct code_frame *frame,
	uint64_t stack_pointer, uint64_t at)
{
	const uint64_t entry = stack_pointer + frame->depth;

	if (machine->return_register < 0)
		return entry == at;
	const struct code_saved *const saved = code_find_saved(frame, machine->return_register);
	return saved && entry - saved->depth == at;
}

static void leave(const struct code_machine *machine, const struct prologue_place *place,
	uint64_t address, struct prologue_caller *caller)
{
	const bool pushed = machine->return_register < 0;

	caller->instruction_pointer = address;
	caller->entry = place->stack_pointer + caller->frame.depth;
	caller->stack_pointer = caller->entry + (pushed ? sizeof(uint64_t) : 0);
}

/* A function that calls nothing may keep the address in the register. */
static bool is_in_register(const struct code_machine *machine, const struct prologue_task *task,
	const struct prologue_place *place, struct code_frame *frame)
{
	return machine->return_register >= 0 &&
	       read_frame(
		       machine, task, place->return_register, place->instruction_pointer, frame) &&
	       !code_find_saved(frame, machine->return_register);
}

bool prologue_find(const struct code_machine *machine, const struct prologue_task *task,
	const struct prologue_place *place, struct prologue_caller *caller)
{
	uint64_t address;

	if (is_in_register(machine, task, place, &caller->frame)) {
		leave(machine, place, place->return_register, caller);
		return true;
	}
	for (uint64_t i = 0; i < WORDS; i++) {
		const uint64_t at = place->stack_pointer + i * sizeof(address);
		if (!task->read_word(task->context, at, &address))
			return false;
		if (read_frame(
			    machine, task, address, place->instruction_pointer, &caller->frame) &&
			is_at(machine, &caller->frame, place->stack_pointer, at)) {
			leave(machine, place, address, caller);
			return true;
		}
	}
	return false;
}
