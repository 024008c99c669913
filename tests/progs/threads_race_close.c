/*
 * threads_race_close [ROUNDS]: threads that close the same descriptor at once; one of them
 * succeeds.
 */
#include "progs.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4 };

static pthread_barrier_t barrier;
static atomic_int closes;
static int fd, rounds;

static void *close_run(void *unused)
{
	for (int i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		if (close(fd) == 0)
			closes++;
		pthread_barrier_wait(&barrier);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	rounds = prog_number(argc, argv, 1, 20);
	prog_begin();
	CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, close_run, NULL) == 0);
	for (int i = 0; i < rounds; i++) {
		fd = prog_socket();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(closes == rounds);
	return 0;
}
