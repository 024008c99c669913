/*
 * Sockets (open file descriptions of the kernel), what binds descriptors to them, and the counters
 * they are counted in: the Switch's insides, private to switch/.
 */
#ifndef SOCKTEST_SWITCH_SOCK_H
#define SOCKTEST_SWITCH_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "switch/forgotten.h"
#include "switch/switch.h"

enum sock_origin { SOCK_OPENED, SOCK_ACCEPTED, SOCK_ADOPTED };

enum sock_life {
	SOCK_LIVE,   /* some descriptor names it */
	SOCK_CLOSED, /* the program let go of the last one; kept for a while, and in short for
			longer: it may come back over SCM_RIGHTS */
	SOCK_LEFT    /* the last one went with a process: inflight */
};

enum sock_settled { SETTLED_NOT, SETTLED_CONNECTED, SETTLED_FAILED };

struct sock {
	uint64_t id;
	uint64_t inode;          /* 0: not known, and then not in by_inode */
	socket_cookie cookie;    /* what it is counted under: raw for --count=go */
	socket_cookie canonical; /* what conditions look at */
	struct sockstat *stat;   /* of cookie */
	enum sock_origin origin;
	enum sock_life life;
	enum socket_state state;
	bool counted; /* sock_set_counted: --count=go leaves out socketpairs and adopted sockets */
	bool given_back; /* --count=go: the descriptor that socket or accept returned is closed, maybe
			    not its duplicates */
	bool told;       /* SO_ERROR said that the connect is done, and was counted for it */
	enum sock_settled
		settled_unasked; /* by what the kernel said; the program may still be told */
	int err, socket_err;
	struct {
		int error; /* 0: none */
		int filter;
	} promise; /* what SO_ERROR, or another connect, is going to say (ANSWER_ASYNC) */
	struct address *local, *peer;
	struct {
		pid_t pid, tid;
		const char *call;
		uint64_t time_ns;
		uint32_t stack; /* 0: not taken */
	} opened_by;
	struct {
		pid_t pid;
		int fd;
		char *command;
	} holder;             /* the last one, for the report */
	unsigned descriptors; /* slots of all tables that name it */
	unsigned calls;       /* calls in progress that hold it */
	bool listed;          /* in a list of the Switch: not to be freed */
	unsigned period;      /* of counting, in which it was counted */
	struct sock *prev, *next;
	UT_hash_handle by_inode;
};

struct stat_entry {
	struct sockstat stat;
	UT_hash_handle hh;
};

struct switchboard {
	enum count_rules rules;
	struct filters *filters;
	struct stat_entry *stats;
	struct sock *by_inode;
	struct sock *open;   /* live and left ones, by id: those that are counted are inflight */
	struct sock *closed; /* the oldest first */
	unsigned closed_count;
	struct forgotten forgotten; /* those that were in closed */
	bool adopted_in_doubt;      /* a socket that is counted as adopted may be one that is in it
				       no more */
	bool passes_descriptors;    /* a unix socket was seen */
	unsigned period;            /* how often counting began anew */
	uint64_t last_id, last_serial;
	void (*observe)(void *context, const struct sock_change *change); /* or NULL */
	void *observe_context;
};

/* The counters of a cookie, made when there are none yet. Valid as long as the Switch. */
struct sockstat *stat_of(struct switchboard *sw, socket_cookie cookie);

/* Adds to a counter of the socket's cookie, if the rules count this socket at all. */
void sock_count(const struct sock *sock, enum counter counter, int by);

/* Tells the observer, if there is one. */
void sock_turns(const struct switchboard *sw, const struct sock *sock, enum sock_turn turn);

/* A new socket without descriptors; inode 0: not known. */
struct sock *sock_new(struct switchboard *sw, enum sock_origin origin, uint64_t inode);

/* The one with this inode that is open or was closed lately, or NULL. */
struct sock *sock_find(const struct switchboard *sw, uint64_t inode);

/*
 * A new socket whose inode one has that was closed and forgotten, of the same cookie: it is that
 * one, and not closed. Returns whether it is.
 */
bool sock_recall(struct switchboard *sw, struct sock *sock);

/* 0: not known. */
void sock_set_inode(struct switchboard *sw, struct sock *sock, uint64_t inode);

/* The inode is another socket's by now. */
void sock_forget_inode(struct switchboard *sw, struct sock *sock);

/* Says what it is counted under. */
void sock_set_cookie(
	struct switchboard *sw, struct sock *sock, socket_cookie canonical, socket_cookie raw);

/* Whether it is counted at all. */
void sock_set_counted(struct sock *sock, bool counted);

/* Lets go of it where neither a list of the Switch nor a call in progress holds it. */
void sock_free_unused(struct sock *sock);

/* A connect of it begins, or ends so. Its pending one is counted along. */
void sock_connect_begins(struct switchboard *sw, struct sock *sock);
void sock_connect_ends(struct switchboard *sw, struct sock *sock, enum socket_state end);

/* The pending connect of it is over, and counted. */
void sock_settle(struct switchboard *sw, struct sock *sock, enum socket_state end);

/*
 * The program is going to be told after all how the connect ended that was settled unasked: it is
 * pending until then.
 */
void sock_unsettle(struct switchboard *sw, struct sock *sock);

/* Replaces *to by a copy, if there is something to copy. */
void address_replace(struct address **to, const struct address *from);

/* Binds fd to the socket; what was bound there before loses a descriptor. */
void sock_bind(
	struct switchboard *sw, struct fdtable *table, int fd, struct sock *sock, bool returned);

/* fd is bound no more, by the program's doing: with its last descriptor a socket is closed. */
void sock_unbind(struct switchboard *sw, struct fdtable *table, int fd);

/* The same if fd is still bound as it was when it had this serial. */
void sock_unbind_serial(struct switchboard *sw, struct fdtable *table, int fd, uint64_t serial);

/* Counting begins anew: those that are live are adopted, the others forgotten. */
void sock_reset_all(struct switchboard *sw);

/* Empties both lists and the counters. */
void sock_free_all(struct switchboard *sw);

#endif
