/*
 * Chrome's trace event format, for ui.perfetto.dev: an array of events, whose closing bracket may
 * be missing. A track for each process and thread, with a slice for each call, and one for the life
 * of each socket. Times are microseconds.
 */
#include <string.h>

#include "report/event.h"
#include "report/jansson.h"
#include "switch/names.h"

static json_t *microseconds(uint64_t ns)
{
	return json_real((double)ns / 1000);
}

static json_t *begin_event(const char *phase, const char *category, json_t *name)
{
	json_t *event = put(json_object(), "ph", json_string(phase));

	return put(put(event, "cat", json_string(category)), "name", name);
}

static json_t *put_place(json_t *event, uint64_t time_ns, pid_t pid, pid_t tid)
{
	event = put(event, "ts", microseconds(time_ns));
	event = put(event, "pid", json_integer(pid));
	return put(event, "tid", json_integer(tid));
}

static json_t *naming(const char *what, pid_t pid, pid_t tid, json_t *name)
{
	json_t *event = begin_event("M", "__metadata", json_string(what));

	event = put_place(event, 0, pid, tid);
	return put(event, "args", put(json_object(), "name", name));
}

/* The first event, so that all others can begin with a comma. */
static int write_begin(struct event_writer *writer, const struct recording_head *head)
{
	json_t *event = begin_event("M", "__metadata", json_string("trace_start"));
	json_t *arguments = put(json_object(), "start_ns", count(head->start_ns));

	arguments = put(arguments, "command", json_command_line(head->command));
	return event_write_json(writer, "[\n", put(put_place(event, 0, 0, 0), "args", arguments));
}

/* Whether it has to be said; again for one that was pushed out by another, which does no harm. */
static bool is_news(struct event_name *names, pid_t id, const char *name)
{
	struct event_name *const slot = &names[(unsigned)id % EVENT_NAMES];

	if (slot->pid == id && strcmp(slot->name, name) == 0)
		return false;
	slot->pid = id;
	snprintf(slot->name, sizeof(slot->name), "%s", name);
	return true;
}

static int name_tracks(struct event_writer *writer, pid_t pid, pid_t tid, const char *name)
{
	int status = 0;

	if (is_news(writer->processes, pid, name))
		status =
			event_write_json(writer, ",", naming("process_name", pid, pid, data(name)));
	if (status == 0 && is_news(writer->threads, tid, name))
		status = event_write_json(writer, ",", naming("thread_name", pid, tid, data(name)));
	return status;
}

/* "main (client.c:12)" */
static json_t *frame(const struct stack_line *line)
{
	struct draft draft;
	char *text = NULL;
	json_t *string;

	if (draft_open(&draft) == 0) {
		text_frame(draft.stream, line);
		text = draft_text(&draft);
	}
	string = text ? json_string(text) : NULL;
	free(text);
	return string;
}

static json_t *put_stack(json_t *arguments, const struct stack_text *stack)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < stack->count; i++)
		frames = append(frames, frame(&stack->lines[i]));
	if (stack->end != STACK_WHOLE)
		frames = append(frames, json_string(stack_end_text(stack->end)));
	return put(arguments, "stack", frames);
}

static json_t *call_arguments(const struct event *event)
{
	const struct result *const result = event->result;
	json_t *arguments = event_arguments(event->call, result);
	char name[16], cookie[TEXT_COOKIE_BYTES];

	if (event->call->fd >= 0)
		arguments = put(arguments, "fd", json_integer(event->call->fd));
	if (event->sock.id) {
		arguments = put(arguments, "socket", count(event->sock.id));
		arguments = put(
			arguments, "cookie", json_string(text_cookie(event->sock.cookie, cookie)));
	}
	if (event_error(result))
		arguments =
			put(arguments, "error", json_string(errno_name(event_error(result), name)));
	else if (result)
		arguments = put(arguments, "result", json_integer(result->value));
	if (event->filter)
		arguments = put(arguments, "filter", data(event->filter));
	return event->stack ? put_stack(arguments, event->stack) : arguments;
}

static int write_call(struct event_writer *writer, const struct event *event)
{
	const struct caller *const caller = &event->call->caller;
	json_t *line = begin_event("X", "call", json_string(event->call->name));
	int status = name_tracks(writer, caller->pid, caller->tid, event->command);

	line = put_place(line, event->begun_ns, caller->pid, caller->tid);
	line = put(line, "dur", microseconds(event->time_ns - event->begun_ns));
	line = put(line, "args", call_arguments(event));
	if (status == 0)
		return event_write_json(writer, ",", line);
	json_decref(line);
	return status;
}

/*
 * Asynchronous slices, because lives overlap. Both ends name the process that opened the socket:
 * that is whose track it is on, whoever closes it.
 */
static int write_socket(
	struct event_writer *writer, uint64_t time_ns, const struct sock_change *change)
{
	const bool ends = change->turn == SOCK_TURN_CLOSED || change->turn == SOCK_TURN_LEFT;
	const bool within =
		change->turn == SOCK_TURN_CONNECTED || change->turn == SOCK_TURN_REFUSED;
	char name[TEXT_COOKIE_BYTES + 32], cookie[TEXT_COOKIE_BYTES], id[24];

	snprintf(name, sizeof(name), "%s #%" PRIu64, text_cookie(change->cookie, cookie),
		change->id);
	snprintf(id, sizeof(id), "0x%" PRIx64, change->id);

	json_t *line = begin_event(within ? "n" : ends ? "e" : "b", "socket", json_string(name));

	line = put(line, "id", json_string(id));
	line = put_place(line, time_ns, change->pid, change->tid);

	json_t *arguments = put(json_object(),
		within ? "turn"
		: ends ? "end"
		       : "begin",
		json_string(sock_turn_name(change->turn)));

	arguments = put(arguments, "fd", json_integer(change->fd));
	return event_write_json(writer, ",", put(line, "args", arguments));
}

static int write_end(struct event_writer *writer, const struct report *report)
{
	json_t *line = begin_event("M", "__metadata", json_string("trace_end"));
	json_t *arguments = put(json_object(), "duration_ns", count(report->duration_ns));
	int status =
		event_write_json(writer, ",", put(put_place(line, 0, 0, 0), "args", arguments));

	if (status == 0 && (fputs("]\n", writer->stream) < 0 || fflush(writer->stream)))
		status = -errno;
	return status;
}

const struct event_format event_format_perfetto = {
	.name = "perfetto",
	.help = "Chrome's trace events, for ui.perfetto.dev: calls and sockets on a time line",
	.begin = write_begin,
	.call = write_call,
	.socket = write_socket,
	.end = write_end,
};
