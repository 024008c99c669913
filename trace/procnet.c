/*
 * The socket's extended attribute names its protocol (sockfs_xattr_get in net/socket.c of the
 * kernel), and that the file of proc_pid_net(5) whose line with its inode has the rest.
 */
#include "trace/procnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "trace/procfs.h"

/* ---- fields of a line ---- */

enum { FIELDS_MAX = 10 };

struct line {
	const char *fields[FIELDS_MAX];
	const char *rest; /* behind the last of them */
};

/* Splits the text in place; false: it has less than count fields. */
static bool split(char *text, size_t count, struct line *line)
{
	*line = (struct line){.rest = ""};
	for (size_t i = 0; i < count; i++) {
		text += strspn(text, " ");
		if (!*text)
			return false;
		line->fields[i] = text;
		text += strcspn(text, " ");
		if (*text)
			*text++ = '\0';
	}
	line->rest = text;
	return true;
}

static unsigned long number(const struct line *line, size_t index, int base)
{
	return line->fields[index] ? strtoul(line->fields[index], NULL, base) : 0;
}

/* ---- inet and inet6 ---- */

/* include/net/tcp_states.h of the kernel; the others use them, too */
enum { ESTABLISHED = 1, SYN_SENT = 2, CLOSED = 7, LISTEN = 10 };

/* An IP address is printed by words as they lie in memory, a port as its number. */
static bool parse_words(const char *text, uint32_t *words, size_t count)
{
	char word[9] = "";

	for (size_t i = 0; i < count; i++, text += 8) {
		if (strspn(text, "0123456789ABCDEF") < 8)
			return false;
		memcpy(word, text, 8);
		words[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	return *text == ':';
}

static struct address *parse_inet(const char *text, int family)
{
	struct sockaddr_in inet = {.sin_family = AF_INET};
	struct sockaddr_in6 inet6 = {.sin6_family = AF_INET6};
	const char *const colon = strchr(text, ':');
	const in_port_t port = htons((uint16_t)(colon ? strtoul(colon + 1, NULL, 16) : 0));
	uint32_t words[4];

	if (!parse_words(text, words, family == AF_INET ? 1 : 4))
		return NULL;
	if (family == AF_INET) {
		inet.sin_addr.s_addr = words[0];
		inet.sin_port = port;
		return address_new(&inet, sizeof(inet));
	}
	memcpy(&inet6.sin6_addr, words, sizeof(inet6.sin6_addr));
	inet6.sin6_port = port;
	return address_new(&inet6, sizeof(inet6));
}

static bool is_any(const char *text)
{
	return strspn(text, "0:") == strlen(text);
}

/* sl local rem st tx:rx tr:when retrnsmt uid timeout inode: net/ipv4/tcp_ipv4.c, get_tcp4_sock */
static void read_inet(const struct line *line, struct sock_description *description)
{
	const unsigned long state = number(line, 3, 16);

	description->local = parse_inet(line->fields[1], description->family);
	if (description->type == SOCK_RAW)
		description->protocol = description->local ? address_port(description->local) : 0;
	if (state == LISTEN)
		description->state = SOCKET_LISTENING;
	else if (state == SYN_SENT)
		description->state = SOCKET_CONNECTING;
	else if (state != CLOSED && !is_any(line->fields[2]))
		description->state = SOCKET_CONNECTED;
	if (description->state == SOCKET_CONNECTED)
		description->peer = parse_inet(line->fields[2], description->family);
}

/* ---- unix ---- */

enum { UNIX_LISTENS = 0x10000, UNIX_CONNECTED = 3 }; /* linux/net.h: __SO_ACCEPTCON, SS_CONNECTED */

/*
 * A path, or @ and an abstract name, in which the kernel shows each NUL as an @, too. No name: the
 * socket is not bound.
 */
static struct address *parse_unix(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t length = strlen(name);

	if (length > sizeof(address.sun_path))
		return NULL;
	memcpy(address.sun_path, name, length);
	if (*name == '@')
		address.sun_path[0] = '\0';
	const bool terminated = length && *name != '@' && length < sizeof(address.sun_path);
	return address_new(&address, offsetof(struct sockaddr_un, sun_path) + length + terminated);
}

/* Num: RefCount Protocol Flags Type St Inode Path: net/unix/af_unix.c, unix_seq_show */
static void read_unix(const struct line *line, struct sock_description *description)
{
	description->type = (int)number(line, 4, 16);
	description->local = parse_unix(line->rest);
	if (number(line, 3, 16) & UNIX_LISTENS)
		description->state = SOCKET_LISTENING;
	else if (number(line, 5, 16) == UNIX_CONNECTED)
		description->state = SOCKET_CONNECTED;
}

/* ---- netlink and packet ---- */

/* sk Eth Pid Groups ...: net/netlink/af_netlink.c. Whether it is raw or dgram is nowhere to be read.
 */
static void read_netlink(const struct line *line, struct sock_description *description)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_pid = (uint32_t)number(line, 2, 10),
		.nl_groups = (uint32_t)number(line, 3, 16),
	};

	description->protocol = (int)number(line, 1, 10);
	description->local = address_new(&address, sizeof(address));
}

/* sk RefCnt Type Proto ...: net/packet/af_packet.c. packet(7) has the protocol in network order. */
static void read_packet(const struct line *line, struct sock_description *description)
{
	description->type = (int)number(line, 2, 10);
	description->protocol = htons((uint16_t)number(line, 3, 16));
}

/* ---- the tables ---- */

static const struct kind {
	const char *name;           /* of the protocol: struct proto of the kernel */
	int family, type, protocol; /* type 0: not told by the name */
	unsigned inode;             /* the field that it is in */
	const char *file;           /* in /proc/TID/net; NULL: it is in none */
	void (*read)(const struct line *line, struct sock_description *description);
	bool all; /* the file has all sockets of this kind, not only those that are bound */
} kinds[] = {
	{"TCP", AF_INET, SOCK_STREAM, IPPROTO_TCP, 9, "tcp", read_inet, false},
	{"TCPv6", AF_INET6, SOCK_STREAM, IPPROTO_TCP, 9, "tcp6", read_inet, false},
	{"UDP", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 9, "udp", read_inet, false},
	{"UDPv6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 9, "udp6", read_inet, false},
	{"UDP-Lite", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, 9, "udplite", read_inet, false},
	{"UDPLITEv6", AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE, 9, "udplite6", read_inet, false},
	{"PING", AF_INET, SOCK_DGRAM, IPPROTO_ICMP, 9, "icmp", read_inet, false},
	{"PINGv6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, 9, "icmp6", read_inet, false},
	{"RAW", AF_INET, SOCK_RAW, 0, 9, "raw", read_inet, true},
	{"RAWv6", AF_INET6, SOCK_RAW, 0, 9, "raw6", read_inet, true},
	{"MPTCP", AF_INET, SOCK_STREAM, IPPROTO_MPTCP, 0, NULL, NULL, false},
	{"MPTCPv6", AF_INET6, SOCK_STREAM, IPPROTO_MPTCP, 0, NULL, NULL, false},
	{"SCTP", AF_INET, 0, IPPROTO_SCTP, 0, NULL, NULL, true},
	{"SCTPv6", AF_INET6, 0, IPPROTO_SCTP, 0, NULL, NULL, true},
	{"UNIX", AF_UNIX, 0, 0, 6, "unix", read_unix, true},
	{"UNIX-STREAM", AF_UNIX, 0, 0, 6, "unix", read_unix, true},
	{"NETLINK", AF_NETLINK, 0, 0, 9, "netlink", read_netlink, true},
	{"PACKET", AF_PACKET, 0, 0, 8, "packet", read_packet, true},
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const struct kind *kind_of(pid_t tid, int fd)
{
	char path[64], name[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	const ssize_t length = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);
	name[length < 0 ? 0 : length] = '\0';
	return find_kind(name);
}

/* Whether the line of that inode was there. */
static bool read_table(
	pid_t tid, const struct kind *kind, uint64_t inode, struct sock_description *description)
{
	char path[64], *text = NULL;
	size_t room = 0;
	ssize_t length;
	struct line line;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", tid, kind->file);
	FILE *const file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && (length = getline(&text, &room, file)) > 0) {
		if (text[length - 1] == '\n')
			text[length - 1] = '\0';
		found = split(text, kind->inode + 1, &line) &&
			number(&line, kind->inode, 10) == inode;
		if (found)
			kind->read(&line, description);
	}
	free(text);
	fclose(file);
	return found;
}

int procnet_describe(pid_t tid, int fd, uint64_t inode, struct sock_description *description)
{
	const struct kind *const kind = kind_of(tid, fd);

	*description = (struct sock_description){.inode = inode};
	if (proc_socket_inode(tid, fd) != inode)
		return -ESTALE;
	if (!kind)
		return -ENODATA;
	description->family = kind->family;
	description->type = kind->type;
	description->protocol = kind->protocol;
	const bool found = kind->file && read_table(tid, kind, inode, description);
	description->undecided =
		description->state == SOCKET_UNCONNECTED && description->protocol != IPPROTO_TCP;
	return (found || !kind->all) && description->type ? 0 : -ENODATA;
}
