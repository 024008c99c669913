/* What the small traced programs share: each ends with status 0, or says on stderr what failed. */
#ifndef SOCKTEST_TESTS_PROGS_H
#define SOCKTEST_TESTS_PROGS_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/libc.h"

/*
 * A hang ends by SIGALRM; alarm(2) outlives an exec but not a fork. Slow machines name another LIMIT
 * (tests/helpers.bash).
 */
enum { PROG_SECONDS = 60 };

/* For a call that has to succeed. */
#define MUST(call) prog_must((call), #call)

/* For a call that has to fail with this errno. */
#define MUST_FAIL(error, call) prog_must_fail((error), (call), #call)

/* For anything else that has to be true. */
#define CHECK(condition) ((condition) ? (void)0 : prog_die("not true: " #condition))

static inline _Noreturn void prog_die(const char *text)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
	_exit(1);
}

static inline int prog_must(long result, const char *text)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, text,
			strerror(errno));
		_exit(1);
	}
	return (int)result;
}

static inline void prog_must_fail(int error, long result, const char *text)
{
	if (result >= 0 || errno != error) {
		fprintf(stderr, "%s: %s: result %ld, %s instead of %s\n",
			program_invocation_short_name, text, result,
			result >= 0 ? "success" : strerrorname_np(errno), strerrorname_np(error));
		_exit(1);
	}
}

static inline void prog_begin(void)
{
	const char *const limit = getenv("LIMIT");

	alarm(limit ? (unsigned)atoi(limit) : PROG_SECONDS);
}

/* argv[index] as a number, or what it is by default. */
static inline int prog_number(int argc, char **argv, int index, int by_default)
{
	return argc > index ? atoi(argv[index]) : by_default;
}

static inline struct sockaddr *prog_sockaddr(struct sockaddr_in *address)
{
	return (struct sockaddr *)address;
}

static inline int prog_connect(int fd, struct sockaddr_in *address)
{
	return connect(fd, prog_sockaddr(address), sizeof(*address));
}

/* A TCP socket bound to a free port of 127.0.0.1, which refuses connections until it listens. */
static inline int prog_bound(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	MUST(bind(fd, prog_sockaddr(address), length));
	MUST(getsockname(fd, prog_sockaddr(address), &length));
	return fd;
}

static inline int prog_listener(struct sockaddr_in *address)
{
	int fd = prog_bound(address);

	MUST(listen(fd, 128));
	return fd;
}

static inline int prog_client(struct sockaddr_in *address)
{
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	MUST(prog_connect(fd, address));
	return fd;
}

/* One connection is all that its queue has room for then (listen(2)): others wait. */
static inline void prog_fill_backlog(int listener, struct sockaddr_in *address)
{
	MUST(listen(listener, 0));
	(void)prog_client(address);
}

static inline int prog_socket(void)
{
	return MUST(socket(AF_INET, SOCK_STREAM, 0));
}

/* Waits for a child that has to end with status 0. */
static inline void prog_wait(pid_t child)
{
	int status = 0;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A child connects, over loopback. */
static inline void prog_serve_child(void)
{
	struct sockaddr_in address;
	const int listener = prog_listener(&address);
	const pid_t child = MUST(fork());

	if (child == 0) {
		MUST(close(prog_client(&address)));
		_exit(0);
	}
	MUST(close(MUST(accept(listener, NULL, NULL))));
	prog_wait(child);
	MUST(close(listener));
}

/* Of /proc/PID/stat: proc(5). */
static inline char prog_process_state(pid_t pid)
{
	char path[32], line[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *const file = fopen(path, "re");
	CHECK(file && fgets(line, sizeof(line), file));
	fclose(file);
	const char *const after_name = strrchr(line, ')');
	CHECK(after_name);
	return after_name[2];
}

/* Until a process that has not ended sleeps in a call. */
static inline void prog_wait_asleep(pid_t pid)
{
	char state;

	while ((state = prog_process_state(pid)) != 'S') {
		CHECK(state != 'Z');
		usleep(1000);
	}
}

/* A child that sleeps in a call, which it does again afterwards. */
static inline void prog_stop_and_continue(pid_t child)
{
	int status;

	prog_wait_asleep(child);
	MUST(kill(child, SIGSTOP));
	CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	MUST(kill(child, SIGCONT));
	CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	prog_wait_asleep(child);
}

static inline bool prog_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

#endif
