/*
 * Test Anything Protocol, version 13: the program's exit and each check is a test point; what a
 * failed one has to say stands in a YAML block, warnings in comments.
 */
#include <errno.h>
#include <stdlib.h>

#include "report/format.h"
#include "report/text.h"

struct tap {
	FILE *out;
	const char *part; /* the recording whose points these are; NULL: there is one only */
	size_t number;    /* of the last point */
};

/* In double quotes YAML has all escapes that text_print writes. */
static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputs("\\\"", out);
		else
			text_print(out, (char[]){*text, '\0'}, TEXT_DATA);
	}
	fputc('"', out);
}

/* A '#' would begin a directive: "# TODO" makes a failure count for nothing. */
static void print_description(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '#')
			fputs("\\x23", out);
		else
			text_print(out, (char[]){*text, '\0'}, TEXT_PROSE);
	}
}

static void print_part(FILE *out, const char *part)
{
	if (!part)
		return;
	print_description(out, part);
	fputs(": ", out);
}

static void print_point(void *context, const struct check *point)
{
	struct tap *tap = context;

	fprintf(tap->out, "%s %zu - ", point->ok ? "ok" : "not ok", ++tap->number);
	print_part(tap->out, tap->part);
	print_description(tap->out, point->name);
	fputc('\n', tap->out);
	if (point->ok)
		return;
	fputs("  ---\n  message: ", tap->out);
	print_quoted(tap->out, point->detail);
	fputs("\n  severity: fail\n  ...\n", tap->out);
}

static void print_warning(void *context, const char *text)
{
	struct tap *tap = context;

	fputs("# warning: ", tap->out);
	text_print(tap->out, text, TEXT_PROSE);
	fputc('\n', tap->out);
}

/* Returns 0 or -ENOMEM. */
static int print_run(struct tap *tap, const struct report *run)
{
	char *const command = text_command(run->command);

	if (!command)
		return -ENOMEM;
	tap->part = run->name;
	if (*command) {
		fputs("# ", tap->out);
		print_part(tap->out, tap->part);
		fprintf(tap->out, "%s\n", command);
	}
	free(command);
	report_each_point(run, print_point, tap);
	report_each_warning(run, print_warning, tap);
	return 0;
}

static int print_report(FILE *out, const struct report *report)
{
	struct tap tap = {.out = out};
	size_t count = report->parts_count ? 0 : report_points_count(report);
	int status = 0;

	for (size_t i = 0; i < report->parts_count; i++)
		count += report_points_count(&report->parts[i]);
	fprintf(out, "TAP version 13\n1..%zu\n", count);
	if (!report->parts_count)
		return print_run(&tap, report);
	for (size_t i = 0; status == 0 && i < report->parts_count; i++)
		status = print_run(&tap, &report->parts[i]);
	return status;
}

static int write_tap(const struct report *report, const struct report_style *style, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);

	(void)style;
	if (status < 0)
		return status;
	status = print_report(draft.stream, report);
	return draft_end(&draft, status, stream);
}

const struct report_format report_format_tap = {
	.name = "tap",
	.help = "the exit and each check as a test point (TAP version 13)",
	.warns = true,
	.checks = true,
	.write = write_tap,
};
