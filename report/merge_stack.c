/* Stacks of recordings. Equal ones have one number, as leaks are grouped by it. */
#include "report/merge.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct merge_stack {
	char *json; /* what it was read of */
	struct stack_text text;
	uint32_t id;
	UT_hash_handle hh;
};

void merge_stacks_clear(struct merge *merge)
{
	struct merge_stack *stack = merge->stacks_known, *next;

	HASH_CLEAR(hh, merge->stacks_known);
	for (; stack; stack = next) {
		next = stack->hh.next;
		free(stack->json);
		free(stack);
	}
	free(merge->stacks);
}

static enum stack_end end_of(const json_t *text)
{
	const char *const value = json_string_value(text);

	for (enum stack_end end = STACK_WHOLE; value && end <= STACK_FOREIGN; end++)
		if (strcmp(value, stack_end_text(end)) == 0)
			return end;
	return STACK_WHOLE;
}

static const char *bytes_of(struct merge *merge, const json_t *object, const char *key)
{
	return merge_keep(merge, merge_bytes(json_object_get(object, key)));
}

static void read_frames(struct merge *merge, const json_t *frames, struct stack_text *text)
{
	const size_t count = json_array_size(frames);
	struct stack_line *const lines = calloc(count + 1, sizeof(*lines));

	/* A failure frees it. */
	if (merge_keep(merge, (char *)lines) != (char *)lines)
		return;
	for (size_t i = 0; i < count; i++) {
		const json_t *const frame = json_array_get(frames, i);
		const char *const offset = json_string_value(json_object_get(frame, "offset"));

		lines[i] = (struct stack_line){
			.function = bytes_of(merge, frame, "function"),
			.module = bytes_of(merge, frame, "module"),
			.offset = offset ? strtoull(offset, NULL, 16) : 0,
			.file = bytes_of(merge, frame, "file"),
			.line = (int)json_integer_value(json_object_get(frame, "line")),
		};
	}
	text->lines = lines;
	text->count = count;
}

/* Takes json over; NULL: no memory. */
static uint32_t add(struct merge *merge, char *json, const json_t *frames, enum stack_end end)
{
	struct merge_stack *const stack = calloc(1, sizeof(*stack));
	const struct stack_text **const grown =
		reallocarray(merge->stacks, merge->stacks_count + 2UL, sizeof(struct stack_text *));

	if (grown)
		merge->stacks = grown;
	if (!stack || !grown || !json) {
		merge->no_memory = true;
		free(stack);
		free(json);
		return 0;
	}
	stack->json = json;
	stack->text.end = end;
	stack->id = ++merge->stacks_count;
	read_frames(merge, frames, &stack->text);
	grown[0] = NULL;
	grown[stack->id] = &stack->text;
	HASH_ADD_KEYPTR(hh, merge->stacks_known, stack->json, strlen(stack->json), stack);
	return stack->id;
}

uint32_t merge_stack(struct merge *merge, const json_t *frames, const json_t *end_text)
{
	const enum stack_end end = end_of(end_text);
	struct merge_stack *stack = NULL;
	json_t *pair;
	char *json;

	if (json_array_size(frames) == 0 && end == STACK_WHOLE)
		return 0;
	pair = json_pack("[Oi]", frames, (int)end);
	json = json_dumps(pair, JSON_COMPACT);
	json_decref(pair);
	if (json)
		HASH_FIND_STR(merge->stacks_known, json, stack);
	if (!stack)
		return add(merge, json, frames, end);
	free(json);
	return stack->id;
}
