/* One socket under many descriptors, and sockets that dup2 and dup3 push out. */
#include "progs.h"

static void original_closed_first(void)
{
	int fd = prog_socket();
	int copy = MUST(dup(fd));

	MUST(close(fd));
	MUST(close(copy));
}

static void every_form(void)
{
	int fd = prog_socket();
	int pushed_out = prog_socket();
	int copies[5];

	copies[0] = MUST(dup(fd));
	copies[1] = MUST(dup2(fd, pushed_out));
	copies[2] = MUST(dup3(fd, 100, O_CLOEXEC));
	copies[3] = MUST(fcntl(fd, F_DUPFD, 200));
	copies[4] = MUST(fcntl(fd, F_DUPFD_CLOEXEC, 200));
	CHECK(copies[1] == pushed_out && copies[2] == 100 && copies[3] == 200 && copies[4] == 201);
	CHECK(dup2(fd, fd) == fd);
	for (int i = 0; i < 5; i++)
		MUST(close(copies[i]));
	MUST(close(fd));
}

static void pushed_out_by_a_file(void)
{
	int file = MUST(open("/dev/null", O_RDONLY));
	int fd = prog_socket();
	int other = prog_socket();

	CHECK(dup2(file, fd) == fd);
	CHECK(dup3(file, other, 0) == other);
	MUST(close(other));
	MUST(close(fd));
	MUST(close(file));
}

static void failing_forms(void)
{
	int fd = prog_socket();

	MUST_FAIL(EBADF, dup2(999, fd));
	MUST_FAIL(EBADF, dup2(fd, -1));
	MUST_FAIL(EINVAL, dup3(fd, fd, 0));
	MUST_FAIL(EINVAL, fcntl(fd, F_DUPFD, -1));
	CHECK(prog_is_open(fd));
	MUST(close(fd));
}

int main(void)
{
	prog_begin();
	original_closed_first();
	every_form();
	pushed_out_by_a_file();
	failing_forms();
	return 0;
}
