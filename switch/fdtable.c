#include "switch/fdtable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * An array indexed by descriptor, grown by doubling, as the kernel's own (fs/file.c): a descriptor
 * that exists has cost the kernel as much.
 */
struct fdtable {
	unsigned users;
	uint64_t walk; /* the last that came here */
	int size;      /* slots allocated */
	int limit;     /* no socket is bound at or above it */
	struct fdslot *slots;
};

struct fdtable *fdtable_new(void)
{
	struct fdtable *table = calloc(1, sizeof(*table));

	if (table)
		table->users = 1;
	return table;
}

struct fdtable *fdtable_share(struct fdtable *table)
{
	table->users++;
	return table;
}

unsigned fdtable_users(const struct fdtable *table)
{
	return table->users;
}

bool fdtable_visit(struct fdtable *table, uint64_t walk)
{
	const bool first = table->walk != walk;

	table->walk = walk;
	return first;
}

struct fdslot fdtable_get(const struct fdtable *table, int fd)
{
	if (fd < 0 || fd >= table->limit)
		return (struct fdslot){0};
	return table->slots[fd];
}

bool fdtable_empty(const struct fdtable *table)
{
	return table->limit == 0;
}

int fdtable_next(const struct fdtable *table, int fd)
{
	for (fd = fd < 0 ? 0 : fd; fd < table->limit; fd++)
		if (table->slots[fd].sock)
			return fd;
	return -1;
}

static void grow(struct fdtable *table, int fd)
{
	size_t size = table->size ? (size_t)table->size : 16;

	while (size <= (size_t)fd)
		size *= 2;
	/* calloc, not realloc: the unused middle of a sparse table is never touched. */
	struct fdslot *slots = calloc(size, sizeof(*slots));
	if (!slots)
		abort();
	if (table->limit)
		memcpy(slots, table->slots, (size_t)table->limit * sizeof(*slots));
	free(table->slots);
	table->slots = slots;
	table->size = (int)size;
}

void fdtable_bind(struct fdtable *table, int fd, const struct fdslot *slot)
{
	if (fd >= table->size)
		grow(table, fd);
	table->slots[fd] = *slot;
	if (fd >= table->limit)
		table->limit = fd + 1;
}

void fdtable_unbind(struct fdtable *table, int fd)
{
	if (fd < 0 || fd >= table->limit)
		return;
	table->slots[fd] = (struct fdslot){0};
	while (table->limit > 0 && !table->slots[table->limit - 1].sock)
		table->limit--;
}

unsigned fdtable_leave(struct fdtable *table)
{
	unsigned users = --table->users;

	if (users == 0) {
		assert(table->limit == 0);
		free(table->slots);
		free(table);
	}
	return users;
}
