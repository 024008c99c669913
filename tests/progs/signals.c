/*
 * signals restart|eintr|timeout|stop: an accept that a signal reaches while it sleeps. The handler
 * has SA_RESTART or not, or the socket has a timeout (then no restart: signal(7)), or the signal is
 * SIGSTOP.
 */
#include "progs.h"

#include <sys/time.h>

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	(void)number;
	caught++;
}

/* The acceptor sleeps in accept again when this returns. */
static void interrupt(pid_t acceptor, bool stop)
{
	if (stop) {
		prog_stop_and_continue(acceptor);
		return;
	}
	prog_wait_asleep(acceptor);
	MUST(kill(acceptor, SIGUSR1));
	prog_wait_asleep(acceptor);
}

static _Noreturn void accept_run(int listener, bool eintr, int signals)
{
	alarm(PROG_SECONDS);
	if (eintr)
		MUST_FAIL(EINTR, accept(listener, NULL, NULL));
	MUST(close(MUST(accept(listener, NULL, NULL))));
	CHECK(caught == signals);
	MUST(close(listener));
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;

	prog_begin();
	CHECK(argc == 2);
	bool restart = strcmp(argv[1], "restart") == 0;
	bool timeout = strcmp(argv[1], "timeout") == 0;
	bool stop = strcmp(argv[1], "stop") == 0;
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = restart || timeout ? SA_RESTART : 0};

	MUST(sigaction(SIGUSR1, &action, NULL));
	int listener = prog_listener(&address);
	if (timeout) {
		struct timeval limit = {.tv_sec = PROG_SECONDS};

		MUST(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	}
	pid_t acceptor = MUST(fork());
	if (acceptor == 0)
		accept_run(listener, !restart && !stop, stop ? 0 : 1);
	interrupt(acceptor, stop);
	MUST(close(prog_client(&address)));
	prog_wait(acceptor);
	MUST(close(listener));
	return 0;
}
