/*
 * block accept|connect|recv|preadv2|poll|select|epoll|spin, or sendmsg|write|pwritev2|splice|sendfile:
 * blocks for good in that call on a socket, which has no room for the latter.
 */
#include "progs.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int listener(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	const int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	MUST(bind(fd, (struct sockaddr *)address, length));
	MUST(listen(fd, 0));
	MUST(getsockname(fd, (struct sockaddr *)address, &length));
	return fd;
}

/* The first ones fill the queue of a listener that never accepts. */
static void connect_on(const struct sockaddr_in *address)
{
	for (int i = 0; i < 16; i++)
		MUST(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)),
			(const struct sockaddr *)address, sizeof(*address)));
}

static void wait_in_epoll(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	const int epoll = MUST(epoll_create1(0));

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	epoll_wait(epoll, &event, 1, -1);
}

static void wait_in_select(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	select(fd + 1, &set, NULL, NULL, NULL);
}

/* A socket that takes nothing more. */
static int full_socket(void)
{
	static const char bytes[4096];
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	while (send(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return pair[0];
}

static void splice_to(int fd)
{
	int ends[2];

	MUST(pipe(ends));
	MUST(write(ends[1], "x", 1));
	splice(ends[0], NULL, fd, NULL, 1, 0);
}

static void send_by(const char *way)
{
	char byte = 'x';
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	const int fd = full_socket();

	if (strcmp(way, "sendmsg") == 0)
		sendmsg(fd, &message, 0);
	else if (strcmp(way, "write") == 0)
		(void)!write(fd, &byte, 1);
	else if (strcmp(way, "pwritev2") == 0)
		(void)!pwritev2(fd, &part, 1, -1, 0);
	else if (strcmp(way, "splice") == 0)
		splice_to(fd);
	else if (strcmp(way, "sendfile") == 0)
		sendfile(fd, MUST(open("/proc/self/exe", O_RDONLY)), NULL, 1);
}

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";
	struct sockaddr_in address;
	const int fd = listener(&address);
	struct pollfd entries[] = {{.fd = STDIN_FILENO}, {.fd = fd, .events = POLLIN}};
	char byte;
	const struct iovec part = {.iov_base = &byte, .iov_len = 1};
	int pair[2];

	prog_begin();
	if (strcmp(way, "accept") == 0)
		accept(fd, NULL, NULL);
	else if (strcmp(way, "connect") == 0)
		connect_on(&address);
	else if (strcmp(way, "poll") == 0)
		poll(entries, 2, -1);
	else if (strcmp(way, "select") == 0)
		wait_in_select(fd);
	else if (strcmp(way, "epoll") == 0)
		wait_in_epoll(fd);
	else if (strcmp(way, "recv") == 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		recv(pair[0], &byte, 1, 0);
	else if (strcmp(way, "preadv2") == 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		(void)!preadv2(pair[0], &part, 1, -1, 0);
	else if (strcmp(way, "spin") == 0)
		for (;;)
			continue;
	else
		send_by(way);
	return 1;
}
