/*
 * filter_answer CALL ACTION [wait]: a program with a seccomp filter of its own, which decides about one
 * call: close, listen or getppid. It makes that on its socket, and prints what it got and whether
 * its descriptor is there yet. With "wait" it says "ready" before, and waits for SIGUSR1.
 *
 *   errno     the filter answers with EACCES
 *   zero      it answers with 0, and nothing was done
 *   trap      a handler of SIGSYS answers with EACCES
 *   kill      it kills the process
 *   notify    another process answers with EACCES
 *   trace     it wants a tracer, which there is none of
 *   strict    no filter, but the strict mode, in which no call but few are left
 */
#include "seccomp_filter.h"

static void on_trap(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	SET_RESULT(&((ucontext_t *)context)->uc_mcontext, -EACCES);
}

static void be_supervised(unsigned nr)
{
	const int listener =
		prog_filter_call(nr, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	if (MUST(fork()) > 0)
		return;
	alarm(PROG_SECONDS);
	prog_supervise(listener, EACCES);
	_exit(0);
}

static void be_filtered(unsigned nr, const char *action)
{
	if (strcmp(action, "errno") == 0) {
		prog_filter_call(nr, SECCOMP_RET_ERRNO | EACCES, 0);
	} else if (strcmp(action, "zero") == 0) {
		prog_filter_call(nr, SECCOMP_RET_ERRNO, 0);
	} else if (strcmp(action, "trap") == 0) {
		prog_catch_traps(on_trap);
		prog_filter_call(nr, SECCOMP_RET_TRAP, 0);
	} else if (strcmp(action, "kill") == 0) {
		prog_filter_call(nr, SECCOMP_RET_KILL_PROCESS, 0);
	} else if (strcmp(action, "notify") == 0) {
		be_supervised(nr);
	} else if (strcmp(action, "trace") == 0) {
		prog_filter_call(nr, SECCOMP_RET_TRACE | 7, 0);
	} else {
		CHECK(strcmp(action, "strict") == 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
			puts(strerrorname_np(errno));
		fflush(stdout);
		syscall(SYS_exit, 0);
	}
}

static void wait_for_signal(void)
{
	sigset_t signals;
	int signal;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &signals, NULL));
	puts("ready");
	fflush(stdout);
	CHECK(sigwait(&signals, &signal) == 0);
}

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc == 3 || argc == 4);
	const bool closes = strcmp(argv[1], "close") == 0, listens = strcmp(argv[1], "listen") == 0;
	const int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	be_filtered(closes ? SYS_close : (listens ? SYS_listen : SYS_getppid), argv[2]);
	if (argc == 4)
		wait_for_signal();
	const long result = closes    ? syscall(SYS_close, fd)
			    : listens ? syscall(SYS_listen, fd, 1)
				      : syscall(SYS_getppid);
	puts(result < 0 ? strerrorname_np(errno) : "ok");
	puts(fcntl(fd, F_GETFD) < 0 ? strerrorname_np(errno) : "still there");
	if (strcmp(argv[2], "notify") == 0)
		MUST(wait(NULL));
	return 0;
}
