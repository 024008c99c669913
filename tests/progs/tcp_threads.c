/* tcp_threads [THREADS [N]]: each thread opens, connects and closes N sockets. */
#include "progs.h"

#include <pthread.h>

static struct sockaddr_in address;
static int rounds;

static void *client_run(void *unused)
{
	for (int i = 0; i < rounds; i++)
		MUST(close(prog_client(&address)));
	return unused;
}

int main(int argc, char **argv)
{
	int threads = prog_number(argc, argv, 1, 8);

	rounds = prog_number(argc, argv, 2, 10);
	prog_begin();
	int listener = prog_listener(&address);
	pthread_t *clients = calloc((size_t)threads, sizeof(*clients));
	CHECK(clients);
	for (int i = 0; i < threads; i++)
		CHECK(pthread_create(&clients[i], NULL, client_run, NULL) == 0);
	for (int i = 0; i < threads * rounds; i++)
		MUST(close(MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC))));
	for (int i = 0; i < threads; i++)
		CHECK(pthread_join(clients[i], NULL) == 0);
	free(clients);
	MUST(close(listener));
	return 0;
}
