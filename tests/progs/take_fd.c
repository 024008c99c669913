/*
 * take_fd child|left|PID: takes a socket of another process with pidfd_getfd(2), and closes it. It
 * is a child's, which closes it before that or ends without closing it, or that of process PID, and
 * there always descriptor 100. A process that has it waits for SIGTERM: "take_fd hold".
 */
#include "rights.h"

#include <sys/syscall.h>

enum { HELD = 100 };

static int take(pid_t pid)
{
	int pidfd = MUST(syscall(SYS_pidfd_open, pid, 0));
	int fd = MUST(syscall(SYS_pidfd_getfd, pidfd, HELD, 0));

	MUST(close(pidfd));
	return fd;
}

static void hold(void)
{
	int fd = prog_socket();

	MUST(dup2(fd, HELD));
	MUST(close(fd));
}

static void take_from_child(bool child_closes)
{
	const struct turn ready = turn_new(), taken = turn_new();
	pid_t child = MUST(fork());

	if (child == 0) {
		hold();
		turn_give(&ready);
		turn_take(&taken);
		if (child_closes)
			MUST(close(HELD));
		_exit(0);
	}
	turn_take(&ready);
	int fd = take(child);
	turn_give(&taken);
	prog_wait(child);
	MUST(close(fd));
}

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";

	prog_begin();
	if (strcmp(way, "hold") == 0) {
		hold();
		puts("held");
		fflush(stdout);
		pause();
	} else if (strcmp(way, "child") == 0 || strcmp(way, "left") == 0) {
		take_from_child(*way == 'c');
	} else {
		MUST(close(take(atoi(way))));
	}
	return 0;
}
