/*
 * What orders the tasks of the stress program where the order decides a count, and nowhere else.
 * Taken in this order: the gate of the process, the lock of the descriptor table, the end lock.
 */
#ifndef SOCKTEST_TESTS_STRESS_LOCKS_H
#define SOCKTEST_TESTS_STRESS_LOCKS_H

#include <limits.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/stress/ledger.h"

/* For a while at most: what is waited for may come without a wake-up. */
static inline void futex_wait(void *word, uint32_t value)
{
	const struct timespec most = {.tv_nsec = 20000000};

	if (atomic_load(&ledger->failed))
		_exit(1);
	syscall(SYS_futex, word, FUTEX_WAIT, value, &most, NULL, 0);
}

static inline void futex_wake(void *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- locks of many readers or one writer ---- */

static inline void lock_shared(_Atomic int *lock)
{
	if (ledger->wild)
		return;
	for (;;) {
		int value = atomic_load(lock);
		if (value < 0)
			futex_wait(lock, (uint32_t)value);
		else if (atomic_compare_exchange_strong(lock, &value, value + 1))
			return;
	}
}

static inline void unlock_shared(_Atomic int *lock)
{
	if (!ledger->wild && atomic_fetch_sub(lock, 1) == 1)
		futex_wake(lock);
}

static inline void lock_alone(_Atomic int *lock)
{
	if (ledger->wild)
		return;
	for (;;) {
		int value = 0;
		if (atomic_compare_exchange_strong(lock, &value, -1))
			return;
		futex_wait(lock, (uint32_t)value);
	}
}

static inline void unlock_alone(_Atomic int *lock)
{
	if (ledger->wild)
		return;
	atomic_store(lock, 0);
	futex_wake(lock);
}

/* ---- the end of a task ---- */

/*
 * The kernel marks the futex of a task that ends (or execs) after the task's last ptrace stop and
 * before it takes its descriptors away (kernel/exit.c). list_op_pending serves for the list's one
 * entry.
 */
static inline void task_register(void)
{
	atomic_store(&me->alive, (uint32_t)syscall(SYS_gettid));
	me->robust_entry.next = &me->robust.list;
	me->robust.list.next = &me->robust.list;
	me->robust.futex_offset = (long)((char *)&me->alive - (char *)&me->robust_entry);
	me->robust.list_op_pending = &me->robust_entry;
	syscall(SYS_set_robust_list, &me->robust, sizeof(me->robust));
	futex_wake(&me->alive);
}

static inline bool task_is_gone(struct task *task)
{
	uint32_t alive = atomic_load(&task->alive);

	if (alive & FUTEX_OWNER_DIED)
		return true;
	if (atomic_compare_exchange_strong(&task->alive, &alive, alive | FUTEX_WAITERS))
		futex_wait(&task->alive, alive | FUTEX_WAITERS);
	return false;
}

/* Who holds the end lock alone keeps it until his process is gone. */
static inline void ends_take_from_dead(int value)
{
	const struct task *const holder = &ledger->tasks[-value - 1];

	if (!atomic_load(&holder->doomed))
		return futex_wait(&ledger->ends, (uint32_t)value);
	for (int i = 0; i < TASKS; i++) {
		struct task *const task = &ledger->tasks[i];
		if (atomic_load(&task->doomed) && task->process == holder->process &&
			!task_is_gone(task))
			return;
	}
	if (atomic_compare_exchange_strong(&ledger->ends, &value, 0))
		futex_wake(&ledger->ends);
}

static inline void ends_lock_shared(void)
{
	if (ledger->wild)
		return;
	for (;;) {
		int value = atomic_load(&ledger->ends);
		if (value < 0)
			ends_take_from_dead(value);
		else if (atomic_compare_exchange_strong(&ledger->ends, &value, value + 1))
			return;
	}
}

static inline void ends_unlock_shared(void)
{
	unlock_shared(&ledger->ends);
}

static inline void ends_lock_alone(void)
{
	if (ledger->wild)
		return;
	for (;;) {
		int value = 0;
		if (atomic_compare_exchange_strong(&ledger->ends, &value, -me->id - 1))
			return;
		if (value < 0)
			ends_take_from_dead(value);
		else
			futex_wait(&ledger->ends, (uint32_t)value);
	}
}

static inline void ends_unlock_alone(void)
{
	unlock_alone(&ledger->ends);
}

#endif
