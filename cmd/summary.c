#include "cmd/summary.h"

#include <inttypes.h>
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
static uint64_t stacks_ended(const struct report *report, enum stack_end end)
{
	uint64_t count = 0;

	for (size_t i = 0; report->stacks && i < report->snapshot->sockets_count; i++) {
		const uint32_t id = report->snapshot->sockets[i].opened_by.stack;

		count += id && report->stacks[id]->end == end;
	}
	return count;
}

static void collect_warnings(struct summary *summary, const struct options *options, bool chance,
	const struct trace_outcome *outcome)
{
	struct report *report = &summary->report;
	size_t count = 0;

	summary->warnings =
		alloc_zeroed(1 + STACK_FOREIGN + outcome->warnings_count + report->filters_count,
			sizeof(*summary->warnings));
	if (chance)
		summary->warnings[count++] =
			alloc_text("seed %" PRIu64 " (repeat with --seed=%" PRIu64 ")",
				options->seed, options->seed);
	for (size_t i = 0; i < outcome->warnings_count; i++)
		summary->warnings[count++] = alloc_text("%s", outcome->warnings[i]);
	for (enum stack_end end = STACK_WHOLE + 1; end <= STACK_FOREIGN; end++) {
		const uint64_t ended = stacks_ended(report, end);

		if (ended)
			summary->warnings[count++] = alloc_text(
				"stacks of %" PRIu64 " sockets: %s", ended, stack_end_text(end));
	}
	for (size_t i = 0; !options->require_fired && i < report->filters_count; i++) {
		if (!report->filters[i].fired)
			summary->warnings[count++] =
				alloc_text("%s never fired", report->filters[i].option);
	}
	report->warnings = (const char *const *)summary->warnings;
	report->warnings_count = count;
}

void summary_make(struct summary *summary, const struct options *options,
	const struct switchboard *sw, const struct places *places, struct tracer *tracer,
	const struct trace_outcome *outcome)
{
	const struct filters *filters = switch_filters(sw);

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
	collect_warnings(summary, options, filters_use_chance(filters), outcome);
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
