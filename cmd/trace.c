#include "cmd/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/alloc.h"
#include "cmd/control.h"
#include "cmd/message.h"
#include "cmd/options.h"
#include "cmd/output.h"
#include "cmd/status.h"
#include "cmd/summary.h"
#include "cmd/suppressions.h"
#include "trace/signals.h"

/* A report next to the usual one. */
struct further {
	const struct report_format *format;
	struct output *output;
};

/* What a run needs, made before the program starts so that nothing of it can go wrong later. */
struct run {
	const struct options *options;
	struct filters *filters;
	struct switchboard *sw;
	struct stacks *stacks;             /* NULL: none are needed */
	struct suppressions *suppressions; /* NULL: none */
	struct control *control;           /* NULL: nobody controls it */
	struct output *report;             /* NULL: no report is wanted */
	struct further *further;           /* one for each of options->reports */
	struct output *events;             /* NULL: not asked for */
	struct event_writer writer;
	struct output *warnings; /* NULL: the report has them, or they are not wanted */
	uint32_t stacks_written; /* the greatest number of a stack that the events have */
	bool running, timed_out;
	uint64_t deadline_ns; /* of CLOCK_MONOTONIC; 0: none */
};

static struct filters *make_filters(const struct options *options)
{
	struct filters *filters = filters_new(options->seed);
	struct error error;

	if (!filters)
		message_exit("out of memory");
	for (size_t i = 0; i < options->filters_count; i++) {
		const struct filter_request *request = &options->filters[i];

		switch (filters_add(filters, request->option, request->value, &error)) {
		case 0:
			break;
		case -ENOMEM:
			message_exit("out of memory");
		default:
			filters_free(filters);
			message_exit("%s", error.text);
		}
	}
	if (filters_asking(filters) && !options->control)
		message_exit(
			"%s: nobody can be asked without --control=PATH", filters_asking(filters));
	return filters;
}

/* Refuses an output of --OPTION=VALUE that would overwrite the report, or a further one before it. */
static void refuse_same(const struct run *run, const struct output *output, size_t further,
	const char *option, const char *value)
{
	bool same = run->report && output_same_file(run->report, output);

	for (size_t i = 0; i < further; i++)
		same |= output_same_file(run->further[i].output, output);
	if (same)
		message_exit("--%s=%s: the report goes to the same file", option, value);
}

static void open_outputs(struct run *run)
{
	const struct options *options = run->options;
	const size_t further = options->reports_count;

	if (options->output || !options->quiet)
		run->report = output_open("--output", options->output, options->output);
	run->further = alloc_zeroed(further, sizeof(*run->further));
	for (size_t i = 0; i < further; i++) {
		const struct report_request *request = &options->reports[i];

		run->further[i] = (struct further){.format = request->format,
			.output = output_open("--format", request->value, request->file)};
		refuse_same(run, run->further[i].output, i, "format", request->value);
	}
	if (options->events) {
		run->events =
			output_open("--events", options->events_output, options->events_output);
		output_set_unbuffered(run->events);
		refuse_same(run, run->events, further, "events",
			options->events_output ? options->events_output : "(stderr)");
	}
	if (!options->quiet && !options->format->warns)
		run->warnings = output_open("warnings", NULL, NULL);
}

/* Only when nothing was refused: else old files are left as they were, and no command starts. */
static void begin_outputs(struct run *run)
{
	if (run->report)
		output_begin(run->report);
	for (size_t i = 0; i < run->options->reports_count; i++)
		output_begin(run->further[i].output);
	if (run->events)
		output_begin(run->events);
}

static struct run prepare(const struct options *options)
{
	struct run run = {.options = options, .filters = make_filters(options)};
	struct error error;

	run.sw = switch_new(options->rules, run.filters);
	run.suppressions = suppressions_read(options);
	/* Filters that come later may need them. */
	if (options->stack || options->leak_check != LEAK_CHECK_NO || options->control ||
		filters_use_stacks(run.filters)) {
		run.stacks = stacks_new();
		if (!run.stacks)
			message_exit("out of memory");
	}
	if (!run.sw)
		message_exit("out of memory");
	open_outputs(&run);
	/* Not before: what was opened may have waited, for the reader of a fifo, to be interrupted. */
	if (signals_begin(&error))
		message_exit("%s", error.text);
	if (options->control)
		run.control = control_open(
			options, run.sw, &(struct places){run.stacks, run.suppressions});
	begin_outputs(&run);
	return run;
}

/* status: 0 or -errno, what writing an event gave. */
static void note_event(struct run *run, int status)
{
	if (status)
		output_fail(run->events, -status);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Whoever reads the events is waited for as long as the run has time. */
static bool is_overdue(void *context)
{
	const struct run *run = context;

	if (!run->running)
		return run->timed_out;
	return trace_is_to_end() ||
	       (run->deadline_ns && clock_ns(CLOCK_MONOTONIC) >= run->deadline_ns);
}

static void begin_events(struct run *run)
{
	const struct options *options = run->options;
	const struct recording_head head = {
		.command = (const char *const *)options->command,
		.rules = options->rules == COUNT_GO ? "go" : "socktest",
		.start_ns = clock_ns(CLOCK_REALTIME),
		.clock = options->clock,
		.leak_check = options->leak_check != LEAK_CHECK_NO,
		.suppressions = run->suppressions ? suppressions_texts(run->suppressions) : NULL,
	};
	note_event(run, events_begin(&run->writer, options->events_format,
				output_stream(run->events), &head));
}

/* All up to this one that were not yet: each goes out once. */
static void write_stacks(struct run *run, uint64_t time_ns, uint32_t id)
{
	while (run->writer.format->stack && run->stacks_written < id &&
		!output_failed(run->events)) {
		const uint32_t next = ++run->stacks_written;

		note_event(run,
			events_stack(&run->writer, time_ns, next, stacks_text(run->stacks, next)));
	}
}

static void write_event(void *context, const struct event *event)
{
	struct run *run = context;

	write_stacks(run, event->time_ns, event->stack_id);
	if (!output_failed(run->events))
		note_event(run, events_call(&run->writer, event));
}

static void write_change(void *context, uint64_t time_ns, const struct sock_change *change)
{
	struct run *run = context;

	write_stacks(run, time_ns, change->stack);
	if (!output_failed(run->events))
		note_event(run, events_socket(&run->writer, time_ns, change));
}

static int failed_status(int error, bool started)
{
	if (!started && error == -ENOENT)
		return STATUS_NOT_FOUND;
	if (!started && error == -EACCES)
		return STATUS_NOT_EXECUTABLE;
	return STATUS_FAILED;
}

static void write_report(const struct run *run, struct output *output,
	const struct report_format *format, const struct report *report)
{
	struct report_style style = terminal_style(output_fd(output), run->options->color);
	int error;

	output_begin_anew(output);
	error = format->write(report, &style, output_stream(output));
	if (error)
		output_fail(output, -error);
}

static void write_reports(const struct run *run, const struct report *report)
{
	const struct options *options = run->options;

	if (run->report)
		write_report(run, run->report, options->format, report);
	for (size_t i = 0; i < options->reports_count; i++)
		write_report(run, run->further[i].output, run->further[i].format, report);
}

static void write_warnings(struct run *run, const struct report *report)
{
	int error = report_write_warnings(report, output_stream(run->warnings));

	if (error)
		output_fail(run->warnings, -error);
}

/* The program's own ending stands, unless all was well but for a check. */
static int checked_status(const struct options *options, const struct report *report)
{
	if (report->signaled)
		return -report->status;
	if (report->status)
		return report->status;
	for (size_t i = 0; i < report->checks_count; i++) {
		if (!report->checks[i].ok)
			return options->error_exitcode;
	}
	return 0;
}

static void print_failed_checks(const struct report *report)
{
	for (size_t i = 0; i < report->checks_count; i++) {
		if (!report->checks[i].ok)
			message_print("check %s failed: %s", report->checks[i].name,
				report->checks[i].detail);
	}
}

/* In a report it is among the warnings. */
static void print_seed(const struct run *run)
{
	const struct options *options = run->options;

	if (options->quiet && !options->silent && !run->report && options->seed_by_chance &&
		filters_use_chance(run->filters))
		message_print(SUMMARY_SEED, options->seed, options->seed);
}

static int conclude(struct run *run, const struct trace_outcome *outcome)
{
	const struct options *options = run->options;
	struct summary summary;
	int status;

	summary_make(&summary, options, run->sw, &(struct places){run->stacks, run->suppressions},
		NULL, outcome);
	if (run->events && !output_failed(run->events))
		note_event(run, events_end(&run->writer, &summary.report));
	write_reports(run, &summary.report);
	if (run->warnings)
		write_warnings(run, &summary.report);
	if (!options->silent && (options->quiet || options->output || !options->format->checks))
		print_failed_checks(&summary.report);
	print_seed(run);
	status = outcome->timed_out ? STATUS_TIMED_OUT : checked_status(options, &summary.report);
	summary_clear(&summary);
	return status;
}

/* SIGUSR1: how far it is by now. */
static void report_now(void *context, struct tracer *tracer, const struct trace_outcome *so_far)
{
	struct run *run = context;
	struct summary summary;

	if (!run->report && !run->options->reports_count)
		return;
	summary_make(&summary, run->options, run->sw,
		&(struct places){run->stacks, run->suppressions}, tracer, so_far);
	write_reports(run, &summary.report);
	summary_clear(&summary);
}

static struct trace_attention attend(
	void *context, struct tracer *tracer, const struct trace_outcome *so_far, bool each_stop)
{
	struct run *run = context;

	return control_attend(run->control, tracer, so_far, each_stop);
}

static bool ask(void *context, const struct question *question)
{
	struct run *run = context;

	return control_ask(run->control, question);
}

static void unask(void *context, uint64_t number)
{
	struct run *run = context;

	control_unask(run->control, number);
}

static void end_child(void *context, pid_t pid, int status)
{
	struct run *run = context;

	output_child_ended(run->events, pid, status);
	output_child_ended(run->report, pid, status);
	for (size_t i = 0; i < run->options->reports_count; i++)
		output_child_ended(run->further[i].output, pid, status);
}

static void begin_time(struct run *run)
{
	const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	run->running = true;
	if (run->options->timeout_ns &&
		__builtin_add_overflow(now_ns, run->options->timeout_ns, &run->deadline_ns))
		run->deadline_ns = 0;
	output_hurry(run->events, is_overdue, run);
	output_hurry(run->report, is_overdue, run);
}

/* The report of a run that is over may be read at leisure. */
static void end_time(struct run *run, const struct trace_outcome *outcome)
{
	run->running = false;
	run->timed_out = outcome->timed_out;
	output_hurry(run->report, NULL, NULL);
}

static int execute(struct run *run)
{
	const struct options *options = run->options;
	const struct trace_options trace_options = {
		.command = options->command,
		.attach = options->attach,
		.attach_count = options->attach_count,
		.follow = options->follow,
		.wait = options->wait,
		.seccomp = options->seccomp,
		.io_uring = options->io_uring,
		.timeout_ns = options->timeout_ns,
		.verbose = options->verbose,
		.on_event = run->events ? write_event : NULL,
		.on_socket = run->events ? write_change : NULL,
		.on_attention = run->control ? attend : NULL,
		.on_ask = run->control ? ask : NULL,
		.on_unask = run->control ? unask : NULL,
		.on_child = end_child,
		.on_report = report_now,
		.context = run,
		.stacks = run->stacks,
		.stacks_of_sockets = options->stack || options->leak_check != LEAK_CHECK_NO,
		.stacks_of_events = options->stack,
	};
	struct trace_outcome outcome = {.started = false};
	struct error error = {.text = ""};
	if (run->events)
		begin_events(run);
	begin_time(run);
	int failure = trace_run(&trace_options, run->sw, &outcome, &error);
	end_time(run, &outcome);
	int status;

	control_end(run->control, &outcome);
	if (failure) {
		message_print("%s", *error.text ? error.text : strerror(-failure));
		status = failed_status(failure, outcome.started);
	} else {
		status = conclude(run, &outcome);
	}
	control_close(run->control);
	trace_outcome_clear(&outcome);
	return status;
}

/* Returns whether all that was asked for was written. */
static bool finish(struct run *run)
{
	bool good = output_close(run->events);

	good &= output_close(run->report);
	for (size_t i = 0; i < run->options->reports_count; i++)
		good &= output_close(run->further[i].output);
	good &= output_close(run->warnings);
	free(run->further);
	switch_free(run->sw);
	filters_free(run->filters);
	stacks_free(run->stacks);
	suppressions_free(run->suppressions);
	return good;
}

int trace_command(int argc, char **argv)
{
	const struct options options = options_parse(argc, argv);
	struct run run = prepare(&options);
	int status = execute(&run);

	/* That the time was up is what counts, and may be why an output was given up. */
	if (!finish(&run) && !run.timed_out)
		status = STATUS_FAILED;
	options_free(&options);
	return status;
}
