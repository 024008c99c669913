/*
 * Wait statuses, from the kernel to the one who handles them. waitpid(2) looks through the tasks in
 * a fixed order, the newest first (kernel/exit.c, ptrace_do_wait; kernel/ptrace.c, ptrace_link): of
 * many busy tasks the newest would be served for ever. So all that have stopped by now are taken at
 * once, and then handled one after the other.
 */
#ifndef SOCKTEST_TRACE_PENDING_H
#define SOCKTEST_TRACE_PENDING_H

#include <stddef.h>
#include <sys/types.h>

struct tracer;

struct wait_status {
	pid_t tid;
	int status;
};

/* Of each task at most one: the newest. All zero: none. */
struct pending {
	struct wait_status *statuses; /* owned */
	size_t first, end, room;
	unsigned unswept;  /* statuses since the kernel was last asked for all */
	unsigned patience; /* how many of them there may be; 0: it asks each time */
};

/*
 * The next status; blocks until there is one, if there are tracees at all. Returns 0, -EINTR: a
 * signal came to us, or -ECHILD: no more will come.
 */
int pending_next(struct tracer *tracer, struct wait_status *next);

void pending_clear(struct pending *pending);

#endif
