/* One filter and how its option is read. Private to the filters. */
#ifndef SOCKTEST_SWITCH_FILTER_PARSE_H
#define SOCKTEST_SWITCH_FILTER_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/condition.h"
#include "switch/turn.h"

/* Each but the last comes as one option for every call. */
enum filter_action { FILTER_FAIL, FILTER_AFTER, FILTER_DELAY, FILTER_SO_ERROR };

struct filter {
	char *option; /* as the user wrote it, with -- */
	enum call_kind kind;
	enum filter_action action;
	int *errors; /* handed out in turn */
	size_t errors_count;
	bool asks;         /* somebody gives the errno, instead */
	uint64_t delay_ns; /* a delay filter's own */
	struct condition_effects effects;
	struct condition *conditions; /* none twice */
	size_t conditions_count;
	struct turn turn; /* of all calls */
	turn_map turns;   /* with each=thread in its place */
	uint64_t matched, fired;
	bool cleared;
};

/*
 * Fills *filter, to be released with filter_clear. Returns 0, -EINVAL with a message or -ENOMEM;
 * then there is nothing to release.
 */
int filter_parse(struct filter *filter, const char *option, const char *value, struct error *error);

/*
 * The same of conditions alone, COND[:COND...], as of a leak, which is no call: its kind is
 * CALL_FILTERABLE, and none of them is out of place.
 */
int filter_parse_conditions(struct filter *filter, const char *text, struct error *error);

/* What the name of the option says: kind and action. Returns 0, or -EINVAL with a message. */
int filter_parse_option(struct filter *filter, const char *option, struct error *error);

/*
 * Whether a condition of this kind may be added to those that the filter has. Returns 0, or -EINVAL
 * with a message.
 */
int filter_check_condition(
	const struct filter *filter, const struct condition_kind *kind, struct error *error);

void filter_clear(struct filter *filter);

#endif
