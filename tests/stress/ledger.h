/*
 * The stress program's own knowledge of its sockets, kept in memory that all its tasks share: what
 * a tracer has to have counted. Nothing here asks the kernel.
 */
#ifndef SOCKTEST_TESTS_STRESS_LEDGER_H
#define SOCKTEST_TESTS_STRESS_LEDGER_H

#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	FDS = 1024,
	REGION = 300, /* descriptors from here on are made by number, each by one task */
	TASKS = 64,
	TABLES = 512,
	OBJECTS = 1 << 15,
	FILE_OBJECT = -1, /* what a descriptor of no socket is bound to */
};

enum kind {
	KIND_TCP4,
	KIND_UDP4,
	KIND_TCP6,
	KIND_UDP6,
	KIND_UNIX_STREAM,
	KIND_UNIX_DGRAM,
	KIND_UNIX_SEQPACKET,
	KIND_NETLINK,
	KINDS_REAL,
	KIND_BAD_INET = KINDS_REAL, /* these only ever fail to open */
	KIND_BAD_UNIX,
	KINDS
};

enum counter {
	OPENED,
	CONNECTED,
	LISTENED,
	ACCEPTED,
	CLOSED,
	OPEN_FAILED,
	CONNECT_FAILED,
	LISTEN_FAILED,
	ACCEPT_FAILED,
	CLOSE_FAILED,
	PENDING,
	WOULD_BLOCK,
	INTERRUPTED,
	COUNTERS
};

enum life {
	LIFE_NONE, /* it could not be opened */
	LIFE_LIVE,
	LIFE_CLOSED, /* the last descriptor was closed */
	LIFE_LEFT    /* the last descriptor went with its process */
};

/* A connect of which the program has not heard how it ended; on loopback it is decided at once. */
enum pending { PENDING_NOT, PENDING_CONNECTED, PENDING_FAILED, PENDING_UNDECIDED };

/* An open file description. */
struct object {
	enum kind kind;
	enum life life;
	enum pending pending;
	int refs;   /* descriptors, in all tables; messages on their way are none */
	int queued; /* connections asked of a listener */
	bool busy;  /* some task is in a connect or reads SO_ERROR */
	bool told;  /* SO_ERROR said that it is connected: the next connect only says it again */
	bool mailbox, listening, nonblocking, named;
	uint8_t address_length;
	char address[32];
};

struct slot {
	int object; /* index + 1, FILE_OBJECT, 0: free */
	bool cloexec;
	bool claimed; /* by the one task that acts on it */
};

/* A descriptor table. */
struct table {
	_Atomic int lock; /* readers, or -1: somebody copies it */
	_Atomic int users;
	struct slot slots[FDS];
};

enum state {
	STATE_FREE,
	STATE_RUNNING,
	STATE_RESTING, /* in pause(2), to be killed */
	STATE_ENDED
};

struct task {
	int id, parent, table, steps;
	int process; /* the task that began it */
	bool thread;
	bool raw; /* made by clone(2) behind the libc's back, which then makes no threads */
	bool reaped;
	_Atomic bool doomed; /* it ends, and the end lock with it; the holder is marked last */
	int exec_table;      /* locked until its new program has begun */
	bool exec_alone;     /* how it holds the end lock until then */
	uint64_t random;
	pid_t pid;
	_Atomic int state;
	_Atomic int gate;       /* of its process: tasks in an operation, or -1: it ends or execs */
	_Atomic uint32_t alive; /* a robust futex */
	struct robust_list robust_entry;
	struct robust_list_head robust;
};

struct ledger {
	bool wild; /* nothing is ordered and nothing compared */
	bool has_inet6;
	char program[256], path[256]; /* of the stress program, of this memory */
	int task_limit;
	_Atomic int failed;
	_Atomic int spin; /* of everything below that is not atomic; never held in a call */
	_Atomic int ends; /* the end lock: who closes holds it shared, who ends alone */
	_Atomic int tasks_used, tables_used, objects_used;
	struct object refusing[2]; /* addresses where nobody listens: inet, inet6 */
	int64_t counts[KINDS][COUNTERS];
	struct task tasks[TASKS];
	struct object objects[OBJECTS];
	struct table tables[TABLES];
};

static struct ledger *ledger;
static _Thread_local struct task *me;

static inline _Noreturn void stress_die(const char *what, long value)
{
	fprintf(stderr, "stress: task %d: %s (%ld, %s)\n", me ? me->id : -1, what, value,
		strerrorname_np(errno));
	if (ledger)
		atomic_store(&ledger->failed, 1);
	_exit(1);
}

static inline void stress_check(bool holds, const char *what, long value)
{
	/* In the wild somebody else may have had the descriptor. */
	if (!holds && !ledger->wild)
		stress_die(what, value);
}

static inline void ledger_lock(void)
{
	int free = 0;

	while (!ledger->wild && !atomic_compare_exchange_weak(&ledger->spin, &free, 1)) {
		if (free)
			sched_yield();
		free = 0;
	}
}

static inline void ledger_unlock(void)
{
	if (!ledger->wild)
		atomic_store(&ledger->spin, 0);
}

/* For the holder of the lock. */
static inline void ledger_add(enum kind kind, enum counter counter, int by)
{
	ledger->counts[kind][counter] += by;
}

static inline void ledger_count(enum kind kind, enum counter counter)
{
	ledger_lock();
	ledger_add(kind, counter, 1);
	ledger_unlock();
}

static inline struct object *ledger_object(int index)
{
	return &ledger->objects[index - 1];
}

/* Returns its index + 1, 0: there are enough. */
static inline int ledger_new_object(enum kind kind)
{
	const int used = atomic_fetch_add(&ledger->objects_used, 1);

	if (used >= OBJECTS) {
		atomic_store(&ledger->objects_used, OBJECTS);
		return 0;
	}
	ledger->objects[used] = (struct object){.kind = kind};
	return used + 1;
}

static inline int ledger_new_table(void)
{
	const int used = atomic_fetch_add(&ledger->tables_used, 1);

	if (used >= TABLES) {
		atomic_store(&ledger->tables_used, TABLES);
		return -1;
	}
	atomic_store(&ledger->tables[used].users, 1);
	return used;
}

static inline struct table *my_table(void)
{
	return &ledger->tables[me->table];
}

/* ---- connects ---- */

static inline void connect_settle(struct object *object, bool connected)
{
	if (object->pending == PENDING_NOT)
		return;
	object->pending = PENDING_NOT;
	ledger_add(object->kind, PENDING, -1);
	ledger_add(object->kind, connected ? CONNECTED : CONNECT_FAILED, 1);
}

/* ---- descriptors ---- */

static inline void take_ref(struct object *object)
{
	if (object->refs++ == 0 && object->life == LIFE_CLOSED)
		ledger_add(object->kind, CLOSED, -1);
	object->life = LIFE_LIVE;
}

static inline void drop_ref(int index, enum life end)
{
	if (index <= 0)
		return;
	struct object *const object = ledger_object(index);
	if (--object->refs > 0)
		return;
	object->life = end;
	if (end == LIFE_CLOSED)
		ledger_add(object->kind, CLOSED, 1);
}

static inline void slot_bind(int fd, int object, bool cloexec, bool claimed)
{
	stress_check(fd >= 0 && fd < FDS, "descriptor out of range", fd);
	if (fd < 0 || fd >= FDS)
		return;
	struct slot *const slot = &my_table()->slots[fd];
	ledger_lock();
	stress_check(slot->object == 0, "descriptor is thought open", fd);
	*slot = (struct slot){.object = object, .cloexec = cloexec, .claimed = claimed};
	if (object > 0)
		take_ref(ledger_object(object));
	ledger_unlock();
}

/*
 * The descriptor's slot is free from now on; what was in it is to be dropped by the caller. One in
 * a region stays claimed: its task could make it again before it is closed.
 */
static inline int slot_take(int fd)
{
	ledger_lock();
	const int object = my_table()->slots[fd].object;
	my_table()->slots[fd] = (struct slot){.claimed = fd >= REGION};
	ledger_unlock();
	return object;
}

static inline void object_drop(int object, enum life end)
{
	ledger_lock();
	drop_ref(object, end);
	ledger_unlock();
}

/* ---- tables ---- */

/* Returns the copy, -1: there are enough. */
static inline int table_copy(const struct table *table)
{
	const int index = ledger_new_table();

	if (index < 0)
		return -1;
	ledger_lock();
	for (int fd = 0; fd < FDS; fd++) {
		struct slot *const slot = &ledger->tables[index].slots[fd];
		*slot = table->slots[fd];
		slot->claimed = false;
		if (slot->object > 0)
			take_ref(ledger_object(slot->object));
	}
	ledger_unlock();
	return index;
}

static inline void table_clear(struct table *table, int first, int last, enum life end)
{
	ledger_lock();
	for (int fd = first; fd <= last && fd < FDS; fd++) {
		drop_ref(table->slots[fd].object, end);
		table->slots[fd] = (struct slot){0};
	}
	ledger_unlock();
}

static inline void table_clear_cloexec(struct table *table)
{
	for (int fd = 0; fd < FDS; fd++)
		if (table->slots[fd].cloexec)
			table_clear(table, fd, fd, LIFE_CLOSED);
}

/* A task is gone, or has a table of its own now. */
static inline void table_leave(struct table *table)
{
	if (atomic_fetch_sub(&table->users, 1) == 1)
		table_clear(table, 0, FDS - 1, LIFE_LEFT);
}

/* Returns false where there are no tables left. */
static inline bool table_unshare(void)
{
	struct table *const shared = my_table();

	if (atomic_load(&shared->users) == 1)
		return true;
	const int own = table_copy(shared);
	if (own < 0)
		return false;
	me->table = own;
	table_leave(shared);
	return true;
}

/* ---- the end ---- */

static const struct {
	int family, type, protocol; /* as for socket(2) */
	int resolved;               /* what protocol 0 is */
} kinds[KINDS] = {
	[KIND_TCP4] = {AF_INET, SOCK_STREAM, 0, IPPROTO_TCP},
	[KIND_UDP4] = {AF_INET, SOCK_DGRAM, 0, IPPROTO_UDP},
	[KIND_TCP6] = {AF_INET6, SOCK_STREAM, 0, IPPROTO_TCP},
	[KIND_UDP6] = {AF_INET6, SOCK_DGRAM, 0, IPPROTO_UDP},
	[KIND_UNIX_STREAM] = {AF_UNIX, SOCK_STREAM, 0, 0},
	[KIND_UNIX_DGRAM] = {AF_UNIX, SOCK_DGRAM, 0, 0},
	[KIND_UNIX_SEQPACKET] = {AF_UNIX, SOCK_SEQPACKET, 0, 0},
	[KIND_NETLINK] = {AF_NETLINK, SOCK_RAW, 0, 0},
	[KIND_BAD_INET] = {AF_INET, SOCK_STREAM, IPPROTO_UDP, IPPROTO_UDP},
	[KIND_BAD_UNIX] = {AF_UNIX, SOCK_STREAM, 5, 5},
};

static inline int64_t ledger_inflight(enum kind kind)
{
	const int used = atomic_load(&ledger->objects_used);
	int64_t count = 0;

	for (int i = 0; i < used; i++)
		count += ledger->objects[i].kind == kind &&
			 (ledger->objects[i].life == LIFE_LIVE ||
				 ledger->objects[i].life == LIFE_LEFT);
	return count;
}

/* Not with the last descriptor: a socket may come back out of a message, and its task be told. */
static inline void ledger_settle(void)
{
	for (int i = 0; i < atomic_load(&ledger->objects_used); i++) {
		struct object *const object = &ledger->objects[i];
		if (object->pending != PENDING_UNDECIDED)
			connect_settle(object, object->pending == PENDING_CONNECTED);
	}
}

/* As in the report of socktest, but for counters that have to be zero. Returns false on error. */
static inline bool ledger_write(const char *path)
{
	static const char *const names[COUNTERS] = {"opened", "connected", "listened", "accepted",
		"closed", "open_failed", "connect_failed", "listen_failed", "accept_failed",
		"close_failed", "pending", "would_block", "interrupted"};
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	ledger_settle();
	fprintf(file, "{\"stats\": [");
	for (int kind = 0; kind < KINDS; kind++) {
		fprintf(file, "%s\n{\"cookie\": \"0x%04x%08x%04x\"", kind ? "," : "",
			(unsigned)kinds[kind].family, (unsigned)kinds[kind].type,
			(unsigned)kinds[kind].resolved);
		for (int i = 0; i < COUNTERS; i++)
			fprintf(file, ", \"%s\": %ld", names[i], (long)ledger->counts[kind][i]);
		fprintf(file, ", \"inflight\": %ld}", (long)ledger_inflight((enum kind)kind));
	}
	fprintf(file, "], \"tasks\": %d}\n", atomic_load(&ledger->tasks_used));
	return fclose(file) == 0;
}

#endif
