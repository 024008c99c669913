/* tcp_fork [N]: a server that forks for each of N connections, and a client in a child. */
#include "progs.h"

static void client_run(int listener, struct sockaddr_in *address, int connections)
{
	MUST(close(listener));
	for (int i = 0; i < connections; i++) {
		char byte;
		int fd = prog_client(address);

		CHECK(read(fd, &byte, 1) == 1);
		MUST(close(fd));
	}
	_exit(0);
}

static void serve_run(int listener, int connection)
{
	MUST(close(listener));
	CHECK(write(connection, "x", 1) == 1);
	MUST(close(connection));
	_exit(0);
}

int main(int argc, char **argv)
{
	int connections = prog_number(argc, argv, 1, 3);
	struct sockaddr_in address;

	prog_begin();
	int listener = prog_listener(&address);
	pid_t client = MUST(fork());
	if (client == 0)
		client_run(listener, &address, connections);

	for (int i = 0; i < connections; i++) {
		int connection = MUST(accept(listener, NULL, NULL));
		pid_t server = MUST(fork());

		if (server == 0)
			serve_run(listener, connection);
		prog_wait(server);
		MUST(close(connection));
	}
	prog_wait(client);
	MUST(close(listener));
	return 0;
}
