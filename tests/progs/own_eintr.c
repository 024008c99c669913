/*
 * A program whose own seccomp filter answers a call with EINTR, which is what it gets each time,
 * also while signals come that do nothing, and while one waits that is blocked.
 */
#include "seccomp_filter.h"

enum { CALLS = 20 };

int main(void)
{
	sigset_t set;

	prog_begin();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(kill(getpid(), SIGUSR1));
	prog_filter_call(SYS_epoll_pwait, SECCOMP_RET_ERRNO | EINTR, 0);
	for (int i = 0; i < CALLS; i++) {
		MUST(kill(getpid(), SIGWINCH));
		MUST_FAIL(EINTR, syscall(SYS_epoll_pwait, -1, NULL, 1, 0, NULL, 0));
	}
	return 0;
}
