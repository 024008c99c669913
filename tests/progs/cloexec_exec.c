/* Sockets with and without close-on-exec, set in every way, across an exec of itself. */
#include "progs.h"

#include <sys/ioctl.h>

enum { KEPT = 4, CLOSED = 6 };

static void after_exec(void)
{
	for (int fd = 100; fd < 100 + KEPT; fd++)
		MUST(close(fd));
	for (int fd = 200; fd < 200 + CLOSED; fd++)
		CHECK(!prog_is_open(fd));
}

static void place(int fd, int at, int flags)
{
	MUST(dup3(fd, at, flags));
	MUST(close(fd));
}

static void kept(void)
{
	place(prog_socket(), 100, 0);
	place(MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), 101, 0);
	place(prog_socket(), 102, O_CLOEXEC);
	MUST(fcntl(102, F_SETFD, 0));
	place(prog_socket(), 103, O_CLOEXEC);
	MUST(ioctl(103, FIONCLEX));
}

static void closed(void)
{
	int pair[2];

	place(prog_socket(), 200, O_CLOEXEC);
	place(prog_socket(), 201, 0);
	MUST(fcntl(201, F_SETFD, FD_CLOEXEC));
	place(prog_socket(), 202, 0);
	MUST(ioctl(202, FIOCLEX));
	int fd = prog_socket();
	CHECK(MUST(fcntl(fd, F_DUPFD_CLOEXEC, 203)) == 203);
	MUST(close(fd));
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	place(pair[0], 204, O_CLOEXEC);
	place(pair[1], 205, O_CLOEXEC);
	MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

int main(int argc, char **argv)
{
	prog_begin();
	if (argc > 1) {
		after_exec();
		return 0;
	}
	kept();
	closed();
	MUST_FAIL(ENOENT, execl("/nonexistent/program", "program", NULL));
	MUST(execl("/proc/self/exe", argv[0], "after", NULL));
}
