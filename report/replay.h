/* Counters and sockets from the events of a recording whose last line is missing. */
#ifndef SOCKTEST_REPORT_REPLAY_H
#define SOCKTEST_REPORT_REPLAY_H

#include "report/merge.h"

struct replay;

/* NULL: no memory. */
struct replay *replay_new(void);
void replay_free(struct replay *replay);

/* One line of the recording. False: it is no event. */
bool replay_take(struct replay *replay, const json_t *line);

/* How many events it took, and the time of the last. */
size_t replay_events(const struct replay *replay);
uint64_t replay_time_ns(const struct replay *replay);

/* Adds it all: the counters, the sockets that are open, the filters that fired. */
void replay_merge(struct replay *replay, struct merge *merge);

#endif
