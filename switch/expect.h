/*
 * What a user expects of the counters: "inet/stream closed==opened+accepted".
 *
 *	EXPECTATION = COOKIE SUM OP SUM
 *	COOKIE = * | FAMILY[/TYPE[/PROTOCOL]]       each part may be * too; parts left out are any
 *	SUM    = TERM{+TERM}
 *	TERM   = COUNTER | injected | injected.CALL | NUMBER
 *	OP     = == | != | <= | >= | < | >
 *
 * Blanks may stand between any two of them, and must stand behind COOKIE. A counter means its sum
 * over all cookies that COOKIE names.
 */
#ifndef SOCKTEST_SWITCH_EXPECT_H
#define SOCKTEST_SWITCH_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/error.h"
#include "switch/snapshot.h"
#include "switch/suggest.h"

/* The counters, the injected calls of all kinds, and those of each kind. */
enum { EXPECT_INJECTED = COUNTER_MAX, EXPECT_TERMS = COUNTER_MAX + 1 + CALL_FILTERABLE };

struct expect_sum {
	unsigned times[EXPECT_TERMS]; /* how often each is added */
	uint64_t number;
};

enum expect_op {
	EXPECT_EQUAL,
	EXPECT_UNEQUAL,
	EXPECT_AT_MOST,
	EXPECT_AT_LEAST,
	EXPECT_BELOW,
	EXPECT_ABOVE
};

struct expectation {
	int family, type, protocol; /* -1: any */
	struct expect_sum left, right;
	enum expect_op op;
};

/* Returns 0, or -EINVAL with a message that names the wrong part and what would be right. */
int expectation_parse(const char *text, struct expectation *expectation, struct error *error);

/* For completion: suggests what may end the text: a part of COOKIE, or a counter. */
void expectation_complete(const char *text, const struct suggest *suggest);

/*
 * Whether it holds. values, unless NULL: each counter that it names with what it is, as
 * "opened=4 closed=3".
 */
enum { EXPECT_VALUES_BYTES = EXPECT_TERMS * 48 };
bool expectation_holds(
	const struct expectation *expectation, const struct snapshot *snapshot, char *values);

#endif
