/* What the user asked of the run, held against what happened. */
#ifndef SOCKTEST_CMD_CHECKS_H
#define SOCKTEST_CMD_CHECKS_H

#include "cmd/options.h"

/*
 * One row for each check that the options name; of the report the snapshot and the filters are
 * looked at. Owned by the caller (checks_free). Exits without memory.
 */
struct check *checks_make(const struct options *options, const struct report *report,
	const struct trace_outcome *outcome, size_t *count);
void checks_free(struct check *checks, size_t count);

#endif
