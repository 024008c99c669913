/*
 * Arguments of a call that are others for the time of the call. The registers have the program's
 * own again at its exit, and so has the memory below its stack that was borrowed. If socktest dies
 * in between, the call runs as it was altered, and the program finds arguments in registers where
 * it put others.
 */
#ifndef SOCKTEST_TRACE_ALTER_H
#define SOCKTEST_TRACE_ALTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ALTER_ARGUMENTS_MAX = 2, ALTER_BYTES_MAX = 128 };

/* All zero: nothing is altered. */
struct alteration {
	unsigned count; /* of arguments that are to be put back */
	struct {
		int index;
		uint64_t value;
	} before[ALTER_ARGUMENTS_MAX];
	uint64_t at;   /* of the borrowed bytes */
	size_t length; /* of them; 0: none */
	unsigned char lent[ALTER_BYTES_MAX];
};

struct active_call;

/*
 * At a syscall's entry: borrows length bytes of the program's memory for the time of the call and
 * fills them; alteration->at says where they are. Below the stack of the stopped task, where nobody
 * may expect anything to stay: a signal's handler would be put there (sigaltstack(2)). Returns 0 or
 * -errno.
 */
int alter_borrow(pid_t tid, struct active_call *call, const void *bytes, size_t length);

/* At a syscall's entry: one argument (an index in the registers) is another one. 0 or -errno. */
int alter_argument(pid_t tid, struct active_call *call, int index, uint64_t value);

/* At its exit, or wherever the task is let go: all is as before. */
void alter_end(pid_t tid, struct active_call *call);

#endif
