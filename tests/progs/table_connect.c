/*
 * table_connect own|shared: a socket is connected and closed by who does not ask how the connect
 * ended: a thread with a descriptor table of its own, or a process that shares its parent's, who
 * opened the socket.
 */
#include "progs.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

static struct sockaddr_in address;

static void connect_and_close(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	MUST_FAIL(EINPROGRESS, prog_connect(fd, &address));
	CHECK(poll(&poll_fd, 1, -1) == 1);
	MUST(close(fd));
}

static void *thread_run(void *unused)
{
	MUST(unshare(CLONE_FILES));
	connect_and_close(prog_socket());
	return unused;
}

static void connect_in_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, thread_run, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void connect_in_process(void)
{
	const int fd = prog_socket();
	const pid_t child = (pid_t)MUST(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));

	if (child == 0) {
		connect_and_close(fd);
		_exit(0);
	}
	prog_wait(child);
	CHECK(!prog_is_open(fd));
}

int main(int argc, char **argv)
{
	prog_begin();
	const int listener = prog_listener(&address);
	if (argc > 1 && strcmp(argv[1], "own") == 0)
		connect_in_thread();
	else
		connect_in_process();
	MUST(close(listener));
	return 0;
}
