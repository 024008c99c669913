/*
 * failed_connect refuse|serve: nonblocking connects to a port of 127.0.0.1 where nobody listens, or
 * somebody does; prints everything that shows that one failed, and what can be done with its socket
 * afterwards. A server at 127.0.0.2 takes the connects that follow.
 */
#include "progs.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/select.h>

static struct sockaddr_in target, other;

/* In an address that a filter does not name. */
static void listen_elsewhere(void)
{
	socklen_t length = sizeof(other);
	const int fd = prog_socket();

	other = (struct sockaddr_in){.sin_family = AF_INET};
	CHECK(inet_pton(AF_INET, "127.0.0.2", &other.sin_addr) == 1);
	MUST(bind(fd, prog_sockaddr(&other), length));
	MUST(getsockname(fd, prog_sockaddr(&other), &length));
	MUST(listen(fd, 16));
}

static int begin_connect(void)
{
	const int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	MUST_FAIL(EINPROGRESS, prog_connect(fd, &target));
	return fd;
}

static void print_so_error(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);

	MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	printf(" so_error %s", error ? strerrorname_np(error) : "0");
}

static void print_connect(int fd, struct sockaddr_in *address)
{
	printf(" connect %s", prog_connect(fd, address) < 0 ? strerrorname_np(errno) : "connected");
}

static void print_names(int fd)
{
	struct sockaddr_in name = {0};
	socklen_t length = sizeof(name);

	MUST(getsockname(fd, prog_sockaddr(&name), &length));
	printf(" local %s", name.sin_port ? inet_ntoa(name.sin_addr) : "none");
	MUST_FAIL(ENOTCONN, getpeername(fd, prog_sockaddr(&name), &length));
}

static void by_poll(void)
{
	struct pollfd ready = {.fd = begin_connect(), .events = 0xfff | POLLRDHUP};

	CHECK(poll(&ready, 1, -1) == 1);
	printf("poll %#x", (unsigned)ready.revents);
	print_so_error(ready.fd);
	CHECK(poll(&ready, 1, 0) == 1);
	printf(" then %#x", (unsigned)ready.revents);
	print_so_error(ready.fd);
	print_names(ready.fd);
	/* connect(2) is told of the failure once more, and then the socket can be used again. */
	print_connect(ready.fd, &other);
	MUST(fcntl(ready.fd, F_SETFL, 0));
	print_connect(ready.fd, &other);
	puts("");
	MUST(close(ready.fd));
}

static void by_select(void)
{
	const int fd = begin_connect();
	fd_set sets[3];

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&sets[i]);
		FD_SET(fd, &sets[i]);
	}
	MUST(select(fd + 1, &sets[0], &sets[1], &sets[2], NULL));
	printf("select %d%d%d", FD_ISSET(fd, &sets[0]), FD_ISSET(fd, &sets[1]),
		FD_ISSET(fd, &sets[2]));
	print_so_error(fd);
	puts("");
	MUST(close(fd));
}

/* The socket is watched from before the connect on: only a change wakes. */
static void by_edge(void)
{
	const int epoll = MUST(epoll_create1(EPOLL_CLOEXEC));
	const int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	CHECK(epoll_wait(epoll, &event, 1, 0) == 1);
	CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
	MUST_FAIL(EINPROGRESS, prog_connect(fd, &target));
	CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
	printf("edge %#x", event.events);
	print_so_error(fd);
	puts("");
	MUST(close(fd));
	MUST(close(epoll));
}

static void by_connect(void)
{
	struct pollfd ready = {.fd = begin_connect(), .events = POLLOUT};

	CHECK(poll(&ready, 1, -1) == 1);
	fputs("again", stdout);
	print_connect(ready.fd, &target);
	print_so_error(ready.fd);
	MUST(fcntl(ready.fd, F_SETFL, 0));
	print_connect(ready.fd, &other);
	puts("");
	MUST(close(ready.fd));
}

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc == 2);
	if (strcmp(argv[1], "refuse") == 0)
		prog_bound(&target);
	else
		prog_listener(&target);
	listen_elsewhere();
	by_poll();
	by_select();
	by_edge();
	by_connect();
	return 0;
}
