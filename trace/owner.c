/*
 * The second filter stops close and its kin. It is added, by a seccomp(2) call made inside the
 * program, when a process first owns a socket: until then it runs its closes at full speed. A
 * process that will not take it (filters of its own, which could kill it for the call; privilege
 * dropped, seccomp(2)) is stopped at every syscall instead: slower, and as true.
 */
#include <errno.h>

#include "trace/inject.h"
#include "trace/procfs.h"
#include "trace/tracer.h"

bool owner_filter_missing(const struct tracer *tracer, const struct tracee *tracee)
{
	return tracer->seccomp && !tracee->owner_filter && !tracee->every_syscall &&
	       tracee->table && !fdtable_empty(tracee->table);
}

/* Its threads got the filter by SECCOMP_FILTER_FLAG_TSYNC. */
static void mark_process(struct tracer *tracer, pid_t tgid)
{
	for (struct tracee *other = tracer->tracees; other; other = other->hh.next)
		if (other->tgid == tgid)
			other->owner_filter = true;
}

/*
 * Those that share the table but not the filter have to be stopped from now on, and run without
 * stops. stops_resume does not let them run so again.
 */
static void interrupt_others(struct tracer *tracer, const struct tracee *tracee)
{
	for (struct tracee *other = tracer->tracees; other; other = other->hh.next)
		if (other != tracee && other->table == tracee->table &&
			owner_filter_missing(tracer, other))
			stops_interrupt(other);
}

static void stop_everywhere(struct tracer *tracer, struct tracee *tracee)
{
	if (!tracer->seccomp || tracee->every_syscall)
		return;
	tracee->every_syscall = true;
	if (tracer->options->verbose)
		trace_warn(tracer,
			"process %d (%s) has seccomp filters of its own or may not add one: "
			"stopped at every syscall, slower",
			tracee->tgid, tracee->comm);
}

static void note_filters(struct tracer *tracer, struct tracee *tracee)
{
	tracee->filtered = true;
	tracee->closes = false;
	stop_everywhere(tracer, tracee);
}

void owner_note_filters(struct tracer *tracer, struct tracee *tracee, bool process)
{
	note_filters(tracer, tracee);
	for (struct tracee *other = tracer->tracees; process && other; other = other->hh.next)
		if (other->tgid == tracee->tgid && other != tracee) {
			const bool stopped = other->every_syscall || !tracer->seccomp;
			note_filters(tracer, other);
			if (!stopped)
				stops_interrupt(other);
		}
}

int owner_filter_add(struct tracer *tracer, struct tracee *tracee, uint32_t audit, int *status)
{
	struct injection injection;
	int error;

	*status = 0;
	if (proc_seccomp_filters(tracee->tid) != tracer->own_filters + 1) {
		note_filters(tracer, tracee);
		interrupt_others(tracer, tracee);
		return 0;
	}
	error = inject_begin(&injection, tracee, audit);
	if (error)
		return error == -EAGAIN ? 0 : -ESRCH;
	error = inject_seccomp(&injection, &tracer->owner);
	inject_end(&injection);
	if (injection.ended) {
		*status = injection.status;
		return -ESRCH;
	}
	if (error)
		stop_everywhere(tracer, tracee);
	else
		mark_process(tracer, tracee->tgid);
	interrupt_others(tracer, tracee);
	return 0;
}
