/*
 * JUnit's XML as CI servers read it: a suite for each run, in which the program's exit and each check
 * is a test case; warnings are its system-err. The only user of libxml2.
 */
#include <errno.h>
#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>

#include "report/format.h"
#include "report/text.h"

/* What is being written. An error sticks. */
struct junit {
	xmlTextWriterPtr writer;
	const struct report *report; /* the run of the suite */
	bool failed;
	bool warned; /* its system-err was begun */
};

static void begin(struct junit *junit, const char *element)
{
	if (xmlTextWriterStartElement(junit->writer, BAD_CAST element) < 0)
		junit->failed = true;
}

static void end(struct junit *junit)
{
	if (xmlTextWriterEndElement(junit->writer) < 0)
		junit->failed = true;
}

/* XML has no way at all to write most control characters: they are escaped, as everywhere. */
static void put(struct junit *junit, const char *attribute, const char *text, unsigned kinds)
{
	char *const escaped = text_escaped(text, kinds);

	if (!escaped || xmlTextWriterWriteAttribute(
				junit->writer, BAD_CAST attribute, BAD_CAST escaped) < 0)
		junit->failed = true;
	free(escaped);
}

static void put_number(struct junit *junit, const char *attribute, size_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", number);
	put(junit, attribute, text, 0);
}

/* In seconds. */
static void put_time(struct junit *junit, uint64_t duration_ns)
{
	const uint64_t ms = duration_ns / 1000000;
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64, ms / 1000, ms % 1000);
	put(junit, "time", text, 0);
}

static void put_point(void *context, const struct check *point)
{
	struct junit *junit = context;

	begin(junit, "testcase");
	put(junit, "classname", junit->report->name ? junit->report->name : "socktest", TEXT_PROSE);
	put(junit, "name", point->name, TEXT_PROSE);
	if (!point->ok) {
		begin(junit, "failure");
		put(junit, "message", point->detail, TEXT_PROSE);
		end(junit);
	}
	end(junit);
}

static void count_failure(void *context, const struct check *point)
{
	*(size_t *)context += !point->ok;
}

static void put_warning(void *context, const char *text)
{
	struct junit *junit = context;
	char *const escaped = text_escaped(text, TEXT_PROSE);

	if (!junit->warned)
		begin(junit, "system-err");
	junit->warned = true;
	if (!escaped || xmlTextWriterWriteFormatString(junit->writer, "warning: %s\n", escaped) < 0)
		junit->failed = true;
	free(escaped);
}

/* "run.jsonl: ./client 1", of one run only what it executed. */
static void put_suite_name(struct junit *junit)
{
	const char *const part = junit->report->name;
	char *const command = text_command(junit->report->command);
	char *name = NULL;

	if (!command) {
		junit->failed = true;
		return;
	}
	if (part && asprintf(&name, "%s%s%s", part, *command ? ": " : "", command) < 0)
		junit->failed = true;
	else if (part)
		put(junit, "name", name, TEXT_PROSE);
	else
		put(junit, "name", *command ? command : "socktest", 0);
	free(name);
	free(command);
}

static void put_suite(struct junit *junit, const struct report *report)
{
	size_t failures = 0;

	junit->report = report;
	junit->warned = false;
	report_each_point(report, count_failure, &failures);
	begin(junit, "testsuite");
	put_suite_name(junit);
	put_number(junit, "tests", report_points_count(report));
	put_number(junit, "failures", failures);
	put_number(junit, "errors", 0);
	put_number(junit, "skipped", 0);
	put_time(junit, report->duration_ns);
	report_each_point(report, put_point, junit);
	report_each_warning(report, put_warning, junit);
	if (junit->warned)
		end(junit);
	end(junit);
}

static void put_document(struct junit *junit, const struct report *report)
{
	xmlTextWriterSetIndent(junit->writer, 1);
	if (xmlTextWriterStartDocument(junit->writer, NULL, "UTF-8", NULL) < 0)
		junit->failed = true;
	begin(junit, "testsuites");
	for (size_t i = 0; i < report->parts_count; i++)
		put_suite(junit, &report->parts[i]);
	if (!report->parts_count)
		put_suite(junit, report);
	end(junit);
	if (xmlTextWriterEndDocument(junit->writer) < 0)
		junit->failed = true;
}

static int fill(xmlBuffer *buffer, const struct report *report)
{
	struct junit junit = {.writer = xmlNewTextWriterMemory(buffer, 0)};

	if (junit.writer)
		put_document(&junit, report);
	else
		junit.failed = true;
	/* What it still holds goes to the buffer. */
	xmlFreeTextWriter(junit.writer);
	return junit.failed ? -ENOMEM : 0;
}

static int write_junit(const struct report *report, const struct report_style *style, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);

	(void)style;
	if (status < 0)
		return status;

	xmlBuffer *const buffer = xmlBufferCreate();

	status = buffer ? fill(buffer, report) : -ENOMEM;
	if (status == 0)
		fputs((const char *)xmlBufferContent(buffer), draft.stream);
	xmlBufferFree(buffer);
	return draft_end(&draft, status, stream);
}

const struct report_format report_format_junit = {
	.name = "junit",
	.help = "the same as JUnit's XML, for CI servers",
	.warns = true,
	.checks = true,
	.write = write_junit,
};
