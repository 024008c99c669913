/* Starting the program, seized before its first instruction. */
#ifndef SOCKTEST_TRACE_LAUNCH_H
#define SOCKTEST_TRACE_LAUNCH_H

#include <linux/filter.h>
#include <stdbool.h>
#include <sys/types.h>

#include "switch/error.h"

/* What the child said before it became the program. */
struct launch_report {
	int filter_error; /* why it carries no seccomp filter; 0: it does, or none was asked for */
	int exec_error;   /* why it could not be executed; 0: it was, or has not got there */
	bool found;       /* although there is a file of its name */
};

struct launch {
	pid_t pid;
	int report_fd; /* read by launch_collect */
};

/*
 * Forks a child that is seized with these PTRACE_O_ options, has the signals that we found, carries
 * the filter (NULL: none; need_filter: else it does not go on) and executes argv by execvp(3).
 * Returns 0, or -errno with a message.
 */
int launch_start(struct launch *launch, char *const *argv, const struct sock_fprog *filter,
	bool need_filter, unsigned long ptrace_options, struct error *error);

/* What the child has said; call it once, when it has executed the program or is dead. */
void launch_collect(struct launch *launch, struct launch_report *report);

#endif
