#include "switch/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "switch/escape.h"
#include "switch/names.h"

enum {
	/* net/ipv6 (SIN6_LEN_RFC2133) takes an address without a scope id too. */
	INET6_BYTES_MIN = offsetof(struct sockaddr_in6, sin6_scope_id),
	UNIX_NAME_OFFSET = offsetof(struct sockaddr_un, sun_path)
};

struct address *address_new(const void *bytes, size_t length)
{
	struct address *address;

	if (length > ADDRESS_BYTES_MAX)
		return NULL;
	address = malloc(sizeof(*address) + length);
	if (!address)
		return NULL;
	address->length = (uint32_t)length;
	if (length > 0)
		memcpy(address->bytes, bytes, length);
	return address;
}

int address_family(const struct address *address)
{
	sa_family_t family;

	if (!address || address->length < sizeof(family))
		return -1;
	memcpy(&family, address->bytes, sizeof(family));
	return family;
}

const unsigned char *address_ip(const struct address *address, size_t *length)
{
	int family = address_family(address);

	if (family == AF_INET && address->length >= sizeof(struct sockaddr_in)) {
		*length = sizeof(struct in_addr);
		return address->bytes + offsetof(struct sockaddr_in, sin_addr);
	}
	if (family == AF_INET6 && address->length >= INET6_BYTES_MIN) {
		*length = sizeof(struct in6_addr);
		return address->bytes + offsetof(struct sockaddr_in6, sin6_addr);
	}
	return NULL;
}

int address_port(const struct address *address)
{
	size_t length;
	in_port_t port;

	if (!address_ip(address, &length))
		return -1;
	/* sin_port and sin6_port are in the same place. */
	memcpy(&port, address->bytes + offsetof(struct sockaddr_in, sin_port), sizeof(port));
	return ntohs(port);
}

const unsigned char *address_unix_name(const struct address *address, size_t *length)
{
	const unsigned char *name;

	if (address_family(address) != AF_UNIX)
		return NULL;
	name = address->bytes + UNIX_NAME_OFFSET;
	*length = address->length - UNIX_NAME_OFFSET;
	if (*length > 0 && name[0] != '\0')
		*length = strnlen((const char *)name, *length);
	return name;
}

static void inet6_text(const struct address *address, char *buffer)
{
	char ip[INET6_ADDRSTRLEN], scope[16] = "";
	struct sockaddr_in6 inet6 = {0};
	size_t length = address->length < sizeof(inet6) ? address->length : sizeof(inet6);

	memcpy(&inet6, address->bytes, length);
	inet_ntop(AF_INET6, &inet6.sin6_addr, ip, sizeof(ip));
	if (inet6.sin6_scope_id != 0)
		snprintf(scope, sizeof(scope), "%%%u", inet6.sin6_scope_id);
	snprintf(buffer, ADDRESS_TEXT_BYTES, "[%s%s]:%d", ip, scope, address_port(address));
}

static void ip_text(const struct address *address, const unsigned char *ip, char *buffer)
{
	char text[INET_ADDRSTRLEN];

	if (address_family(address) == AF_INET6) {
		inet6_text(address, buffer);
		return;
	}
	inet_ntop(AF_INET, ip, text, sizeof(text));
	snprintf(buffer, ADDRESS_TEXT_BYTES, "%s:%d", text, address_port(address));
}

static void unix_text(const unsigned char *name, size_t length, char *buffer)
{
	size_t at = 0;

	_Static_assert(
		ADDRESS_TEXT_BYTES > (ADDRESS_BYTES_MAX - UNIX_NAME_OFFSET) * (ESCAPE_BYTES - 1),
		"room for every byte escaped");
	if (length > 0 && name[0] == '\0') {
		buffer[at++] = '@';
		name++;
		length--;
	}
	for (size_t i = 0; i < length; i++)
		at += escape_byte(name[i], buffer + at);
	buffer[at] = '\0';
}

const char *address_text(const struct address *address, char buffer[static ADDRESS_TEXT_BYTES])
{
	const unsigned char *bytes;
	size_t length;

	if ((bytes = address_ip(address, &length)))
		ip_text(address, bytes, buffer);
	else if ((bytes = address_unix_name(address, &length)))
		unix_text(bytes, length, buffer);
	else if (address_family(address) >= 0)
		snprintf(buffer, ADDRESS_TEXT_BYTES, "family %d", address_family(address));
	else
		buffer[0] = '\0';
	return buffer;
}

/* ---- from text ---- */

/* The number behind the last ':' of the text, which ends there then; -1: there is none. */
static int cut_port(char *text)
{
	char *const colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || number_parse(colon + 1, UINT16_MAX, &port))
		return -1;
	*colon = '\0';
	return (int)port;
}

static struct address *inet_parse(char *text)
{
	const int port = cut_port(text);
	struct sockaddr_in inet = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};

	if (port < 0 || inet_pton(AF_INET, text, &inet.sin_addr) != 1)
		return NULL;
	return address_new(&inet, sizeof(inet));
}

static struct address *inet6_parse(char *text)
{
	const int port = cut_port(text);
	struct sockaddr_in6 inet6 = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)};
	size_t length = strlen(text);
	char *const percent = strchr(text, '%');
	uint64_t scope = 0;

	if (port < 0 || length < 2 || text[length - 1] != ']')
		return NULL;
	text[length - 1] = '\0';
	if (percent) {
		*percent = '\0';
		if (number_parse(percent + 1, UINT32_MAX, &scope))
			return NULL;
	}
	inet6.sin6_scope_id = (uint32_t)scope;
	if (inet_pton(AF_INET6, text + 1, &inet6.sin6_addr) != 1)
		return NULL;
	return address_new(&inet6, sizeof(inet6));
}

static struct address *unix_parse(const char *text)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t length = 0;

	if (*text == '@') {
		length++;
		text++;
	}
	while (*text) {
		const int byte = escape_parse(&text);

		if (byte < 0 || length == sizeof(un.sun_path))
			return NULL;
		un.sun_path[length++] = (char)byte;
	}
	return address_new(&un, offsetof(struct sockaddr_un, sun_path) + length);
}

struct address *address_parse(const char *text)
{
	static const char family_word[] = "family ";
	const size_t word_length = sizeof(family_word) - 1;
	const size_t length = strlen(text);
	char copy[ADDRESS_TEXT_BYTES];
	struct address *address;
	uint64_t number;

	if (!*text || length >= sizeof(copy))
		return NULL;
	if (strncmp(text, family_word, word_length) == 0 &&
		number_parse(text + word_length, UINT16_MAX, &number) == 0)
		return address_new(&(sa_family_t){(sa_family_t)number}, sizeof(sa_family_t));
	memcpy(copy, text, length + 1);
	address = *text == '[' ? inet6_parse(copy) : inet_parse(copy);
	return address ? address : unix_parse(text);
}
