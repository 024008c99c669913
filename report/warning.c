/* What a report warns of. */
#include "report/format.h"

#include <inttypes.h>

#include "report/text.h"

#ifndef NDEBUG
static void warn_of_law(
	const struct sockstat *stat, void (*warn)(void *context, const char *text), void *context)
{
	char cookie[TEXT_COOKIE_BYTES];
	char text[TEXT_COOKIE_BYTES + 256];

	snprintf(text, sizeof(text),
		"%s: opened %" PRIu64 " + accepted %" PRIu64 " + adopted %" PRIu64
		" is not closed %" PRIu64 " + inflight %" PRIu64 ": this is a bug in socktest",
		text_cookie(stat->cookie, cookie), stat->count[COUNTER_OPENED],
		stat->count[COUNTER_ACCEPTED], stat->count[COUNTER_ADOPTED],
		stat->count[COUNTER_CLOSED], stat->count[COUNTER_INFLIGHT]);
	warn(context, text);
}
#endif

void report_each_warning(
	const struct report *report, void (*warn)(void *context, const char *text), void *context)
{
	for (size_t i = 0; i < report->warnings_count; i++)
		warn(context, report->warnings[i]);
#ifndef NDEBUG
	for (size_t i = 0; report->law && i < report->snapshot->stats_count; i++) {
		const struct sockstat *stat = &report->snapshot->stats[i];

		if (!sockstat_law_holds(stat))
			warn_of_law(stat, warn, context);
	}
#endif
}

static void print_warning(void *context, const char *text)
{
	FILE *stream = context;

	fputs("warning: ", stream);
	text_print(stream, text, TEXT_PROSE);
	fputc('\n', stream);
}

void report_print_warnings(const struct report *report, FILE *stream)
{
	report_each_warning(report, print_warning, stream);
}

int report_write_warnings(const struct report *report, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);

	if (status < 0)
		return status;
	report_print_warnings(report, draft.stream);
	return draft_end(&draft, 0, stream);
}
