#include "cmd/requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "cmd/alloc.h"
#include "cmd/message.h"
#include "report/event.h"
#include "report/jansson.h"
#include "switch/names.h"

/* One line and its answer. */
struct exchange {
	struct control *control;
	struct client *client;
	json_t *request;
	json_t *answer; /* goes on with what was asked for */
	struct error error;
	bool later; /* it is answered when the time has come */
};

enum { FILTERS_MAX = 1024 };

__attribute__((format(printf, 2, 3))) static int fail(
	struct exchange *exchange, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(exchange->error.text, sizeof(exchange->error.text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* A string of the request; NULL: it has none of that name, or something else. */
static const char *string_of(const struct exchange *exchange, const char *key)
{
	return json_string_value(json_object_get(exchange->request, key));
}

/* ---- reports ---- */

enum part { PART_STATS, PART_SOCKETS, PART_REPORT };

static const char *const part_names[] = {
	[PART_STATS] = "stats", [PART_SOCKETS] = "sockets", [PART_REPORT] = "report"};

/* Leaves of the summary's report what was asked for. */
static void cut(struct summary *summary, enum part part, struct snapshot *left)
{
	struct report *const report = &summary->report;

	if (part == PART_REPORT)
		return;
	*left = summary->snapshot;
	if (part == PART_STATS)
		left->sockets_count = 0;
	else
		left->stats_count = 0;
	report->snapshot = left;
	report->filters_count = report->checks_count = report->warnings_count = 0;
}

static int put_text(struct exchange *exchange, const struct report *report, const char *name)
{
	const struct report_format *const format = report_format_find(name);
	const struct report_style style = {.color = false};
	char *text = NULL;
	size_t length;

	if (!format)
		return fail(exchange, "no format is called %.60s", name);
	FILE *stream = open_memstream(&text, &length);
	if (!stream || format->write(report, &style, stream) || fclose(stream))
		message_exit("out of memory");
	exchange->answer = put(exchange->answer, "text", prose(text));
	free(text);
	return 0;
}

static void put_part(struct exchange *exchange, const struct report *report, enum part part)
{
	const char *const name = part_names[part];
	json_t *const whole = json_report(report);

	exchange->answer = put(exchange->answer, name,
		part == PART_REPORT ? json_incref(whole)
				    : json_incref(json_object_get(whole, name)));
	json_decref(whole);
}

static int answer_part(struct exchange *exchange, enum part part)
{
	const struct control *const control = exchange->control;
	const char *const format = string_of(exchange, "format");
	struct summary summary;
	struct snapshot left;
	int error = 0;

	summary_make(&summary, control->options, control->sw, &control->places, control->tracer,
		control->so_far);
	cut(&summary, part, &left);
	exchange->answer = put(exchange->answer, "time_ns", count(control->so_far->duration_ns));
	if (format)
		error = put_text(exchange, &summary.report, format);
	else
		put_part(exchange, &summary.report, part);
	summary_clear(&summary);
	return error;
}

static int answer_stats(struct exchange *exchange)
{
	return answer_part(exchange, PART_STATS);
}

static int answer_sockets(struct exchange *exchange)
{
	return answer_part(exchange, PART_SOCKETS);
}

static int answer_report(struct exchange *exchange)
{
	return answer_part(exchange, PART_REPORT);
}

static int answer_reset(struct exchange *exchange)
{
	switch_reset(exchange->control->sw);
	return 0;
}

/* ---- filters; their ids are from 1 ---- */

/* --NAME=VALUE; *name is to be freed. */
static int split(struct exchange *exchange, const char *option, char **name, const char **value)
{
	const char *const equals = option ? strchr(option, '=') : NULL;

	*name = NULL;
	*value = "";
	if (!option || strncmp(option, "--", 2) != 0 || !equals)
		return fail(exchange,
			"%.60s: no filter; it is to be a string as --fail-connect=ERRNO",
			option ? option : "options");
	*name = strndup(option + 2, (size_t)(equals - option - 2));
	if (!*name)
		message_exit("out of memory");
	*value = equals + 1;
	return 0;
}

static int set_one(
	struct exchange *exchange, struct filters *filters, const json_t *option, size_t *index)
{
	const char *value;
	char *name;
	int error = split(exchange, json_string_value(option), &name, &value);

	if (!error)
		error = filters_set(filters, name, value, index, &exchange->error);
	free(name);
	if (error == -ENOMEM)
		message_exit("out of memory");
	return error;
}

/* Tries them elsewhere first: all or none. */
static int try_all(struct exchange *exchange, const json_t *options)
{
	struct filters *const filters = filters_new(0);
	const json_t *option;
	size_t i, index = 0;
	int error = 0;

	if (!filters)
		message_exit("out of memory");
	json_array_foreach(options, i, option)
	{
		error = set_one(exchange, filters, option, &index);
		if (error)
			break;
	}
	filters_free(filters);
	return error;
}

static int answer_set(struct exchange *exchange)
{
	const struct control *const control = exchange->control;
	struct filters *const filters = switch_filters(control->sw);
	const json_t *const options = json_object_get(exchange->request, "options"), *option;
	json_t *ids = json_array();
	size_t i, index = 0;
	int error = 0;

	if (!json_array_size(options))
		error = fail(exchange, "set: it needs \"options\", an array of strings");
	else if (filters_count(filters) + json_array_size(options) > FILTERS_MAX)
		error = fail(exchange, "set: more than %d filters", FILTERS_MAX);
	else
		error = try_all(exchange, options);
	json_array_foreach(options, i, option)
	{
		if (error)
			break;
		error = set_one(exchange, filters, option, &index);
		ids = append(ids, count(index + 1));
	}
	trace_filters_changed(control->tracer);
	if (!error)
		exchange->answer = put(exchange->answer, "filters", ids);
	else
		json_decref(ids);
	return error;
}

static json_t *clear_one(json_t *ids, struct filters *filters, size_t index)
{
	if (filters_tally(filters, index).cleared)
		return ids;
	filters_clear(filters, index);
	return append(ids, count(index + 1));
}

static int answer_clear(struct exchange *exchange)
{
	const struct control *const control = exchange->control;
	struct filters *const filters = switch_filters(control->sw);
	const json_t *const which = json_object_get(exchange->request, "filter");
	const json_int_t id = json_integer_value(which);
	const size_t all = filters_count(filters);
	json_t *ids = json_array();

	if (which &&
		(id < 1 || (uint64_t)id > all || filters_tally(filters, (size_t)id - 1).cleared)) {
		json_decref(ids);
		return fail(exchange, "clear: no such \"filter\"; list names them");
	}
	for (size_t i = which ? (size_t)id - 1 : 0; i < (which ? (size_t)id : all); i++)
		ids = clear_one(ids, filters, i);
	exchange->answer = put(exchange->answer, "cleared", ids);
	trace_filters_changed(control->tracer);
	return 0;
}

static int answer_list(struct exchange *exchange)
{
	const struct filters *const filters = switch_filters(exchange->control->sw);
	json_t *list = json_array();

	for (size_t i = 0; i < filters_count(filters); i++) {
		const struct filter_tally tally = filters_tally(filters, i);
		json_t *row = put(json_object(), "filter", count(i + 1));

		row = put(row, "option", data(tally.option));
		row = put(row, "matched", count(tally.matched));
		row = put(row, "fired", count(tally.fired));
		list = append(list, put(row, "cleared", json_boolean(tally.cleared)));
	}
	exchange->answer = put(exchange->answer, "filters", list);
	return 0;
}

/* ---- questions ---- */

json_t *request_question(const struct question *question)
{
	const struct call *const call = question->call;
	json_t *line = put(json_object(), "ask", count(question->number));
	json_t *made = put(json_object(), "pid", json_integer(call->caller.pid));

	made = put(made, "tid", json_integer(call->caller.tid));
	made = put(made, "command", data(question->command));
	made = put(made, "call", json_string(call->name));
	made = put(made, "fd", call->fd >= 0 ? json_integer(call->fd) : json_null());
	made = put(made, "args", event_arguments(call, NULL));
	line = put(line, "time_ns", count(question->time_ns));
	line = put(line, "filter", data(question->filter));
	line = put(line, "call", made);
	return put(line, "socket",
		question->socket ? json_socket(question->socket, NULL) : json_null());
}

void requests_send_asked(struct control *control)
{
	for (struct asked *asked = control->asked; asked; asked = asked->next) {
		if (asked->line)
			connection_send(&control->master->connection, asked->line);
		asked->line = NULL;
	}
}

static int answer_control(struct exchange *exchange)
{
	struct control *const control = exchange->control;

	if (control->master && control->master != exchange->client)
		return fail(exchange, "control: another client is in control");
	control->master = exchange->client;
	control->had_master = true;
	return 0;
}

static int parse_reply(struct exchange *exchange, struct reply *reply)
{
	const char *const failing = string_of(exchange, "fail");
	const char *const after = string_of(exchange, "after");
	const char *const delay = string_of(exchange, "delay");
	const char *const name = failing ? failing : after;

	*reply = (struct reply){.answer = failing ? ANSWER_CANCEL
					  : after ? ANSWER_AFTER
						  : ANSWER_NONE};
	if (failing && after)
		return fail(exchange, "answer: either \"fail\" or \"after\", not both");
	if (name)
		reply->error = errno_parse(name);
	if (reply->error < 0)
		return fail(exchange, "answer: no errno is called %.60s: give one as ECONNREFUSED",
			name);
	if (delay && duration_parse(delay, &reply->delay_ns))
		return fail(exchange, "answer: %.60s is no time as 500us, 20ms or 1.5s", delay);
	return 0;
}

static int answer_answer(struct exchange *exchange)
{
	struct control *const control = exchange->control;
	const json_t *const which = json_object_get(exchange->request, "ask");
	struct asked *asked;
	struct reply reply;

	if (control->master != exchange->client)
		return fail(exchange, "answer: this client is not in control");
	DL_SEARCH_SCALAR(control->asked, asked, number, (uint64_t)json_integer_value(which));
	if (!json_is_integer(which) || !asked)
		return fail(exchange, "answer: no call is held for this \"ask\"");
	if (parse_reply(exchange, &reply))
		return -EINVAL;
	DL_DELETE(control->asked, asked);
	trace_reply(control->tracer, asked->number, &reply);
	json_decref(asked->line);
	free(asked);
	return 0;
}

/* ---- waits ---- */

static int answer_wait(struct exchange *exchange)
{
	struct control *const control = exchange->control;
	const char *const text = string_of(exchange, "expect");
	const char *const timeout = string_of(exchange, "timeout");
	struct wait wait = {.client = exchange->client, .until_ns = UINT64_MAX};
	uint64_t time_ns = 0;

	if (!text)
		return fail(exchange, "wait: it needs \"expect\", as inet/stream accepted>=3");
	if (expectation_parse(text, &wait.expectation, &exchange->error))
		return -EINVAL;
	if (timeout && duration_parse(timeout, &time_ns))
		return fail(exchange, "wait: %.60s is no time as 500ms, 1.5s or 2m", timeout);
	if (timeout &&
		__builtin_add_overflow(control->so_far->duration_ns, time_ns, &wait.until_ns))
		wait.until_ns = UINT64_MAX;
	struct wait *const kept = alloc_zeroed(1, sizeof(*kept));
	*kept = wait;
	kept->id = json_incref(json_object_get(exchange->request, "id"));
	kept->text = alloc_text("%s", text);
	DL_APPEND(control->waits, kept);
	exchange->later = true;
	return 0;
}

static json_t *begin_answer(json_t *id, bool ok)
{
	json_t *answer = json_object();

	if (id)
		answer = put(answer, "id", json_incref(id));
	return put(answer, "ok", json_boolean(ok));
}

/* why: "ended" or "timed_out"; NULL: it holds. */
static void end_wait(
	struct control *control, struct wait *wait, const char *why, const char *values)
{
	json_t *answer = begin_answer(wait->id, !why);

	if (why) {
		char *const text = alloc_text("%s: %s: %s", wait->text,
			strcmp(why, "ended") == 0 ? "the program has ended" : "the time is up",
			values);

		answer = put(put(answer, why, json_true()), "error", prose(text));
		free(text);
	} else {
		answer = put(answer, "values", json_string(values));
	}
	connection_send(&wait->client->connection, answer);
	DL_DELETE(control->waits, wait);
	json_decref(wait->id);
	free(wait->text);
	free(wait);
}

void requests_settle_waits(struct control *control)
{
	const struct trace_outcome *const so_far = control->so_far;
	char values[EXPECT_VALUES_BYTES];
	struct snapshot snapshot;
	struct wait *wait, *next;

	if (!control->waits)
		return;
	if (switch_snapshot(control->sw, so_far->duration_ns, &snapshot))
		message_exit("out of memory");
	DL_FOREACH_SAFE(control->waits, wait, next)
	{
		if (expectation_holds(&wait->expectation, &snapshot, values))
			end_wait(control, wait, NULL, values);
		else if (!control->tracer)
			end_wait(control, wait, "ended", values);
		else if (wait->until_ns <= so_far->duration_ns)
			end_wait(control, wait, "timed_out", values);
	}
	snapshot_clear(&snapshot);
}

uint64_t requests_nearest_wait_ns(const struct control *control)
{
	uint64_t nearest_ns = UINT64_MAX;

	for (const struct wait *wait = control->waits; wait; wait = wait->next)
		if (wait->until_ns < nearest_ns)
			nearest_ns = wait->until_ns;
	return nearest_ns == UINT64_MAX ? 0 : nearest_ns;
}

void requests_drop_waits(struct control *control, const struct client *client)
{
	struct wait *next;

	for (struct wait *wait = control->waits; wait; wait = next) {
		next = wait->next;
		if (wait->client == client)
			end_wait(control, wait, "ended", "");
	}
}

/* ---- the table ---- */

static const struct {
	const char *name;
	/* Adds to exchange->answer, and returns 0, or -EINVAL with exchange->error. */
	int (*answer)(struct exchange *exchange);
} requests[] = {
	{"stats", answer_stats},
	{"sockets", answer_sockets},
	{"report", answer_report},
	{"set", answer_set},
	{"clear", answer_clear},
	{"list", answer_list},
	{"reset", answer_reset},
	{"wait", answer_wait},
	{"control", answer_control},
	{"answer", answer_answer},
};

static int dispatch(struct exchange *exchange)
{
	const char *const name = string_of(exchange, "request");

	if (!json_is_object(exchange->request))
		return fail(exchange, "a request is one JSON object on a line");
	if (!name)
		return fail(exchange, "\"request\" is missing: what is to be done");
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		if (strcmp(requests[i].name, name) == 0)
			return requests[i].answer(exchange);
	}
	return fail(exchange, "no request is called %.60s", name);
}

void request_answer(struct control *control, struct client *client, const char *line, size_t length)
{
	struct exchange exchange = {.control = control, .client = client};
	json_t *id;

	exchange.request = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	id = json_object_get(exchange.request, "id");
	exchange.answer = begin_answer(id, true);
	if (dispatch(&exchange)) {
		json_decref(exchange.answer);
		exchange.answer = put(begin_answer(id, false), "error", prose(exchange.error.text));
	}
	if (exchange.later)
		json_decref(exchange.answer);
	else
		connection_send(&client->connection, exchange.answer);
	if (control->master)
		requests_send_asked(control);
	json_decref(exchange.request);
}
