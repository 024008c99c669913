/*
 * own_filter WAY: a program with a seccomp filter of its own, which decides about sockets of
 * AF_INET6 and lets all else pass. It asks for one, prints what it got, and closes it; it does so
 * once more while it has an IPv4 one.
 *
 *   errno      the filter answers with EACCES
 *   trap       a handler of SIGSYS answers with EACCES
 *   broker     a handler of SIGSYS makes the call itself, in a way that the filter lets pass
 *   notify     another process answers with EACCES
 *   continue   another process has the kernel go on with the call
 *   late-WAY   the same, but it has a socket before it has the filter
 */
#include "rights.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* An argument that socket(2) does not have: the filter knows the handler's own call by it. */
enum { PASS = 0x50415353 };

#if defined(__x86_64__)
#define ARGUMENT(registers, n)       ((registers)->gregs[(const int[]){REG_RDI, REG_RSI, REG_RDX}[n]])
#define SET_RESULT(registers, value) ((registers)->gregs[REG_RAX] = (value))
#elif defined(__aarch64__)
#define ARGUMENT(registers, n)       ((registers)->regs[n])
#define SET_RESULT(registers, value) ((registers)->regs[0] = (unsigned long)(value))
#endif

static bool handler_calls;

/* The ABI is not looked at: the program makes no calls of another one. */
static int add_filter(unsigned action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PASS, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

/* ---- by a signal ---- */

static void on_trap(int signal, siginfo_t *info, void *context)
{
	mcontext_t *const registers = &((ucontext_t *)context)->uc_mcontext;
	const int saved = errno;
	long result = -EACCES;

	(void)signal;
	CHECK(info->si_syscall == SYS_socket);
	if (handler_calls)
		result = syscall(SYS_socket, ARGUMENT(registers, 0), ARGUMENT(registers, 1),
			ARGUMENT(registers, 2), PASS);
	SET_RESULT(registers, result);
	errno = saved;
}

static void catch_traps(void)
{
	const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	MUST(sigaction(SIGSYS, &action, NULL));
	add_filter(SECCOMP_RET_TRAP, 0);
}

/* ---- by another process ---- */

static void supervise(int listener, bool goes_on)
{
	struct seccomp_notif request = {0};
	struct seccomp_notif_resp response = {0};

	MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request));
	CHECK(request.data.nr == SYS_socket);
	response.id = request.id;
	if (goes_on)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		response.error = -EACCES;
	MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response));
}

/* As often as ask is called. */
static void be_supervised(bool goes_on)
{
	const int listener = add_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	if (MUST(fork()) == 0) {
		alarm(PROG_SECONDS);
		supervise(listener, goes_on);
		supervise(listener, goes_on);
		_exit(0);
	}
	MUST(close(listener));
}

static void ask(void)
{
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);

	puts(fd < 0 ? strerrorname_np(errno) : "ok");
	if (fd >= 0)
		MUST(close(fd));
}

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc == 2);
	const bool late = strncmp(argv[1], "late-", 5) == 0;
	const char *const way = argv[1] + (late ? 5 : 0);
	const int early = late ? MUST(socket(AF_INET, SOCK_DGRAM, 0)) : -1;
	const bool notify = strcmp(way, "notify") == 0, goes_on = strcmp(way, "continue") == 0;

	handler_calls = strcmp(way, "broker") == 0;
	if (handler_calls || strcmp(way, "trap") == 0)
		catch_traps();
	else if (notify || goes_on)
		be_supervised(goes_on);
	else
		add_filter(SECCOMP_RET_ERRNO | EACCES, 0);
	ask();
	const int fd = prog_socket();
	ask();
	MUST(close(fd));
	if (notify || goes_on)
		MUST(wait(NULL));
	if (late)
		MUST(close(early));
	return 0;
}
