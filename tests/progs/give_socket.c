/* give_socket COMMAND [ARG...]: runs the command with a connected TCP socket as its stdin. */
#include "progs.h"

int main(int argc, char **argv)
{
	struct sockaddr_in address;

	CHECK(argc > 1);
	int listener = prog_listener(&address);
	int client = prog_client(&address);
	int server = MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC));

	MUST(dup2(client, STDIN_FILENO));
	MUST(close(client));
	MUST(close(listener));
	MUST(fcntl(server, F_SETFD, FD_CLOEXEC));
	execvp(argv[1], argv + 1);
	prog_die("execvp");
}
