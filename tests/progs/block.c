/* block accept|connect|recv|poll|select|epoll|spin: blocks for good in that call on a socket. */
#include "progs.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/select.h>

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

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";
	struct sockaddr_in address;
	const int fd = listener(&address);
	struct pollfd entries[] = {{.fd = STDIN_FILENO}, {.fd = fd, .events = POLLIN}};
	char byte;
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
	else if (strcmp(way, "spin") == 0)
		for (;;)
			continue;
	return 1;
}
