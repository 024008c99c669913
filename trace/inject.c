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
#include <utlist.h>

#include "trace/memory.h"
#include "trace/syscalls.h"

enum { PAGE_BYTES = 4096 };

static bool behind_syscall_instruction(const struct injection *injection)
{
	unsigned char bytes[ARCH_SYSCALL_INSTRUCTION_BYTES_MAX];
	const size_t length = arch_syscall_instruction_bytes(&injection->regs);
	const uint64_t at = arch_instruction_pointer(&injection->regs) - length;

	return memory_read(injection->tid, at, bytes, length) == 0 &&
	       arch_is_syscall_instruction(&injection->regs, bytes);
}

int inject_begin(struct injection *injection, struct tracee *tracee, uint32_t audit)
{
	*injection = (struct injection){.tracee = tracee, .tid = tracee->tid, .audit = audit};
	const int error = arch_get_regs(tracee->tid, &injection->regs);

	if (!error && !behind_syscall_instruction(injection))
		return -EAGAIN;
	return error;
}

/* ---- signals that come meanwhile ---- */

/* At its signal-delivery-stop. It is not blocked: if we died, it would stay so. */
static int postpone(struct tracee *tracee)
{
	struct postponed_signal *const signal = calloc(1, sizeof(*signal));

	if (!signal)
		abort();
	if (ptrace(PTRACE_GETSIGINFO, tracee->tid, NULL, &signal->info) < 0) {
		free(signal);
		return -errno;
	}
	LL_APPEND(tracee->postponed, signal);
	return 0;
}

/* The next stop is its delivery, before the program runs on. */
static void send_postponed(struct tracee *tracee)
{
	struct postponed_signal *signal;

	LL_FOREACH(tracee->postponed, signal)
	{
		if (!signal->sent)
			(void)syscall(SYS_tgkill, tracee->tgid, tracee->tid, signal->info.si_signo);
		signal->sent = true;
	}
}

void inject_restore_signal(struct tracee *tracee, int signal)
{
	struct postponed_signal *postponed = NULL;
	siginfo_t info;

	if (!tracee->postponed)
		return;
	LL_SEARCH_SCALAR(tracee->postponed, postponed, info.si_signo, signal);
	if (!postponed || ptrace(PTRACE_GETSIGINFO, tracee->tid, NULL, &info) < 0)
		return;
	/* Another one may have been pending: with one of the first 31 it is one then (signal(7)). */
	if (info.si_code == SI_TKILL)
		(void)ptrace(PTRACE_SETSIGINFO, tracee->tid, NULL, &postponed->info);
	else if (signal >= SIGRTMIN)
		return;
	LL_DELETE(tracee->postponed, postponed);
	free(postponed);
}

void inject_forget_signals(struct tracee *tracee)
{
	struct postponed_signal *signal, *next;

	LL_FOREACH_SAFE(tracee->postponed, signal, next)
	free(signal);
	tracee->postponed = NULL;
}

void inject_end(struct injection *injection)
{
	if (injection->ended)
		return;
	/* ESRCH here is a death that the wait loop will be told of. */
	(void)arch_set_regs(injection->tid, &injection->regs);
	send_postponed(injection->tracee);
	if (injection->stop_seen)
		(void)ptrace(PTRACE_INTERRUPT, injection->tid, NULL, NULL);
}

/* ---- calls ---- */

/* 0: it may be resumed, -EAGAIN: it has come to a syscall-stop. */
static int handle_stop(struct injection *injection, int status)
{
	if (!WIFSTOPPED(status) || status >> 16 == PTRACE_EVENT_EXIT) {
		injection->ended = true;
		injection->status = status;
		return -ESRCH;
	}
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		return -EAGAIN;
	if (status >> 16 == PTRACE_EVENT_STOP)
		injection->stop_seen = true;
	/* seccomp(2) itself is one of the calls that are stopped. */
	else if (status >> 16 != PTRACE_EVENT_SECCOMP)
		return postpone(injection->tracee);
	return 0;
}

/* Until the next syscall-stop. */
static int resume_to_syscall_stop(struct injection *injection)
{
	const pid_t tid = injection->tid;
	int status, error;

	do {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) < 0)
			return -errno;
		while (waitpid(tid, &status, __WALL) < 0)
			if (errno != EINTR)
				return -errno;
		error = handle_stop(injection, status);
	} while (!error);
	return error == -EAGAIN ? 0 : error;
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
