/* Suppressions: which open sockets they hold for, and what wrong lines are told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "switch/leak.h"
#include "switch/suppress.h"

static const char *const functions[] = {"socket", "net::Pool::open(int)", "main", NULL};

static struct socket_row some_row(void)
{
	return (struct socket_row){
		.id = 1,
		.command = "client",
		.fd = 3,
		.cookie = cookie_canonical(AF_INET, SOCK_STREAM, 0),
		.opened_by = {.pid = 7, .tid = 8, .call = "socket"},
	};
}

static struct suppressions *with(const char *const *lines)
{
	struct suppressions *const suppressions = suppressions_new();
	struct error error = {.text = ""};

	assert_non_null(suppressions);
	for (; *lines; lines++)
		assert_int_equal(suppressions_add(suppressions, *lines, &error), 0);
	return suppressions;
}

static bool suppresses(const char *line)
{
	const struct socket_row row = some_row();
	struct suppressions *const suppressions = with((const char *const[]){line, NULL});
	const bool result = suppressions_match(suppressions, &row, functions);

	suppressions_free(suppressions);
	return result;
}

static void all_conditions_of_a_line_have_to_hold(void **state)
{
	(void)state;
	assert_true(suppresses("type=stream"));
	assert_true(suppresses(" family=inet:comm=client:fd=3:pid=7\n"));
	assert_true(suppresses("stack=main:stack=net::Pool::open:type=stream"));
	assert_false(suppresses("stack=main:stack=open"));
	assert_false(suppresses("family=inet:type=dgram"));
	assert_false(suppresses("to=127.0.0.1"));
	assert_false(suppresses("syscall=accept4"));
	assert_false(suppresses("# type=stream"));
	assert_false(suppresses("   "));
	assert_false(suppresses(""));
}

static void syscall_is_the_call_that_opened_it(void **state)
{
	struct socket_row row = some_row();
	struct suppressions *const suppressions =
		with((const char *const[]){"syscall=accept4", NULL});

	(void)state;
	row.opened_by.call = "accept4";
	assert_true(suppressions_match(suppressions, &row, NULL));
	row.opened_by.call = NULL;
	assert_false(suppressions_match(suppressions, &row, NULL));
	suppressions_free(suppressions);
}

static void any_line_is_enough(void **state)
{
	const struct socket_row row = some_row();
	struct suppressions *const suppressions =
		with((const char *const[]){"type=dgram", "#", "fd=3", NULL});

	(void)state;
	assert_true(suppressions_match(suppressions, &row, NULL));
	suppressions_free(suppressions);
}

static void without_a_stack_no_function_is_on_it(void **state)
{
	const struct socket_row row = some_row();
	struct suppressions *const suppressions = with((const char *const[]){"stack=main", NULL});

	(void)state;
	assert_false(suppressions_match(suppressions, &row, NULL));
	suppressions_free(suppressions);
}

static void assert_wrong(const char *line, const char *text)
{
	struct suppressions *const suppressions = suppressions_new();
	struct error error = {.text = ""};

	assert_non_null(suppressions);
	assert_int_equal(suppressions_add(suppressions, line, &error), -EINVAL);
	assert_string_equal(error.text, text);
	suppressions_free(suppressions);
}

static void wrong_lines_are_told(void **state)
{
	(void)state;
	assert_wrong("typ=stream", "no condition is called typ; did you mean type?");
	assert_wrong("type=stream:", "there is no condition after a colon");
	assert_wrong("prob=0.5", "prob is for calls, not for leaks");
	assert_wrong("fd=3:delay=3ms", "delay is for calls, not for leaks");
	assert_wrong("fd=3:async", "async is for calls, not for leaks");
	assert_wrong("each=thread", "each is for calls, not for leaks");
	assert_wrong("fd=3:fd=3", "fd= is given twice");
}

static void suppressed_sockets_are_no_leaks_and_places_tell_them_apart(void **state)
{
	struct socket_row rows[] = {some_row(), some_row(), some_row(), some_row()};
	const struct snapshot snapshot = {.sockets = rows, .sockets_count = 4};
	struct leak *leaks;
	size_t count;

	(void)state;
	rows[0].suppressed = true;
	rows[1].opened_by.stack = rows[2].opened_by.stack = 2;
	rows[3].opened_by.stack = 1;
	assert_int_equal(leaks_find(&snapshot, &leaks, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(leaks[0].count, 2);
	assert_ptr_equal(leaks[1].example, &rows[3]);
	free(leaks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_conditions_of_a_line_have_to_hold),
		cmocka_unit_test(syscall_is_the_call_that_opened_it),
		cmocka_unit_test(any_line_is_enough),
		cmocka_unit_test(without_a_stack_no_function_is_on_it),
		cmocka_unit_test(wrong_lines_are_told),
		cmocka_unit_test(suppressed_sockets_are_no_leaks_and_places_tell_them_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
