#include "cmd/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/message.h"

enum { SIGNALED_SHELL_STATUS = 128 };

/*
 * An O_PATH descriptor keeps the number and gives EBADF to whoever writes to it, as a closed one
 * would; close-on-exec gives the program back the hole.
 */
static void fill_closed_stdio(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/", O_PATH | O_CLOEXEC) != fd)
			message_exit("descriptor %d: cannot be kept free: %s", fd, strerror(errno));
	}
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* A handler and not SIG_IGN: execve(2) puts handlers back to the default, and keeps SIG_IGN. */
static void survive(int signal)
{
	struct sigaction old;

	if (sigaction(signal, NULL, &old) || old.sa_handler != SIG_DFL)
		return;
	sigaction(signal, &(struct sigaction){.sa_handler = do_nothing, .sa_flags = SA_RESTART},
		NULL);
}

void process_prepare(void)
{
	fill_closed_stdio();
	survive(SIGPIPE);
	survive(SIGXFSZ);
}

static void die_of(int signal)
{
	sigset_t only;

	/* The program dumped its core already. RLIMIT_CORE does not stop a core(5) pipe, this does.
	 */
	prctl(PR_SET_DUMPABLE, 0);
	sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	sigemptyset(&only);
	sigaddset(&only, signal);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}

int process_end(int status)
{
	if (status >= 0)
		return status;
	die_of(-status);
	/* Still here: the first process of a pid namespace ignores the default of its signals. */
	return SIGNALED_SHELL_STATUS - status;
}
