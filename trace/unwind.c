#include "trace/unwind.h"

#include <errno.h>
#include <libunwind-ptrace.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "trace/arch/arch.h"
#include "trace/memory.h"
#include "trace/prologue.h"

enum {
	PAGE_BYTES = 4096,
	/* Kept of a process before all are forgotten, and of one place. */
	MEMOS_MAX = 1024,
	MEMOS_OF_PLACE = 8,
	PAGES = 4, /* of the task, that one look keeps */
	REGISTERS = 34,
};

#define NO_MODULE UINT64_MAX

/* A word or a register of the task, on which its stack depends. */
struct witness {
	bool is_register;
	uint64_t where, value;
};

struct place {
	uint64_t instruction_pointer, stack_pointer;
};

/* A stack, and all that libunwind looked at to find it: where that is the same, it is, too. */
struct memo {
	struct witness *witnesses;
	size_t count;
	uint32_t stack;
	struct memo *prev, *next;
};

/* The stacks that were found at a place, the latest first. */
struct memos {
	struct place place;
	struct memo *list;
	UT_hash_handle hh;
};

struct unwinder {
	unw_addr_space_t space;
	struct mappings mappings;
	struct memos *memos;
	size_t memos_count;
};

struct page {
	bool read;
	uint64_t at;
	unsigned char bytes[PAGE_BYTES];
};

/* One look at a task. */
struct look {
	pid_t tid;
	void *upt; /* libunwind's own state */
	struct unwinder *unwinder;
	struct modules *modules;
	bool fresh;      /* the mappings have been read for this look */
	bool blind;      /* there was no unwinding information for the last frame */
	uint64_t module; /* of the frame that is unwound */
	const struct unwind_table *table; /* that libunwind is searching */
	const struct unwind_rows *rows;   /* in it */
	uint64_t descriptions_at;         /* where the table's own would be */
	struct page pages[PAGES];
	bool recording;
	struct witness *witnesses;
	size_t count, room;
	/* Of a frame that libunwind did not find, in place of the task's. */
	bool found;
	struct {
		bool known;
		uint64_t value;
	} registers[REGISTERS];
	struct stack_frame frames[STACK_FRAMES_MAX];
};

/* Tables are ours, not the task's: libunwind finds them where no task has memory. */
#define TABLE_ADDRESS UINT64_C(0x7000000000000000)

/* libunwind exports it for users with tables of their own, such as perf(1). */
int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *di,
	unw_proc_info_t *pi, int need_unwind_info, void *context);

/* libunwind's helpers hand their own state to all accessors: these need to know theirs. */
static struct look *current;

/* ---- what libunwind asks for ---- */

static void record(struct look *look, bool is_register, uint64_t where, uint64_t value)
{
	if (look->count == look->room) {
		look->room = look->room ? 2 * look->room : 64;
		look->witnesses =
			reallocarray(look->witnesses, look->room, sizeof(*look->witnesses));
		if (!look->witnesses)
			abort();
	}
	look->witnesses[look->count++] =
		(struct witness){.is_register = is_register, .where = where, .value = value};
}

static bool read_from(const void *bytes, uint64_t size, uint64_t at, uint64_t *value)
{
	if (at >= size || size - at < sizeof(*value))
		return false;
	memcpy(value, (const char *)bytes + at, sizeof(*value));
	return true;
}

static bool read_own(const struct look *look, uint64_t at, uint64_t *value)
{
	const struct unwind_rows *const rows = look->rows;

	if (!rows)
		return false;
	return read_from(
		       rows->list, rows->count * sizeof(*rows->list), at - TABLE_ADDRESS, value) ||
	       read_from(look->table->descriptions, look->table->descriptions_bytes,
		       at - look->descriptions_at, value);
}

static bool read_word(struct look *look, uint64_t at, uint64_t *value)
{
	const uint64_t start = at & ~(uint64_t)(PAGE_BYTES - 1);
	struct page *const page = &look->pages[start / PAGE_BYTES % PAGES];

	if (at >= TABLE_ADDRESS)
		return read_own(look, at, value);
	if (at - start > PAGE_BYTES - sizeof(*value))
		return memory_read(look->tid, at, value, sizeof(*value)) == 0;
	if (!page->read || page->at != start) {
		page->at = start;
		page->read = memory_read(look->tid, start, page->bytes, PAGE_BYTES) == 0;
	}
	if (page->read)
		memcpy(value, page->bytes + (at - start), sizeof(*value));
	return page->read;
}

/*
 * The code of a frame, and the tables of its module, stay as they are until other code is mapped,
 * because the task is going to run it. Whatever else was not to be written to when the mappings were
 * read may have made place for a stack since.
 */
static bool is_constant(const struct look *look, uint64_t at)
{
	if (at >= TABLE_ADDRESS)
		return true;
	const struct mapping *const mapping = mappings_find(&look->unwinder->mappings, at);
	return mapping && !mapping->writable && mapping->module == look->module;
}

static int access_memory(
	unw_addr_space_t space, unw_word_t at, unw_word_t *value, int write, void *context)
{
	uint64_t word = 0;

	(void)space, (void)context;
	if (write || !read_word(current, at, &word))
		return -UNW_EINVAL;
	if (current->recording && !is_constant(current, at))
		record(current, false, at, word);
	*value = word;
	return 0;
}

static int find_register(const struct look *look, unw_regnum_t number, unw_word_t *value)
{
	if (number < 0 || number >= REGISTERS || !look->registers[number].known)
		return -UNW_EBADREG;
	*value = look->registers[number].value;
	return 0;
}

static int access_register(
	unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *context)
{
	if (write)
		return -UNW_EREADONLYREG;
	if (current->found)
		return find_register(current, number, value);
	const int status = _UPT_access_reg(space, number, value, 0, context);
	if (status == 0 && current->recording)
		record(current, true, (uint64_t)number, *value);
	return status;
}

static void read_mappings(struct look *look)
{
	look->fresh = true;
	mappings_clear(&look->unwinder->mappings);
	(void)mappings_read(look->modules, look->tid, &look->unwinder->mappings);
}

/* The code at an address, which may have come since the last look; or NULL. */
static const struct mapping *find_code(struct look *look, uint64_t address)
{
	const struct mappings *const mappings = &look->unwinder->mappings;
	const struct mapping *found = mappings_find(mappings, address);

	if (!(found && found->executable) && !look->fresh) {
		read_mappings(look);
		found = mappings_find(mappings, address);
	}
	if (!found || !found->executable)
		return NULL;
	modules_open(look->modules, look->tid, found);
	return found;
}

static uint64_t offset_in(const struct mapping *mapping, uint64_t address)
{
	return address - mapping->start + mapping->offset;
}

/* bias: from the addresses that the file gives to those of the task, or to where they seem to be. */
static int search(unw_word_t at, const struct unwind_rows *rows, uint64_t bias,
	const struct mapping *mapping, unw_proc_info_t *info, int need, void *context)
{
	const size_t bytes = rows->count * sizeof(*rows->list);
	unw_dyn_info_t found = {
		.start_ip = mapping->start,
		.end_ip = mapping->end,
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
		.u.rti.segbase = bias + rows->base,
		.u.rti.table_len = bytes / sizeof(unw_word_t),
		.u.rti.table_data = TABLE_ADDRESS,
	};

	if (!rows->count)
		return -UNW_ENOINFO;
	current->rows = rows;
	return UNW_OBJ(dwarf_search_unwind_table)(
		current->unwinder->space, at, &found, info, need, context);
}

static int find_info(
	unw_addr_space_t space, unw_word_t at, unw_proc_info_t *info, int need, void *context)
{
	const struct mapping *const mapping = find_code(current, at);
	uint64_t address;

	(void)space;
	current->blind = true;
	if (!mapping)
		return -UNW_ENOINFO;
	const struct unwind_table *const table =
		modules_unwind_table(current->modules, mapping->module);
	current->table = table;
	if (!unwind_table_address(table, offset_in(mapping, at), &address))
		return -UNW_ENOINFO;
	const uint64_t bias = at - address;
	current->descriptions_at = UNWIND_NOT_LOADED + bias + table->debug.base;
	int status = search(at, &table->loaded, bias, mapping, info, need, context);
	/*
	 * Where C and Go are linked together each has its own. libunwind compares the lower halves
	 * of addresses, as rows have no more, so that the base may be that of the descriptions.
	 */
	if (status < 0)
		status = search(
			at, &table->debug, UNWIND_NOT_LOADED + bias, mapping, info, need, context);
	current->blind = status < 0;
	return status;
}

/* Code made at run time could announce itself to libunwind within the program; none does. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libunwind's type */
static int find_dynamic(unw_addr_space_t space, unw_word_t *list, void *context)
{
	(void)space, (void)list, (void)context;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_info,
	.put_unwind_info = _UPT_put_unwind_info,
	.get_dyn_info_list_addr = find_dynamic,
	.access_mem = access_memory,
	.access_reg = access_register,
	.access_fpreg = _UPT_access_fpreg,
	.resume = _UPT_resume,
	.get_proc_name = _UPT_get_proc_name,
};

/* ---- stacks that were seen before ---- */

static void free_memo(struct memo *memo)
{
	free(memo->witnesses);
	free(memo);
}

static void forget_memos(struct unwinder *unwinder)
{
	struct memos *memos, *next_memos;
	struct memo *memo, *next;

	HASH_ITER(hh, unwinder->memos, memos, next_memos)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(unwinder->memos, memos);
		DL_FOREACH_SAFE(memos->list, memo, next)
		free_memo(memo);
		free(memos);
	}
	unwinder->memos_count = 0;
}

static bool still_holds(struct look *look, const struct memo *memo)
{
	for (size_t i = 0; i < memo->count; i++) {
		const struct witness *const witness = &memo->witnesses[i];
		uint64_t value = 0;
		unw_word_t word = 0;
		bool known;

		if (witness->is_register) {
			known = _UPT_access_reg(NULL, (unw_regnum_t)witness->where, &word, 0,
					look->upt) == 0;
			value = word;
		} else {
			known = read_word(look, witness->where, &value);
		}
		if (!known || value != witness->value)
			return false;
	}
	return true;
}

static struct memos *find_memos(const struct unwinder *unwinder, const struct place *place)
{
	struct memos *memos;

	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): both are set */
	HASH_FIND(hh, unwinder->memos, place, sizeof(*place), memos);
	return memos;
}

static uint32_t recall(
	const struct unwinder *unwinder, struct look *look, const struct place *place)
{
	struct memos *const memos = find_memos(unwinder, place);
	struct memo *memo;

	if (!memos)
		return 0;
	DL_FOREACH(memos->list, memo)
	{
		if (still_holds(look, memo))
			return memo->stack;
	}
	return 0;
}

/* Takes the witnesses of the look over. */
static void memorize(
	struct unwinder *unwinder, struct look *look, const struct place *place, uint32_t stack)
{
	if (unwinder->memos_count >= MEMOS_MAX)
		forget_memos(unwinder);
	struct memos *memos = find_memos(unwinder, place);
	struct memo *const memo = calloc(1, sizeof(*memo));
	struct memo *oldest;
	int count;

	if (!memo)
		abort();
	*memo = (struct memo){.witnesses = look->witnesses, .count = look->count, .stack = stack};
	look->witnesses = NULL;
	if (!memos) {
		memos = calloc(1, sizeof(*memos));
		if (!memos)
			abort();
		memos->place = *place;
		HASH_ADD(hh, unwinder->memos, place, sizeof(memos->place), memos);
	}
	DL_PREPEND(memos->list, memo);
	unwinder->memos_count++;
	DL_COUNT(memos->list, oldest, count);
	if (count <= MEMOS_OF_PLACE)
		return;
	oldest = memos->list->prev;
	DL_DELETE(memos->list, oldest);
	free_memo(oldest);
	unwinder->memos_count--;
}

/* ---- unwinding ---- */

struct unwinder *unwinder_new(void)
{
	struct unwinder *const unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return NULL;
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (!unwinder->space) {
		free(unwinder);
		return NULL;
	}
	(void)unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	forget_memos(unwinder);
	mappings_clear(&unwinder->mappings);
	unw_destroy_addr_space(unwinder->space);
	free(unwinder);
}

/*
 * A frame's address is that behind its call, which may be another line's or another function's;
 * but not where a signal came between.
 */
static bool add_frame(struct look *look, struct stack *stack, uint64_t address, bool exact)
{
	const uint64_t within = exact ? address : address - 1;
	const struct mapping *const mapping = find_code(look, within);

	if (!mapping)
		return false;
	look->module = mapping->module;
	look->frames[stack->count++] = (struct stack_frame){
		.module = mapping->module, .offset = offset_in(mapping, within)};
	return true;
}

/* At the code that the kernel started the program with, which is called by nobody. */
static bool is_entry(const struct look *look, const struct stack_frame *frame)
{
	enum { ENTRY_BYTES = 128 };
	const struct unwind_table *const table = modules_unwind_table(look->modules, frame->module);
	uint64_t address;

	return unwind_table_address(table, frame->offset, &address) && address >= table->entry &&
	       address - table->entry < ENTRY_BYTES;
}

static struct place place_of(unw_cursor_t *cursor)
{
	unw_word_t instruction_pointer = 0, stack_pointer = 0;

	(void)unw_get_reg(cursor, UNW_REG_IP, &instruction_pointer);
	(void)unw_get_reg(cursor, UNW_REG_SP, &stack_pointer);
	return (struct place){instruction_pointer, stack_pointer};
}

/* libunwind says so of a trampoline only after the step that leads out of it. */
static bool is_trampoline(struct look *look, uint64_t address)
{
	uint64_t words[ARCH_TRAMPOLINE_BYTES / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!read_word(look, address + i * sizeof(*words), &words[i]))
			return false;
	}
	return arch_is_trampoline((const unsigned char *)words);
}

static bool read_stack_word(void *context, uint64_t at, uint64_t *word)
{
	struct look *const look = context;

	if (at >= TABLE_ADDRESS || !read_word(look, at, word))
		return false;
	record(look, false, at, *word);
	return true;
}

static bool read_code(void *context, uint64_t at, uint8_t *code, size_t length)
{
	struct look *const look = context;
	const struct mapping *const mapping = mappings_find(&look->unwinder->mappings, at);

	return mapping && mapping->executable && !mapping->writable &&
	       modules_path(look->modules, mapping->module)[0] == '/' &&
	       length <= mapping->end - at && memory_read(look->tid, at, code, length) == 0;
}

/* What a function without unwinding information has not stored is as it was. */
static void set_registers(
	struct look *look, unw_cursor_t *cursor, const struct prologue_caller *caller)
{
	for (int number = 0; number < REGISTERS; number++) {
		const struct code_saved *const saved = code_find_saved(&caller->frame, number);
		unw_word_t value = 0;
		const bool known =
			saved ? read_stack_word(look, caller->entry - saved->depth, &value)
			      : unw_get_reg(cursor, number, &value) == 0;

		look->registers[number].known = known;
		look->registers[number].value = value;
	}
	look->registers[ARCH_PROGRAM_COUNTER].known = look->registers[UNW_REG_SP].known = true;
	look->registers[ARCH_PROGRAM_COUNTER].value = caller->instruction_pointer;
	look->registers[UNW_REG_SP].value = caller->stack_pointer;
	look->found = true;
}

/* The caller of a frame that libunwind can but guess. */
static bool step_by_code(struct look *look, unw_cursor_t *cursor)
{
	const struct prologue_task task = {
		.context = look, .read_word = read_stack_word, .read_code = read_code};
	const struct place here = place_of(cursor);
	struct prologue_place place = {
		.instruction_pointer = here.instruction_pointer,
		.stack_pointer = here.stack_pointer,
	};
	struct prologue_caller caller;
	unw_word_t word = 0;

	if (arch_code->return_register >= 0 &&
		unw_get_reg(cursor, arch_code->return_register, &word) == 0)
		place.return_register = word;
	if (!prologue_find(arch_code, &task, &place, &caller))
		return false;
	set_registers(look, cursor, &caller);
	return unw_init_remote(cursor, look->unwinder->space, look->upt) == 0;
}

/* What a signal's handler interrupted, where its trampoline has no unwinding information. */
static bool step_by_context(struct look *look, unw_cursor_t *cursor)
{
	const uint64_t stack_pointer = place_of(cursor).stack_pointer;

	for (int number = 0; number < REGISTERS; number++) {
		const uint64_t at = arch_interrupted_register(stack_pointer, number);
		look->registers[number].known =
			at && read_stack_word(look, at, &look->registers[number].value);
	}
	if (!look->registers[ARCH_PROGRAM_COUNTER].known || !look->registers[UNW_REG_SP].known)
		return false;
	look->found = true;
	return unw_init_remote(cursor, look->unwinder->space, look->upt) == 0;
}

/* libunwind may say that it has found a caller and be where it was. */
static int step_by_tables(unw_cursor_t *cursor)
{
	const struct place before = place_of(cursor);
	const int step = unw_step(cursor);
	const struct place after = place_of(cursor);

	return step > 0 && memcmp(&before, &after, sizeof(before)) == 0 ? -UNW_EBADFRAME : step;
}

/* Like unw_step, but that less needs unwinding information. */
static int step_on(struct look *look, unw_cursor_t *cursor, bool trampoline)
{
	unw_cursor_t before = *cursor;

	look->blind = false;
	const int step = step_by_tables(cursor);
	if (!look->blind ||
		!(trampoline ? step_by_context(look, &before) : step_by_code(look, &before)))
		return step;
	*cursor = before;
	look->blind = false;
	return 1;
}

static bool read_recorded(uint64_t at, uint64_t *value)
{
	unw_word_t word = 0;

	if (access_memory(NULL, at, &word, 0, NULL))
		return false;
	*value = word;
	return true;
}

/*
 * From record to record: where the caller's is, and the address to return to. Each is above the one
 * before it, and the last one's caller has none. What it misses are functions that made none.
 */
static bool follow_records(struct look *look, struct stack *stack, unw_cursor_t *cursor)
{
	unw_word_t first = 0;
	uint64_t record, above, address;

	if (ARCH_FRAME_REGISTER < 0 || unw_get_reg(cursor, ARCH_FRAME_REGISTER, &first) || !first)
		return false;
	for (record = first; record; record = above) {
		if (stack->count == STACK_FRAMES_MAX) {
			stack->end = STACK_DEEP;
			return true;
		}
		if (record % sizeof(record) || !read_recorded(record, &above) ||
			!read_recorded(record + sizeof(record), &address) ||
			!add_frame(look, stack, address, false) || (above && above <= record))
			return false;
	}
	stack->end = STACK_GUESSED;
	return true;
}

/*
 * Where there is no unwinding information, and code that does not tell, libunwind goes by frame
 * pointers, which is a guess: it may miss callers, and is wrong if it leads to no code.
 */
static void unwind(struct look *look, struct stack *stack)
{
	unw_cursor_t cursor;
	bool interrupted = false, guessed = false;
	int step = unw_init_remote(&cursor, look->unwinder->space, look->upt) == 0 ? 1 : -1;

	*stack = (struct stack){.frames = look->frames, .end = STACK_BROKEN};
	while (step > 0) {
		if (stack->count == STACK_FRAMES_MAX) {
			stack->end = STACK_DEEP;
			return;
		}
		const uint64_t address = place_of(&cursor).instruction_pointer;
		if (address == 0)
			break;
		const bool trampoline = is_trampoline(look, address);
		if (!add_frame(look, stack, address, interrupted || trampoline))
			return;
		interrupted = trampoline;
		step = step_on(look, &cursor, trampoline);
		guessed |= look->blind && step > 0 && !trampoline;
	}
	if (step <= 0 && look->blind && follow_records(look, stack, &cursor))
		return;
	if (step < 0 || !stack->count)
		return;
	if (guessed)
		stack->end = STACK_GUESSED;
	else if (!look->blind || is_entry(look, &look->frames[stack->count - 1]))
		stack->end = STACK_WHOLE;
}

static uint32_t take(struct look *look, struct stack_table *table, const struct place *place)
{
	struct unwinder *const unwinder = look->unwinder;
	struct stack stack;
	uint32_t id = recall(unwinder, look, place);

	if (id)
		return id;
	look->recording = true;
	if (!unwinder->mappings.count)
		read_mappings(look);
	unwind(look, &stack);
	id = stack_table_intern(table, &stack);
	if (id)
		memorize(unwinder, look, place, id);
	return id;
}

uint32_t unwinder_take(struct unwinder *unwinder, struct modules *modules,
	struct stack_table *table, pid_t tid, uint64_t instruction_pointer, uint64_t stack_pointer)
{
	const struct place place = {instruction_pointer, stack_pointer};
	struct look look = {.tid = tid,
		.upt = _UPT_create(tid),
		.unwinder = unwinder,
		.modules = modules,
		.module = NO_MODULE};

	if (!look.upt)
		return 0;
	current = &look;
	const uint32_t id = take(&look, table, &place);
	free(look.witnesses);
	_UPT_destroy(look.upt);
	return id;
}
