/*
 * Closed sockets of which no more is kept than their inode and where they count: one of them may
 * still come back. The memory is bounded: beyond FORGOTTEN_MAX the oldest goes. Private to switch/.
 */
#ifndef SOCKTEST_SWITCH_FORGOTTEN_H
#define SOCKTEST_SWITCH_FORGOTTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockstat;

/* With its share of the index 32 bytes each. */
enum { FORGOTTEN_MAX = 1 << 17 };

struct forgotten_socket {
	uint64_t inode; /* 0: it was taken out again */
	uint64_t id;
	struct sockstat *stat;
};

/* Empty when all zero. */
struct forgotten {
	struct forgotten_socket *sockets; /* a ring, of a power of two */
	uint32_t *index; /* by inode, twice as many: the place in the ring + 1; 0: free */
	size_t room;
	uint64_t added; /* ever, since it was empty: the next place is that modulo room */
};

/* The inode must not be in it. */
void forgotten_add(struct forgotten *forgotten, const struct forgotten_socket *socket);

/* Whether it was there: then *socket is filled, and it is no more. */
bool forgotten_take(struct forgotten *forgotten, uint64_t inode, struct forgotten_socket *socket);

/* Whether some had to go. */
bool forgotten_is_full(const struct forgotten *forgotten);

/* Empties it and frees what it has. */
void forgotten_clear(struct forgotten *forgotten);

#endif
