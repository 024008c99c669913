/*
 * give_kinds all|netlink COMMAND [ARG...]: runs the command with sockets of many kinds and in many
 * states, or with a netlink socket, from descriptor 100 on. One that may not be made is left out.
 */
#include "progs.h"

#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <sys/un.h>

enum { FIRST = 100 };

static int given = FIRST;

static int give(int fd)
{
	if (fd >= 0) {
		MUST(dup2(fd, given));
		MUST(close(fd));
	}
	return fd < 0 ? fd : given++;
}

/* Unconnected, bound, listening, connected and accepted, if it is a stream. */
static void give_inet(int type, const void *loopback, socklen_t length)
{
	struct sockaddr_storage address;
	const int family = ((const struct sockaddr *)loopback)->sa_family;
	const int server = give(socket(family, type, 0));

	give(socket(family, type, 0));
	/* Without IPv6 there may be sockets of it, but no address. */
	if (server < 0 || bind(server, loopback, length) < 0)
		return;
	MUST(getsockname(server, (struct sockaddr *)&address, &length));
	if (type == SOCK_STREAM)
		MUST(listen(server, 1));
	MUST(connect(give(MUST(socket(family, type, 0))), (struct sockaddr *)&address, length));
	if (type == SOCK_STREAM)
		give(MUST(accept(server, NULL, NULL)));
}

static void give_all_inet(int type)
{
	const struct sockaddr_in inet = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 inet6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	give_inet(type, &inet, sizeof(inet));
	give_inet(type, &inet6, sizeof(inet6));
}

/* A pair, and one with an abstract name that listens, if it can. */
static void give_unix(int type)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = give(MUST(socket(AF_UNIX, type, 0)));
	int pair[2];

	const int length =
		snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "give kinds %d", getpid());
	MUST(bind(fd, (struct sockaddr *)&name,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)));
	if (type != SOCK_DGRAM)
		MUST(listen(fd, 1));
	give(MUST(socket(AF_UNIX, type, 0)));
	MUST(socketpair(AF_UNIX, type, 0, pair));
	give(pair[0]);
	give(pair[1]);
}

static void give_all(void)
{
	give_all_inet(SOCK_STREAM);
	give_all_inet(SOCK_DGRAM);
	give_unix(SOCK_STREAM);
	give_unix(SOCK_DGRAM);
	give_unix(SOCK_SEQPACKET);
	give(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
	give(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
	give(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	give(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	give(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	give(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_LOOPBACK)));
	give(socket(AF_PACKET, SOCK_DGRAM, 0));
}

int main(int argc, char **argv)
{
	CHECK(argc > 2);
	if (strcmp(argv[1], "all") == 0) {
		give_all();
	} else {
		const struct sockaddr_nl any = {.nl_family = AF_NETLINK};

		const int fd = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT));

		MUST(bind(fd, (const struct sockaddr *)&any, sizeof(any)));
		give(fd);
	}
	execvp(argv[2], argv + 2);
	prog_die(argv[2]);
}
