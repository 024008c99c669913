/*
 * refuse CALL[,CALL...] ERRNO COMMAND [ARG...]: runs the command as on a kernel that does not have
 * these calls, or in a container that forbids them: they fail with the errno.
 */
#include "seccomp_filter.h"

enum { GET_SYSCALL_INFO = 0x420e }; /* linux/ptrace.h */

static const struct refusable {
	const char *name;
	unsigned nr;
	int index; /* of the argument that has to be value; -1: none */
	unsigned value;
} calls[] = {
	{"kcmp", SYS_kcmp, -1, 0},
	{"pidfd_getfd", SYS_pidfd_getfd, -1, 0},
	{"pidfd_open", SYS_pidfd_open, -1, 0},
	{"pidfd_open:PIDFD_THREAD", SYS_pidfd_open, 1, O_EXCL},
	{"process_vm_readv", SYS_process_vm_readv, -1, 0},
	{"process_vm_writev", SYS_process_vm_writev, -1, 0},
	{"ptrace:GET_SYSCALL_INFO", SYS_ptrace, 0, GET_SYSCALL_INFO},
};

static const struct refusable *find(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	prog_die(name);
}

static unsigned errno_number(const char *name)
{
	for (unsigned error = 1; error < 4096; error++) {
		const char *const known = strerrorname_np((int)error);
		if (known && strcmp(known, name) == 0)
			return error;
	}
	prog_die(name);
}

/* Little-endian. */
static void refuse(const struct refusable *call, unsigned error)
{
	const bool always = call->index < 0;
	const unsigned argument = always ? 0 : (unsigned)call->index * sizeof(uint64_t);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + argument),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->value, 0, always ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	ADD_FILTER(code, 0);
}

int main(int argc, char **argv)
{
	char *rest = NULL;

	CHECK(argc > 3);
	const unsigned error = errno_number(argv[2]);
	for (const char *name = strtok_r(argv[1], ",", &rest); name;
		name = strtok_r(NULL, ",", &rest))
		refuse(find(name), error);
	execvp(argv[3], argv + 3);
	prog_die(argv[3]);
}
