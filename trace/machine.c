#include "trace/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* After sys/ptrace.h, whose enum it would hide. */
#include <linux/capability.h>
#include <linux/ptrace.h>

#include "trace/procfs.h"
#include "trace/seccomp.h"
#include "trace/syscalls.h"

int machine_yama_scope(void)
{
	FILE *const file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	char text[16] = "0";

	if (!file)
		return 0;
	(void)!fgets(text, sizeof(text), file);
	fclose(file);
	return (int)strtol(text, NULL, 10);
}

bool machine_has_sys_admin(void)
{
	return proc_capabilities(getpid()) >> CAP_SYS_ADMIN & 1;
}

bool machine_has_sys_ptrace(void)
{
	return proc_capabilities(getpid()) >> CAP_SYS_PTRACE & 1;
}

/* ---- a child to try things on ---- */

/*
 * It carries the filter, if any, waits for start to be closed and makes one call that the filter
 * stops.
 */
static pid_t start_child(const struct sock_fprog *filter, int *start)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0)
		return -1;
	const pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1);
		if (filter && seccomp_install(filter))
			_exit(1);
		syscall(SYS_socket, -1, 0, 0);
		_exit(0);
	}
	close(ends[0]);
	*start = ends[1];
	return pid;
}

static void end_child(pid_t pid, int start)
{
	close(start);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
}

/* ---- the checks ---- */

static bool check_kernel(char *detail, size_t size)
{
	struct utsname name;

	uname(&name);
	const long major = strtol(name.release, NULL, 10);
	const char *const dot = strchr(name.release, '.');
	const long minor = dot ? strtol(dot + 1, NULL, 10) : 0;
	snprintf(detail, size, "%s%s", name.release,
		major > 5 || (major == 5 && minor >= 3)
			? ""
			: ": 5.3 is needed for PTRACE_GET_SYSCALL_INFO");
	return major > 5 || (major == 5 && minor >= 3);
}

bool machine_can_trace(void)
{
	int start;
	const pid_t pid = start_child(NULL, &start);

	if (pid < 0)
		return false;
	const bool good = ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL) == 0;
	const int error = errno;
	end_child(pid, start);
	errno = error;
	return good;
}

static bool check_ptrace(char *detail, size_t size)
{
	const bool good = machine_can_trace();

	if (!good)
		snprintf(detail, size, "%s: a container or sandbox forbids ptrace(2)",
			strerror(errno));
	return good;
}

/* At any stop it tells of the ABI at least. */
static bool has_syscall_info(pid_t pid)
{
	struct ptrace_syscall_info info;
	int status;

	return ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 &&
	       waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) &&
	       ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0;
}

static bool check_syscall_info(char *detail, size_t size)
{
	int start;
	bool good = false;
	const pid_t pid = start_child(NULL, &start);

	snprintf(detail, size,
		"PTRACE_GET_SYSCALL_INFO is needed: Linux 5.3 has it, a sandbox may forbid it");
	if (pid < 0)
		return false;
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL) == 0)
		good = has_syscall_info(pid);
	end_child(pid, start);
	if (good)
		*detail = '\0';
	return good;
}

static bool check_proc(char *detail, size_t size)
{
	const bool good = proc_is_usable();

	if (!good)
		snprintf(detail, size,
			"it is not mounted, or that of another pid namespace (mount -t proc proc "
			"/proc)");
	return good;
}

/* Until the child stands at the call that the filter stops. */
static bool reaches_seccomp_stop(pid_t pid)
{
	struct ptrace_syscall_info info = {0};
	int status;

	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		if (status >> 16 == PTRACE_EVENT_SECCOMP)
			return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
			       info.op == PTRACE_SYSCALL_INFO_SECCOMP;
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
			return false;
	}
	return false;
}

static bool check_seccomp(char *detail, size_t size)
{
	const struct stop_choice choice = {0};
	struct sock_fprog program;
	int start;
	bool good = false;

	syscalls_init();
	snprintf(detail, size, "every system call is stopped instead: slower (--seccomp=off)");
	if (seccomp_build(false, &choice, &program, NULL) == 0) {
		const pid_t pid = start_child(&program, &start);
		if (pid > 0 && ptrace(PTRACE_SEIZE, pid, NULL,
				       PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP) == 0) {
			close(start);
			start = -1;
			good = reaches_seccomp_stop(pid);
		}
		if (pid > 0)
			end_child(pid, start);
	}
	free(program.filter);
	return good;
}

static bool check_filter_count(char *detail, size_t size)
{
	snprintf(detail, size,
		"Linux 5.9 tells how many filters a task has; without, programs that own sockets "
		"are stopped at every call");
	return proc_seccomp_filters(getpid()) >= 0;
}

static bool check_kcmp(char *detail, size_t size)
{
	snprintf(detail, size,
		"CONFIG_KCMP tells which tasks share descriptors; without, that is told by how "
		"they were made, and of those that --attach finds none but threads are taken to");
	return proc_share_files(getpid(), getpid()) == 1;
}

static bool check_getfd(char *detail, size_t size)
{
	snprintf(detail, size,
		"Linux 5.6 hands out duplicates of sockets (pidfd_getfd); without, what sockets "
		"are that were not opened under socktest's eyes is read of /proc/PID/net: slower, "
		"and less of them is known");
	const int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	const int duplicate = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);
	if (duplicate >= 0)
		close(duplicate);
	if (pidfd >= 0)
		close(pidfd);
	return duplicate >= 0;
}

static bool check_getfd_thread(char *detail, size_t size)
{
	snprintf(detail, size,
		"Linux 6.9 hands them out of a thread's own table, too (PIDFD_THREAD); without, "
		"/proc/PID/net is read");
	const int pidfd = (int)syscall(SYS_pidfd_open, getpid(), PIDFD_THREAD);
	if (pidfd >= 0)
		close(pidfd);
	return pidfd >= 0;
}

static bool check_memory(char *detail, size_t size)
{
	char byte = 0, copy;
	const struct iovec from = {.iov_base = &byte, .iov_len = 1};
	const struct iovec to = {.iov_base = &copy, .iov_len = 1};

	snprintf(detail, size,
		"CONFIG_CROSS_MEMORY_ATTACH has process_vm_readv; without, /proc/PID/mem is read");
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

static bool check_attach_own(char *detail, size_t size)
{
	const int scope = machine_yama_scope();

	if (scope == 3)
		snprintf(detail, size,
			"kernel.yama.ptrace_scope is 3: until the next boot no process can be "
			"attached to");
	else
		snprintf(detail, size,
			"kernel.yama.ptrace_scope is %d: --attach works as root only, or after "
			"sysctl kernel.yama.ptrace_scope=0",
			scope);
	return scope == 0 || (scope < 3 && machine_has_sys_ptrace());
}

static bool check_attach_others(char *detail, size_t size)
{
	snprintf(detail, size,
		"no CAP_SYS_PTRACE: --attach works on your own processes only, and set-user-ID "
		"programs run without their "
		"privilege");
	return machine_has_sys_ptrace();
}

static const struct {
	const char *name;
	bool needed;
	bool (*run)(char *detail, size_t size);
} all[] = {
	{"kernel", true, check_kernel},
	{"/proc", true, check_proc},
	{"tracing a child", true, check_ptrace},
	{"information on system calls", true, check_syscall_info},
	{"seccomp filter with stops", false, check_seccomp},
	{"count of seccomp filters", false, check_filter_count},
	{"comparing descriptor tables", false, check_kcmp},
	{"duplicates of sockets", false, check_getfd},
	{"duplicates from threads' own tables", false, check_getfd_thread},
	{"memory of other processes", false, check_memory},
	{"attaching to own processes", false, check_attach_own},
	{"attaching to any process", false, check_attach_others},
};

size_t machine_check(struct machine_check *checks, size_t max)
{
	size_t count = 0;

	for (; count < max && count < sizeof(all) / sizeof(*all); count++) {
		struct machine_check *const check = &checks[count];
		*check = (struct machine_check){
			.name = all[count].name, .needed = all[count].needed};
		check->good = all[count].run(check->detail, sizeof(check->detail));
	}
	return count;
}
