#include "trace/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

static struct iovec remote_iov(uint64_t address, size_t length)
{
	/* An address of another process, which is never followed here. */
	return (struct iovec){
		.iov_base = (void *)(uintptr_t)address, // NOLINT(performance-no-int-to-ptr)
		.iov_len = length,
	};
}

/* A kernel without CONFIG_CROSS_MEMORY_ATTACH says so, and a sandbox may forbid the calls. */
static bool is_refused(ssize_t moved)
{
	return moved < 0 && (errno == ENOSYS || errno == EPERM);
}

static int open_memory(pid_t tid, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	return open(path, flags | O_CLOEXEC);
}

static ssize_t read_file(pid_t tid, uint64_t from, void *to, size_t length)
{
	const int fd = open_memory(tid, O_RDONLY);

	if (fd < 0)
		return -1;
	const ssize_t got = pread(fd, to, length, (off_t)from);
	close(fd);
	return got;
}

/* Unlike process_vm_writev(2) this writes to pages that are read-only, too (proc(5)). */
static ssize_t write_file(pid_t tid, uint64_t to, const void *from, size_t length)
{
	const int fd = open_memory(tid, O_WRONLY);

	if (fd < 0)
		return -1;
	const ssize_t put = pwrite(fd, from, length, (off_t)to);
	close(fd);
	return put;
}

int memory_read(pid_t tid, uint64_t from, void *to, size_t length)
{
	const struct iovec local = {.iov_base = to, .iov_len = length};
	const struct iovec remote = remote_iov(from, length);
	ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	if (is_refused(got))
		got = read_file(tid, from, to, length);
	if (got < 0)
		return -errno;
	return (size_t)got == length ? 0 : -EFAULT;
}

int memory_write(pid_t tid, uint64_t to, const void *from, size_t length)
{
	const struct iovec local = {.iov_base = (void *)(uintptr_t)from, .iov_len = length};
	const struct iovec remote = remote_iov(to, length);
	ssize_t put = process_vm_writev(tid, &local, 1, &remote, 1, 0);

	if (is_refused(put))
		put = write_file(tid, to, from, length);
	if (put < 0)
		return -errno;
	return (size_t)put == length ? 0 : -EFAULT;
}

struct address *memory_read_address(pid_t tid, uint64_t from, int length)
{
	unsigned char bytes[ADDRESS_BYTES_MAX];

	if (length < 0 || length > ADDRESS_BYTES_MAX)
		return NULL;
	if (length > 0 && memory_read(tid, from, bytes, (size_t)length))
		return NULL;
	return address_new(bytes, (size_t)length);
}
