/* vfork and exec of itself: the child inherits one socket, and opens one of its own. */
#include "progs.h"

static int child_run(int inherited, int closed)
{
	CHECK(!prog_is_open(closed));
	MUST(close(inherited));
	MUST(close(prog_socket()));
	return 0;
}

int main(int argc, char **argv)
{
	char inherited_text[16], closed_text[16];
	int status;

	prog_begin();
	if (argc > 2)
		return child_run(atoi(argv[1]), atoi(argv[2]));

	int inherited = prog_socket();
	int closed = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	snprintf(inherited_text, sizeof(inherited_text), "%d", inherited);
	snprintf(closed_text, sizeof(closed_text), "%d", closed);
	pid_t child = vfork();
	if (child == 0) {
		execl("/proc/self/exe", "vfork_exec", inherited_text, closed_text, NULL);
		_exit(127);
	}
	CHECK(child > 0);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0);
	MUST(close(inherited));
	MUST(close(closed));
	return 0;
}
