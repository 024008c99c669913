/* The engine's state, private to trace/. */
#ifndef SOCKTEST_TRACE_TRACER_H
#define SOCKTEST_TRACE_TRACER_H

#include <linux/filter.h>
#include <sys/ptrace.h>

#include "trace/coverage.h"
#include "trace/launch.h"
#include "trace/pending.h"
#include "trace/syscalls.h"
#include "trace/trace.h"
#include "trace/tracee.h"

struct tracer {
	const struct trace_options *options;
	struct switchboard *sw;
	struct trace_outcome *outcome;
	tracee_map tracees;
	struct pending pending;
	struct stop_choice choice;
	unsigned needs[CALL_FILTERABLE]; /* filters_needs of each kind */

	bool seccomp;                   /* tracees carry the first filter */
	struct sock_fprog first, owner; /* the two filters */
	int own_filters;                /* seccomp filters that socktest itself runs under */

	struct launch launch;
	struct launch_report report;
	bool probed;          /* the first stop has shown that the kernel tells what is needed */
	int lacking;          /* if not: the errno */
	bool leaving;         /* every task is let go at its next stop */
	uint64_t leave_by_ns; /* those that have not stopped by then are left as they are; 0: no
				 time is set */
	bool left;            /* they were */
	bool ended;           /* the first process is gone */
	uint64_t start_ns;
	uint64_t ended_ns;  /* when the call ended that is being told of; 0: none is */
	unsigned held;      /* tracees whose calls are held back */
	uint64_t questions; /* how many were asked */
	struct trace_attention attention;
	uint64_t armed_ns; /* when the first of them is due; 0: the timer is off */
	unsigned unlinked; /* tracees that wait for their parent's fork event */
	uint64_t walks;    /* through the tables of all tasks */
	bool identified;   /* every socket has had to have its inode from some time on */
	struct coverage coverage;
	uint64_t kill_at_ns; /* the time is up: whoever is left by then is killed; 0: it is not */
	bool killing;        /* and so is whoever shows up */
	bool ends_untraced;  /* when the time is up, descendants that are not traced, too */
	bool is_reaper;      /* orphans among them become children of ours */
	uint64_t terminated_ns; /* when the first SIGTERM came; 0: none did */
};

/* ---- tracer.c ---- */

/* Since the start of the run. */
uint64_t tracer_now_ns(const struct tracer *tracer);

/* The same for events: while one call is told of it stands still, as stacks take long to look up. */
uint64_t tracer_event_ns(const struct tracer *tracer);

/* ---- descriptors.c: what the kernel says of descriptors, told to the Switch ---- */

/*
 * A socket's inode is its identity. Reading it has a cost, and only
 * sockets that can be met again elsewhere need it: in a table that several tasks use, or where
 * descriptors can be passed. All others are given theirs when that begins, or when an unknown
 * socket turns up.
 */
uint64_t descriptors_inode(const struct tracer *tracer, const struct tracee *tracee, int fd);

/* Gives those of one table, or of all, their inodes. */
void descriptors_identify(struct tracer *tracer, const struct tracee *tracee);
void descriptors_identify_all(struct tracer *tracer);

/*
 * If fd is a socket that its table does not hold, the Switch is told. Where the table is shared and
 * messages bring descriptors, what the table holds may be wrong: another task closed it, in a call
 * whose end is not seen yet, and a message has brought another one since.
 */
void descriptors_resolve(struct tracer *tracer, struct tracee *tracee, int fd);

/* Makes the table what /proc says it is. */
void descriptors_reconcile(struct tracer *tracer, struct tracee *tracee);

/* Asks the kernel for the addresses of fd's socket. */
void descriptors_refresh_addresses(struct tracer *tracer, struct tracee *tracee, int fd);

/*
 * fd is about to be closed: if a connect of its socket is pending, the kernel is asked how it
 * ended, as the program may never do. By getpeername(2) on a duplicate; SO_ERROR would be cleared
 * by reading it. Whether it is the last descriptor does not matter, and could not be told while
 * others close theirs.
 */
void descriptors_settle(struct tracer *tracer, struct tracee *tracee, int fd);
void descriptors_settle_range(
	struct tracer *tracer, struct tracee *tracee, unsigned first, unsigned last);

/* SO_ERROR of fd's socket was read as 0, which is what it is from the beginning of a connect on. */
enum so_error_truth descriptors_so_error_truth(const struct tracee *tracee, int fd);

/*
 * The task is about to let go of its table, or to be let go of: the kernel says for the last time
 * what is there.
 */
void descriptors_release(struct tracer *tracer, struct tracee *tracee);

/* It is gone, and the kernel shows no descriptors any more: what it had went with it. */
void descriptors_lose(struct tracer *tracer, struct tracee *tracee);

/* The task gets a table of its own, if it shares one. */
void descriptors_unshare(struct tracer *tracer, struct tracee *tracee);

/* ---- calls.c: entries and exits of traced calls ---- */

/* At a syscall-stop or a seccomp stop. Resumes the task, or holds it. */
void calls_handle_stop(struct tracer *tracer, struct tracee *tracee);

/* The verdict's action, once nothing holds the call back any more. */
void calls_act(struct tracer *tracer, struct tracee *tracee);

/*
 * The task is about to end, by a signal or by another thread's exec, which cut off the call that it
 * is in: if that was made, its result counts.
 */
void calls_cut_off(struct tracer *tracer, struct tracee *tracee);

/* The task is gone: whatever it was in will have no result. */
void calls_abandon(struct tracer *tracer, struct tracee *tracee);

/* At the first instruction of a signal handler: was the interrupted call given up? */
void calls_handle_handler(struct tracer *tracer, struct tracee *tracee);

/* ---- restart.c: calls that only tracing interrupts ---- */

/*
 * At a syscall-exit-stop: such a call is made again where no handler runs. Returns the result that
 * the call has now.
 */
int64_t restart_at_exit(
	struct tracer *tracer, struct tracee *tracee, uint32_t audit, int64_t value);

/*
 * At a signal's stop, or that of PTRACE_INTERRUPT (0): the same, for a call whose exit was not seen.
 */
void restart_at_signal(struct tracer *tracer, struct tracee *tracee, int signal);

/* ---- held.c: calls that are held back ---- */

/* A verdict was given: asks if it says so, holds the call back, or lets it go on at once. */
void held_begin(struct tracer *tracer, struct tracee *tracee);

/* The task is gone, if it was held. */
void held_drop(struct tracer *tracer, struct tracee *tracee);

/* When the first held call is due, 0: none has a deadline. */
uint64_t held_nearest_ns(const struct tracer *tracer);

/*
 * Those go on that are due. UINT64_MAX: all are, and those who wait for an answer take no notice of
 * their filter.
 */
void held_release_due(struct tracer *tracer, uint64_t now_ns);

/* ---- answer.c: results that filters replace ---- */

/*
 * At the entry of a call: it will not be made, and the program gets the verdict's errno. Returns
 * whether that has to be seen to at the syscall-exit-stop, once more.
 */
bool answer_cancel(const struct tracee *tracee, struct active_call *call);

/* At the entry of a call that is made: what the verdict's answer needs of it. */
void answer_begin(const struct tracee *tracee, struct active_call *call);

/*
 * At the syscall-exit-stop of a call: gives the program what the verdict says in place of *result,
 * and says there what it got. Returns 0, or -ESRCH when the task is dying: *status is then a wait
 * status to be handled, or 0.
 */
int answer_give(struct tracer *tracer, struct tracee *tracee, const struct active_call *call,
	struct result *result, int *status);

/*
 * At a signal handler's first instruction: the same for a call that was given up with EINTR, whose
 * result is kept at an address of the program.
 */
void answer_give_at(const struct tracee *tracee, const struct active_call *call, uint64_t at,
	struct result *result);

/* ---- special.c: calls that concern the tracer ---- */

/* At the entry of such a call sets tracee->call's verdict; false: it is none. */
bool special_before(struct tracer *tracer, struct tracee *tracee, const struct call *call);

/* At the entry of a call that is made: what has to be altered of such a one. */
void special_begin(struct tracer *tracer, struct tracee *tracee);

/*
 * A new task has the registers of its parent, also where those were altered for the call that made
 * it: with the parent known, or while it is still in that call; and at the task's first stop.
 */
void special_link_child(struct tracee *child, const struct tracee *parent);
void special_link_early_child(const struct tracer *tracer, struct tracee *child);
void special_restore_child(struct tracee *child);

/* After any call, before the Switch is told: what it did to the task's table, and the like. */
void special_after(struct tracer *tracer, struct tracee *tracee, const struct active_call *call,
	int64_t value);

/*
 * At the parent's fork event, where kcmp(2) is not to be had: whether the child shares its
 * descriptor table. 1 or 0, or -errno.
 */
int special_clone_shares_files(const struct tracee *parent);

/* ---- owner.c: the second filter ---- */

/* Whether the task owns sockets without being stopped at close and its kin. */
bool owner_filter_missing(const struct tracer *tracer, const struct tracee *tracee);

/*
 * At a syscall-exit-stop of a task that misses it: adds the second filter to its process, or sees
 * to it that the task is stopped at every syscall instead. Returns 0, or -ESRCH when the task is
 * dying: *status is then a wait status to be handled.
 */
int owner_filter_add(struct tracer *tracer, struct tracee *tracee, uint32_t audit, int *status);

/*
 * The task, or its whole process, has got a seccomp filter of its own: it is stopped at every
 * syscall from now on. The filter's answers to a call go before ours (seccomp(2)), but not before a
 * syscall-entry-stop.
 */
void owner_note_filters(struct tracer *tracer, struct tracee *tracee, bool process);

/* ---- attach.c ---- */

/*
 * PTRACE_O_TRACESECCOMP only with filters of ours: without it the calls for which the program's own
 * say SECCOMP_RET_TRACE fail with ENOSYS, as without a tracer (seccomp(2)).
 */
enum {
	TRACE_OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
			PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT,
	LAUNCH_OPTIONS = TRACE_OPTIONS | PTRACE_O_EXITKILL,
};

/*
 * Seizes all threads of the processes of options->attach. 0, or -errno with a message of what
 * forbids it.
 */
int attach_start(struct tracer *tracer, struct error *error);

/*
 * At a stop: is it the first since the task was attached to? With the last of its table's the table
 * is read.
 */
void attach_stopped(struct tracer *tracer, struct tracee *tracee);

/* Lets every task go at its next stop. */
void attach_leave(struct tracer *tracer);

/*
 * When that is enough: tasks that do not stop (vfork(2) until the child is done, a file system that
 * does not answer) are left to the kernel, which lets them go when socktest ends. They must not
 * hold it up. 0: it is over, or there is no such time.
 */
void attach_set_leave_deadline(struct tracer *tracer); /* anew: it goes ahead */
uint64_t attach_leave_deadline(const struct tracer *tracer);
void attach_leave_in_time(struct tracer *tracer, uint64_t now_ns);

/* ---- stops.c: wait statuses ---- */

void stops_handle(struct tracer *tracer, pid_t tid, int status);

/*
 * Lets the task run to its next stop, with a signal (0: none); or go, when we leave: it is not to
 * be used after.
 */
void stops_resume(struct tracer *tracer, struct tracee *tracee, int signal);

/*
 * Lets a task go, stopped, with a signal (0: none); or, resting in the kernel, as it is. It is not
 * to be used after.
 */
void stops_let_go(struct tracer *tracer, struct tracee *tracee, int signal);

/* Stops a task that runs, or is in a call. */
void stops_interrupt(struct tracee *tracee);

/* Forgets a task that is gone. */
void stops_forget(struct tracer *tracer, struct tracee *tracee);

#endif
