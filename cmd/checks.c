#include "cmd/checks.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/alloc.h"
#include "cmd/message.h"
#include "report/text.h"
#include "switch/leak.h"
#include "switch/names.h"

/* A text that grows piece by piece. */
struct list {
	char *text;
	size_t length;
	FILE *stream;
};

static void list_open(struct list *list)
{
	list->stream = open_memstream(&list->text, &list->length);
	if (!list->stream)
		message_exit("out of memory");
}

static char *list_close(struct list *list)
{
	if (fclose(list->stream))
		message_exit("out of memory");
	return list->text;
}

/* "never fired: --fail-connect=EIO --delay-close=1ms", "" where all did. */
static struct check require_fired(const struct report *report)
{
	struct list list;
	bool ok = true;

	list_open(&list);
	for (size_t i = 0; i < report->filters_count; i++) {
		if (report->filters[i].fired)
			continue;
		fprintf(list.stream, "%s%s", ok ? "never fired: " : " ", report->filters[i].option);
		ok = false;
	}
	return (struct check){
		.name = alloc_text("require-fired"), .ok = ok, .detail = list_close(&list)};
}

static struct check expected(const struct expect_request *request, const struct snapshot *snapshot)
{
	char values[EXPECT_VALUES_BYTES];
	const bool ok = expectation_holds(&request->expectation, snapshot, values);

	return (struct check){
		.name = alloc_text("expect %s", request->text),
		.ok = ok,
		.detail = alloc_text("%s", ok ? "" : values),
	};
}

/* "7 sockets left open: 5 inet/stream/tcp of accept4, 2 others" */
static struct check leak_check(const struct snapshot *snapshot)
{
	char cookie[TEXT_COOKIE_BYTES];
	struct list list;
	struct leak *leaks;
	size_t count, sockets = 0;

	if (leaks_find(snapshot, &leaks, &count))
		message_exit("out of memory");
	for (size_t i = 0; i < count; i++)
		sockets += leaks[i].count;
	list_open(&list);
	if (count)
		fprintf(list.stream, "%zu socket%s left open: %zu %s of %s", sockets,
			sockets == 1 ? "" : "s", leaks->count,
			text_cookie(leaks->example->cookie, cookie),
			leaks->example->opened_by.call);
	if (count > 1)
		fprintf(list.stream, ", %zu other%s", sockets - leaks->count,
			sockets - leaks->count == 1 ? "" : "s");
	free(leaks);
	return (struct check){
		.name = alloc_text("leak-check"), .ok = count == 0, .detail = list_close(&list)};
}

static struct check timeout(const struct options *options, const struct trace_outcome *outcome)
{
	char time[24];

	duration_text(options->timeout_ns, time);
	return (struct check){
		.name = alloc_text("timeout"),
		.ok = !outcome->timed_out,
		.detail = outcome->timed_out ? alloc_text("not ended after %s", time)
					     : alloc_text("%s", ""),
	};
}

struct check *checks_make(const struct options *options, const struct report *report,
	const struct trace_outcome *outcome, size_t *count)
{
	struct check *checks = alloc_zeroed(3 + options->expects_count, sizeof(*checks));

	*count = 0;
	if (options->timeout_ns)
		checks[(*count)++] = timeout(options, outcome);
	if (options->require_fired)
		checks[(*count)++] = require_fired(report);
	for (size_t i = 0; i < options->expects_count; i++)
		checks[(*count)++] = expected(&options->expects[i], report->snapshot);
	if (options->leak_check == LEAK_CHECK_ERROR)
		checks[(*count)++] = leak_check(report->snapshot);
	return checks;
}

void checks_free(struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free((void *)checks[i].name);
		free((void *)checks[i].detail);
	}
	free(checks);
}
