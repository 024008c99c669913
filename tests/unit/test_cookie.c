/* Cookies: what is packed where, what the kernel makes of socket(2)'s arguments, names. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "switch/cookie.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_fields(socket_cookie cookie, int family, int type, int protocol)
{
	assert_int_equal(cookie_family(cookie), family);
	assert_int_equal(cookie_type(cookie), type);
	assert_int_equal(cookie_protocol(cookie), protocol);
}

static void test_layout(void **state)
{
	(void)state;
	assert_true(cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP) == 0x0002000000010006);
	assert_true(cookie_raw(1, 2, 262) == 0x0001000000020106);
}

static void test_fields_are_given_back(void **state)
{
	(void)state;
	assert_fields(cookie_raw(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), AF_INET,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_fields(cookie_raw(65535, INT32_MAX, 65535), 65535, INT32_MAX, 65535);
}

static void test_fields_do_not_spill(void **state)
{
	(void)state;
	assert_fields(cookie_raw(0x10002, 1, 0x10006), 2, 1, 6);
	assert_fields(cookie_raw(2, 1, -1), 2, 1, 65535);
	assert_fields(cookie_raw(-1, -1, 0), 65535, -1, 0);
}

static void assert_canonical(int family, int type, int protocol, socket_cookie expected)
{
	assert_true(cookie_canonical(family, type, protocol) == expected);
}

static void test_canonical_has_no_flags(void **state)
{
	(void)state;
	assert_canonical(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP,
		cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	assert_canonical(
		AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 9, cookie_raw(AF_NETLINK, SOCK_RAW, 9));
}

static void test_canonical_resolves_protocol_0(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		int family = families[i];

		assert_canonical(family, SOCK_STREAM, 0, cookie_raw(family, SOCK_STREAM, 6));
		assert_canonical(family, SOCK_DGRAM, 0, cookie_raw(family, SOCK_DGRAM, 17));
		assert_canonical(
			family, SOCK_SEQPACKET, 0, cookie_raw(family, SOCK_SEQPACKET, 132));
		assert_canonical(family, SOCK_RAW, 0, cookie_raw(family, SOCK_RAW, 0));
		assert_canonical(family, SOCK_STREAM, 262, cookie_raw(family, SOCK_STREAM, 262));
	}
	assert_canonical(AF_NETLINK, SOCK_DGRAM, 0, cookie_raw(AF_NETLINK, SOCK_DGRAM, 0));
}

static void test_canonical_of_special_families(void **state)
{
	(void)state;
	assert_canonical(AF_UNIX, SOCK_RAW, PF_UNIX, cookie_raw(AF_UNIX, SOCK_DGRAM, 0));
	assert_canonical(AF_UNIX, SOCK_STREAM, PF_UNIX, cookie_raw(AF_UNIX, SOCK_STREAM, 0));
	assert_canonical(AF_UNIX, SOCK_STREAM, 77, cookie_raw(AF_UNIX, SOCK_STREAM, 77));
	assert_canonical(AF_VSOCK, SOCK_STREAM, PF_VSOCK, cookie_raw(AF_VSOCK, SOCK_STREAM, 0));
	assert_canonical(AF_INET, SOCK_PACKET, 768, cookie_raw(AF_PACKET, SOCK_PACKET, 768));
	assert_canonical(AF_INET6, SOCK_PACKET, 768, cookie_raw(AF_INET6, SOCK_PACKET, 768));
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, name, &value, &length), 0);
	return value;
}

/* Returns whether the kernel here makes such a socket. */
static int agrees_with_the_kernel(int family, int type, int protocol)
{
	socket_cookie cookie = cookie_canonical(family, type, protocol);
	int fd = socket(family, type, protocol);

	if (fd < 0)
		return 0;
	assert_int_equal(cookie_family(cookie), option(fd, SO_DOMAIN));
	assert_int_equal(cookie_type(cookie), option(fd, SO_TYPE));
	/* Packet sockets keep theirs to themselves: SO_PROTOCOL is always 0 (net/packet). */
	if (cookie_family(cookie) != AF_PACKET)
		assert_int_equal(cookie_protocol(cookie), option(fd, SO_PROTOCOL));
	close(fd);
	return 1;
}

static void test_canonical_is_what_the_kernel_says(void **state)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK};
	static const int protocols[] = {0, 1, 6, 17, 40, 58, 132, 136, 255, 262};
	int made = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		for (int type = SOCK_STREAM; type <= SOCK_PACKET; type++) {
			for (size_t j = 0; j < COUNT(protocols); j++) {
				made += agrees_with_the_kernel(
					families[i], type | SOCK_CLOEXEC, protocols[j]);
			}
		}
	}
	/* The unix ones at least: stream, dgram, raw, seqpacket, each with 0 and PF_UNIX. */
	assert_true(made >= 8);
}

static void assert_names(
	socket_cookie cookie, const char *family, const char *type, const char *protocol)
{
	char buffer[COOKIE_NAME_BYTES];

	assert_string_equal(cookie_family_name(cookie, buffer), family);
	assert_string_equal(cookie_type_name(cookie, buffer), type);
	assert_string_equal(cookie_protocol_name(cookie, buffer), protocol);
}

static void test_names(void **state)
{
	(void)state;
	assert_names(cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP), "inet", "stream", "tcp");
	assert_names(cookie_raw(AF_INET6, SOCK_DGRAM, IPPROTO_UDP), "inet6", "dgram", "udp");
	assert_names(cookie_raw(AF_INET, SOCK_RAW, 0), "inet", "raw", "ip");
	assert_names(cookie_raw(AF_INET6, SOCK_RAW, 58), "inet6", "raw", "icmpv6");
	assert_names(cookie_raw(AF_INET, SOCK_STREAM, 262), "inet", "stream", "mptcp");
	assert_names(cookie_raw(AF_INET, SOCK_DGRAM, 136), "inet", "dgram", "udplite");
	assert_names(cookie_raw(AF_UNIX, SOCK_SEQPACKET, 0), "unix", "seqpacket", "0");
	assert_names(cookie_raw(AF_NETLINK, SOCK_RAW, 6), "netlink", "raw", "6");
	assert_names(cookie_raw(AF_PACKET, SOCK_PACKET, 768), "packet", "packet", "768");
	assert_names(cookie_raw(AF_VSOCK, SOCK_RDM, 0), "vsock", "rdm", "0");
	assert_names(cookie_raw(AF_BLUETOOTH, SOCK_DCCP, 3), "bluetooth", "dccp", "3");
}

static void test_what_has_no_name_is_a_number(void **state)
{
	(void)state;
	assert_names(cookie_raw(999, 9, 65535), "999", "9", "65535");
	assert_names(cookie_raw(AF_INET, -1, 250), "inet", "-526337", "250");
}

static void test_type_names_ignore_flags(void **state)
{
	char buffer[COOKIE_NAME_BYTES];

	(void)state;
	assert_string_equal(
		cookie_type_name(
			cookie_raw(2, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), buffer),
		"stream");
}

static void test_every_name_is_read_back(void **state)
{
	char buffer[COOKIE_NAME_BYTES];

	(void)state;
	for (int i = 0; i < 300; i++) {
		socket_cookie cookie = cookie_raw(i, i, i), inet = cookie_raw(AF_INET, 0, i);

		assert_int_equal(cookie_family_parse(cookie_family_name(cookie, buffer)), i);
		assert_int_equal(cookie_type_parse(cookie_type_name(cookie, buffer)), i);
		assert_int_equal(cookie_protocol_parse(cookie_protocol_name(inet, buffer)), i);
	}
}

static void test_every_family_of_the_c_library_has_a_name(void **state)
{
	char buffer[COOKIE_NAME_BYTES];

	(void)state;
	for (int family = 0; family < AF_MAX; family++) {
		const char *name = cookie_family_name(cookie_raw(family, 0, 0), buffer);

		assert_true(name[0] < '0' || name[0] > '9');
	}
}

static void test_other_names_are_read_too(void **state)
{
	(void)state;
	assert_int_equal(cookie_family_parse("local"), AF_UNIX);
	assert_int_equal(cookie_family_parse("inet4"), AF_INET);
	assert_int_equal(cookie_family_parse("10"), AF_INET6);
	assert_int_equal(cookie_type_parse("2"), SOCK_DGRAM);
	assert_int_equal(cookie_protocol_parse("262"), 262);
}

static void test_wrong_names(void **state)
{
	(void)state;
	assert_int_equal(cookie_family_parse(""), -EINVAL);
	assert_int_equal(cookie_family_parse("INET"), -EINVAL);
	assert_int_equal(cookie_family_parse("65536"), -EINVAL);
	assert_int_equal(cookie_family_parse("-1"), -EINVAL);
	assert_int_equal(cookie_type_parse("datagram"), -EINVAL);
	assert_int_equal(cookie_type_parse("4294967296"), -EINVAL);
	assert_int_equal(cookie_protocol_parse("http"), -EINVAL);
	assert_int_equal(cookie_protocol_parse("65536"), -EINVAL);
}

static void test_nearest_names(void **state)
{
	(void)state;
	assert_string_equal(cookie_family_nearest("INET"), "inet");
	assert_string_equal(cookie_family_nearest("inte6"), "inet6");
	assert_string_equal(cookie_type_nearest("steam"), "stream");
	assert_string_equal(cookie_type_nearest("dgarm"), "dgram");
	assert_string_equal(cookie_protocol_nearest("mtpcp"), "mptcp");
	assert_null(cookie_family_nearest("zzzzzzzz"));
	assert_null(cookie_type_nearest("q"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_fields_are_given_back),
		cmocka_unit_test(test_fields_do_not_spill),
		cmocka_unit_test(test_canonical_has_no_flags),
		cmocka_unit_test(test_canonical_resolves_protocol_0),
		cmocka_unit_test(test_canonical_of_special_families),
		cmocka_unit_test(test_canonical_is_what_the_kernel_says),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_has_no_name_is_a_number),
		cmocka_unit_test(test_type_names_ignore_flags),
		cmocka_unit_test(test_every_name_is_read_back),
		cmocka_unit_test(test_every_family_of_the_c_library_has_a_name),
		cmocka_unit_test(test_other_names_are_read_too),
		cmocka_unit_test(test_wrong_names),
		cmocka_unit_test(test_nearest_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
