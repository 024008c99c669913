/* Any text as a pattern of addresses, and any address against it: TEXT NUL ADDRESS. */
#include <sys/socket.h>

#include "switch/address_pattern.h"
#include "tests/fuzz/fuzz.h"

static void check_pattern(const struct address_pattern *pattern)
{
	CHECK(pattern->port >= -1 && pattern->port <= UINT16_MAX);
	CHECK(pattern->length <= sizeof(pattern->bytes));
	switch (pattern->family) {
	case AF_UNIX:
		CHECK(pattern->port == -1);
		break;
	case AF_INET:
	case AF_INET6:
		CHECK(pattern->length == (pattern->family == AF_INET ? 4 : 16));
		CHECK(pattern->bits <= pattern->length * 8);
		break;
	default:
		CHECK(pattern->family == AF_UNSPEC && pattern->port >= 0);
	}
}

static void check_match(const struct address_pattern *pattern, const struct address *address)
{
	if (!address_pattern_match(pattern, address))
		return;
	if (pattern->port >= 0)
		CHECK(address_port(address) == pattern->port);
	if (pattern->family == AF_UNIX || pattern->family == AF_INET6)
		CHECK(address_family(address) == pattern->family);
	else
		CHECK(address_family(address) == AF_INET || address_family(address) == AF_INET6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.bytes = data, .left = size};
	char *const text = input_text(&input);
	struct address *const address = address_new(input.bytes, input.left);
	struct address_pattern pattern;
	struct error error = {.text = ""};

	CHECK(address_pattern_bare_inet6(text) <= strlen(text));
	const int result = address_pattern_parse(text, &pattern, &error);
	CHECK(result == 0 || error.text[0] != '\0');
	if (result == 0) {
		check_pattern(&pattern);
		check_match(&pattern, address);
		CHECK(!address_pattern_match(&pattern, NULL));
	}
	free(address);
	free(text);
	return 0;
}
