/* EAGAIN from accept: twice before a connection, once after it. */
#include "progs.h"

int main(void)
{
	struct sockaddr_in address;

	prog_begin();
	int listener = prog_listener(&address);
	MUST(fcntl(listener, F_SETFL, O_NONBLOCK));
	MUST_FAIL(EAGAIN, accept(listener, NULL, NULL));
	MUST_FAIL(EAGAIN, accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	int client = prog_client(&address);
	int server = MUST(accept(listener, NULL, NULL));
	MUST_FAIL(EAGAIN, accept(listener, NULL, NULL));
	MUST(close(server));
	MUST(close(client));
	MUST(close(listener));
	return 0;
}
