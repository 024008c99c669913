/*
 * What was not seen, said at the end of the run, so that no number is trusted more than it deserves.
 * The warnings of single causes (an ABI that is not decoded, a socket that could not be looked at)
 * are made where they are met.
 */
#ifndef SOCKTEST_TRACE_COVERAGE_H
#define SOCKTEST_TRACE_COVERAGE_H

#include <stddef.h>
#include <sys/types.h>

struct tracer;
struct tracee;

/* A process that made io_uring rings. */
struct ring_maker;

struct coverage {
	struct ring_maker *ring_makers; /* the first COVERAGE_NAMED_MAX */
	size_t ring_makers_count;
	unsigned unnamed_rings;  /* of all others */
	unsigned unfollowed;     /* children, with --no-follow */
	unsigned left;           /* processes that went on, with --no-wait */
	unsigned attached_alone; /* children from before the attach that were not named */
	pid_t attached_parent;   /* of the first of those */
};

enum { COVERAGE_NAMED_MAX = 32 };

/* The task's process made rings. */
void coverage_note_rings(struct tracer *tracer, const struct tracee *tracee, unsigned rings);

/* The task is let go while it has something to do yet. */
void coverage_note_let_go(struct tracer *tracer, const struct tracee *tracee);

/* All that was asked for is attached to: what have they had since before, and who is not traced? */
void coverage_note_attached(struct tracer *tracer);

/* Makes the warnings, and forgets. */
void coverage_sum_up(struct tracer *tracer);

#endif
