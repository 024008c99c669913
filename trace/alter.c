#include "trace/alter.h"

#include <errno.h>

#include "trace/arch/arch.h"
#include "trace/memory.h"
#include "trace/tracee.h"

/* The System V ABI of x86-64 has functions use that many bytes below the stack; others have less. */
enum { RED_ZONE_BYTES = 128, ALIGNMENT_BYTES = 16 };

int alter_borrow(pid_t tid, struct active_call *call, const void *bytes, size_t length)
{
	struct alteration *const alteration = &call->alteration;
	const uint64_t at =
		(call->stack_pointer - RED_ZONE_BYTES - length) & -(uint64_t)ALIGNMENT_BYTES;

	if (length > sizeof(alteration->lent))
		return -E2BIG;
	int error = memory_read(tid, at, alteration->lent, length);
	if (!error)
		error = memory_write(tid, at, bytes, length);
	if (error)
		return error;
	alteration->at = at;
	alteration->length = length;
	return 0;
}

int alter_argument(pid_t tid, struct active_call *call, int index, uint64_t value)
{
	struct alteration *const alteration = &call->alteration;
	struct arch_regs regs;
	int error = arch_get_regs(tid, &regs);

	if (error)
		return error;
	const uint64_t before = arch_argument(&regs, call->audit, index);
	arch_set_argument(&regs, call->audit, index, value);
	error = arch_set_regs(tid, &regs);
	if (error)
		return error;
	alteration->before[alteration->count].index = index;
	alteration->before[alteration->count++].value = before;
	return 0;
}

static void put_back_arguments(pid_t tid, const struct active_call *call)
{
	const struct alteration *const alteration = &call->alteration;
	struct arch_regs regs;

	/* -ESRCH is a death. */
	if (!alteration->count || arch_get_regs(tid, &regs))
		return;
	for (unsigned i = 0; i < alteration->count; i++)
		if (arch_argument_stays(alteration->before[i].index))
			arch_set_argument(&regs, call->audit, alteration->before[i].index,
				alteration->before[i].value);
	(void)arch_set_regs(tid, &regs);
}

void alter_end(pid_t tid, struct active_call *call)
{
	struct alteration *const alteration = &call->alteration;

	put_back_arguments(tid, call);
	if (alteration->length)
		(void)memory_write(tid, alteration->at, alteration->lent, alteration->length);
	*alteration = (struct alteration){0};
}
