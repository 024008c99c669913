/*
 * A descriptor table, as the kernel has them: shared by tasks (CLONE_FILES), copied by fork. It
 * maps descriptors to sockets; descriptors of anything else are not in it. How sockets are counted
 * when descriptors come and go is the Switch's business (switch/switch.h), not the table's.
 */
#ifndef SOCKTEST_SWITCH_FDTABLE_H
#define SOCKTEST_SWITCH_FDTABLE_H

#include <stdbool.h>
#include <stdint.h>

struct fdtable;
struct sock;

/* What a descriptor is bound to. */
struct fdslot {
	struct sock *sock; /* NULL: no socket */
	uint64_t serial;   /* of this binding: another one of the same number has another serial */
	bool returned; /* by socket(2) or accept(2) in this very table: what --count=go counts */
};

/* An empty table with one user, or NULL: no memory. */
struct fdtable *fdtable_new(void);

/* One more task uses the table. Returns it. */
struct fdtable *fdtable_share(struct fdtable *table);

/* How many tasks use the table. */
unsigned fdtable_users(const struct fdtable *table);

/*
 * For a walk through the tables of all tasks, each walk with a number of its own, not 0: whether
 * it comes to this table for the first time.
 */
bool fdtable_visit(struct fdtable *table, uint64_t walk);

/* The binding of fd, all zero where it is no socket. */
struct fdslot fdtable_get(const struct fdtable *table, int fd);

/* Whether no descriptor is bound to a socket. */
bool fdtable_empty(const struct fdtable *table);

/* The smallest descriptor >= fd that is bound to a socket, -1 for none. */
int fdtable_next(const struct fdtable *table, int fd);

/*
 * For the Switch alone, which counts a socket's descriptors: binds fd (>= 0) anew, unbinds it, lets
 * go of the table. fdtable_leave returns how many users are left; with none the table is freed and
 * must be empty.
 */
void fdtable_bind(struct fdtable *table, int fd, const struct fdslot *slot);
void fdtable_unbind(struct fdtable *table, int fd);
unsigned fdtable_leave(struct fdtable *table);

#endif
