#include "trace/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "trace/arch/arch.h"
#include "trace/memory.h"
#include "trace/tracee.h"

static void decode_fd(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->fd = (int)active->args[0];
}

static void decode_socket(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->family = (int)active->args[0];
	call->type = (int)active->args[1];
	call->protocol = (int)active->args[2];
}

static void decode_address(pid_t tid, struct active_call *active, struct call *call)
{
	call->fd = (int)active->args[0];
	active->address = memory_read_address(tid, active->args[1], (int)active->args[2]);
	call->address = active->address;
}

static void decode_listen(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->fd = (int)active->args[0];
	call->backlog = (int)active->args[1];
}

/*
 * What the kernel makes of the length tells how long the address is, not how much of it there was
 * room for.
 */
static void decode_accept(pid_t tid, struct active_call *active, struct call *call)
{
	decode_fd(tid, active, call);
	if (active->args[1] == 0 ||
		memory_read(tid, active->args[2], &active->room, sizeof(active->room)))
		active->room = 0;
}

static void decode_accept4(pid_t tid, struct active_call *active, struct call *call)
{
	decode_accept(tid, active, call);
	call->flags = (unsigned)active->args[3];
}

static void decode_getsockopt(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->fd = (int)active->args[0];
	call->level = (int)active->args[1];
	call->optname = (int)active->args[2];
}

static void decode_dup2(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->fd = (int)active->args[0];
	call->new_fd = (int)active->args[1];
}

static void decode_dup3(pid_t tid, struct active_call *active, struct call *call)
{
	decode_dup2(tid, active, call);
	call->flags = (unsigned)active->args[2];
}

static void decode_fcntl(pid_t tid, struct active_call *active, struct call *call)
{
	decode_fd(tid, active, call);
	call->flags = (unsigned)active->args[1] == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0;
}

static void decode_close_range(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->first = (unsigned)active->args[0];
	call->last = (unsigned)active->args[1];
	call->flags = (unsigned)active->args[2];
}

static void decode_unshare(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->flags = (unsigned)active->args[0];
}

static void decode_nothing(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid, (void)active, (void)call;
}

static void decode_seccomp(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->flags = (unsigned)active->args[1];
}

static void decode_clone(pid_t tid, struct active_call *active, struct call *call)
{
	(void)tid;
	call->flags = (unsigned)active->args[0];
}

/* struct clone_args (linux/sched.h) begins with the flags. */
static void decode_clone3(pid_t tid, struct active_call *active, struct call *call)
{
	uint64_t flags = 0;

	if (memory_read(tid, active->args[0], &flags, sizeof(flags)) == 0)
		call->flags = (unsigned)flags;
}

static void result_pair(pid_t tid, struct active_call *active, struct result *result)
{
	int pair[2];

	if (memory_read(tid, active->args[3], pair, sizeof(pair)) == 0) {
		result->pair[0] = pair[0];
		result->pair[1] = pair[1];
	}
}

static void result_so_error(pid_t tid, struct active_call *active, struct result *result)
{
	int value = 0;
	int length = 0;

	if ((int)active->args[1] != SOL_SOCKET || (int)active->args[2] != SO_ERROR)
		return;
	/* The length is the caller's and then the kernel's: a short one cuts the value (socket(7)).
	 */
	if (memory_read(tid, active->args[4], &length, sizeof(length)) || length <= 0 ||
		(size_t)length > sizeof(value))
		return;
	if (memory_read(tid, active->args[3], &value, (size_t)length) == 0)
		result->so_error = value;
}

static void result_peer(pid_t tid, struct active_call *active, struct result *result)
{
	int length = 0;

	if (active->room == 0 || memory_read(tid, active->args[2], &length, sizeof(length)) ||
		length > active->room)
		return;
	free(active->address);
	active->address = memory_read_address(tid, active->args[1], length);
	result->peer = active->address;
}

#define LOW_32 0xffffffffU /* int and unsigned arguments: the kernel ignores the upper half */

const struct syscall_row syscall_rows[] = {
	{"socket", CALL_SOCKET, STOP_ALWAYS, {{0}}, decode_socket, NULL},
	{"socketpair", CALL_SOCKETPAIR, STOP_ALWAYS, {{0}}, decode_socket, result_pair},
	{"connect", CALL_CONNECT, STOP_ALWAYS, {{0}}, decode_address, NULL},
	{"listen", CALL_LISTEN, STOP_ALWAYS, {{0}}, decode_listen, NULL},
	{"accept", CALL_ACCEPT, STOP_ALWAYS, {{0}}, decode_accept, result_peer},
	{"accept4", CALL_ACCEPT, STOP_ALWAYS, {{0}}, decode_accept4, result_peer},
	{"getsockopt", CALL_GETSOCKOPT, STOP_ALWAYS,
		{{1, LOW_32, SOL_SOCKET}, {2, LOW_32, SO_ERROR}}, decode_getsockopt,
		result_so_error},
	{"getsockopt", CALL_GETSOCKOPT, STOP_GETSOCKOPT, {{0}}, decode_getsockopt, result_so_error},
	{"bind", CALL_BIND, STOP_LOCAL_ADDRESS, {{0}}, decode_address, NULL},
	{"unshare", CALL_UNSHARE, STOP_ALWAYS, {{0, CLONE_FILES, CLONE_FILES}}, decode_unshare,
		NULL},
	{"pidfd_getfd", CALL_RECEIVE_FD, STOP_ALWAYS, {{0}}, decode_nothing, NULL},
	{"ptrace", CALL_PTRACE, STOP_ALWAYS, {{0}}, decode_nothing, NULL},
	{"clone", CALL_CLONE, STOP_ALWAYS, {{0, CLONE_UNTRACED, CLONE_UNTRACED}}, decode_clone,
		NULL},
	{"clone3", CALL_CLONE, STOP_ALWAYS, {{0}}, decode_clone3, NULL},
	{"mmap", CALL_MAP, STOP_MAP, {{2, PROT_EXEC, PROT_EXEC}}, decode_nothing, NULL},
	{"io_uring_setup", CALL_IO_URING_SETUP, STOP_ALWAYS, {{0}}, decode_nothing, NULL},
	{"seccomp", CALL_SECCOMP, STOP_ALWAYS, {{0, LOW_32, SECCOMP_SET_MODE_FILTER}},
		decode_seccomp, NULL},
	{"prctl", CALL_SECCOMP, STOP_ALWAYS,
		{{0, LOW_32, PR_SET_SECCOMP}, {1, LOW_32, SECCOMP_MODE_FILTER}}, decode_nothing,
		NULL},
	{"seccomp", CALL_SECCOMP_STRICT, STOP_ALWAYS, {{0, LOW_32, SECCOMP_SET_MODE_STRICT}},
		decode_nothing, NULL},
	{"prctl", CALL_SECCOMP_STRICT, STOP_ALWAYS,
		{{0, LOW_32, PR_SET_SECCOMP}, {1, LOW_32, SECCOMP_MODE_STRICT}}, decode_nothing,
		NULL},
	{"close_range", CALL_CLOSE_RANGE, STOP_ALWAYS,
		{{2, CLOSE_RANGE_UNSHARE, CLOSE_RANGE_UNSHARE}}, decode_close_range, NULL},
	{"close_range", CALL_CLOSE_RANGE, STOP_OWNER, {{0}}, decode_close_range, NULL},
	{"execve", CALL_EXEC, STOP_OWNER, {{0}}, decode_nothing, NULL},
	{"execveat", CALL_EXEC, STOP_OWNER, {{0}}, decode_nothing, NULL},
	{"close", CALL_CLOSE, STOP_OWNER, {{0}}, decode_fd, NULL},
	{"dup", CALL_DUP, STOP_OWNER, {{0}}, decode_fd, NULL},
	{"dup2", CALL_DUP, STOP_OWNER, {{0}}, decode_dup2, NULL},
	{"dup3", CALL_DUP, STOP_OWNER, {{0}}, decode_dup3, NULL},
	{"fcntl", CALL_DUP, STOP_OWNER, {{1, LOW_32, F_DUPFD}}, decode_fcntl, NULL},
	{"fcntl", CALL_DUP, STOP_OWNER, {{1, LOW_32, F_DUPFD_CLOEXEC}}, decode_fcntl, NULL},
	{"fcntl64", CALL_DUP, STOP_OWNER, {{1, LOW_32, F_DUPFD}}, decode_fcntl, NULL},
	{"fcntl64", CALL_DUP, STOP_OWNER, {{1, LOW_32, F_DUPFD_CLOEXEC}}, decode_fcntl, NULL},
};
const size_t syscall_rows_count = sizeof(syscall_rows) / sizeof(*syscall_rows);

enum { ABIS = sizeof(arch_abis) / sizeof(*arch_abis) };

/*
 * By ABI and row. main is negative where the ABI has no such call, or has it only as
 * socketcall(2)'s number n: then libseccomp's pseudo number is -100 - n.
 */
static struct {
	long main, direct;
} numbers[ABIS][sizeof(syscall_rows) / sizeof(*syscall_rows)];
static long socketcall_numbers[ABIS];

void syscalls_init(void)
{
	for (size_t abi = 0; abi < ABIS; abi++) {
		for (size_t row = 0; row < syscall_rows_count; row++) {
			const char *const name = syscall_rows[row].name;
			numbers[abi][row].main =
				seccomp_syscall_resolve_name_arch(arch_abis[abi].seccomp, name);
			numbers[abi][row].direct = arch_direct_number(arch_abis[abi].audit, name);
		}
		socketcall_numbers[abi] =
			seccomp_syscall_resolve_name_arch(arch_abis[abi].seccomp, "socketcall");
	}
}

bool syscall_wanted(const struct syscall_row *row, const struct stop_choice *choice)
{
	switch (row->stop) {
	case STOP_LOCAL_ADDRESS:
		return choice->local_address;
	case STOP_GETSOCKOPT:
		return choice->getsockopt;
	case STOP_MAP:
		return choice->map;
	default:
		return true;
	}
}

static bool tests_hold(const struct syscall_row *row, const uint64_t args[static 6])
{
	for (size_t i = 0; i < sizeof(row->tests) / sizeof(*row->tests); i++) {
		const struct argument_test *test = &row->tests[i];
		if ((args[test->index] & test->mask) != test->value)
			return false;
	}
	return true;
}

static const struct syscall_row *find_row(
	size_t abi, long nr, const uint64_t args[static 6], const struct stop_choice *choice)
{
	for (size_t i = 0; i < syscall_rows_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		if ((numbers[abi][i].main == nr || (nr >= 0 && numbers[abi][i].direct == nr)) &&
			syscall_wanted(row, choice) && tests_hold(row, args))
			return row;
	}
	return NULL;
}

/*
 * socketcall(2): the number of the call, and a pointer to its arguments, of 32 bits each. Returns
 * its pseudo number.
 */
static long unpack_socketcall(pid_t tid, uint64_t args[static 6])
{
	const uint64_t call = args[0];
	uint32_t words[6] = {0};

	/* The last arguments may lie behind the end of what can be read: no call has to have six.
	 */
	for (size_t i = 0; i < 6; i++)
		if (memory_read(tid, args[1] + i * sizeof(*words), &words[i], sizeof(*words)))
			break;
	for (size_t i = 0; i < 6; i++)
		args[i] = words[i];
	return call > 0 && call < 100 ? -100 - (long)call : -1;
}

const struct syscall_row *syscall_find(pid_t tid, uint32_t audit, uint64_t nr,
	uint64_t args[static 6], const struct stop_choice *choice)
{
	const struct arch_abi *const abi = arch_abi_find(audit);

	if (!abi || nr > INT32_MAX)
		return NULL;
	const size_t index = (size_t)(abi - arch_abis);
	if (socketcall_numbers[index] >= 0 && nr == (uint64_t)socketcall_numbers[index])
		return find_row(index, unpack_socketcall(tid, args), args, choice);
	return find_row(index, (long)nr, args, choice);
}

long syscall_number(uint32_t audit, const char *name)
{
	const struct arch_abi *const abi = arch_abi_find(audit);

	if (!abi)
		return -ENOSYS;
	/* Pseudo numbers of socketcall(2) are negative. */
	const int nr = seccomp_syscall_resolve_name_arch(abi->seccomp, name);
	return nr >= 0 ? nr : arch_direct_number(audit, name);
}

/* The number by which libseccomp knows it. */
static int known_number(pid_t tid, size_t abi, uint64_t nr, uint64_t args[static 6])
{
	if (socketcall_numbers[abi] >= 0 && nr == (uint64_t)socketcall_numbers[abi])
		return (int)unpack_socketcall(tid, args);
	return nr <= INT_MAX ? (int)nr : -1;
}

const char *syscall_name(pid_t tid, unsigned word_bytes, uint64_t nr, uint64_t args[static 6],
	char name[static SYSCALL_NAME_BYTES])
{
	char *known = NULL;

	for (size_t i = 0; i < ABIS && !known; i++)
		if (arch_abis[i].word_bytes == word_bytes)
			known = seccomp_syscall_resolve_num_arch(
				arch_abis[i].seccomp, known_number(tid, i, nr, args));
	if (known)
		snprintf(name, SYSCALL_NAME_BYTES, "%s", known);
	else
		snprintf(name, SYSCALL_NAME_BYTES, "system call %" PRIu64, nr);
	free(known);
	return name;
}
