/* The list of event formats, and what they share. */
#include "report/event.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "report/jansson.h"
#include "switch/names.h"

const struct event_format *const event_formats[] = {
	&event_format_text,
	&event_format_jsonl,
	&event_format_perfetto,
	NULL,
};

const struct event_format *event_format_find(const char *name)
{
	for (size_t i = 0; event_formats[i]; i++) {
		if (strcmp(event_formats[i]->name, name) == 0)
			return event_formats[i];
	}
	return NULL;
}

int events_begin(struct event_writer *writer, const struct event_format *format, FILE *stream,
	const struct recording_head *head)
{
	*writer = (struct event_writer){
		.format = format,
		.stream = stream,
		.start_ns = head->start_ns,
		.clock = head->clock,
	};
	return format->begin ? format->begin(writer, head) : 0;
}

int events_stack(
	struct event_writer *writer, uint64_t time_ns, uint32_t id, const struct stack_text *stack)
{
	return writer->format->stack ? writer->format->stack(writer, time_ns, id, stack) : 0;
}

int events_call(struct event_writer *writer, const struct event *event)
{
	return writer->format->call ? writer->format->call(writer, event) : 0;
}

int events_socket(struct event_writer *writer, uint64_t time_ns, const struct sock_change *change)
{
	return writer->format->socket ? writer->format->socket(writer, time_ns, change) : 0;
}

int events_end(struct event_writer *writer, const struct report *report)
{
	return writer->format->end ? writer->format->end(writer, report) : 0;
}

const struct event_flag event_socket_flags[] = {
	{SOCK_NONBLOCK, "nonblock"},
	{SOCK_CLOEXEC, "cloexec"},
	{0, NULL},
};

const struct event_flag event_dup_flags[] = {
	{O_CLOEXEC, "cloexec"},
	{0, NULL},
};

const struct event_flag event_close_range_flags[] = {
	{CLOSE_RANGE_UNSHARE, "CLOSE_RANGE_UNSHARE"},
	{CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"},
	{0, NULL},
};

const struct event_flag event_unshare_flags[] = {
	{CLONE_FILES, "CLONE_FILES"},
	{CLONE_NEWNET, "CLONE_NEWNET"},
	{0, NULL},
};

const char *event_flags_text(
	unsigned flags, const struct event_flag *names, char buffer[static EVENT_FLAGS_BYTES])
{
	const char *separator = "";
	size_t used = 0;

	buffer[0] = '\0';
	for (; names->name; names++) {
		if (flags & names->bit) {
			used += (size_t)snprintf(buffer + used, EVENT_FLAGS_BYTES - used, "%s%s",
				separator, names->name);
			separator = "|";
		}
		flags &= ~names->bit;
	}
	if (flags)
		snprintf(buffer + used, EVENT_FLAGS_BYTES - used, "%s0x%x", separator, flags);
	return buffer;
}

/* ---- JSON ---- */

static json_t *put_flags(json_t *object, unsigned flags, const struct event_flag *names)
{
	char text[EVENT_FLAGS_BYTES];

	return put(object, "flags", json_string(event_flags_text(flags, names, text)));
}

/* Fields that a cookie has no room for stand as numbers. */
static json_t *put_socket(json_t *object, const struct call *call)
{
	const socket_cookie cookie = cookie_raw(call->family, call->type, call->protocol);
	char name[COOKIE_NAME_BYTES];

	object = put(object, "family",
		cookie_family(cookie) == call->family
			? json_string(cookie_family_name(cookie, name))
			: json_integer(call->family));
	object = put(object, "type", json_string(cookie_type_name(cookie, name)));
	object = put(object, "protocol",
		call->protocol != 0 && cookie_protocol(cookie) == call->protocol
			? json_string(cookie_protocol_name(cookie, name))
			: json_integer(call->protocol));
	return put_flags(
		object, (unsigned)call->type & (SOCK_NONBLOCK | SOCK_CLOEXEC), event_socket_flags);
}

/* null: it could not be read, or the program did not ask for it. */
static json_t *put_address(json_t *object, const char *key, const struct address *text)
{
	return put(object, key, text ? address(text) : json_null());
}

static json_t *put_option(json_t *object, const struct call *call, const struct result *result)
{
	char name[16];

	object = put(object, "level",
		call->level == SOL_SOCKET ? json_string("SOL_SOCKET") : json_integer(call->level));
	if (call->level != SOL_SOCKET || call->optname != SO_ERROR)
		return put(object, "option", json_integer(call->optname));
	object = put(object, "option", json_string("SO_ERROR"));
	if (!result || result->so_error < 0)
		return object;

	const int error = result->answer == ANSWER_SO_ERROR ? result->error : result->so_error;

	const char *const connect = event_connect(result->so_error_truth);

	object = put(object, "so_error", json_string(errno_name(error, name)));
	return *connect ? put(object, "connect", json_string(connect)) : object;
}

static json_t *put_pair(json_t *object, const struct result *result)
{
	json_t *pair = json_array();

	if (!result || result->value != 0) {
		json_decref(pair);
		return object;
	}
	pair = append(pair, json_integer(result->pair[0]));
	return put(object, "fds", append(pair, json_integer(result->pair[1])));
}

static json_t *put_dup(json_t *object, const struct call *call)
{
	if (call->new_fd >= 0)
		object = put(object, "new_fd", json_integer(call->new_fd));
	return put_flags(object, call->flags, event_dup_flags);
}

static json_t *put_range(json_t *object, const struct call *call)
{
	object = put(object, "first", count(call->first));
	object = put(object, "last", count(call->last));
	return put_flags(object, call->flags, event_close_range_flags);
}

json_t *event_arguments(const struct call *call, const struct result *result)
{
	json_t *const object = json_object();

	switch (call->kind) {
	case CALL_SOCKET:
		return put_socket(object, call);
	case CALL_SOCKETPAIR:
		return put_pair(put_socket(object, call), result);
	case CALL_CONNECT:
	case CALL_BIND:
		return put_address(object, "address", call->address);
	case CALL_LISTEN:
		return put(object, "backlog", json_integer(call->backlog));
	case CALL_ACCEPT:
		return put_flags(put_address(object, "peer", result ? result->peer : NULL),
			call->flags, event_socket_flags);
	case CALL_GETSOCKOPT:
		return put_option(object, call, result);
	case CALL_CLOSE_RANGE:
		return put_range(object, call);
	case CALL_DUP:
		return put_dup(object, call);
	case CALL_UNSHARE:
		return put_flags(object, call->flags, event_unshare_flags);
	default:
		return object;
	}
}

const char *event_connect(enum so_error_truth truth)
{
	static const char *const words[] = {
		[SO_ERROR_TRUE] = "", [SO_ERROR_EARLY] = "undecided", [SO_ERROR_LATE] = "failed"};

	return words[truth];
}

int event_error(const struct result *result)
{
	if (!result)
		return 0;
	if (result->answer == ANSWER_AFTER)
		return result->error;
	return result->value < 0 ? (int)-result->value : 0;
}

int event_write_json(struct event_writer *writer, const char *before, json_t *value)
{
	struct draft draft;
	int status = draft_open(&draft);

	if (status < 0) {
		json_decref(value);
		return status;
	}
	fputs(before, draft.stream);
	status = json_print(value, JSON_COMPACT | JSON_REAL_PRECISION(15), draft.stream);
	fputc('\n', draft.stream);
	return draft_end(&draft, status, writer->stream);
}
