/*
 * Survives SIGTERM and runs away from SIGKILL: the first process waits, and each of 16 children
 * forks a child and ends, which forks a child and ends, and so on, until a minute is over.
 */
#include "progs.h"

#include <sys/prctl.h>
#include <time.h>

static _Noreturn void run_away(time_t until)
{
	while (time(NULL) < until)
		if (fork() != 0)
			_exit(0);
	_exit(0);
}

int main(void)
{
	const time_t until = time(NULL) + PROG_SECONDS;

	signal(SIGTERM, SIG_IGN);
	/* Nobody has to wait for those that have ended. */
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 16; i++)
		if (fork() == 0)
			run_away(until);
	sleep(PROG_SECONDS);
	return 0;
}
