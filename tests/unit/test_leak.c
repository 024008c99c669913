/* Which sockets leaked, and how they are grouped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "switch/leak.h"

static struct socket_row row(uint64_t id, int family, const char *call)
{
	return (struct socket_row){
		.id = id,
		.cookie = cookie_canonical(family, SOCK_STREAM, 0),
		.opened_by.call = call,
	};
}

static size_t find(struct socket_row *rows, size_t count, struct leak **leaks)
{
	const struct snapshot snapshot = {.sockets = rows, .sockets_count = count};
	size_t found = 99;

	assert_int_equal(leaks_find(&snapshot, leaks, &found), 0);
	return found;
}

static void nothing_inflight_is_no_leak(void **state)
{
	struct leak *leaks;

	(void)state;
	assert_int_equal(find(NULL, 0, &leaks), 0);
	free(leaks);
}

static void sockets_are_grouped_by_kind_and_call_and_most_come_first(void **state)
{
	struct socket_row rows[] = {row(1, AF_UNIX, "socket"), row(2, AF_INET, "socket"),
		row(3, AF_INET, "accept4"), row(4, AF_INET, "socket"), row(5, AF_INET, "accept4"),
		row(6, AF_INET, "accept4")};
	struct leak *leaks;

	(void)state;
	assert_int_equal(find(rows, 6, &leaks), 3);
	assert_int_equal(leaks[0].count, 3);
	assert_ptr_equal(leaks[0].example, &rows[2]);
	assert_int_equal(leaks[1].count, 2);
	assert_ptr_equal(leaks[1].example, &rows[1]);
	assert_int_equal(leaks[2].count, 1);
	assert_ptr_equal(leaks[2].example, &rows[0]);
	free(leaks);
}

static void of_as_many_those_opened_first_come_first(void **state)
{
	struct socket_row rows[] = {row(7, AF_UNIX, "socket"), row(8, AF_INET, "socket")};
	struct leak *leaks;

	(void)state;
	assert_int_equal(find(rows, 2, &leaks), 2);
	assert_ptr_equal(leaks[0].example, &rows[0]);
	free(leaks);
}

static void adopted_sockets_are_no_leaks(void **state)
{
	struct socket_row rows[] = {row(1, AF_INET, ""), row(2, AF_INET, "socket")};
	struct leak *leaks;

	(void)state;
	assert_int_equal(find(rows, 2, &leaks), 1);
	assert_int_equal(leaks[0].count, 1);
	assert_ptr_equal(leaks[0].example, &rows[1]);
	free(leaks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_inflight_is_no_leak),
		cmocka_unit_test(sockets_are_grouped_by_kind_and_call_and_most_come_first),
		cmocka_unit_test(of_as_many_those_opened_first_come_first),
		cmocka_unit_test(adopted_sockets_are_no_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
