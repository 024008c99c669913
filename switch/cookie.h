/*
 * A cookie is a socket's (family, type, protocol) in one 64-bit value: the family in bits 48-63,
 * the type in bits 16-47, the protocol in bits 0-15. Go's socktest.Cookie keeps 8 bits for the
 * protocol; 16 are needed because IPPROTO_MPTCP is 262.
 */
#ifndef SOCKTEST_SWITCH_COOKIE_H
#define SOCKTEST_SWITCH_COOKIE_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t socket_cookie;

/* The three arguments of socket(2) as they are; bits that do not fit their field are cut off. */
socket_cookie cookie_raw(int family, int type, int protocol);

/*
 * The cookie of the socket that the kernel makes of these arguments of socket(2): without
 * SOCK_NONBLOCK and SOCK_CLOEXEC, protocol 0 resolved to the family's default (inet stream: tcp),
 * unix raw as dgram (net/unix/af_unix.c), inet packet as packet (net/socket.c).
 */
socket_cookie cookie_canonical(int family, int type, int protocol);

int cookie_family(socket_cookie cookie);
int cookie_type(socket_cookie cookie);
int cookie_protocol(socket_cookie cookie);

/* Room for any name below, with its NUL. */
enum { COOKIE_NAME_BYTES = 24 };

/*
 * The field's name ("inet", "stream", "tcp"), or its number where it has none; written to buffer,
 * which is returned. A type's flag bits are not looked at. Protocols are IPPROTO names only for
 * the families whose protocols they are (inet, inet6); for others 0 is "0" and netlink and packet
 * print numbers.
 */
const char *cookie_family_name(socket_cookie cookie, char buffer[static COOKIE_NAME_BYTES]);
const char *cookie_type_name(socket_cookie cookie, char buffer[static COOKIE_NAME_BYTES]);
const char *cookie_protocol_name(socket_cookie cookie, char buffer[static COOKIE_NAME_BYTES]);

/*
 * The reverse, for filters: a name as printed above, or a decimal number. Returns the value, or
 * -EINVAL. *_nearest returns the known name nearest to a misspelt one, or NULL if none is near.
 */
int cookie_family_parse(const char *text);
int cookie_type_parse(const char *text);
int cookie_protocol_parse(const char *text);
const char *cookie_family_nearest(const char *text);
const char *cookie_type_nearest(const char *text);
const char *cookie_protocol_nearest(const char *text);

/* The names that those know, by index; NULL behind the last. */
const char *cookie_family_known(size_t index);
const char *cookie_type_known(size_t index);
const char *cookie_protocol_known(size_t index);

#endif
