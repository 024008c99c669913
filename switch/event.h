/* One traced call as it happened, for --events. */
#ifndef SOCKTEST_SWITCH_EVENT_H
#define SOCKTEST_SWITCH_EVENT_H

#include "switch/call.h"
#include "switch/stack.h"
#include "switch/switch.h"

struct event {
	uint64_t time_ns; /* since the start of the run, at the call's exit (its entry where it has
			     no exit stop) */
	const struct call *call;
	const struct result *result;
	struct sock_view sock; /* of call->fd, before the call */
	const char *command;   /* of the caller's process, at its start or last exec */
	uint64_t begun_ns;     /* when the program made the call; a delay comes after it */
	bool injected;         /* the filter gave the result, not the kernel */
	bool promised;         /* and that was counted for an earlier connect */
	const char *filter;    /* the option that answered or delayed the call; NULL for none */
	uint64_t delay_ns;     /* for how long a filter held it back */
	const struct stack_text *stack; /* the caller's; NULL: not asked for */
};

#endif
