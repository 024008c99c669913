/* What a call that blocks waits for. */
#ifndef SOCKTEST_TRACE_WAITING_H
#define SOCKTEST_TRACE_WAITING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WAITING_MAX = 64 };

struct waiting {
	int fds[WAITING_MAX];
	size_t count;
};

/*
 * The descriptors that the named call of a task is about, as far as there is room: the one that it
 * reads or writes, or those that it polls. None: it waits for something else.
 */
void waiting_find(
	pid_t tid, const char *name, const uint64_t args[static 6], struct waiting *waiting);

#endif
