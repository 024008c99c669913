/* What the programs with seccomp filters of their own share: seccomp(2). */
#ifndef SOCKTEST_TESTS_SECCOMP_FILTER_H
#define SOCKTEST_TESTS_SECCOMP_FILTER_H

#include "progs.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* The argument n of a call, and its result, in the registers that a handler of SIGSYS gets. */
#if defined(__x86_64__)
#define ARGUMENT(registers, n)       ((registers)->gregs[(const int[]){REG_RDI, REG_RSI, REG_RDX}[n]])
#define SET_RESULT(registers, value) ((registers)->gregs[REG_RAX] = (value))
#elif defined(__aarch64__)
#define ARGUMENT(registers, n)       ((registers)->regs[n])
#define SET_RESULT(registers, value) ((registers)->regs[0] = (unsigned long)(value))
#endif

/*
 * The ABI is not looked at by any of these filters: who has them makes no calls of another one.
 * Returns the listener with SECCOMP_FILTER_FLAG_NEW_LISTENER, else 0.
 */
#define ADD_FILTER(code, flags) prog_add_filter((code), sizeof(code) / sizeof(*(code)), (flags))

static inline int prog_add_filter(struct sock_filter *code, size_t count, unsigned flags)
{
	const struct sock_fprog program = {.len = (unsigned short)count, .filter = code};

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

/* One that decides about a single call, and lets all others pass. */
static inline int prog_filter_call(unsigned nr, unsigned action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return ADD_FILTER(code, flags);
}

/* For SECCOMP_RET_TRAP. */
static inline void prog_catch_traps(void (*handler)(int, siginfo_t *, void *))
{
	const struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	MUST(sigaction(SIGSYS, &action, NULL));
}

/* For SECCOMP_RET_USER_NOTIF: answers the next such call; with an errno of 0 the kernel makes it. */
static inline void prog_supervise(int listener, int error)
{
	struct seccomp_notif request = {0};
	struct seccomp_notif_resp response = {0};

	MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request));
	response.id = request.id;
	response.error = -error;
	response.flags = error ? 0 : (unsigned)SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response));
}

#endif
