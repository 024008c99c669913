/*
 * Calls that are held back, stopped at their entry: for the time of a delay, or until whoever was
 * asked has answered.
 */
#include <stdlib.h>
#include <string.h>

#include "trace/tracer.h"

/* A question has no deadline. */
static const uint64_t never_ns = UINT64_MAX;

static uint64_t add_times(uint64_t time_ns, uint64_t delay_ns)
{
	uint64_t sum;

	return __builtin_add_overflow(time_ns, delay_ns, &sum) ? never_ns - 1 : sum;
}

static void hold(struct tracer *tracer, struct tracee *tracee, uint64_t until_ns)
{
	tracer->held += tracee->held_until_ns == 0;
	tracee->held_until_ns = until_ns;
}

static void let(struct tracer *tracer, struct tracee *tracee)
{
	tracer->held -= tracee->held_until_ns != 0;
	tracee->held_until_ns = 0;
}

/* Returns whether an answer will come. */
static bool put_question(struct tracer *tracer, const struct tracee *tracee)
{
	const struct trace_options *const options = tracer->options;
	const struct active_call *const active = &tracee->call;
	const uint64_t now_ns = tracer_now_ns(tracer);
	struct socket_row row;
	struct call call = active->state.call;
	const int socket = switch_row(tracee->table, call.fd, now_ns, &row);

	if (socket < 0)
		abort();
	if (socket)
		memcpy(row.command, tracee->comm, sizeof(row.command));
	/* Beyond switch_before it is not lent. */
	call.address = active->address;
	const struct question question = {
		.number = tracee->question,
		.time_ns = now_ns,
		.filter = filters_tally(switch_filters(tracer->sw), (size_t)active->verdict.filter)
				  .option,
		.call = &call,
		.command = tracee->comm,
		.socket = socket ? &row : NULL,
	};
	const bool asked = options->on_ask && options->on_ask(options->context, &question);
	if (socket)
		socket_row_clear(&row);
	return asked;
}

/* Whoever was asked says so, or cannot say anything any more. */
static void go_on(struct tracer *tracer, struct tracee *tracee, const struct reply *reply)
{
	tracee->question = 0;
	switch_reply(tracer->sw, tracee->table, &tracee->call.state, reply, &tracee->call.verdict);
	held_begin(tracer, tracee);
}

static const struct reply pass = {.answer = ANSWER_NONE};

void held_begin(struct tracer *tracer, struct tracee *tracee)
{
	const struct verdict *const verdict = &tracee->call.verdict;

	if (verdict->action == VERDICT_ASK) {
		tracee->question = ++tracer->questions;
		if (!tracer->leaving && put_question(tracer, tracee))
			hold(tracer, tracee, never_ns);
		else
			go_on(tracer, tracee, &pass);
	} else if (verdict->delay_ns && !tracer->leaving) {
		hold(tracer, tracee, add_times(tracer_now_ns(tracer), verdict->delay_ns));
	} else {
		let(tracer, tracee);
		calls_act(tracer, tracee);
	}
}

static void withdraw_question(const struct tracer *tracer, struct tracee *tracee)
{
	if (!tracee->question)
		return;
	tracer->options->on_unask(tracer->options->context, tracee->question);
	tracee->question = 0;
}

static void release(struct tracer *tracer, struct tracee *tracee)
{
	let(tracer, tracee);
	if (tracee->question) {
		withdraw_question(tracer, tracee);
		switch_reply(tracer->sw, tracee->table, &tracee->call.state, &pass,
			&tracee->call.verdict);
	}
	calls_act(tracer, tracee);
}

void held_release_due(struct tracer *tracer, uint64_t now_ns)
{
	struct tracee *tracee, *next;

	for (tracee = tracer->tracees; tracer->held && tracee; tracee = next) {
		next = tracee->hh.next;
		if (tracee->held_until_ns && tracee->held_until_ns <= now_ns)
			release(tracer, tracee);
	}
}

void held_drop(struct tracer *tracer, struct tracee *tracee)
{
	withdraw_question(tracer, tracee);
	let(tracer, tracee);
}

uint64_t held_nearest_ns(const struct tracer *tracer)
{
	uint64_t nearest = never_ns;

	for (const struct tracee *tracee = tracer->tracees; tracer->held && tracee;
		tracee = tracee->hh.next)
		if (tracee->held_until_ns && tracee->held_until_ns < nearest)
			nearest = tracee->held_until_ns;
	return nearest == never_ns ? 0 : nearest;
}

bool trace_reply(struct tracer *tracer, uint64_t number, const struct reply *reply)
{
	struct tracee *tracee = tracer->tracees;

	while (tracee && (!number || tracee->question != number))
		tracee = tracee->hh.next;
	if (!tracee)
		return false;
	go_on(tracer, tracee, reply);
	return true;
}
