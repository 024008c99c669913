#include "cmd/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/alloc.h"
#include "cmd/message.h"
#include "report/jansson.h"

void connection_begin(struct connection *connection, int fd)
{
	*connection = (struct connection){
		.fd = fd, .in = alloc_zeroed(CONNECTION_LINE_BYTES, sizeof(*connection->in))};
}

void connection_end(struct connection *connection)
{
	close(connection->fd);
	free(connection->in);
	free(connection->out);
	*connection = (struct connection){.fd = -1};
}

static void lose(struct connection *connection)
{
	connection->lost = connection->ended = true;
	connection->sent = connection->out_length;
}

bool connection_flush(struct connection *connection)
{
	while (connection->sent < connection->out_length) {
		const ssize_t sent = send(connection->fd, connection->out + connection->sent,
			connection->out_length - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0)
			connection->sent += (size_t)sent;
		else if (errno == EAGAIN)
			return false;
		else if (errno != EINTR)
			lose(connection);
	}
	free(connection->out);
	connection->out = NULL;
	connection->out_length = connection->sent = 0;
	return true;
}

static void keep(struct connection *connection, const char *text, size_t length)
{
	const size_t left = connection->out_length - connection->sent;
	char *out = alloc_zeroed(left + length, 1);

	if (left)
		memcpy(out, connection->out + connection->sent, left);
	memcpy(out + left, text, length);
	free(connection->out);
	connection->out = out;
	connection->out_length = left + length;
	connection->sent = 0;
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
		keep(connection, text, length);
	free(text);
	connection_flush(connection);
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
	else if (errno != EAGAIN)
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
