/* The tasks we trace, by thread id. */
#ifndef SOCKTEST_TRACE_TRACEE_H
#define SOCKTEST_TRACE_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "switch/switch.h"
#include "trace/alter.h"
#include "trace/syscalls.h"

enum { COMM_BYTES = 64 }; /* TASK_COMM_LEN is 16; kernel threads' are longer (fs/proc/array.c) */

/* A call between its entry and its exit. */
struct active_call {
	const struct syscall_row *row;
	uint32_t audit;                                           /* AUDIT_ARCH of its ABI */
	uint64_t nr, args[6], instruction_pointer, stack_pointer; /* as they were at entry */
	struct address *address; /* what call.address and result.peer point to; owned */
	int room;                /* accept: bytes that the program has for the peer's address */
	struct call_state state;
	struct sock_view view; /* of what it names, at entry */
	struct verdict verdict;
	struct alteration alteration; /* while it runs */
	uint64_t begun_ns;            /* for events: when it was made */
	bool fate_open; /* interrupted: it is not known yet whether it will be restarted */
	uint64_t handler_stack_pointer; /* of the handler that runs meanwhile; 0: none does */
	struct active_call *outer;      /* of those interrupted, the one before */
};

struct tracee {
	/* The task's own. */
	pid_t tid;
	bool attaching; /* attached to, and not stopped yet */
	bool unlinked;  /* seen before its parent's fork event, for which it waits stopped */
	bool ending;    /* its end is known, and will be handled: it is not to be resumed */
	bool entered;   /* its syscall-entry-stop was seen: its exit will be too */
	bool in_call;   /* call runs: its exit is awaited */
	struct active_call call;
	struct active_call
		*interrupted;  /* calls that the kernel may restart, the innermost first; owned */
	bool handler_returned; /* the last call was sigreturn: one of those may come again now */
	struct {
		bool altered;
		uint32_t audit;
		uint64_t argument;          /* the first */
	} copied;                           /* registers, of a parent in a call that is altered */
	struct postponed_signal *postponed; /* the oldest first (trace/inject.c); owned */
	bool stepping;     /* resumed to a handler's first instruction, to see an interrupted call's
			  fate */
	bool interrupting; /* PTRACE_INTERRUPT was sent, its stop is to come */
	bool was_stopped;  /* by a stop signal, which lets some calls end in EINTR (signal(7)) */
	bool retrying;     /* a call runs again that would have ended in EINTR */
	uint64_t retry_until_ns; /* when its timeout has passed all the same; UINT64_MAX: never */
	uint64_t held_until_ns;  /* a filter's delay; 0: not held */
	uint64_t question;       /* the number of the one that it is held for; 0: none */

	/* Shared by the threads of a process. */
	pid_t tgid;
	char comm[COMM_BYTES]; /* at its start or last exec */

	/* Inherited by children. */
	bool owner_filter;    /* carries the second filter */
	bool every_syscall;   /* cannot carry it: stopped at every syscall */
	bool filtered;        /* carries seccomp filters of its own, which answer calls, too */
	bool closes;          /* and they were seen to let close(2) pass */
	bool first_exec_done; /* false: still our own code between fork and exec */
	bool is_child;        /* of a process that the user named */

	/* Shared by CLONE_FILES. */
	struct fdtable *table; /* NULL: not known yet, or let go of at exit */

	UT_hash_handle hh;
};

/* A map of tracees, empty when NULL. */
typedef struct tracee *tracee_map;

/* Adds one (zeroed but for its ids); NULL: no memory. */
struct tracee *tracee_add(tracee_map *map, pid_t tid, pid_t tgid);
struct tracee *tracee_find(const tracee_map *map, pid_t tid);
struct tracee *tracee_of_process(const tracee_map *map, pid_t tgid); /* any of its tasks, or NULL */

/* Gives the task a new thread id (exec by a thread that is not the leader, ptrace(2)). */
void tracee_rename(tracee_map *map, struct tracee *tracee, pid_t tid);

/* Frees it; its table and its calls must have been let go of. */
void tracee_remove(tracee_map *map, struct tracee *tracee);

#endif
