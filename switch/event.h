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
	const struct result *result; /* NULL: none was seen, as the task ended in it, or left it */
	struct sock_view sock;       /* of call->fd, before the call */
	struct sock_view made[2];    /* the sockets that it made and the program got */
	const char *command;         /* of the caller's process, at its start or last exec */
	uint64_t begun_ns;           /* when the program made the call; a delay comes after it */
	bool injected;               /* the filter gave the result, not the kernel */
	bool promised;               /* and that was counted for an earlier connect */
	const char *filter; /* the option that answered or delayed the call; NULL for none */
	uint64_t delay_ns;  /* for how long a filter held it back */
	uint32_t stack_id;  /* of the caller's stack; 0: not asked for */
	const struct stack_text *stack; /* and that; NULL likewise */
};

#endif
