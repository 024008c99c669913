/* Descriptor tables: what is bound where, and who uses the table. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "switch/fdtable.h"

enum { LARGE_FD = 1000000 };

/* Tables never look into a socket, so anything with an address will do. */
static max_align_t things[8];

static struct sock *thing(int index)
{
	return (struct sock *)(void *)&things[index];
}

static void bind_thing(struct fdtable *table, int fd, int index, uint64_t serial)
{
	const struct fdslot slot = {.sock = thing(index), .serial = serial};

	fdtable_bind(table, fd, &slot);
}

static void assert_unbound(const struct fdtable *table, int fd)
{
	const struct fdslot slot = fdtable_get(table, fd);

	assert_null(slot.sock);
	assert_int_equal(slot.serial, 0);
	assert_false(slot.returned);
}

static void empty_table(struct fdtable *table)
{
	for (int fd = fdtable_next(table, 0); fd >= 0; fd = fdtable_next(table, fd))
		fdtable_unbind(table, fd);
}

static int setup(void **state)
{
	*state = fdtable_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	empty_table(*state);
	while (fdtable_leave(*state) > 0)
		;
	return 0;
}

static void test_new_table_is_empty(void **state)
{
	struct fdtable *table = *state;

	assert_int_equal(fdtable_users(table), 1);
	assert_int_equal(fdtable_next(table, 0), -1);
	assert_unbound(table, 0);
	assert_unbound(table, LARGE_FD);
	assert_unbound(table, INT_MAX);
}

static void test_no_descriptor_is_unbound(void **state)
{
	bind_thing(*state, 0, 0, 1);
	assert_unbound(*state, -1);
	assert_unbound(*state, INT_MIN);
}

static void test_binding_is_what_was_bound(void **state)
{
	struct fdtable *table = *state;

	fdtable_bind(table, 3, &(struct fdslot){.sock = thing(0), .serial = 7, .returned = true});
	const struct fdslot slot = fdtable_get(table, 3);
	assert_ptr_equal(slot.sock, thing(0));
	assert_int_equal(slot.serial, 7);
	assert_true(slot.returned);
	assert_unbound(table, 2);
	assert_unbound(table, 4);
}

static void test_binding_again_replaces(void **state)
{
	struct fdtable *table = *state;

	fdtable_bind(table, 3, &(struct fdslot){.sock = thing(0), .serial = 7, .returned = true});
	bind_thing(table, 3, 1, 8);
	const struct fdslot slot = fdtable_get(table, 3);
	assert_ptr_equal(slot.sock, thing(1));
	assert_int_equal(slot.serial, 8);
	assert_false(slot.returned);
	assert_int_equal(fdtable_next(table, 4), -1);
}

static void test_one_socket_under_several_descriptors(void **state)
{
	struct fdtable *table = *state;

	bind_thing(table, 3, 0, 1);
	bind_thing(table, 9, 0, 2);
	fdtable_unbind(table, 3);
	assert_unbound(table, 3);
	assert_ptr_equal(fdtable_get(table, 9).sock, thing(0));
}

static void test_unbound_descriptor_can_be_bound_again(void **state)
{
	struct fdtable *table = *state;

	bind_thing(table, 5, 0, 1);
	fdtable_unbind(table, 5);
	assert_unbound(table, 5);
	assert_int_equal(fdtable_next(table, 0), -1);
	bind_thing(table, 5, 1, 2);
	assert_ptr_equal(fdtable_get(table, 5).sock, thing(1));
	assert_int_equal(fdtable_next(table, 0), 5);
}

static void test_next_walks_in_order(void **state)
{
	static const int fds[] = {0, 1, 63, 64, 65, 1023, 1024, 70000, LARGE_FD};
	const size_t count = sizeof(fds) / sizeof(*fds);
	struct fdtable *table = *state;
	size_t seen = 0;

	/* Bound from the last to the first: the order of binding does not matter. */
	for (size_t i = count; i-- > 0;)
		bind_thing(table, fds[i], (int)(i % 8), i + 1);
	for (int fd = fdtable_next(table, 0); fd >= 0; fd = fdtable_next(table, fd + 1)) {
		assert_in_range(seen, 0, count - 1);
		assert_int_equal(fd, fds[seen++]);
	}
	assert_int_equal(seen, count);
}

static void test_next_starts_at_its_argument(void **state)
{
	struct fdtable *table = *state;

	bind_thing(table, 4, 0, 1);
	bind_thing(table, 8, 1, 2);
	assert_int_equal(fdtable_next(table, 4), 4);
	assert_int_equal(fdtable_next(table, 5), 8);
	assert_int_equal(fdtable_next(table, 9), -1);
	assert_int_equal(fdtable_next(table, INT_MAX), -1);
	assert_int_equal(fdtable_next(table, -1), 4);
}

static void test_large_descriptor_keeps_small_ones(void **state)
{
	struct fdtable *table = *state;

	bind_thing(table, 0, 0, 1);
	bind_thing(table, 2, 1, 2);
	bind_thing(table, LARGE_FD, 2, 3);
	assert_ptr_equal(fdtable_get(table, 0).sock, thing(0));
	assert_unbound(table, 1);
	assert_ptr_equal(fdtable_get(table, 2).sock, thing(1));
	assert_ptr_equal(fdtable_get(table, LARGE_FD).sock, thing(2));
	assert_unbound(table, LARGE_FD - 1);
	assert_unbound(table, LARGE_FD + 1);
	assert_int_equal(fdtable_next(table, 3), LARGE_FD);
	fdtable_unbind(table, LARGE_FD);
	assert_int_equal(fdtable_next(table, 3), -1);
	assert_ptr_equal(fdtable_get(table, 2).sock, thing(1));
}

static void test_large_descriptor_in_an_empty_table(void **state)
{
	bind_thing(*state, LARGE_FD, 0, 1);
	assert_int_equal(fdtable_next(*state, 0), LARGE_FD);
	assert_unbound(*state, 0);
}

static void test_any_descriptor_can_be_the_first(void **state)
{
	(void)state;
	for (int fd = 0; fd <= 1025; fd++) {
		struct fdtable *table = fdtable_new();

		assert_non_null(table);
		bind_thing(table, fd, 0, 1);
		assert_ptr_equal(fdtable_get(table, fd).sock, thing(0));
		assert_int_equal(fdtable_next(table, 0), fd);
		fdtable_unbind(table, fd);
		assert_int_equal(fdtable_leave(table), 0);
	}
}

static void test_tables_are_independent(void **state)
{
	struct fdtable *other = fdtable_new();

	assert_non_null(other);
	bind_thing(*state, 3, 0, 1);
	bind_thing(other, 3, 1, 2);
	fdtable_unbind(*state, 3);
	assert_unbound(*state, 3);
	assert_ptr_equal(fdtable_get(other, 3).sock, thing(1));
	fdtable_unbind(other, 3);
	assert_int_equal(fdtable_leave(other), 0);
}

static void test_shared_table_lives_until_the_last_user(void **state)
{
	struct fdtable *table = *state;

	bind_thing(table, 3, 0, 1);
	assert_ptr_equal(fdtable_share(table), table);
	assert_ptr_equal(fdtable_share(table), table);
	assert_int_equal(fdtable_users(table), 3);
	assert_int_equal(fdtable_leave(table), 2);
	assert_int_equal(fdtable_users(table), 2);
	assert_int_equal(fdtable_leave(table), 1);
	assert_int_equal(fdtable_users(table), 1);
	assert_ptr_equal(fdtable_get(table, 3).sock, thing(0));
}

/* The same random binds and unbinds on a table and on a plain array give the same. */
static void test_agrees_with_an_array(void **state)
{
	enum { FDS = 500, STEPS = 20000 };
	static struct fdslot model[FDS];
	struct fdtable *table = *state;
	uint64_t random = 1;

	for (uint64_t step = 1; step <= STEPS; step++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		const int fd = (int)((random >> 33) % FDS);
		int next = fd;

		if (!(random >> 62)) {
			fdtable_unbind(table, fd);
			model[fd] = (struct fdslot){0};
		} else {
			model[fd] = (struct fdslot){thing((int)(random >> 61)), step, step % 2};
			fdtable_bind(table, fd, &model[fd]);
		}
		const struct fdslot slot = fdtable_get(table, fd);
		assert_ptr_equal(slot.sock, model[fd].sock);
		assert_int_equal(slot.serial, model[fd].serial);
		assert_int_equal(slot.returned, model[fd].returned);
		while (next < FDS && !model[next].sock)
			next++;
		assert_int_equal(fdtable_next(table, fd), next < FDS ? next : -1);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_new_table_is_empty),
		TEST(test_no_descriptor_is_unbound),
		TEST(test_binding_is_what_was_bound),
		TEST(test_binding_again_replaces),
		TEST(test_one_socket_under_several_descriptors),
		TEST(test_unbound_descriptor_can_be_bound_again),
		TEST(test_next_walks_in_order),
		TEST(test_next_starts_at_its_argument),
		TEST(test_large_descriptor_keeps_small_ones),
		TEST(test_large_descriptor_in_an_empty_table),
		TEST(test_any_descriptor_can_be_the_first),
		TEST(test_tables_are_independent),
		TEST(test_shared_table_lives_until_the_last_user),
		TEST(test_agrees_with_an_array),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
