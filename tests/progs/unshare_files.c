/* A thread that leaves the descriptor table with unshare(CLONE_FILES). */
#include "progs.h"

#include <pthread.h>
#include <sched.h>

static int closed_twice, left_to_thread, closed_by_main_last;
static pthread_barrier_t barrier;

static void *thread_run(void *unused)
{
	MUST(unshare(CLONE_FILES));
	pthread_barrier_wait(&barrier);
	MUST(close(closed_twice));
	MUST(close(closed_by_main_last));
	MUST(close(prog_socket()));
	pthread_barrier_wait(&barrier);
	return unused;
}

int main(void)
{
	pthread_t thread;

	prog_begin();
	closed_twice = prog_socket();
	left_to_thread = prog_socket();
	closed_by_main_last = prog_socket();
	CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
	CHECK(pthread_create(&thread, NULL, thread_run, NULL) == 0);
	pthread_barrier_wait(&barrier);
	MUST(close(closed_twice));
	MUST(close(left_to_thread));
	pthread_barrier_wait(&barrier);
	CHECK(pthread_join(thread, NULL) == 0);
	MUST(close(closed_by_main_last));
	return 0;
}
