/* A line for each call, in the manner of strace. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "report/event.h"
#include "report/text.h"
#include "switch/libc.h"
#include "switch/names.h"

/* Each after what separator says; none: nothing. */
static void print_flags(
	FILE *out, unsigned flags, const struct event_flag *names, const char *separator)
{
	char text[EVENT_FLAGS_BYTES];

	if (flags)
		fprintf(out, "%s%s", separator, event_flags_text(flags, names, text));
}

static void print_flags_or_0(FILE *out, unsigned flags, const struct event_flag *names)
{
	fputs(flags ? ", " : ", 0", out);
	print_flags(out, flags, names, "");
}

static void print_fd(FILE *out, const struct call *call)
{
	if (call->fd >= 0)
		fprintf(out, "%d", call->fd);
}

/* Arguments that a cookie has no room for stand as numbers. */
static void print_socket_arguments(FILE *out, const struct call *call, const struct result *result)
{
	unsigned flags = (unsigned)call->type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	socket_cookie cookie = cookie_raw(call->family, call->type, call->protocol);
	char name[COOKIE_NAME_BYTES];

	(void)result;
	if (cookie_family(cookie) == call->family)
		fputs(cookie_family_name(cookie, name), out);
	else
		fprintf(out, "%d", call->family);
	fprintf(out, ", %s", cookie_type_name(cookie, name));
	print_flags(out, flags, event_socket_flags, "|");
	if (call->protocol != 0 && cookie_protocol(cookie) == call->protocol)
		fprintf(out, ", %s", cookie_protocol_name(cookie, name));
	else
		fprintf(out, ", %d", call->protocol);
}

static void print_address(FILE *out, const struct address *address)
{
	char buffer[ADDRESS_TEXT_BYTES];
	const char *text = address ? address_text(address, buffer) : "?";

	fputs(*text ? text : "unnamed", out);
}

static void print_address_arguments(FILE *out, const struct call *call, const struct result *result)
{
	(void)result;
	print_fd(out, call);
	fputs(", ", out);
	print_address(out, call->address);
}

static void print_listen_arguments(FILE *out, const struct call *call, const struct result *result)
{
	(void)result;
	print_fd(out, call);
	fprintf(out, ", %d", call->backlog);
}

static void print_accept_arguments(FILE *out, const struct call *call, const struct result *result)
{
	print_fd(out, call);
	if (result && result->peer) {
		fputs(", [", out);
		print_address(out, result->peer);
		fputc(']', out);
	}
	print_flags(out, call->flags, event_socket_flags, ", ");
}

static void print_getsockopt_arguments(
	FILE *out, const struct call *call, const struct result *result)
{
	char name[16];

	print_fd(out, call);
	if (call->level != SOL_SOCKET)
		fprintf(out, ", %d, %d", call->level, call->optname);
	else if (call->optname != SO_ERROR)
		fprintf(out, ", SOL_SOCKET, %d", call->optname);
	else
		fputs(", SOL_SOCKET, SO_ERROR", out);
	if (!result)
		return;
	const char *const connect = event_connect(result->so_error_truth);
	const int error = result->answer == ANSWER_SO_ERROR ? result->error : result->so_error;
	if (error == 0)
		fprintf(out, ", [0%s%s]", *connect ? " " : "", connect);
	else if (error > 0)
		fprintf(out, ", [%s]", errno_name(error, name));
}

static void print_fd_arguments(FILE *out, const struct call *call, const struct result *result)
{
	(void)result;
	print_fd(out, call);
}

static void print_close_range_arguments(
	FILE *out, const struct call *call, const struct result *result)
{
	(void)result;
	fprintf(out, "%u, %u", call->first, call->last);
	print_flags_or_0(out, call->flags, event_close_range_flags);
}

static void print_dup_arguments(FILE *out, const struct call *call, const struct result *result)
{
	(void)result;
	print_fd(out, call);
	if (strncmp(call->name, "fcntl", strlen("fcntl")) == 0)
		fputs(call->flags & O_CLOEXEC ? ", F_DUPFD_CLOEXEC" : ", F_DUPFD", out);
	if (call->new_fd >= 0)
		fprintf(out, ", %d", call->new_fd);
	if (strcmp(call->name, "dup3") == 0)
		print_flags_or_0(out, call->flags, event_dup_flags);
}

static void print_unshare_arguments(FILE *out, const struct call *call, const struct result *result)
{
	(void)result;
	if (!call->flags)
		fputc('0', out);
	print_flags(out, call->flags, event_unshare_flags, "");
}

static void print_call(FILE *out, const struct call *call, const struct result *result)
{
	static void (*const print_arguments[CALL_MAX])(
		FILE * out, const struct call *call, const struct result *result) = {
		[CALL_SOCKET] = print_socket_arguments,
		[CALL_CONNECT] = print_address_arguments,
		[CALL_LISTEN] = print_listen_arguments,
		[CALL_ACCEPT] = print_accept_arguments,
		[CALL_GETSOCKOPT] = print_getsockopt_arguments,
		[CALL_CLOSE] = print_fd_arguments,
		[CALL_SOCKETPAIR] = print_socket_arguments,
		[CALL_CLOSE_RANGE] = print_close_range_arguments,
		[CALL_DUP] = print_dup_arguments,
		[CALL_BIND] = print_address_arguments,
		[CALL_UNSHARE] = print_unshare_arguments,
		[CALL_RECEIVE_FD] = print_fd_arguments,
	};

	fprintf(out, "%s(", call->name);
	print_arguments[call->kind](out, call, result);
	fputc(')', out);
}

static void print_error(FILE *out, int error)
{
	char name[16];
	const char *text = strerrordesc_np(error);

	fprintf(out, "-1 %s", errno_name(error, name));
	if (text)
		fprintf(out, " (%s)", text);
}

static void print_result(FILE *out, const struct call *call, const struct result *result)
{
	fputs(" = ", out);
	if (!result)
		fputc('?', out);
	else if (result->answer == ANSWER_AFTER)
		print_error(out, result->error);
	else if (result->value < 0)
		print_error(out, (int)-result->value);
	else
		fprintf(out, "%" PRId64, result->value);
	if (result && result->value == 0 && call->kind == CALL_SOCKETPAIR)
		fprintf(out, " [%d, %d]", result->pair[0], result->pair[1]);
	if (result && result->answer == ANSWER_AFTER)
		fputs(" (injected after)", out);
}

static void print_sock(FILE *out, const struct sock_view *sock)
{
	char cookie[TEXT_COOKIE_BYTES];

	if (sock->id != 0)
		fprintf(out, "  <%s #%" PRIu64 ">", text_cookie(sock->cookie, cookie), sock->id);
}

static void print_socks(FILE *out, const struct event *event)
{
	char cookie[TEXT_COOKIE_BYTES];

	print_sock(out, &event->sock);
	for (size_t i = 0; i < 2 && event->made[i].id; i++)
		fprintf(out, "%s<%s #%" PRIu64 ">", i ? " " : "  -> ",
			text_cookie(event->made[i].cookie, cookie), event->made[i].id);
}

static void print_filter(FILE *out, const struct event *event)
{
	char delay[24];

	if (!event->filter)
		return;
	fputs("  [", out);
	text_print(out, event->filter, TEXT_DATA);
	if (event->delay_ns > 0)
		fprintf(out, ", held back %s", duration_text(event->delay_ns, delay));
	fputc(']', out);
}

enum { NS_PER_S = 1000000000 };

static void print_seconds(FILE *out, uint64_t time_ns)
{
	fprintf(out, "%" PRIu64 ".%06" PRIu64, time_ns / NS_PER_S, time_ns % NS_PER_S / 1000);
}

static void print_time_of_day(FILE *out, uint64_t time_ns, bool in_us)
{
	const time_t seconds = (time_t)(time_ns / NS_PER_S);
	struct tm local = {0};

	localtime_r(&seconds, &local);
	fprintf(out, "%02d:%02d:%02d", local.tm_hour, local.tm_min, local.tm_sec);
	if (in_us)
		fprintf(out, ".%06" PRIu64, time_ns % NS_PER_S / 1000);
}

/* A time of the day is that at which the call was made, as strace has it. */
static void print_time(FILE *out, const struct event_writer *writer, const struct event *event)
{
	const uint64_t begun_ns = writer->start_ns + event->begun_ns;

	switch (writer->clock) {
	case EVENT_CLOCK_DAY:
	case EVENT_CLOCK_DAY_US:
		return print_time_of_day(out, begun_ns, writer->clock == EVENT_CLOCK_DAY_US);
	case EVENT_CLOCK_EPOCH:
		return print_seconds(out, begun_ns);
	default:
		print_seconds(out, event->time_ns);
	}
}

static int write_call(struct event_writer *writer, const struct event *event)
{
	struct draft draft;
	int status = draft_open(&draft);

	if (status < 0)
		return status;
	print_time(draft.stream, writer, event);
	fprintf(draft.stream, " %d ", event->call->caller.tid);
	print_call(draft.stream, event->call, event->result);
	print_result(draft.stream, event->call, event->result);
	print_socks(draft.stream, event);
	print_filter(draft.stream, event);
	fputc('\n', draft.stream);
	if (event->stack)
		text_stack(draft.stream, event->stack, "    ");
	return draft_end(&draft, 0, writer->stream);
}

const struct event_format event_format_text = {
	.name = "text",
	.help = "a line for each call, in the manner of strace",
	.call = write_call,
};
