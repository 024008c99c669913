#include "report/merge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

/* Room for one more; NULL: no memory, and then the array is as it was. */
static void *grow(struct merge *merge, void *array, size_t count, size_t size)
{
	void *const grown = reallocarray(array, count + 1, size);

	if (!grown)
		merge->no_memory = true;
	return grown;
}

void merge_clear(struct merge *merge)
{
	for (size_t i = 0; i < merge->texts_count; i++)
		free(merge->texts[i]);
	free(merge->texts);
	free(merge->filters);
	free(merge->checks);
	free(merge->warnings);
	merge_outcome_clear(merge);
	free(merge->parts);
	merge_stacks_clear(merge);
	snapshot_clear(&merge->snapshot);
	*merge = (struct merge){0};
}

const char *merge_keep(struct merge *merge, char *text)
{
	char **const grown =
		text ? grow(merge, merge->texts, merge->texts_count, sizeof(*grown)) : NULL;

	if (!grown) {
		merge->no_memory = true;
		free(text);
		return "";
	}
	merge->texts = grown;
	return grown[merge->texts_count++] = text;
}

struct sockstat *merge_stat(struct merge *merge, socket_cookie cookie)
{
	struct snapshot *const snapshot = &merge->snapshot;
	size_t at = 0;

	while (at < snapshot->stats_count && snapshot->stats[at].cookie < cookie)
		at++;
	if (at < snapshot->stats_count && snapshot->stats[at].cookie == cookie)
		return &snapshot->stats[at];

	struct sockstat *const grown =
		grow(merge, snapshot->stats, snapshot->stats_count, sizeof(*grown));

	if (!grown)
		return NULL;
	memmove(grown + at + 1, grown + at, (snapshot->stats_count - at) * sizeof(*grown));
	grown[at] = (struct sockstat){.cookie = cookie};
	snapshot->stats = grown;
	snapshot->stats_count++;
	return &grown[at];
}

void merge_socket(struct merge *merge, const struct socket_row *row)
{
	struct snapshot *const snapshot = &merge->snapshot;
	struct socket_row *const grown =
		grow(merge, snapshot->sockets, snapshot->sockets_count, sizeof(*grown));

	if (!grown) {
		free(row->local);
		free(row->peer);
		return;
	}
	snapshot->sockets = grown;
	grown[snapshot->sockets_count] = *row;
	grown[snapshot->sockets_count].id = snapshot->sockets_count + 1;
	snapshot->sockets_count++;
}

void merge_filter(struct merge *merge, const char *option, uint64_t matched, uint64_t fired)
{
	struct report *const report = &merge->report;
	size_t at = 0;

	while (at < report->filters_count && strcmp(merge->filters[at].option, option) != 0)
		at++;
	if (at == report->filters_count) {
		struct filter_tally *const grown =
			grow(merge, merge->filters, report->filters_count, sizeof(*grown));

		if (!grown)
			return;
		merge->filters = grown;
		grown[report->filters_count++] =
			(struct filter_tally){.option = merge_keep(merge, strdup(option))};
	}
	merge->filters[at].matched += matched;
	merge->filters[at].fired += fired;
}

void merge_check(struct merge *merge, const struct check *check)
{
	struct report *const report = &merge->report;
	struct check *const grown =
		grow(merge, merge->checks, report->checks_count, sizeof(*grown));

	if (!grown)
		return;
	merge->checks = grown;
	grown[report->checks_count++] = *check;
}

static void add_warning(struct merge *merge, char *text, bool named)
{
	struct report *const report = &merge->report;
	struct merge_warning *const grown =
		grow(merge, merge->warnings, report->warnings_count, sizeof(*grown));

	if (!grown) {
		free(text);
		return;
	}
	merge->warnings = grown;
	grown[report->warnings_count++] =
		(struct merge_warning){.text = merge_keep(merge, text), .named = named};
}

void merge_warning(struct merge *merge, const char *text)
{
	add_warning(merge, strdup(text), false);
}

void merge_warning_of_file(struct merge *merge, const char *format, ...)
{
	char *text = NULL, *named = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (!text ||
		asprintf(&named, "%s: %s", merge->parts[merge->parts_count - 1].name, text) < 0)
		named = NULL;
	free(text);
	add_warning(merge, named, true);
}

void merge_part(struct merge *merge, const char *name)
{
	struct merge_part *const grown =
		grow(merge, merge->parts, merge->parts_count, sizeof(*grown));

	if (!grown)
		return;
	merge->parts = grown;
	grown[merge->parts_count++] = (struct merge_part){
		.name = name,
		.checks = merge->report.checks_count,
		.warnings = merge->report.warnings_count,
	};
}

static bool failed(bool cut_off, bool signaled, int status)
{
	return !cut_off && (signaled || status);
}

/* One that failed is told before one that was cut off, and that before one that ended well. */
void merge_run(struct merge *merge, const struct run_end *end)
{
	struct report *const report = &merge->report;
	const bool worse = failed(end->cut_off, end->signaled, end->status) || end->cut_off;
	const bool known = failed(report->cut_off, report->signaled, report->status) ||
			   (report->cut_off && end->cut_off);

	report->duration_ns += end->duration_ns;
	if (merge->parts_count)
		merge->parts[merge->parts_count - 1].end = *end;
	if (merge->ended && (known || !worse))
		return;
	merge->ended = true;
	report->command = end->command;
	report->cut_off = end->cut_off;
	report->signaled = end->signaled;
	report->status = end->status;
}
