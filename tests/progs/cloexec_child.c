/*
 * Sockets made close-on-exec in every way; a child executes a program and so loses them all, but
 * its parent still has them and closes them.
 */
#include "progs.h"

#include <sys/ioctl.h>

static void executed(int last)
{
	for (int fd = STDERR_FILENO + 1; fd <= last; fd++)
		CHECK(!prog_is_open(fd));
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	char text[16];

	prog_begin();
	if (argc > 1) {
		executed(atoi(argv[1]));
		return 0;
	}
	const int listener = prog_listener(&address);
	const int client = prog_client(&address);
	const int server = MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	const int fifth = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	MUST(fcntl(listener, F_SETFD, FD_CLOEXEC));
	MUST(ioctl(client, FIOCLEX));
	pid_t child = MUST(fork());
	if (child == 0) {
		snprintf(text, sizeof(text), "%d", fifth);
		MUST(execl("/proc/self/exe", argv[0], text, NULL));
	}
	prog_wait(child);
	MUST(close(server));
	MUST(close(client));
	MUST(close(listener));
	MUST(close(fifth));
	return 0;
}
