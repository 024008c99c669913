/* A run as a report: what happened, checked against what the user asked for. */
#ifndef SOCKTEST_CMD_SUMMARY_H
#define SOCKTEST_CMD_SUMMARY_H

#include <inttypes.h>

#include "cmd/options.h"
#include "switch/suppress.h"

/* What is said of the seed where chance had a part; it takes it twice. */
#define SUMMARY_SEED "seed %" PRIu64 " (repeat with --seed=%" PRIu64 ")"

struct summary {
	struct report report; /* points into what follows and into the options */
	struct snapshot snapshot;
	const struct stack_text **stacks;
	struct filter_tally *tallies;
	struct check *checks;
	char **warnings;
};

/* What is known of where sockets were opened. */
struct places {
	struct stacks *stacks;             /* NULL: none were taken; is to outlive the summary */
	struct suppressions *suppressions; /* NULL: none */
};

/*
 * Fills *summary. tracer: it still runs, and the report is about how far it is by now; else NULL. The Switch is no longer needed then, its filters and the options are. Exits
 * without memory.
 */
void summary_make(struct summary *summary, const struct options *options,
	const struct switchboard *sw, const struct places *places, struct tracer *tracer,
	const struct trace_outcome *outcome);

/* The same of the counters alone: quick, however many sockets there are. */
void summary_make_stats(struct summary *summary, const struct options *options,
	const struct switchboard *sw, const struct trace_outcome *outcome);

/* Frees what the summary owns. */
void summary_clear(struct summary *summary);

#endif
