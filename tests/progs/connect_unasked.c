/*
 * connect_unasked close_range|exec|exit|reset: a connect is done, which the program has not asked
 * for.
 */
#include "progs.h"

static int listener;

static int pending_connect(int flags)
{
	struct sockaddr_in address;
	struct pollfd pollfd = {.events = POLLOUT};

	listener = prog_listener(&address);
	pollfd.fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | flags, 0));
	MUST_FAIL(EINPROGRESS, prog_connect(pollfd.fd, &address));
	CHECK(poll(&pollfd, 1, -1) == 1);
	return pollfd.fd;
}

/* A child lets go of it; then the connection is reset, which the program is told. */
static void reset(int fd)
{
	struct pollfd pollfd = {.fd = fd};
	int error = 0, status;
	socklen_t length = sizeof(error);
	const pid_t child = MUST(fork());

	if (child == 0) {
		MUST(close(fd));
		_exit(0);
	}
	MUST(waitpid(child, &status, 0));
	MUST(close(listener));
	CHECK(poll(&pollfd, 1, -1) == 1);
	MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	CHECK(error == ECONNRESET);
}

int main(int argc, char **argv)
{
	const char *const how = argc > 1 ? argv[1] : "";

	prog_begin();
	if (strcmp(how, "close_range") == 0) {
		const int fd = pending_connect(0);
		MUST(dup2(fd, fd + 1));
		MUST(close_range((unsigned)fd, (unsigned)fd + 1, 0));
	} else if (strcmp(how, "exec") == 0) {
		(void)pending_connect(SOCK_CLOEXEC);
		MUST(execl(argv[0], argv[0], "executed", NULL));
	} else if (strcmp(how, "exit") == 0) {
		MUST(dup(pending_connect(0)));
	} else if (strcmp(how, "reset") == 0) {
		reset(pending_connect(0));
	} else {
		CHECK(strcmp(how, "executed") == 0);
	}
	return 0;
}
