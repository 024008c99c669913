#include "cmd/requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "cmd/alloc.h"
#include "cmd/commandline.h"
#include "cmd/message.h"
#include "report/event.h"
#include "report/jansson.h"
#include "switch/names.h"

/* One line and its answer. */
struct exchange {
	struct control *control;
	struct client *client;
	json_t *request;
	size_t length;  /* of its line */
	json_t *answer; /* goes on with what was asked for */
	struct error error;
	bool later; /* it is answered when the time has come */
};

enum {
	FILTERS_MAX = 1024,
	/* Those that were cleared are kept, for the report: so they are not to become ever more. */
	FILTERS_EVER_MAX = 8192,
	FILTERS_BYTES_MAX = 4 << 20,
	/* Each keeps its id and its text. */
	WAITS_MAX = 16,
	WAIT_BYTES_MAX = 1024,
};

__attribute__((format(printf, 2, 3))) static int fail(
	struct exchange *exchange, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(exchange->error.text, sizeof(exchange->error.text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* A string of the request; NULL: it has none of that name. */
static const char *string_of(const struct exchange *exchange, const char *key)
{
	return json_string_value(json_object_get(exchange->request, key));
}

/* ---- reports ---- */

enum part { PART_STATS, PART_SOCKETS, PART_REPORT };

static const char *const part_names[] = {
	[PART_STATS] = "stats", [PART_SOCKETS] = "sockets", [PART_REPORT] = "report"};

/* Leaves of the report what was asked for; those that are left out belong to the summary. */
static void cut(struct report *report, enum part part, struct snapshot *left)
{
	if (part == PART_REPORT)
		return;
	*left = *report->snapshot;
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
	struct report report;
	struct snapshot left;
	int error = 0;

	if (part == PART_STATS)
		summary_make_stats(&summary, control->options, control->sw, control->so_far);
	else
		summary_make(&summary, control->options, control->sw, &control->places,
			control->tracer, control->so_far);
	report = summary.report;
	cut(&report, part, &left);
	exchange->answer = put(exchange->answer, "time_ns", count(control->so_far->duration_ns));
	if (format)
		error = put_text(exchange, &report, format);
	else
		put_part(exchange, &report, part);
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
	const char *const equals = strchr(option, '=');

	*name = NULL;
	*value = "";
	if (strncmp(option, "--", 2) != 0 || !equals)
		return fail(exchange, "%.60s: no filter; it is written as --fail-connect=ERRNO",
			option);
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

/* Whether it will take up the place of one that was cleared. */
static bool comes_back(const struct filters *filters, const char *option)
{
	for (size_t i = 0; i < filters_count(filters); i++) {
		const struct filter_tally tally = filters_tally(filters, i);

		if (tally.cleared && strcmp(tally.option, option) == 0)
			return true;
	}
	return false;
}

static int check_room(
	struct exchange *exchange, const struct filters *filters, const json_t *options)
{
	size_t ever = filters_count(filters), bytes = 0, i;
	const json_t *option;

	if (filters_in_force(filters) + json_array_size(options) > FILTERS_MAX)
		return fail(exchange, "set: more than %d filters at a time", FILTERS_MAX);
	for (i = 0; i < filters_count(filters); i++)
		bytes += strlen(filters_tally(filters, i).option);
	json_array_foreach(options, i, option)
	{
		if (comes_back(filters, json_string_value(option)))
			continue;
		ever++;
		bytes += json_string_length(option);
	}
	if (ever > FILTERS_EVER_MAX || bytes > FILTERS_BYTES_MAX)
		return fail(exchange,
			"set: more than %d filters in a run, or %d MiB of them, cleared ones too; "
			"those that were there can be set again",
			FILTERS_EVER_MAX, FILTERS_BYTES_MAX >> 20);
	return 0;
}

static void tell_tracer(const struct control *control)
{
	if (control->tracer)
		trace_filters_changed(control->tracer);
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
	else
		error = check_room(exchange, filters, options);
	if (!error)
		error = try_all(exchange, options);
	json_array_foreach(options, i, option)
	{
		if (error)
			break;
		error = set_one(exchange, filters, option, &index);
		ids = append(ids, count(index + 1));
	}
	tell_tracer(control);
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

static bool is_set(const struct filters *filters, json_int_t id)
{
	return id >= 1 && (uint64_t)id <= filters_count(filters) &&
	       !filters_tally(filters, (size_t)id - 1).cleared;
}

/* All or none. */
static int clear_these(struct exchange *exchange, const json_t *which, json_t **cleared)
{
	struct filters *const filters = switch_filters(exchange->control->sw);
	const json_t *id;
	size_t i;

	json_array_foreach(which, i, id)
	{
		if (!is_set(filters, json_integer_value(id)))
			return fail(exchange,
				"clear: no such filter as %" JSON_INTEGER_FORMAT
				"; list names them",
				json_integer_value(id));
	}
	json_array_foreach(which, i, id) *cleared =
		clear_one(*cleared, filters, (size_t)json_integer_value(id) - 1);
	return 0;
}

static int clear_all(struct exchange *exchange, json_t **cleared)
{
	struct filters *const filters = switch_filters(exchange->control->sw);

	for (size_t i = 0; i < filters_count(filters); i++)
		*cleared = clear_one(*cleared, filters, i);
	return 0;
}

static int answer_clear(struct exchange *exchange)
{
	json_t *const one = json_object_get(exchange->request, "filter");
	json_t *const some = json_object_get(exchange->request, "filters");
	json_t *const which = one ? append(json_array(), json_incref(one)) : json_incref(some);
	json_t *cleared = json_array();
	int error;

	if (one && some)
		error = fail(exchange, "clear: either \"filter\" or \"filters\", not both");
	else if (which)
		error = clear_these(exchange, which, &cleared);
	else
		error = clear_all(exchange, &cleared);
	json_decref(which);
	tell_tracer(exchange->control);
	if (!error)
		exchange->answer = put(exchange->answer, "cleared", cleared);
	else
		json_decref(cleared);
	return error;
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
	struct connection *const connection = &control->master->connection;

	for (struct asked *asked = control->asked; asked && connection_flush(connection);
		asked = asked->next) {
		if (asked->line)
			connection_send(connection, asked->line);
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

/* By name or number. Returns it, or -EINVAL with a message. */
static int take_errno(struct exchange *exchange, const json_t *given)
{
	char number[24];
	const char *text = json_string_value(given);
	int error;

	if (!text)
		snprintf(
			number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(given));
	error = errno_parse(text ? text : number);
	return error > 0 ? error
			 : fail(exchange,
				   "answer: no errno is called %.60s: give one as ECONNREFUSED",
				   text ? text : number);
}

static int parse_reply(struct exchange *exchange, struct reply *reply)
{
	const json_t *const failing = json_object_get(exchange->request, "fail");
	const json_t *const after = json_object_get(exchange->request, "after");
	const char *const delay = string_of(exchange, "delay");

	*reply = (struct reply){.answer = failing ? ANSWER_CANCEL
					  : after ? ANSWER_AFTER
						  : ANSWER_NONE};
	if (failing && after)
		return fail(exchange, "answer: either \"fail\" or \"after\", not both");
	if (failing || after)
		reply->error = take_errno(exchange, failing ? failing : after);
	if (reply->error < 0)
		return reply->error;
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
	if (!which || !asked || !control->tracer)
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

static int parse_wait(struct exchange *exchange, struct wait *wait)
{
	const char *const text = string_of(exchange, "expect");
	const char *const timeout = string_of(exchange, "timeout");
	struct error error;
	uint64_t time_ns = 0;

	if (!text)
		return fail(exchange, "wait: it needs \"expect\", as inet/stream accepted>=3");
	if (exchange->length > WAIT_BYTES_MAX)
		return fail(exchange, "wait: it is at most %d bytes long", WAIT_BYTES_MAX);
	if (exchange->client->waits == WAITS_MAX)
		return fail(exchange, "wait: more than %d of one client at a time", WAITS_MAX);
	if (expectation_parse(text, &wait->expectation, &error))
		return fail(exchange, "wait: %.60s: %s", text, error.text);
	if (timeout && duration_parse(timeout, &time_ns))
		return fail(exchange, "wait: %.60s is no time as 500ms, 1.5s or 2m", timeout);
	if (!timeout || __builtin_add_overflow(
				exchange->control->so_far->duration_ns, time_ns, &wait->until_ns))
		wait->until_ns = UINT64_MAX;
	return 0;
}

static int answer_wait(struct exchange *exchange)
{
	struct wait wait = {.client = exchange->client};
	struct wait *kept;

	if (parse_wait(exchange, &wait))
		return -EINVAL;
	kept = alloc_zeroed(1, sizeof(*kept));
	*kept = wait;
	kept->id = json_incref(json_object_get(exchange->request, "id"));
	kept->text = alloc_text("%s", string_of(exchange, "expect"));
	kept->client->waits++;
	DL_APPEND(exchange->control->waits, kept);
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
	wait->client->waits--;
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
	if (switch_stats(control->sw, &snapshot))
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

/* What a key holds: "CALL: "NAME" is to be IT". */
struct shape {
	const char *what;
	bool (*fits)(const json_t *value);
};

static bool is_string(const json_t *value)
{
	return json_is_string(value);
}

static bool is_id(const json_t *value)
{
	return json_is_integer(value);
}

static bool is_errno(const json_t *value)
{
	return json_is_string(value) || json_is_integer(value);
}

static bool all_are(const json_t *array, bool (*fits)(const json_t *value))
{
	const json_t *value;
	size_t i;

	json_array_foreach(array, i, value)
	{
		if (!fits(value))
			return false;
	}
	return json_is_array(array);
}

static bool are_strings(const json_t *value)
{
	return all_are(value, is_string);
}

static bool are_ids(const json_t *value)
{
	return all_are(value, is_id);
}

static const struct shape format_name = {"a string, as \"json\"", is_string};
static const struct shape options = {
	"an array of strings, as [\"--fail-connect=EIO\"]", are_strings};
static const struct shape number = {"a number, as 1", is_id};
static const struct shape numbers = {"an array of numbers, as [1, 2]", are_ids};
static const struct shape expectation = {"a string, as \"inet/stream accepted>=3\"", is_string};
static const struct shape duration = {"a string, as \"1.5s\"", is_string};
static const struct shape errno_given = {"a string, as \"EIO\", or a number", is_errno};

enum { KEYS_MAX = 4 };

static const struct request {
	const char *name;
	/* Adds to exchange->answer, and returns 0, or -EINVAL with exchange->error. */
	int (*answer)(struct exchange *exchange);
	struct {
		const char *name;
		const struct shape *shape;
	} keys[KEYS_MAX]; /* those that it may have next to "request" and "id" */
} requests[] = {
	{"stats", answer_stats, {{"format", &format_name}}},
	{"sockets", answer_sockets, {{"format", &format_name}}},
	{"report", answer_report, {{"format", &format_name}}},
	{"set", answer_set, {{"options", &options}}},
	{"clear", answer_clear, {{"filter", &number}, {"filters", &numbers}}},
	{"list", answer_list, {}},
	{"reset", answer_reset, {}},
	{"wait", answer_wait, {{"expect", &expectation}, {"timeout", &duration}}},
	{"control", answer_control, {}},
	{"answer", answer_answer,
		{{"ask", &number}, {"fail", &errno_given}, {"after", &errno_given},
			{"delay", &duration}}},
};

enum { REQUESTS = sizeof(requests) / sizeof(*requests) };

static int unknown_key(struct exchange *exchange, const struct request *request, const char *key)
{
	const char *names[KEYS_MAX + 2] = {"request", "id"};
	size_t known = 2;

	for (size_t i = 0; i < KEYS_MAX && request->keys[i].name; i++)
		names[known++] = request->keys[i].name;
	return fail(exchange, "%s: it has no key \"%.60s\"%s", request->name, key,
		commandline_did_you_mean(nearest_word(key, names, known)));
}

static int check_key(struct exchange *exchange, const struct request *request, const char *key,
	const json_t *value)
{
	if (strcmp(key, "request") == 0 || strcmp(key, "id") == 0)
		return 0;
	for (size_t i = 0; i < KEYS_MAX && request->keys[i].name; i++) {
		if (strcmp(request->keys[i].name, key) != 0)
			continue;
		if (request->keys[i].shape->fits(value))
			return 0;
		return fail(exchange, "%s: \"%s\" is to be %s", request->name, key,
			request->keys[i].shape->what);
	}
	return unknown_key(exchange, request, key);
}

/* What is misspelt or of another kind is no wish to be passed over. */
static int check_keys(struct exchange *exchange, const struct request *request)
{
	const char *key;
	json_t *value;

	json_object_foreach(exchange->request, key, value)
	{
		if (check_key(exchange, request, key, value))
			return -EINVAL;
	}
	return 0;
}

static int unknown_request(struct exchange *exchange, const char *name)
{
	const char *names[REQUESTS];

	for (size_t i = 0; i < REQUESTS; i++)
		names[i] = requests[i].name;
	return fail(exchange, "no request is called %.60s%s", name,
		commandline_did_you_mean(nearest_word(name, names, REQUESTS)));
}

static int dispatch(struct exchange *exchange)
{
	const char *const name = string_of(exchange, "request");

	if (!json_is_object(exchange->request))
		return fail(exchange, "a request is one JSON object on a line");
	if (!name)
		return fail(exchange, "\"request\" is missing, or no string: what is to be done");
	for (size_t i = 0; i < REQUESTS; i++) {
		if (strcmp(requests[i].name, name) != 0)
			continue;
		return check_keys(exchange, &requests[i]) ? -EINVAL : requests[i].answer(exchange);
	}
	return unknown_request(exchange, name);
}

void request_answer(struct control *control, struct client *client, const char *line, size_t length)
{
	struct exchange exchange = {.control = control, .client = client, .length = length};
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
