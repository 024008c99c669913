#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/message.h"

struct output {
	const char *option, *value; /* value is NULL for stderr */
	int fd;
	FILE *stream;
	int error; /* the first one, 0: none */
};

static bool wait_writable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

	return poll(&pollfd, 1, -1) >= 0 || errno == EINTR;
}

/* A fopencookie(3) write function: gives fewer bytes than asked for an error. */
static ssize_t write_all(void *cookie, const char *bytes, size_t length)
{
	struct output *output = cookie;
	size_t done = 0;

	while (done < length && !output->error) {
		ssize_t written = write(output->fd, bytes + done, length - done);

		if (written >= 0)
			done += (size_t)written;
		else if (errno == EAGAIN && wait_writable(output->fd))
			continue;
		else if (errno != EINTR)
			output->error = errno;
	}
	if (output->error)
		errno = output->error;
	return (ssize_t)done;
}

static int open_file(const char *option, const char *value, const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		message_exit("%s=%s: %s", option, value, strerror(errno));
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
	output->stream = fopencookie(output, "w", (cookie_io_functions_t){.write = write_all});
	if (!output->stream)
		message_exit("out of memory");
	return output;
}

struct output *output_open(const char *option, const char *value, const char *file)
{
	return make(option, value, file, file ? open_file(option, value, file) : STDERR_FILENO);
}

struct output *output_open_stdout(void)
{
	return make("stdout", NULL, NULL, STDOUT_FILENO);
}

static bool is_regular(int fd, struct stat *stat)
{
	return !fstat(fd, stat) && S_ISREG(stat->st_mode);
}

void output_truncate(struct output *output)
{
	struct stat stat;

	if (output->value && is_regular(output->fd, &stat) && ftruncate(output->fd, 0))
		message_exit("%s=%s: %s", output->option, output->value, strerror(errno));
}

void output_begin_anew(struct output *output)
{
	struct stat stat;

	if (!output->value || !is_regular(output->fd, &stat) || lseek(output->fd, 0, SEEK_CUR) == 0)
		return;
	if (fflush(output->stream) || ftruncate(output->fd, 0) ||
		lseek(output->fd, 0, SEEK_SET) < 0)
		output_fail(output, errno);
}

bool output_same_file(const struct output *one, const struct output *other)
{
	struct stat first, second;

	return one->fd != other->fd && is_regular(one->fd, &first) &&
	       is_regular(other->fd, &second) && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
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
	const char *reason = strerror(output->error);

	if (output->value)
		message_print("%s=%s: cannot write: %s", output->option, output->value, reason);
	else
		message_print("%s: cannot write: %s",
			output->fd == STDOUT_FILENO ? "stdout" : "stderr", reason);
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
	good = !output->error;
	if (!good)
		print_error(output);
	free(output);
	return good;
}
