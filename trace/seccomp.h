/* The two seccomp filters, built by libseccomp from the table of system calls. */
#ifndef SOCKTEST_TRACE_SECCOMP_H
#define SOCKTEST_TRACE_SECCOMP_H

#include <linux/filter.h>

#include "switch/error.h"
#include "trace/syscalls.h"

/* What SECCOMP_RET_DATA says at the stops of our filters; the traced program may have some, too. */
enum { SECCOMP_OURS = 0x5354 };

/*
 * The program that stops the calls of rows whose stop class is STOP_OWNER (owner), or those of all
 * the others that the run wants. *program's instructions are owned by the caller (free). Returns 0,
 * or -errno with a message.
 */
int seccomp_build(bool owner, const struct stop_choice *choice, struct sock_fprog *program,
	struct error *error);

/*
 * Installs it in this process, which is about to exec; no_new_privs only where it must be. 0 or
 * -errno.
 */
int seccomp_install(const struct sock_fprog *program);

#endif
