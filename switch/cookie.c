#include "switch/cookie.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "switch/names.h"

/*
 * Younger than the C library's headers may be; numbers of include/uapi/linux/in.h and
 * linux/socket.h.
 */
#ifndef AF_MCTP
#define AF_MCTP 45
#endif
#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif
#ifndef IPPROTO_ETHERNET
#define IPPROTO_ETHERNET 143
#endif
#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct named {
	const char *name;
	int value;
};

/* Of several names for one value the first is printed. */
static const struct named families[] = {
	{"unspec", AF_UNSPEC},
	{"unix", AF_UNIX},
	{"local", AF_LOCAL},
	{"inet", AF_INET},
	{"inet4", AF_INET},
	{"ax25", AF_AX25},
	{"ipx", AF_IPX},
	{"appletalk", AF_APPLETALK},
	{"netrom", AF_NETROM},
	{"bridge", AF_BRIDGE},
	{"atmpvc", AF_ATMPVC},
	{"x25", AF_X25},
	{"inet6", AF_INET6},
	{"rose", AF_ROSE},
	{"decnet", AF_DECnet},
	{"netbeui", AF_NETBEUI},
	{"security", AF_SECURITY},
	{"key", AF_KEY},
	{"netlink", AF_NETLINK},
	{"packet", AF_PACKET},
	{"ash", AF_ASH},
	{"econet", AF_ECONET},
	{"atmsvc", AF_ATMSVC},
	{"rds", AF_RDS},
	{"sna", AF_SNA},
	{"irda", AF_IRDA},
	{"pppox", AF_PPPOX},
	{"wanpipe", AF_WANPIPE},
	{"llc", AF_LLC},
	{"ib", AF_IB},
	{"mpls", AF_MPLS},
	{"can", AF_CAN},
	{"tipc", AF_TIPC},
	{"bluetooth", AF_BLUETOOTH},
	{"iucv", AF_IUCV},
	{"rxrpc", AF_RXRPC},
	{"isdn", AF_ISDN},
	{"phonet", AF_PHONET},
	{"ieee802154", AF_IEEE802154},
	{"caif", AF_CAIF},
	{"alg", AF_ALG},
	{"nfc", AF_NFC},
	{"vsock", AF_VSOCK},
	{"kcm", AF_KCM},
	{"qipcrtr", AF_QIPCRTR},
	{"smc", AF_SMC},
	{"xdp", AF_XDP},
	{"mctp", AF_MCTP},
};

static const struct named types[] = {
	{"stream", SOCK_STREAM},
	{"dgram", SOCK_DGRAM},
	{"raw", SOCK_RAW},
	{"rdm", SOCK_RDM},
	{"seqpacket", SOCK_SEQPACKET},
	{"dccp", SOCK_DCCP},
	{"packet", SOCK_PACKET},
};

static const struct named protocols[] = {
	{"ip", IPPROTO_IP},
	{"icmp", IPPROTO_ICMP},
	{"igmp", IPPROTO_IGMP},
	{"ipip", IPPROTO_IPIP},
	{"tcp", IPPROTO_TCP},
	{"egp", IPPROTO_EGP},
	{"pup", IPPROTO_PUP},
	{"udp", IPPROTO_UDP},
	{"idp", IPPROTO_IDP},
	{"tp", IPPROTO_TP},
	{"dccp", IPPROTO_DCCP},
	{"ipv6", IPPROTO_IPV6},
	{"routing", IPPROTO_ROUTING},
	{"fragment", IPPROTO_FRAGMENT},
	{"rsvp", IPPROTO_RSVP},
	{"gre", IPPROTO_GRE},
	{"esp", IPPROTO_ESP},
	{"ah", IPPROTO_AH},
	{"icmpv6", IPPROTO_ICMPV6},
	{"none", IPPROTO_NONE},
	{"dstopts", IPPROTO_DSTOPTS},
	{"mtp", IPPROTO_MTP},
	{"beetph", IPPROTO_BEETPH},
	{"encap", IPPROTO_ENCAP},
	{"pim", IPPROTO_PIM},
	{"comp", IPPROTO_COMP},
	{"l2tp", IPPROTO_L2TP},
	{"sctp", IPPROTO_SCTP},
	{"mh", IPPROTO_MH},
	{"udplite", IPPROTO_UDPLITE},
	{"mpls", IPPROTO_MPLS},
	{"ethernet", IPPROTO_ETHERNET},
	{"raw", IPPROTO_RAW},
	{"smc", IPPROTO_SMC},
	{"mptcp", IPPROTO_MPTCP},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int without_flags(int type)
{
	return type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
}

socket_cookie cookie_raw(int family, int type, int protocol)
{
	return (socket_cookie)(uint16_t)family << 48 | (socket_cookie)(uint32_t)type << 16 |
	       (uint16_t)protocol;
}

/* What inet_create of net/ipv4/af_inet.c finds first for the type where the protocol is 0. */
static int inet_protocol(int type)
{
	switch (type) {
	case SOCK_STREAM:
		return IPPROTO_TCP;
	case SOCK_DGRAM:
		return IPPROTO_UDP;
	case SOCK_SEQPACKET:
		return IPPROTO_SCTP;
	case SOCK_DCCP:
		return IPPROTO_DCCP;
	default:
		return IPPROTO_IP;
	}
}

socket_cookie cookie_canonical(int family, int type, int protocol)
{
	type = without_flags(type);
	if (family == AF_INET && type == SOCK_PACKET)
		family = AF_PACKET;
	if ((family == AF_INET || family == AF_INET6) && protocol == 0)
		protocol = inet_protocol(type);
	if (family == AF_UNIX && type == SOCK_RAW)
		type = SOCK_DGRAM;
	/*
	 * They take their own number for 0 (af_unix.c, af_vsock.c); what they refuse is named as
	 * asked for.
	 */
	if ((family == AF_UNIX || family == AF_VSOCK) && protocol == family)
		protocol = 0;
	return cookie_raw(family, type, protocol);
}

int cookie_family(socket_cookie cookie)
{
	return (int)(cookie >> 48);
}

int cookie_type(socket_cookie cookie)
{
	return (int)(uint32_t)(cookie >> 16);
}

int cookie_protocol(socket_cookie cookie)
{
	return (int)(uint16_t)cookie;
}

static const char *name_or_number(const struct named *table, size_t count, int value, char *buffer)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].value == value) {
			snprintf(buffer, COOKIE_NAME_BYTES, "%s", table[i].name);
			return buffer;
		}
	}
	snprintf(buffer, COOKIE_NAME_BYTES, "%d", value);
	return buffer;
}

const char *cookie_family_name(socket_cookie cookie, char buffer[static COOKIE_NAME_BYTES])
{
	return name_or_number(families, COUNT(families), cookie_family(cookie), buffer);
}

const char *cookie_type_name(socket_cookie cookie, char buffer[static COOKIE_NAME_BYTES])
{
	return name_or_number(types, COUNT(types), without_flags(cookie_type(cookie)), buffer);
}

const char *cookie_protocol_name(socket_cookie cookie, char buffer[static COOKIE_NAME_BYTES])
{
	int family = cookie_family(cookie);
	size_t count = family == AF_INET || family == AF_INET6 ? COUNT(protocols) : 0;

	return name_or_number(protocols, count, cookie_protocol(cookie), buffer);
}

static int parse(const struct named *table, size_t count, int max, const char *text)
{
	uint64_t number;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].name, text) == 0)
			return table[i].value;
	}
	return number_parse(text, (uint64_t)max, &number) == 0 ? (int)number : -EINVAL;
}

int cookie_family_parse(const char *text)
{
	return parse(families, COUNT(families), UINT16_MAX, text);
}

int cookie_type_parse(const char *text)
{
	return parse(types, COUNT(types), INT_MAX, text);
}

int cookie_protocol_parse(const char *text)
{
	return parse(protocols, COUNT(protocols), UINT16_MAX, text);
}

static const char *nearest(const struct named *table, size_t count, const char *text)
{
	const char *words[COUNT(families)];

	_Static_assert(COUNT(families) >= COUNT(types) && COUNT(families) >= COUNT(protocols),
		"room for the words of any table");
	for (size_t i = 0; i < count; i++)
		words[i] = table[i].name;
	return nearest_word(text, words, count);
}

const char *cookie_family_nearest(const char *text)
{
	return nearest(families, COUNT(families), text);
}

const char *cookie_type_nearest(const char *text)
{
	return nearest(types, COUNT(types), text);
}

const char *cookie_protocol_nearest(const char *text)
{
	return nearest(protocols, COUNT(protocols), text);
}

static const char *known(const struct named *table, size_t count, size_t index)
{
	return index < count ? table[index].name : NULL;
}

const char *cookie_family_known(size_t index)
{
	return known(families, COUNT(families), index);
}

const char *cookie_type_known(size_t index)
{
	return known(types, COUNT(types), index);
}

const char *cookie_protocol_known(size_t index)
{
	return known(protocols, COUNT(protocols), index);
}
