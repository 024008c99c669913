/* The table of stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "switch/stack.h"

static uint32_t intern(struct stack_table *table, uint64_t place, size_t count, enum stack_end end)
{
	const struct stack_frame frames[] = {{1, 0x100}, {0, place}, {0, 0x300}};
	const struct stack stack = {.frames = frames, .count = count, .end = end};

	return stack_table_intern(table, &stack);
}

static void many_of_few_places_keep_few(void **state)
{
	struct stack_table *const table = stack_table_new();

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(intern(table, 0x1000 + i % 10, 3, STACK_WHOLE), i % 10 + 1);
	assert_int_equal(stack_table_count(table), 10);
	stack_table_free(table);
}

static void all_that_differs_is_another(void **state)
{
	struct stack_table *const table = stack_table_new();

	(void)state;
	const uint32_t first = intern(table, 1, 3, STACK_WHOLE);
	assert_int_not_equal(intern(table, 2, 3, STACK_WHOLE), first);
	assert_int_not_equal(intern(table, 1, 2, STACK_WHOLE), first);
	assert_int_not_equal(intern(table, 1, 3, STACK_BROKEN), first);
	assert_int_equal(intern(table, 1, 3, STACK_WHOLE), first);
	assert_int_equal(stack_table_count(table), 4);
	stack_table_free(table);
}

static void what_went_in_comes_out(void **state)
{
	struct stack_table *const table = stack_table_new();

	(void)state;
	const uint32_t empty = intern(table, 0, 0, STACK_FOREIGN);
	const uint32_t full = intern(table, 7, 2, STACK_DEEP);
	assert_int_equal(stack_table_get(table, empty).count, 0);
	assert_int_equal(stack_table_get(table, empty).end, STACK_FOREIGN);
	const struct stack stack = stack_table_get(table, full);
	assert_int_equal(stack.count, 2);
	assert_int_equal(stack.end, STACK_DEEP);
	assert_int_equal(stack.frames[0].module, 1);
	assert_int_equal(stack.frames[0].offset, 0x100);
	assert_int_equal(stack.frames[1].offset, 7);
	stack_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_of_few_places_keep_few),
		cmocka_unit_test(all_that_differs_is_another),
		cmocka_unit_test(what_went_in_comes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
