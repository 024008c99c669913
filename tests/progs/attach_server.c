/*
 * attach_server: a server whose threads sleep in accept, read and epoll_wait, and which each
 * connection wakes one after the other before the client reads "done". Prints its port; SIGTERM
 * ends it with status 0.
 */
#include "progs.h"

#include <pthread.h>
#include <sys/epoll.h>

/* A connection goes from thread to thread by its number, through two socketpairs. */
static int listener, to_reader[2], to_poller[2];

static void pass_on(int channel, int connection)
{
	CHECK(write(channel, &connection, sizeof(connection)) == sizeof(connection));
}

static int receive(int channel)
{
	int connection;

	CHECK(read(channel, &connection, sizeof(connection)) == sizeof(connection));
	return connection;
}

static void *accept_run(void *unused)
{
	for (;;)
		pass_on(to_reader[0], MUST(accept(listener, NULL, NULL)));
	return unused;
}

static void *read_run(void *unused)
{
	for (;;)
		pass_on(to_poller[0], receive(to_reader[1]));
	return unused;
}

/* A stop ends epoll_wait with EINTR (signal(7)), and being attached to is one. */
static void *poll_run(void *unused)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = MUST(epoll_create1(EPOLL_CLOEXEC));

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, to_poller[1], &event));
	for (;;) {
		if (epoll_wait(epoll, &event, 1, -1) < 0) {
			CHECK(errno == EINTR);
			continue;
		}
		int connection = receive(to_poller[1]);
		CHECK(write(connection, "done\n", 5) == 5);
		MUST(close(connection));
	}
	return unused;
}

int main(void)
{
	static void *(*const runs[])(void *) = {accept_run, read_run, poll_run};
	struct sockaddr_in address;
	sigset_t signals;
	pthread_t thread;
	int number;

	prog_begin();
	listener = prog_listener(&address);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, to_reader));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, to_poller));
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
		CHECK(pthread_create(&thread, NULL, runs[i], NULL) == 0);
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
	CHECK(sigwait(&signals, &number) == 0);
	_exit(0);
}
