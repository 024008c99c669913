/*
 * What differs from one architecture to the next, one header each with the same hooks:
 *
 *   struct arch_regs                  the general registers of a stopped task
 *   arch_syscall_instruction_bytes    length of the instruction that enters the kernel
 *   arch_is_syscall_instruction       whether so many bytes are one
 *   arch_direct_number                a call's second number in an ABI that has two ways to it
 *   arch_get_regs, arch_set_regs      read, write them; 0 or -errno
 *   arch_instruction_pointer          where it goes on
 *   arch_stack_pointer                the top of its stack
 *   arch_cancel                       at a syscall's entry: do not run it, give the program this
 *                                     result
 *   arch_argument                     at a syscall's entry: one of its six arguments
 *   arch_set_argument                 the same: run it with another one
 *   arch_argument_stays               whether its register still holds it at the exit
 *   arch_prepare_call                 at a syscall's exit: make the task enter this call when resumed
 *   arch_current_call                 within a syscall: its number and its first argument
 *   arch_result                       at a syscall's exit: what it returned
 *   arch_set_result                   gives it another one
 *   ARCH_RESTARTS_AFTER_SIGNAL_STOPS  whether the kernel decides only after the stops for signals if
 *                                     the call is made again
 *   arch_rolled_back_result           what a call that SECCOMP_RET_TRAP kept from running seems to
 *                                     return
 *   arch_was_made                     at a task's end: whether its last call was made
 *   arch_signal_frame_result          at a signal handler's first instruction: the address of the
 *                                     saved result of the interrupted call (0: not known)
 *   arch_is_trampoline                whether the code that begins with these bytes only returns from
 *                                     a signal handler
 *   arch_interrupted_register         there: the address of a register, by DWARF's number, of what was
 *                                     interrupted (0: not known, or libunwind finds it)
 *   arch_code                         how its code is read
 *   arch_abis                         the ABIs a task of this machine may enter the kernel by
 */
#ifndef SOCKTEST_TRACE_ARCH_ARCH_H
#define SOCKTEST_TRACE_ARCH_ARCH_H

#include <stddef.h>
#include <stdint.h>

#include "trace/arch/code.h"

enum { ARCH_SYSCALL_INSTRUCTION_BYTES_MAX = 4, ARCH_TRAMPOLINE_BYTES = 16 };

/* One way into the kernel: its number in seccomp's data, and libseccomp's token for it. */
struct arch_abi {
	uint32_t audit;      /* AUDIT_ARCH_* (linux/audit.h) */
	uint32_t seccomp;    /* SCMP_ARCH_* (seccomp.h) */
	uint32_t foreign_nr; /* numbers with this bit belong to another ABI that shares the audit
				number; 0: none */
	unsigned word_bytes; /* of a pointer */
};

#if defined(__x86_64__) && !defined(__ILP32__)
#include "trace/arch/x86_64.h"
#elif defined(__aarch64__) && !defined(__ILP32__)
#include "trace/arch/aarch64.h"
#else
#error "socktest has no trace/arch header for this architecture"
#endif

/* The ABI with this audit number; NULL: none of this machine's. */
static inline const struct arch_abi *arch_abi_find(uint32_t audit)
{
	for (size_t i = 0; i < sizeof(arch_abis) / sizeof(*arch_abis); i++)
		if (arch_abis[i].audit == audit)
			return &arch_abis[i];
	return NULL;
}

#endif
