#include "trace/inject.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace/memory.h"
#include "trace/syscalls.h"

enum { PAGE_BYTES = 4096 };

static int signal_mask(unsigned request, pid_t tid, uint64_t *mask)
{
	/* The address is the size of the kernel's sigset_t (ptrace(2)). */
	return ptrace(request, tid, (void *)sizeof(*mask), mask) < 0 ? -errno : 0;
}

static bool behind_syscall_instruction(const struct injection *injection)
{
	unsigned char bytes[ARCH_SYSCALL_INSTRUCTION_BYTES_MAX];
	const size_t length = arch_syscall_instruction_bytes(&injection->regs);
	const uint64_t at = arch_instruction_pointer(&injection->regs) - length;

	return memory_read(injection->tid, at, bytes, length) == 0 &&
	       arch_is_syscall_instruction(&injection->regs, bytes);
}

int inject_begin(struct injection *injection, pid_t tid, uint32_t audit)
{
	uint64_t all = UINT64_MAX;

	*injection = (struct injection){.tid = tid, .audit = audit};
	int error = arch_get_regs(tid, &injection->regs);
	if (!error && !behind_syscall_instruction(injection))
		return -EAGAIN;
	if (!error)
		error = signal_mask(PTRACE_GETSIGMASK, tid, &injection->mask);
	if (!error)
		error = signal_mask(PTRACE_SETSIGMASK, tid, &all);
	return error;
}

void inject_end(struct injection *injection)
{
	if (injection->ended)
		return;
	/* ESRCH here is a death that the wait loop will be told of. */
	(void)arch_set_regs(injection->tid, &injection->regs);
	(void)signal_mask(PTRACE_SETSIGMASK, injection->tid, &injection->mask);
	if (injection->sigstop_seen)
		(void)syscall(SYS_tkill, injection->tid, SIGSTOP);
	if (injection->stop_seen)
		(void)ptrace(PTRACE_INTERRUPT, injection->tid, NULL, NULL);
}

static bool is_stop(int status)
{
	return status >> 16 == PTRACE_EVENT_STOP || WSTOPSIG(status) == SIGSTOP;
}

/* Until the next syscall-stop. Signals are blocked, but SIGKILL and SIGSTOP cannot be. */
static int resume_to_syscall_stop(struct injection *injection)
{
	const pid_t tid = injection->tid;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) < 0)
			return -errno;
		while (waitpid(tid, &injection->status, __WALL) < 0)
			if (errno != EINTR)
				return -errno;
		if (!WIFSTOPPED(injection->status) ||
			injection->status >> 16 == PTRACE_EVENT_EXIT) {
			injection->ended = true;
			return -ESRCH;
		}
		if (WSTOPSIG(injection->status) == (SIGTRAP | 0x80))
			return 0;
		if (injection->status >> 16 == PTRACE_EVENT_SECCOMP)
			continue; /* seccomp(2) itself is one of the calls that are stopped */
		if (!is_stop(injection->status))
			return -EFAULT;
		if (injection->status >> 16 == PTRACE_EVENT_STOP)
			injection->stop_seen = true;
		else
			injection->sigstop_seen = true;
	}
}

int inject_call(struct injection *injection, const char *name, const uint64_t args[static 6],
	int64_t *result)
{
	const long nr = syscall_number(injection->audit, name);
	struct arch_regs regs = injection->regs;

	if (nr < 0)
		return -ENOSYS;
	arch_prepare_call(&regs, injection->audit, nr, args);
	int error = arch_set_regs(injection->tid, &regs);
	if (!error)
		error = resume_to_syscall_stop(injection); /* entry */
	if (!error)
		error = resume_to_syscall_stop(injection); /* exit */
	if (!error)
		error = arch_get_regs(injection->tid, &regs);
	if (!error)
		*result = arch_result(&regs);
	return error;
}

/* A struct sock_fprog, as the task's ABI lays it out, and behind it the instructions. */
static int write_program(
	struct injection *injection, uint64_t page, const struct sock_fprog *program)
{
	enum { HEADER_BYTES = 16 };
	const size_t bytes = program->len * sizeof(*program->filter);
	const uint64_t filter = page + HEADER_BYTES;
	unsigned char image[PAGE_BYTES] = {0};
	const struct arch_abi *const abi = arch_abi_find(injection->audit);

	if (!abi)
		return -ENOSYS;
	if (HEADER_BYTES + bytes > sizeof(image))
		return -E2BIG;
	memcpy(image, &program->len, sizeof(program->len));
	memcpy(image + abi->word_bytes, &filter, abi->word_bytes); /* little-endian */
	memcpy(image + HEADER_BYTES, program->filter, bytes);
	return memory_write(injection->tid, page, image, HEADER_BYTES + bytes);
}

/*
 * A page of its own: no thread of the program looks at it, unlike at memory lent from a stack.
 */
static int map_page(struct injection *injection, uint64_t *page)
{
	const char *const map = syscall_number(injection->audit, "mmap2") >= 0 ? "mmap2" : "mmap";
	const uint64_t args[6] = {0, PAGE_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
	int64_t mapped = 0;
	const int error = inject_call(injection, map, args, &mapped);

	if (error)
		return error;
	if (mapped < 0 && mapped > -PAGE_BYTES)
		return (int)mapped;
	*page = (uint64_t)mapped;
	return 0;
}

/* After what returned error, which goes before an error of its own. */
static int unmap_page(struct injection *injection, uint64_t page, int error)
{
	int64_t unmapped = 0;

	if (injection->ended)
		return error;
	const int freed =
		inject_call(injection, "munmap", (const uint64_t[6]){page, PAGE_BYTES}, &unmapped);
	return error ? error : freed;
}

int inject_connect(
	struct injection *injection, int fd, const void *address, size_t length, int64_t *result)
{
	uint64_t page;
	int error = map_page(injection, &page);

	if (error)
		return error;
	error = memory_write(injection->tid, page, address, length);
	if (!error)
		error = inject_call(injection, "connect",
			(const uint64_t[6]){(unsigned)fd, page, length}, result);
	return unmap_page(injection, page, error);
}

int inject_seccomp(struct injection *injection, const struct sock_fprog *program)
{
	const uint64_t flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC;
	int64_t installed = 0;
	uint64_t page;
	int error = map_page(injection, &page);

	if (error)
		return error;
	error = write_program(injection, page, program);
	if (!error)
		error = inject_call(injection, "seccomp",
			(const uint64_t[6]){SECCOMP_SET_MODE_FILTER, flags, page}, &installed);
	error = unmap_page(injection, page, error);
	return error ? error : (int)installed;
}
