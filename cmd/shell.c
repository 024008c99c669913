#include "cmd/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child of fork(2): it says on failure why it could not be what it should. */
static _Noreturn void become(const char *command, int input, int failure)
{
	int error;

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (dup2(input, STDIN_FILENO) >= 0)
		execl(_PATH_BSHELL, "sh", "-c", command, (char *)NULL);
	error = errno;
	(void)!write(failure, &error, sizeof(error));
	_exit(127);
}

/* Waits for the exec, which closes the pipe, or for what went wrong with it. */
static int read_failure(int failure)
{
	int error = 0;

	while (read(failure, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	return error;
}

static int start(const char *command, int input, pid_t *pid)
{
	int failure[2], error;

	if (pipe2(failure, O_CLOEXEC) < 0)
		return errno;
	*pid = fork();
	if (*pid == 0)
		become(command, input, failure[1]);
	error = *pid < 0 ? errno : 0;
	close(failure[1]);
	if (!error) {
		error = read_failure(failure[0]);
		if (error)
			waitpid(*pid, NULL, 0);
	}
	close(failure[0]);
	return error;
}

int shell_start(const char *command, pid_t *pid)
{
	int pipe[2], error;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	error = start(command, pipe[0], pid);
	close(pipe[0]);
	if (!error)
		return pipe[1];
	close(pipe[1]);
	return -error;
}
