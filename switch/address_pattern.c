#include "switch/address_pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "switch/escape.h"
#include "switch/names.h"

/* ADDR[/BITS][:PORT], taken apart in place. */
struct ip_parts {
	char *host, *bits, *port; /* bits and port: NULL where there are none */
	bool bracketed;
};

/* Ends the text before at and moves past the separator there. */
static char *cut(char *at)
{
	*at = '\0';
	return at + 1;
}

/* Returns what is behind the bracket, NULL with a message where there is none. */
static char *split_brackets(char *text, struct ip_parts *parts, struct error *error)
{
	char *end = strchr(text, ']'), *slash;

	if (!end) {
		error_set(error, EINVAL, "%.60s has no ] after its address", text);
		return NULL;
	}
	*end = '\0';
	parts->bracketed = true;
	parts->host = text + 1;
	slash = strchr(parts->host, '/');
	if (slash)
		parts->bits = cut(slash);
	return end + 1;
}

static int split_ip(char *text, struct ip_parts *parts, struct error *error)
{
	char *rest;

	*parts = (struct ip_parts){.host = text};
	rest = *text == '[' ? split_brackets(text, parts, error) : text + strcspn(text, "/:");
	if (!rest)
		return -EINVAL;
	if (*rest == '/' && !parts->bits) {
		parts->bits = cut(rest);
		rest = parts->bits + strcspn(parts->bits, ":");
	}
	if (*rest == ':')
		parts->port = cut(rest);
	else if (*rest != '\0')
		return error_set(
			error, EINVAL, "%.60s behind the address is neither /BITS nor :PORT", rest);
	return 0;
}

static int parse_host(
	const struct ip_parts *parts, struct address_pattern *pattern, struct error *error)
{
	if (*parts->host == '\0' && !parts->bracketed && !parts->bits && parts->port)
		return 0;
	pattern->family = parts->bracketed ? AF_INET6 : AF_INET;
	pattern->length = parts->bracketed ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	pattern->bits = (unsigned)pattern->length * 8;
	if (inet_pton(pattern->family, parts->host, pattern->bytes) == 1)
		return 0;
	if (parts->bracketed)
		return error_set(error, EINVAL, "[%.60s] is no IPv6 address", parts->host);
	return error_set(error, EINVAL,
		"%.60s is no address: those are an IPv4 address, [IPV6], /unix/path, @abstract or "
		":PORT",
		parts->host);
}

static int parse_bits(const char *text, struct address_pattern *pattern, struct error *error)
{
	uint64_t bits;

	if (number_parse(text, pattern->bits, &bits) < 0)
		return error_set(error, EINVAL, "/%.60s is no prefix length: those are /0 to /%u",
			text, pattern->bits);
	pattern->bits = (unsigned)bits;
	return 0;
}

static int parse_port(const char *text, struct address_pattern *pattern, struct error *error)
{
	uint64_t port;

	if (*text == '\0')
		return error_set(
			error, EINVAL, "there is no port after the last colon of the address");
	if (number_parse(text, UINT16_MAX, &port) < 0)
		return error_set(
			error, EINVAL, "%.60s is no port: those are numbers, 0 to 65535", text);
	pattern->port = (int)port;
	return 0;
}

size_t address_pattern_bare_inet6(const char *text)
{
	size_t length = strspn(text, "0123456789abcdefABCDEF:");
	const char *colons = strstr(text, "::");

	return colons && colons + 2 <= text + length ? length : 0;
}

static int parse_ip(const char *text, struct address_pattern *pattern, struct error *error)
{
	char copy[80]; /* longer than any address of the grammar, even with leading zeros */
	struct ip_parts parts;
	size_t length = strlen(text);
	int result;

	if (length >= sizeof(copy))
		return error_set(error, EINVAL, "%.60s... is no address", text);
	memcpy(copy, text, length + 1);
	result = split_ip(copy, &parts, error);
	if (result == 0)
		result = parse_host(&parts, pattern, error);
	if (result == 0 && parts.bits)
		result = parse_bits(parts.bits, pattern, error);
	if (result == 0 && parts.port)
		result = parse_port(parts.port, pattern, error);
	return result;
}

static int append_byte(struct address_pattern *pattern, const char **text, struct error *error)
{
	const char *start = *text;
	int byte = escape_parse(text);

	if (byte < 0)
		return error_set(error, EINVAL,
			"%.4s is no escape: those are \\\\, \\n, \\t and \\xHH", start);
	if (byte == '\0' && pattern->bytes[0] != '\0')
		return error_set(error, EINVAL, "a path has no NUL byte");
	if (pattern->length == sizeof(pattern->bytes))
		return error_set(error, EINVAL, "a unix address has at most %zu bytes",
			sizeof(pattern->bytes));
	pattern->bytes[pattern->length++] = (unsigned char)byte;
	return 0;
}

static int parse_unix(const char *text, struct address_pattern *pattern, struct error *error)
{
	_Static_assert(sizeof(pattern->bytes) == sizeof(((struct sockaddr_un *)NULL)->sun_path),
		"room for any unix address");
	pattern->family = AF_UNIX;
	if (*text == '@') {
		pattern->bytes[pattern->length++] = '\0';
		text++;
	}
	while (*text) {
		int result;

		if (strcmp(text, "*") == 0) {
			pattern->prefix = true;
			break;
		}
		result = append_byte(pattern, &text, error);
		if (result < 0)
			return result;
	}
	return 0;
}

int address_pattern_parse(const char *text, struct address_pattern *pattern, struct error *error)
{
	*pattern = (struct address_pattern){.family = AF_UNSPEC, .port = -1};
	if (*text == '/' || *text == '@')
		return parse_unix(text, pattern, error);
	if (address_pattern_bare_inet6(text) > 0)
		return error_set(
			error, EINVAL, "an IPv6 address is written in brackets, as in [::1]:80");
	return parse_ip(text, pattern, error);
}

static bool match_unix(const struct address_pattern *pattern, const struct address *address)
{
	size_t length;
	const unsigned char *name = address_unix_name(address, &length);

	if (!name || length < pattern->length || (length > pattern->length && !pattern->prefix))
		return false;
	return memcmp(name, pattern->bytes, pattern->length) == 0;
}

static bool equal_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

static const unsigned char *unmapped(const unsigned char *ip, size_t *length)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (*length != sizeof(struct in6_addr) || memcmp(ip, mapped, sizeof(mapped)) != 0)
		return ip;
	*length = sizeof(struct in_addr);
	return ip + sizeof(mapped);
}

bool address_pattern_match(const struct address_pattern *pattern, const struct address *address)
{
	size_t length;
	const unsigned char *ip;

	if (pattern->family == AF_UNIX)
		return match_unix(pattern, address);
	ip = address_ip(address, &length);
	if (!ip || (pattern->port >= 0 && pattern->port != address_port(address)))
		return false;
	if (pattern->family == AF_UNSPEC)
		return true;
	if (pattern->family == AF_INET)
		ip = unmapped(ip, &length);
	return length == pattern->length && equal_bits(ip, pattern->bytes, pattern->bits);
}
