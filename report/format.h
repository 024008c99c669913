/* What the formats have in common. */
#ifndef SOCKTEST_REPORT_FORMAT_H
#define SOCKTEST_REPORT_FORMAT_H

#include "report/report.h"

extern const struct report_format report_format_table;
extern const struct report_format report_format_json;
extern const struct report_format report_format_csv;
extern const struct report_format report_format_go;
extern const struct report_format report_format_tap;
extern const struct report_format report_format_junit;

/*
 * The run as test points: the program's exit, which failed unless it was with 0, and then each
 * check. What a point consists of may be gone after the call.
 */
size_t report_points_count(const struct report *report);
void report_each_point(const struct report *report,
	void (*take)(void *context, const struct check *point), void *context);

/* Where a socket was opened; NULL: not known. */
static inline const struct stack_text *report_stack(
	const struct report *report, const struct socket_row *row)
{
	return report->stacks && row->opened_by.stack ? report->stacks[row->opened_by.stack] : NULL;
}

/*
 * Calls back with each text that the report warns of, no newline at its end: its own warnings,
 * then, in a build without NDEBUG, one for each cookie that breaks the law. The text is gone after
 * the call.
 */
void report_each_warning(
	const struct report *report, void (*warn)(void *context, const char *text), void *context);

/* The lines of report_write_warnings, to a stream whose errors are looked at later. */
void report_print_warnings(const struct report *report, FILE *stream);

#endif
