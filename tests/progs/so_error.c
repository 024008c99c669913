/*
 * so_error HOW: a nonblocking connect of an IPv6 socket to 127.0.0.1, of which SO_ERROR is 0 though it is
 * not done.
 *
 *   early      SO_ERROR is read before the connect has ended; then it is refused, which SO_ERROR says
 *   undecided  it is read so early, a second connect says EALREADY, and that is all
 *   late       the connect was refused, which a send was told
 *   dissolved  the same, but the socket is disconnected in place of both (connect(2), AF_UNSPEC)
 *   twice      a connection, dissolved, and once more, with SO_ERROR before that
 */
#include "progs.h"

static struct sockaddr_in6 mapped(const struct sockaddr_in *address)
{
	struct sockaddr_in6 result = {.sin6_family = AF_INET6, .sin6_port = address->sin_port};

	result.sin6_addr.s6_addr[10] = result.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&result.sin6_addr.s6_addr[12], &address->sin_addr, sizeof(address->sin_addr));
	return result;
}

static int connect_to(int fd, const struct sockaddr_in *address)
{
	const struct sockaddr_in6 to = mapped(address);

	return connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

static void dissolve(int fd)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	MUST(connect(fd, &nowhere, sizeof(nowhere)));
}

static void await_end(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

	CHECK(poll(&pollfd, 1, -1) == 1);
}

static void check_so_error(int fd, int expected)
{
	int error = -1;
	socklen_t length = sizeof(error);

	MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	CHECK(error == expected);
}

static void read_early(int fd, const struct sockaddr_in *address, int listener, bool refused)
{
	check_so_error(fd, 0);
	if (refused) {
		MUST(close(listener)); /* the SYN that is sent a second later is refused */
		await_end(fd);
		check_so_error(fd, ECONNREFUSED);
	} else {
		MUST_FAIL(EALREADY, connect_to(fd, address));
		check_so_error(fd, 0);
	}
}

static void dissolve_twice(int fd, const struct sockaddr_in *address)
{
	for (int i = 0; i < 2; i++) {
		if (i > 0)
			MUST_FAIL(EINPROGRESS, connect_to(fd, address));
		await_end(fd);
		check_so_error(fd, 0);
		dissolve(fd);
	}
}

int main(int argc, char **argv)
{
	const char *const how = argc > 1 ? argv[1] : "";
	const bool early = strcmp(how, "early") == 0, undecided = strcmp(how, "undecided") == 0;
	const bool twice = strcmp(how, "twice") == 0;
	struct sockaddr_in address;

	prog_begin();
	const int listener = prog_listener(&address);
	const int fd = MUST(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
	if (early || undecided)
		prog_fill_backlog(listener, &address);
	else if (!twice)
		MUST(close(listener));
	MUST_FAIL(EINPROGRESS, connect_to(fd, &address));
	if (early || undecided) {
		read_early(fd, &address, listener, early);
	} else if (twice) {
		dissolve_twice(fd, &address);
	} else {
		await_end(fd);
		if (strcmp(how, "late") == 0) {
			MUST_FAIL(ECONNREFUSED, send(fd, "x", 1, MSG_NOSIGNAL));
			check_so_error(fd, 0);
		} else {
			CHECK(strcmp(how, "dissolved") == 0);
			dissolve(fd);
		}
	}
	MUST(close(fd));
	return 0;
}
