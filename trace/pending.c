#include "trace/pending.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "trace/tracer.h"

/*
 * One of two tasks can be late but not starve: it stops while the other one is handled. Among more
 * no order but the queue's is a fair one.
 */
enum { FEW_TASKS = 2, PATIENCE_MAX = 16 };

void pending_clear(struct pending *pending)
{
	free(pending->statuses);
	*pending = (struct pending){0};
}

static bool is_end(int status)
{
	return !WIFSTOPPED(status) || status >> 16 == PTRACE_EVENT_EXIT;
}

/* Only SIGKILL takes a task out of a stop that is not handled yet. */
static struct wait_status *find_outdated(const struct pending *pending, pid_t tid)
{
	for (size_t i = pending->first; i < pending->end; i++)
		if (pending->statuses[i].tid == tid)
			return &pending->statuses[i];
	return NULL;
}

static void append(struct pending *pending, const struct wait_status *status)
{
	if (pending->end == pending->room) {
		const size_t room = pending->room ? pending->room * 2 : 64;
		struct wait_status *const grown =
			reallocarray(pending->statuses, room, sizeof(*grown));
		if (!grown)
			abort();
		pending->statuses = grown;
		pending->room = room;
	}
	pending->statuses[pending->end++] = *status;
}

static void add(struct tracer *tracer, const struct wait_status *status)
{
	struct wait_status *outdated = NULL;

	if (is_end(status->status)) {
		struct tracee *const tracee = tracee_find(&tracer->tracees, status->tid);
		if (tracee)
			tracee->ending = true;
		outdated = find_outdated(&tracer->pending, status->tid);
	}
	if (outdated)
		outdated->status = status->status;
	else
		append(&tracer->pending, status);
}

/*
 * Asking once more than there are statuses has a cost, and finds nothing where few tasks are busy:
 * then it is done more and more rarely.
 */
static void choose_patience(struct tracer *tracer, bool found)
{
	struct pending *const pending = &tracer->pending;

	pending->unswept = 0;
	if (HASH_COUNT(tracer->tracees) <= FEW_TASKS)
		pending->patience = PATIENCE_MAX;
	else if (found)
		pending->patience = 0;
	else if (pending->patience < PATIENCE_MAX)
		pending->patience = pending->patience * 2 + 1;
}

static void sweep(struct tracer *tracer)
{
	struct wait_status other;
	bool found = false;

	while ((other.tid = waitpid(-1, &other.status, __WALL | WNOHANG)) > 0) {
		found = true;
		add(tracer, &other);
	}
	choose_patience(tracer, found);
}

static bool take(struct pending *pending, struct wait_status *next)
{
	if (pending->first == pending->end) {
		pending->first = pending->end = 0;
		return false;
	}
	*next = pending->statuses[pending->first++];
	return true;
}

/*
 * While it was in the queue the task may have been killed, and stand at its end already: whatever
 * it was stopped for is over, and resuming it would pass over that end. false: it is gone.
 */
static bool renew(struct wait_status *waited)
{
	int status;
	const pid_t tid = waitpid(waited->tid, &status, __WALL | WNOHANG);

	if (tid > 0)
		waited->status = status;
	return tid >= 0;
}

int pending_next(struct tracer *tracer, struct wait_status *next)
{
	struct pending *const pending = &tracer->pending;

	while (take(pending, next))
		if (is_end(next->status) || renew(next))
			return 0;
	next->tid = waitpid(-1, &next->status, __WALL | (tracer->tracees ? 0 : WNOHANG));
	if (next->tid <= 0)
		return next->tid < 0 && errno == EINTR ? -EINTR : -ECHILD;
	if (HASH_COUNT(tracer->tracees) > 1 && pending->unswept++ >= pending->patience) {
		add(tracer, next);
		sweep(tracer);
		take(pending, next);
	}
	return 0;
}
