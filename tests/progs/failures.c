/* Every call that can fail, failing; on what is no socket too. */
#include "progs.h"

#include <sys/un.h>

static void socket_failures(void)
{
	MUST_FAIL(EAFNOSUPPORT, socket(250, SOCK_STREAM, 0));
	MUST_FAIL(EINVAL, socket(AF_INET, 15, 0));
	MUST_FAIL(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	MUST_FAIL(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_STREAM, 77));
}

static void tcp_failures(void)
{
	struct sockaddr_in refusing;
	int bound = prog_bound(&refusing);
	int fd = prog_socket();

	MUST_FAIL(ECONNREFUSED, prog_connect(fd, &refusing));
	MUST_FAIL(EINVAL, accept(bound, NULL, NULL));
	MUST_FAIL(EINVAL, accept4(bound, NULL, NULL, 1));
	MUST_FAIL(EFAULT, connect(fd, (struct sockaddr *)8, sizeof(refusing)));
	MUST_FAIL(EINVAL, connect(fd, prog_sockaddr(&refusing), 4));
	MUST(close(fd));
	MUST(close(bound));
}

static void unix_failures(void)
{
	struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
	int dgram = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	int stream = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	MUST_FAIL(EOPNOTSUPP, listen(dgram, 1));
	MUST_FAIL(EOPNOTSUPP, accept(dgram, NULL, NULL));
	MUST_FAIL(EINVAL, listen(stream, 1));
	MUST_FAIL(ENOENT, connect(stream, (struct sockaddr *)&nowhere, sizeof(nowhere)));
	MUST(close(stream));
	MUST(close(dgram));
}

static void no_socket(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int file = MUST(open("/dev/null", O_RDONLY));

	MUST_FAIL(ENOTSOCK, prog_connect(file, &address));
	MUST_FAIL(ENOTSOCK, listen(file, 1));
	MUST_FAIL(ENOTSOCK, accept(file, NULL, NULL));
	MUST(close(file));
	MUST_FAIL(EBADF, close(file));
	MUST_FAIL(EBADF, close(-1));
	MUST_FAIL(EBADF, prog_connect(file, &address));
	MUST_FAIL(EBADF, listen(file, 1));
	MUST_FAIL(EBADF, accept(file, NULL, NULL));
}

int main(void)
{
	prog_begin();
	socket_failures();
	tcp_failures();
	unix_failures();
	no_socket();
	return 0;
}
