/* System calls run inside the program, such that it cannot tell. */
#ifndef SOCKTEST_TRACE_INJECT_H
#define SOCKTEST_TRACE_INJECT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/arch/arch.h"

/* A task that is made to run calls of ours, from one syscall-exit-stop to the same one again. */
struct injection {
	pid_t tid;
	uint32_t audit;
	struct arch_regs regs; /* to be put back */
	uint64_t mask;         /* its blocked signals, likewise */
	bool sigstop_seen;     /* it is sent again at the end */
	bool stop_seen; /* a group-stop or a SIGSTOP came meanwhile: it is redone at the end */
	bool ended;     /* the task is dying: status is a wait status still to be handled */
	int status;
};

/*
 * At a syscall-exit-stop. Signals are blocked from here on. Returns 0, -EAGAIN: the task does not
 * go on behind a syscall instruction (it comes from execve or rt_sigreturn; the next stop will do),
 * or -ESRCH: it is gone.
 */
int inject_begin(struct injection *injection, pid_t tid, uint32_t audit);

/* One call. Returns 0 with its result, or -ESRCH: the task is gone or dying (see ended). */
int inject_call(struct injection *injection, const char *name, const uint64_t args[static 6],
	int64_t *result);

/* connect(2) of the task's fd to an address of ours. Returns as inject_call. */
int inject_connect(
	struct injection *injection, int fd, const void *address, size_t length, int64_t *result);

/* Puts registers and signals back, whatever happened. */
void inject_end(struct injection *injection);

/*
 * Adds a seccomp filter to all threads of the task's process. Returns 0, the positive tid of a
 * thread that has other filters (nothing was added), or -errno; -EACCES: it may not (seccomp(2)).
 */
int inject_seccomp(struct injection *injection, const struct sock_fprog *program);

#endif
