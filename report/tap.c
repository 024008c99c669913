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
	size_t number; /* of the last point */
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

static void print_point(void *context, const struct check *point)
{
	struct tap *tap = context;

	fprintf(tap->out, "%s %zu - ", point->ok ? "ok" : "not ok", ++tap->number);
	text_print(tap->out, point->name, TEXT_PROSE);
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

static void print_report(FILE *out, const struct report *report, const char *command)
{
	struct tap tap = {.out = out};

	fprintf(out, "TAP version 13\n1..%zu\n", report_points_count(report));
	if (*command)
		fprintf(out, "# %s\n", command);
	report_each_point(report, print_point, &tap);
	report_each_warning(report, print_warning, &tap);
}

static int write_tap(const struct report *report, const struct report_style *style, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);
	char *command;

	(void)style;
	if (status < 0)
		return status;
	command = text_command(report->command);
	if (command)
		print_report(draft.stream, report, command);
	else
		status = -ENOMEM;
	free(command);
	return draft_end(&draft, status, stream);
}

const struct report_format report_format_tap = {
	.name = "tap",
	.help = "the exit and each check as a test point (TAP version 13)",
	.warns = true,
	.checks = true,
	.write = write_tap,
};
