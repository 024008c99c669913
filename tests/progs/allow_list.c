/*
 * allow_list CALL...: a program whose seccomp filter knows what it needs, and kills it for any other
 * call. It has a listener, a connection waiting there, and a nonblocking socket before that, and
 * makes these calls: socket, connect (to where nobody listens), accept, listen, close (of what
 * accept returned, or of the nonblocking socket). It prints what it got.
 */
#include "seccomp_filter.h"

enum { CALLS_MAX = 8 };

/* Without close(2) if the program does not say that it makes it. */
static void allow(bool close_too)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 8, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 7, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_accept, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_listen, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, close_too ? SYS_close : SYS_write, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};

	ADD_FILTER(code, 0);
}

/* By nothing but write(2). */
static void say(const char *name, long result)
{
	char line[64];
	const int length = snprintf(
		line, sizeof(line), "%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");

	CHECK(write(STDOUT_FILENO, line, (size_t)length) == length);
}

static long so_error(int fd)
{
	struct pollfd entry = {.fd = fd, .events = POLLOUT};
	const struct timespec limit = {.tv_sec = PROG_SECONDS};
	socklen_t length = sizeof(errno);

	MUST(syscall(SYS_ppoll, &entry, 1, &limit, NULL, 0));
	MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &length));
	return errno ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int accepted = -1;
	bool closes = false;

	prog_begin();
	const int listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	MUST(listen(listener, CALLS_MAX));
	MUST(getsockname(listener, (struct sockaddr *)&address, &length));
	for (int i = 0; i < 2; i++)
		MUST(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (struct sockaddr *)&address,
			sizeof(address)));
	const int other = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	address.sin_port = 0;
	for (int i = 1; i < argc; i++)
		closes |= strcmp(argv[i], "close") == 0;
	allow(closes);
	for (int i = 1; i < argc; i++) {
		const char *const name = argv[i];
		long result;
		if (strcmp(name, "socket") == 0)
			result = socket(AF_INET, SOCK_STREAM, 0);
		else if (strcmp(name, "connect") == 0)
			result = connect(other, (struct sockaddr *)&address, sizeof(address));
		else if (strcmp(name, "so_error") == 0)
			result = so_error(other);
		else if (strcmp(name, "accept") == 0)
			result = accepted = (int)syscall(SYS_accept, listener, NULL, NULL);
		else if (strcmp(name, "listen") == 0)
			result = listen(listener, CALLS_MAX);
		else
			result = close(accepted < 0 ? other : accepted);
		say(name, result);
	}
	_exit(0);
}
