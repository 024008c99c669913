#include "cmd/connection.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/alloc.h"
#include "cmd/message.h"
#include "report/jansson.h"

void connection_begin(struct connection *connection, int fd, struct backlog *backlog)
{
	*connection = (struct connection){
		.fd = fd,
		.in = alloc_zeroed(CONNECTION_LINE_BYTES, sizeof(*connection->in)),
		.backlog = backlog,
	};
}

/* All is sent, or never will be. */
static void drop_kept(struct connection *connection)
{
	connection->backlog->bytes -= connection->out_length - connection->sent;
	free(connection->out);
	connection->out = NULL;
	connection->out_size = connection->out_length = connection->sent = 0;
}

void connection_end(struct connection *connection)
{
	drop_kept(connection);
	close(connection->fd);
	free(connection->in);
	*connection = (struct connection){.fd = -1};
}

/* As much as goes now; returns how much that was. */
static size_t send_now(struct connection *connection, const char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		const ssize_t sent = send(
			connection->fd, bytes + done, length - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			done += (size_t)sent;
		} else if (errno != EINTR) {
			connection->lost = errno != EAGAIN;
			break;
		}
	}
	return done;
}

bool connection_flush(struct connection *connection)
{
	const size_t left = connection->out_length - connection->sent;
	const size_t sent = send_now(connection, connection->out + connection->sent, left);

	connection->sent += sent;
	connection->backlog->bytes -= sent;
	if (sent < left && !connection->lost)
		return false;
	drop_kept(connection);
	return true;
}

/* Twice as much as is needed, so that many lines are not moved about for each one more. */
static void make_room(struct connection *connection, size_t length)
{
	const size_t left = connection->out_length - connection->sent;
	char *out;

	if (connection->out_size - connection->out_length >= length)
		return;
	connection->out_size = 2 * (left + length);
	out = alloc_zeroed(connection->out_size, 1);
	if (left)
		memcpy(out, connection->out + connection->sent, left);
	free(connection->out);
	connection->out = out;
	connection->out_length = left;
	connection->sent = 0;
}

static void keep(struct connection *connection, const char *text, size_t length)
{
	make_room(connection, length);
	memcpy(connection->out + connection->out_length, text, length);
	connection->out_length += length;
	connection->backlog->bytes += length;
}

/* It takes nothing more, and nothing more of it is looked at. */
static void lose(struct connection *connection)
{
	connection->lost = connection->ended = true;
	drop_kept(connection);
}

static void give_up(struct connection *connection)
{
	lose(connection);
	connection->overflowed = true;
	/* As if the other end had gone, which the kernel would tell us of so. */
	(void)kill(getpid(), SIGIO);
}

static void send_or_keep(struct connection *connection, const char *text, size_t length)
{
	size_t sent = 0;

	if (connection_flush(connection) && !connection->lost)
		sent = send_now(connection, text, length);
	if (connection->lost || sent == length)
		return;
	if (connection->backlog->bytes + length - sent > CONNECTION_BACKLOG_BYTES)
		return give_up(connection);
	keep(connection, text + sent, length - sent);
}

void connection_send(struct connection *connection, json_t *line)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (!stream || json_print(line, JSON_COMPACT, stream))
		message_exit("out of memory");
	fputc('\n', stream);
	if (fclose(stream))
		message_exit("out of memory");
	if (!connection->lost)
		send_or_keep(connection, text, length);
	free(text);
}

/* Returns whether something came. */
static bool receive(struct connection *connection)
{
	ssize_t received;

	memmove(connection->in, connection->in + connection->taken,
		connection->received - connection->taken);
	connection->received -= connection->taken;
	connection->taken = 0;
	if (connection->received == CONNECTION_LINE_BYTES) {
		connection->overlong = connection->ended = true;
		return false;
	}
	do
		received = recv(connection->fd, connection->in + connection->received,
			CONNECTION_LINE_BYTES - connection->received, MSG_DONTWAIT);
	while (received < 0 && errno == EINTR);
	if (received > 0)
		connection->received += (size_t)received;
	else if (received == 0)
		connection->ended = true;
	/* Where nothing was sent but it takes nothing, it has shut down its reading (shutdown(2)). */
	else if (errno != EAGAIN || connection->lost)
		lose(connection);
	return received > 0;
}

char *connection_line(struct connection *connection, size_t *length)
{
	if (!connection_flush(connection))
		return NULL;
	do {
		char *const line = connection->in + connection->taken;
		const size_t there = connection->received - connection->taken;
		char *const end = there ? memchr(line, '\n', there) : NULL;

		if (end) {
			*end = '\0';
			*length = (size_t)(end - line);
			connection->taken += *length + 1;
			return line;
		}
	} while (!connection->ended && receive(connection));
	return NULL;
}
