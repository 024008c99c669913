/* The functions of a file that have symbols, by address. */
#ifndef SOCKTEST_TRACE_SYMBOL_TABLE_H
#define SOCKTEST_TRACE_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t address, size;
	uint64_t reach;   /* the greatest end of it and of those before it */
	const char *name; /* lent by the module, in which it is the symbol of this number */
	int index;
	unsigned rank; /* of those at one address the greatest is meant */
};

struct symbol_table {
	struct symbol *list; /* ascending */
	size_t count;
};

/* libdwfl would look at all of a file's symbols for each address. */
void symbol_table_read(struct symbol_table *table, Dwfl_Module *mod);
void symbol_table_clear(struct symbol_table *table);

/* The function at an address; NULL: none is known there. */
const struct symbol *symbol_table_find(const struct symbol_table *table, uint64_t address);

/* Whether a function has this name, too, perhaps with a version. */
bool symbol_table_has_alias(
	const struct symbol_table *table, const struct symbol *symbol, const char *alias);

#endif
