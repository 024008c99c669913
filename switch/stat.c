#include "switch/stat.h"

const char *counter_name(enum counter counter)
{
	static const char *const names[COUNTER_MAX] = {
#define COUNTER_NAME(id, name) [COUNTER_##id] = (name),
		COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
	};

	return names[counter];
}

_Bool sockstat_law_holds(const struct sockstat *stat)
{
	const uint64_t *count = stat->count;

	return count[COUNTER_OPENED] + count[COUNTER_ACCEPTED] + count[COUNTER_ADOPTED] ==
	       count[COUNTER_CLOSED] + count[COUNTER_INFLIGHT];
}
