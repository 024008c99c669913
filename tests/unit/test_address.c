/* Addresses: copies, what they hold, and what people read of them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "switch/address.h"

static struct address *inet(const char *ip, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, ip, &address.sin_addr), 1);
	return address_new(&address, sizeof(address));
}

static struct address *inet6(const char *ip, uint16_t port, uint32_t scope)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};

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

/* Takes the address. */
static void assert_text(struct address *address, const char *expected)
{
	char buffer[ADDRESS_TEXT_BYTES];

	assert_non_null(address);
	assert_string_equal(address_text(address, buffer), expected);
	free(address);
}

static void test_copy_has_the_exact_length(void **state)
{
	char bytes[ADDRESS_BYTES_MAX + 1] = "some bytes";
	struct address *address = address_new(bytes, 10);

	(void)state;
	assert_non_null(address);
	assert_int_equal(address->length, 10);
	assert_memory_equal(address->bytes, "some bytes", 10);
	free(address);
	address = address_new(bytes, ADDRESS_BYTES_MAX);
	assert_non_null(address);
	free(address);
	assert_null(address_new(bytes, ADDRESS_BYTES_MAX + 1));
	assert_null(address_new(bytes, SIZE_MAX));
}

static void test_inet(void **state)
{
	struct address *address = inet("127.0.0.1", 80);

	(void)state;
	assert_int_equal(address_family(address), AF_INET);
	assert_int_equal(address_port(address), 80);
	assert_text(address, "127.0.0.1:80");
	assert_text(inet("255.255.255.255", 65535), "255.255.255.255:65535");
}

static void test_inet6(void **state)
{
	struct address *address = inet6("::1", 443, 0);

	(void)state;
	assert_int_equal(address_family(address), AF_INET6);
	assert_int_equal(address_port(address), 443);
	assert_text(address, "[::1]:443");
	assert_text(inet6("::ffff:1.2.3.4", 1, 0), "[::ffff:1.2.3.4]:1");
	assert_text(inet6("fe80::1", 80, 3), "[fe80::1%3]:80");
}

static void test_inet6_without_scope(void **state)
{
	struct address *whole = inet6("::1", 443, 0);
	struct address *address = address_new(whole->bytes, 24);

	(void)state;
	free(whole);
	assert_int_equal(address_port(address), 443);
	assert_text(address, "[::1]:443");
}

static void test_ip_bytes(void **state)
{
	struct address *four = inet("1.2.3.4", 80), *six = inet6("::1", 80, 0);
	size_t length;

	(void)state;
	assert_memory_equal(address_ip(four, &length), "\1\2\3\4", 4);
	assert_int_equal(length, 4);
	assert_memory_equal(address_ip(six, &length), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	assert_int_equal(length, 16);
	free(four);
	free(six);
}

static void test_cut_short(void **state)
{
	struct address *whole = inet("127.0.0.1", 80), *address;
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(struct sockaddr_in); i++) {
		address = address_new(whole->bytes, i);
		assert_int_equal(address_family(address), i < 2 ? -1 : AF_INET);
		assert_int_equal(address_port(address), -1);
		assert_null(address_ip(address, &length));
		assert_text(address, i < 2 ? "" : "family 2");
	}
	free(whole);
	whole = inet6("::1", 80, 0);
	address = address_new(whole->bytes, 23);
	free(whole);
	assert_int_equal(address_port(address), -1);
	assert_text(address, "family 10");
}

static void test_no_address(void **state)
{
	char buffer[ADDRESS_TEXT_BYTES] = "x";
	size_t length;

	(void)state;
	assert_string_equal(address_text(NULL, buffer), "");
	assert_int_equal(address_family(NULL), -1);
	assert_int_equal(address_port(NULL), -1);
	assert_null(address_ip(NULL, &length));
	assert_null(address_unix_name(NULL, &length));
	assert_text(address_new(NULL, 0), "");
}

static void test_unix_path_ends_at_nul_or_length(void **state)
{
	(void)state;
	assert_text(unix_address("/run/x.sock", 12), "/run/x.sock");
	assert_text(unix_address("/run/x.sock", 11), "/run/x.sock");
	assert_text(unix_address("/run\0junk", 9), "/run");
}

static void test_unix_unnamed(void **state)
{
	struct address *address = unix_address("", 0);
	size_t length = 1;

	(void)state;
	assert_non_null(address_unix_name(address, &length));
	assert_int_equal(length, 0);
	assert_text(address, "");
}

static void test_abstract_name_has_its_whole_length(void **state)
{
	struct address *address = unix_address("\0a\0b\0", 5);
	size_t length;

	(void)state;
	assert_memory_equal(address_unix_name(address, &length), "\0a\0b\0", 5);
	assert_int_equal(length, 5);
	assert_text(address, "@a\\x00b\\x00");
	assert_text(unix_address("", 1), "@");
}

static void test_unprintable_bytes_are_escaped(void **state)
{
	(void)state;
	assert_text(unix_address("/a\n\t\\\x1b[31m\x7f\xc3\xa9 ~", 15),
		"/a\\n\\t\\\\\\x1b[31m\\x7f\\xc3\\xa9 ~");
}

static void test_longest_text_fits(void **state)
{
	unsigned char name[ADDRESS_BYTES_MAX - 2];
	char buffer[ADDRESS_TEXT_BYTES];
	struct address *address;

	(void)state;
	memset(name, 0xff, sizeof(name));
	address = unix_address(name, sizeof(name));
	assert_int_equal(strlen(address_text(address, buffer)), 4 * sizeof(name));
	free(address);
	name[0] = '\0';
	address = unix_address(name, sizeof(name));
	assert_int_equal(strlen(address_text(address, buffer)), 1 + 4 * (sizeof(name) - 1));
	free(address);
}

static void test_other_families(void **state)
{
	const struct sockaddr netlink = {.sa_family = AF_NETLINK}, none = {.sa_family = AF_UNSPEC};

	(void)state;
	assert_text(address_new(&netlink, sizeof(netlink)), "family 16");
	assert_text(address_new(&none, sizeof(none)), "family 0");
}

/* An address as the kernel gives it: an autobound name (unix(7)) is five hex digits, abstract. */
static void test_what_getsockname_gives(void **state)
{
	const sa_family_t family = AF_UNIX;
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	struct address *address;
	char buffer[ADDRESS_TEXT_BYTES];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&family, sizeof(family)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &length), 0);
	close(fd);
	address = address_new(&storage, length);
	assert_non_null(address);
	address_text(address, buffer);
	assert_int_equal(buffer[0], '@');
	assert_int_equal(strspn(buffer + 1, "0123456789abcdef"), 5);
	assert_int_equal(strlen(buffer), 6);
	free(address);
}

/* What address_text makes of an address, address_parse turns back into it. */
static void test_text_is_parsed_back(void **state)
{
	static const char *const texts[] = {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535",
		"[::1]:80", "[::]:0", "[fe80::1%3]:22", "/run/x.sock", "@abstract", "@", "relative",
		"a:80", "/a\\n\\x1b\\\\b", "@a\\x00b", "family 16", "family", "[::1]", "1.2.3.4"};
	char buffer[ADDRESS_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct address *address = address_parse(texts[i]);

		assert_non_null(address);
		assert_string_equal(address_text(address, buffer), texts[i]);
		free(address);
	}
}

static void test_parsed_families(void **state)
{
	static const struct {
		const char *text;
		int family, port;
	} rows[] = {
		{"1.2.3.4:5", AF_INET, 5},
		{"[1::2]:5", AF_INET6, 5},
		{"/x", AF_UNIX, -1},
		{"@x", AF_UNIX, -1},
		{"family 17", AF_PACKET, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct address *address = address_parse(rows[i].text);

		assert_int_equal(address_family(address), rows[i].family);
		assert_int_equal(address_port(address), rows[i].port);
		free(address);
	}
}

static void test_no_address_is_parsed(void **state)
{
	char long_text[2 * ADDRESS_TEXT_BYTES];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_null(address_parse(""));
	assert_null(address_parse("\\z"));
	assert_null(address_parse(long_text));
	long_text[109] = '\0';
	assert_null(address_parse(long_text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_parsed_back),
		cmocka_unit_test(test_parsed_families),
		cmocka_unit_test(test_no_address_is_parsed),
		cmocka_unit_test(test_copy_has_the_exact_length),
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_inet6),
		cmocka_unit_test(test_inet6_without_scope),
		cmocka_unit_test(test_ip_bytes),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_unix_path_ends_at_nul_or_length),
		cmocka_unit_test(test_unix_unnamed),
		cmocka_unit_test(test_abstract_name_has_its_whole_length),
		cmocka_unit_test(test_unprintable_bytes_are_escaped),
		cmocka_unit_test(test_longest_text_fits),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_what_getsockname_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
