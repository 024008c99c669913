#include "trace/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trace/arch/arch.h"

static int add_abis(scmp_filter_ctx context)
{
	for (size_t i = 0; i < sizeof(arch_abis) / sizeof(*arch_abis); i++) {
		const int error = seccomp_arch_add(context, arch_abis[i].seccomp);
		if (error && error != -EEXIST)
			return error;
	}
	return 0;
}

/*
 * socketcall(2) has its arguments in memory, where a filter cannot test them: it is stopped for
 * all. libseccomp would test its own arguments instead.
 */
static int add_socketcall(scmp_filter_ctx context, const struct syscall_row *row)
{
	const int socketcall = seccomp_syscall_resolve_name("socketcall");
	int error = 0;

	for (size_t i = 0; i < sizeof(arch_abis) / sizeof(*arch_abis) && !error; i++) {
		const int nr = seccomp_syscall_resolve_name_arch(arch_abis[i].seccomp, row->name);
		/* The pseudo number of socketcall's n is -100 - n. */
		if (nr == __NR_SCMP_ERROR || nr >= -100 || nr <= -200)
			continue;
		const struct scmp_arg_cmp is_it = {
			.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)(-100 - nr)};
		error = seccomp_rule_add_array(
			context, SCMP_ACT_TRACE(SECCOMP_OURS), socketcall, 1, &is_it);
	}
	return error == -EEXIST ? 0 : error;
}

static int add_row(scmp_filter_ctx context, const struct syscall_row *row)
{
	struct scmp_arg_cmp tests[sizeof(row->tests) / sizeof(*row->tests)];
	unsigned count = 0;
	const int nr = seccomp_syscall_resolve_name(row->name);

	if (nr == __NR_SCMP_ERROR)
		return 0;
	for (size_t i = 0; i < sizeof(row->tests) / sizeof(*row->tests); i++)
		if (row->tests[i].mask)
			tests[count++] = (struct scmp_arg_cmp){
				.arg = row->tests[i].index,
				.op = SCMP_CMP_MASKED_EQ,
				.datum_a = row->tests[i].mask,
				.datum_b = row->tests[i].value,
			};
	const int error =
		seccomp_rule_add_array(context, SCMP_ACT_TRACE(SECCOMP_OURS), nr, count, tests);
	/*
	 * -EDOM, -EINVAL: a pseudo number that none of the ABIs has; -EEXIST: a wider rule is
	 * there.
	 */
	if (error && error != -EDOM && error != -EEXIST && !(error == -EINVAL && nr < 0))
		return error;
	return count ? add_socketcall(context, row) : 0;
}

static int add_rows(scmp_filter_ctx context, bool owner, const struct stop_choice *choice)
{
	for (size_t i = 0; i < syscall_rows_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		if ((row->stop == STOP_OWNER) != owner || !syscall_wanted(row, choice))
			continue;
		const int error = add_row(context, row);
		if (error)
			return error;
	}
	return 0;
}

/* What a pipe holds at least (pipe(7)): more than the longest filter, BPF_MAXINSNS. */
enum { PROGRAM_BYTES_MAX = 4096 * sizeof(struct sock_filter) };

/*
 * libseccomp writes a filter to descriptors only. Not to a file in memory: RLIMIT_FSIZE forbids
 * that one, too.
 */
static int export_program(scmp_filter_ctx context, struct sock_fprog *program)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int error = seccomp_export_bpf(context, ends[1]);
	close(ends[1]);
	program->filter = error ? NULL : malloc(PROGRAM_BYTES_MAX);
	if (!error && !program->filter)
		error = -ENOMEM;
	if (!error) {
		const ssize_t bytes = read(ends[0], program->filter, PROGRAM_BYTES_MAX);
		if (bytes > 0)
			program->len = (unsigned short)((size_t)bytes / sizeof(*program->filter));
		else
			error = -EIO;
	}
	close(ends[0]);
	return error;
}

int seccomp_build(bool owner, const struct stop_choice *choice, struct sock_fprog *program,
	struct error *error)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int status = -ENOMEM;

	*program = (struct sock_fprog){0};
	if (context) {
		status = seccomp_attr_set(
			context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRACE(SECCOMP_OURS));
		if (!status)
			status = add_abis(context);
		if (!status)
			status = add_rows(context, owner, choice);
		if (!status)
			status = export_program(context, program);
		seccomp_release(context);
	}
	if (status)
		error_set(error, -status, "cannot build the seccomp filter: %s", strerror(-status));
	return status;
}

static int install(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       program) < 0
		       ? -errno
		       : 0;
}

int seccomp_install(const struct sock_fprog *program)
{
	int error = install(program);

	/* seccomp(2): without CAP_SYS_ADMIN only under no_new_privs. */
	if (error == -EACCES) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			return -errno;
		error = install(program);
	}
	return error;
}
