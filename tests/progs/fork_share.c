/* A socket shared by parent and child, closed by both in every order, or left open by one. */
#include "progs.h"

/* The child goes on when the parent closes its end of the pipe. */
static void wait_for_parent(const int pipe_fds[2])
{
	char byte;

	MUST(close(pipe_fds[1]));
	CHECK(read(pipe_fds[0], &byte, 1) == 0);
}

static void parent_first(bool child_closes)
{
	int pipe_fds[2];
	int fd = prog_socket();

	MUST(pipe(pipe_fds));
	pid_t child = MUST(fork());
	if (child == 0) {
		wait_for_parent(pipe_fds);
		if (child_closes)
			MUST(close(fd));
		_exit(0);
	}
	MUST(close(fd));
	MUST(close(pipe_fds[0]));
	MUST(close(pipe_fds[1]));
	prog_wait(child);
}

static void child_first(bool child_closes)
{
	int fd = prog_socket();
	pid_t child = MUST(fork());

	if (child == 0) {
		if (child_closes)
			MUST(close(fd));
		_exit(0);
	}
	prog_wait(child);
	MUST(close(fd));
}

int main(void)
{
	prog_begin();
	parent_first(true);
	parent_first(false);
	child_first(true);
	child_first(false);
	return 0;
}
