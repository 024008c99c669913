/*
 * connect_mptcp pending|refused|reset|done: a nonblocking connect of an MPTCP socket, which the
 * program does not ask how it ended. "pending": the listener has no room for it. Without an
 * argument: whether there is MPTCP at all.
 */
#include "progs.h"

static void await_end(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

	CHECK(poll(&pollfd, 1, -1) == 1);
}

static void reset(int listener, int fd)
{
	const struct linger at_once = {.l_onoff = 1};
	struct pollfd pollfd = {.fd = fd, .events = POLLRDHUP};
	const int server = MUST(accept(listener, NULL, NULL));

	MUST(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	MUST(close(server));
	CHECK(poll(&pollfd, 1, -1) == 1);
}

int main(int argc, char **argv)
{
	const char *const how = argc > 1 ? argv[1] : "";
	struct sockaddr_in address;

	prog_begin();
	const int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_MPTCP));
	if (!*how)
		return 0;
	const int listener = prog_listener(&address);
	if (strcmp(how, "pending") == 0)
		prog_fill_backlog(listener, &address);
	else if (strcmp(how, "refused") == 0)
		MUST(close(listener));
	MUST_FAIL(EINPROGRESS, prog_connect(fd, &address));
	if (strcmp(how, "pending") != 0)
		await_end(fd);
	if (strcmp(how, "reset") == 0)
		reset(listener, fd);
	MUST(close(fd));
	return 0;
}
