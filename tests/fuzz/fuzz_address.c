/* Socket addresses of any bytes and length, and their text. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "switch/address_pattern.h"
#include "tests/fuzz/fuzz.h"

/* What address_text printed, as to= takes it. A last '*' would stand for any rest. */
static bool pattern_of(const char *text, struct address_pattern *pattern)
{
	const size_t length = strlen(text);
	char *literal;
	struct error error;

	if (length > 0 && text[length - 1] == '*')
		CHECK(asprintf(&literal, "%.*s\\x2a", (int)length - 1, text) > 0);
	else
		CHECK((literal = strdup(text)));
	const int result = address_pattern_parse(literal, pattern, &error);
	free(literal);
	return result == 0;
}

static void check_ip(const struct address *address, const char *text)
{
	struct address_pattern pattern;
	size_t length = 0;

	const unsigned char *const ip = address_ip(address, &length);
	CHECK((ip != NULL) == (address_port(address) >= 0));
	if (!ip)
		return;
	CHECK(length == 4 || length == 16);
	CHECK(ip >= address->bytes && ip + length <= address->bytes + address->length);
	if (strchr(text, '%')) /* patterns know no scope */
		return;
	CHECK(pattern_of(text, &pattern));
	CHECK(address_pattern_match(&pattern, address));
}

static void check_unix(const struct address *address, const char *text)
{
	struct address_pattern pattern;
	size_t length = 0;

	const unsigned char *const name = address_unix_name(address, &length);
	CHECK((name != NULL) == (address_family(address) == AF_UNIX));
	if (!name)
		return;
	CHECK(name + length <= address->bytes + address->length);
	CHECK((length == 0) == (*text == '\0'));
	/* A path that is not absolute is no pattern, and no kernel gives a longer name. */
	if ((*text != '/' && *text != '@') || name[0] == '@' || length > sizeof(pattern.bytes))
		return;
	CHECK(pattern_of(text, &pattern));
	CHECK(address_pattern_match(&pattern, address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ADDRESS_TEXT_BYTES];
	struct address *const address = address_new(data, size);

	CHECK((address != NULL) == (size <= ADDRESS_BYTES_MAX));
	memset(text, 0x7f, sizeof(text));
	CHECK(address_text(address, text) == text);
	CHECK(memchr(text, '\0', sizeof(text)));
	CHECK(is_harmless(text, strlen(text), false));
	check_ip(address, text);
	check_unix(address, text);
	free(address);
	return 0;
}
