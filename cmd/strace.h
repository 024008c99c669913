/* strace's spelling: what its options mean here, and what does the same where they mean nothing. */
#ifndef SOCKTEST_CMD_STRACE_H
#define SOCKTEST_CMD_STRACE_H

#include "cmd/options.h"

/* socket, connect, listen, accept, accept4, getsockopt, close: to strace the last four differ. */
enum { STRACE_CALLS = 7 };

/*
 * What "-e inject=" and "-e fault=" ask for, a filter for each system call that was named: of
 * several expressions for one the last counts, as in strace. The others have no option.
 */
struct strace_filters {
	struct filter_request of[STRACE_CALLS];
};

/* Takes EXPR of -e EXPR. Exits with a message where it is wrong, or is none of those two. */
void strace_take(struct strace_filters *filters, const char *expression);

/* What does here what an option of strace's does: "-y", "--trace"; NULL: nothing does, or it has none. */
const char *strace_option(const char *word);

#endif
