#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/message.h"
#include "cmd/shell.h"
#include "report/text.h"

struct output {
	const char *option, *value; /* value is NULL for stderr */
	int fd;
	bool joined; /* the file of stdout or stderr, and what is in it is not ours */
	FILE *stream;
	int error;           /* the first one, 0: none */
	const char *command; /* for the shell; NULL: none */
	pid_t pid;           /* of that, 0: it was not started or has ended */
	int status;          /* what wait(2) said of it */
	/* Whether its reader is to be waited for no longer; NULL: it never is so. */
	bool (*is_overdue)(void *context);
	void *context;
	bool stalled; /* and it was not */
};

/* How often a reader that takes nothing makes us ask, and for how long it may when it is overdue. */
enum { LOOK_MS = 100, PATIENCE_MS = 1000 };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool overdue(const struct output *output)
{
	return output->is_overdue && output->is_overdue(output->context);
}

static void give_up(struct output *output)
{
	output->stalled = true;
	output->error = ETIMEDOUT;
}

static void wait_writable(struct output *output)
{
	struct pollfd pollfd = {.fd = output->fd, .events = POLLOUT};
	int64_t overdue_ms = -1; /* since when */

	while (!output->error) {
		const int ready = poll(&pollfd, 1, output->is_overdue ? LOOK_MS : -1);

		/* What is wrong with it the write will tell. */
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return;
		if (!overdue(output))
			overdue_ms = -1;
		else if (overdue_ms < 0)
			overdue_ms = now_ms();
		else if (now_ms() - overdue_ms > PATIENCE_MS)
			give_up(output);
	}
}

/* A pipe that poll(2) calls writable takes so much at once (pipe(7)). */
static size_t most(const struct output *output, size_t length)
{
	return length > PIPE_BUF && overdue(output) ? PIPE_BUF : length;
}

/* A fopencookie(3) write function: gives fewer bytes than asked for an error. */
static ssize_t write_all(void *cookie, const char *bytes, size_t length)
{
	struct output *output = cookie;
	size_t done = 0;

	while (done < length && !output->error) {
		if (output->is_overdue)
			wait_writable(output);
		if (output->error)
			break;

		ssize_t written = write(output->fd, bytes + done, most(output, length - done));

		if (written >= 0)
			done += (size_t)written;
		else if (errno == EAGAIN)
			wait_writable(output);
		else if (errno != EINTR)
			output->error = errno;
	}
	if (output->error)
		errno = output->error;
	return (ssize_t)done;
}

static bool is_regular(int fd, struct stat *stat)
{
	return !fstat(fd, stat) && S_ISREG(stat->st_mode);
}

static bool is_same(int one, int other)
{
	struct stat first, second;

	return is_regular(one, &first) && is_regular(other, &second) &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static int open_file(const char *option, const char *value, const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		message_exit("%s=%s: %s", option, value, strerror(errno));
	return fd;
}

/*
 * /dev/stdout, say, where stdout is a file: others write there, too, from where each has got to.
 * Returns fd, or in its place a duplicate of their descriptor, whose position they share.
 */
static int join_standard(int fd, bool *joined)
{
	for (int standard = STDOUT_FILENO; standard <= STDERR_FILENO; standard++) {
		const int duplicate =
			is_same(fd, standard) ? fcntl(standard, F_DUPFD_CLOEXEC, 0) : -1;
		if (duplicate < 0)
			continue;
		close(fd);
		*joined = true;
		return duplicate;
	}
	return fd;
}

static struct output *make(const char *option, const char *value, const char *file, int fd)
{
	struct output *output = calloc(1, sizeof(*output));

	if (!output)
		message_exit("out of memory");
	output->option = option;
	output->value = file ? value : NULL;
	output->fd = fd;
	output->joined = !file;
	output->stream = fopencookie(output, "w", (cookie_io_functions_t){.write = write_all});
	if (!output->stream)
		message_exit("out of memory");
	return output;
}

/* strace's way to say that the rest is a command. */
static bool is_command(const char *file)
{
	return *file == '|' || *file == '!';
}

struct output *output_open(const char *option, const char *value, const char *file)
{
	struct output *output;
	bool joined = false;
	int fd = -1;

	if (!file)
		return make(option, value, file, STDERR_FILENO);
	if (is_command(file) && !file[1 + strspn(file + 1, " \t")])
		message_exit("%s=%s: there is no command behind the %c", option, value, *file);
	if (!is_command(file))
		fd = join_standard(open_file(option, value, file), &joined);
	output = make(option, value, file, fd);
	output->joined |= joined;
	output->command = is_command(file) ? file + 1 : NULL;
	return output;
}

struct output *output_open_stdout(void)
{
	return make("stdout", NULL, NULL, STDOUT_FILENO);
}

static void start_command(struct output *output)
{
	output->fd = shell_start(output->command, &output->pid);
	if (output->fd < 0)
		message_exit("%s=%s: cannot be started: %s", output->option, output->value,
			strerror(-output->fd));
}

void output_begin(struct output *output)
{
	struct stat stat;

	if (output->command)
		start_command(output);
	else if (output->value && !output->joined && is_regular(output->fd, &stat) &&
		 ftruncate(output->fd, 0))
		message_exit("%s=%s: %s", output->option, output->value, strerror(errno));
}

void output_begin_anew(struct output *output)
{
	struct stat stat;

	if (!output->value || output->joined || !is_regular(output->fd, &stat) ||
		lseek(output->fd, 0, SEEK_CUR) == 0)
		return;
	if (fflush(output->stream) || ftruncate(output->fd, 0) ||
		lseek(output->fd, 0, SEEK_SET) < 0)
		output_fail(output, errno);
}

bool output_same_file(const struct output *one, const struct output *other)
{
	return one->fd != other->fd && !(one->joined && other->joined) &&
	       is_same(one->fd, other->fd);
}

int output_fd(const struct output *output)
{
	return output->fd;
}

FILE *output_stream(struct output *output)
{
	return output->stream;
}

void output_set_unbuffered(struct output *output)
{
	setvbuf(output->stream, NULL, _IONBF, 0);
}

void output_hurry(struct output *output, bool (*is_overdue)(void *context), void *context)
{
	struct stat stat;

	/* A file takes what it gets. */
	if (output && !is_regular(output->fd, &stat)) {
		output->is_overdue = is_overdue;
		output->context = context;
	}
}

void output_fail(struct output *output, int error)
{
	if (!output->error)
		output->error = error;
}

bool output_failed(const struct output *output)
{
	return output->error != 0;
}

static void print_error(const struct output *output)
{
	const char *reason = output->stalled ? "the reader takes nothing, and time is up"
					     : strerror(output->error);

	if (output->value)
		message_print("%s=%s: cannot write: %s", output->option, output->value, reason);
	else
		message_print("%s: cannot write: %s",
			output->fd == STDOUT_FILENO ? "stdout" : "stderr", reason);
}

void output_child_ended(struct output *output, pid_t pid, int status)
{
	if (!output || output->pid != pid)
		return;
	output->pid = 0;
	output->status = status;
}

static void wait_for_command(struct output *output)
{
	int status = 0;

	if (!output->pid)
		return;
	/* Where it is ignored nobody is told how a child ended (wait(2), "Notes"). */
	signal(SIGCHLD, SIG_DFL);
	while (waitpid(output->pid, &status, 0) < 0 && errno == EINTR)
		;
	output_child_ended(output, output->pid, status);
}

static void print_command_failed(const struct output *output)
{
	char signal[TEXT_SIGNAL_BYTES];

	if (WIFSIGNALED(output->status))
		message_print("%s=%s: the command was killed by %s", output->option, output->value,
			text_signal(WTERMSIG(output->status), signal));
	else
		message_print("%s=%s: the command exited with %d", output->option, output->value,
			WEXITSTATUS(output->status));
}

/* Returns whether nothing went wrong. A command that failed is why it did not read to the end. */
static bool judge(const struct output *output)
{
	if (output->status && (!output->error || output->error == EPIPE))
		print_command_failed(output);
	else if (output->error)
		print_error(output);
	return !output->status && !output->error;
}

bool output_close(struct output *output)
{
	bool good;

	if (!output)
		return true;
	if (fclose(output->stream))
		output_fail(output, errno);
	if (output->value && close(output->fd))
		output_fail(output, errno);
	wait_for_command(output);
	good = judge(output);
	free(output);
	return good;
}
