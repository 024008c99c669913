/* Attaching to processes that run already, and leaving them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "trace/machine.h"
#include "trace/procfs.h"
#include "trace/tracer.h"

/* ---- attaching ---- */

/* Why PTRACE_SEIZE was refused (ptrace(2), "Ptrace access mode checking"). */
static int refused(pid_t pid, pid_t tid, int code, struct error *error)
{
	const pid_t other = proc_tracer(tid);
	char comm[COMM_BYTES];

	if (pid == getpid())
		return error_set(error, code, "--attach=%d: socktest cannot trace itself", pid);
	if (other) {
		proc_comm(other, comm, sizeof(comm));
		return error_set(error, code,
			"--attach=%d: the process is traced by process %d (%s) already, and can "
			"have one tracer only",
			pid, other, comm);
	}
	if (code == EPERM && machine_yama_scope() == 3)
		return error_set(error, code,
			"--attach=%d: kernel.yama.ptrace_scope is 3, which forbids attaching until "
			"the next boot",
			pid);
	if (!machine_can_trace())
		return error_set(error, code,
			"--attach=%d: a container or sandbox forbids ptrace(2); docker and podman "
			"allow it with --cap-add=SYS_PTRACE",
			pid);
	if (code == EPERM && machine_yama_scope() > 0 && !machine_has_sys_ptrace())
		return error_set(error, code,
			"--attach=%d: kernel.yama.ptrace_scope is %d: only children may be traced; "
			"run socktest as root, "
			"or set it to 0 (sysctl kernel.yama.ptrace_scope=0)",
			pid, machine_yama_scope());
	if (code == EPERM && !machine_has_sys_ptrace())
		return error_set(error, code,
			"--attach=%d: another user's or a privileged process: socktest needs "
			"CAP_SYS_PTRACE; run it as root",
			pid);
	return error_set(error, code,
		"--attach=%d: ptrace: %s; it is a kernel thread, or a security module forbids it",
		pid, strerror(code));
}

static void share_or_make_table(struct tracer *tracer, struct tracee *tracee)
{
	for (struct tracee *other = tracer->tracees; other; other = other->hh.next) {
		if (!other->table)
			continue;
		const int shared = proc_share_files(tracee->tid, other->tid);
		if (shared > 0 || (shared < 0 && other->tgid == tracee->tgid)) {
			tracee->table = fdtable_share(other->table);
			return;
		}
	}
	tracee->table = fdtable_new();
	if (!tracee->table)
		abort();
}

/*
 * One task. It was running, perhaps within a call, which the interrupt has it begin again. -ESRCH:
 * it has ended; of a task that is about to vanish, or waits as a zombie, PTRACE_SEIZE says EPERM.
 */
static int seize(struct tracer *tracer, pid_t tid, pid_t tgid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, TRACE_OPTIONS) < 0)
		return errno == EPERM && proc_has_ended(tid) ? -ESRCH : -errno;
	struct tracee *const tracee = tracee_add(&tracer->tracees, tid, tgid);
	if (!tracee)
		abort();
	tracee->first_exec_done = true;
	tracee->attaching = true;
	tracee->filtered = proc_seccomp_filters(tid) != 0;
	proc_comm(tgid, tracee->comm, sizeof(tracee->comm));
	share_or_make_table(tracer, tracee);
	stops_interrupt(tracee);
	return 0;
}

/* The threads that are not seized yet. Returns how many that were, or what refused() says. */
static int seize_threads(struct tracer *tracer, pid_t pid, struct error *error)
{
	char path[64];
	const struct dirent *entry;
	int count = 0, status = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *const dir = opendir(path);
	if (!dir) /* if not hidden by proc(5)'s hidepid it has just ended */
		return errno == ENOENT ? 0 : refused(pid, pid, EPERM, error);
	while (!status && (entry = readdir(dir)) != NULL) {
		const pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (tid <= 0 || tracee_find(&tracer->tracees, tid))
			continue;
		status = seize(tracer, tid, pid);
		if (!status)
			count++;
		else if (status == -ESRCH)
			status = 0; /* others may run on, even if it was the leader */
		else
			status = refused(pid, tid, -status, error);
	}
	closedir(dir);
	return status ? status : count;
}

static int attach_to(struct tracer *tracer, pid_t pid, struct error *error)
{
	pid_t tgid = pid, ppid;
	int count = proc_ids(pid, &tgid, &ppid);

	if (count == -EPERM || count == -EACCES)
		return refused(pid, pid, EPERM, error);
	if (count)
		return error_set(error, ESRCH, "--attach=%d: there is no such process", pid);
	/* A thread that is not seized yet can start one that is not: until none is new. */
	do
		count = seize_threads(tracer, tgid, error);
	while (count > 0);
	if (!count && !tracee_of_process(&tracer->tracees, tgid))
		return error_set(error, ESRCH, "--attach=%d: the process has ended", pid);
	return count;
}

int attach_start(struct tracer *tracer, struct error *error)
{
	for (size_t i = 0; i < tracer->options->attach_count; i++) {
		const int status = attach_to(tracer, tracer->options->attach[i], error);
		if (status)
			return status;
	}
	coverage_note_attached(tracer);
	tracer->outcome->started = true;
	return 0;
}

void attach_stopped(struct tracer *tracer, struct tracee *tracee)
{
	if (!tracee->attaching)
		return;
	tracee->attaching = false;
	for (const struct tracee *other = tracer->tracees; other; other = other->hh.next)
		if (other->attaching && other->table == tracee->table)
			return;
	/*
	 * From here on each of its users is stopped at its calls: what is there now was there
	 * before.
	 */
	descriptors_reconcile(tracer, tracee);
}

/* ---- leaving ---- */

/* From the last task that went. */
static const uint64_t patience_ns = 2000000000;

void attach_set_leave_deadline(struct tracer *tracer)
{
	/* Others are killed when we end (PTRACE_O_EXITKILL): they can only be waited for. */
	if (tracer->leaving && tracer->options->attach_count)
		tracer->leave_by_ns = tracer_now_ns(tracer) + patience_ns;
}

uint64_t attach_leave_deadline(const struct tracer *tracer)
{
	return tracer->left ? 0 : tracer->leave_by_ns;
}

void attach_leave_in_time(struct tracer *tracer, uint64_t now_ns)
{
	if (!attach_leave_deadline(tracer) || now_ns < tracer->leave_by_ns)
		return;
	while (tracer->tracees) {
		struct tracee *const tracee = tracer->tracees;
		if (tracee->tid == tracee->tgid)
			trace_warn(tracer,
				"process %d (%s) waits in the kernel and cannot be stopped to be "
				"let go: it goes on untraced when socktest has ended",
				tracee->tgid, tracee->comm);
		stops_let_go(tracer, tracee, 0);
	}
	tracer->left = true;
}

void attach_leave(struct tracer *tracer)
{
	tracer->leaving = true;
	for (struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next)
		stops_interrupt(tracee);
	attach_set_leave_deadline(tracer);
}
