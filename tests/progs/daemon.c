/* Forks twice; the grandchild works with sockets when both its forebears have ended. */
#include "progs.h"

static void daemon_run(pid_t forebear)
{
	struct sockaddr_in address;

	alarm(PROG_SECONDS);
	while (kill(forebear, 0) == 0)
		usleep(1000);
	int listener = prog_listener(&address);
	int client = prog_client(&address);
	MUST(close(MUST(accept(listener, NULL, NULL))));
	MUST(close(client));
	MUST(close(listener));
	_exit(0);
}

int main(void)
{
	prog_begin();
	pid_t forebear = getpid();
	pid_t child = MUST(fork());

	if (child == 0) {
		MUST(setsid());
		if (MUST(fork()) == 0)
			daemon_run(forebear);
		_exit(0);
	}
	prog_wait(child);
	MUST(close(prog_socket()));
	return 0;
}
