/*
 * What to= and on= match: "10.0.0.0/8:80", "[fe80::/10]:80", ":80", "/run/x*", "@abstract*".
 *
 *	PATTERN = IPV4 [/BITS] [:PORT] | [IPV6] [/BITS] [:PORT] | [IPV6/BITS] [:PORT] | :PORT
 *	        | /PATH [*] | @NAME [*]          the brackets about IPV6 are literal
 *
 * In PATH and NAME, \\, \n, \t and \xHH stand for bytes, as address_text prints them; a last * that
 * is not written \x2a matches any rest.
 */
#ifndef SOCKTEST_SWITCH_ADDRESS_PATTERN_H
#define SOCKTEST_SWITCH_ADDRESS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "switch/address.h"
#include "switch/error.h"

struct address_pattern {
	int family;    /* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: a port of any IP address */
	int port;      /* -1: any */
	unsigned bits; /* of an IP address that have to be equal */
	bool prefix;   /* the unix name goes on as it likes */
	size_t length; /* of bytes */
	unsigned char bytes[108]; /* an IP address, or a unix name as address_unix_name gives it */
};

/* Returns 0, or -EINVAL with a message that names the wrong part. */
int address_pattern_parse(const char *text, struct address_pattern *pattern, struct error *error);

/* The length of the IPv6 address without brackets, always an error, that text begins with; or 0. */
size_t address_pattern_bare_inet6(const char *text);

/* An IPv4-mapped IPv6 address matches its IPv4 pattern too. NULL matches nothing. */
bool address_pattern_match(const struct address_pattern *pattern, const struct address *address);

#endif
