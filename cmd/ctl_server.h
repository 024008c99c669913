/* The other end of socktest ctl's socket: requests to it, and lines from it. */
#ifndef SOCKTEST_CMD_CTL_SERVER_H
#define SOCKTEST_CMD_CTL_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was read of a descriptor; whole lines are taken off it. */
struct lines {
	int fd;
	char *text;
	size_t length, taken;
	bool ended;
};

/* Reads once what is there. Exits with a message on an error but the peer's death. */
void lines_read(struct lines *lines);

/* The next line, NUL in place of its newline, until the next call; NULL: no whole one is there. */
char *lines_take(struct lines *lines);

/* The same after the end, where the last line may lack its newline. */
char *lines_take_last(struct lines *lines);

struct server {
	const char *path;
	struct lines lines;
};

/*
 * Connects, within so much time, and reads the greeting. Exits with a message where nobody listens,
 * or somebody who speaks something else.
 */
struct server server_connect(const char *path, uint64_t timeout_ns);
void server_disconnect(struct server *server);

/* Sends no more. */
void server_finish(const struct server *server);

/* Sends it and lets go of it. */
void server_send(struct server *server, json_t *request);

/*
 * The answer to the request, which is let go of; the caller's. NULL when the server goes away
 * before it is there.
 */
json_t *server_ask(struct server *server, json_t *request);

/*
 * The same, and exits with a message then, and with the server's own words where it refuses.
 */
json_t *server_demand(struct server *server, json_t *request);

#endif
