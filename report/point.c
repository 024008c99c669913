/* A run as test points: what CI counts. */
#include "report/format.h"

#include "report/text.h"

size_t report_points_count(const struct report *report)
{
	return 1 + report->checks_count;
}

void report_each_point(const struct report *report,
	void (*take)(void *context, const struct check *point), void *context)
{
	char detail[64] = "", name[TEXT_SIGNAL_BYTES];
	const bool ok = !report->cut_off && !report->signaled && report->status == 0;

	if (report->unread)
		snprintf(detail, sizeof(detail), "not known: the recording cannot be read");
	else if (report->cut_off)
		snprintf(detail, sizeof(detail), "not known: the recording has no end");
	else if (report->signaled)
		snprintf(detail, sizeof(detail), "killed by %s", text_signal(report->status, name));
	else if (!ok)
		snprintf(detail, sizeof(detail), "exited with %d", report->status);
	take(context, &(struct check){.name = "exit", .ok = ok, .detail = detail});
	for (size_t i = 0; i < report->checks_count; i++)
		take(context, &report->checks[i]);
}
