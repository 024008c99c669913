/*
 * A recording: a JSON object a line. The first says what it is, the last is the report; without the
 * last the run was cut off. socktest-events(5) says what stands in each. A stack has a line of its
 * own, before the first one that names it by its number.
 */
#include <time.h>

#include "report/event.h"
#include "report/format.h"
#include "report/jansson.h"
#include "switch/names.h"

static json_t *wall_clock(uint64_t ns)
{
	const uint64_t ns_per_s = 1000000000;
	const time_t seconds = (time_t)(ns / ns_per_s);
	struct tm tm;
	char date[32] = "", text[64];

	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09" PRIu64 "Z", date, ns % ns_per_s);
	return json_string(text);
}

static json_t *data_list(const char *const *texts)
{
	json_t *list = json_array();

	for (; texts && *texts; texts++)
		list = append(list, data(*texts));
	return list;
}

static int write_begin(struct event_writer *writer, const struct recording_head *head)
{
	json_t *line = put(json_object(), "schema", json_string(RECORDING_SCHEMA));

	line = put(line, "start", wall_clock(head->start_ns));
	line = put(line, "start_ns", count(head->start_ns));
	line = put(line, "count", json_string(head->rules));
	line = put(line, "leak_check", json_boolean(head->leak_check));
	line = put(line, "suppressions", data_list(head->suppressions));
	return event_write_json(writer, "", put(line, "command", json_command_line(head->command)));
}

static json_t *begin_line(const char *what, uint64_t time_ns)
{
	return put(put(json_object(), "event", json_string(what)), "time_ns", count(time_ns));
}

static json_t *put_result(json_t *line, const struct result *result)
{
	char name[16];
	const int error = event_error(result);

	line = put(line, "result",
		!result     ? json_null()
		: error > 0 ? json_integer(-1)
			    : json_integer(result->value));
	return put(line, "error", json_string(errno_name(error, name)));
}

/* What the kernel gave where the program got another errno; null: it was not asked, or told. */
static json_t *put_kernel_error(json_t *line, const struct result *result)
{
	char name[16];

	if (!result || result->answer == ANSWER_NONE)
		return put(line, "kernel_error", json_null());

	const int error = result->answer == ANSWER_SO_ERROR ? result->so_error
			  : result->value < 0               ? (int)-result->value
							    : 0;

	return put(line, "kernel_error", json_string(errno_name(error, name)));
}

static json_t *put_sock(json_t *line, const struct sock_view *sock)
{
	if (sock->id == 0)
		return put(put(line, "socket", json_null()), "cookie", json_null());
	line = put(line, "socket", count(sock->id));
	return put(line, "cookie", cookie_hex(sock->cookie));
}

static json_t *stack_end(const struct stack_text *stack)
{
	return json_string(stack_end_text(stack ? stack->end : STACK_WHOLE));
}

static json_t *put_stack(json_t *line, uint32_t id)
{
	return put(line, "stack", id ? count(id) : json_null());
}

static json_t *new_sockets(const struct event *event)
{
	json_t *list = json_array();

	for (size_t i = 0; i < 2 && event->made[i].id; i++)
		list = append(list, count(event->made[i].id));
	return list;
}

static int write_stack(
	struct event_writer *writer, uint64_t time_ns, uint32_t id, const struct stack_text *stack)
{
	json_t *line = put_stack(begin_line("stack", time_ns), id);

	line = put(line, "frames", json_stack(stack));
	return event_write_json(writer, "", put(line, "end", stack_end(stack)));
}

static int write_call(struct event_writer *writer, const struct event *event)
{
	const struct call *call = event->call;
	json_t *line = begin_line("call", event->time_ns);

	line = put(line, "duration_ns", count(event->time_ns - event->begun_ns));
	line = put(line, "pid", json_integer(call->caller.pid));
	line = put(line, "tid", json_integer(call->caller.tid));
	line = put(line, "command", data(event->command));
	line = put(line, "call", json_string(call->name));
	line = put(line, "fd", call->fd >= 0 ? json_integer(call->fd) : json_null());
	line = put_sock(line, &event->sock);
	line = put(line, "args", event_arguments(call, event->result));
	line = put_result(line, event->result);
	line = put(line, "new_sockets", new_sockets(event));
	line = put(line, "filter", data(event->filter ? event->filter : ""));
	line = put(line, "injected", json_boolean(event->injected));
	line = put(line, "promised", json_boolean(event->promised));
	line = put_kernel_error(line, event->result);
	line = put(line, "delay_ns", count(event->delay_ns));
	return event_write_json(writer, "", put_stack(line, event->stack_id));
}

static int write_socket(
	struct event_writer *writer, uint64_t time_ns, const struct sock_change *change)
{
	json_t *line = begin_line("socket", time_ns);

	line = put(line, "change", json_string(sock_turn_name(change->turn)));
	line = put(line, "socket", count(change->id));
	line = put_cookie(line, change->cookie);
	line = put(line, "pid", json_integer(change->holder));
	line = put(line, "fd", json_integer(change->fd));
	if (change->turn == SOCK_TURN_LEFT)
		line = put(line, "command", data(change->command ? change->command : ""));

	json_t *opener = put(json_object(), "pid", json_integer(change->pid));

	opener = put(opener, "tid", json_integer(change->tid));
	opener = put(opener, "call", json_string(change->call));
	opener = put_stack(opener, change->stack);
	return event_write_json(writer, "", put(line, "opened_by", opener));
}

/* What tables tell of each inflight socket and the report in JSON does not. */
static json_t *put_sockets(json_t *line, const struct report *report)
{
	const struct snapshot *const snapshot = report->snapshot;
	json_t *ends = json_array(), *suppressed = json_array();

	for (size_t i = 0; i < snapshot->sockets_count; i++) {
		const struct socket_row *const row = &snapshot->sockets[i];
		const struct stack_text *const stack = report_stack(report, row);

		ends = append(ends, stack_end(stack));
		suppressed = append(suppressed, json_boolean(row->suppressed));
	}
	return put(put(line, "stack_ends", ends), "suppressed", suppressed);
}

static int write_end(struct event_writer *writer, const struct report *report)
{
	json_t *line = begin_line("end", report->duration_ns);

	line = put(line, "count", json_string(report->law ? "socktest" : "go"));
	line = put(line, "leak_check", json_boolean(report->leaks));
	line = put_sockets(line, report);
	return event_write_json(writer, "", put(line, "report", json_report(report)));
}

const struct event_format event_format_jsonl = {
	.name = "jsonl",
	.help = "a recording for socktest report and for programs: a JSON object a line",
	.begin = write_begin,
	.stack = write_stack,
	.call = write_call,
	.socket = write_socket,
	.end = write_end,
};
