/*
 * do_calls STEP...: makes the calls that its arguments name, one after the other, and prints what
 * the program saw of each: "connect ok", "connect ECONNREFUSED". Steps:
 *
 *   tcp tcp6 udp unix   socket(2); the new socket is the current one
 *   nonblock            makes the current socket nonblocking
 *   serve[=tcp6|=unix:PATH|=@NAME]
 *                       listens at a free loopback port or a name: the default target of connect
 *   bound               the default target becomes a free port that refuses
 *   connect[=PORT]      connects the current socket
 *   wait                polls the current socket for writing
 *   accept accept4      at the listener; the new socket is closed at once, and nothing printed of that
 *   soerror close       on the current socket
 *   listener            makes the listener the current socket
 *   fork                goes on in a child; the parent ends as the child does
 *   hide                forbids unprivileged others to look into it (PR_SET_DUMPABLE)
 *   catch               SIGINT and SIGTERM end a pause from here on, and not the program
 *   pause               prints "pause" and sleeps until a signal is caught
 *   times               from here on every line ends in the milliseconds that the call took
 */
#include "progs.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <time.h>

static struct {
	int current, listener;
	struct sockaddr_storage target;
	socklen_t target_length;
	bool times;
	long long start_ns;
} state = {.current = -1, .listener = -1};

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int report(const char *name, int result)
{
	int error = errno;

	printf("%s %s", name, result < 0 ? strerrorname_np(error) : "ok");
	if (state.times)
		printf(" %lld", (now_ns() - state.start_ns) / 1000000);
	putchar('\n');
	return result;
}

static void open_socket(const char *name, int family, int type)
{
	int fd = report(name, socket(family, type, 0));

	if (fd >= 0)
		state.current = fd;
}

static void set_target(int family, const char *name)
{
	struct sockaddr_in *inet = (struct sockaddr_in *)&state.target;
	struct sockaddr_in6 *inet6 = (struct sockaddr_in6 *)&state.target;
	struct sockaddr_un *local = (struct sockaddr_un *)&state.target;

	memset(&state.target, 0, sizeof(state.target));
	state.target.ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		inet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		state.target_length = sizeof(*inet);
	} else if (family == AF_INET6) {
		inet6->sin6_addr = in6addr_loopback;
		state.target_length = sizeof(*inet6);
	} else {
		CHECK(strlen(name) < sizeof(local->sun_path));
		memcpy(local->sun_path, name, strlen(name));
		if (name[0] == '@')
			local->sun_path[0] = '\0';
		state.target_length =
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	}
}

static int bind_target(void)
{
	struct sockaddr *target = (struct sockaddr *)&state.target;
	socklen_t length = sizeof(state.target);
	int fd = MUST(socket(target->sa_family, SOCK_STREAM, 0));

	MUST(bind(fd, target, state.target_length));
	MUST(getsockname(fd, target, &length));
	state.target_length = length;
	return fd;
}

static void serve(const char *where)
{
	if (!where)
		set_target(AF_INET, "");
	else if (strcmp(where, "tcp6") == 0)
		set_target(AF_INET6, "");
	else
		set_target(AF_UNIX, strncmp(where, "unix:", 5) == 0 ? where + 5 : where);
	state.listener = bind_target();
	report("listen", listen(state.listener, 128));
}

static void connect_current(const char *port)
{
	if (port) {
		set_target(AF_INET, "");
		((struct sockaddr_in *)&state.target)->sin_port = htons((uint16_t)atoi(port));
	}
	report("connect",
		connect(state.current, (struct sockaddr *)&state.target, state.target_length));
}

static void accept_one(bool accept4_used)
{
	int fd = accept4_used ? report("accept4", accept4(state.listener, NULL, NULL, SOCK_CLOEXEC))
			      : report("accept", accept(state.listener, NULL, NULL));

	if (fd >= 0)
		close(fd);
}

static void wait_writable(void)
{
	struct pollfd ready = {.fd = state.current, .events = POLLOUT};

	CHECK(poll(&ready, 1, -1) == 1);
}

static void read_so_error(void)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(state.current, SOL_SOCKET, SO_ERROR, &error, &length) < 0) {
		report("getsockopt", -1);
		return;
	}
	errno = error;
	report("soerror", error ? -1 : 0);
}

static void go_on_in_child(void)
{
	fflush(stdout);
	pid_t child = MUST(fork());
	if (child == 0)
		return;
	prog_wait(child);
	_exit(0);
}

static void on_signal(int number)
{
	(void)number;
}

/* Caught only in the pause, so that none comes too early. */
static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	MUST(sigprocmask(SIG_BLOCK, &signals, NULL));
	MUST(sigaction(SIGINT, &action, NULL));
	MUST(sigaction(SIGTERM, &action, NULL));
}

static void pause_here(void)
{
	sigset_t none;

	sigemptyset(&none);
	puts("pause");
	MUST_FAIL(EINTR, sigsuspend(&none));
}

static bool step_socket(const char *step)
{
	if (strcmp(step, "tcp") == 0)
		open_socket(step, AF_INET, SOCK_STREAM);
	else if (strcmp(step, "tcp6") == 0)
		open_socket(step, AF_INET6, SOCK_STREAM);
	else if (strcmp(step, "udp") == 0)
		open_socket(step, AF_INET, SOCK_DGRAM);
	else if (strcmp(step, "unix") == 0)
		open_socket(step, AF_UNIX, SOCK_STREAM);
	else
		return false;
	return true;
}

static bool step_call(const char *step, const char *argument)
{
	if (strcmp(step, "serve") == 0)
		serve(argument);
	else if (strcmp(step, "connect") == 0)
		connect_current(argument);
	else if (strcmp(step, "accept") == 0)
		accept_one(false);
	else if (strcmp(step, "accept4") == 0)
		accept_one(true);
	else if (strcmp(step, "soerror") == 0)
		read_so_error();
	else if (strcmp(step, "close") == 0)
		report("close", close(state.current));
	else
		return false;
	return true;
}

static bool step_other(const char *step)
{
	if (strcmp(step, "nonblock") == 0)
		MUST(fcntl(state.current, F_SETFL, O_NONBLOCK));
	else if (strcmp(step, "wait") == 0)
		wait_writable();
	else if (strcmp(step, "listener") == 0)
		state.current = state.listener;
	else if (strcmp(step, "fork") == 0)
		go_on_in_child();
	else if (strcmp(step, "hide") == 0)
		MUST(prctl(PR_SET_DUMPABLE, 0));
	else if (strcmp(step, "catch") == 0)
		catch_signals();
	else if (strcmp(step, "pause") == 0)
		pause_here();
	else if (strcmp(step, "times") == 0)
		state.times = true;
	else
		return false;
	return true;
}

static void bound_target(void)
{
	set_target(AF_INET, "");
	bind_target();
}

int main(int argc, char **argv)
{
	prog_begin();
	setlinebuf(stdout);
	for (int i = 1; i < argc; i++) {
		char *argument = strchr(argv[i], '=');

		if (argument)
			*argument++ = '\0';
		state.start_ns = now_ns();
		if (strcmp(argv[i], "bound") == 0)
			bound_target();
		else if (!step_socket(argv[i]) && !step_call(argv[i], argument) &&
			 !step_other(argv[i]))
			prog_die(argv[i]);
	}
	return 0;
}
