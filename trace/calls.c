/* Entries and exits of traced calls: between the stopped task and the Switch. */
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

/* After sys/ptrace.h, whose enum it would hide. */
#include <linux/ptrace.h>

#include "trace/arch/arch.h"
#include "trace/memory.h"
#include "trace/procfs.h"
#include "trace/seccomp.h"
#include "trace/signals.h"
#include "trace/tracer.h"

/* include/linux/errno.h of the kernel: results that no program sees. */
enum { RESTART_FIRST = 512, RESTART_LAST = 516 };

/* ---- the end of a call ---- */

static void drop_call(struct active_call *call)
{
	free(call->address);
	call->address = NULL;
}

/* A call has the same one from its entry to its exit: it is taken once. */
static uint32_t take_stack(
	const struct tracer *tracer, const struct tracee *tracee, const struct active_call *call)
{
	const struct stack_place place = {
		.audit = call->audit,
		.instruction_pointer = call->instruction_pointer,
		.stack_pointer = call->stack_pointer,
	};

	return stacks_take(tracer->options->stacks, tracee->tid, tracee->tgid, &place);
}

static void add_stack(
	const struct tracer *tracer, const struct tracee *tracee, struct active_call *call)
{
	if (!call->state.call.caller.stack)
		call->state.call.caller.stack = take_stack(tracer, tracee, call);
}

static bool is_event(const struct tracer *tracer, const struct active_call *call)
{
	return tracer->options->on_event && call->row->kind <= CALL_RECEIVE_FD;
}

static void add_stack_of_event(
	const struct tracer *tracer, const struct tracee *tracee, struct active_call *call)
{
	if (tracer->options->stacks_of_events && is_event(tracer, call))
		add_stack(tracer, tracee, call);
}

static void add_stack_of_socket(
	const struct tracer *tracer, const struct tracee *tracee, struct active_call *call)
{
	const enum call_kind kind = call->row->kind;

	if (tracer->options->stacks_of_sockets &&
		(kind == CALL_SOCKET || kind == CALL_SOCKETPAIR || kind == CALL_ACCEPT))
		add_stack(tracer, tracee, call);
}

/* The new sockets as the Switch, which was told by now, knows them. */
static void view_made(const struct tracee *tracee, const struct active_call *call,
	const struct result *result, struct sock_view made[static 2])
{
	const enum call_kind kind = call->row->kind;

	if (!result || result->value < 0 || result->answer != ANSWER_NONE)
		return;
	if (kind == CALL_SOCKET || kind == CALL_ACCEPT)
		made[0] = switch_view(tracee->table, (int)result->value);
	for (int i = 0; kind == CALL_SOCKETPAIR && i < 2; i++)
		made[i] = switch_view(tracee->table, result->pair[i]);
}

static void report_event(struct tracer *tracer, const struct tracee *tracee,
	const struct active_call *call, const struct result *result)
{
	const int filter = call->verdict.filter;
	const uint32_t stack =
		tracer->options->stacks_of_events ? call->state.call.caller.stack : 0;

	if (!is_event(tracer, call))
		return;
	struct event event = {
		.time_ns = tracer_event_ns(tracer),
		.begun_ns = call->begun_ns,
		.command = tracee->comm,
		.injected = call->verdict.action == VERDICT_CANCEL ||
			    (result && result->answer != ANSWER_NONE),
		.promised = call->state.promised,
		.call = &call->state.call,
		.result = result,
		.sock = call->view,
		.filter =
			filter < 0
				? NULL
				: filters_tally(switch_filters(tracer->sw), (size_t)filter).option,
		.delay_ns = call->verdict.delay_ns,
		.stack_id = stack,
		.stack = stack ? stacks_text(tracer->options->stacks, stack) : NULL,
	};
	view_made(tracee, call, result, event.made);
	tracer->options->on_event(tracer->options->context, &event);
}

static void read_inodes(const struct tracer *tracer, const struct tracee *tracee,
	enum call_kind kind, struct result *result)
{
	if (kind == CALL_SOCKET || kind == CALL_ACCEPT)
		result->inode[0] = descriptors_inode(tracer, tracee, (int)result->value);
	for (int i = 0; kind == CALL_SOCKETPAIR && i < 2; i++)
		result->inode[i] = descriptors_inode(tracer, tracee, result->pair[i]);
}

static void identify_if_passing_begins(struct tracer *tracer)
{
	if (tracer->identified || !switch_passes_descriptors(tracer->sw))
		return;
	tracer->identified = true;
	descriptors_identify_all(tracer);
}

/* The program's own filter answered the close, or whoever that asked (seccomp_unotify(2)). */
static bool is_kept(const struct tracee *tracee, const struct active_call *call)
{
	const int fd = call->state.call.fd;
	const uint64_t inode = proc_socket_inode(tracee->tid, fd);

	/* Where others use the table, one of them may have opened another one since. */
	return inode &&
	       (fdtable_users(tracee->table) == 1 || switch_inode(tracee->table, fd) == inode);
}

static struct result read_result(const struct tracer *tracer, const struct tracee *tracee,
	struct active_call *call, int64_t value)
{
	struct result result = {.value = value, .pair = {-1, -1}, .so_error = -1};

	if (call->state.call.unsure)
		result.kept = is_kept(tracee, call);
	if (value >= 0) {
		if (call->row->read_result)
			call->row->read_result(tracee->tid, call, &result);
		read_inodes(tracer, tracee, call->row->kind, &result);
		add_stack_of_socket(tracer, tracee, call);
		if (result.so_error == 0 && call->verdict.answer != ANSWER_SO_ERROR)
			result.so_error_truth =
				descriptors_so_error_truth(tracee, call->state.call.fd);
	}
	return result;
}

static void finish(struct tracer *tracer, struct tracee *tracee, struct active_call *call,
	const struct result *result)
{
	/* Behind an interrupted call stands its handler by now. */
	if (result->value != -EINTR)
		add_stack_of_event(tracer, tracee, call);
	tracer->ended_ns = tracer_now_ns(tracer);
	special_after(tracer, tracee, call, result->value);
	switch_after(tracer->sw, tracee->table, &call->state, result, tracer->ended_ns);
	identify_if_passing_begins(tracer);
	report_event(tracer, tracee, call, result);
	tracer->ended_ns = 0;
	drop_call(call);
}

/* At a syscall-exit-stop. -ESRCH: the task is dying, *status is as answer_give has it. */
static int finish_at_exit(struct tracer *tracer, struct tracee *tracee, int64_t value, int *status)
{
	struct active_call *const call = &tracee->call;
	struct result result = read_result(tracer, tracee, call, value);
	const int error = answer_give(tracer, tracee, call, &result, status);

	tracee->closes |= call->row->kind == CALL_CLOSE && value == 0 && !result.kept;
	finish(tracer, tracee, call, &result);
	return error;
}

/* ---- calls interrupted by a signal ---- */

/*
 * The kernel will make the call again, or give EINTR to the program once a handler without
 * SA_RESTART has run (signal(7)). Which of them shows at the handler's first instruction, or by the
 * call's coming again.
 */
static void interrupt_call(struct tracee *tracee)
{
	struct active_call *const copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = tracee->call;
	copy->fate_open = true;
	copy->outer = tracee->interrupted;
	tracee->interrupted = copy;
	tracee->call = (struct active_call){0};
}

/* sigreturn(2): i386 has two. */
static bool is_sigreturn(const struct active_call *call)
{
	const long nr = (long)call->nr;

	return nr == syscall_number(call->audit, "rt_sigreturn") ||
	       nr == syscall_number(call->audit, "sigreturn");
}

static struct active_call *pop_interrupted(struct tracee *tracee)
{
	struct active_call *const call = tracee->interrupted;

	tracee->interrupted = call->outer;
	return call;
}

/* It has no result. */
static void abandon_call(struct tracer *tracer, struct tracee *tracee)
{
	switch_abandon(tracer->sw, &tracee->call.state);
	drop_call(&tracee->call);
	tracee->in_call = false;
}

static void abandon_interrupted(struct tracer *tracer, struct tracee *tracee)
{
	struct active_call *const call = pop_interrupted(tracee);

	report_event(tracer, tracee, call, NULL);
	switch_abandon(tracer->sw, &call->state);
	drop_call(call);
	free(call);
}

static bool is_same_place(const struct active_call *old, const struct active_call *call)
{
	return old->audit == call->audit && old->instruction_pointer == call->instruction_pointer &&
	       old->stack_pointer == call->stack_pointer;
}

/* The kernel makes a call again at once, or when the handler has returned. */
static bool is_restart(const struct tracee *tracee, const struct active_call *call)
{
	const struct active_call *const old = tracee->interrupted;

	return old && (old->fate_open || tracee->handler_returned) && is_same_place(old, call) &&
	       old->nr == call->nr && memcmp(old->args, call->args, sizeof(old->args)) == 0;
}

/*
 * Above its handler's frame, or again where it was interrupted: the program did not return from the
 * handler but jumped out of it (siglongjmp(3)).
 */
static bool was_left(const struct active_call *old, const struct active_call *call)
{
	return !old->fate_open &&
	       (call->stack_pointer > old->handler_stack_pointer || is_same_place(old, call));
}

/* Calls that were left will never be restarted, nor will those interrupted in their handlers. */
static void abandon_left(
	struct tracer *tracer, struct tracee *tracee, const struct active_call *call)
{
	const struct active_call *keep = tracee->interrupted;

	for (const struct active_call *old = keep; old; old = old->outer)
		if (was_left(old, call))
			keep = old->outer;
	while (tracee->interrupted != keep)
		abandon_interrupted(tracer, tracee);
}

/* Every call of a task with interrupted ones is stopped. True: this is the innermost, made again.
 */
static bool resume_interrupted(
	struct tracer *tracer, struct tracee *tracee, const struct active_call *call)
{
	if (!tracee->interrupted)
		return false;
	const bool restart = is_restart(tracee, call);
	tracee->handler_returned = is_sigreturn(call);
	if (restart) {
		struct active_call *const old = pop_interrupted(tracee);
		tracee->call = *old;
		tracee->in_call = true;
		free(old);
	} else if (!tracee->handler_returned) {
		abandon_left(tracer, tracee, call);
	}
	return restart;
}

void calls_handle_handler(struct tracer *tracer, struct tracee *tracee)
{
	struct active_call *const call = tracee->interrupted;
	struct arch_regs regs;
	int64_t saved = 0;
	int32_t saved_32 = 0;

	call->fate_open = false;
	if (arch_get_regs(tracee->tid, &regs))
		return;
	call->handler_stack_pointer = arch_stack_pointer(&regs);
	const uint64_t at = arch_signal_frame_result(&regs, call->audit);
	const struct arch_abi *const abi = arch_abi_find(call->audit);
	if (!at || !abi)
		return;
	if (abi->word_bytes == sizeof(saved_32) &&
		memory_read(tracee->tid, at, &saved_32, sizeof(saved_32)) == 0)
		saved = saved_32;
	else if (memory_read(tracee->tid, at, &saved, sizeof(saved)))
		return;
	if (saved != -EINTR)
		return;
	pop_interrupted(tracee);
	struct result result = read_result(tracer, tracee, call, -EINTR);
	answer_give_at(tracee, call, at, &result);
	finish(tracer, tracee, call, &result);
	free(call);
}

/* ---- the beginning of a call ---- */

/* What was received and never named since is going to be closed, too. */
static void resolve_descriptors(
	struct tracer *tracer, struct tracee *tracee, const struct call *call)
{
	if (call->kind == CALL_CLOSE_RANGE ||
		(call->kind == CALL_EXEC && switch_passes_descriptors(tracer->sw)))
		descriptors_reconcile(tracer, tracee);
	descriptors_resolve(tracer, tracee, call->fd);
	descriptors_resolve(tracer, tracee, call->new_fd);
}

/* What this call is going to close, or disconnect; which of all an exec closes is the kernel's business. */
static void settle_connects(struct tracer *tracer, struct tracee *tracee, const struct call *call)
{
	if (call->kind == CALL_CLOSE)
		descriptors_settle(tracer, tracee, call->fd);
	else if (call->kind == CALL_DUP && call->new_fd != call->fd)
		descriptors_settle(tracer, tracee, call->new_fd);
	else if (call->kind == CALL_CLOSE_RANGE && !(call->flags & CLOSE_RANGE_CLOEXEC))
		descriptors_settle_range(tracer, tracee, call->first, call->last);
	else if (call->kind == CALL_EXEC)
		descriptors_settle_range(tracer, tracee, 0, UINT_MAX);
	else if (call_disconnects(call))
		descriptors_settle(tracer, tracee, call->fd);
}

/* Asks the Switch, with what the conditions of its filters need. */
static void ask(struct tracer *tracer, struct tracee *tracee, struct call *call)
{
	const unsigned needs = call->kind < CALL_FILTERABLE ? tracer->needs[call->kind] : 0;
	struct active_call *const active = &tracee->call;
	char comm[COMM_BYTES];

	if (special_before(tracer, tracee, call))
		return;
	if (needs & FILTER_NEEDS_COMM) {
		proc_comm(tracee->tid, comm, sizeof(comm));
		call->caller.comm = comm;
	}
	if (needs & FILTER_NEEDS_NONBLOCK)
		call->nonblock = proc_is_nonblock(tracee->tid, call->fd);
	if (needs & FILTER_NEEDS_STACK) {
		call->caller.stack = take_stack(tracer, tracee, active);
		call->caller.functions =
			stacks_functions(tracer->options->stacks, call->caller.stack);
	}
	if (needs & (FILTER_NEEDS_LOCAL | FILTER_NEEDS_PEER))
		descriptors_refresh_addresses(tracer, tracee, call->fd);
	active->view = switch_view(tracee->table, call->fd);
	active->verdict = switch_before(tracer->sw, tracee->table, call, active->view.local,
		call->kind == CALL_CONNECT ? call->address : active->view.peer, &active->state);
	call->caller.comm = active->state.call.caller.comm = NULL;
	call->caller.functions = active->state.call.caller.functions = NULL;
	/* Events outlive what the addresses of the view point to. */
	active->view.local = active->view.peer = NULL;
}

/* It counts already: what remains is to tell of it. */
static void finish_counted(struct tracer *tracer, struct tracee *tracee)
{
	struct active_call *const call = &tracee->call;
	const struct verdict *const verdict = &call->verdict;
	const struct result result = {.value = -verdict->error, .pair = {-1, -1}, .so_error = -1};

	if (verdict->action == VERDICT_CANCEL || call->view.id) {
		add_stack_of_event(tracer, tracee, call);
		report_event(tracer, tracee, call, &result);
	}
	drop_call(call);
}

/* What is to be put right at the exit would not be any more when we leave. */
static void prepare_call(struct tracer *tracer, struct tracee *tracee)
{
	if (tracer->leaving)
		return;
	special_begin(tracer, tracee);
	answer_begin(tracee, &tracee->call);
}

void calls_act(struct tracer *tracer, struct tracee *tracee)
{
	struct active_call *const call = &tracee->call;

	if (call->verdict.action == VERDICT_WATCH) {
		prepare_call(tracer, tracee);
		tracee->in_call = true;
	} else if (call->verdict.action == VERDICT_CANCEL &&
		   !(tracee->filtered && tracer->leaving)) {
		tracee->in_call = answer_cancel(tracee, call);
	}
	if (!tracee->in_call)
		finish_counted(tracer, tracee);
	stops_resume(tracer, tracee, 0);
}

static void begin(struct tracer *tracer, struct tracee *tracee)
{
	const struct syscall_row *const row = tracee->call.row;
	struct call call = {
		.kind = row->kind,
		.name = row->name,
		.caller = {.pid = tracee->tgid, .tid = tracee->tid},
		.fd = -1,
		.new_fd = -1,
		/* One that we ourselves run under lets it pass: no program starts without (ld.so(8)). */
		.unsure = row->kind == CALL_CLOSE && tracee->filtered,
	};

	row->decode(tracee->tid, &tracee->call, &call);
	resolve_descriptors(tracer, tracee, &call);
	settle_connects(tracer, tracee, &call);
	ask(tracer, tracee, &call);
	held_begin(tracer, tracee);
}

/* -1 is no number: a call that was cancelled. */
static void warn_of_foreign(
	struct tracer *tracer, const struct tracee *tracee, uint32_t audit, uint64_t nr)
{
	const struct arch_abi *const abi = arch_abi_find(audit);

	if (!abi || (nr <= INT32_MAX && nr & abi->foreign_nr))
		trace_warn(tracer,
			"process %d (%s) makes system calls of an ABI that is not decoded (x32): "
			"its sockets are not counted",
			tracee->tgid, tracee->comm);
}

/* int $0x80 of a 64-bit program: the kernel takes the lower halves (arch/x86/entry/syscall_32.c). */
static void copy_arguments(struct active_call *call, const uint64_t raw[static 6])
{
	const struct arch_abi *const abi = arch_abi_find(call->audit);
	const uint64_t mask = abi && abi->word_bytes == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;

	for (int i = 0; i < 6; i++)
		call->args[i] = raw[i] & mask;
}

static void handle_entry(struct tracer *tracer, struct tracee *tracee,
	const struct ptrace_syscall_info *info, uint64_t nr, const uint64_t raw[static 6])
{
	struct active_call call = {
		.audit = info->arch,
		.nr = nr,
		.instruction_pointer = info->instruction_pointer,
		.stack_pointer = info->stack_pointer,
	};

	if (!tracee->first_exec_done || !tracee->table)
		return stops_resume(tracer, tracee, 0);
	warn_of_foreign(tracer, tracee, info->arch, nr);
	copy_arguments(&call, raw);
	call.row = syscall_find(tracee->tid, info->arch, nr, call.args, &tracer->choice);
	if (resume_interrupted(tracer, tracee, &call)) {
		prepare_call(tracer, tracee);
		return stops_resume(tracer, tracee, 0);
	}
	/* A table without sockets has none to close: as in a process without the second filter. */
	if (!call.row || (call.row->stop == STOP_OWNER && fdtable_empty(tracee->table) &&
				 !switch_passes_descriptors(tracer->sw)))
		return stops_resume(tracer, tracee, 0);
	call.begun_ns = tracer->options->on_event ? tracer_now_ns(tracer) : 0;
	tracee->call = call;
	begin(tracer, tracee);
}

/* The program itself answers it, or makes another one in its place. */
static void leave_to_handler(struct tracer *tracer, struct tracee *tracee)
{
	special_after(tracer, tracee, &tracee->call, -ENOSYS);
	abandon_call(tracer, tracee);
}

static bool is_restart_code(int64_t value)
{
	return value <= -RESTART_FIRST && value >= -RESTART_LAST;
}

/*
 * The program's own filter answered SECCOMP_RET_TRAP: the call did not run, the registers are as
 * before it, and SIGSYS is pending (seccomp(2)). What its handler does instead counts for itself.
 */
static bool was_trapped(const struct tracee *tracee, int64_t value)
{
	struct ptrace_peeksiginfo_args which = {.nr = 1};
	siginfo_t pending;

	if (value !=
		arch_rolled_back_result(tracee->call.audit, tracee->call.nr, tracee->call.args))
		return false;
	for (; ptrace(PTRACE_PEEKSIGINFO, tracee->tid, &which, &pending) == 1; which.off++)
		/* The kernel's own (sigaction(2)): glibc has no SYS_SECCOMP. */
		if (pending.si_signo == SIGSYS && pending.si_code > 0)
			return true;
	return false;
}

static int end_call(struct tracer *tracer, struct tracee *tracee, int64_t value, int *status)
{
	struct active_call *const call = &tracee->call;
	const bool trapped = was_trapped(tracee, value);

	tracee->in_call = false;
	alter_end(tracee->tid, call);
	if (trapped) {
		leave_to_handler(tracer, tracee);
	} else if (call->verdict.action == VERDICT_CANCEL) {
		(void)arch_cancel(tracee->tid, -call->verdict.error);
		finish_counted(tracer, tracee);
	} else if (is_restart_code(value)) {
		add_stack_of_event(tracer, tracee, call);
		interrupt_call(tracee);
	} else {
		return finish_at_exit(tracer, tracee, value, status);
	}
	return 0;
}

static void handle_exit(
	struct tracer *tracer, struct tracee *tracee, const struct ptrace_syscall_info *info)
{
	const int64_t value = restart_at_exit(tracer, tracee, info->arch, info->exit.rval);
	int status = 0, error = 0;

	tracee->entered = false;
	if (tracee->in_call)
		error = end_call(tracer, tracee, value, &status);
	/* A signal is about to be handled, with what the call left for that: the next exit will do.
	 */
	const bool interrupted = value == -EINTR || is_restart_code(value);
	if (!error && !interrupted && owner_filter_missing(tracer, tracee))
		error = owner_filter_add(tracer, tracee, info->arch, &status);
	if (!error)
		stops_resume(tracer, tracee, 0);
	else if (status)
		stops_handle(tracer, tracee->tid, status);
}

static void handle_seccomp(
	struct tracer *tracer, struct tracee *tracee, const struct ptrace_syscall_info *info)
{
	/*
	 * The program's own filter, which wants a tracer that it has not got: the kernel's answer to
	 * that (seccomp(2), SECCOMP_RET_TRACE).
	 */
	if (info->seccomp.ret_data != SECCOMP_OURS)
		(void)arch_cancel(tracee->tid, -ENOSYS);
	/* Where every syscall is stopped, the entry came first. */
	if (tracee->entered || info->seccomp.ret_data != SECCOMP_OURS)
		stops_resume(tracer, tracee, 0);
	else
		handle_entry(tracer, tracee, info, info->seccomp.nr,
			(const uint64_t *)info->seccomp.args);
}

void calls_handle_stop(struct tracer *tracer, struct tracee *tracee)
{
	struct ptrace_syscall_info info = {0};

	tracee->was_stopped = false;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, sizeof(info), &info) < 0)
		return; /* ESRCH: its death is to be waited for */
	switch (info.op) {
	case PTRACE_SYSCALL_INFO_ENTRY:
		tracee->entered = true;
		handle_entry(
			tracer, tracee, &info, info.entry.nr, (const uint64_t *)info.entry.args);
		break;
	case PTRACE_SYSCALL_INFO_SECCOMP:
		handle_seccomp(tracer, tracee, &info);
		break;
	case PTRACE_SYSCALL_INFO_EXIT:
		handle_exit(tracer, tracee, &info);
		break;
	default:
		break; /* killed meanwhile: it stands at its end, which is to be waited for */
	}
}

void calls_cut_off(struct tracer *tracer, struct tracee *tracee)
{
	struct arch_regs regs;

	if (!tracee->in_call || tracee->call.verdict.action != VERDICT_WATCH ||
		arch_get_regs(tracee->tid, &regs))
		return;
	/* The last moment in which it can be read. */
	add_stack_of_event(tracer, tracee, &tracee->call);
	const int64_t value = arch_result(&regs);
	if (value < 0 || !arch_was_made(&regs, tracee->call.args[0]))
		return;
	tracee->in_call = false;
	const struct result result = read_result(tracer, tracee, &tracee->call, value);
	finish(tracer, tracee, &tracee->call, &result);
}

void calls_abandon(struct tracer *tracer, struct tracee *tracee)
{
	if (tracee->in_call || tracee->held_until_ns)
		report_event(tracer, tracee, &tracee->call, NULL);
	held_drop(tracer, tracee);
	abandon_call(tracer, tracee);
	while (tracee->interrupted)
		abandon_interrupted(tracer, tracee);
}
