/*
 * Live control: a server on a Unix socket that asks and tells the Switch while the program runs, in
 * the protocol of socktest-control(7). It lives in the tracer's loop and never blocks it.
 */
#ifndef SOCKTEST_CMD_CONTROL_H
#define SOCKTEST_CMD_CONTROL_H

#include "cmd/options.h"
#include "cmd/summary.h"

struct control;

/*
 * Listens on options->control. Exits with a message where that is not possible. All that is given
 * is lent.
 */
struct control *control_open(
	const struct options *options, struct switchboard *sw, const struct places *places);

/* What trace_run calls back; context is the control. */
struct trace_attention control_attend(
	void *context, struct tracer *tracer, const struct trace_outcome *so_far, bool each_stop);
bool control_ask(void *context, const struct question *question);
void control_unask(void *context, uint64_t number);

/*
 * The program has ended: tells those who wait, without waiting for them, and removes the socket.
 * NULL: nothing, as below.
 */
void control_end(struct control *control, const struct trace_outcome *outcome);

/* After control_end, when all else is done: says goodbye, which may take its time, and frees it. */
void control_close(struct control *control);

#endif
