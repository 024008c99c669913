#include "switch/stack.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	uint32_t id;
	size_t count;
	UT_hash_handle hh;
	struct stack_frame frames[]; /* and behind them one whose module is the end */
};

struct stack_table {
	struct entry *entries;
	struct entry **by_id; /* from 1 */
	uint32_t count;
};

const char *stack_end_text(enum stack_end end)
{
	static const char *const texts[] = {
		[STACK_WHOLE] = "",
		[STACK_DEEP] = "and more callers",
		[STACK_BROKEN] = "the rest of the stack cannot be read",
		[STACK_GUESSED] = "found by frame pointers: callers may be missing",
		[STACK_FOREIGN] = "stacks of 32-bit programs are not read",
	};

	return texts[end];
}

struct stack_table *stack_table_new(void)
{
	return calloc(1, sizeof(struct stack_table));
}

void stack_table_free(struct stack_table *table)
{
	struct entry *entry, *next;

	if (!table)
		return;
	HASH_ITER(hh, table->entries, entry, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(table->entries, entry);
		free(entry);
	}
	free(table->by_id);
	free(table);
}

static uint32_t add(struct stack_table *table, struct entry *entry, size_t key_bytes)
{
	struct entry **const grown =
		reallocarray(table->by_id, table->count + 2UL, sizeof(struct entry *));

	if (!grown) {
		free(entry);
		return 0;
	}
	table->by_id = grown;
	entry->id = ++table->count;
	grown[entry->id] = entry;
	HASH_ADD(hh, table->entries, frames, key_bytes, entry);
	return entry->id;
}

uint32_t stack_table_intern(struct stack_table *table, const struct stack *stack)
{
	const size_t key_bytes = (stack->count + 1) * sizeof(*stack->frames);
	struct entry *const entry = calloc(1, sizeof(*entry) + key_bytes);
	struct entry *known;

	if (!entry)
		return 0;
	entry->count = stack->count;
	if (stack->count)
		memcpy(entry->frames, stack->frames, key_bytes - sizeof(*stack->frames));
	entry->frames[stack->count].module = stack->end;
	HASH_FIND(hh, table->entries, entry->frames, key_bytes, known);
	if (!known)
		return add(table, entry, key_bytes);
	free(entry);
	return known->id;
}

struct stack stack_table_get(const struct stack_table *table, uint32_t id)
{
	const struct entry *const entry = table->by_id[id];

	return (struct stack){
		.frames = entry->frames,
		.count = entry->count,
		.end = (enum stack_end)entry->frames[entry->count].module,
	};
}

uint32_t stack_table_count(const struct stack_table *table)
{
	return table->count;
}
