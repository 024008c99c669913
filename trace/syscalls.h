/* The table of traced system calls: what feeds the seccomp filters, the decoder and the tests. */
#ifndef SOCKTEST_TRACE_SYSCALLS_H
#define SOCKTEST_TRACE_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/call.h"

/* In which runs, and in which processes, a call is stopped. */
enum stop_class {
	STOP_ALWAYS,        /* it makes or receives a socket, or says what becomes of one */
	STOP_OWNER,         /* only in a process that owns a socket: the second filter */
	STOP_LOCAL_ADDRESS, /* always, in runs that need local addresses */
	STOP_GETSOCKOPT,    /* always, in runs that filter getsockopt */
	STOP_MAP,           /* always, in runs that read stacks */
};

/* The call is meant only if (argument & mask) == value. */
struct argument_test {
	unsigned index;
	uint64_t mask, value; /* mask 0: no test */
};

struct active_call;

struct syscall_row {
	const char *name;
	enum call_kind kind;
	enum stop_class stop;
	struct argument_test tests[2]; /* all must hold */
	/*
	 * Fills call from active->args; what they point to is read of the task, an address to
	 * active->address.
	 */
	void (*decode)(pid_t tid, struct active_call *active, struct call *call);
	/* Fills what memory holds of a successful call's result; NULL: nothing. */
	void (*read_result)(pid_t tid, struct active_call *active, struct result *result);
};

extern const struct syscall_row syscall_rows[];
extern const size_t syscall_rows_count;

/* Which optional stop classes a run has. */
struct stop_choice {
	bool local_address, getsockopt, map;
};

/* Whether a row is stopped in this run at all. */
bool syscall_wanted(const struct syscall_row *row, const struct stop_choice *choice);

/*
 * The row of a call, NULL: it is not traced. audit: its AUDIT_ARCH. args are its six arguments;
 * those of socketcall(2) are replaced by those of the call that it stands for. syscalls_init
 * resolves the numbers by libseccomp for every ABI of the machine, and must have been called once.
 */
void syscalls_init(void);
const struct syscall_row *syscall_find(pid_t tid, uint32_t audit, uint64_t nr,
	uint64_t args[static 6], const struct stop_choice *choice);

/* The number of a named call, for calls run inside the program; negative: this ABI has none. */
long syscall_number(uint32_t audit, const char *name);

/*
 * The name of a call of a task whose program has pointers of so many bytes, or its number, for one
 * that is not traced. args are replaced as by syscall_find. Returns name.
 */
enum { SYSCALL_NAME_BYTES = 48 };
const char *syscall_name(pid_t tid, unsigned word_bytes, uint64_t nr, uint64_t args[static 6],
	char name[static SYSCALL_NAME_BYTES]);

#endif
