/*
 * many_threads N [wait]: all at once, each opens a socket, and closes it when all have one. wait: all
 * wait for a signal then.
 */
#include "progs.h"

#include <pthread.h>

enum { STACK_BYTES = 64 * 1024 };

static pthread_barrier_t all_open;
static bool waits;

static void *thread_run(void *unused)
{
	const int fd = prog_socket();

	/* One of them gets it, which is negative. */
	/* NOLINTNEXTLINE(bugprone-posix-return) */
	if (pthread_barrier_wait(&all_open) == PTHREAD_BARRIER_SERIAL_THREAD && waits) {
		puts("ready");
		fflush(stdout);
	}
	if (waits)
		pause();
	MUST(close(fd));
	return unused;
}

int main(int argc, char **argv)
{
	const int count = prog_number(argc, argv, 1, 2000);
	pthread_t *const threads = calloc((size_t)count, sizeof(*threads));
	pthread_attr_t attributes;

	prog_begin();
	waits = argc > 2;
	CHECK(threads);
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	CHECK(pthread_barrier_init(&all_open, NULL, (unsigned)count) == 0);
	for (int i = 0; i < count; i++)
		CHECK(pthread_create(&threads[i], &attributes, thread_run, NULL) == 0);
	for (int i = 0; i < count; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	pthread_attr_destroy(&attributes);
	free(threads);
	return 0;
}
