#include "trace/coverage.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/procfs.h"
#include "trace/tracer.h"

struct ring_maker {
	pid_t tgid;
	char comm[COMM_BYTES];
	unsigned rings;
};

static const char *plural(unsigned count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

/* ---- io_uring ---- */

/* A new one for a process that is not known yet; NULL: there are too many. */
static struct ring_maker *find_ring_maker(struct coverage *coverage, const struct tracee *tracee)
{
	struct ring_maker *maker = coverage->ring_makers;
	const struct ring_maker *const end = maker + coverage->ring_makers_count;

	while (maker < end && maker->tgid != tracee->tgid)
		maker++;
	if (maker < end)
		return maker;
	if (coverage->ring_makers_count == COVERAGE_NAMED_MAX)
		return NULL;
	coverage->ring_makers = reallocarray(coverage->ring_makers, coverage->ring_makers_count + 1,
		sizeof(*coverage->ring_makers));
	if (!coverage->ring_makers)
		abort();
	maker = &coverage->ring_makers[coverage->ring_makers_count++];
	*maker = (struct ring_maker){.tgid = tracee->tgid};
	memcpy(maker->comm, tracee->comm, sizeof(maker->comm));
	return maker;
}

void coverage_note_rings(struct tracer *tracer, const struct tracee *tracee, unsigned rings)
{
	if (!rings || tracer->options->io_uring == IO_URING_ALLOW)
		return;
	struct ring_maker *const maker = find_ring_maker(&tracer->coverage, tracee);
	*(maker ? &maker->rings : &tracer->coverage.unnamed_rings) += rings;
}

static void warn_of_rings(struct tracer *tracer)
{
	const struct coverage *const coverage = &tracer->coverage;

	for (size_t i = 0; i < coverage->ring_makers_count; i++) {
		const struct ring_maker *const maker = &coverage->ring_makers[i];
		trace_warn(tracer,
			"process %d (%s) made %u io_uring %s: what it does with sockets there is "
			"not counted (--io-uring=deny has programs do without)",
			maker->tgid, maker->comm, maker->rings,
			plural(maker->rings, "ring", "rings"));
	}
	if (coverage->unnamed_rings)
		trace_warn(tracer, "further processes made %u io_uring %s", coverage->unnamed_rings,
			plural(coverage->unnamed_rings, "ring", "rings"));
}

/* ---- processes that are not traced ---- */

void coverage_note_let_go(struct tracer *tracer, const struct tracee *tracee)
{
	const struct trace_options *const options = tracer->options;

	if (tracee->tid != tracee->tgid)
		return;
	if (!options->follow && tracee->is_child)
		tracer->coverage.unfollowed++;
	else if (!options->wait && tracer->ended)
		tracer->coverage.left++;
}

static bool is_traced(const struct tracer *tracer, pid_t pid)
{
	/* One that was forked since may not have shown itself yet. */
	return tracee_of_process(&tracer->tracees, pid) || proc_tracer(pid) == getpid();
}

/* Made before: --io-uring=deny comes too late for them. */
static void note_rings(struct tracer *tracer)
{
	for (const struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tid == tracee->tgid)
			coverage_note_rings(tracer, tracee, proc_rings(tracee->tid));
}

static void note_children(struct tracer *tracer)
{
	struct coverage *const coverage = &tracer->coverage;
	DIR *const dir = opendir("/proc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		pid_t tgid, ppid;
		if (pid <= 0 || proc_ids(pid, &tgid, &ppid) ||
			!tracee_of_process(&tracer->tracees, ppid) || is_traced(tracer, pid) ||
			proc_has_ended(pid))
			continue;
		if (!coverage->attached_alone++)
			coverage->attached_parent = ppid;
	}
	if (dir)
		closedir(dir);
}

void coverage_note_attached(struct tracer *tracer)
{
	note_rings(tracer);
	note_children(tracer);
}

static void warn_of_untraced(struct tracer *tracer)
{
	const struct coverage *const coverage = &tracer->coverage;

	if (coverage->unfollowed)
		trace_warn(tracer,
			"%u child %s not followed (--no-follow): their sockets are not counted",
			coverage->unfollowed,
			plural(coverage->unfollowed, "process was", "processes were"));
	if (coverage->left)
		trace_warn(tracer,
			"%u %s on after COMMAND had ended (--no-wait): what they do since is not "
			"counted",
			coverage->left, plural(coverage->left, "process went", "processes went"));
	if (coverage->attached_alone)
		trace_warn(tracer,
			"%u child %s there before and not attached to, as of process %d: their "
			"sockets are not counted (-p PID,PID attaches to several)",
			coverage->attached_alone,
			plural(coverage->attached_alone, "process was", "processes were"),
			coverage->attached_parent);
}

static void warn_of_doubt(struct tracer *tracer)
{
	if (switch_adopted_in_doubt(tracer->sw))
		trace_warn(tracer,
			"a socket was received by a program that had closed more than 131072 "
			"others: if it is one of those that were closed before, it is counted as "
			"adopted, and closed twice");
}

void coverage_sum_up(struct tracer *tracer)
{
	warn_of_rings(tracer);
	warn_of_doubt(tracer);
	warn_of_untraced(tracer);
	free(tracer->coverage.ring_makers);
	tracer->coverage = (struct coverage){0};
}
