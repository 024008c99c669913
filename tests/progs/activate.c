/*
 * activate COMMAND [ARG...]: runs the command with a listening TCP socket as descriptor 3, as
 * systemd does (sd_listen_fds(3)). "activate -" is such a command: it serves one connection of its
 * own, and closes all.
 */
#include "progs.h"

enum { LISTEN_FDS_START = 3 };

static void serve(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	const char *const count = getenv("LISTEN_FDS");

	CHECK(count && strcmp(count, "1") == 0);
	MUST(getsockname(LISTEN_FDS_START, prog_sockaddr(&address), &length));
	int client = prog_client(&address);
	MUST(close(MUST(accept(LISTEN_FDS_START, NULL, NULL))));
	MUST(close(client));
	MUST(close(LISTEN_FDS_START));
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;

	prog_begin();
	CHECK(argc > 1);
	if (strcmp(argv[1], "-") == 0) {
		serve();
		return 0;
	}
	int listener = prog_listener(&address);
	if (listener != LISTEN_FDS_START) {
		MUST(dup2(listener, LISTEN_FDS_START));
		MUST(close(listener));
	}
	MUST(setenv("LISTEN_FDS", "1", 1));
	execvp(argv[1], argv + 1);
	prog_die("execvp");
}
