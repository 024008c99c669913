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
#include "seccomp_filter.h"

/* An argument that socket(2) does not have: the filter knows the handler's own call by it. */
enum { PASS = 0x50415353 };

static bool handler_calls;

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

	return ADD_FILTER(code, flags);
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

/* ---- by another process ---- */

/* As often as ask is called. */
static void be_supervised(bool goes_on)
{
	const int listener = add_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	if (MUST(fork()) == 0) {
		alarm(PROG_SECONDS);
		prog_supervise(listener, goes_on ? 0 : EACCES);
		prog_supervise(listener, goes_on ? 0 : EACCES);
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
	if (handler_calls || strcmp(way, "trap") == 0) {
		prog_catch_traps(on_trap);
		add_filter(SECCOMP_RET_TRAP, 0);
	} else if (notify || goes_on) {
		be_supervised(goes_on);
	} else {
		add_filter(SECCOMP_RET_ERRNO | EACCES, 0);
	}
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
