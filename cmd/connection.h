/*
 * One end of a stream socket (unix(7)) over which lines of JSON go both ways, never blocking. What
 * cannot be sent yet is kept; nothing more is read as long as there is any, so that whoever does
 * not read what comes cannot ask for more. All connections together keep no more than
 * CONNECTION_BACKLOG_BYTES: the one whose line is too much is lost.
 */
#ifndef SOCKTEST_CMD_CONNECTION_H
#define SOCKTEST_CMD_CONNECTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	CONNECTION_LINE_BYTES = 65536, /* a line is shorter, with its newline not longer */
	CONNECTION_BACKLOG_BYTES = 64 << 20,
};

/* What connections that belong together share. */
struct backlog {
	size_t bytes; /* that all of them keep */
};

struct connection {
	int fd;
	bool ended;      /* the other end sends no more */
	bool lost;       /* it takes nothing more; what it sent before is still read */
	bool overlong;   /* it sent a line that is too long: the rest is not looked at */
	bool overflowed; /* it was given up, as there was too much for it to take */
	char *in;        /* CONNECTION_LINE_BYTES */
	size_t received; /* of in, from taken on what was not looked at */
	size_t taken;
	char *out; /* from sent on what is still to go */
	size_t out_size, out_length, sent;
	struct backlog *backlog;
};

/*
 * Takes over fd, a nonblocking one; backlog is lent. Exits with a message where there is no memory.
 */
void connection_begin(struct connection *connection, int fd, struct backlog *backlog);

/* Closes it. */
void connection_end(struct connection *connection);

/* Sends it, or keeps what has to wait, and lets go of it; NULL: there was no memory to make it. */
void connection_send(struct connection *connection, json_t *line);

/* Sends of what was kept as much as it can. Returns whether all is sent, or never will be. */
bool connection_flush(struct connection *connection);

/*
 * The next line that was sent, its newline replaced by NUL, for a moment; NULL: none is there. With
 * *length, as it may hold NULs of its own.
 */
char *connection_line(struct connection *connection, size_t *length);

#endif
