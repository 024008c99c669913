/*
 * ends_open child|parent|both|killed: a process ends with a socket open that another one has too.
 * The other one closes it then, but for "both".
 */
#include "rights.h"

static void parent_last(int fd, bool killed)
{
	const struct turn never = turn_new();
	pid_t child = MUST(fork());
	int status;

	if (child == 0) {
		if (killed)
			turn_take(&never);
		_exit(0);
	}
	if (killed)
		MUST(kill(child, SIGKILL));
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(killed ? WIFSIGNALED(status) : WIFEXITED(status));
	MUST(close(fd));
}

static void child_last(int fd, bool closes)
{
	const pid_t parent = getpid();
	pid_t child = MUST(fork());

	if (child > 0)
		_exit(0);
	alarm(PROG_SECONDS);
	while (kill(parent, 0) == 0)
		usleep(1000);
	if (closes)
		MUST(close(fd));
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";

	prog_begin();
	int fd = prog_socket();
	if (strcmp(way, "child") == 0 || strcmp(way, "killed") == 0)
		parent_last(fd, *way == 'k');
	else if (strcmp(way, "parent") == 0 || strcmp(way, "both") == 0)
		child_last(fd, *way == 'p');
	else
		prog_die(way);
	return 0;
}
