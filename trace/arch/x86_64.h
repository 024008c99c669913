/* x86-64, with i386 tasks. See trace/arch/arch.h for the hooks. */
#ifndef SOCKTEST_TRACE_ARCH_X86_64_H
#define SOCKTEST_TRACE_ARCH_X86_64_H

#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/ucontext.h>
#include <sys/user.h>

#include "trace/arch/i386.h"

struct arch_regs {
	struct user_regs_struct user;
};

static inline size_t arch_syscall_instruction_bytes(const struct arch_regs *regs)
{
	(void)regs;
	return 2;
}

/* syscall, int $0x80, sysenter */
static inline bool arch_is_syscall_instruction(
	const struct arch_regs *regs, const unsigned char *bytes)
{
	(void)regs;
	return (bytes[0] == 0x0f && (bytes[1] == 0x05 || bytes[1] == 0x34)) ||
	       (bytes[0] == 0xcd && bytes[1] == 0x80);
}

/* A call's second number, where the ABI has two ways to it; -1: it has not. */
static inline long arch_direct_number(uint32_t audit, const char *name)
{
	return audit == AUDIT_ARCH_I386 ? i386_number(name) : -1;
}

/* x32 numbers carry __X32_SYSCALL_BIT (asm/unistd.h). */
static const struct arch_abi arch_abis[] = {
	{.audit = AUDIT_ARCH_X86_64,
		.seccomp = SCMP_ARCH_X86_64,
		.foreign_nr = 0x40000000,
		.word_bytes = 8},
	{.audit = AUDIT_ARCH_I386, .seccomp = SCMP_ARCH_X86, .word_bytes = 4},
};

/* glibc's are unsigned long long, musl's unsigned long. */
typedef __typeof__(((struct arch_regs *)NULL)->user.rax) arch_register;

/* PTRACE_GETREGS has one layout for 64- and 32-bit tasks; PTRACE_GETREGSET has not. */
static inline int arch_get_regs(pid_t tid, struct arch_regs *regs)
{
	return ptrace(PTRACE_GETREGS, tid, NULL, &regs->user) < 0 ? -errno : 0;
}

static inline int arch_set_regs(pid_t tid, const struct arch_regs *regs)
{
	return ptrace(PTRACE_SETREGS, tid, NULL, &regs->user) < 0 ? -errno : 0;
}

static inline int arch_cancel(pid_t tid, int64_t result)
{
	struct arch_regs regs;
	const int error = arch_get_regs(tid, &regs);

	if (error)
		return error;
	regs.user.orig_rax = (arch_register)-1;
	regs.user.rax = (arch_register)result;
	return arch_set_regs(tid, &regs);
}

static inline arch_register *arch_argument_register(
	struct arch_regs *regs, uint32_t audit, int index)
{
	arch_register *const of_i386[] = {&regs->user.rbx, &regs->user.rcx, &regs->user.rdx,
		&regs->user.rsi, &regs->user.rdi, &regs->user.rbp};
	arch_register *const of_x86_64[] = {&regs->user.rdi, &regs->user.rsi, &regs->user.rdx,
		&regs->user.r10, &regs->user.r8, &regs->user.r9};

	return (audit == AUDIT_ARCH_I386 ? of_i386 : of_x86_64)[index];
}

static inline uint64_t arch_argument(struct arch_regs *regs, uint32_t audit, int index)
{
	return *arch_argument_register(regs, audit, index);
}

static inline void arch_set_argument(
	struct arch_regs *regs, uint32_t audit, int index, uint64_t value)
{
	*arch_argument_register(regs, audit, index) = value;
}

/* The result has a register of its own. */
static inline bool arch_argument_stays(int index)
{
	(void)index;
	return true;
}

static inline void arch_prepare_call(
	struct arch_regs *regs, uint32_t audit, long nr, const uint64_t arguments[static 6])
{
	regs->user.rip -= arch_syscall_instruction_bytes(regs);
	regs->user.rax = (arch_register)nr;
	/* Not in a call any more: else the kernel could take the result for one to restart. */
	regs->user.orig_rax = (arch_register)-1;
	for (int i = 0; i < 6; i++)
		arch_set_argument(regs, audit, i, arguments[i]);
}

static inline void arch_current_call(
	const struct arch_regs *regs, uint32_t audit, uint64_t *nr, uint64_t *first_argument)
{
	*nr = regs->user.orig_rax;
	*first_argument = audit == AUDIT_ARCH_I386 ? (uint32_t)regs->user.rbx : regs->user.rdi;
}

/* arch/x86/include/asm/syscall.h, syscall_rollback */
static inline int64_t arch_rolled_back_result(
	uint32_t audit, uint64_t nr, const uint64_t arguments[static 6])
{
	(void)audit, (void)arguments;
	return (int64_t)nr;
}

static inline uint64_t arch_instruction_pointer(const struct arch_regs *regs)
{
	return regs->user.rip;
}

/* As DWARF and libunwind count. */
enum { ARCH_PROGRAM_COUNTER = 16 };

/* libunwind follows frame pointers itself. */
enum { ARCH_FRAME_REGISTER = -1 };

static inline uint64_t arch_stack_pointer(const struct arch_regs *regs)
{
	return regs->user.rsp;
}

static inline int64_t arch_result(const struct arch_regs *regs)
{
	return (int64_t)regs->user.rax;
}

static inline void arch_set_result(struct arch_regs *regs, int64_t result)
{
	regs->user.rax = (arch_register)result;
}

/* arch/x86/kernel/signal.c, arch_do_signal_or_restart */
enum { ARCH_RESTARTS_AFTER_SIGNAL_STOPS = true };

/* Until then the result is preset (arch/x86/entry/entry_64.S). */
static inline bool arch_was_made(const struct arch_regs *regs, uint64_t first_argument)
{
	(void)first_argument;
	return arch_result(regs) != -ENOSYS;
}

/*
 * arch/x86/include/asm/sigframe.h. 64 bits: the return address, then the ucontext. 32 bits: with
 * SA_SIGINFO ecx points to the ucontext, whose first 20 bytes are not registers; else it is 0, and
 * the registers follow the return address and the signal. In them eax is the twelfth word (struct
 * sigcontext_32).
 */
static inline uint64_t arch_signal_frame_result(const struct arch_regs *regs, uint32_t audit)
{
	const uint64_t eax = 11 * sizeof(uint32_t);

	if (audit == AUDIT_ARCH_X86_64)
		return regs->user.rsp + 8 + offsetof(ucontext_t, uc_mcontext.gregs[REG_RAX]);
	return regs->user.rcx ? regs->user.rcx + 20 + eax : regs->user.rsp + 8 + eax;
}

/* mov $__NR_rt_sigreturn, %rax, or %eax as musl has it; syscall */
static inline bool arch_is_trampoline(const unsigned char bytes[static ARCH_TRAMPOLINE_BYTES])
{
	static const unsigned char rax[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05},
				   eax[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};

	return memcmp(bytes, rax, sizeof(rax)) == 0 || memcmp(bytes, eax, sizeof(eax)) == 0;
}

/* The ucontext is at the top of the stack there; libunwind 1.6 needs tables to see that. */
static inline uint64_t arch_interrupted_register(uint64_t stack_pointer, int number)
{
	static const int gregs[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP,
		REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
		REG_RIP};

	if (number < 0 || (size_t)number >= sizeof(gregs) / sizeof(*gregs))
		return 0;
	return stack_pointer + offsetof(ucontext_t, uc_mcontext.gregs) +
	       (uint64_t)gregs[number] * sizeof(greg_t);
}

static const struct code_machine *const arch_code = &code_x86_64;

#endif
