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

static bool has_threads(const struct tracer *tracer, const struct tracee *tracee)
{
	const struct tracee *other = tracer->tracees;

	while (other && (other == tracee || other->tgid != tracee->tgid))
		other = other->hh.next;
	return other;
}

static void warn_of_untraced(struct tracer *tracer, const struct tracee *tracee)
{
	trace_warn(tracer,
		"%s makes tasks that are not to be traced (CLONE_UNTRACED): they are traced all "
		"the same",
		tracee->comm);
}

/*
 * The child inherits the filter: without a tracer it would get ENOSYS where that says RET_TRACE. It
 * is traced like any other; nothing shows it the difference. clone3 takes its flags from memory,
 * where another thread could set the flag after we have looked.
 */
static enum verdict_action before_clone(
	const struct tracer *tracer, const struct tracee *tracee, const struct call *call)
{
	return call->flags & CLONE_UNTRACED ||
			       (is_clone3(&tracee->call) && has_threads(tracer, tracee))
		       ? VERDICT_WATCH
		       : VERDICT_PASS;
}

/* The kernel gets a copy that no thread looks at. Longer ones than any kernel has are not copied. */
static void alter_clone3(struct tracer *tracer, struct tracee *tracee)
{
	struct active_call *const call = &tracee->call;
	union {
		uint64_t flags; /* struct clone_args (linux/sched.h) begins with them */
		unsigned char bytes[ALTER_BYTES_MAX];
	} args;
	const uint64_t length = call->args[1];

	if (length < CLONE_ARGS_SIZE_VER0 || length > sizeof(args) ||
		memory_read(tracee->tid, call->args[0], &args, length))
		return;
	if (args.flags & CLONE_UNTRACED)
		warn_of_untraced(tracer, tracee);
	args.flags &= ~(uint64_t)CLONE_UNTRACED;
	if (alter_borrow(tracee->tid, call, &args, length) ||
		alter_argument(tracee->tid, call, 0, call->alteration.at))
		alter_end(tracee->tid, call);
}

void special_begin(struct tracer *tracer, struct tracee *tracee)
{
	struct active_call *const call = &tracee->call;

	if (call->row->kind != CALL_CLONE)
		return;
	if (is_clone3(call))
		return alter_clone3(tracer, tracee);
	warn_of_untraced(tracer, tracee);
	(void)alter_argument(tracee->tid, call, 0, call->args[0] & ~(uint64_t)CLONE_UNTRACED);
}

/* ---- the new task's registers, which are a copy of its parent's ---- */

static bool is_in_altered_clone(const struct tracee *parent)
{
	return parent->in_call && parent->call.row->kind == CALL_CLONE &&
	       parent->call.alteration.count;
}

void special_link_child(struct tracee *child, const struct tracee *parent)
{
	if (!is_in_altered_clone(parent))
		return;
	child->copied.altered = true;
	child->copied.audit = parent->call.audit;
	child->copied.argument = parent->call.alteration.before[0].value;
}

void special_link_early_child(const struct tracer *tracer, struct tracee *child)
{
	struct arch_regs regs;

	for (const struct tracee *parent = tracer->tracees; parent; parent = parent->hh.next)
		if (is_in_altered_clone(parent) && is_clone3(&parent->call) &&
			arch_get_regs(child->tid, &regs) == 0 &&
			arch_argument(&regs, parent->call.audit, 0) == parent->call.alteration.at)
			return special_link_child(child, parent);
}

void special_restore_child(struct tracee *child)
{
	struct arch_regs regs;

	if (!child->copied.altered)
		return;
	child->copied.altered = false;
	if (!arch_argument_stays(0) || arch_get_regs(child->tid, &regs))
		return;
	arch_set_argument(&regs, child->copied.audit, 0, child->copied.argument);
	(void)arch_set_regs(child->tid, &regs);
}

/*
 * The registers still hold the call at its event. What clone3 reads its flags of has not changed
 * since: in a process with threads it is a copy.
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

/* ---- seccomp ---- */

/* A task that has a filter cannot change to the strict mode (kernel/seccomp.c). */
static void warn_of_strict(struct tracer *tracer, const struct tracee *tracee, int64_t value)
{
	if (value == -EINVAL && tracer->seccomp)
		trace_warn(tracer,
			"%s wanted seccomp's strict mode, which fails where a filter is installed, "
			"as socktest's is; --seccomp=off does without",
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
		verdict->action = before_clone(tracer, tracee, call);
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

	if (made->kind == CALL_SECCOMP_STRICT)
		warn_of_strict(tracer, tracee, value);
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
		owner_note_filters(tracer, tracee, made->flags & SECCOMP_FILTER_FLAG_TSYNC);
}
