/* Every socket call by its own number: glibc makes them by socketcall(2) on i386. */
#include "progs.h"

#include <sys/syscall.h>

static int accept_one(int listener)
{
	return MUST(syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC));
}

static void inet(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address), error_length = sizeof(int);
	struct pollfd ready = {.events = POLLOUT};
	int error = -1;

	int listener = MUST(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
	MUST(syscall(SYS_bind, listener, &address, length));
	MUST(syscall(SYS_getsockname, listener, &address, &length));
	MUST(syscall(SYS_listen, listener, 8));

	ready.fd = MUST(syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP));
	MUST_FAIL(EINPROGRESS, syscall(SYS_connect, ready.fd, &address, length));
	CHECK(poll(&ready, 1, -1) == 1);
	MUST(syscall(SYS_getsockopt, ready.fd, SOL_SOCKET, SO_ERROR, &error, &error_length));
	CHECK(error == 0);
	MUST(close(accept_one(listener)));
	MUST(syscall(SYS_connect, ready.fd, &address, length));
	MUST_FAIL(EISCONN, syscall(SYS_connect, ready.fd, &address, length));
	MUST(close(ready.fd));
	MUST(close(listener));
}

static void pair(void)
{
	int ends[2];

	MUST(syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET, 0, ends));
	MUST_FAIL(EINVAL, syscall(SYS_listen, ends[0], 1));
	MUST(close(ends[0]));
	MUST(close(ends[1]));
}

int main(void)
{
	prog_begin();
	inet();
	pair();
	return 0;
}
