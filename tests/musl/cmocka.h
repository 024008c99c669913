/* As much of cmocka as the unit tests of switch/ use: Debian has it for glibc only. */
#ifndef SOCKTEST_TESTS_MUSL_CMOCKA_H
#define SOCKTEST_TESTS_MUSL_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*test)(void **state);
	int (*setup)(void **state);
	int (*teardown)(void **state);
};

static jmp_buf cmocka_failed;

#define cmocka_unit_test_setup_teardown(function, before, after)                                   \
	{                                                                                          \
		.name = #function, .test = (function), .setup = (before), .teardown = (after)      \
	}
#define cmocka_unit_test(function) cmocka_unit_test_setup_teardown(function, NULL, NULL)

#define fail_msg(...)                                                                              \
	do {                                                                                       \
		printf("# %s:%d: ", __FILE__, __LINE__);                                           \
		printf(__VA_ARGS__);                                                               \
		putchar('\n');                                                                     \
		longjmp(cmocka_failed, 1);                                                         \
	} while (0)

/* cmocka compares numbers of any type, and pointers. */
#define cmocka_number(value) ((uintmax_t)(value))
#define assert_true(value)                                                                         \
	do {                                                                                       \
		if (!(value))                                                                      \
			fail_msg("not true: %s", #value);                                          \
	} while (0)
#define assert_false(value)        assert_true(!(value))
#define assert_null(value)         assert_true((value) == NULL)
#define assert_non_null(value)     assert_true((value) != NULL)
#define assert_ptr_equal(a, b)     assert_true((const void *)(a) == (const void *)(b))
#define assert_int_equal(a, b)     assert_true(cmocka_number(a) == cmocka_number(b))
#define assert_int_not_equal(a, b) assert_true(cmocka_number(a) != cmocka_number(b))
#define assert_in_range(value, low, high)                                                          \
	assert_true(cmocka_number(value) - cmocka_number(low) <=                                   \
		    cmocka_number(high) - cmocka_number(low))
#define assert_string_equal(a, b)           assert_true(strcmp((a), (b)) == 0)
#define assert_memory_equal(a, b, size)     assert_true(memcmp((a), (b), (size)) == 0)
#define assert_memory_not_equal(a, b, size) assert_true(memcmp((a), (b), (size)) != 0)

static inline int cmocka_run(const struct CMUnitTest *tests, size_t count)
{
	volatile int failures = 0;

	setbuf(stdout, NULL); /* for a test that crashes */
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		const struct CMUnitTest *const test = &tests[i];
		void *state = NULL;
		const char *result = "ok";

		if (test->setup)
			test->setup(&state);
		if (setjmp(cmocka_failed) == 0) {
			test->test(&state);
		} else {
			result = "not ok";
			failures++;
		}
		printf("%s %zu - %s\n", result, i + 1, test->name);
		if (test->teardown)
			test->teardown(&state);
	}
	return failures;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
	cmocka_run((tests), sizeof(tests) / sizeof(*(tests)))

#endif
