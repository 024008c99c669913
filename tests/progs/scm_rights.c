/*
 * A connected socket is passed to a child over SCM_RIGHTS, twice: the sender closes its own copy
 * after the child took it, then before.
 */
#include "rights.h"

static void wait_for_byte(int fd)
{
	char byte;

	CHECK(read(fd, &byte, 1) == 1);
}

static void child_run(int channel, int closed_by_sender)
{
	int fd = rights_receive(channel);

	CHECK(write(channel, "t", 1) == 1);
	wait_for_byte(closed_by_sender);
	CHECK(write(fd, "1", 1) == 1);
	MUST(close(fd));

	wait_for_byte(closed_by_sender);
	fd = rights_receive(channel);
	CHECK(write(fd, "2", 1) == 1);
	MUST(close(fd));
	MUST(close(channel));
	_exit(0);
}

/* Returns the server's side of the connection whose other side the child now has alone. */
static int pass_client(
	int listener, struct sockaddr_in *address, int channel, bool wait_until_taken)
{
	int client = prog_client(address);
	int server = MUST(accept(listener, NULL, NULL));

	rights_send(channel, client);
	if (wait_until_taken)
		wait_for_byte(channel);
	MUST(close(client));
	return server;
}

int main(void)
{
	struct sockaddr_in address;
	int channel[2], closed_by_sender[2];

	prog_begin();
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	MUST(pipe(closed_by_sender));
	pid_t child = MUST(fork());
	if (child == 0) {
		MUST(close(channel[0]));
		child_run(channel[1], closed_by_sender[0]);
	}
	MUST(close(channel[1]));
	int listener = prog_listener(&address);

	for (int round = 1; round <= 2; round++) {
		int server = pass_client(listener, &address, channel[0], round == 1);
		char byte;

		CHECK(write(closed_by_sender[1], "c", 1) == 1);
		CHECK(read(server, &byte, 1) == 1 && byte == '0' + round);
		MUST(close(server));
	}
	prog_wait(child);
	MUST(close(channel[0]));
	MUST(close(listener));
	return 0;
}
