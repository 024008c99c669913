/* Connects that are first EINPROGRESS, and every way to learn how they ended. */
#include "progs.h"

static int connect_begin(struct sockaddr_in *address)
{
	struct pollfd ready = {.events = POLLOUT};

	ready.fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
	MUST_FAIL(EINPROGRESS, prog_connect(ready.fd, address));
	CHECK(poll(&ready, 1, -1) == 1);
	return ready.fd;
}

static int so_error(int fd)
{
	int error = -1;
	socklen_t length = sizeof(error);

	MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	return error;
}

int main(void)
{
	struct sockaddr_in listening, refusing;

	prog_begin();
	int listener = prog_listener(&listening);
	int bound = prog_bound(&refusing);

	int by_option = connect_begin(&listening);
	CHECK(so_error(by_option) == 0);
	CHECK(so_error(by_option) == 0);
	MUST(prog_connect(by_option, &listening));

	int by_call = connect_begin(&listening);
	MUST(prog_connect(by_call, &listening));
	MUST_FAIL(EISCONN, prog_connect(by_call, &listening));

	int refused_option = connect_begin(&refusing);
	CHECK(so_error(refused_option) == ECONNREFUSED);
	CHECK(so_error(refused_option) == 0);

	int refused_call = connect_begin(&refusing);
	MUST_FAIL(ECONNREFUSED, prog_connect(refused_call, &refusing));

	int blocking = prog_socket();
	MUST_FAIL(ECONNREFUSED, prog_connect(blocking, &refusing));

	MUST(close(blocking));
	MUST(close(refused_call));
	MUST(close(refused_option));
	MUST(close(by_call));
	MUST(close(by_option));
	MUST(close(bound));
	MUST(close(listener));
	return 0;
}
