/* The counters kept per cookie. */
#ifndef SOCKTEST_SWITCH_STAT_H
#define SOCKTEST_SWITCH_STAT_H

#include <stdint.h>

#include "switch/call.h"
#include "switch/cookie.h"

/* In the order in which every report prints them. */
#define COUNTERS(X)                                                                                \
	X(OPENED, "opened")                                                                        \
	X(CONNECTED, "connected")                                                                  \
	X(LISTENED, "listened")                                                                    \
	X(ACCEPTED, "accepted")                                                                    \
	X(CLOSED, "closed")                                                                        \
	X(OPEN_FAILED, "open_failed")                                                              \
	X(CONNECT_FAILED, "connect_failed")                                                        \
	X(LISTEN_FAILED, "listen_failed")                                                          \
	X(ACCEPT_FAILED, "accept_failed")                                                          \
	X(CLOSE_FAILED, "close_failed")                                                            \
	X(PENDING, "pending")                                                                      \
	X(WOULD_BLOCK, "would_block")                                                              \
	X(INTERRUPTED, "interrupted")                                                              \
	X(ADOPTED, "adopted")                                                                      \
	X(INFLIGHT, "inflight")

enum counter {
#define COUNTER_ENUM(id, name) COUNTER_##id,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
		COUNTER_MAX
};

const char *counter_name(enum counter counter);

struct sockstat {
	socket_cookie cookie;
	uint64_t count[COUNTER_MAX];
	uint64_t injected[CALL_FILTERABLE];
};

/* Whether opened + accepted + adopted = closed + inflight. */
_Bool sockstat_law_holds(const struct sockstat *stat);

#endif
