/*
 * debugger: has itself traced by its parent, then attaches to a child of its own; prints what
 * ptrace(2) says to each.
 */
#include "rights.h"

#include <sys/ptrace.h>

static void tell(const char *what, long result)
{
	printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
}

static void be_traced(void)
{
	const pid_t child = MUST(fork());

	if (child == 0) {
		tell("traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		MUST(close(prog_socket()));
		_exit(0);
	}
	prog_wait(child);
}

static void trace_child(void)
{
	const struct turn end = turn_new();
	const pid_t child = MUST(fork());

	if (child == 0) {
		alarm(PROG_SECONDS);
		turn_take(&end);
		MUST(close(prog_socket()));
		_exit(0);
	}
	tell("seize", ptrace(PTRACE_SEIZE, child, NULL, NULL));
	tell("attach", ptrace(PTRACE_ATTACH, child, NULL, NULL));
	turn_give(&end);
	prog_wait(child);
}

int main(void)
{
	prog_begin();
	be_traced();
	trace_child();
	MUST(close(prog_socket()));
	return 0;
}
