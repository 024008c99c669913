#include "cmd/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "cmd/alloc.h"
#include "cmd/listener.h"
#include "cmd/message.h"
#include "cmd/requests.h"
#include "report/jansson.h"

#ifndef SOCKTEST_VERSION
#define SOCKTEST_VERSION "(unknown version)"
#endif

enum {
	CLIENTS_MAX = 64,
	LINES_AT_ONCE = 16, /* of one client, before the program goes on */
	NS_PER_MS = 1000000,
	RETRY_MS = 20,     /* where no signal will tell */
	GOODBYE_MS = 2000, /* for clients to take what is left for them, */
	SILENCE_MS = 500,  /* as long as any of them does */
};

struct control *control_open(
	const struct options *options, struct switchboard *sw, const struct places *places)
{
	struct control *const control = alloc_zeroed(1, sizeof(*control));

	control->options = options;
	control->sw = sw;
	control->places = *places;
	control->listener = listener_open("--control", options->control);
	return control;
}

/* ---- clients ---- */

static json_t *greeting(const struct control *control)
{
	json_t *line = put(json_object(), "protocol", json_string("socktest-control/1"));

	line = put(line, "version", json_string(SOCKTEST_VERSION));
	line = put(line, "pid", json_integer(getpid()));
	return put(
		line, "command", json_command_line((const char *const *)control->options->command));
}

/* Root could look into the program anyway (ptrace(2)). */
static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
	       (peer.uid == 0 || peer.uid == geteuid() || peer.uid == getuid());
}

static void turn_away(struct control *control, int fd, const char *why)
{
	struct connection connection;

	connection_begin(&connection, fd, &control->backlog);
	connection_send(&connection, put(json_object(), "error", json_string(why)));
	connection_end(&connection);
}

static void drop_asked(struct control *control, struct asked *asked)
{
	DL_DELETE(control->asked, asked);
	json_decref(asked->line);
	free(asked);
}

static void warn_of_pass(struct tracer *tracer, const char *filter)
{
	trace_warn(
		tracer, "%s: calls passed unasked, because the client in control was gone", filter);
}

/* Whoever was to answer never will. */
static void pass_all(struct control *control)
{
	const struct reply pass = {.answer = ANSWER_NONE};

	while (control->asked && control->tracer) {
		const uint64_t number = control->asked->number;

		warn_of_pass(control->tracer, control->asked->filter);
		drop_asked(control, control->asked);
		trace_reply(control->tracer, number, &pass);
	}
}

static void dismiss(struct control *control, struct client *client)
{
	if (client->connection.overflowed && control->tracer)
		trace_warn(control->tracer,
			"--control: a client was dropped, as more than %d MiB of answers were not "
			"read",
			CONNECTION_BACKLOG_BYTES >> 20);
	DL_DELETE(control->clients, client);
	client->connection.lost = true;
	requests_drop_waits(control, client);
	connection_end(&client->connection);
	if (control->master == client) {
		control->master = NULL;
		pass_all(control);
	}
	free(client);
}

static bool has_gone(const struct connection *connection)
{
	struct pollfd polled = {.fd = connection->fd};

	return poll(&polled, 1, 0) == 1 && polled.revents & (POLLHUP | POLLERR);
}

/* One that sends no more may still want to read, but nobody waits for its answers. */
static bool is_done(const struct control *control, const struct client *client)
{
	const struct connection *const connection = &client->connection;

	if (!connection->ended || connection->out_length)
		return false;
	return connection->lost || control->master == client || !client->waits ||
	       has_gone(connection);
}

/* Returns whether it may have more to say. */
static bool listen_to(struct control *control, struct client *client)
{
	struct connection *const connection = &client->connection;
	char *line;
	size_t length;

	for (int i = 0; i < LINES_AT_ONCE; i++) {
		line = connection_line(connection, &length);
		if (!line)
			return false;
		request_answer(control, client, line, length);
	}
	return true;
}

static void complain(struct client *client)
{
	json_t *line = put(json_object(), "ok", json_false());

	client->connection.overlong = false;
	connection_send(&client->connection,
		put(line, "error",
			json_sprintf("a request is at most %d bytes long", CONNECTION_LINE_BYTES)));
}

/* When to look again although no signal says so; 0: not at all. */
static uint64_t attend_client(struct control *control, struct client *client)
{
	struct connection *const connection = &client->connection;
	const uint64_t now_ns = control->so_far->duration_ns;
	const bool more = listen_to(control, client);

	if (connection->overlong)
		complain(client);
	if (!connection_flush(connection))
		return now_ns + (uint64_t)RETRY_MS * NS_PER_MS;
	if (control->master == client)
		requests_send_asked(control);
	if (is_done(control, client)) {
		dismiss(control, client);
		return 0;
	}
	return more ? now_ns : 0;
}

static bool is_full(const struct control *control)
{
	const struct client *client;
	int count;

	DL_COUNT(control->clients, client, count);
	return count == CLIENTS_MAX;
}

/* Attended to at once: one that has said all and gone is out of the way of the next. */
static uint64_t welcome(struct control *control, int fd)
{
	struct client *client;

	if (!is_ours(fd))
		turn_away(control, fd, "only the user who runs socktest, and root, may control it");
	else if (is_full(control))
		turn_away(control, fd, "there are too many clients");
	else {
		client = alloc_zeroed(1, sizeof(*client));
		connection_begin(&client->connection, fd, &control->backlog);
		DL_APPEND(control->clients, client);
		connection_send(&client->connection, greeting(control));
		return attend_client(control, client);
	}
	return 0;
}

static uint64_t sooner(uint64_t one, uint64_t other)
{
	return one && (!other || one < other) ? one : other;
}

/* ---- what the tracer calls ---- */

/* Returns when to look again although no signal says so; 0: not at all. */
static uint64_t attend_all(struct control *control)
{
	const uint64_t now_ns = control->so_far->duration_ns;
	const uint64_t soon_ns = now_ns + (uint64_t)RETRY_MS * NS_PER_MS;
	struct client *client, *next;
	uint64_t at_ns = 0;
	int fd;

	DL_FOREACH_SAFE(control->clients, client, next)
	at_ns = sooner(attend_client(control, client), at_ns);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		/* Those that have more to say may be gone when they have said it. */
		if (at_ns == now_ns && is_full(control))
			break;
		fd = listener_accept(control->listener);
		if (fd == -EAGAIN)
			break;
		at_ns = sooner(soon_ns, at_ns);
		if (fd < 0)
			break;
		at_ns = sooner(welcome(control, fd), at_ns);
	}
	return at_ns;
}

struct trace_attention control_attend(
	void *context, struct tracer *tracer, const struct trace_outcome *so_far, bool each_stop)
{
	struct control *const control = context;
	struct trace_attention attention = {.each_stop = false};

	control->tracer = tracer;
	control->so_far = so_far;
	if (!each_stop)
		control->look_ns = attend_all(control);
	requests_settle_waits(control);
	attention.each_stop = control->waits != NULL;
	attention.at_ns = sooner(control->look_ns, requests_nearest_wait_ns(control));
	return attention;
}

bool control_ask(void *context, const struct question *question)
{
	struct control *const control = context;
	struct asked *asked;

	if (!control->master && control->had_master) {
		warn_of_pass(control->tracer, question->filter);
		return false;
	}
	asked = alloc_zeroed(1, sizeof(*asked));
	asked->number = question->number;
	asked->filter = question->filter;
	asked->line = request_question(question);
	DL_APPEND(control->asked, asked);
	if (control->master)
		requests_send_asked(control);
	return true;
}

void control_unask(void *context, uint64_t number)
{
	struct control *const control = context;
	struct asked *asked;

	DL_SEARCH_SCALAR(control->asked, asked, number, number);
	if (!asked)
		return;
	if (!asked->line && control->master)
		connection_send(
			&control->master->connection, put(json_object(), "gone", count(number)));
	drop_asked(control, asked);
}

/* ---- the end ---- */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_PER_MS;
}

/* Returns how many have not taken yet what was sent to them. */
static nfds_t flush_all(const struct control *control, struct pollfd polled[static CLIENTS_MAX])
{
	struct client *client;
	nfds_t count = 0;

	DL_FOREACH(control->clients, client)
	{
		if (!connection_flush(&client->connection))
			polled[count++] =
				(struct pollfd){.fd = client->connection.fd, .events = POLLOUT};
	}
	return count;
}

/* Waits until all have taken what was sent to them, or do not seem to want it. */
static void say_goodbye(const struct control *control)
{
	const uint64_t end_ms = now_ms() + GOODBYE_MS;
	struct pollfd polled[CLIENTS_MAX];
	nfds_t count;

	while ((count = flush_all(control, polled))) {
		const int ready = poll(polled, count, SILENCE_MS);

		if (ready == 0 || (ready < 0 && errno != EINTR) || now_ms() >= end_ms)
			return;
	}
}

void control_end(struct control *control, const struct trace_outcome *outcome)
{
	if (!control)
		return;
	control->tracer = NULL;
	control->so_far = outcome;
	(void)attend_all(control); /* what came last */
	listener_close(control->listener);
	requests_settle_waits(control);
}

void control_close(struct control *control)
{
	struct client *client, *next;

	if (!control)
		return;
	say_goodbye(control);
	DL_FOREACH_SAFE(control->clients, client, next)
	dismiss(control, client);
	while (control->asked)
		drop_asked(control, control->asked);
	free(control);
}
