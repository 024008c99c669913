/*
 * The Switch: told of every call before and after it, it keeps the counters per cookie, the sockets
 * and who holds them, and says what the filters want. Pure: no ptrace, no I/O, no clock and no
 * chance of its own. Not for several threads.
 *
 * Functions that have no way to say "no memory" abort(3): a Switch that forgot a call would lie.
 */
#ifndef SOCKTEST_SWITCH_SWITCH_H
#define SOCKTEST_SWITCH_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/call.h"
#include "switch/fdtable.h"
#include "switch/filter.h"
#include "switch/snapshot.h"

struct switchboard;

enum count_rules {
	COUNT_SOCKTEST,
	COUNT_GO, /* as Go's net/internal/socktest counts */
};

/* The filters are lent and must outlive the Switch; NULL: none. Returns NULL: no memory. */
struct switchboard *switch_new(enum count_rules rules, struct filters *filters);
void switch_free(struct switchboard *sw);

/* The turns in a socket's life. */
enum sock_turn {
	SOCK_TURN_OPENED,
	SOCK_TURN_ACCEPTED,
	SOCK_TURN_ADOPTED, /* may turn out to be opened or accepted: that turn follows then */
	SOCK_TURN_CLOSED,
	SOCK_TURN_LEFT,      /* inflight: the process ended, or was let go of, with it open */
	SOCK_TURN_BACK,      /* thought closed or left, but a descriptor names it again */
	SOCK_TURN_CONNECTED, /* a connect that was pending did so, which the program never asked */
	SOCK_TURN_REFUSED,   /* the same, it failed */
	SOCK_TURN_MAX
};

/* "opened", "accepted", "adopted", "closed", "left", "back", "connected", "refused". */
const char *sock_turn_name(enum sock_turn turn);

struct sock_change {
	enum sock_turn turn;
	uint64_t id; /* of the socket, from 1 */
	socket_cookie cookie;
	int fd;    /* the descriptor that it last had */
	pid_t pid; /* the process that opened or adopted it, and its thread */
	pid_t tid;
	const char *call;    /* that opened it, "" for an adopted one */
	uint32_t stack;      /* of that call; 0: not taken */
	pid_t holder;        /* the process that has it, or had it last */
	const char *command; /* of the holder, lent; NULL where it has not left */
};

/* Calls back at every turn of every socket, from within the calls below; NULL: no more. */
void switch_observe(struct switchboard *sw,
	void (*observe)(void *context, const struct sock_change *change), void *context);

/* What is known of a socket that was not opened under the Switch's eyes. */
struct sock_description {
	uint64_t inode; /* of sockfs: the socket's identity */
	int family, type, protocol;
	enum socket_state state;
	bool undecided; /* not connected, but a connect of it may be pending: nothing tells */
	struct address *local, *peer; /* lent; NULL: unknown */
};

/*
 * A call between its entry and its exit; kept by the caller of switch_before, for one thread at a
 * time. Opaque but for its size.
 */
struct call_state {
	struct call call;
	struct sock *sock; /* held: what call.fd named at entry */
	uint64_t serial;   /* the binding that call.fd named at entry */
	uint64_t fence;    /* bindings with a greater serial came after the entry */
	bool returned;     /* fdslot.returned of that binding */
	int filter;        /* verdict.filter, for what ANSWER_ASYNC promises */
	bool promised;     /* the answer was promised by an earlier connect */
};

enum verdict_action {
	VERDICT_WATCH,  /* run it and tell switch_after the result */
	VERDICT_PASS,   /* run it; nothing more to know (already counted, or not about a socket) */
	VERDICT_CANCEL, /* do not run it: the program gets verdict.error; already counted */
	VERDICT_ASK     /* somebody is asked: hold it, and tell switch_reply */
};

struct verdict {
	enum verdict_action action;
	enum answer answer; /* with VERDICT_WATCH: what the program gets, if it can be given */
	int error;          /* for VERDICT_CANCEL and the answer, a positive errno */
	uint64_t delay_ns;  /* hold the call back this long first */
	int filter;         /* the index of the filter that fired, or -1 */
};

/*
 * Before a call runs. Descriptors that the table does not hold are taken for no sockets: resolve
 * them first (switch_adopt). VERDICT_WATCH: *state holds the call until switch_after or
 * switch_abandon; VERDICT_ASK: until switch_reply or switch_abandon. local and peer are what filters_needs asked for, NULL else.
 */
struct verdict switch_before(struct switchboard *sw, struct fdtable *table, const struct call *call,
	const struct address *local, const struct address *peer, struct call_state *state);

/* What whoever was asked of a call (VERDICT_ASK) wants of it. */
struct reply {
	enum answer answer; /* ANSWER_NONE, ANSWER_CANCEL or ANSWER_AFTER */
	int error;          /* a positive errno, for the last two */
	uint64_t delay_ns;  /* hold it back this long first */
};

/* The verdict of switch_before becomes what the reply makes of it: any but VERDICT_ASK. */
void switch_reply(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct reply *reply, struct verdict *verdict);

/* After a call of VERDICT_WATCH ran. now_ns: since the start of the run, as everywhere. */
void switch_after(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result, uint64_t now_ns);

/* Instead of switch_after: the task died in the call, so nobody saw a result. */
void switch_abandon(struct switchboard *sw, struct call_state *state);

/*
 * fd of this table is a socket of which the table did not know. One that is known by its inode gets
 * one more descriptor, one that was thought closed is taken back, any other is adopted.
 */
void switch_adopt(struct switchboard *sw, struct fdtable *table, int fd,
	const struct sock_description *description, const struct caller *by, uint64_t now_ns);

/*
 * Whether a socket was adopted that may have been closed before, and forgotten since: then it is
 * counted twice.
 */
bool switch_adopted_in_doubt(const struct switchboard *sw);

/*
 * Whether a socket with this inode is open or was closed lately, so that switch_adopt needs no more
 * than its inode.
 */
bool switch_knows(const struct switchboard *sw, uint64_t inode);

/*
 * What the kernel says of a connect that was pending (SOCKET_CONNECTING: it still is): connected,
 * or failed (SOCKET_UNCONNECTED), which the program has not asked for. Nothing where none was
 * pending. If the program is told otherwise later, that counts.
 */
void switch_settle(
	struct switchboard *sw, const struct fdtable *table, int fd, enum socket_state state);

/* The kernel says that fd is no longer bound to what the table holds: gone by the program's doing.
 */
void switch_gone(struct switchboard *sw, struct fdtable *table, int fd);

/* fork: a new table with one user, every socket with one descriptor more. */
struct fdtable *switch_table_copy(struct switchboard *sw, const struct fdtable *table);

/* Who held a table when it went, for the report of its inflight sockets. */
struct holder {
	pid_t pid;
	const char *command; /* lent */
};

/*
 * A thread ended, or is not watched any more; or it goes on under the id of its process, whose
 * other threads ended. Filters may count for each of them.
 */
void switch_thread_ended(struct switchboard *sw, pid_t tid);
void switch_thread_renamed(struct switchboard *sw, pid_t from, pid_t to);

/*
 * A task lets go of the table (it ended, or got a table of its own). With the last user the table
 * is freed, and sockets that no other table holds are inflight.
 */
void switch_table_release(
	struct switchboard *sw, struct fdtable *table, const struct holder *holder);

/* One descriptor of a table whose last user ends: with its last one a socket is inflight. */
void switch_leave(
	struct switchboard *sw, struct fdtable *table, int fd, const struct holder *holder);

/*
 * What the report will say of a socket's addresses: set by the tracer when it could ask the kernel.
 * Copies. NULL leaves what is known.
 */
void switch_set_addresses(struct switchboard *sw, const struct fdtable *table, int fd,
	const struct address *local, const struct address *peer);

/* Whether fd is the only descriptor anywhere of its socket. */
bool switch_is_last(const struct fdtable *table, int fd);

/*
 * Whether the program has a unix socket, so that descriptors can come and go over SCM_RIGHTS: only
 * an inode tells then which socket it is that comes.
 */
bool switch_passes_descriptors(const struct switchboard *sw);

/* The inode of fd's socket, where it was not known. */
void switch_set_inode(struct switchboard *sw, const struct fdtable *table, int fd, uint64_t inode);

/* The inode of the socket that fd is bound to, 0: no socket, or not known. */
uint64_t switch_inode(const struct fdtable *table, int fd);

/* What events print of a call's socket; zero and NULL where the descriptor is none. */
struct sock_view {
	uint64_t id;
	socket_cookie cookie;
	enum socket_state state;
	const struct address *local, *peer;
};
struct sock_view switch_view(const struct fdtable *table, int fd);

/*
 * A copy of what is known of one socket, to be released with socket_row_clear. Returns 1, 0: fd is
 * none, or -ENOMEM.
 */
int switch_row(const struct fdtable *table, int fd, uint64_t now_ns, struct socket_row *row);

/*
 * A copy of everything now. Sockets that are still open count as inflight. Returns 0 or -ENOMEM;
 * release with snapshot_clear.
 */
int switch_snapshot(const struct switchboard *sw, uint64_t now_ns, struct snapshot *snapshot);

/* The same without the sockets, however many there are. */
int switch_stats(const struct switchboard *sw, struct snapshot *snapshot);

/*
 * All counters begin anew, as if it had been made now: sockets that are open are adopted, and what
 * was closed or left is forgotten. Filters keep their counts.
 */
void switch_reset(struct switchboard *sw);

/* The filters it was made with. */
struct filters *switch_filters(const struct switchboard *sw);

#endif
