#include "cmd/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/alloc.h"
#include "cmd/checks.h"
#include "cmd/message.h"

/* The command of a process is noted when it ends. */
static void name_holders(const struct snapshot *snapshot, const struct tracer *tracer)
{
	for (size_t i = 0; i < snapshot->sockets_count; i++) {
		struct socket_row *const row = &snapshot->sockets[i];

		if (!*row->command)
			snprintf(row->command, sizeof(row->command), "%s",
				trace_comm(tracer, row->pid));
	}
}

/* Only those of inflight sockets are looked up: that takes its time. */
static void take_stacks(struct summary *summary, struct stacks *stacks)
{
	if (!stacks)
		return;
	summary->stacks = alloc_zeroed(stacks_count(stacks) + 1UL, sizeof(*summary->stacks));
	for (size_t i = 0; i < summary->snapshot.sockets_count; i++) {
		const uint32_t id = summary->snapshot.sockets[i].opened_by.stack;

		if (id)
			summary->stacks[id] = stacks_text(stacks, id);
	}
	summary->report.stacks = summary->stacks;
}

static void suppress(struct summary *summary, const struct places *places)
{
	for (size_t i = 0; places->suppressions && i < summary->snapshot.sockets_count; i++) {
		struct socket_row *const row = &summary->snapshot.sockets[i];
		const uint32_t id = row->opened_by.stack;

		row->suppressed = suppressions_match(places->suppressions, row,
			id ? stacks_functions(places->stacks, id) : NULL);
	}
}

static void take_tallies(struct summary *summary, const struct filters *filters)
{
	size_t count = filters_count(filters);

	summary->tallies = alloc_zeroed(count, sizeof(*summary->tallies));
	for (size_t i = 0; i < count; i++)
		summary->tallies[i] = filters_tally(filters, i);
	summary->report.filters = summary->tallies;
	summary->report.filters_count = count;
}

/* Of how many sockets the stack is shown and ends so. */
static uint64_t shown_ended(const struct report *report, enum stack_end end)
{
	uint64_t count = 0;

	for (size_t i = 0; report->stacks && i < report->snapshot->sockets_count; i++) {
		const uint32_t id = report->snapshot->sockets[i].opened_by.stack;

		count += id && report->stacks[id]->end == end;
	}
	return count;
}

static void __attribute__((format(printf, 2, 3)))
warn(struct summary *summary, const char *format, ...)
{
	const size_t count = summary->report.warnings_count;
	va_list arguments;

	summary->warnings = reallocarray(summary->warnings, count + 1, sizeof(*summary->warnings));
	va_start(arguments, format);
	if (!summary->warnings || vasprintf(&summary->warnings[count], format, arguments) < 0)
		message_exit("out of memory");
	va_end(arguments);
	summary->report.warnings = (const char *const *)summary->warnings;
	summary->report.warnings_count++;
}

/* A condition that looks at stacks does not find what is on the part that cannot be read. */
static void warn_of_stacks(
	struct summary *summary, const struct filters *filters, const struct stacks *stacks)
{
	for (enum stack_end end = STACK_WHOLE + 1; stacks && end <= STACK_FOREIGN; end++) {
		const uint64_t shown = shown_ended(&summary->report, end);
		const uint64_t taken = stacks_ended(stacks, end);

		if (shown)
			warn(summary, "stacks of %" PRIu64 " sockets: %s", shown,
				stack_end_text(end));
		if (taken && filters_use_stacks(filters))
			warn(summary,
				"stack= may have missed calls: %" PRIu64 " stack%s not whole (%s)",
				taken, taken == 1 ? " is" : "s are", stack_end_text(end));
	}
}

static void collect_warnings(struct summary *summary, const struct options *options,
	const struct filters *filters, const struct stacks *stacks,
	const struct trace_outcome *outcome)
{
	const struct report *const report = &summary->report;

	if (filters_use_chance(filters))
		warn(summary, SUMMARY_SEED, options->seed, options->seed);
	for (size_t i = 0; i < outcome->warnings_count; i++)
		warn(summary, "%s", outcome->warnings[i]);
	warn_of_stacks(summary, filters, stacks);
	for (size_t i = 0; !options->require_fired && i < report->filters_count; i++) {
		if (!report->filters[i].fired)
			warn(summary, "%s never fired", report->filters[i].option);
	}
}

static void begin(
	struct summary *summary, const struct options *options, const struct trace_outcome *outcome)
{
	*summary = (struct summary){
		.report = {.command = (const char *const *)options->command,
			.law = options->rules == COUNT_SOCKTEST,
			.leaks = options->leak_check != LEAK_CHECK_NO,
			.cut_off = outcome->running,
			.signaled = outcome->signaled,
			.status = outcome->status,
			.duration_ns = outcome->duration_ns,
			.snapshot = &summary->snapshot},
	};
}

void summary_make_stats(struct summary *summary, const struct options *options,
	const struct switchboard *sw, const struct trace_outcome *outcome)
{
	begin(summary, options, outcome);
	if (switch_stats(sw, &summary->snapshot))
		message_exit("out of memory");
}

void summary_make(struct summary *summary, const struct options *options,
	const struct switchboard *sw, const struct places *places, struct tracer *tracer,
	const struct trace_outcome *outcome)
{
	const struct filters *filters = switch_filters(sw);

	begin(summary, options, outcome);
	if (tracer)
		trace_refresh_addresses(tracer);
	if (switch_snapshot(sw, outcome->duration_ns, &summary->snapshot))
		message_exit("out of memory");
	if (tracer)
		name_holders(&summary->snapshot, tracer);
	take_stacks(summary, places->stacks);
	suppress(summary, places);
	take_tallies(summary, filters);
	summary->checks =
		checks_make(options, &summary->report, outcome, &summary->report.checks_count);
	summary->report.checks = summary->checks;
	collect_warnings(summary, options, filters, places->stacks, outcome);
}

void summary_clear(struct summary *summary)
{
	for (size_t i = 0; i < summary->report.warnings_count; i++)
		free(summary->warnings[i]);
	free(summary->warnings);
	checks_free(summary->checks, summary->report.checks_count);
	free(summary->stacks);
	free(summary->tallies);
	snapshot_clear(&summary->snapshot);
}
