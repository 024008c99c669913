/*
 * woken CALL SCENARIO: a child sleeps in a call that gives EINTR whatever a handler's SA_RESTART says
 * (signal(7)). Says what each of its calls gave.
 *
 * CALL is epoll, epoll2, accept, recv, read, send, sigwait or semaphore.
 * SCENARIO:
 *   ignored   signals that do nothing
 *   handled   one with a handler with SA_RESTART, and one that does nothing
 *   stop      SIGSTOP and SIGCONT
 *   timeout   signals that do nothing, until the timeout is over
 *   alone     nothing; says which process the child is, and waits for SIGTERM
 */
#include "progs.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { SHORT_MS = 300, PERIOD_US = 20000 };

static int pair[2], listener, epoll_fd, semaphores, timeout_ms;
static struct sockaddr_in address;

/* ---- the calls ---- */

static struct timespec timeout(void)
{
	return (struct timespec){
		.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
}

static void set_timeout(int fd, int option)
{
	const struct timeval limit = {
		.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};

	MUST(setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit)));
}

static int call_epoll(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, timeout_ms);
}

static int call_epoll2(void)
{
	/* struct __kernel_timespec, for 32-bit programs too */
	const int64_t limit[2] = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
	struct epoll_event event;

	return (int)syscall(SYS_epoll_pwait2, epoll_fd, &event, 1, limit, NULL, 0);
}

static int call_accept(void)
{
	const int fd = accept(listener, NULL, NULL);

	if (fd >= 0)
		MUST(close(fd));
	return fd >= 0 ? 1 : fd;
}

static int call_recv(void)
{
	char byte;

	return (int)recv(pair[0], &byte, 1, 0);
}

static int call_read(void)
{
	char byte;

	return (int)read(pair[0], &byte, 1);
}

static int call_send(void)
{
	return (int)send(pair[0], "x", 1, 0);
}

static int call_sigwait(void)
{
	const struct timespec limit = timeout();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &limit);
}

static int call_semaphore(void)
{
	const struct timespec limit = timeout();
	struct sembuf take = {.sem_op = -1};

	return semtimedop(semaphores, &take, 1, &limit) < 0 ? -1 : 1;
}

static void wake_by_byte(pid_t child)
{
	(void)child;
	MUST(write(pair[1], "x", 1));
}

static void wake_by_connection(pid_t child)
{
	(void)child;
	MUST(close(prog_client(&address)));
}

static void wake_by_room(pid_t child)
{
	char bytes[4096];

	(void)child;
	while (recv(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void wake_by_signal(pid_t child)
{
	MUST(kill(child, SIGUSR2));
}

static void wake_by_semaphore(pid_t child)
{
	struct sembuf give = {.sem_op = 1};

	(void)child;
	MUST(semop(semaphores, &give, 1));
}

static const struct row {
	const char *name;
	int (*call)(void);
	void (*wake)(pid_t child);
} rows[] = {
	{"epoll", call_epoll, wake_by_byte},
	{"epoll2", call_epoll2, wake_by_byte},
	{"accept", call_accept, wake_by_connection},
	{"recv", call_recv, wake_by_byte},
	{"read", call_read, wake_by_byte},
	{"send", call_send, wake_by_room},
	{"sigwait", call_sigwait, wake_by_signal},
	{"semaphore", call_semaphore, wake_by_semaphore},
};

/* ---- the child ---- */

static void on_signal(int number)
{
	(void)number;
}

static void prepare(const struct row *row)
{
	const struct sigaction handled = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct epoll_event event = {.events = EPOLLIN};
	sigset_t set;

	epoll_fd = MUST(epoll_create1(0));
	MUST(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair[0], &event));
	set_timeout(pair[0], SO_RCVTIMEO);
	set_timeout(listener, SO_RCVTIMEO);
	if (row->call == call_send)
		while (send(pair[0], "x", 1, MSG_DONTWAIT) == 1)
			;
	set_timeout(pair[0], SO_SNDTIMEO);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	signal(SIGUSR1, SIG_IGN);
	MUST(sigaction(SIGHUP, &handled, NULL));
}

static _Noreturn void be_woken(const struct row *row)
{
	int result;

	prog_begin();
	prepare(row);
	while ((result = row->call()) < 0 && errno == EINTR)
		puts("EINTR");
	if (result == 0 || (result < 0 && errno == EAGAIN))
		puts("timeout");
	else
		puts(result > 0 ? "ok" : strerrorname_np(errno));
	fflush(stdout);
	_exit(0);
}

/* ---- the parent ---- */

static void interrupt(pid_t child, int number)
{
	prog_wait_asleep(child);
	MUST(kill(child, number));
	usleep(PERIOD_US);
	prog_wait_asleep(child);
}

static void interrupt_until_over(pid_t child)
{
	while (prog_process_state(child) != 'Z') {
		MUST(kill(child, SIGWINCH));
		usleep(PERIOD_US);
	}
}

static void wait_for_sigterm(pid_t child)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	printf("child %d\n", (int)child);
	fflush(stdout);
	CHECK(sigwait(&set, &number) == 0);
	prog_wait_asleep(child);
}

static void play(const char *scenario, const struct row *row, pid_t child)
{
	if (strcmp(scenario, "ignored") == 0) {
		const int ignored[] = {SIGUSR1, SIGWINCH, SIGCHLD, SIGURG, SIGCONT, SIGUSR1};
		for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
			interrupt(child, ignored[i]);
	} else if (strcmp(scenario, "handled") == 0) {
		interrupt(child, SIGHUP);
		interrupt(child, SIGWINCH);
		interrupt(child, SIGHUP);
	} else if (strcmp(scenario, "stop") == 0) {
		prog_stop_and_continue(child);
		interrupt(child, SIGWINCH);
	} else if (strcmp(scenario, "timeout") == 0) {
		interrupt_until_over(child);
	} else {
		wait_for_sigterm(child);
	}
	if (prog_process_state(child) != 'Z')
		row->wake(child);
}

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	prog_die("no such call");
}

int main(int argc, char **argv)
{
	sigset_t set;

	prog_begin();
	CHECK(argc == 3);
	const struct row *const row = find(argv[1]);
	timeout_ms = strcmp(argv[2], "timeout") == 0 ? SHORT_MS : PROG_SECONDS * 1000;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	listener = prog_listener(&address);
	if (row->call == call_semaphore)
		semaphores = MUST(semget(IPC_PRIVATE, 1, 0600));
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	const pid_t child = MUST(fork());
	if (child == 0)
		be_woken(row);
	play(argv[2], row, child);
	prog_wait(child);
	if (row->call == call_semaphore)
		MUST(semctl(semaphores, 0, IPC_RMID));
	return 0;
}
