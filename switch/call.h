/* One system call of the traced program, as the Switch sees it: no registers, no ABI. */
#ifndef SOCKTEST_SWITCH_CALL_H
#define SOCKTEST_SWITCH_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "switch/address.h"

enum call_kind {
	CALL_SOCKET,
	CALL_CONNECT,
	CALL_LISTEN,
	CALL_ACCEPT, /* accept4 too */
	CALL_GETSOCKOPT,
	CALL_CLOSE,
	CALL_FILTERABLE, /* those above take filters */
	CALL_SOCKETPAIR = CALL_FILTERABLE,
	CALL_CLOSE_RANGE,
	CALL_DUP, /* dup, dup2, dup3, fcntl's F_DUPFD and F_DUPFD_CLOEXEC */
	CALL_BIND,
	/* Those below tell the Switch nothing by themselves; the tracer wants to know of them. */
	CALL_UNSHARE,
	CALL_RECEIVE_FD, /* pidfd_getfd: a descriptor from elsewhere */
	CALL_PTRACE,
	CALL_CLONE,
	CALL_EXEC,
	CALL_IO_URING_SETUP,
	CALL_MAP,     /* of code */
	CALL_SECCOMP, /* the program adds a filter of its own; prctl(PR_SET_SECCOMP) too */
	CALL_SECCOMP_STRICT,
	CALL_MAX
};

/* "socket", "connect", ..., as in option names and JSON; for every kind. */
const char *call_kind_name(enum call_kind kind);

struct caller {
	pid_t pid; /* thread group id */
	pid_t tid;
	const char *comm; /* NULL unless a condition needs it */
	/* Those on its stack, the innermost first, and NULL; NULL unless a condition needs them. */
	const char *const *functions;
	uint32_t stack; /* its number; 0: not taken */
};

/* Arguments snapshot at entry. A field has a meaning for the kinds named beside it, else 0. */
struct call {
	enum call_kind kind;
	const char *name; /* the syscall's own: "accept4" */
	struct caller caller;
	int fd;                     /* the descriptor it names, -1 for none */
	int family, type, protocol; /* socket, socketpair */
	const struct address
		*address;   /* connect, bind; NULL: not readable, not borrowed beyond the call */
	bool nonblock;      /* connect: the socket is nonblocking; known where a filter needs it */
	int level, optname; /* getsockopt */
	int backlog;        /* listen */
	int new_fd;         /* dup2, dup3: the target, else -1 */
	unsigned first, last; /* close_range */
	unsigned flags;       /* close_range, unshare, accept4, dup3, clone, seccomp */
	bool unsure; /* close: it may be answered without being made, only its result tells */
};

/* What a filter makes of a call. */
enum answer {
	ANSWER_NONE,     /* the kernel's own result stands */
	ANSWER_CANCEL,   /* the call does not run, and returns the errno */
	ANSWER_AFTER,    /* it runs, and then returns the errno; a new descriptor is closed again */
	ANSWER_SO_ERROR, /* getsockopt(SO_ERROR) runs, and hands out the errno */
	ANSWER_ASYNC,    /* connect returns EINPROGRESS, and SO_ERROR will hand out the errno */
	ANSWER_ASK       /* somebody is asked which of the first three it is to be */
};

/* What the call gave, read at its exit. Never a restart code: those are not results. */
/* What the kernel says of a connect of which SO_ERROR was read as 0. */
enum so_error_truth {
	SO_ERROR_TRUE,  /* it is done; or nobody could be asked */
	SO_ERROR_EARLY, /* it has not ended yet */
	SO_ERROR_LATE   /* it has failed, and another call was given its errno */
};

struct result {
	int64_t value;     /* >= 0, or -errno */
	int pair[2];       /* socketpair: the descriptors, -1 where not readable */
	uint64_t inode[2]; /* of the new sockets: [0] socket and accept, both socketpair; 0: unknown
			    */
	int so_error;      /* getsockopt(SO_ERROR): the errno handed out, -1 where not read */
	enum so_error_truth so_error_truth;
	const struct address *peer; /* accept: NULL where the program did not ask for it */
	bool kept;                  /* close: it was not made, and the descriptor is what it was */
	/*
	 * All that is above is the kernel's word. What the program got in its place, by
	 * ANSWER_AFTER, ANSWER_SO_ERROR or ANSWER_ASYNC, and the errno of it.
	 */
	enum answer answer;
	int error;
};

/* connect(2) with AF_UNSPEC: the socket is to forget its connection, or the try of one. */
bool call_disconnects(const struct call *call);

#endif
