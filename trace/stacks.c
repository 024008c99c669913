#include "trace/stacks.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "trace/arch/arch.h"
#include "trace/modules.h"
#include "trace/symbols.h"
#include "trace/unwind.h"

struct process {
	pid_t tgid;
	struct unwinder *unwinder;
	UT_hash_handle hh;
};

/* A stack that was asked for. */
struct readable {
	struct stack_text text;
	struct stack_line *lines;
	const char **functions;
};

struct stacks {
	struct stack_table *table;
	struct modules *modules;
	struct symbols *symbols;
	struct process *processes;
	struct readable **texts; /* by number; NULL: not asked for yet */
	uint32_t texts_count;
	uint64_t ended[STACK_FOREIGN + 1];
};

struct stacks *stacks_new(void)
{
	struct stacks *const stacks = calloc(1, sizeof(*stacks));

	if (!stacks)
		return NULL;
	stacks->table = stack_table_new();
	stacks->modules = modules_new();
	stacks->symbols = stacks->modules ? symbols_new(stacks->modules) : NULL;
	if (stacks->table && stacks->symbols)
		return stacks;
	stacks_free(stacks);
	return NULL;
}

static void forget(struct stacks *stacks, struct process *process)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the map */
	HASH_DEL(stacks->processes, process);
	unwinder_free(process->unwinder);
	free(process);
}

void stacks_free(struct stacks *stacks)
{
	struct process *process, *next;

	if (!stacks)
		return;
	HASH_ITER(hh, stacks->processes, process, next)
	forget(stacks, process);
	for (uint32_t id = 0; id < stacks->texts_count; id++) {
		struct readable *const readable = stacks->texts[id];
		if (!readable)
			continue;
		free(readable->lines);
		free(readable->functions);
		free(readable);
	}
	free(stacks->texts);
	symbols_free(stacks->symbols);
	modules_free(stacks->modules);
	stack_table_free(stacks->table);
	free(stacks);
}

uint32_t stacks_count(const struct stacks *stacks)
{
	return stack_table_count(stacks->table);
}

uint64_t stacks_ended(const struct stacks *stacks, enum stack_end end)
{
	return stacks->ended[end];
}

static void add_lines(struct readable *readable, const struct stack_line *lines, size_t count)
{
	const size_t total = readable->text.count + count;

	readable->lines = reallocarray(readable->lines, total, sizeof(*readable->lines));
	if (!readable->lines)
		abort();
	memcpy(readable->lines + readable->text.count, lines, count * sizeof(*lines));
	readable->text.lines = readable->lines;
	readable->text.count = total;
}

static void list_functions(struct readable *readable)
{
	size_t named = 0;

	readable->functions = calloc(readable->text.count + 1, sizeof(*readable->functions));
	if (!readable->functions)
		abort();
	for (size_t i = 0; i < readable->text.count; i++) {
		if (*readable->lines[i].function)
			readable->functions[named++] = readable->lines[i].function;
	}
}

static struct readable *make_readable(struct stacks *stacks, uint32_t id)
{
	const struct stack stack = stack_table_get(stacks->table, id);
	struct readable *const readable = calloc(1, sizeof(*readable));
	struct stack_line lines[SYMBOLS_LINES_MAX];

	if (!readable)
		abort();
	readable->text.end = stack.end;
	for (size_t i = 0; i < stack.count; i++)
		add_lines(readable, lines, symbols_find(stacks->symbols, &stack.frames[i], lines));
	list_functions(readable);
	return readable;
}

static struct readable *find_readable(struct stacks *stacks, uint32_t id)
{
	const uint32_t count = stacks_count(stacks) + 1;

	if (stacks->texts_count < count) {
		stacks->texts = reallocarray(stacks->texts, count, sizeof(*stacks->texts));
		if (!stacks->texts)
			abort();
		while (stacks->texts_count < count)
			stacks->texts[stacks->texts_count++] = NULL;
	}
	if (!stacks->texts[id])
		stacks->texts[id] = make_readable(stacks, id);
	return stacks->texts[id];
}

const struct stack_text *stacks_text(struct stacks *stacks, uint32_t id)
{
	return &find_readable(stacks, id)->text;
}

const char *const *stacks_functions(struct stacks *stacks, uint32_t id)
{
	return find_readable(stacks, id)->functions;
}

static struct unwinder *find_unwinder(struct stacks *stacks, pid_t tgid)
{
	struct process *process;

	HASH_FIND_INT(stacks->processes, &tgid, process);
	if (process)
		return process->unwinder;
	process = calloc(1, sizeof(*process));
	if (!process)
		abort();
	process->tgid = tgid;
	process->unwinder = unwinder_new();
	if (!process->unwinder)
		abort();
	HASH_ADD_INT(stacks->processes, tgid, process);
	return process->unwinder;
}

uint32_t stacks_take(struct stacks *stacks, pid_t tid, pid_t tgid, const struct stack_place *place)
{
	const struct arch_abi *const abi = arch_abi_find(place->audit);
	uint32_t id;

	if (!abi || abi->word_bytes != sizeof(uint64_t))
		id = stack_table_intern(stacks->table, &(struct stack){.end = STACK_FOREIGN});
	else
		id = unwinder_take(find_unwinder(stacks, tgid), stacks->modules, stacks->table, tid,
			place->instruction_pointer, place->stack_pointer);
	if (!id)
		abort();
	stacks->ended[stack_table_get(stacks->table, id).end]++;
	return id;
}

void stacks_forget(struct stacks *stacks, pid_t tgid)
{
	struct process *process;

	HASH_FIND_INT(stacks->processes, &tgid, process);
	if (process)
		forget(stacks, process);
}
