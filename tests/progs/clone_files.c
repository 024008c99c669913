/*
 * clone_files [clone3]: a process that shares its parent's descriptor table (CLONE_FILES), but not
 * its memory.
 */
#include "progs.h"

#include <linux/sched.h>
#include <sys/syscall.h>

enum { CHILD_SOCKET = 50 };

static pid_t make_child(bool by_clone3)
{
	const struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};

	if (by_clone3)
		return (pid_t)MUST(syscall(SYS_clone3, &args, sizeof(args)));
	return (pid_t)MUST(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
}

int main(int argc, char **argv)
{
	prog_begin();
	int closed_by_child = prog_socket();
	int kept = prog_socket();
	pid_t child = make_child(argc > 1 && strcmp(argv[1], "clone3") == 0);

	if (child == 0) {
		int fd = prog_socket();

		CHECK(dup2(fd, CHILD_SOCKET) == CHILD_SOCKET);
		MUST(close(fd));
		MUST(close(closed_by_child));
		_exit(0);
	}
	prog_wait(child);
	CHECK(!prog_is_open(closed_by_child));
	MUST(close(CHILD_SOCKET));
	MUST(close(kept));
	return 0;
}
