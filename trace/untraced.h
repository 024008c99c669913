/*
 * Processes that COMMAND has made and that are not traced (--no-follow), which --timeout ends with
 * it.
 *
 * An orphan's parent is no longer one that COMMAND made: it is found because socktest asks to be
 * the parent of those that are below it (PR_SET_CHILD_SUBREAPER). Where socktest has children that
 * were there before COMMAND (a shell may execute it), an orphan might be theirs: then only those are
 * found that are still below COMMAND.
 */
#ifndef SOCKTEST_TRACE_UNTRACED_H
#define SOCKTEST_TRACE_UNTRACED_H

#include "trace/tracer.h"

/* Before COMMAND starts. */
void untraced_begin(struct tracer *tracer);

/* Sends all of them a signal. */
void untraced_signal(const struct tracer *tracer, int signal);

/*
 * When no task is traced any more and the time was up: waits for the end of those that are left, for
 * as long as they have, and kills them then.
 */
void untraced_end(struct tracer *tracer);

#endif
