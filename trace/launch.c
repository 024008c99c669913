#include "trace/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace/seccomp.h"
#include "trace/signals.h"

enum stage { STAGE_FILTER, STAGE_EXEC };

struct message {
	enum stage stage;
	int error;
	bool found; /* STAGE_EXEC: there is such a file */
};

static void say(int fd, enum stage stage, int error, bool found)
{
	const struct message message = {.stage = stage, .error = error, .found = found};

	/*
	 * A pipe takes this at once and whole (pipe(7), PIPE_BUF); without a reader nobody wants
	 * it.
	 */
	(void)!write(fd, &message, sizeof(message));
}

static void await_tracer(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

/* Whether some folder of PATH has it; execve(2) says ENOENT for an interpreter that is missing, too. */
static bool is_there(const char *command)
{
	const char *folder = getenv("PATH");
	char path[PATH_MAX];

	if (strchr(command, '/'))
		return access(command, F_OK) == 0;
	while (folder && *folder) {
		const int length = (int)strcspn(folder, ":");
		const int used = snprintf(path, sizeof(path), "%.*s/%s", length, folder, command);
		if (used < (int)sizeof(path) && access(path, X_OK) == 0)
			return true;
		folder += length + (folder[length] == ':');
	}
	return false;
}

static void __attribute__((noreturn))
child(int start, int report, char *const *argv, const struct sock_fprog *filter, bool need_filter)
{
	signals_restore();
	await_tracer(start);
	const int error = filter ? seccomp_install(filter) : 0;
	if (error)
		say(report, STAGE_FILTER, -error, false);
	if (!error || !need_filter) {
		execvp(argv[0], argv);
		const int exec_error = errno;
		say(report, STAGE_EXEC, exec_error, is_there(argv[0]));
	}
	_exit(127);
}

static int seize(pid_t pid, unsigned long ptrace_options, struct error *error)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, ptrace_options) == 0)
		return 0;
	return error_set(error, errno,
		"cannot trace a child of our own: ptrace: %s (a container or sandbox may forbid "
		"ptrace(2))",
		strerror(errno));
}

int launch_start(struct launch *launch, char *const *argv, const struct sock_fprog *filter,
	bool need_filter, unsigned long ptrace_options, struct error *error)
{
	int start[2], report[2];

	if (pipe2(start, O_CLOEXEC) < 0)
		return error_set(error, errno, "pipe: %s", strerror(errno));
	if (pipe2(report, O_CLOEXEC) < 0) {
		const int status = error_set(error, errno, "pipe: %s", strerror(errno));
		close(start[0]);
		close(start[1]);
		return status;
	}
	const pid_t pid = fork();
	if (pid == 0) {
		close(start[1]);
		close(report[0]);
		child(start[0], report[1], argv, filter, need_filter);
	}
	int status = pid < 0 ? error_set(error, errno, "fork: %s", strerror(errno)) : 0;
	if (!status)
		status = seize(pid, ptrace_options, error);
	if (pid > 0 && status) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(start[0]);
	close(start[1]); /* the child goes on */
	close(report[1]);
	if (status)
		close(report[0]);
	else
		*launch = (struct launch){.pid = pid, .report_fd = report[0]};
	return status;
}

void launch_collect(struct launch *launch, struct launch_report *report)
{
	struct message message;

	*report = (struct launch_report){0};
	while (read(launch->report_fd, &message, sizeof(message)) == (ssize_t)sizeof(message)) {
		if (message.stage == STAGE_FILTER)
			report->filter_error = message.error;
		else
			*report = (struct launch_report){.filter_error = report->filter_error,
				.exec_error = message.error,
				.found = message.found};
	}
	close(launch->report_fd);
	launch->report_fd = -1;
}
