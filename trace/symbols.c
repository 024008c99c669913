#include "trace/symbols.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <libiberty/demangle.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "trace/symbol_table.h"

#include "trace/elf_section.h"

/* Code of a compilation unit. */
struct unit_code {
	Dwarf_Addr low, high;
	Dwarf_Die *unit;
};

/* A module's debug information: in the file itself, or in one that its build-id or link names. */
struct source {
	uint64_t module;
	Dwfl *dwfl;
	Dwfl_Module *mod; /* NULL: it cannot be read */
	struct symbol_table functions;
	struct source *prev, *next; /* the one that was used last is the first */
	bool is_go;
	struct unit_code *code; /* ascending; read when it is first needed */
	size_t code_count, code_room;
	bool has_code;
	UT_hash_handle hh;
};

/* The answer for a frame: asking libdw again costs much, and the program waits meanwhile. */
struct known {
	struct stack_frame frame;
	size_t count;
	UT_hash_handle hh;
	struct stack_line lines[];
};

/* A string that was handed out. */
struct name {
	UT_hash_handle hh;
	char text[];
};

struct symbols {
	struct modules *modules;
	struct source *sources, *by_use;
	size_t sources_max;
	struct known *known;
	struct name *names;
};

static char *debug_path; /* the default: .debug, /usr/lib/debug */

/*
 * libdwfl would ask servers of the network, where the environment names some, while the program's
 * call is held. The environment is the program's, too: it is as before when this returns.
 */
static int find_local_debuginfo(Dwfl_Module *mod, void **user, const char *name, Dwarf_Addr base,
	const char *file, const char *link, GElf_Word checksum, char **found)
{
	static const char servers[] = "DEBUGINFOD_URLS";
	char *const urls = getenv(servers);
	char *const kept = urls ? strdup(urls) : NULL;

	if (urls && !kept)
		abort();
	unsetenv(servers);
	const int fd =
		dwfl_standard_find_debuginfo(mod, user, name, base, file, link, checksum, found);
	if (kept)
		setenv(servers, kept, 1);
	free(kept);
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_debuginfo = find_local_debuginfo,
	.section_address = dwfl_offline_section_address,
	.debuginfo_path = &debug_path,
};

struct symbols *symbols_new(struct modules *modules)
{
	enum { SHARE = 4 }; /* each may have two files open, or three */
	struct symbols *const symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	symbols->modules = modules;
	symbols->sources_max = modules_files_max() / SHARE;
	return symbols;
}

static void close_source(struct symbols *symbols, struct source *source)
{
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
	HASH_DEL(symbols->sources, source);
	DL_DELETE(symbols->by_use, source);
	/* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
	symbol_table_clear(&source->functions);
	if (source->dwfl)
		dwfl_end(source->dwfl);
	free(source->code);
	free(source);
}

void symbols_free(struct symbols *symbols)
{
	struct known *known, *next_known;
	struct name *name, *next_name;

	if (!symbols)
		return;
	while (symbols->by_use)
		close_source(symbols, symbols->by_use);
	HASH_ITER(hh, symbols->known, known, next_known)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(symbols->known, known);
		free(known);
	}
	HASH_ITER(hh, symbols->names, name, next_name)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(symbols->names, name);
		free(name);
	}
	free(symbols);
}

static const char *keep(struct symbols *symbols, const char *text)
{
	const size_t length = strlen(text);
	struct name *name;

	HASH_FIND(hh, symbols->names, text, length, name);
	if (name)
		return name->text;
	name = calloc(1, sizeof(*name) + length + 1);
	if (!name)
		abort();
	memcpy(name->text, text, length);
	HASH_ADD(hh, symbols->names, text, length, name);
	return name->text;
}

/* At address 0, so that its addresses are those that its own tables say. */
static void open_source(const struct symbols *symbols, struct source *source)
{
	const char *const path = modules_path(symbols->modules, source->module);
	const int lent = modules_fd(symbols->modules, source->module);
	const int fd = lent < 0 ? -1 : dup(lent); /* libdwfl takes it over */

	if (fd < 0)
		return;
	source->dwfl = dwfl_begin(&callbacks);
	if (source->dwfl) {
		dwfl_report_begin(source->dwfl);
		source->mod = dwfl_report_elf(source->dwfl, path, path, fd, 0, true);
		dwfl_report_end(source->dwfl, NULL, NULL);
	}
	if (!source->mod) {
		close(fd);
		return;
	}
	symbol_table_read(&source->functions, source->mod);
	GElf_Addr bias;
	GElf_Shdr header;
	Elf *const elf = dwfl_module_getelf(source->mod, &bias);
	source->is_go = elf && elf_section_find(elf, ".note.go.buildid", &header);
}

static struct source *find_source(struct symbols *symbols, uint64_t module)
{
	struct source *source;

	HASH_FIND(hh, symbols->sources, &module, sizeof(module), source);
	if (source) {
		DL_DELETE(symbols->by_use, source);
		DL_PREPEND(symbols->by_use, source);
		return source;
	}
	if (HASH_COUNT(symbols->sources) >= symbols->sources_max)
		close_source(symbols, symbols->by_use->prev);
	source = calloc(1, sizeof(*source));
	if (!source)
		abort();
	source->module = module;
	open_source(symbols, source);
	HASH_ADD(hh, symbols->sources, module, sizeof(module), source);
	DL_PREPEND(symbols->by_use, source);
	return source;
}

/*
 * Where what the compiler calls a part or a copy of a function begins: ".part.0", ".cold". In Go
 * that may be a function or a method of that name; but none is called by a number.
 */
static size_t clone_at(const char *name, size_t length, bool is_go)
{
	static const char *const clones[] = {
		".isra", ".part", ".constprop", ".cold", ".lto_priv", ".llvm"};
	size_t end = length;

	while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9')
		end--;
	const bool numbered = end < length && end > 0 && name[end - 1] == '.';
	end = numbered ? end - 1 : length;
	for (size_t i = 0; i < sizeof(clones) / sizeof(*clones); i++) {
		const size_t size = strlen(clones[i]);
		if (end > size && strncmp(name + end - size, clones[i], size) == 0 &&
			(numbered || (!is_go && strcmp(clones[i], ".cold") == 0)))
			return end - size;
	}
	return length;
}

/* Behind which Go's linker says that a function's arguments are on the stack. */
static size_t convention_at(const char *name, size_t length)
{
	static const char convention[] = ".abi0";
	const size_t size = sizeof(convention) - 1;

	return length > size && strncmp(name + length - size, convention, size) == 0 ? length - size
										     : length;
}

/* Without a version ("connect@@GLIBC_2.2.5") and without what the compiler or linker adds. */
static char *plain(const char *name, bool is_go)
{
	size_t length = strcspn(name, "@"), shorter = length;

	do {
		length = shorter;
		shorter = clone_at(name, length, is_go);
	} while (shorter < length);
	if (is_go)
		length = convention_at(name, length);
	char *const copy = strndup(name, length ? length : strlen(name));
	if (!copy)
		abort();
	return copy;
}

/*
 * Rust's newer names have the type of a method in brackets, "<app::Pool<u8>>::open", the older ones
 * only that of a trait's, "<u8 as app::Opens>::open". They shall be called the same.
 */
static void unwrap_type(char *name)
{
	int depth = 0;
	char *at = name;

	for (; *at; at++) {
		depth += (*at == '<') - (*at == '>' && at[-1] != '-');
		if (depth == 0)
			break;
		if (depth == 1 && strncmp(at, " as ", 4) == 0)
			return;
	}
	if (at == name || strncmp(at, ">::", 3) != 0)
		return;
	memmove(at, at + 1, strlen(at));
	memmove(name, name + 1, strlen(name));
}

static const char *demangled(struct symbols *symbols, const char *name)
{
	const bool rust = strncmp(name, "_R", 2) == 0;
	char *const text = rust || strncmp(name, "_Z", 2) == 0
				   ? cplus_demangle(name, DMGL_PARAMS | DMGL_RET_DROP | DMGL_AUTO)
				   : NULL;

	if (text && rust)
		unwrap_type(text);
	const char *const kept = keep(symbols, text ? text : name);

	free(text);
	return kept;
}

static const char *function_at(
	struct symbols *symbols, const struct source *source, uint64_t address)
{
	const struct symbol *const symbol = symbol_table_find(&source->functions, address);

	if (!symbol)
		return "";
	/* libc has its calls under two names: socket is the one that the program said. */
	char *const copy = plain(symbol->name, source->is_go);
	const bool aliased = strncmp(copy, "__", 2) == 0 &&
			     symbol_table_has_alias(&source->functions, symbol, copy + 2);
	const char *const kept = demangled(symbols, aliased ? copy + 2 : copy);
	free(copy);
	return kept;
}

/* ---- units ---- */

static int compare_code(const void *a, const void *b)
{
	const struct unit_code *const left = a, *const right = b;

	return (left->low > right->low) - (left->low < right->low);
}

static void add_code(struct source *source, Dwarf_Die *unit, Dwarf_Addr bias)
{
	Dwarf_Addr base = 0, low = 0, high = 0;
	ptrdiff_t next = 0;

	while ((next = dwarf_ranges(unit, next, &base, &low, &high)) > 0) {
		if (source->code_count == source->code_room) {
			source->code_room = source->code_room ? 2 * source->code_room : 64;
			source->code = reallocarray(
				source->code, source->code_room, sizeof(*source->code));
			if (!source->code)
				abort();
		}
		source->code[source->code_count++] =
			(struct unit_code){low + bias, high + bias, unit};
	}
}

static void read_code(struct source *source)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = NULL;

	source->has_code = true;
	while ((unit = dwfl_module_nextcu(source->mod, unit, &bias)) != NULL)
		add_code(source, unit, bias);
	if (source->code_count)
		qsort(source->code, source->code_count, sizeof(*source->code), compare_code);
}

/* Go and clang write no .debug_aranges, from where libdw has it: they leave it to the units. */
static Dwarf_Die *find_unit(struct source *source, Dwarf_Addr address, Dwarf_Addr *bias)
{
	Dwarf_Die *const listed = dwfl_module_addrdie(source->mod, address, bias);
	size_t first = 0, after;

	if (listed)
		return listed;
	if (!source->has_code)
		read_code(source);
	after = source->code_count;
	while (first < after) {
		const size_t middle = first + (after - first) / 2;
		if (source->code[middle].low <= address)
			first = middle + 1;
		else
			after = middle;
	}
	if (!first || address >= source->code[first - 1].high)
		return NULL;
	(void)dwfl_module_getdwarf(source->mod, bias);
	return source->code[first - 1].unit;
}

/* ---- source lines ---- */

static void set_source_line(struct symbols *symbols, struct stack_line *line, const char *folder,
	const char *file, int at)
{
	char path[4096];

	if (!file || at <= 0)
		return;
	if (*file == '/' || !folder)
		snprintf(path, sizeof(path), "%s", file);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, file);
	line->file = keep(symbols, path);
	line->line = at;
}

static const char *inlined_name(struct symbols *symbols, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name =
		dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

	if (!name)
		name = dwarf_diename(die);
	return name ? demangled(symbols, name) : "";
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number = 0;

	return dwarf_formudata(dwarf_attr(die, name, &attribute), &number) ? 0 : number;
}

/* The inlined functions that an address is in, the outermost first. */
struct inlined {
	Dwarf_Die list[SYMBOLS_LINES_MAX - 1];
	size_t count;
};

static bool may_hold_functions(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return true;
	default:
		return false;
	}
}

/* dwarf_getscopes(3) finds none where a function was inlined from another unit, as Go's are. */
static bool find_inlined(Dwarf_Die *parent, Dwarf_Addr address, struct inlined *inlined)
{
	const size_t room = sizeof(inlined->list) / sizeof(*inlined->list);
	Dwarf_Die die;

	if (dwarf_child(parent, &die))
		return false;
	do {
		if (dwarf_haspc(&die, address) > 0) {
			if (dwarf_tag(&die) == DW_TAG_inlined_subroutine && inlined->count < room)
				inlined->list[inlined->count++] = die;
			(void)find_inlined(&die, address, inlined);
			return true;
		}
		if (may_hold_functions(&die) && find_inlined(&die, address, inlined))
			return true;
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

/* What one frame was inlined from: the innermost function's line is known already. */
static size_t add_inlined(struct symbols *symbols, Dwarf_Die *unit, Dwarf_Addr address,
	struct stack_line lines[static SYMBOLS_LINES_MAX])
{
	struct inlined inlined = {.count = 0};
	Dwarf_Files *files;
	size_t count = 0;

	if (dwarf_getsrcfiles(unit, &files, NULL) || !find_inlined(unit, address, &inlined))
		return 0;
	while (inlined.count > 0) {
		Dwarf_Die *const die = &inlined.list[--inlined.count];
		lines[count].function = inlined_name(symbols, die);
		count++;
		lines[count] = lines[0];
		lines[count].file = "";
		lines[count].line = 0;
		set_source_line(symbols, &lines[count], NULL,
			dwarf_filesrc(files, number_of(die, DW_AT_call_file), NULL, NULL),
			(int)number_of(die, DW_AT_call_line));
	}
	return count;
}

/* Returns how many inlined functions stand before the one that the symbol names. */
static size_t find_source_lines(struct symbols *symbols, struct source *source, uint64_t address,
	struct stack_line lines[static SYMBOLS_LINES_MAX])
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *const unit = find_unit(source, address, &bias);
	Dwarf_Attribute folder;

	/* Else the line would be the last one before it, whatever stands between them. */
	if (!unit || dwarf_haspc(unit, address - bias) <= 0)
		return 0;
	Dwarf_Line *const found = dwarf_getsrc_die(unit, address - bias);
	int line = 0;
	const char *const file = found ? dwarf_linesrc(found, NULL, NULL) : NULL;
	if (!file || dwarf_lineno(found, &line))
		return 0;
	set_source_line(symbols, lines, dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &folder)),
		file, line);
	return add_inlined(symbols, unit, address - bias, lines);
}

static size_t find_lines(struct symbols *symbols, const struct stack_frame *frame,
	struct stack_line lines[static SYMBOLS_LINES_MAX])
{
	struct source *const source = find_source(symbols, frame->module);
	uint64_t address;

	lines[0] = (struct stack_line){
		.function = "",
		.module = modules_path(symbols->modules, frame->module),
		.offset = frame->offset,
		.file = "",
	};
	if (!unwind_table_address(
		    modules_unwind_table(symbols->modules, frame->module), frame->offset, &address))
		return 1;
	lines[0].offset = address;
	if (!source->mod)
		return 1;
	const size_t inlined = find_source_lines(symbols, source, address, lines);
	lines[inlined].function = function_at(symbols, source, address);
	return inlined + 1;
}

size_t symbols_find(struct symbols *symbols, const struct stack_frame *frame,
	struct stack_line lines[static SYMBOLS_LINES_MAX])
{
	struct known *known;

	HASH_FIND(hh, symbols->known, frame, sizeof(*frame), known);
	if (!known) {
		const size_t count = find_lines(symbols, frame, lines);
		known = calloc(1, sizeof(*known) + count * sizeof(*lines));
		if (!known)
			abort();
		known->frame = *frame;
		known->count = count;
		memcpy(known->lines, lines, count * sizeof(*lines));
		HASH_ADD(hh, symbols->known, frame, sizeof(known->frame), known);
	}
	memcpy(lines, known->lines, known->count * sizeof(*lines));
	return known->count;
}
