/*
 * parent_death FILE: a grandchild is sent a signal when its parent ends (PR_SET_PDEATHSIG), closes
 * its socket, opens another, and says so in FILE.
 */
#include "rights.h"

#include <sys/prctl.h>

static _Noreturn void await_death(const struct turn *ready, const char *path)
{
	sigset_t signals;
	int came;
	const int fd = prog_socket();

	alarm(PROG_SECONDS);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &signals, NULL));
	MUST(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	turn_give(ready);
	CHECK(sigwait(&signals, &came) == 0 && came == SIGUSR1);
	MUST(close(fd));
	MUST(close(prog_socket()));
	MUST(close(MUST(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666))));
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct turn ready = turn_new();

	prog_begin();
	CHECK(argc == 2);
	const pid_t child = MUST(fork());
	if (child == 0) {
		alarm(PROG_SECONDS);
		if (MUST(fork()) == 0)
			await_death(&ready, argv[1]);
		turn_take(&ready);
		_exit(0);
	}
	prog_wait(child);
	while (access(argv[1], F_OK) < 0)
		usleep(1000);
	return 0;
}
