/*
 * fork_at_once N: N children wait until all are there, and then fork all at once. Each of them and
 * each grandchild closes a socket of its own, and the copy of one that all have.
 */
#include "rights.h"

static _Noreturn void child_run(int shared, const struct turn *begin)
{
	char byte;
	pid_t grandchild;

	alarm(PROG_SECONDS);
	MUST(close(begin->ends[1]));
	CHECK(read(begin->ends[0], &byte, 1) == 0);
	grandchild = MUST(fork());
	MUST(close(prog_socket()));
	MUST(close(shared));
	if (grandchild > 0)
		prog_wait(grandchild);
	_exit(0);
}

int main(int argc, char **argv)
{
	const int count = prog_number(argc, argv, 1, 200);
	const int shared = prog_socket();
	const struct turn begin = turn_new();
	int status;

	prog_begin();
	for (int i = 0; i < count; i++)
		if (MUST(fork()) == 0)
			child_run(shared, &begin);
	MUST(close(begin.ends[1]));
	for (int i = 0; i < count; i++)
		CHECK(wait(&status) > 0 && status == 0);
	MUST(close(shared));
	return 0;
}
