/* System calls run inside the program, such that it cannot tell. */
#ifndef SOCKTEST_TRACE_INJECT_H
#define SOCKTEST_TRACE_INJECT_H

#include <linux/filter.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/arch/arch.h"
#include "trace/tracee.h"

/* A task that is made to run calls of ours, from one syscall-exit-stop to the same one again. */
struct injection {
	struct tracee *tracee;
	pid_t tid;
	uint32_t audit;
	struct arch_regs regs; /* to be put back */
	bool stop_seen;        /* a group-stop came meanwhile: it is redone at the end */
	bool ended;            /* the task is dying: status is a wait status still to be handled */
	int status;
};

/* A signal that came meanwhile. */
struct postponed_signal {
	siginfo_t info;
	bool sent; /* again, and on its way */
	struct postponed_signal *next;
};

/*
 * At a syscall-exit-stop. What the task is, but for its registers, stays as it is: if socktest dies
 * meanwhile, they are those of the call that it is made to run, and nothing else is amiss. Returns 0, -EAGAIN: the task does not
 * go on behind a syscall instruction (it comes from execve or rt_sigreturn; the next stop will do),
 * or -ESRCH: it is gone.
 */
int inject_begin(struct injection *injection, struct tracee *tracee, uint32_t audit);

/* One call. Returns 0 with its result, or -ESRCH: the task is gone or dying (see ended). */
int inject_call(struct injection *injection, const char *name, const uint64_t args[static 6],
	int64_t *result);

/* Puts the registers back, whatever happened, and has the signals come that were held back. */
void inject_end(struct injection *injection);

/* At a signal-delivery-stop: if it is one of those, it gets what was known of it. */
void inject_restore_signal(struct tracee *tracee, int signal);

/* The task is gone. */
void inject_forget_signals(struct tracee *tracee);

/*
 * Adds a seccomp filter to all threads of the task's process. Returns 0, the positive tid of a
 * thread that has other filters (nothing was added), or -errno; -EACCES: it may not (seccomp(2)).
 */
int inject_seccomp(struct injection *injection, const struct sock_fprog *program);

#endif
