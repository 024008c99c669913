/* aarch64, with 32-bit arm tasks. See trace/arch/arch.h for the hooks. */
#ifndef SOCKTEST_TRACE_ARCH_AARCH64_H
#define SOCKTEST_TRACE_ARCH_AARCH64_H

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/ucontext.h>
#include <sys/uio.h>
#include <sys/user.h>

/* A call's second number, where the ABI has two ways to it; -1: it has not. */
static inline long arch_direct_number(uint32_t audit, const char *name)
{
	(void)audit, (void)name;
	return -1;
}

/* The words of arm's struct user_regs (arch/arm/include/uapi/asm/ptrace.h): its r0 to r15 first. */
enum {
	ARM_NUMBER = 7,
	ARM_SP = 13,
	ARM_PC = 15,
	ARM_CPSR = 16,
	ARM_WORDS = 18,
	ARM_CPSR_THUMB = 0x20,
};

struct arch_regs {
	union {
		struct user_regs_struct user;
		uint32_t arm[ARM_WORDS];
	};
	size_t bytes; /* of which of them, as the kernel says */
};

static inline bool arch_is_arm(const struct arch_regs *regs)
{
	return regs->bytes == sizeof(regs->arm);
}

static const struct arch_abi arch_abis[] = {
	{.audit = AUDIT_ARCH_AARCH64, .seccomp = SCMP_ARCH_AARCH64, .word_bytes = 8},
	{.audit = AUDIT_ARCH_ARM, .seccomp = SCMP_ARCH_ARM, .word_bytes = 4},
};

static inline int arch_get_regs(pid_t tid, struct arch_regs *regs)
{
	struct iovec iov = {.iov_base = &regs->user, .iov_len = sizeof(regs->user)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov) < 0)
		return -errno;
	regs->bytes = iov.iov_len;
	return 0;
}

static inline int arch_set_regs(pid_t tid, const struct arch_regs *regs)
{
	struct arch_regs copy = *regs;
	struct iovec iov = {.iov_base = &copy.user, .iov_len = copy.bytes};

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov) < 0 ? -errno : 0;
}

static inline uint64_t arch_argument(const struct arch_regs *regs, uint32_t audit, int index)
{
	(void)audit;
	return arch_is_arm(regs) ? regs->arm[index] : regs->user.regs[index];
}

static inline void arch_set_argument(
	struct arch_regs *regs, uint32_t audit, int index, uint64_t value)
{
	(void)audit;
	if (arch_is_arm(regs))
		regs->arm[index] = (uint32_t)value;
	else
		regs->user.regs[index] = value;
}

/* The syscall number is a register set of its own: NT_ARM_SYSTEM_CALL (arch/arm64/kernel/ptrace.c).
 */
static inline int arch_cancel(pid_t tid, int64_t result)
{
	int nr = -1;
	struct iovec iov = {.iov_base = &nr, .iov_len = sizeof(nr)};
	struct arch_regs regs;
	int error = arch_get_regs(tid, &regs);

	if (error)
		return error;
	if (ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &iov) < 0)
		return -errno;
	arch_set_argument(&regs, 0, 0, (uint64_t)result);
	return arch_set_regs(tid, &regs);
}

/* The result takes the first one's place (arch/arm64/kernel/syscall.c). */
static inline bool arch_argument_stays(int index)
{
	return index != 0;
}

static inline size_t arch_syscall_instruction_bytes(const struct arch_regs *regs)
{
	return arch_is_arm(regs) && regs->arm[ARM_CPSR] & ARM_CPSR_THUMB ? 2 : 4;
}

/* svc #0, little-endian, in each of the three instruction sets */
static inline bool arch_is_syscall_instruction(
	const struct arch_regs *regs, const unsigned char *bytes)
{
	static const unsigned char a64[] = {0x01, 0x00, 0x00, 0xd4},
				   a32[] = {0x00, 0x00, 0x00, 0xef}, t32[] = {0x00, 0xdf};
	const size_t length = arch_syscall_instruction_bytes(regs);

	if (arch_is_arm(regs))
		return memcmp(bytes, length == sizeof(t32) ? t32 : a32, length) == 0;
	return memcmp(bytes, a64, length) == 0;
}

static inline void arch_prepare_call(
	struct arch_regs *regs, uint32_t audit, long nr, const uint64_t arguments[static 6])
{
	if (arch_is_arm(regs)) {
		regs->arm[ARM_PC] -= (uint32_t)arch_syscall_instruction_bytes(regs);
		regs->arm[ARM_NUMBER] = (uint32_t)nr;
	} else {
		regs->user.pc -= arch_syscall_instruction_bytes(regs);
		regs->user.regs[8] = (uint64_t)nr;
	}
	for (int i = 0; i < 6; i++)
		arch_set_argument(regs, audit, i, arguments[i]);
}

static inline void arch_current_call(
	const struct arch_regs *regs, uint32_t audit, uint64_t *nr, uint64_t *first_argument)
{
	(void)audit;
	*nr = arch_is_arm(regs) ? regs->arm[ARM_NUMBER] : regs->user.regs[8];
	*first_argument = arch_is_arm(regs) ? regs->arm[0] : regs->user.regs[0];
}

/* arch/arm64/include/asm/syscall.h, syscall_rollback and syscall_get_return_value */
static inline int64_t arch_rolled_back_result(
	uint32_t audit, uint64_t nr, const uint64_t arguments[static 6])
{
	(void)nr;
	return audit == AUDIT_ARCH_ARM ? (int32_t)arguments[0] : (int64_t)arguments[0];
}

static inline uint64_t arch_instruction_pointer(const struct arch_regs *regs)
{
	return arch_is_arm(regs) ? regs->arm[ARM_PC] : regs->user.pc;
}

/* As libunwind counts. UNW_REG_IP is the register of the address to return to there. */
enum { ARCH_PROGRAM_COUNTER = 32 };

/* That of frame records (AAPCS64), as DWARF counts. libunwind does not follow those itself. */
enum { ARCH_FRAME_REGISTER = 29 };

static inline uint64_t arch_stack_pointer(const struct arch_regs *regs)
{
	return arch_is_arm(regs) ? regs->arm[ARM_SP] : regs->user.sp;
}

/* 32 bits are not sign-extended: an errno is told from an address in the upper half by its size. */
static inline int64_t arch_result(const struct arch_regs *regs)
{
	enum { ERRNO_MAX = 4095 }; /* MAX_ERRNO, include/linux/err.h */

	if (!arch_is_arm(regs))
		return (int64_t)regs->user.regs[0];
	return regs->arm[0] >= (uint32_t)-ERRNO_MAX ? (int32_t)regs->arm[0] : (int64_t)regs->arm[0];
}

static inline void arch_set_result(struct arch_regs *regs, int64_t result)
{
	arch_set_argument(regs, 0, 0, (uint64_t)result); /* in the same place for every ABI */
}

/* arch/arm64/kernel/signal.c, do_signal: the call is forgotten before. */
enum { ARCH_RESTARTS_AFTER_SIGNAL_STOPS = false };

/* The result takes the first argument's place (arch/arm64/kernel/syscall.c). */
static inline bool arch_was_made(const struct arch_regs *regs, uint64_t first_argument)
{
	return (uint64_t)arch_result(regs) != first_argument;
}

/*
 * arch/arm64/kernel/signal.c, struct rt_sigframe: the siginfo, 128 bytes, then the ucontext. 32 bits
 * (signal32.c): with SA_SIGINFO the same, and r1 and r2 point to the two; else the ucontext alone. In
 * it r0 is the ninth word (asm/signal32.h).
 */
static inline uint64_t arch_signal_frame_result(const struct arch_regs *regs, uint32_t audit)
{
	enum { SIGINFO_BYTES = 128, R0_BYTES = 8 * sizeof(uint32_t) };
	const uint64_t sp = arch_stack_pointer(regs);

	if (audit == AUDIT_ARCH_AARCH64)
		return sp + SIGINFO_BYTES + offsetof(ucontext_t, uc_mcontext.regs[0]);
	const bool info = regs->arm[1] == sp && regs->arm[2] == sp + SIGINFO_BYTES;
	return sp + (info ? SIGINFO_BYTES : 0) + R0_BYTES;
}

/* mov x8, #__NR_rt_sigreturn; svc #0, in the vDSO */
static inline bool arch_is_trampoline(const unsigned char bytes[static ARCH_TRAMPOLINE_BYTES])
{
	static const unsigned char code[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};

	return memcmp(bytes, code, sizeof(code)) == 0;
}

static inline uint64_t arch_interrupted_register(uint64_t stack_pointer, int number)
{
	(void)stack_pointer, (void)number;
	return 0;
}

static const struct code_machine *const arch_code = &code_aarch64;

#endif
