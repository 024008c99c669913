/* A socket address: a copy of the sockaddr the kernel or the program named, of its exact length. */
#ifndef SOCKTEST_SWITCH_ADDRESS_H
#define SOCKTEST_SWITCH_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

struct address {
	uint32_t length; /* bytes, as the third argument of connect(2); at most ADDRESS_BYTES_MAX */
	unsigned char bytes[];
};

enum {
	ADDRESS_BYTES_MAX = 128, /* sizeof(struct sockaddr_storage), the kernel's own limit */
	ADDRESS_TEXT_BYTES = 512 /* any address as text, with its NUL: each of 108 bytes escaped */
};

/* A new copy, owned by the caller (free), or NULL: no memory, or length out of 0..128. */
struct address *address_new(const void *bytes, size_t length);

/* The sa_family, or -1 where the address is shorter than one. */
int address_family(const struct address *address);

/* The port of an inet or inet6 address in host order, else -1. */
int address_port(const struct address *address);

/* The IP address, in network order, of an inet or inet6 address; *length: 4 or 16. Else NULL. */
const unsigned char *address_ip(const struct address *address, size_t *length);

/*
 * The name of a unix address: a path without its NUL, or an abstract name with the NUL that begins
 * it; *length is 0 for an unnamed one. NULL for other families.
 */
const unsigned char *address_unix_name(const struct address *address, size_t *length);

/* The reverse of address_text: new (free), or NULL: "", not what address_text writes, or no memory. */
struct address *address_parse(const char *text);

/*
 * For people: 127.0.0.1:80, [::1]:80, /run/x.sock, @abstract, "" for NULL or an unnamed unix
 * socket, "family 16" else. Printable ASCII always: other bytes (and '\') are written \n, \t, \\ or
 * \xHH, so that no name reaches a terminal raw. A unix path ends at its first NUL or at the
 * address's length; an abstract name has its whole length (unix(7)).
 */
const char *address_text(const struct address *address, char buffer[static ADDRESS_TEXT_BYTES]);

#endif
