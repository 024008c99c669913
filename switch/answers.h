/* Calls that filters answer: which, and what is counted of them. Private to switch/. */
#ifndef SOCKTEST_SWITCH_ANSWERS_H
#define SOCKTEST_SWITCH_ANSWERS_H

#include <stdbool.h>

#include "switch/sock.h"

/*
 * Before a call: whether it is answered. Then the verdict's action and answer are set; its delay is
 * in every case.
 */
bool answers_before(struct switchboard *sw, struct call_state *state, const struct address *local,
	const struct address *peer, struct verdict *verdict);

/* The same once somebody was asked. */
bool answers_reply(struct switchboard *sw, struct call_state *state, const struct reply *reply,
	struct verdict *verdict);

/* After a call whose result->answer is what the program got. */
void answers_after(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result);

#endif
