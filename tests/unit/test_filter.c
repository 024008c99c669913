/* Filters: what their options mean, which of them decides, and what wrong options are told. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "switch/filter.h"

#define MS UINT64_C(1000000)

static struct address *inet(const char *ip, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, ip, &address.sin_addr), 1);
	return address_new(&address, sizeof(address));
}

static struct address *inet6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET6, ip, &address.sin6_addr), 1);
	return address_new(&address, sizeof(address));
}

static struct address *unix_address(const void *name, size_t length)
{
	unsigned char bytes[ADDRESS_BYTES_MAX] = {0};
	const sa_family_t family = AF_UNIX;

	memcpy(bytes, &family, sizeof(family));
	memcpy(bytes + sizeof(family), name, length);
	return address_new(bytes, sizeof(family) + length);
}

/* "fail-connect=EIO", without the dashes. */
static int try_add(struct filters *filters, const char *text, struct error *error)
{
	const char *value = strchr(text, '=');
	char option[64];

	snprintf(option, sizeof(option), "%.*s", (int)(value - text), text);
	return filters_add(filters, option, value + 1, error);
}

static void add(struct filters *filters, const char *text)
{
	struct error error = {.text = ""};

	if (try_add(filters, text, &error) != 0)
		fail_msg("%s", error.text);
}

static struct filters *one(const char *text)
{
	struct filters *filters = filters_new(1);

	assert_non_null(filters);
	add(filters, text);
	return filters;
}

static const struct caller some_caller = {.pid = 100, .tid = 101, .comm = "client"};

static struct filter_subject some_subject(void)
{
	return (struct filter_subject){
		.caller = &some_caller,
		.cookie = cookie_canonical(AF_INET, SOCK_STREAM, 0),
		.fd = 3,
	};
}

static struct filter_decision decide_on(
	struct filters *filters, enum call_kind kind, const struct filter_subject *subject)
{
	struct filter_decision decision;

	filters_decide(filters, kind, subject, &decision);
	return decision;
}

static struct filter_decision decide(struct filters *filters, enum call_kind kind)
{
	const struct filter_subject subject = some_subject();

	return decide_on(filters, kind, &subject);
}

static int error_of(struct filters *filters)
{
	return decide(filters, CALL_CONNECT).error;
}

static void assert_tally(
	const struct filters *filters, size_t index, uint64_t matched, uint64_t fired)
{
	struct filter_tally tally = filters_tally(filters, index);

	assert_int_equal(tally.matched, matched);
	assert_int_equal(tally.fired, fired);
}

/* Whether a filter of this value for connect fires on the subject. */
static bool fires_on(const char *conditions, const struct filter_subject *subject)
{
	char text[512];
	struct filters *filters;
	int error;

	snprintf(text, sizeof(text), "fail-connect=EIO:%s", conditions);
	filters = one(text);
	error = decide_on(filters, CALL_CONNECT, subject).error;
	filters_free(filters);
	return error == EIO;
}

/* Takes the address. */
static bool goes_to(const char *pattern, struct address *peer)
{
	struct filter_subject subject = some_subject();
	char condition[256];
	bool fired;

	assert_non_null(peer);
	subject.peer = peer;
	snprintf(condition, sizeof(condition), "to=%s", pattern);
	fired = fires_on(condition, &subject);
	free(peer);
	return fired;
}

static void test_no_filters_let_all_pass(void **state)
{
	struct filters *filters = filters_new(1);
	struct filter_decision decision = decide(filters, CALL_CONNECT);
	bool any;

	(void)state;
	assert_int_equal(decision.error, 0);
	assert_int_equal(decision.delay_ns, 0);
	assert_int_equal(decision.filter, -1);
	assert_int_equal(filters_count(filters), 0);
	assert_int_equal(filters_needs(filters, CALL_CONNECT, &any), 0);
	assert_false(any);
	assert_false(filters_use_chance(filters));
	filters_free(filters);
	filters_free(NULL);
}

static void test_fail_answers_with_the_errno(void **state)
{
	struct filters *filters = one("fail-connect=ECONNREFUSED");
	struct filter_decision decision = decide(filters, CALL_CONNECT);

	(void)state;
	assert_int_equal(decision.error, ECONNREFUSED);
	assert_int_equal(decision.delay_ns, 0);
	assert_int_equal(decision.filter, 0);
	filters_free(filters);
}

static void test_delay_holds_back(void **state)
{
	struct filters *filters = one("delay-close=20ms");
	struct filter_decision decision = decide(filters, CALL_CLOSE);

	(void)state;
	assert_int_equal(decision.error, 0);
	assert_int_equal(decision.delay_ns, 20 * MS);
	assert_int_equal(decision.filter, 0);
	filters_free(filters);
}

static void test_every_option_is_for_its_call(void **state)
{
	const struct filter_option *option = filter_options();
	int count = 0;

	(void)state;
	for (; strcmp(option->name, "so-error") != 0; option++, count++) {
		const char *call = strchr(option->name, '-') + 1;
		bool fails = strncmp(option->name, "fail-", 5) == 0;
		bool after = strncmp(option->name, "after-", 6) == 0;
		bool delays = !fails && !after;
		struct filters *filters = filters_new(1);
		struct error error;

		assert_int_equal(
			filters_add(filters, option->name, delays ? "1ms" : "EIO", &error), 0);
		for (int kind = 0; kind < CALL_MAX; kind++) {
			struct filter_decision decision = decide(filters, (enum call_kind)kind);
			bool same = strcmp(call_kind_name((enum call_kind)kind), call) == 0;

			assert_int_equal(decision.error, same && !delays ? EIO : 0);
			assert_int_equal(decision.answer, !same || delays ? ANSWER_NONE
							  : fails         ? ANSWER_CANCEL
									  : ANSWER_AFTER);
			assert_int_equal(decision.delay_ns, same && delays ? MS : 0);
		}
		filters_free(filters);
	}
	assert_int_equal(count, 3 * CALL_FILTERABLE);
	assert_null(option[1].name);
}

static struct filter_decision decide_so_error(struct filters *filters)
{
	struct filter_subject subject = some_subject();

	subject.asks_so_error = true;
	return decide_on(filters, CALL_GETSOCKOPT, &subject);
}

static void test_so_error_is_for_so_error_alone(void **state)
{
	struct filters *filters = one("so-error=EIO,EPERM");
	bool any;

	(void)state;
	assert_int_equal(decide(filters, CALL_GETSOCKOPT).answer, ANSWER_NONE);
	assert_int_equal(filters_tally(filters, 0).matched, 0);
	assert_int_equal(decide_so_error(filters).answer, ANSWER_SO_ERROR);
	assert_int_equal(decide_so_error(filters).error, EPERM);
	assert_int_equal(decide_so_error(filters).answer, ANSWER_NONE);
	/* Other options need no stop for it. */
	filters_needs(filters, CALL_GETSOCKOPT, &any);
	assert_false(any);
	add(filters, "after-getsockopt=EIO");
	filters_needs(filters, CALL_GETSOCKOPT, &any);
	assert_true(any);
	filters_free(filters);
}

static void test_the_first_that_answers_wins_whatever_it_does(void **state)
{
	struct filters *filters = one("after-getsockopt=EIO:when=1");

	(void)state;
	add(filters, "so-error=EPERM:when=2");
	add(filters, "fail-getsockopt=EACCES");
	add(filters, "delay-getsockopt=1ms");
	assert_int_equal(decide_so_error(filters).answer, ANSWER_AFTER);
	assert_int_equal(decide_so_error(filters).answer, ANSWER_SO_ERROR);
	const struct filter_decision third = decide_so_error(filters);
	assert_int_equal(third.answer, ANSWER_CANCEL);
	assert_int_equal(third.error, EACCES);
	assert_int_equal(third.delay_ns, MS);
	assert_int_equal(third.filter, 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(filters_tally(filters, i).fired, 1);
	filters_free(filters);
}

static void test_async(void **state)
{
	struct filters *filters = one("fail-connect=EIO:async");
	bool any;

	(void)state;
	assert_int_equal(decide(filters, CALL_CONNECT).answer, ANSWER_ASYNC);
	assert_int_equal(filters_needs(filters, CALL_CONNECT, &any), FILTER_NEEDS_NONBLOCK);
	filters_free(filters);
}

static void test_a_single_errno_is_given_every_time(void **state)
{
	struct filters *filters = one("fail-connect=111");

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(error_of(filters), ECONNREFUSED);
	assert_tally(filters, 0, 5, 5);
	filters_free(filters);
}

static void test_several_errnos_are_given_in_turn_and_then_none(void **state)
{
	struct filters *filters = one("fail-connect=EIO,EINTR,5");

	(void)state;
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(error_of(filters), EINTR);
	assert_int_equal(error_of(filters), 5);
	assert_int_equal(error_of(filters), 0);
	assert_int_equal(decide(filters, CALL_CONNECT).filter, -1);
	assert_tally(filters, 0, 5, 3);
	filters_free(filters);
}

static void test_cycle_starts_over(void **state)
{
	struct filters *filters = one("fail-connect=EIO,EINTR:cycle");

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(error_of(filters), EIO);
		assert_int_equal(error_of(filters), EINTR);
	}
	filters_free(filters);
}

static void test_only_calls_it_fires_on_use_an_errno_up(void **state)
{
	struct filters *filters = one("fail-connect=EIO,EINTR:fd=3:when=2+2");
	struct filter_subject other = some_subject();

	(void)state;
	other.fd = 4;
	assert_int_equal(error_of(filters), 0);
	assert_int_equal(decide_on(filters, CALL_CONNECT, &other).error, 0);
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(error_of(filters), 0);
	assert_int_equal(error_of(filters), EINTR);
	assert_tally(filters, 0, 4, 2);
	filters_free(filters);
}

static void test_delay_and_fail_apply_together(void **state)
{
	struct filters *filters = filters_new(1);
	struct filter_decision decision;

	(void)state;
	add(filters, "delay-connect=20ms");
	add(filters, "fail-connect=EIO:when=1");
	decision = decide(filters, CALL_CONNECT);
	assert_int_equal(decision.error, EIO);
	assert_int_equal(decision.delay_ns, 20 * MS);
	assert_int_equal(decision.filter, 1);
	assert_tally(filters, 0, 1, 1);
	assert_tally(filters, 1, 1, 1);
	decision = decide(filters, CALL_CONNECT);
	assert_int_equal(decision.error, 0);
	assert_int_equal(decision.delay_ns, 20 * MS);
	assert_int_equal(decision.filter, 0);
	filters_free(filters);
}

static void test_delay_of_a_fail_filter_adds_to_a_delay_filter(void **state)
{
	struct filters *filters = filters_new(1);

	(void)state;
	add(filters, "fail-connect=EIO:delay=1.5ms");
	assert_int_equal(decide(filters, CALL_CONNECT).delay_ns, MS * 3 / 2);
	add(filters, "delay-connect=2ms");
	assert_int_equal(decide(filters, CALL_CONNECT).delay_ns, MS * 7 / 2);
	filters_free(filters);
}

static void test_delays_beyond_all_time_are_the_longest_one(void **state)
{
	struct filters *filters = filters_new(1);

	(void)state;
	add(filters, "fail-connect=EIO:delay=18446744073709551615ns");
	add(filters, "delay-connect=18446744073709551615ns");
	assert_true(decide(filters, CALL_CONNECT).delay_ns == UINT64_MAX);
	filters_free(filters);
}

static void test_the_first_that_holds_wins(void **state)
{
	struct filters *filters = filters_new(1);

	(void)state;
	add(filters, "fail-connect=EIO:when=2");
	add(filters, "fail-connect=EINTR");
	add(filters, "delay-connect=1ms");
	add(filters, "delay-connect=5ms");
	assert_int_equal(error_of(filters), EINTR);
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(decide(filters, CALL_CONNECT).delay_ns, MS);
	assert_tally(filters, 0, 3, 1);
	assert_tally(filters, 1, 3, 2);
	assert_tally(filters, 2, 3, 3);
	assert_tally(filters, 3, 3, 0);
	filters_free(filters);
}

static void test_losers_count_on_but_keep_their_errnos(void **state)
{
	struct filters *filters = filters_new(1);

	(void)state;
	add(filters, "fail-connect=EIO:when=1..2");
	add(filters, "fail-connect=EINTR,EPERM:when=2..4");
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(error_of(filters), EINTR);
	assert_int_equal(error_of(filters), EPERM);
	assert_int_equal(error_of(filters), 0);
	assert_tally(filters, 1, 5, 2);
	filters_free(filters);
}

static void test_one_without_errnos_left_lets_the_next_win(void **state)
{
	struct filters *filters = filters_new(1);

	(void)state;
	add(filters, "fail-connect=EIO,EIO");
	add(filters, "fail-connect=EINTR");
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(error_of(filters), EIO);
	assert_int_equal(error_of(filters), EINTR);
	assert_tally(filters, 0, 3, 2);
	filters_free(filters);
}

static void test_tally_has_the_option_as_written(void **state)
{
	struct filters *filters = one("fail-connect=ECONNREFUSED:to=[::1]:80:when=1");

	(void)state;
	assert_string_equal(
		filters_tally(filters, 0).option, "--fail-connect=ECONNREFUSED:to=[::1]:80:when=1");
	assert_tally(filters, 0, 0, 0);
	filters_free(filters);
}

/* The calls of 1 to 12 on which when= fires, as a string of digits and letters. */
static void assert_when(const char *when, const char *expected)
{
	char text[64], fired[16] = "";
	struct filters *filters;
	size_t length = 0;

	snprintf(text, sizeof(text), "fail-connect=EIO:when=%s", when);
	filters = one(text);
	for (size_t call = 1; call <= 12; call++) {
		if (error_of(filters) == EIO)
			fired[length++] = "0123456789abc"[call];
	}
	assert_string_equal(fired, expected);
	assert_tally(filters, 0, 12, length);
	filters_free(filters);
}

static void test_when(void **state)
{
	(void)state;
	assert_when("1", "1");
	assert_when("3", "3");
	assert_when("13", "");
	assert_when("10+", "abc");
	assert_when("10..", "abc");
	assert_when("3..5", "345");
	assert_when("3..3", "3");
	assert_when("2+3", "258b");
	assert_when("2..9+3", "258");
	assert_when("2..8+3", "258");
	assert_when("9..+2", "9b");
	assert_when("3..5+", "345");
	assert_when("1+18446744073709551615", "1");
	assert_when("18446744073709551615", "");
}

static void test_when_counts_calls_that_meet_all_else(void **state)
{
	struct filters *filters = one("fail-connect=EIO:when=2:fd=3");
	struct filter_subject other = some_subject();

	(void)state;
	other.fd = 4;
	assert_int_equal(error_of(filters), 0);
	assert_int_equal(decide_on(filters, CALL_CONNECT, &other).error, 0);
	assert_int_equal(decide(filters, CALL_CLOSE).error, 0);
	assert_int_equal(error_of(filters), EIO);
	filters_free(filters);
}

static void draw(const char *option, uint64_t seed, char *fired, size_t count)
{
	struct filters *filters = filters_new(seed);

	add(filters, option);
	for (size_t i = 0; i < count; i++)
		fired[i] = (char)(error_of(filters) != 0);
	filters_free(filters);
}

static size_t sum(const char *fired, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += (size_t)fired[i];
	return total;
}

static void test_chance_repeats_with_its_seed(void **state)
{
	char first[1000], again[1000], other[1000];

	(void)state;
	draw("fail-connect=EIO:prob=0.5", 7, first, sizeof(first));
	draw("fail-connect=EIO:prob=0.5", 7, again, sizeof(again));
	draw("fail-connect=EIO:prob=0.5", 8, other, sizeof(other));
	assert_memory_equal(first, again, sizeof(first));
	assert_memory_not_equal(first, other, sizeof(first));
}

static void test_chance_is_near_its_probability(void **state)
{
	char fired[10000];

	(void)state;
	draw("fail-connect=EIO:prob=0.1", 42, fired, sizeof(fired));
	assert_in_range(sum(fired, sizeof(fired)), 850, 1150);
	draw("fail-connect=EIO:prob=75%", 42, fired, sizeof(fired));
	assert_in_range(sum(fired, sizeof(fired)), 7300, 7700);
}

static void test_chance_of_the_first_call_differs_between_seeds(void **state)
{
	size_t fired = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		char first;

		draw("fail-connect=EIO:prob=0.5", seed, &first, 1);
		fired += (size_t)first;
	}
	assert_in_range(fired, 400, 600);
}

static void test_chance_bounds(void **state)
{
	char fired[1000];

	(void)state;
	draw("fail-connect=EIO:prob=0", 1, fired, sizeof(fired));
	assert_int_equal(sum(fired, sizeof(fired)), 0);
	draw("fail-connect=EIO:prob=1.0", 1, fired, sizeof(fired));
	assert_int_equal(sum(fired, sizeof(fired)), sizeof(fired));
	draw("fail-connect=EIO:prob=100%", 1, fired, sizeof(fired));
	assert_int_equal(sum(fired, sizeof(fired)), sizeof(fired));
	draw("fail-connect=EIO:prob=.5", 1, fired, sizeof(fired));
	assert_in_range(sum(fired, sizeof(fired)), 400, 600);
}

static void test_chance_is_drawn_whoever_wins(void **state)
{
	struct filters *alone = filters_new(3), *behind = filters_new(3);

	(void)state;
	add(alone, "fail-close=EPERM");
	add(alone, "fail-connect=EIO:prob=0.5");
	add(behind, "fail-connect=EPERM:when=1..100");
	add(behind, "fail-connect=EIO:prob=0.5");
	for (int i = 0; i < 100; i++) {
		error_of(alone);
		assert_int_equal(error_of(behind), EPERM);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(error_of(behind), error_of(alone));
	filters_free(alone);
	filters_free(behind);
}

static void test_two_filters_of_one_chance_draw_apart(void **state)
{
	struct filters *filters = filters_new(3);
	int same = 0;

	(void)state;
	add(filters, "fail-connect=EIO:prob=0.5");
	add(filters, "fail-close=EIO:prob=0.5");
	for (int i = 0; i < 1000; i++)
		same += error_of(filters) == decide(filters, CALL_CLOSE).error;
	assert_in_range(same, 400, 600);
	filters_free(filters);
}

static void test_matched_counts_before_chance_and_when(void **state)
{
	struct filters *filters = one("fail-connect=EIO:prob=0.5:when=1..10:fd=3");
	struct filter_subject other = some_subject();

	(void)state;
	other.fd = 4;
	for (int i = 0; i < 100; i++) {
		error_of(filters);
		decide_on(filters, CALL_CONNECT, &other);
	}
	assert_tally(filters, 0, 100, 10);
	filters_free(filters);
}

static void test_use_of_chance_is_known(void **state)
{
	struct filters *filters = one("fail-connect=EIO");

	(void)state;
	assert_false(filters_use_chance(filters));
	add(filters, "delay-close=1ms:prob=50%");
	assert_true(filters_use_chance(filters));
	filters_free(filters);
}

static void test_cookie_conditions(void **state)
{
	struct filter_subject tcp = some_subject(), unix_dgram = some_subject();

	(void)state;
	unix_dgram.cookie = cookie_canonical(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(fires_on("family=inet", &tcp));
	assert_true(fires_on("family=inet4", &tcp));
	assert_true(fires_on("family=2", &tcp));
	assert_false(fires_on("family=inet", &unix_dgram));
	assert_true(fires_on("family=local", &unix_dgram));
	assert_true(fires_on("type=stream", &tcp));
	assert_true(fires_on("type=1", &tcp));
	assert_false(fires_on("type=stream", &unix_dgram));
	assert_true(fires_on("proto=tcp", &tcp));
	assert_true(fires_on("proto=6", &tcp));
	assert_false(fires_on("proto=udp", &tcp));
	assert_true(fires_on("proto=0", &unix_dgram));
	assert_true(fires_on("family=inet:type=stream:proto=tcp", &tcp));
	assert_false(fires_on("family=inet:type=stream:proto=udp", &tcp));
}

static void test_caller_conditions(void **state)
{
	struct filter_subject subject = some_subject();

	(void)state;
	assert_true(fires_on("fd=3", &subject));
	assert_false(fires_on("fd=4", &subject));
	assert_true(fires_on("pid=100", &subject));
	assert_false(fires_on("pid=101", &subject));
	assert_true(fires_on("comm=client", &subject));
	assert_false(fires_on("comm=clien", &subject));
	assert_false(fires_on("comm=client2", &subject));
}

static void test_comm_is_cut_as_the_kernel_cuts_it(void **state)
{
	const struct caller long_caller = {.comm = "a-very-long-com"}, none = {.comm = NULL};
	struct filter_subject subject = some_subject();

	(void)state;
	subject.caller = &long_caller;
	assert_true(fires_on("comm=a-very-long-command", &subject));
	assert_true(fires_on("comm=a-very-long-com", &subject));
	assert_false(fires_on("comm=a-very-long-co", &subject));
	subject.caller = &none;
	assert_false(fires_on("comm=client", &subject));
}

static void test_comm_of_any_bytes(void **state)
{
	const struct caller odd = {.comm = "a:b\n\\\x1b"};
	struct filter_subject subject = some_subject();

	(void)state;
	subject.caller = &odd;
	assert_true(fires_on("comm=a\\x3ab\\n\\\\\\x1B", &subject));
}

static void test_stack(void **state)
{
	static const char *const functions[] = {"socket",
		"net::Pool<std::pair<int, long> >::open(int)", "app::{closure}", "operator<(A)",
		"main", NULL};
	const struct caller deep = {.functions = functions};
	struct filter_subject subject = some_subject();

	(void)state;
	assert_false(fires_on("stack=main", &subject));
	subject.caller = &deep;
	assert_true(fires_on("stack=main", &subject));
	assert_true(fires_on("stack=socket", &subject));
	assert_true(fires_on("stack=net::Pool::open", &subject));
	assert_true(fires_on("stack=net::Pool<std::pair<int, long> >::open(int)", &subject));
	assert_true(fires_on("stack=app::{closure}:fd=3", &subject));
	assert_true(fires_on("stack=operator<", &subject));
	assert_false(fires_on("stack=mai", &subject));
	assert_false(fires_on("stack=main2", &subject));
	assert_false(fires_on("stack=net::Pool", &subject));
	assert_false(fires_on("stack=net::Pool::open(long)", &subject));
	assert_false(fires_on("stack=net::Pool<int>::open", &subject));
	assert_false(fires_on("stack=app::{closure}:fd=4", &subject));
}

static void test_stack_of_generic_functions(void **state)
{
	static const char *const functions[] = {"main.(*box[go.shape.int_0]).fill",
		"main.inlined[...]", "main.listen[go.shape.string]", "list.operator[](int)",
		"app::Pool<u8>::open::<&str>", "app::run::<fn() -> u8>::{closure#0}", NULL};
	static const char *const called[] = {"stack=main.(*box).fill",
		"stack=main.(*box[go.shape.int_0]).fill", "stack=main.inlined", "stack=main.listen",
		"stack=list.operator[]", "stack=app::Pool::open",
		"stack=app::Pool<u8>::open::<&str>", "stack=app::run::{closure#0}"};
	static const char *const not_called[] = {"stack=main.(*box)", "stack=main.inline",
		"stack=list.operator", "stack=app::Pool", "stack=app::run",
		"stack=app::Pool::open::<u8>"};
	const struct caller deep = {.functions = functions};
	struct filter_subject subject = some_subject();

	(void)state;
	subject.caller = &deep;
	for (size_t i = 0; i < sizeof(called) / sizeof(*called); i++)
		assert_true(fires_on(called[i], &subject));
	for (size_t i = 0; i < sizeof(not_called) / sizeof(*not_called); i++)
		assert_false(fires_on(not_called[i], &subject));
}

static void test_to_inet(void **state)
{
	(void)state;
	assert_true(goes_to("127.0.0.1", inet("127.0.0.1", 80)));
	assert_true(goes_to("127.0.0.1:80", inet("127.0.0.1", 80)));
	assert_false(goes_to("127.0.0.1:81", inet("127.0.0.1", 80)));
	assert_false(goes_to("127.0.0.2", inet("127.0.0.1", 80)));
	assert_false(goes_to("127.0.0.2:80", inet("127.0.0.1", 80)));
	assert_true(goes_to("127.0.0.1:0", inet("127.0.0.1", 0)));
	assert_false(goes_to("127.0.0.1:0", inet("127.0.0.1", 80)));
	assert_true(goes_to("127.0.0.1:65535", inet("127.0.0.1", 65535)));
}

static void test_to_port_of_any_address(void **state)
{
	(void)state;
	assert_true(goes_to(":80", inet("10.1.2.3", 80)));
	assert_true(goes_to(":80", inet6("2001:db8::1", 80)));
	assert_false(goes_to(":80", inet("10.1.2.3", 8080)));
	assert_false(goes_to(":80", unix_address("/run/x:80", 10)));
}

static void test_to_inet_prefix(void **state)
{
	(void)state;
	assert_true(goes_to("10.0.0.0/8", inet("10.255.0.1", 80)));
	assert_false(goes_to("10.0.0.0/8", inet("11.0.0.0", 80)));
	assert_true(goes_to("10.1.2.3/8:80", inet("10.9.9.9", 80)));
	assert_false(goes_to("10.1.2.3/8:80", inet("10.9.9.9", 81)));
	assert_true(goes_to("192.168.4.0/22", inet("192.168.7.255", 1)));
	assert_false(goes_to("192.168.4.0/22", inet("192.168.8.0", 1)));
	assert_true(goes_to("1.2.3.4/31", inet("1.2.3.5", 1)));
	assert_false(goes_to("1.2.3.4/31", inet("1.2.3.6", 1)));
	assert_false(goes_to("1.2.3.4/32", inet("1.2.3.5", 1)));
	assert_true(goes_to("9.9.9.9/0", inet("1.2.3.5", 1)));
	assert_false(goes_to("0.0.0.0/0", inet6("::1", 1)));
}

static void test_to_inet6(void **state)
{
	(void)state;
	assert_true(goes_to("[::1]", inet6("::1", 80)));
	assert_true(goes_to("[::1]:80", inet6("::1", 80)));
	assert_false(goes_to("[::1]:81", inet6("::1", 80)));
	assert_false(goes_to("[::1]", inet6("::2", 80)));
	assert_false(goes_to("[::1]", inet("0.0.0.1", 80)));
}

static void test_to_inet6_prefix(void **state)
{
	(void)state;
	assert_true(goes_to("[2001:db8::]/32", inet6("2001:db8:ffff::1", 80)));
	assert_true(goes_to("[2001:db8::/32]", inet6("2001:db8:ffff::1", 80)));
	assert_true(goes_to("[2001:db8::]/32:80", inet6("2001:db8:ffff::1", 80)));
	assert_true(goes_to("[2001:db8::/32]:80", inet6("2001:db8:ffff::1", 80)));
	assert_false(goes_to("[2001:db8::/32]:81", inet6("2001:db8:ffff::1", 80)));
	assert_false(goes_to("[2001:db8::/32]", inet6("2001:db9::1", 80)));
	assert_true(goes_to("[fe80::/10]", inet6("febf::1", 80)));
	assert_false(goes_to("[fe80::/10]", inet6("fec0::1", 80)));
	assert_true(goes_to("[::/0]", inet6("ffff::1", 80)));
	assert_false(goes_to("[::1/128]", inet6("::2", 80)));
	assert_true(goes_to("[::2/127]", inet6("::3", 80)));
}

static void test_to_inet_matches_mapped_peers(void **state)
{
	(void)state;
	assert_true(goes_to("1.2.3.4", inet6("::ffff:1.2.3.4", 80)));
	assert_true(goes_to("1.2.0.0/16:80", inet6("::ffff:1.2.3.4", 80)));
	assert_false(goes_to("1.2.3.5", inet6("::ffff:1.2.3.4", 80)));
	assert_false(goes_to("1.2.3.4", inet6("::1.2.3.4", 80)));
	assert_true(goes_to("[::ffff:1.2.3.4]:80", inet6("::ffff:1.2.3.4", 80)));
}

static void test_to_unix_path(void **state)
{
	(void)state;
	assert_true(goes_to("/run/x.sock", unix_address("/run/x.sock", 12)));
	assert_true(goes_to("/run/x.sock", unix_address("/run/x.sock", 11)));
	assert_false(goes_to("/run/x.soc", unix_address("/run/x.sock", 11)));
	assert_false(goes_to("/run/x.sock", unix_address("/run/x.soc", 10)));
	assert_false(goes_to("/run/x.sock", unix_address("\0/run/x.sock", 12)));
	assert_false(goes_to("/run/x.sock", unix_address("", 0)));
	assert_false(goes_to("/run/x.sock", inet("127.0.0.1", 80)));
}

static void test_to_unix_wildcard(void **state)
{
	(void)state;
	assert_true(goes_to("/run/x*", unix_address("/run/x.sock", 12)));
	assert_true(goes_to("/run/x*", unix_address("/run/x", 6)));
	assert_false(goes_to("/run/x*", unix_address("/run/", 6)));
	assert_true(goes_to("/*", unix_address("/run/x", 6)));
	assert_false(goes_to("/*", unix_address("\0/run", 5)));
	assert_false(goes_to("/*", unix_address("", 0)));
	assert_true(goes_to("/a*b", unix_address("/a*b", 4)));
	assert_false(goes_to("/a*b", unix_address("/aXb", 4)));
	assert_true(goes_to("/a\\x2a", unix_address("/a*", 3)));
	assert_false(goes_to("/a\\x2a", unix_address("/aX", 3)));
	assert_true(goes_to("/a**", unix_address("/a*X", 4)));
	assert_false(goes_to("/a**", unix_address("/aX", 3)));
}

static void test_to_unix_path_with_colons(void **state)
{
	(void)state;
	assert_true(goes_to("/run/x:80", unix_address("/run/x:80", 9)));
	assert_true(goes_to("/run/a:b:c*", unix_address("/run/a:b:cd", 11)));
	assert_true(goes_to("/run/a:fd", unix_address("/run/a:fd", 9)));
	assert_true(goes_to("/run/a:fds", unix_address("/run/a:fds", 10)));
	assert_true(goes_to("/run/a:bcdefgh=1", unix_address("/run/a:bcdefgh=1", 16)));
	assert_true(goes_to("/run/a\\x3afd=9", unix_address("/run/a:fd=9", 11)));
	assert_true(goes_to("/run/a\\x3a", unix_address("/run/a:", 7)));
	assert_true(goes_to("/run/a:b:fd=3", unix_address("/run/a:b", 8)));
	assert_false(goes_to("/run/a:b:fd=4", unix_address("/run/a:b", 8)));
	assert_true(goes_to("/run/a:cycle", unix_address("/run/a", 6)));
}

static void test_to_abstract_name_of_any_bytes(void **state)
{
	(void)state;
	assert_true(goes_to("@name", unix_address("\0name", 5)));
	assert_false(goes_to("@name", unix_address("\0name\0", 6)));
	assert_false(goes_to("@name", unix_address("@name", 5)));
	assert_true(goes_to("@na*", unix_address("\0name", 5)));
	assert_true(goes_to("@na*", unix_address("\0na\0\xff", 5)));
	assert_true(goes_to("@*", unix_address("\0x", 2)));
	assert_false(goes_to("@*", unix_address("/x", 2)));
	assert_false(goes_to("@*", unix_address("", 0)));
	assert_true(goes_to("@a\\x00\\xFF\\n\\t\\\\", unix_address("\0a\0\xff\n\t\\", 7)));
	assert_true(goes_to("@\\x00", unix_address("\0\0", 2)));
	assert_true(goes_to("@a:b", unix_address("\0a:b", 4)));
	assert_true(goes_to("@\xc3\xa9", unix_address("\0\xc3\xa9", 3)));
}

/* What a report shows of a unix address is a pattern for it. */
static void test_address_text_is_its_own_pattern(void **state)
{
	unsigned char name[107] = {0};
	char text[ADDRESS_TEXT_BYTES], condition[ADDRESS_TEXT_BYTES + 32];
	struct filter_subject subject = some_subject();
	struct address *address;

	(void)state;
	for (size_t i = 1; i < sizeof(name); i++)
		name[i] = (unsigned char)(i * 37);
	for (size_t i = 1; i < sizeof(name); i++) {
		if (name[i] == ':')
			name[i] = ';';
	}
	address = unix_address(name, sizeof(name));
	snprintf(condition, sizeof(condition), "to=%s", address_text(address, text));
	subject.peer = address;
	assert_true(fires_on(condition, &subject));
	free(address);
}

static void test_to_without_a_peer_does_not_hold(void **state)
{
	struct filter_subject subject = some_subject();

	(void)state;
	assert_false(fires_on("to=:80", &subject));
	assert_false(fires_on("to=0.0.0.0/0", &subject));
	assert_false(fires_on("to=/*", &subject));
}

static void test_conditions_after_an_address(void **state)
{
	(void)state;
	assert_true(goes_to(":80:fd=3", inet("127.0.0.1", 80)));
	assert_false(goes_to(":80:fd=4", inet("127.0.0.1", 80)));
	assert_true(goes_to("127.0.0.1:fd=3", inet("127.0.0.1", 80)));
	assert_false(goes_to("127.0.0.1:fd=4", inet("127.0.0.1", 80)));
	assert_true(goes_to("127.0.0.1:80:fd=3:cycle", inet("127.0.0.1", 80)));
	assert_true(goes_to("127.0.0.1:cycle", inet("127.0.0.1", 80)));
	assert_true(goes_to("[::1]:fd=3", inet6("::1", 80)));
	assert_false(goes_to("[::1]:80:fd=4", inet6("::1", 80)));
	assert_false(goes_to("127.0.0.1:on=:80", inet("127.0.0.1", 80)));
}

static void test_on_is_the_local_address(void **state)
{
	struct filters *filters = one("fail-accept=EMFILE:on=0.0.0.0:80");
	struct address *right = inet("0.0.0.0", 80), *wrong = inet("0.0.0.0", 81);
	struct filter_subject subject = some_subject();

	(void)state;
	subject.local = right;
	assert_int_equal(decide_on(filters, CALL_ACCEPT, &subject).error, EMFILE);
	subject.local = wrong;
	subject.peer = right;
	assert_int_equal(decide_on(filters, CALL_ACCEPT, &subject).error, 0);
	filters_free(filters);
	free(right);
	free(wrong);
}

static void test_needs(void **state)
{
	struct filters *filters = one("fail-connect=EIO:to=:80");
	bool any;

	(void)state;
	assert_int_equal(filters_needs(filters, CALL_CONNECT, &any), 0);
	assert_true(any);
	assert_int_equal(filters_needs(filters, CALL_CLOSE, &any), 0);
	assert_false(any);
	add(filters, "fail-close=EIO:to=:80");
	assert_int_equal(filters_needs(filters, CALL_CLOSE, &any), FILTER_NEEDS_PEER);
	assert_true(any);
	add(filters, "delay-close=1ms:on=:80");
	add(filters, "delay-close=1ms:comm=x");
	assert_int_equal(filters_needs(filters, CALL_CLOSE, &any),
		FILTER_NEEDS_PEER | FILTER_NEEDS_LOCAL | FILTER_NEEDS_COMM);
	add(filters, "fail-connect=EIO:on=:80");
	assert_int_equal(filters_needs(filters, CALL_CONNECT, &any), FILTER_NEEDS_LOCAL);
	filters_free(filters);
}

static void test_every_condition_has_its_help(void **state)
{
	static const char *const names[] = {"when", "prob", "family", "type", "proto", "to", "on",
		"fd", "pid", "comm", "syscall", "stack", "delay", "cycle", "async", "each"};
	const struct filter_condition_help *help = filter_conditions();
	size_t count = 0;

	(void)state;
	for (; help[count].name; count++) {
		assert_string_equal(help[count].name, names[count]);
		assert_true(strlen(help[count].help) > 0);
		assert_int_equal(
			!help[count].argument, strcmp(help[count].name, "cycle") == 0 ||
						       strcmp(help[count].name, "async") == 0);
	}
	assert_int_equal(count, sizeof(names) / sizeof(names[0]));
}

/* "fail-connect=..." gives exactly "--fail-connect=...: MESSAGE", and adds no filter. */
static void assert_error(const char *text, const char *message)
{
	struct filters *filters = filters_new(1);
	struct error error = {.text = ""};
	char expected[2048];

	snprintf(expected, sizeof(expected), "--%s: %s", text, message);
	assert_int_equal(try_add(filters, text, &error), -EINVAL);
	assert_string_equal(error.text, expected);
	assert_int_equal(filters_count(filters), 0);
	filters_free(filters);
}

static void test_error_errno(void **state)
{
	(void)state;
	assert_error("fail-connect=ECONREFUSED",
		"no errno is called ECONREFUSED; did you mean ECONNREFUSED?");
	assert_error("fail-connect=econnrefused",
		"no errno is called econnrefused; did you mean ECONNREFUSED?");
	assert_error("fail-connect=EIO,nonsense:fd=3",
		"no errno is called nonsense: give one as ECONNREFUSED or its number");
	assert_error("fail-connect=0", "0 is no errno: those are 1 to 4095");
	assert_error("fail-connect=4096", "4096 is no errno: those are 1 to 4095");
	assert_error("fail-connect=",
		"there is no errno where one is due: it begins with ERRNO[,ERRNO...]");
	assert_error("fail-connect=EIO,",
		"there is no errno where one is due: it begins with ERRNO[,ERRNO...]");
	assert_error("fail-connect=:fd=3",
		"there is no errno where one is due: it begins with ERRNO[,ERRNO...]");
}

static void test_error_time(void **state)
{
	(void)state;
	assert_error("delay-connect=20",
		"20 is no time: those are a number and ns, us, ms, s or m, as in 20ms");
	assert_error("fail-connect=EIO:delay=x",
		"x is no time: those are a number and ns, us, ms, s or m, as in 20ms");
	assert_error("delay-connect=99999999999999s", "99999999999999s is too long");
}

static void test_error_unknown_condition(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:famly=inet",
		"no condition is called famly; did you mean family?");
	assert_error("fail-connect=EIO:cycel", "no condition is called cycel; did you mean cycle?");
	assert_error("fail-connect=EIO:to=127.0.0.1:80:famly=inet",
		"no condition is called famly; did you mean family?");
	assert_error("fail-connect=EIO:to=127.0.0.1:famly=inet",
		"no condition is called famly; did you mean family?");
	assert_error("fail-connect=EIO:to=/run/x:famly=inet",
		"no condition is called famly; did you mean family?");
	assert_error("fail-connect=EIO:to=127.0.0.1:cycel",
		"no condition is called cycel; did you mean cycle?");
	assert_error("fail-connect=EIO:to=127.0.0.1:nonsense=inet",
		"no condition is called nonsense: there are when, prob, family, type, proto, to, "
		"on, fd, pid, comm, syscall, stack, delay, cycle, async, each");
	assert_error("fail-connect=EIO:asink", "no condition is called asink; did you mean async?");
}

static void test_error_empty_condition(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:", "there is no condition after a colon");
	assert_error("fail-connect=EIO::fd=3", "there is no condition after a colon");
	assert_error("fail-connect=EIO:fd=3:", "there is no condition after a colon");
	assert_error("fail-connect=EIO:to=/run/x:", "there is no condition after a colon");
	assert_error("fail-connect=EIO:to=:80:", "there is no condition after a colon");
	assert_error("fail-connect=EIO:=3", "there is no condition after a colon");
}

static void test_error_argument(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:fd", "fd= lacks its argument: it is fd=N");
	assert_error("fail-connect=EIO:fd=", "fd= lacks its argument: it is fd=N");
	assert_error("fail-connect=EIO:to", "to= lacks its argument: it is to=ADDRESS");
	assert_error("fail-connect=EIO:to=", "to= lacks its argument: it is to=ADDRESS");
	assert_error("fail-connect=EIO:to=:fd=3", "to= lacks its argument: it is to=ADDRESS");
	assert_error("fail-connect=EIO:prob=", "prob= lacks its argument: it is prob=CHANCE");
	assert_error("fail-connect=EIO:cycle=1", "cycle takes no argument");
}

static void test_error_twice(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:fd=3:fd=4", "fd= is given twice");
	assert_error("fail-connect=EIO:cycle:cycle", "cycle is given twice");
	assert_error("fail-connect=EIO:to=:80:to=:81", "to= is given twice");
}

static void test_error_when(void **state)
{
	(void)state;
	assert_error("fail-accept=EIO:when=0", "when=0: when= counts from 1");
	assert_error("fail-accept=EIO:when=0..3", "when=0..3: when= counts from 1");
	assert_error("fail-accept=EIO:when=1+0", "when=1+0: the step is at least 1");
	assert_error("fail-accept=EIO:when=5..3", "when=5..3 ends before it begins");
	assert_error(
		"fail-accept=EIO:when=x", "when=x is none of F, F+, F+S, F.., F..L and F..L+S");
	assert_error(
		"fail-accept=EIO:when=1.3", "when=1.3 is none of F, F+, F+S, F.., F..L and F..L+S");
	assert_error("fail-accept=EIO:when=1..x",
		"when=1..x is none of F, F+, F+S, F.., F..L and F..L+S");
	assert_error("fail-accept=EIO:when=1+2+3",
		"when=1+2+3 is none of F, F+, F+S, F.., F..L and F..L+S");
	assert_error("fail-accept=EIO:when=18446744073709551616",
		"when=18446744073709551616 is none of F, F+, F+S, F.., F..L and F..L+S");
}

static void test_error_prob(void **state)
{
	static const char *const wrong[] = {
		"2", "1.01", "101%", "-0.1", "x", "%", ".", "0.1.2", "nan", "1e-3", "0x1", "10%%"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[64], message[128];

		snprintf(text, sizeof(text), "fail-connect=EIO:prob=%s", wrong[i]);
		snprintf(message, sizeof(message),
			"prob=%s is no chance: those are from 0 to 1, or from 0%% to 100%%",
			wrong[i]);
		assert_error(text, message);
	}
}

static void test_error_cookie(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:family=inte",
		"no address family is called inte; did you mean inet?");
	assert_error("fail-connect=EIO:type=steam",
		"no socket type is called steam; did you mean stream?");
	assert_error("fail-connect=EIO:proto=tpc", "no protocol is called tpc; did you mean tcp?");
	assert_error("fail-connect=EIO:family=65536",
		"no address family is called 65536: give a name in lower case or a number");
}

static void test_error_caller(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:fd=-1", "fd=-1: -1 is no descriptor: those count from 0");
	assert_error("fail-connect=EIO:fd=2147483648",
		"fd=2147483648: 2147483648 is no descriptor: those count from 0");
	assert_error("fail-connect=EIO:pid=0", "pid=0: 0 is no process: those count from 1");
	assert_error("fail-connect=EIO:comm=a\\q",
		"\\q is no escape: those are \\\\, \\n, \\t and \\xHH but \\x00");
	assert_error("fail-connect=EIO:comm=a\\x00",
		"\\x00 is no escape: those are \\\\, \\n, \\t and \\xHH but \\x00");
}

static void test_error_address(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:to=localhost:80",
		"localhost is no address: those are an IPv4 address, [IPV6], /unix/path, "
		"@abstract or :PORT");
	assert_error("fail-connect=EIO:to=::1",
		"an IPv6 address is written in brackets, as in [::1]:80");
	assert_error("fail-connect=EIO:to=fe80::1:80:fd=3",
		"an IPv6 address is written in brackets, as in [::1]:80");
	assert_error("fail-connect=EIO:to=[::1", "[::1 has no ] after its address");
	assert_error("fail-connect=EIO:to=[127.0.0.1]", "[127.0.0.1] is no IPv6 address");
	assert_error("fail-connect=EIO:to=[]:80", "[] is no IPv6 address");
	assert_error(
		"fail-connect=EIO:to=[::1]80", "80 behind the address is neither /BITS nor :PORT");
	assert_error("fail-connect=EIO:to=[::/64]/64",
		"/64 behind the address is neither /BITS nor :PORT");
	assert_error(
		"fail-connect=EIO:to=10.0.0.0/33", "/33 is no prefix length: those are /0 to /32");
	assert_error(
		"fail-connect=EIO:to=10.0.0.0/:80", "/ is no prefix length: those are /0 to /32");
	assert_error(
		"fail-connect=EIO:to=[::/129]", "/129 is no prefix length: those are /0 to /128");
	assert_error("fail-connect=EIO:to=127.0.0.1:",
		"there is no port after the last colon of the address");
	assert_error("fail-connect=EIO:to=127.0.0.1::fd=3",
		"there is no port after the last colon of the address");
	assert_error(
		"fail-connect=EIO:to=:", "there is no port after the last colon of the address");
	assert_error("fail-connect=EIO:to=127.0.0.1:http",
		"http is no port: those are numbers, 0 to 65535");
	assert_error(
		"fail-connect=EIO:to=:65536", "65536 is no port: those are numbers, 0 to 65535");
}

static void test_error_unix_address(void **state)
{
	char text[256], message[64];

	(void)state;
	assert_error("fail-connect=EIO:to=/a\\q",
		"\\q is no escape: those are \\\\, \\n, \\t and \\xHH");
	assert_error("fail-connect=EIO:to=/a\\x4",
		"\\x4 is no escape: those are \\\\, \\n, \\t and \\xHH");
	assert_error(
		"fail-connect=EIO:to=/a\\", "\\ is no escape: those are \\\\, \\n, \\t and \\xHH");
	assert_error("fail-connect=EIO:to=/a\\x00", "a path has no NUL byte");
	snprintf(text, sizeof(text), "fail-connect=EIO:to=/%0108d", 0);
	snprintf(message, sizeof(message), "a unix address has at most 108 bytes");
	assert_error(text, message);
}

static void test_error_condition_for_another_call(void **state)
{
	(void)state;
	assert_error("fail-socket=EIO:fd=3",
		"fd= cannot be asked of socket: socket(2) names no descriptor");
	assert_error("delay-socket=1ms:fd=3",
		"fd= cannot be asked of socket: socket(2) names no descriptor");
	assert_error("fail-socket=EIO:to=:80",
		"to= cannot be asked of socket: neither a new socket nor a listener has a peer");
	assert_error("delay-listen=1ms:to=:80",
		"to= cannot be asked of listen: neither a new socket nor a listener has a peer");
	assert_error("fail-accept=EIO:to=:80",
		"to= cannot be asked of accept: neither a new socket nor a listener has a peer");
	assert_error("fail-socket=EIO:on=:80",
		"on= cannot be asked of socket: a new socket has no address");
	assert_error(
		"delay-connect=1ms:cycle", "cycle is for --fail-connect and --after-connect only");
	assert_error("delay-connect=1ms:delay=1ms",
		"delay= is for --fail-connect and --after-connect only");
}

static void test_error_of_after_filters(void **state)
{
	(void)state;
	assert_error("after-connect=EIO:async", "async is for --fail-connect only");
	assert_error("delay-connect=1ms:async", "async is for --fail-connect only");
	assert_error("fail-accept=EIO:async",
		"async cannot be asked of accept: only a connect ends later than it returns");
	assert_error("so-error=EIO:async",
		"async cannot be asked of getsockopt: only a connect ends later than it returns");
	assert_error("after-socket=EIO:fd=3",
		"fd= cannot be asked of socket: socket(2) names no descriptor");
	assert_error("after-close=1ms",
		"no errno is called 1ms: give one as ECONNREFUSED or its number");
	assert_error("so-error=0", "0 is no errno: those are 1 to 4095");
	assert_error("fail-connect=EIO:async=1", "async takes no argument");
}

static void assert_error_text(const char *option, const char *value, const char *expected)
{
	struct filters *filters = filters_new(1);
	struct error error;

	assert_int_equal(filters_add(filters, option, value, &error), -EINVAL);
	assert_string_equal(error.text, expected);
	filters_free(filters);
}

static void test_error_unknown_option(void **state)
{
	(void)state;
	assert_error_text(
		"fail-bind", "EIO", "--fail-bind=EIO: no filter option is called --fail-bind");
}

static void test_error_is_printable(void **state)
{
	(void)state;
	assert_error_text("fail-connect", "\x1b[31m\n\xc3\xa9",
		"--fail-connect=\\x1b[31m\\n\\xc3\\xa9: no errno is called "
		"\\x1b[31m\\n\\xc3\\xa9: give one as ECONNREFUSED or its number");
}

static void test_error_of_an_endless_option_says_what_is_wrong(void **state)
{
	struct filters *filters = filters_new(1);
	struct error error;
	static char value[100000];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	assert_int_equal(filters_add(filters, "fail-connect", value, &error), -EINVAL);
	assert_non_null(strstr(error.text, "...: no errno is called xxx"));
	assert_non_null(strstr(error.text, "xxx: give one as ECONNREFUSED or its number"));
	memset(value, 0xff, sizeof(value) - 1);
	assert_int_equal(filters_add(filters, "fail-connect", value, &error), -EINVAL);
	assert_true(strlen(error.text) < sizeof(error.text));
	filters_free(filters);
}

static void test_errors_need_no_place_to_be_told(void **state)
{
	struct filters *filters = filters_new(1);

	(void)state;
	assert_int_equal(filters_add(filters, "fail-connect", "nonsense", NULL), -EINVAL);
	assert_int_equal(filters_add(filters, "fail-connect", "EIO", NULL), 0);
	filters_free(filters);
}

static void test_an_error_leaves_the_filters_as_they_were(void **state)
{
	struct filters *filters = one("fail-connect=EIO");
	struct error error;

	(void)state;
	assert_int_equal(try_add(filters, "fail-connect=EINTR:to=:80:fd=x", &error), -EINVAL);
	assert_int_equal(filters_count(filters), 1);
	assert_int_equal(error_of(filters), EIO);
	add(filters, "delay-connect=1ms");
	assert_int_equal(filters_count(filters), 2);
	filters_free(filters);
}

/* ---- filters that come and go ---- */

static struct filter_decision decide_connect(struct filters *filters)
{
	const struct caller caller = {.pid = 1, .tid = 1};
	const struct filter_subject subject = {.caller = &caller, .fd = 3};
	struct filter_decision decision;

	filters_decide(filters, CALL_CONNECT, &subject, &decision);
	return decision;
}

static void cleared_filter_does_nothing_and_keeps_its_place(void **state)
{
	struct filters *filters = one("fail-connect=EIO");
	_Bool any;

	(void)state;
	add(filters, "fail-connect=EPERM:to=:80");
	assert_int_equal(decide_connect(filters).error, EIO);
	filters_clear(filters, 0);
	assert_int_equal(decide_connect(filters).answer, ANSWER_NONE);
	assert_int_equal(filters_count(filters), 2);
	assert_int_equal(filters_tally(filters, 0).fired, 1);
	assert_true(filters_tally(filters, 0).cleared);
	filters_needs(filters, CALL_CONNECT, &any);
	assert_true(any);
	filters_clear(filters, 1);
	assert_int_equal(filters_needs(filters, CALL_CONNECT, &any), 0);
	assert_false(any);
	filters_free(filters);
}

static void filter_set_again_begins_anew_in_its_place(void **state)
{
	struct filters *filters = one("fail-connect=EIO:when=1");
	struct error error;
	size_t index;

	(void)state;
	assert_int_equal(decide_connect(filters).error, EIO);
	assert_int_equal(decide_connect(filters).answer, ANSWER_NONE);
	/* In force it is not replaced. */
	assert_int_equal(filters_set(filters, "fail-connect", "EIO:when=1", &index, &error), 0);
	assert_int_equal(index, 1);
	const char *const text = filters_tally(filters, 0).option;
	filters_clear(filters, 0);
	filters_clear(filters, 1);
	assert_int_equal(filters_set(filters, "fail-connect", "EIO:when=1", &index, &error), 0);
	assert_int_equal(index, 0);
	assert_ptr_equal(filters_tally(filters, 0).option, text);
	assert_int_equal(decide_connect(filters).error, EIO);
	assert_int_equal(filters_tally(filters, 0).matched, 3);
	assert_int_equal(filters_tally(filters, 0).fired, 2);
	filters_free(filters);
}

static void ask_leaves_the_errno_to_others(void **state)
{
	struct filters *filters = one("fail-connect=ask:when=2");

	(void)state;
	assert_int_equal(decide_connect(filters).answer, ANSWER_NONE);
	assert_int_equal(decide_connect(filters).answer, ANSWER_ASK);
	assert_string_equal(filters_asking(filters), "--fail-connect=ask:when=2");
	filters_clear(filters, 0);
	assert_null(filters_asking(filters));
	filters_free(filters);
}

static void ask_is_refused_where_it_has_no_meaning(void **state)
{
	static const char *const wrong[] = {"after-connect=ask", "so-error=ask",
		"fail-connect=ask,EIO", "fail-connect=EIO,ask", "fail-connect=ask:async",
		"fail-connect=ask:cycle"};
	struct filters *filters = filters_new(1);
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(try_add(filters, wrong[i], &error), -EINVAL);
		assert_non_null(strstr(error.text, "ask"));
	}
	assert_int_equal(filters_count(filters), 0);
	filters_free(filters);
}

static int error_in_thread(struct filters *filters, pid_t tid)
{
	const struct caller caller = {.pid = 100, .tid = tid};
	struct filter_subject subject = some_subject();

	subject.caller = &caller;
	return decide_on(filters, CALL_CONNECT, &subject).error;
}

static void each_thread_counts_by_itself(void **state)
{
	struct filters *filters = one("fail-connect=EIO:when=2:each=thread");

	(void)state;
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 2), 0);
	assert_int_equal(error_in_thread(filters, 3), 0);
	assert_int_equal(error_in_thread(filters, 2), EIO);
	assert_int_equal(error_in_thread(filters, 1), EIO);
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_tally(filters, 0, 6, 2);
	filters_free(filters);
}

static void each_thread_takes_errnos_in_turn_by_itself(void **state)
{
	struct filters *filters = one("fail-connect=EIO,EPERM:each=thread");

	(void)state;
	assert_int_equal(error_in_thread(filters, 1), EIO);
	assert_int_equal(error_in_thread(filters, 2), EIO);
	assert_int_equal(error_in_thread(filters, 1), EPERM);
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 2), EPERM);
	filters_free(filters);
}

static void each_thread_counts_only_calls_that_meet_all_else(void **state)
{
	struct filters *filters = one("fail-connect=EIO:each=thread:fd=4:when=2");
	struct filter_subject subject = some_subject();

	(void)state;
	add(filters, "delay-connect=1ms:each=thread:prob=0:when=1");
	assert_int_equal(error_of(filters), 0);
	subject.fd = 4;
	assert_int_equal(decide_on(filters, CALL_CONNECT, &subject).error, 0);
	assert_int_equal(error_of(filters), 0);
	const struct filter_decision second = decide_on(filters, CALL_CONNECT, &subject);
	assert_int_equal(second.error, EIO);
	assert_int_equal(second.delay_ns, 0);
	filters_free(filters);
}

static void a_thread_that_ended_leaves_no_count_to_the_next_of_its_id(void **state)
{
	struct filters *filters = one("fail-connect=EIO:when=2:each=thread");

	(void)state;
	add(filters, "delay-connect=1ms:when=2");
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 2), 0);
	filters_thread_ended(filters, 1);
	filters_thread_ended(filters, 3);
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 2), EIO);
	filters_free(filters);
}

static void a_thread_keeps_its_count_under_another_id(void **state)
{
	struct filters *filters = one("fail-connect=EIO:when=3:each=thread");

	(void)state;
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 2), 0);
	assert_int_equal(error_in_thread(filters, 2), 0);
	filters_thread_renamed(filters, 2, 1);
	assert_int_equal(error_in_thread(filters, 1), EIO);
	filters_thread_renamed(filters, 7, 1);
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 1), EIO);
	filters_free(filters);
}

static void a_filter_set_again_counts_its_threads_anew(void **state)
{
	struct filters *filters = one("fail-connect=EIO:when=2:each=thread");
	struct error error;
	size_t index;

	(void)state;
	assert_int_equal(error_in_thread(filters, 1), 0);
	filters_clear(filters, 0);
	assert_int_equal(
		filters_set(filters, "fail-connect", "EIO:when=2:each=thread", &index, &error), 0);
	assert_int_equal(index, 0);
	assert_int_equal(error_in_thread(filters, 1), 0);
	assert_int_equal(error_in_thread(filters, 1), EIO);
	filters_free(filters);
}

static void syscall_tells_accept_from_accept4(void **state)
{
	struct filters *filters = one("fail-accept=EIO:syscall=accept4");
	struct filter_subject subject = some_subject();

	(void)state;
	add(filters, "fail-accept=EPERM:syscall=accept");
	subject.syscall = "accept4";
	assert_int_equal(decide_on(filters, CALL_ACCEPT, &subject).error, EIO);
	subject.syscall = "accept";
	assert_int_equal(decide_on(filters, CALL_ACCEPT, &subject).error, EPERM);
	filters_free(filters);
}

static void errors_of_each_and_syscall(void **state)
{
	(void)state;
	assert_error("fail-connect=EIO:each", "each= lacks its argument: it is each=thread");
	assert_error("fail-connect=EIO:each=process", "each=process: can be each=thread only");
	assert_error("fail-connect=EIO:each=thread:each=thread", "each= is given twice");
	assert_error(
		"fail-connect=EIO:to=/run/a:each=thred", "each=thred: can be each=thread only");
	assert_error("fail-accept=EIO:syscall=acept4",
		"syscall=acept4: must be one of accept and accept4");
	assert_error("fail-connect=EIO:syscall=connect",
		"syscall= cannot be asked of connect: only accept is more than one system call");
}

static void a_check_says_what_is_wrong_alone_and_adds_nothing(void **state)
{
	struct error error = {.text = ""};

	(void)state;
	assert_int_equal(filters_check("fail-connect", "EIO:when=2:each=thread", &error), 0);
	assert_int_equal(filters_check("fail-connect", "EIO:when=0", &error), -EINVAL);
	assert_string_equal(error.text, "when=0: when= counts from 1");
	assert_int_equal(filters_check("fail-conect", "EIO", &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_filters_let_all_pass),
		cmocka_unit_test(test_fail_answers_with_the_errno),
		cmocka_unit_test(test_delay_holds_back),
		cmocka_unit_test(test_every_option_is_for_its_call),
		cmocka_unit_test(test_a_single_errno_is_given_every_time),
		cmocka_unit_test(test_several_errnos_are_given_in_turn_and_then_none),
		cmocka_unit_test(test_so_error_is_for_so_error_alone),
		cmocka_unit_test(test_the_first_that_answers_wins_whatever_it_does),
		cmocka_unit_test(test_async),
		cmocka_unit_test(test_cycle_starts_over),
		cmocka_unit_test(test_only_calls_it_fires_on_use_an_errno_up),
		cmocka_unit_test(test_delay_and_fail_apply_together),
		cmocka_unit_test(test_delay_of_a_fail_filter_adds_to_a_delay_filter),
		cmocka_unit_test(test_delays_beyond_all_time_are_the_longest_one),
		cmocka_unit_test(test_the_first_that_holds_wins),
		cmocka_unit_test(test_losers_count_on_but_keep_their_errnos),
		cmocka_unit_test(test_one_without_errnos_left_lets_the_next_win),
		cmocka_unit_test(test_tally_has_the_option_as_written),
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_when_counts_calls_that_meet_all_else),
		cmocka_unit_test(test_chance_repeats_with_its_seed),
		cmocka_unit_test(test_chance_is_near_its_probability),
		cmocka_unit_test(test_chance_of_the_first_call_differs_between_seeds),
		cmocka_unit_test(test_chance_bounds),
		cmocka_unit_test(test_chance_is_drawn_whoever_wins),
		cmocka_unit_test(test_two_filters_of_one_chance_draw_apart),
		cmocka_unit_test(test_matched_counts_before_chance_and_when),
		cmocka_unit_test(test_use_of_chance_is_known),
		cmocka_unit_test(test_cookie_conditions),
		cmocka_unit_test(test_caller_conditions),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_stack_of_generic_functions),
		cmocka_unit_test(test_comm_is_cut_as_the_kernel_cuts_it),
		cmocka_unit_test(test_comm_of_any_bytes),
		cmocka_unit_test(test_to_inet),
		cmocka_unit_test(test_to_port_of_any_address),
		cmocka_unit_test(test_to_inet_prefix),
		cmocka_unit_test(test_to_inet6),
		cmocka_unit_test(test_to_inet6_prefix),
		cmocka_unit_test(test_to_inet_matches_mapped_peers),
		cmocka_unit_test(test_to_unix_path),
		cmocka_unit_test(test_to_unix_wildcard),
		cmocka_unit_test(test_to_unix_path_with_colons),
		cmocka_unit_test(test_to_abstract_name_of_any_bytes),
		cmocka_unit_test(test_address_text_is_its_own_pattern),
		cmocka_unit_test(test_to_without_a_peer_does_not_hold),
		cmocka_unit_test(test_conditions_after_an_address),
		cmocka_unit_test(test_on_is_the_local_address),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_every_condition_has_its_help),
		cmocka_unit_test(test_error_errno),
		cmocka_unit_test(test_error_time),
		cmocka_unit_test(test_error_unknown_condition),
		cmocka_unit_test(test_error_empty_condition),
		cmocka_unit_test(test_error_argument),
		cmocka_unit_test(test_error_twice),
		cmocka_unit_test(test_error_when),
		cmocka_unit_test(test_error_prob),
		cmocka_unit_test(test_error_cookie),
		cmocka_unit_test(test_error_caller),
		cmocka_unit_test(test_error_address),
		cmocka_unit_test(test_error_unix_address),
		cmocka_unit_test(test_error_condition_for_another_call),
		cmocka_unit_test(test_error_of_after_filters),
		cmocka_unit_test(test_error_unknown_option),
		cmocka_unit_test(test_error_is_printable),
		cmocka_unit_test(test_error_of_an_endless_option_says_what_is_wrong),
		cmocka_unit_test(test_errors_need_no_place_to_be_told),
		cmocka_unit_test(test_an_error_leaves_the_filters_as_they_were),
		cmocka_unit_test(cleared_filter_does_nothing_and_keeps_its_place),
		cmocka_unit_test(filter_set_again_begins_anew_in_its_place),
		cmocka_unit_test(ask_leaves_the_errno_to_others),
		cmocka_unit_test(ask_is_refused_where_it_has_no_meaning),
		cmocka_unit_test(each_thread_counts_by_itself),
		cmocka_unit_test(each_thread_takes_errnos_in_turn_by_itself),
		cmocka_unit_test(each_thread_counts_only_calls_that_meet_all_else),
		cmocka_unit_test(a_thread_that_ended_leaves_no_count_to_the_next_of_its_id),
		cmocka_unit_test(a_thread_keeps_its_count_under_another_id),
		cmocka_unit_test(a_filter_set_again_counts_its_threads_anew),
		cmocka_unit_test(syscall_tells_accept_from_accept4),
		cmocka_unit_test(errors_of_each_and_syscall),
		cmocka_unit_test(a_check_says_what_is_wrong_alone_and_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
