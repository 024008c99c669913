/* Names of errnos, the nearest word, times. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "switch/names.h"

#define SECOND UINT64_C(1000000000)

static void test_errno_names(void **state)
{
	char buffer[16];

	(void)state;
	assert_string_equal(errno_name(ECONNREFUSED, buffer), "ECONNREFUSED");
	assert_string_equal(errno_name(EPERM, buffer), "EPERM");
	assert_string_equal(errno_name(EAGAIN, buffer), "EAGAIN");
	assert_string_equal(errno_name(0, buffer), "");
	assert_string_equal(errno_name(4095, buffer), "4095");
	assert_string_equal(errno_name(-1, buffer), "-1");
	assert_string_equal(errno_name(INT32_MIN, buffer), "-2147483648");
}

static void test_every_errno_name_is_read_back(void **state)
{
	char buffer[16];

	(void)state;
	for (int error = 1; error <= 4095; error++)
		assert_int_equal(errno_parse(errno_name(error, buffer)), error);
}

static void test_errno_aliases(void **state)
{
	(void)state;
	assert_int_equal(errno_parse("EWOULDBLOCK"), EWOULDBLOCK);
	assert_int_equal(errno_parse("ENOTSUP"), ENOTSUP);
	assert_int_equal(errno_parse("EOPNOTSUPP"), EOPNOTSUPP);
	assert_int_equal(errno_parse("EDEADLOCK"), EDEADLOCK);
	assert_int_equal(errno_parse("EDEADLK"), EDEADLK);
}

static void test_errno_numbers_are_1_to_4095(void **state)
{
	(void)state;
	assert_int_equal(errno_parse("1"), 1);
	assert_int_equal(errno_parse("111"), ECONNREFUSED);
	assert_int_equal(errno_parse("4095"), 4095);
	assert_int_equal(errno_parse("0"), -EINVAL);
	assert_int_equal(errno_parse("4096"), -EINVAL);
	assert_int_equal(errno_parse("99999999999999999999999"), -EINVAL);
	assert_int_equal(errno_parse("-1"), -EINVAL);
	assert_int_equal(errno_parse("0x6f"), -EINVAL);
	assert_int_equal(errno_parse(" 1"), -EINVAL);
}

static void test_wrong_errno_names(void **state)
{
	(void)state;
	assert_int_equal(errno_parse(""), -EINVAL);
	assert_int_equal(errno_parse("ECONNREFUSE"), -EINVAL);
	assert_int_equal(errno_parse("econnrefused"), -EINVAL);
	assert_int_equal(errno_parse("ECONNREFUSED "), -EINVAL);
}

static void test_nearest_errno(void **state)
{
	(void)state;
	assert_string_equal(errno_nearest("ECONREFUSED"), "ECONNREFUSED");
	assert_string_equal(errno_nearest("econnrefused"), "ECONNREFUSED");
	assert_string_equal(errno_nearest("CONNREFUSED"), "ECONNREFUSED");
	assert_string_equal(errno_nearest("ETIMEOUT"), "ETIMEDOUT");
	assert_string_equal(errno_nearest("EWOULDBLOK"), "EWOULDBLOCK");
	assert_null(errno_nearest("UTTERLYWRONG"));
	assert_null(errno_nearest(""));
}

static void test_nearest_word_is_the_one_with_the_least_edits(void **state)
{
	static const char *const words[] = {"family", "type", "proto", "to", "on"};

	(void)state;
	assert_string_equal(nearest_word("famly", words, 5), "family");
	assert_string_equal(nearest_word("fmaily", words, 5), "family");
	assert_string_equal(nearest_word("FAMILY", words, 5), "family");
	assert_string_equal(nearest_word("tpye", words, 5), "type");
	assert_string_equal(nearest_word("protos", words, 5), "proto");
	assert_null(nearest_word("stack", words, 5));
	assert_null(nearest_word("xy", words, 5));
	assert_null(nearest_word("family", words, 0));
	/* A beginning is nearer than a slip; short words are not near to everything. */
	assert_string_equal(nearest_word("fam", words, 5), "family");
	assert_string_equal(nearest_word("proto/x", words, 5), "proto");
	assert_null(nearest_word("tpyx", words, 5));
	assert_null(nearest_word("", words, 5));
}

static void test_neighbours_swapped_are_one_edit(void **state)
{
	static const char *const words[] = {"abXY", "abdc"};

	(void)state;
	/* Both are two replacements away. */
	assert_string_equal(nearest_word("abcd", words, 2), "abdc");
}

static void test_nearest_word_of_an_endless_text_is_none(void **state)
{
	static const char *const words[] = {"family"};
	char text[5000];

	(void)state;
	memset(text, 'f', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_null(nearest_word(text, words, 1));
}

static void test_numbers(void **state)
{
	uint64_t number = 7;

	(void)state;
	assert_int_equal(number_parse("0", 0, &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(number_parse("0080", 80, &number), 0);
	assert_int_equal(number, 80);
	assert_int_equal(number_parse("18446744073709551615", UINT64_MAX, &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(number_parse("81", 80, &number), -ERANGE);
	assert_int_equal(number_parse("18446744073709551616", UINT64_MAX, &number), -ERANGE);
	assert_int_equal(number_parse("", 80, &number), -EINVAL);
	assert_int_equal(number_parse("+1", 80, &number), -EINVAL);
	assert_int_equal(number_parse("1a", 80, &number), -EINVAL);
}

static void assert_duration(const char *text, uint64_t expected)
{
	uint64_t duration = 1;

	assert_int_equal(duration_parse(text, &duration), 0);
	assert_true(duration == expected);
}

static void test_durations_are_read_in_every_unit(void **state)
{
	(void)state;
	assert_duration("3ns", 3);
	assert_duration("500us", 500000);
	assert_duration("20ms", 20000000);
	assert_duration("1.5s", SECOND * 3 / 2);
	assert_duration("2m", 120 * SECOND);
	assert_duration("0.25m", 15 * SECOND);
	assert_duration("0s", 0);
	assert_duration("0.000000001s", 1);
	assert_duration("1.0000000019s", SECOND + 1);
	assert_duration("18446744073709551615ns", UINT64_MAX);
}

static void test_what_is_no_duration(void **state)
{
	static const char *const wrong[] = {"", "20", "ms", "s", "1.s", ".5s", "1.5.5s", "-1s",
		"1 s", "1S", "1h", "1e3s", "1ss", "1,5s"};
	uint64_t duration;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(duration_parse(wrong[i], &duration), -EINVAL);
}

static void test_too_long_durations(void **state)
{
	uint64_t duration;

	(void)state;
	assert_int_equal(duration_parse("18446744073709551616ns", &duration), -ERANGE);
	assert_int_equal(duration_parse("18446744074s", &duration), -ERANGE);
	assert_int_equal(duration_parse("18446744073.9s", &duration), -ERANGE);
}

static void assert_text(uint64_t duration, const char *expected)
{
	char buffer[24];

	assert_string_equal(duration_text(duration, buffer), expected);
}

static void test_durations_as_text_have_three_digits(void **state)
{
	(void)state;
	assert_text(0, "0ns");
	assert_text(950, "950ns");
	assert_text(1500, "1.5us");
	assert_text(1050, "1.05us");
	assert_text(20000000, "20ms");
	assert_text(SECOND * 3 / 2, "1.5s");
	assert_text(1234567, "1.23ms");
	assert_text(1235000, "1.24ms");
	assert_text(123456789, "123ms");
	assert_text(100000, "100us");
	assert_text(999499, "999us");
}

static void test_durations_as_text_round_into_the_next_unit(void **state)
{
	(void)state;
	assert_text(999500, "1ms");
	assert_text(999999999, "1s");
	assert_text(59 * SECOND + SECOND * 94 / 100, "59.9s");
	assert_text(59 * SECOND + SECOND * 95 / 100, "1m");
	assert_text(3599 * SECOND + SECOND / 2, "1h");
	assert_text(86400 * SECOND - 1, "1d");
}

static void test_long_durations_as_text_have_two_units(void **state)
{
	(void)state;
	assert_text(60 * SECOND, "1m");
	assert_text(192 * SECOND, "3m12s");
	assert_text(3600 * SECOND + 59 * SECOND, "1h1m");
	assert_text(49 * 3600 * SECOND, "2d1h");
	assert_text(UINT64_MAX, "213503d23h");
}

static void test_durations_as_text_are_read_back(void **state)
{
	static const char *const texts[] = {"7ns", "999ns", "1.01us", "12.3ms", "999ms", "59.9s"};
	char buffer[24];
	uint64_t duration;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(duration_parse(texts[i], &duration), 0);
		assert_string_equal(duration_text(duration, buffer), texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errno_names),
		cmocka_unit_test(test_every_errno_name_is_read_back),
		cmocka_unit_test(test_errno_aliases),
		cmocka_unit_test(test_errno_numbers_are_1_to_4095),
		cmocka_unit_test(test_wrong_errno_names),
		cmocka_unit_test(test_nearest_errno),
		cmocka_unit_test(test_nearest_word_is_the_one_with_the_least_edits),
		cmocka_unit_test(test_neighbours_swapped_are_one_edit),
		cmocka_unit_test(test_nearest_word_of_an_endless_text_is_none),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_durations_are_read_in_every_unit),
		cmocka_unit_test(test_what_is_no_duration),
		cmocka_unit_test(test_too_long_durations),
		cmocka_unit_test(test_durations_as_text_have_three_digits),
		cmocka_unit_test(test_durations_as_text_round_into_the_next_unit),
		cmocka_unit_test(test_long_durations_as_text_have_two_units),
		cmocka_unit_test(test_durations_as_text_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
