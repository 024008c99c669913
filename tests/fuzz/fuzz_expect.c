/* Any text as an expectation, up to a NUL, and then the counters that it is held against. */
#include <errno.h>

#include "switch/expect.h"
#include "tests/fuzz/fuzz.h"

enum { STATS = 3 };

static void take_stat(struct input *input, struct sockstat *stat)
{
	stat->cookie = input_u64(input);
	for (size_t i = 0; i < COUNTER_MAX; i++)
		stat->count[i] = input_byte(input);
	for (size_t i = 0; i < CALL_FILTERABLE; i++)
		stat->injected[i] = input_byte(input);
	/* One number as large as they come. */
	stat->count[input_byte(input) % COUNTER_MAX] = input_u64(input);
}

/* Each comparison but the opposite one. */
static void check_opposite(const struct expectation *expectation, const struct snapshot *snapshot)
{
	static const enum expect_op opposites[] = {
		[EXPECT_EQUAL] = EXPECT_UNEQUAL,
		[EXPECT_UNEQUAL] = EXPECT_EQUAL,
		[EXPECT_AT_MOST] = EXPECT_ABOVE,
		[EXPECT_AT_LEAST] = EXPECT_BELOW,
		[EXPECT_BELOW] = EXPECT_AT_LEAST,
		[EXPECT_ABOVE] = EXPECT_AT_MOST,
	};
	struct expectation opposite = *expectation;
	char values[EXPECT_VALUES_BYTES];

	opposite.op = opposites[expectation->op];
	CHECK(expectation_holds(expectation, snapshot, values) !=
		expectation_holds(&opposite, snapshot, NULL));
	CHECK(strlen(values) > 0 && is_harmless(values, strlen(values), false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.bytes = data, .left = size};
	char *const text = input_text(&input);
	struct expectation expectation;
	struct error error = {.text = ""};
	struct sockstat stats[STATS];
	const struct snapshot snapshot = {.stats = stats, .stats_count = STATS};
	const int result = expectation_parse(text, &expectation, &error);

	CHECK(result == 0 || (result == -EINVAL && *error.text));
	for (size_t i = 0; i < STATS; i++)
		take_stat(&input, &stats[i]);
	if (result == 0)
		check_opposite(&expectation, &snapshot);
	free(text);
	return 0;
}
