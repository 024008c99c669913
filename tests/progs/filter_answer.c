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
#include "progs.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#if defined(__x86_64__)
#define SET_RESULT(registers, value) ((registers)->gregs[REG_RAX] = (value))
#elif defined(__aarch64__)
#define SET_RESULT(registers, value) ((registers)->regs[0] = (unsigned long)(value))
#endif

static int add_filter(unsigned nr, unsigned action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	SET_RESULT(&((ucontext_t *)context)->uc_mcontext, -EACCES);
}

static void catch_traps(void)
{
	const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	MUST(sigaction(SIGSYS, &action, NULL));
}

static void be_supervised(unsigned nr)
{
	const int listener =
		add_filter(nr, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	struct seccomp_notif request = {0};
	struct seccomp_notif_resp response = {.error = -EACCES};

	if (MUST(fork()) > 0)
		return;
	alarm(PROG_SECONDS);
	MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request));
	response.id = request.id;
	MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response));
	_exit(0);
}

static void be_filtered(unsigned nr, const char *action)
{
	if (strcmp(action, "errno") == 0) {
		add_filter(nr, SECCOMP_RET_ERRNO | EACCES, 0);
	} else if (strcmp(action, "zero") == 0) {
		add_filter(nr, SECCOMP_RET_ERRNO, 0);
	} else if (strcmp(action, "trap") == 0) {
		catch_traps();
		add_filter(nr, SECCOMP_RET_TRAP, 0);
	} else if (strcmp(action, "kill") == 0) {
		add_filter(nr, SECCOMP_RET_KILL_PROCESS, 0);
	} else if (strcmp(action, "notify") == 0) {
		be_supervised(nr);
	} else if (strcmp(action, "trace") == 0) {
		add_filter(nr, SECCOMP_RET_TRACE | 7, 0);
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
