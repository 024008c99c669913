/* What this machine, and what we are on it, lets us do. */
#ifndef SOCKTEST_TRACE_MACHINE_H
#define SOCKTEST_TRACE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* kernel.yama.ptrace_scope (Documentation/admin-guide/LSM/Yama.rst); 0 where there is no Yama. */
int machine_yama_scope(void);

/* Whether we have CAP_SYS_PTRACE, CAP_SYS_ADMIN (capabilities(7)). */
bool machine_has_sys_ptrace(void);
bool machine_has_sys_admin(void);

/* One thing that was tried on this machine. */
struct machine_check {
	const char *name;
	bool good;
	bool needed;      /* without it nothing works; else something is slower, or less is known */
	char detail[256]; /* what follows, or what to do */
};

/* Tries all of them, most needed first; room for max. Returns how many. */
size_t machine_check(struct machine_check *checks, size_t max);

/* Whether a child may be traced, tried out; false: errno says why. */
bool machine_can_trace(void);

#endif
