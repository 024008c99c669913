/*
 * kill_children N [keep]: kills children that open and close sockets as fast as they can, or keep
 * those that they open, each a little later than before.
 */
#include "rights.h"

enum { KEPT_MAX = 200 };

static _Noreturn void child_run(const struct turn *begun, bool keeps)
{
	alarm(PROG_SECONDS);
	turn_give(begun);
	for (int opened = 0;;) {
		if (!keeps)
			MUST(close(prog_socket()));
		else if (opened++ < KEPT_MAX)
			prog_socket();
		else
			pause();
	}
}

int main(int argc, char **argv)
{
	const int count = prog_number(argc, argv, 1, 50);

	prog_begin();
	for (int i = 0; i < count; i++) {
		const struct turn begun = turn_new();
		const pid_t child = MUST(fork());
		int status = 0;

		if (child == 0)
			child_run(&begun, argc > 2);
		turn_take(&begun);
		usleep((useconds_t)(i % 10) * 100);
		MUST(kill(child, SIGKILL));
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		MUST(close(begun.ends[0]));
		MUST(close(begun.ends[1]));
	}
	return 0;
}
