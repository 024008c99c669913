#include "trace/arch/code.h"

const struct code_saved *code_find_saved(const struct code_frame *frame, int number)
{
	for (size_t i = 0; i < frame->saved_count; i++) {
		if (frame->saved[i].number == number)
			return &frame->saved[i];
	}
	return NULL;
}

void code_save(struct code_frame *frame, int number, uint64_t depth)
{
	if (frame->saved_count < CODE_SAVED_MAX && !code_find_saved(frame, number))
		frame->saved[frame->saved_count++] = (struct code_saved){number, depth};
}
