/* Which inflight sockets leaked, and where they were opened. */
#ifndef SOCKTEST_SWITCH_LEAK_H
#define SOCKTEST_SWITCH_LEAK_H

#include "switch/snapshot.h"

/* Sockets of one kind, opened in one place and left open. */
struct leak {
	size_t count;
	const struct socket_row *example; /* the first of them; the snapshot's */
};

/*
 * All that are not suppressed, those with the most sockets first. Adopted sockets are not among them: it is not
 * this program that opened them, and its standard input may well be one. *leaks is owned by the
 * caller (free). Returns 0 or -ENOMEM.
 */
int leaks_find(const struct snapshot *snapshot, struct leak **leaks, size_t *count);

#endif
