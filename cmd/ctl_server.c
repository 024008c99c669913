#include "cmd/ctl_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cmd/listener.h"
#include "cmd/message.h"
#include "report/jansson.h"

#define PROTOCOL "socktest-control/1"

enum { READ_BYTES = 65536, NS_PER_S = 1000000000, RETRY_NS = 20000000 };

void lines_read(struct lines *lines)
{
	ssize_t bytes;

	if (lines->taken)
		memmove(lines->text, lines->text + lines->taken, lines->length - lines->taken);
	lines->length -= lines->taken;
	lines->taken = 0;
	lines->text = realloc(lines->text, lines->length + READ_BYTES);
	if (!lines->text)
		message_exit("out of memory");
	do
		bytes = read(lines->fd, lines->text + lines->length, READ_BYTES);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0 && errno != ECONNRESET)
		message_exit("cannot read: %s", strerror(errno));
	lines->ended = bytes <= 0;
	lines->length += bytes > 0 ? (size_t)bytes : 0;
}

char *lines_take(struct lines *lines)
{
	const size_t there = lines->length - lines->taken;
	char *const line = there ? lines->text + lines->taken : NULL;
	char *const end = there ? memchr(line, '\n', there) : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	lines->taken += (size_t)(end - line) + 1;
	return line;
}

char *lines_take_last(struct lines *lines)
{
	char *const whole = lines_take(lines);
	char *const rest = lines->text + lines->taken;

	if (whole || !lines->ended || lines->taken == lines->length)
		return whole;
	lines->text[lines->length] = '\0'; /* nothing was read where the end was seen */
	lines->taken = lines->length;
	return rest;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int try_connect(const struct sockaddr_un *address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return fd;
	const int error = errno;
	if (fd >= 0)
		close(fd);
	return -error;
}

static int connect_in_time(const char *path, uint64_t timeout_ns)
{
	const struct timespec retry = {.tv_nsec = RETRY_NS};
	struct sockaddr_un address;
	const uint64_t begun_ns = now_ns();
	int fd;

	if (!listener_address(path, &address))
		message_exit("%s: a socket's path is 1 to %d bytes long", path, LISTENER_PATH_MAX);
	for (;;) {
		fd = try_connect(&address);
		if ((fd != -ENOENT && fd != -ECONNREFUSED) || now_ns() - begun_ns >= timeout_ns)
			return fd;
		nanosleep(&retry, NULL);
	}
}

static _Noreturn void went_away(const struct server *server)
{
	message_exit("%s: the other end went away", server->path);
}

/* NULL: nothing more comes. */
static json_t *receive(struct server *server)
{
	char *line;
	json_t *received;

	while (!(line = lines_take(&server->lines))) {
		if (server->lines.ended)
			return NULL;
		lines_read(&server->lines);
	}
	received = json_loads(line, 0, NULL);
	if (!json_is_object(received))
		message_exit("%s: whoever listens there does not speak " PROTOCOL, server->path);
	return received;
}

static void take_greeting(struct server *server)
{
	json_t *const greeting = receive(server);
	const char *const protocol = json_string_value(json_object_get(greeting, "protocol"));
	const char *const error = json_string_value(json_object_get(greeting, "error"));

	if (!greeting)
		went_away(server);
	if (error)
		message_exit("%s: %s", server->path, error);
	if (!protocol || strcmp(protocol, PROTOCOL) != 0)
		message_exit("%s: whoever listens there speaks %s, not " PROTOCOL, server->path,
			protocol ? protocol : "something else");
	json_decref(greeting);
}

struct server server_connect(const char *path, uint64_t timeout_ns)
{
	struct server server = {.path = path, .lines = {.fd = connect_in_time(path, timeout_ns)}};

	if (server.lines.fd == -ENOENT || server.lines.fd == -ECONNREFUSED)
		message_exit("%s: nobody listens there; is it the PATH of a running "
			     "socktest trace --control=PATH?",
			path);
	if (server.lines.fd < 0)
		message_exit("%s: %s", path, strerror(-server.lines.fd));
	take_greeting(&server);
	return server;
}

void server_disconnect(struct server *server)
{
	close(server->lines.fd);
	free(server->lines.text);
}

void server_finish(const struct server *server)
{
	(void)shutdown(server->lines.fd, SHUT_WR);
}

void server_send(struct server *server, json_t *request)
{
	char *const text = json_dumps(request, JSON_COMPACT);
	size_t sent = 0, length;
	char *line;

	if (!text || asprintf(&line, "%s\n", text) < 0)
		message_exit("out of memory");
	length = strlen(line);
	while (sent < length) {
		const ssize_t bytes =
			send(server->lines.fd, line + sent, length - sent, MSG_NOSIGNAL);

		if (bytes >= 0)
			sent += (size_t)bytes;
		else if (errno != EINTR)
			break; /* its last words may be there to be read */
	}
	free(line);
	free(text);
	json_decref(request);
}

json_t *server_ask(struct server *server, json_t *request)
{
	server_send(server, request);
	return receive(server);
}

json_t *server_demand(struct server *server, json_t *request)
{
	json_t *const answer = server_ask(server, request);
	const char *const error = json_string_value(json_object_get(answer, "error"));

	if (!answer)
		went_away(server);
	if (!json_is_true(json_object_get(answer, "ok")))
		message_exit("%s", error ? error : "refused");
	return answer;
}
