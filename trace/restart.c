/*
 * Calls that end with EINTR only because the task is traced: signals that the program ignores wake
 * a traced task, too (kernel/signal.c, sig_ignored), and so does PTRACE_INTERRUPT. Most calls are
 * then restarted by the kernel, but those that give EINTR whatever the handler's SA_RESTART says
 * (signal(7)) give it here as well. In its place such a call is made to give the code with which
 * others say "EINTR if a handler runs, else make it again": so it is still the kernel that decides.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

/* After sys/ptrace.h, whose enum it would hide. */
#include <linux/io_uring.h>
#include <linux/ptrace.h>

#include "trace/arch/arch.h"
#include "trace/memory.h"
#include "trace/procfs.h"
#include "trace/tracer.h"

enum {
	ERESTARTNOHAND = 514, /* include/linux/errno.h of the kernel */
	NS_PER_S = 1000000000,
	NS_PER_MS = 1000000,
};

/* It never comes, or begins only when the call is given up. */
static const uint64_t no_timeout_ns = UINT64_MAX;

/* A call with its arguments, and the size of its pointers. */
struct blocked_call {
	struct tracee *tracee;
	uint64_t args[6];
	unsigned word_bytes;
};

static uint64_t infinite(const struct blocked_call *call, int argument)
{
	(void)call, (void)argument;
	return no_timeout_ns;
}

static uint64_t milliseconds(const struct blocked_call *call, int argument)
{
	const int timeout = (int)call->args[argument];

	return timeout < 0 ? no_timeout_ns : (uint64_t)timeout * NS_PER_MS;
}

static uint64_t nanoseconds(int64_t seconds, int64_t rest)
{
	uint64_t sum;

	if (seconds < 0 || rest < 0 || __builtin_mul_overflow(seconds, NS_PER_S, &sum) ||
		__builtin_add_overflow(sum, rest, &sum))
		return no_timeout_ns;
	return sum;
}

static uint64_t timespec_64(const struct blocked_call *call, int argument)
{
	int64_t time[2];
	const uint64_t at = call->args[argument];

	if (!at || memory_read(call->tracee->tid, at, time, sizeof(time)))
		return no_timeout_ns;
	return nanoseconds(time[0], time[1]);
}

static uint64_t timespec(const struct blocked_call *call, int argument)
{
	int32_t time[2];
	const uint64_t at = call->args[argument];

	if (call->word_bytes != sizeof(*time))
		return timespec_64(call, argument);
	if (!at || memory_read(call->tracee->tid, at, time, sizeof(time)))
		return no_timeout_ns;
	return nanoseconds(time[0], time[1]);
}

static uint64_t socket_option(const struct blocked_call *call, int name)
{
	struct timeval time;
	const struct tracee *const tracee = call->tracee;

	if (proc_socket_timeout(tracee->tid, tracee->tgid, (int)call->args[0], name, &time))
		return no_timeout_ns;
	const uint64_t ns = nanoseconds(time.tv_sec, time.tv_usec * 1000);
	return ns ? ns : no_timeout_ns; /* socket(7) */
}

static uint64_t receiving(const struct blocked_call *call, int argument)
{
	(void)argument;
	return socket_option(call, SO_RCVTIMEO);
}

static uint64_t sending(const struct blocked_call *call, int argument)
{
	(void)argument;
	return socket_option(call, SO_SNDTIMEO);
}

/*
 * They have done nothing yet where they give EINTR. Not close(2), which has closed by then, nor a
 * connect(2) with SO_SNDTIMEO, which when made again gives another error when its time is up.
 */
static const struct blocking {
	const char *name;
	uint64_t (*timeout)(const struct blocked_call *call, int argument);
	int argument; /* what it is read of */
	int over;     /* the result when the time is up */
} all[] = {
	{"accept", receiving, 0, -EAGAIN},
	{"accept4", receiving, 0, -EAGAIN},
	{"recv", receiving, 0, -EAGAIN},
	{"recvfrom", receiving, 0, -EAGAIN},
	{"recvmsg", receiving, 0, -EAGAIN},
	{"recvmmsg", receiving, 0, -EAGAIN},
	{"recvmmsg_time64", receiving, 0, -EAGAIN},
	{"read", receiving, 0, -EAGAIN},
	{"readv", receiving, 0, -EAGAIN},
	{"send", sending, 0, -EAGAIN},
	{"sendto", sending, 0, -EAGAIN},
	{"sendmsg", sending, 0, -EAGAIN},
	{"sendmmsg", sending, 0, -EAGAIN},
	{"write", sending, 0, -EAGAIN},
	{"writev", sending, 0, -EAGAIN},
	{"sendfile", sending, 0, -EAGAIN},
	{"sendfile64", sending, 0, -EAGAIN},
	{"epoll_wait", milliseconds, 3, 0},
	{"epoll_pwait", milliseconds, 3, 0},
	{"epoll_pwait2", timespec_64, 3, 0},
	{"io_getevents", timespec, 4, 0},
	{"rt_sigtimedwait", timespec, 2, -EAGAIN},
	{"rt_sigtimedwait_time64", timespec_64, 2, -EAGAIN},
	{"semop", infinite, 0, 0},
	{"semtimedop", timespec, 3, -EAGAIN},
	{"semtimedop_time64", timespec_64, 3, -EAGAIN},
	{"io_uring_enter", infinite, 0, 0},
};

static const struct blocking *find(const char *name, const uint64_t args[static 6])
{
	/* Its timeout is not like the others'. */
	if (strcmp(name, "io_uring_enter") == 0 && args[3] & IORING_ENTER_EXT_ARG)
		return NULL;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

/* A timeout begins anew with the call, but not for ever. */
static int64_t choose_result(
	struct tracer *tracer, const struct blocking *row, const struct blocked_call *call)
{
	struct tracee *const tracee = call->tracee;
	const uint64_t now_ns = tracer_now_ns(tracer);

	if (!tracee->retrying) {
		const uint64_t timeout_ns = row->timeout(call, row->argument);
		if (__builtin_add_overflow(now_ns, timeout_ns, &tracee->retry_until_ns))
			tracee->retry_until_ns = no_timeout_ns;
		tracee->retrying = true;
	} else if (now_ns >= tracee->retry_until_ns) {
		tracee->retrying = false;
		return row->over;
	}
	return -ERESTARTNOHAND;
}

/* The result that takes the place of EINTR, which may be that again. */
static int64_t replace(struct tracer *tracer, struct tracee *tracee, uint32_t audit)
{
	const struct arch_abi *const abi = arch_abi_find(audit);
	struct blocked_call call = {.tracee = tracee, .word_bytes = abi ? abi->word_bytes : 0};
	char name[SYSCALL_NAME_BYTES];
	struct arch_regs regs;
	uint64_t nr;

	if (!abi || proc_syscall(tracee->tid, &nr, call.args))
		return -EINTR;
	syscall_name(tracee->tid, call.word_bytes, nr, call.args, name);
	const struct blocking *const row = find(name, call.args);
	if (!row || arch_get_regs(tracee->tid, &regs))
		return -EINTR;
	const int64_t result = choose_result(tracer, row, &call);
	arch_set_result(&regs, result);
	return arch_set_regs(tracee->tid, &regs) ? -EINTR : result;
}

static bool is_stop_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/*
 * The program's own seccomp filter may give EINTR, or a file system in user space: without an end,
 * if they were asked again each time. And a stop signal makes these calls give EINTR to programs
 * that are not traced, too (signal(7)).
 */
static bool is_by_tracing(const struct tracee *tracee)
{
	const uint64_t stops = UINT64_C(1) << (SIGSTOP - 1) | UINT64_C(1) << (SIGTSTP - 1) |
			       UINT64_C(1) << (SIGTTIN - 1) | UINT64_C(1) << (SIGTTOU - 1);
	const uint64_t pending = proc_pending_signals(tracee->tid);

	return !(pending & stops) && (pending || tracee->interrupting);
}

int64_t restart_at_exit(struct tracer *tracer, struct tracee *tracee, uint32_t audit, int64_t value)
{
	if (value != -EINTR) {
		tracee->retrying = false;
		return value;
	}
	if (!is_by_tracing(tracee))
		return value;
	value = replace(tracer, tracee, audit);
	/* The kernel takes the code for what it is on its way through signals only. */
	if (value == -ERESTARTNOHAND)
		stops_interrupt(tracee);
	return value;
}

static bool shows_eintr(const struct tracee *tracee)
{
	struct arch_regs regs;

	return ARCH_RESTARTS_AFTER_SIGNAL_STOPS && !arch_get_regs(tracee->tid, &regs) &&
	       arch_result(&regs) == -EINTR;
}

void restart_at_signal(struct tracer *tracer, struct tracee *tracee, int signal)
{
	struct ptrace_syscall_info info = {0};
	const bool was_stopped = tracee->was_stopped;
	const bool interrupted = shows_eintr(tracee);

	if (signal) /* SIGCONT's own comes after a stop that says only that it came */
		tracee->was_stopped = is_stop_signal(signal);
	if (was_stopped || tracee->was_stopped || (!interrupted && !tracee->retrying))
		return;
	if (signal && proc_catches(tracee->tid, signal)) {
		tracee->retrying = false;
		return;
	}
	if (!interrupted)
		return;
	/* It has the ABI at any stop (ptrace(2)). */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, sizeof(info), &info) >= 0)
		(void)replace(tracer, tracee, info.arch);
}
