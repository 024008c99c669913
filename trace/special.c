/* Calls that concern the tracer itself: they change tables, make tasks or open ways around it. */
#include <errno.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ptrace.h>

/* After sys/ptrace.h, whose enum it would hide. */
#include <linux/ptrace.h>

#include "trace/arch/arch.h"
#include "trace/memory.h"
#include "trace/tracer.h"

/* ---- clone with CLONE_UNTRACED ---- */

static bool is_clone3(const struct active_call *call)
{
	return strcmp(call->row->name, "clone3") == 0;
}

/*
 * clone3 takes its flags from memory: they are changed for the time of the call. The program may
 * have them where it cannot write, unlike PTRACE_POKEDATA.
 */
static void set_clone3_flags(const struct tracee *tracee, uint64_t clear, uint64_t set)
{
	const uint64_t at = tracee->call.args[0];
	uint64_t flags;

	if (memory_read(tracee->tid, at, &flags, sizeof(flags)))
		return;
	flags = (flags & ~clear) | set;
	// NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process
	(void)ptrace(PTRACE_POKEDATA, tracee->tid, (void *)(uintptr_t)at, flags);
}

/*
 * The child inherits the filter: without a tracer it would get ENOSYS where that says RET_TRACE. It
 * is traced like any other; nothing shows it the difference.
 */
static enum verdict_action before_clone(struct tracee *tracee, const struct call *call)
{
	struct arch_regs regs;

	if (!(call->flags & CLONE_UNTRACED))
		return VERDICT_PASS;
	if (is_clone3(&tracee->call)) {
		set_clone3_flags(tracee, CLONE_UNTRACED, 0);
	} else if (arch_get_regs(tracee->tid, &regs) == 0) {
		arch_set_first_argument(&regs, tracee->call.audit,
			tracee->call.args[0] & ~(uint64_t)CLONE_UNTRACED);
		(void)arch_set_regs(tracee->tid, &regs);
	}
	return VERDICT_WATCH;
}

static void after_clone(const struct tracee *tracee, const struct call *call)
{
	if (call->flags & CLONE_UNTRACED && is_clone3(&tracee->call))
		set_clone3_flags(tracee, 0, CLONE_UNTRACED);
}

/*
 * The registers still hold the call at its event. What clone3 reads its flags of has not changed
 * since, if the program is not out to deceive.
 */
int special_clone_shares_files(const struct tracee *parent)
{
	struct ptrace_syscall_info info = {0};
	struct arch_regs regs;
	uint64_t nr, flags;

	/* It has the ABI at any stop (ptrace(2)). */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, parent->tid, sizeof(info), &info) < 0 ||
		arch_get_regs(parent->tid, &regs))
		return -ENODATA;
	arch_current_call(&regs, info.arch, &nr, &flags);
	if ((long)nr == syscall_number(info.arch, "clone3")) {
		const int error = memory_read(parent->tid, flags, &flags, sizeof(flags));
		if (error)
			return error;
	} else if ((long)nr != syscall_number(info.arch, "clone")) {
		return 0; /* fork, vfork */
	}
	return (flags & CLONE_FILES) != 0;
}

/* ---- ptrace ---- */

static void warn_of_ptrace(struct tracer *tracer, const struct tracee *tracee)
{
	trace_warn(tracer,
		"%s uses ptrace(2), which fails on what socktest traces; "
		"a debugger belongs outside, and LeakSanitizer wants LSAN_OPTIONS=detect_leaks=0",
		tracee->comm);
}

/* ---- all of them ---- */

bool special_before(struct tracer *tracer, struct tracee *tracee, const struct call *call)
{
	struct verdict *const verdict = &tracee->call.verdict;

	if (call->kind < CALL_UNSHARE)
		return false;
	*verdict = (struct verdict){.action = VERDICT_WATCH, .filter = -1};
	tracee->call.state.call = *call;
	if (call->kind == CALL_PTRACE) {
		warn_of_ptrace(tracer, tracee);
		verdict->action = VERDICT_PASS;
	} else if (call->kind == CALL_EXEC) {
		verdict->action = VERDICT_PASS;
	} else if (call->kind == CALL_CLONE) {
		verdict->action = before_clone(tracee, call);
	} else if (call->kind == CALL_IO_URING_SETUP &&
		   tracer->options->io_uring == IO_URING_DENY) {
		verdict->action = VERDICT_CANCEL;
		verdict->error = ENOSYS;
	}
	return true;
}

void special_after(
	struct tracer *tracer, struct tracee *tracee, const struct active_call *call, int64_t value)
{
	const struct call *const made = &call->state.call;

	if (made->kind == CALL_CLONE)
		after_clone(tracee, made);
	if (value < 0)
		return;
	if (made->kind == CALL_UNSHARE ||
		(made->kind == CALL_CLOSE_RANGE && made->flags & CLOSE_RANGE_UNSHARE))
		descriptors_unshare(tracer, tracee);
	else if (made->kind == CALL_RECEIVE_FD)
		descriptors_resolve(tracer, tracee, (int)value);
	else if (made->kind == CALL_IO_URING_SETUP)
		coverage_note_rings(tracer, tracee, 1);
	else if (made->kind == CALL_MAP)
		stacks_forget(tracer->options->stacks, tracee->tgid);
	else if (made->kind == CALL_SECCOMP)
		owner_stop_everywhere(tracer, tracee, made->flags & SECCOMP_FILTER_FLAG_TSYNC);
}
