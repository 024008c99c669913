/* Expectations: what they mean, and what wrong ones are told. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "switch/expect.h"

/* tcp: 4 opened, 2 accepted, 6 closed, one connect injected; unix: 2 opened, 2 inflight. */
static struct sockstat stats[2];
static const struct snapshot some = {.stats = stats, .stats_count = 2};

static int set_up(void **state)
{
	(void)state;
	memset(stats, 0, sizeof(stats));
	stats[0].cookie = cookie_canonical(AF_UNIX, SOCK_STREAM, 0);
	stats[0].count[COUNTER_OPENED] = stats[0].count[COUNTER_INFLIGHT] = 2;
	stats[1].cookie = cookie_canonical(AF_INET, SOCK_STREAM, 0);
	stats[1].count[COUNTER_OPENED] = 4;
	stats[1].count[COUNTER_ACCEPTED] = 2;
	stats[1].count[COUNTER_CLOSED] = 6;
	stats[1].injected[CALL_CONNECT] = 1;
	stats[1].injected[CALL_CLOSE] = 2;
	return 0;
}

static bool holds(const char *text)
{
	struct expectation expectation;
	struct error error;

	if (expectation_parse(text, &expectation, &error) != 0)
		fail_msg("%s: %s", text, error.text);
	return expectation_holds(&expectation, &some, NULL);
}

static void assert_holds(const char *text)
{
	if (!holds(text))
		fail_msg("does not hold: %s", text);
}

static void assert_fails(const char *text)
{
	if (holds(text))
		fail_msg("holds: %s", text);
}

static void assert_refused(const char *text, const char *why)
{
	struct expectation expectation;
	struct error error = {.text = "taken"};

	assert_int_equal(expectation_parse(text, &expectation, &error), -EINVAL);
	assert_string_equal(error.text, why);
}

static void every_comparison(void **state)
{
	(void)state;
	assert_holds("inet opened==4");
	assert_fails("inet opened==5");
	assert_holds("inet opened!=5");
	assert_fails("inet opened!=4");
	assert_holds("inet opened<=4");
	assert_fails("inet opened<=3");
	assert_holds("inet opened>=4");
	assert_fails("inet opened>=5");
	assert_holds("inet opened<5");
	assert_fails("inet opened<4");
	assert_holds("inet opened>3");
	assert_fails("inet opened>4");
}

static void counters_are_compared_with_counters_and_sums(void **state)
{
	(void)state;
	assert_fails("inet/stream closed==opened");
	assert_holds("inet/stream closed==opened+accepted");
	assert_holds("inet/stream opened+accepted==closed");
	assert_holds("inet/stream closed == 1 + opened + 1");
	assert_holds("inet/stream opened+opened==8");
	assert_holds("unix inflight==opened");
}

static void a_counter_is_the_sum_over_what_the_cookie_names(void **state)
{
	(void)state;
	assert_holds("* opened==6");
	assert_holds("*/stream opened==6");
	assert_holds("*/*/* opened==6");
	assert_holds("inet/*/tcp opened==4");
	assert_holds("inet4/1/6 opened==4");
	assert_holds("unix/stream/0 opened==2");
	assert_holds("inet/stream/udp opened==0");
	assert_holds("inet/dgram opened==0");
	assert_holds("inet6 opened==0");
}

static void flags_of_a_raw_type_do_not_matter(void **state)
{
	(void)state;
	stats[1].cookie = cookie_raw(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_holds("inet/stream opened==4");
	assert_fails("inet/stream/tcp opened==4");
}

static void injected_calls_of_all_kinds_or_of_one(void **state)
{
	(void)state;
	assert_holds("* injected==3");
	assert_holds("* injected.connect==1");
	assert_holds("* injected.close==2");
	assert_holds("* injected.socket==0");
}

static void blanks_are_free_but_after_the_cookie(void **state)
{
	(void)state;
	assert_holds("  inet   opened  >=  3  ");
}

static void sums_do_not_wrap(void **state)
{
	(void)state;
	stats[0].count[COUNTER_OPENED] = UINT64_MAX;
	assert_holds("* opened>4");
	assert_holds("unix opened+opened+1>4");
	assert_holds("unix opened==18446744073709551615");
}

static void values_are_those_of_the_counters_that_it_names(void **state)
{
	struct expectation expectation;
	char values[EXPECT_VALUES_BYTES];

	(void)state;
	assert_int_equal(
		expectation_parse("inet closed+injected.close==opened+closed", &expectation, NULL),
		0);
	assert_false(expectation_holds(&expectation, &some, values));
	assert_string_equal(values, "opened=4 closed=6 injected.close=2");
}

static void values_of_all_counters_at_their_largest_have_room(void **state)
{
	struct expectation expectation = {.family = -1, .type = -1, .protocol = -1};
	char values[EXPECT_VALUES_BYTES];

	(void)state;
	for (unsigned i = 0; i < EXPECT_TERMS; i++)
		expectation.left.times[i] = 1;
	memset(stats[0].count, 0xff, sizeof(stats[0].count));
	memset(stats[0].injected, 0xff, sizeof(stats[0].injected));
	expectation_holds(&expectation, &some, values);
	assert_non_null(strstr(values, "injected.close=18446744073709551615"));
}

static void a_wrong_cookie_is_told_its_part(void **state)
{
	(void)state;
	assert_refused("", "it is empty: write one as inet/stream closed==opened");
	assert_refused("  ", "it is empty: write one as inet/stream closed==opened");
	assert_refused(
		"accepted>=3", "it names no socket: begin with * for all, or as inet/stream");
	assert_refused(
		"3<=accepted", "it names no socket: begin with * for all, or as inet/stream");
	assert_refused("opened", "it names no socket: begin with * for all, or as inet/stream");
	assert_refused("inett opened==1", "no family is called inett; did you mean inet?");
	assert_refused("inet/steam opened==1", "no type is called steam; did you mean stream?");
	assert_refused("inet/stream/tpc opened==1", "no protocol is called tpc; did you mean tcp?");
	assert_refused(
		"inet/ opened==1", "the type is missing: * for any, or leave out the / before it");
	assert_refused("zzzzzzzz opened==1",
		"no family is called zzzzzzzz: it begins with * or FAMILY[/TYPE[/PROTOCOL]], as "
		"inet/stream");
	assert_refused(
		"inet/stream/tcp/x opened==1", "no protocol is called tcp/x; did you mean tcp?");
}

static void a_wrong_comparison_is_told_its_part(void **state)
{
	(void)state;
	assert_refused("inet", "a counter or a number is missing at the end");
	assert_refused("inet ==3", "a counter or a number is missing before \"==3\"");
	assert_refused("inet opened==", "a counter or a number is missing at the end");
	assert_refused("inet opened+==3", "a counter or a number is missing before \"==3\"");
	assert_refused("inet opened", "a comparison is missing at the end: one of ==, !=, <=, "
				      ">=, < and >");
	assert_refused("inet opened 3",
		"a comparison is missing before \"3\": one of ==, !=, <=, >=, < and >");
	assert_refused("inet opened=3", "= is no comparison; did you mean ==?");
	assert_refused("inet opend==3", "no counter is called opend; did you mean opened?");
	assert_refused("inet zzzzzzzz==3",
		"no counter is called zzzzzzzz: there are opened, connected, listened, accepted, "
		"closed, open_failed, connect_failed, listen_failed, accept_failed, close_failed, "
		"pending, would_block, interrupted, adopted, inflight, injected, and "
		"injected.CALL");
	assert_refused("inet opened==3x", "3x is no number that a counter can reach");
	assert_refused("inet opened==18446744073709551616",
		"18446744073709551616 is no number that a counter can reach");
	assert_refused(
		"inet opened==18446744073709551615+1", "1 is no number that a counter can reach");
	assert_refused("inet 1==1", "it names no counter, as opened");
	assert_refused("inet opened==1 closed==1",
		"\"closed==1\" is too much: one comparison each, and one option for each");
	assert_refused("inet 1<opened<5",
		"\"<5\" is too much: one comparison each, and one option for each");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_comparison, set_up),
		cmocka_unit_test_setup(counters_are_compared_with_counters_and_sums, set_up),
		cmocka_unit_test_setup(a_counter_is_the_sum_over_what_the_cookie_names, set_up),
		cmocka_unit_test_setup(flags_of_a_raw_type_do_not_matter, set_up),
		cmocka_unit_test_setup(injected_calls_of_all_kinds_or_of_one, set_up),
		cmocka_unit_test_setup(blanks_are_free_but_after_the_cookie, set_up),
		cmocka_unit_test_setup(sums_do_not_wrap, set_up),
		cmocka_unit_test_setup(values_are_those_of_the_counters_that_it_names, set_up),
		cmocka_unit_test_setup(values_of_all_counters_at_their_largest_have_room, set_up),
		cmocka_unit_test_setup(a_wrong_cookie_is_told_its_part, set_up),
		cmocka_unit_test_setup(a_wrong_comparison_is_told_its_part, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
