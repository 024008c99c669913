/* inherit close|keep|exec: its stdin is a socket that somebody else opened. */
#include "progs.h"

int main(int argc, char **argv)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	const char *mode = argc > 1 ? argv[1] : "close";

	prog_begin();
	MUST(getpeername(STDIN_FILENO, prog_sockaddr(&peer), &length));
	if (strcmp(mode, "exec") == 0) {
		MUST(fcntl(STDIN_FILENO, F_SETFD, FD_CLOEXEC));
		MUST(execl("/bin/true", "true", NULL));
	}
	if (strcmp(mode, "close") == 0)
		MUST(close(STDIN_FILENO));
	return 0;
}
