/* Wait statuses, and what follows from each (ptrace(2), "Stopped states"). */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* After sys/ptrace.h, whose enum it would hide. */
#include <linux/ptrace.h>

#include "trace/inject.h"
#include "trace/machine.h"
#include "trace/procfs.h"
#include "trace/tracer.h"

enum stop {
	STOP_SYSCALL,  /* syscall-entry-stop or syscall-exit-stop */
	STOP_SECCOMP,  /* the filter answered RET_TRACE */
	STOP_NEW_TASK, /* fork, vfork or clone, in the parent */
	STOP_EXEC,     /* execve succeeded; may be under a new thread id */
	STOP_EXITING,  /* about to end, its descriptors are still there */
	STOP_GROUP, /* a stop signal took effect: PTRACE_LISTEN keeps it stopped, and lets SIGCONT
		       be seen */
	STOP_ATTENTION, /* first stop of a new task, or PTRACE_INTERRUPT */
	STOP_SIGNAL,    /* a signal is about to be delivered */
};

static bool is_stop_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static enum stop classify(int status)
{
	const int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP:
		return STOP_SECCOMP;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		return STOP_NEW_TASK;
	case PTRACE_EVENT_EXEC:
		return STOP_EXEC;
	case PTRACE_EVENT_EXIT:
		return STOP_EXITING;
	case PTRACE_EVENT_STOP:
		return is_stop_signal(signal) ? STOP_GROUP : STOP_ATTENTION;
	default:
		return signal == (SIGTRAP | 0x80) ? STOP_SYSCALL : STOP_SIGNAL;
	}
}

/* ESRCH of a ptrace call is a death that the wait loop is going to be told of: never an error here.
 */
static void request(const struct tracee *tracee, unsigned what, int signal)
{
	(void)ptrace(what, tracee->tid, NULL, (unsigned long)signal);
}

void stops_let_go(struct tracer *tracer, struct tracee *tracee, int signal)
{
	coverage_note_let_go(tracer, tracee);
	alter_end(tracee->tid, &tracee->call);
	/* What it has in the last moment in which we may look. */
	calls_abandon(tracer, tracee);
	descriptors_release(tracer, tracee);
	request(tracee, PTRACE_DETACH, signal); /* ESRCH also where it is not stopped */
	stops_forget(tracer, tracee);
	attach_set_leave_deadline(tracer);
}

void stops_resume(struct tracer *tracer, struct tracee *tracee, int signal)
{
	if (tracee->ending)
		return;
	if (tracer->leaving)
		return stops_let_go(tracer, tracee, signal);
	const bool at_syscalls = tracee->first_exec_done &&
				 (tracee->in_call || tracee->entered || tracee->interrupted ||
					 tracee->every_syscall || tracee->retrying ||
					 !tracer->seccomp || owner_filter_missing(tracer, tracee));

	request(tracee, at_syscalls ? PTRACE_SYSCALL : PTRACE_CONT, signal);
}

void stops_interrupt(struct tracee *tracee)
{
	tracee->interrupting = true;
	(void)ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL);
}

void stops_forget(struct tracer *tracer, struct tracee *tracee)
{
	tracer->unlinked -= tracee->unlinked;
	calls_abandon(tracer, tracee);
	inject_forget_signals(tracee);
	descriptors_lose(tracer, tracee);
	switch_thread_ended(tracer->sw, tracee->tid);
	if (tracer->options->stacks && tracee->tid == tracee->tgid)
		stacks_forget(tracer->options->stacks, tracee->tgid);
	tracee_remove(&tracer->tracees, tracee);
}

/* ---- new tasks ---- */

static bool is_thread_of(pid_t tid, pid_t tgid)
{
	return syscall(SYS_tgkill, tgid, tid, 0) == 0;
}

static unsigned threads_of(const struct tracer *tracer, pid_t tgid)
{
	unsigned count = 0;

	for (const struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next)
		count += tracee->tgid == tgid;
	return count;
}

/*
 * Whose table a new task shares, NULL: it has one of its own. Nearly always its parent's; where the
 * parent is only guessed, another thread of its process may be the true one, which has another
 * table.
 */
static const struct tracee *sharer_of(const struct tracer *tracer, const struct tracee *child,
	const struct tracee *parent, bool guessed)
{
	int shared = proc_share_files(child->tid, parent->tid);

	if (shared < 0 && !guessed)
		shared = special_clone_shares_files(parent);
	if (shared < 0) /* what threads nearly always do */
		shared = child->tgid == parent->tgid;
	if (shared)
		return parent;
	for (const struct tracee *other = tracer->tracees; guessed && other; other = other->hh.next)
		if (other != child && other->table && proc_share_files(child->tid, other->tid) == 1)
			return other;
	return NULL;
}

static void link_table(
	struct tracer *tracer, struct tracee *child, const struct tracee *parent, bool guessed)
{
	const struct tracee *const sharer = sharer_of(tracer, child, parent, guessed);

	if (sharer) {
		child->table = fdtable_share(sharer->table);
		descriptors_identify(tracer, child);
		return;
	}
	child->table = switch_table_copy(tracer->sw, parent->table);
	/*
	 * Others may have opened and closed between the fork and now. The child has not run yet:
	 * the kernel says what it has.
	 */
	if (guessed || fdtable_users(parent->table) > 1)
		descriptors_reconcile(tracer, child);
}

/* guessed: parent is some task of the process that made the child. */
static void link_to_parent(
	struct tracer *tracer, struct tracee *child, const struct tracee *parent, bool guessed)
{
	child->tgid = is_thread_of(child->tid, parent->tgid) ? parent->tgid : child->tid;
	child->owner_filter = parent->owner_filter;
	child->every_syscall = parent->every_syscall;
	child->filtered = parent->filtered;
	child->closes = parent->closes;
	child->first_exec_done = parent->first_exec_done;
	child->is_child = parent->is_child || child->tgid != parent->tgid;
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	if (!guessed)
		special_link_child(child, parent);
	/* One that is not followed is let go at its first stop, and holds nothing till then. */
	if (!parent->table || (!tracer->options->follow && child->tgid != parent->tgid))
		return;
	child->attaching = parent->attaching; /* then what the parent has is not known yet */
	link_table(tracer, child, parent, guessed);
	/* Another thread may have added the filter between the fork and now. */
	if (child->owner_filter && child->tgid != parent->tgid &&
		(guessed || threads_of(tracer, parent->tgid) > 1))
		child->owner_filter = proc_seccomp_filters(child->tid) == tracer->own_filters + 2;
}

/* Some task of its process, or of the parent's, whose table is known; or NULL. */
static const struct tracee *kin_of(const struct tracer *tracer, pid_t tid, pid_t *tgid)
{
	const struct tracee *kin = tracer->tracees;
	pid_t ppid = 0;

	*tgid = tid;
	(void)proc_ids(tid, tgid, &ppid);
	const pid_t process = *tgid != tid ? *tgid : ppid;
	while (kin && (kin->tgid != process || !kin->table))
		kin = kin->hh.next;
	return kin;
}

/* By what the kernel says of it, and not by its parent's fork event. */
static void link_early(struct tracer *tracer, struct tracee *tracee, const struct tracee *kin)
{
	if (kin) {
		link_to_parent(tracer, tracee, kin, true);
	} else {
		tracee->first_exec_done = true;
		tracee->is_child = true;
		tracee->filtered = proc_seccomp_filters(tracee->tid) != 0;
		tracee->table = fdtable_new();
		if (!tracee->table)
			abort();
		proc_comm(tracee->tid, tracee->comm, sizeof(tracee->comm));
		descriptors_reconcile(tracer, tracee);
	}
}

/*
 * A task whose parent's fork event has not come yet, or never will (SIGKILL). Where kcmp(2) does
 * not tell whose table it has, only the event does: it stays stopped till then.
 */
static struct tracee *add_early(struct tracer *tracer, pid_t tid, enum stop stop)
{
	pid_t tgid;
	const struct tracee *const kin = kin_of(tracer, tid, &tgid);
	struct tracee *const tracee = tracee_add(&tracer->tracees, tid, tgid);

	if (!tracee)
		abort();
	tracee->unlinked = stop == STOP_ATTENTION && kin && proc_share_files(tid, kin->tid) < 0;
	if (tracee->unlinked)
		tracer->unlinked++;
	else
		link_early(tracer, tracee, kin);
	if (stop == STOP_ATTENTION)
		special_link_early_child(tracer, tracee);
	return tracee;
}

static void handle_attention(struct tracer *tracer, struct tracee *tracee)
{
	special_restore_child(tracee);
	tracee->interrupting = false;
	if (!tracer->options->follow && tracee->is_child)
		return stops_let_go(tracer, tracee, 0);
	restart_at_signal(tracer, tracee, 0);
	attach_stopped(tracer, tracee);
	stops_resume(tracer, tracee, 0);
}

static void go_on_linked(struct tracer *tracer, struct tracee *tracee)
{
	tracee->unlinked = false;
	tracer->unlinked--;
	handle_attention(tracer, tracee);
}

/* A task is gone, which may be the parent whose event others wait for: they wait no more. */
static void link_waiting(struct tracer *tracer)
{
	for (struct tracee *tracee = tracer->tracees; tracer->unlinked && tracee;) {
		struct tracee *const next = tracee->hh.next;
		pid_t tgid;
		if (tracee->unlinked) {
			link_early(tracer, tracee, kin_of(tracer, tracee->tid, &tgid));
			go_on_linked(tracer, tracee);
		}
		tracee = next;
	}
}

static void handle_new_task(struct tracer *tracer, struct tracee *parent)
{
	unsigned long message = 0;
	struct tracee *child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &message) == 0) {
		const pid_t tid = (pid_t)message;
		/*
		 * One that was seen early may have ended or been let go: then it is not traced any
		 * more.
		 */
		child = tracee_find(&tracer->tracees, tid);
		if (child && child->unlinked) {
			link_to_parent(tracer, child, parent, false);
			go_on_linked(tracer, child);
		} else if (child) {
			child->every_syscall |= parent->every_syscall;
		} else if (proc_tracer(tid) == getpid()) {
			child = tracee_add(&tracer->tracees, tid, tid);
			if (!child)
				abort();
			link_to_parent(tracer, child, parent, false);
		}
	}
	stops_resume(tracer, parent, 0);
}

/* ---- exec ---- */

static void first_exec(struct tracer *tracer, struct tracee *tracee)
{
	launch_collect(&tracer->launch, &tracer->report);
	if (tracer->report.filter_error && tracer->seccomp) {
		tracer->seccomp = false;
		(void)ptrace(PTRACE_SETOPTIONS, tracee->tid, NULL, LAUNCH_OPTIONS);
	}
	tracer->outcome->started = true;
	tracee->first_exec_done = true;
}

/*
 * All other threads are gone; some said so, the leader did not (ptrace(2), "execve(2) under
 * ptrace").
 */
static struct tracee *take_over_process(struct tracer *tracer, struct tracee *leader, pid_t former)
{
	struct tracee *const survivor =
		former == leader->tid ? leader : tracee_find(&tracer->tracees, former);
	struct tracee *other, *next;
	const pid_t tgid = leader->tgid;

	if (!survivor)
		return leader;
	for (other = tracer->tracees; other; other = next) {
		next = other->hh.next;
		if (other->tgid != tgid || other == survivor)
			continue;
		stops_forget(tracer, other);
	}
	if (survivor->tid != tgid) {
		switch_thread_renamed(tracer->sw, survivor->tid, tgid);
		tracee_rename(&tracer->tracees, survivor, tgid);
	}
	return survivor;
}

/*
 * A traced program gains no privilege by exec where the tracer lacks CAP_SYS_PTRACE (ptrace(2)), or
 * where no_new_privs had to be set for the filter (seccomp(2)). With no_new_privs of its own it
 * would not untraced.
 */
static void warn_of_privilege(struct tracer *tracer, const struct tracee *tracee)
{
	if (!proc_was_denied_privilege(tracee->tid) || proc_no_new_privs(getpid()))
		return;
	const bool no_new_privs = proc_no_new_privs(tracee->tid);
	const bool ours = tracer->seccomp && !machine_has_sys_admin();
	if (no_new_privs ? !ours : machine_has_sys_ptrace())
		return;
	trace_warn(tracer,
		"%s is a set-user-ID or set-group-ID program or has file capabilities, and runs "
		"without that privilege under socktest (%s); as root it would have it",
		tracee->comm, no_new_privs ? "no_new_privs" : "no CAP_SYS_PTRACE");
}

static void handle_exec(struct tracer *tracer, struct tracee *tracee)
{
	unsigned long former = (unsigned long)tracee->tid;

	(void)ptrace(PTRACE_GETEVENTMSG, tracee->tid, NULL, &former);
	tracee = take_over_process(tracer, tracee, (pid_t)former);
	tracee->ending = false; /* the former leader's, if that was not known to be another */
	calls_abandon(tracer, tracee);
	if (tracer->options->stacks)
		stacks_forget(tracer->options->stacks, tracee->tgid);
	if (!tracee->first_exec_done)
		first_exec(tracer, tracee);
	proc_comm(tracee->tid, tracee->comm, sizeof(tracee->comm));
	warn_of_privilege(tracer, tracee);
	if (tracee->table) {
		descriptors_unshare(tracer, tracee);
		descriptors_reconcile(tracer, tracee);
	}
	link_waiting(tracer);
	stops_resume(tracer, tracee, 0);
}

/* ---- signals and ends ---- */

static void handle_signal(struct tracer *tracer, struct tracee *tracee, int signal)
{
	inject_restore_signal(tracee, signal);
	if (tracee->stepping) {
		tracee->stepping = false;
		if (signal == SIGTRAP && tracee->interrupted) {
			calls_handle_handler(tracer, tracee);
			return stops_resume(tracer, tracee, 0);
		}
	}
	restart_at_signal(tracer, tracee, signal);
	if (tracee->interrupted && tracee->interrupted->fate_open &&
		proc_catches(tracee->tid, signal)) {
		tracee->stepping = true;
		return request(tracee, PTRACE_SINGLESTEP, signal);
	}
	stops_resume(tracer, tracee, signal);
}

static void handle_group_stop(struct tracer *tracer, struct tracee *tracee)
{
	tracee->interrupting = false;
	tracee->was_stopped = true;
	attach_stopped(tracer, tracee);
	if (tracer->leaving)
		return stops_let_go(tracer, tracee, 0); /* it stays stopped */
	request(tracee, PTRACE_LISTEN, 0);
}

static void handle_exiting(struct tracer *tracer, struct tracee *tracee)
{
	unsigned long status = 0;

	attach_stopped(tracer, tracee); /* the others of its table may have been waiting for it */
	/*
	 * A seccomp filter of its own that ends it puts the call's number where its result would
	 * be.
	 */
	if (ptrace(PTRACE_GETEVENTMSG, tracee->tid, NULL, &status) == 0 &&
		WTERMSIG((int)status) != SIGSYS)
		calls_cut_off(tracer, tracee);
	calls_abandon(tracer, tracee);
	descriptors_release(tracer, tracee);
	request(tracee, PTRACE_CONT, 0);
}

static void handle_end(struct tracer *tracer, struct tracee *tracee, int status)
{
	if (tracee->tid == tracer->launch.pid) {
		tracer->ended = true;
		tracer->outcome->signaled = WIFSIGNALED(status);
		tracer->outcome->status =
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	}
	stops_forget(tracer, tracee);
	if (tracer->ended && !tracer->options->wait && !tracer->leaving && !tracer->kill_at_ns)
		attach_leave(tracer);
}

/*
 * The first stop of all, before the program has run anything of its own: an older kernel does not
 * know the request that every other stop needs.
 */
static void probe(struct tracer *tracer, pid_t tid)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) >= 0)
		tracer->probed = true;
	else if (errno != ESRCH)
		tracer->lacking = errno;
	if (!tracer->lacking)
		return;
	if (tracer->options->attach_count)
		attach_leave(tracer);
	else
		(void)kill(tid, SIGKILL);
}

void stops_handle(struct tracer *tracer, pid_t tid, int status)
{
	struct tracee *tracee = tracee_find(&tracer->tracees, tid);

	if (!WIFSTOPPED(status)) {
		if (tracee)
			handle_end(tracer, tracee, status);
		else if (tracer->options->on_child)
			tracer->options->on_child(tracer->options->context, tid, status);
		return link_waiting(tracer);
	}
	if (!tracer->probed && !tracer->lacking)
		probe(tracer, tid);
	if (tracer->lacking && !tracer->leaving)
		return (void)ptrace(PTRACE_CONT, tid, NULL, NULL); /* to its end */
	const enum stop stop = classify(status);
	if (!tracee)
		tracee = add_early(tracer, tid, stop);
	if (tracee->unlinked && stop == STOP_ATTENTION)
		return;
	switch (stop) {
	case STOP_SYSCALL:
	case STOP_SECCOMP:
		return calls_handle_stop(tracer, tracee);
	case STOP_NEW_TASK:
		return handle_new_task(tracer, tracee);
	case STOP_EXEC:
		return handle_exec(tracer, tracee);
	case STOP_EXITING:
		return handle_exiting(tracer, tracee);
	case STOP_GROUP:
		return handle_group_stop(tracer, tracee);
	case STOP_ATTENTION:
		return handle_attention(tracer, tracee);
	case STOP_SIGNAL:
		return handle_signal(tracer, tracee, WSTOPSIG(status));
	}
}
