/* What was merged as one report; where it is of several recordings, each of them is told apart. */
#include <stdlib.h>

#include "report/merge.h"

struct merge_outcome {
	const char **warnings;
	struct check *checks;
	struct report *parts;
};

static const char *const no_command[] = {NULL};

void merge_outcome_clear(struct merge *merge)
{
	if (!merge->outcome)
		return;
	free(merge->outcome->warnings);
	free(merge->outcome->checks);
	free(merge->outcome->parts);
	free(merge->outcome);
	merge->outcome = NULL;
}

static struct merge_outcome *new_outcome(const struct merge *merge)
{
	const struct report *const report = &merge->report;
	struct merge_outcome *const outcome = calloc(1, sizeof(*outcome));

	if (!outcome)
		return NULL;
	outcome->warnings = calloc(report->warnings_count + 1, sizeof(*outcome->warnings));
	outcome->checks = calloc(report->checks_count + 1, sizeof(*outcome->checks));
	outcome->parts = calloc(merge->parts_count + 1, sizeof(*outcome->parts));
	return outcome;
}

static const char *after_name(struct merge *merge, const struct merge_part *part, const char *text)
{
	char *named;

	return merge_keep(merge, asprintf(&named, "%s: %s", part->name, text) < 0 ? NULL : named);
}

/* The part with all that comes before the next one. */
static void make_part(struct merge *merge, size_t i)
{
	struct merge_outcome *const outcome = merge->outcome;
	const struct merge_part *const part = &merge->parts[i], *const next = part + 1;
	const bool last = i + 1 == merge->parts_count;
	const size_t checks_end = last ? merge->report.checks_count : next->checks;
	const size_t warnings_end = last ? merge->report.warnings_count : next->warnings;

	for (size_t at = part->checks; at < checks_end; at++) {
		outcome->checks[at] = merge->checks[at];
		outcome->checks[at].name = after_name(merge, part, merge->checks[at].name);
	}
	for (size_t at = part->warnings; at < warnings_end; at++)
		outcome->warnings[at] = merge->warnings[at].named
						? merge->warnings[at].text
						: after_name(merge, part, merge->warnings[at].text);
	outcome->parts[i] = (struct report){
		.name = part->name,
		.unread = part->unread,
		.command = part->end.command ? part->end.command : no_command,
		.cut_off = part->end.cut_off,
		.signaled = part->end.signaled,
		.status = part->end.status,
		.duration_ns = part->end.duration_ns,
		.snapshot = &merge->snapshot,
		.checks = merge->checks + part->checks,
		.checks_count = checks_end - part->checks,
		.warnings = outcome->warnings + part->warnings,
		.warnings_count = warnings_end - part->warnings,
	};
}

static void make_one(const struct merge *merge)
{
	struct merge_outcome *const outcome = merge->outcome;

	for (size_t i = 0; i < merge->report.checks_count; i++)
		outcome->checks[i] = merge->checks[i];
	for (size_t i = 0; i < merge->report.warnings_count; i++)
		outcome->warnings[i] = merge->warnings[i].text;
}

static bool make_outcome(struct merge *merge)
{
	struct merge_outcome *outcome;

	merge_outcome_clear(merge);
	merge->outcome = outcome = new_outcome(merge);
	if (!outcome || !outcome->warnings || !outcome->checks || !outcome->parts)
		return false;
	if (merge->parts_count < 2)
		make_one(merge);
	for (size_t i = 0; merge->parts_count > 1 && i < merge->parts_count; i++)
		make_part(merge, i);
	return true;
}

const struct report *merge_report(struct merge *merge)
{
	struct report *const report = &merge->report;

	if (!make_outcome(merge) || merge->no_memory)
		return NULL;
	if (!report->command)
		report->command = no_command;
	report->snapshot = &merge->snapshot;
	report->stacks = merge->stacks;
	report->filters = merge->filters;
	report->checks = merge->outcome->checks;
	report->warnings = merge->outcome->warnings;
	report->parts = merge->outcome->parts;
	report->parts_count = merge->parts_count > 1 ? merge->parts_count : 0;
	return report;
}
