/* What clients ask for: a table of requests. Private to the server of live control. */
#ifndef SOCKTEST_CMD_REQUESTS_H
#define SOCKTEST_CMD_REQUESTS_H

#include "cmd/connection.h"
#include "cmd/control.h"

struct client {
	struct connection connection;
	unsigned waits;
	struct client *prev, *next;
};

/* A client that waits for counters. */
struct wait {
	struct client *client;
	json_t *id; /* of the request, NULL: none */
	char *text;
	struct expectation expectation;
	uint64_t until_ns; /* UINT64_MAX: as long as it takes */
	struct wait *prev, *next;
};

/* A call that is held for an answer. */
struct asked {
	uint64_t number;
	const char *filter; /* its option, lent */
	json_t *line;       /* still to be sent; NULL: it was */
	struct asked *prev, *next;
};

struct control {
	const struct options *options;
	struct switchboard *sw;
	struct places places;
	struct backlog backlog;
	struct client *clients;
	struct client *master; /* who is asked; NULL: nobody */
	bool had_master;
	struct wait *waits;
	struct asked *asked;
	/* While the tracer lets us: */
	struct tracer *tracer; /* NULL: it has ended */
	const struct trace_outcome *so_far;
	struct listener *listener;
	uint64_t look_ns; /* when to look again although no signal says so; 0: not at all */
};

/* Answers one line of a client. */
void request_answer(
	struct control *control, struct client *client, const char *line, size_t length);

/* Answers those waits that hold, are over, or, when the program has ended, will never hold. */
void requests_settle_waits(struct control *control);

/* When the time of the first is up, 0: never. */
uint64_t requests_nearest_wait_ns(const struct control *control);

/* Takes them back: nobody is there to be answered. */
void requests_drop_waits(struct control *control, const struct client *client);

/*
 * Sends the questions that the client in control has not seen, as long as it takes them: behind one
 * that does not read they do not pile up, and those of tasks that die meanwhile are never sent.
 */
void requests_send_asked(struct control *control);

/* The line that asks. */
json_t *request_question(const struct question *question);

#endif
