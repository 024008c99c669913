/* close_range(2): plain, with CLOSE_RANGE_CLOEXEC and then an exec, with CLOSE_RANGE_UNSHARE. */
#include "progs.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sys/syscall.h>

static int close_range_call(int first, int last, unsigned flags)
{
	return (int)syscall(SYS_close_range, (unsigned)first, (unsigned)last, flags);
}

static void plain(void)
{
	int first = prog_socket();
	int second = prog_socket();
	int third = prog_socket();

	MUST_FAIL(EINVAL, close_range_call(third, first, 0));
	MUST(close_range_call(first, second, 0));
	CHECK(!prog_is_open(first) && !prog_is_open(second) && prog_is_open(third));
	MUST(close_range_call(third, 1000000, 0));
	MUST(close_range_call(third, 1000000, 0));
}

static void *unshare_and_close(void *fd)
{
	MUST(close_range_call(*(int *)fd, *(int *)fd, CLOSE_RANGE_UNSHARE));
	CHECK(!prog_is_open(*(int *)fd));
	return NULL;
}

static void unshared(void)
{
	pthread_t thread;
	int fd = prog_socket();

	CHECK(pthread_create(&thread, NULL, unshare_and_close, &fd) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(prog_is_open(fd));
	MUST(close(fd));
}

int main(int argc, char **argv)
{
	prog_begin();
	if (argc > 1) {
		CHECK(!prog_is_open(atoi(argv[1])));
		return 0;
	}
	plain();
	unshared();

	char text[16];
	int fd = prog_socket();
	int copy = MUST(dup(fd));

	MUST(close_range_call(fd, copy, CLOSE_RANGE_CLOEXEC));
	CHECK(prog_is_open(fd));
	snprintf(text, sizeof(text), "%d", fd);
	MUST(execl("/proc/self/exe", argv[0], text, NULL));
}
