/* Ends with open sockets of several kinds and states. */
#include "progs.h"

/*
 * With a backlog of 0 one connection may wait; the next SYN is dropped, so its connect stays
 * undecided.
 */
static void leak_connecting(void)
{
	struct sockaddr_in address;
	int listener = prog_bound(&address);

	MUST(listen(listener, 0));
	prog_client(&address);
	int connecting = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	MUST_FAIL(EINPROGRESS, prog_connect(connecting, &address));
	MUST_FAIL(EALREADY, prog_connect(connecting, &address));
}

int main(void)
{
	struct sockaddr_in address;
	int pair[2];

	prog_begin();
	int listener = prog_listener(&address);
	prog_client(&address);
	MUST(accept(listener, NULL, NULL));
	leak_connecting();
	MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	return 0;
}
