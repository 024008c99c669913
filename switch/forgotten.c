#include "switch/forgotten.h"

#include <stdlib.h>

enum { ROOM_MIN = 1024 };

/* The kernel counts inodes up (get_next_ino, fs/inode.c): neighbours are to be far apart. */
static size_t place_of(const struct forgotten *forgotten, uint64_t inode)
{
	const uint64_t golden = 0x9e3779b97f4a7c15;

	return (size_t)((inode * golden) >> 32) & (2 * forgotten->room - 1);
}

static size_t next_place(const struct forgotten *forgotten, size_t place)
{
	return (place + 1) & (2 * forgotten->room - 1);
}

/* Where in the index the inode is, or where it would be: a free place. */
static size_t find(const struct forgotten *forgotten, uint64_t inode)
{
	size_t place = place_of(forgotten, inode);

	while (forgotten->index[place] &&
		forgotten->sockets[forgotten->index[place] - 1].inode != inode)
		place = next_place(forgotten, place);
	return place;
}

/* Those behind it that could not have their own place move up: a search ends where it is free. */
static void remove_from_index(struct forgotten *forgotten, size_t hole)
{
	const size_t mask = 2 * forgotten->room - 1;
	size_t place = hole;

	forgotten->index[hole] = 0;
	for (;;) {
		place = next_place(forgotten, place);
		if (!forgotten->index[place])
			return;
		const uint64_t inode = forgotten->sockets[forgotten->index[place] - 1].inode;
		const size_t wanted = place_of(forgotten, inode);
		/* Not if it would come to lie before its own. */
		if (((place - wanted) & mask) < ((place - hole) & mask))
			continue;
		forgotten->index[hole] = forgotten->index[place];
		forgotten->index[place] = 0;
		hole = place;
	}
}

/* As long as the ring is not full, it has not come round. */
static void grow(struct forgotten *forgotten)
{
	const size_t room = forgotten->room ? 2 * forgotten->room : ROOM_MIN;

	forgotten->sockets = reallocarray(forgotten->sockets, room, sizeof(*forgotten->sockets));
	free(forgotten->index);
	forgotten->index = calloc(2 * room, sizeof(*forgotten->index));
	if (!forgotten->sockets || !forgotten->index)
		abort();
	forgotten->room = room;
	for (size_t i = 0; i < forgotten->added; i++)
		if (forgotten->sockets[i].inode)
			forgotten->index[find(forgotten, forgotten->sockets[i].inode)] =
				(uint32_t)i + 1;
}

void forgotten_add(struct forgotten *forgotten, const struct forgotten_socket *socket)
{
	if (forgotten->added == forgotten->room && forgotten->room < FORGOTTEN_MAX)
		grow(forgotten);
	const size_t at = forgotten->added & (forgotten->room - 1);
	if (forgotten->added++ >= forgotten->room && forgotten->sockets[at].inode)
		remove_from_index(forgotten, find(forgotten, forgotten->sockets[at].inode));
	forgotten->sockets[at] = *socket;
	forgotten->index[find(forgotten, socket->inode)] = (uint32_t)at + 1;
}

bool forgotten_take(struct forgotten *forgotten, uint64_t inode, struct forgotten_socket *socket)
{
	if (!forgotten->added || !inode)
		return false;
	const size_t place = find(forgotten, inode);
	const uint32_t at = forgotten->index[place];
	if (!at)
		return false;
	*socket = forgotten->sockets[at - 1];
	remove_from_index(forgotten, place);
	forgotten->sockets[at - 1].inode = 0;
	return true;
}

bool forgotten_is_full(const struct forgotten *forgotten)
{
	return forgotten->added > FORGOTTEN_MAX;
}

void forgotten_clear(struct forgotten *forgotten)
{
	free(forgotten->sockets);
	free(forgotten->index);
	*forgotten = (struct forgotten){0};
}
