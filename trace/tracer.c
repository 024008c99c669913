/* The run as a whole: preparation, the one place that blocks, and the end. */
#include "trace/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trace/procfs.h"
#include "trace/seccomp.h"
#include "trace/signals.h"
#include "trace/stuck.h"
#include "trace/tracer.h"
#include "trace/untraced.h"

enum { NS_PER_S = 1000000000 };

/* Between SIGTERM and SIGKILL. */
static const uint64_t grace_ns = 2 * (uint64_t)NS_PER_S;

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t tracer_now_ns(const struct tracer *tracer)
{
	return clock_ns() - tracer->start_ns;
}

uint64_t tracer_event_ns(const struct tracer *tracer)
{
	return tracer->ended_ns ? tracer->ended_ns : tracer_now_ns(tracer);
}

void trace_warn(struct tracer *tracer, const char *format, ...)
{
	struct trace_outcome *const outcome = tracer->outcome;
	char *text = NULL;
	va_list args;

	va_start(args, format);
	const int length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		abort();
	for (size_t i = 0; i < outcome->warnings_count; i++)
		if (strcmp(outcome->warnings[i], text) == 0) {
			free(text);
			return;
		}
	char **const grown = reallocarray(
		outcome->warnings, outcome->warnings_count + 1, sizeof(*outcome->warnings));
	if (!grown)
		abort();
	outcome->warnings = grown;
	outcome->warnings[outcome->warnings_count++] = text;
}

bool trace_is_to_end(void)
{
	return signals_pending();
}

const char *trace_comm(const struct tracer *tracer, pid_t pid)
{
	const struct tracee *const tracee = tracee_of_process(&tracer->tracees, pid);

	return tracee ? tracee->comm : "";
}

/* ---- preparation ---- */

void trace_filters_changed(struct tracer *tracer)
{
	const struct filters *const filters = switch_filters(tracer->sw);
	bool any = false;

	for (int kind = 0; filters && kind < CALL_FILTERABLE; kind++) {
		tracer->needs[kind] = filters_needs(filters, (enum call_kind)kind, &any);
		if (tracer->needs[kind] & FILTER_NEEDS_LOCAL)
			tracer->choice.local_address = true;
		if (kind == CALL_GETSOCKOPT && any)
			tracer->choice.getsockopt = true;
	}
}

static void choose_stops(struct tracer *tracer)
{
	const struct trace_options *const options = tracer->options;

	trace_filters_changed(tracer);
	/* What is not stopped from the start cannot be later. */
	if (options->on_attention)
		tracer->choice.getsockopt = true;
	if (options->on_attention || options->on_event)
		tracer->choice.local_address = true;
	tracer->choice.map = options->stacks != NULL;
}

static int prepare(struct tracer *tracer, struct error *error)
{
	const enum seccomp_use use = tracer->options->seccomp;

	if (!proc_is_usable())
		return error_set(error, EIO,
			"/proc is not mounted, or that of another pid namespace: socktest reads "
			"there what "
			"programs have open (mount -t proc proc /proc)");
	syscalls_init();
	choose_stops(tracer);
	/*
	 * A task that carries the filter and is let go, or not followed, would get ENOSYS where it
	 * says RET_TRACE.
	 */
	tracer->seccomp = use != SECCOMP_OFF && tracer->options->follow && tracer->options->wait &&
			  !tracer->options->attach_count;
	if (!tracer->seccomp)
		return 0;
	tracer->own_filters = proc_seccomp_filters(getpid());
	const int status = seccomp_build(false, &tracer->choice, &tracer->first, error);
	return status ? status : seccomp_build(true, &tracer->choice, &tracer->owner, error);
}

static int start(struct tracer *tracer, struct error *error)
{
	if (tracer->options->attach_count)
		return attach_start(tracer, error);
	untraced_begin(tracer);
	const int status = launch_start(&tracer->launch, tracer->options->command,
		tracer->seccomp ? &tracer->first : NULL, tracer->options->seccomp == SECCOMP_ON,
		LAUNCH_OPTIONS | (tracer->seccomp ? PTRACE_O_TRACESECCOMP : 0), error);

	if (status)
		return status;
	const pid_t pid = tracer->launch.pid;
	struct tracee *const tracee = tracee_add(&tracer->tracees, pid, pid);
	if (!tracee)
		abort();
	tracee->table = fdtable_new();
	if (!tracee->table)
		abort();
	return 0;
}

/* ---- the loop ---- */

static void signal_all(const struct tracer *tracer, int signal)
{
	for (const struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->tid == tracee->tgid)
			(void)kill(tracee->tgid, signal);
}

/* What a person or a script sends to us is meant for the program. */
static void pass_on(struct tracer *tracer, int signal, bool by_terminal)
{
	/* A held task could not take the signal, and would not in a slow call of the kernel's. */
	held_release_due(tracer, UINT64_MAX);
	if (tracer->options->attach_count)
		return attach_leave(tracer);
	if (by_terminal)
		return;
	/* timeout(1) and others send it to us and to our process group: two at once are one. */
	if (signal == SIGTERM && tracer->terminated_ns &&
		tracer_now_ns(tracer) - tracer->terminated_ns > NS_PER_S)
		signal_all(tracer, SIGKILL);
	else if (signal == SIGTERM || tracer->ended)
		signal_all(tracer, signal);
	else
		(void)kill(tracer->launch.pid, signal);
	if (signal == SIGTERM && !tracer->terminated_ns)
		tracer->terminated_ns = tracer_now_ns(tracer);
}

/* When --timeout has to do something, 0: never (again). The program's time begins with its exec. */
static uint64_t timeout_deadline(const struct tracer *tracer)
{
	if (!tracer->options->timeout_ns || !tracer->outcome->started || tracer->leaving ||
		tracer->killing)
		return 0;
	return tracer->kill_at_ns ? tracer->kill_at_ns : tracer->options->timeout_ns;
}

static void end_in_time(struct tracer *tracer, uint64_t now_ns)
{
	const uint64_t deadline = timeout_deadline(tracer);

	if (!deadline || now_ns < deadline)
		return;
	if (tracer->kill_at_ns) {
		tracer->killing = true;
		untraced_signal(tracer, SIGKILL);
		return signal_all(tracer, SIGKILL);
	}
	tracer->outcome->timed_out = true;
	tracer->kill_at_ns = now_ns + grace_ns;
	stuck_warn(tracer);
	/* A held task could not take the signal, and a stopped one only when it goes on. */
	held_release_due(tracer, UINT64_MAX);
	if (tracer->options->attach_count)
		return attach_leave(tracer);
	untraced_signal(tracer, SIGTERM);
	untraced_signal(tracer, SIGCONT);
	signal_all(tracer, SIGTERM);
	signal_all(tracer, SIGCONT);
}

static void arm(struct tracer *tracer, uint64_t deadline_ns)
{
	tracer->armed_ns = deadline_ns;
	signals_interrupt_at(deadline_ns ? tracer->start_ns + deadline_ns : 0);
}

static uint64_t sooner(uint64_t one, uint64_t other)
{
	return one && (!other || one < other) ? one : other;
}

static const struct trace_outcome *so_far(const struct tracer *tracer)
{
	tracer->outcome->duration_ns = tracer_now_ns(tracer);
	tracer->outcome->running = true;
	return tracer->outcome;
}

/* It does its own reading and writing, which is not to be cut off. */
static void attend(struct tracer *tracer, bool each_stop)
{
	const struct trace_options *const options = tracer->options;

	if (!options->on_attention)
		return;
	signals_hold();
	tracer->attention =
		options->on_attention(options->context, tracer, so_far(tracer), each_stop);
	signals_let();
}

static void report_now(struct tracer *tracer)
{
	const struct trace_options *const options = tracer->options;

	if (options->on_report)
		options->on_report(options->context, tracer, so_far(tracer));
}

static void take_signal(struct tracer *tracer, int signal, bool by_terminal)
{
	if (signal == SIGIO)
		attend(tracer, false);
	else if (signal == SIGUSR1)
		report_now(tracer);
	else
		pass_on(tracer, signal, by_terminal);
}

static void attend_in_time(struct tracer *tracer)
{
	const struct trace_attention *const attention = &tracer->attention;
	const bool due = attention->at_ns && attention->at_ns <= tracer_now_ns(tracer);

	if (due || attention->each_stop)
		attend(tracer, !due);
}

static uint64_t nearest_deadline(const struct tracer *tracer)
{
	return sooner(sooner(tracer->attention.at_ns, attach_leave_deadline(tracer)),
		sooner(held_nearest_ns(tracer), timeout_deadline(tracer)));
}

/* What is due by now; and the timer is set for what will be next. */
static void keep_time(struct tracer *tracer, bool interrupted)
{
	attend_in_time(tracer);
	if (tracer->held)
		held_release_due(tracer, tracer_now_ns(tracer));
	if (tracer->options->timeout_ns)
		end_in_time(tracer, tracer_now_ns(tracer));
	if (tracer->leaving)
		attach_leave_in_time(tracer, tracer_now_ns(tracer));
	const uint64_t deadline = nearest_deadline(tracer);
	if (interrupted || deadline != tracer->armed_ns)
		arm(tracer, deadline);
}

/* What has come but for stops: our own signals, and deadlines. */
static void look_around(struct tracer *tracer, bool interrupted)
{
	bool by_terminal;
	int signal;

	/* Before the signals are taken: one that comes in between sets the timer again. */
	keep_time(tracer, interrupted);
	while ((signal = signals_take(&by_terminal)) != 0) {
		take_signal(tracer, signal, by_terminal);
		keep_time(tracer, false); /* there may be a new deadline */
	}
}

/*
 * The one place that blocks, until no tracee is left. Not until no child is: a shell that executed
 * us may have left us some of its own. One that is traced, but has not shown itself yet, does not
 * block either.
 */
static void loop(struct tracer *tracer)
{
	bool interrupted = false;

	attend(tracer, false);
	for (;;) {
		struct wait_status next;
		look_around(tracer, interrupted);
		if (tracer->left)
			return;
		const int error = pending_next(tracer, &next);
		interrupted = error == -EINTR;
		if (interrupted)
			continue;
		if (error)
			return;
		/* One that was forked while the others were killed. */
		if (tracer->killing && WIFSTOPPED(next.status))
			(void)kill(next.tid, SIGKILL);
		stops_handle(tracer, next.tid, next.status);
	}
}

static void forget_all(struct tracer *tracer)
{
	while (tracer->tracees)
		stops_forget(tracer, tracer->tracees);
}

static int launch_error(const struct tracer *tracer, struct error *error)
{
	const char *const command = tracer->options->command[0];
	const int exec_error = tracer->report.exec_error;

	if (exec_error == ENOENT && !tracer->report.found)
		return error_set(error, ENOENT, "%s: not found", command);
	if (exec_error == ENOENT)
		return error_set(error, EACCES,
			"%s: cannot be executed: the interpreter that it names does not exist",
			command);
	if (exec_error)
		return error_set(
			error, EACCES, "%s: cannot be executed: %s", command, strerror(exec_error));
	if (tracer->report.filter_error)
		return error_set(error, EPERM,
			"--seccomp=on: the kernel takes no seccomp filter: %s; --seccomp=auto does "
			"without",
			strerror(tracer->report.filter_error));
	return error_set(error, EIO, "%s: ended before it was executed", command);
}

static int follow(struct tracer *tracer, struct error *error)
{
	loop(tracer);
	untraced_end(tracer);
	forget_all(tracer);
	coverage_sum_up(tracer);
	tracer->outcome->duration_ns = tracer_now_ns(tracer);
	tracer->outcome->running = false;
	if (tracer->lacking)
		return error_set(error, ENOSYS,
			"the kernel is too old or forbids PTRACE_GET_SYSCALL_INFO (%s): socktest "
			"needs Linux 5.3 or later",
			strerror(tracer->lacking));
	if (tracer->outcome->started)
		return 0;
	launch_collect(&tracer->launch, &tracer->report);
	return launch_error(tracer, error);
}

static void observe(void *context, const struct sock_change *change)
{
	const struct tracer *tracer = context;

	tracer->options->on_socket(tracer->options->context, tracer_event_ns(tracer), change);
}

int trace_run(const struct trace_options *options, struct switchboard *sw,
	struct trace_outcome *outcome, struct error *error)
{
	struct tracer tracer = {
		.options = options, .sw = sw, .outcome = outcome, .start_ns = clock_ns()};
	int status;

	*outcome = (struct trace_outcome){0};
	if (options->on_socket)
		switch_observe(sw, observe, &tracer);
	status = prepare(&tracer, error);
	if (!status) {
		status = start(&tracer, error);
		if (!status)
			status = follow(&tracer, error);
		else
			forget_all(&tracer); /* attached to before one could not be */
	}
	signals_end();
	switch_observe(sw, NULL, NULL);
	pending_clear(&tracer.pending);
	free(tracer.first.filter);
	free(tracer.owner.filter);
	return status;
}

void trace_outcome_clear(struct trace_outcome *outcome)
{
	for (size_t i = 0; i < outcome->warnings_count; i++)
		free(outcome->warnings[i]);
	free(outcome->warnings);
	*outcome = (struct trace_outcome){0};
}
