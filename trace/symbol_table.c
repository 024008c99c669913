#include "trace/symbol_table.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

static bool is_code(const GElf_Sym *symbol, const char *name)
{
	const int type = GELF_ST_TYPE(symbol->st_info);

	/* "$x" and its like mark kinds of code (ELF for the Arm 64-bit Architecture, 5.5.5). */
	return name && *name && *name != '$' && symbol->st_shndx != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static unsigned rank_of(const GElf_Sym *symbol)
{
	const int binding = GELF_ST_BIND(symbol->st_info);

	if (binding == STB_LOCAL)
		return 0;
	return binding == STB_WEAK ? 1 : 2;
}

static int compare(const void *a, const void *b)
{
	const struct symbol *const left = a, *const right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	if (left->rank != right->rank)
		return left->rank > right->rank ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

static void set_reach(struct symbol_table *table)
{
	uint64_t reach = 0;

	for (size_t i = 0; i < table->count; i++) {
		struct symbol *const symbol = &table->list[i];
		if (symbol->address + symbol->size > reach)
			reach = symbol->address + symbol->size;
		symbol->reach = reach;
	}
}

void symbol_table_read(struct symbol_table *table, Dwfl_Module *mod)
{
	const int count = dwfl_module_getsymtab(mod);

	*table = (struct symbol_table){0};
	if (count <= 0)
		return;
	table->list = calloc((size_t)count, sizeof(*table->list));
	if (!table->list)
		abort();
	for (int i = 0; i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr address = 0;
		const char *const name =
			dwfl_module_getsym_info(mod, i, &symbol, &address, NULL, NULL, NULL);
		if (is_code(&symbol, name))
			table->list[table->count++] = (struct symbol){
				.address = address,
				.size = symbol.st_size,
				.name = name,
				.index = i,
				.rank = rank_of(&symbol),
			};
	}
	if (table->count)
		qsort(table->list, table->count, sizeof(*table->list), compare);
	set_reach(table);
}

void symbol_table_clear(struct symbol_table *table)
{
	free(table->list);
	*table = (struct symbol_table){0};
}

/* How many symbols are not behind an address. */
static size_t count_up_to(const struct symbol_table *table, uint64_t address)
{
	size_t first = 0, after = table->count;

	while (first < after) {
		const size_t middle = first + (after - first) / 2;
		if (table->list[middle].address <= address)
			first = middle + 1;
		else
			after = middle;
	}
	return first;
}

/* The one that is meant, of those at its address that reach as far. */
static const struct symbol *first_alike(
	const struct symbol_table *table, const struct symbol *symbol, uint64_t address)
{
	const struct symbol *best = symbol;

	while (symbol > table->list && symbol[-1].address == symbol->address) {
		symbol--;
		if (address - symbol->address < symbol->size)
			best = symbol;
	}
	return best;
}

const struct symbol *symbol_table_find(const struct symbol_table *table, uint64_t address)
{
	/* A symbol without a size, as assembly has them, says only where something begins. */
	enum { NEAR = 256 };
	const size_t count = count_up_to(table, address);
	const struct symbol *const last = count ? &table->list[count - 1] : NULL;

	for (size_t i = count; i > 0 && table->list[i - 1].reach > address; i--) {
		const struct symbol *const symbol = &table->list[i - 1];
		if (address - symbol->address < symbol->size)
			return first_alike(table, symbol, address);
	}
	return last && last->size == 0 && address - last->address < NEAR ? last : NULL;
}

bool symbol_table_has_alias(
	const struct symbol_table *table, const struct symbol *symbol, const char *alias)
{
	const size_t length = strlen(alias);
	size_t i = count_up_to(table, symbol->address);

	for (; i > 0 && table->list[i - 1].address == symbol->address; i--) {
		const char *const name = table->list[i - 1].name;
		if (strncmp(name, alias, length) == 0 &&
			(name[length] == '\0' || name[length] == '@'))
			return true;
	}
	return false;
}
