/*
 * vfork_wait FIFO: has a socket, prints "ready", and waits in vfork(2), which is not interrupted,
 * until the child has read the fifo to the end. Prints "done".
 */
#include "progs.h"

int main(int argc, char **argv)
{
	char byte;

	prog_begin();
	CHECK(argc == 2);
	int socket = prog_socket();
	puts("ready");
	fflush(stdout);
	pid_t child = vfork();
	if (child == 0) {
		/* NOLINTBEGIN(clang-analyzer-unix.Vfork) */
		int fifo = open(argv[1], O_RDONLY);
		while (read(fifo, &byte, 1) > 0)
			;
		/* NOLINTEND(clang-analyzer-unix.Vfork) */
		_exit(0);
	}
	CHECK(child > 0);
	CHECK(waitpid(child, NULL, 0) == child);
	MUST(close(socket));
	puts("done");
	return 0;
}
