#include "switch/turn.h"

#include <stdlib.h>
#include <uthash.h>

struct thread_turn {
	pid_t tid;
	struct turn turn;
	UT_hash_handle hh;
};

static struct thread_turn *find(const turn_map *map, pid_t tid)
{
	struct thread_turn *thread;

	HASH_FIND_INT(*map, &tid, thread);
	return thread;
}

struct turn *turns_of(turn_map *map, pid_t tid)
{
	struct thread_turn *thread = find(map, tid);

	if (thread)
		return &thread->turn;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		abort();
	thread->tid = tid;
	HASH_ADD_INT(*map, tid, thread);
	return &thread->turn;
}

void turns_forget(turn_map *map, pid_t tid)
{
	struct thread_turn *const thread = find(map, tid);

	if (!thread)
		return;
	HASH_DEL(*map, thread);
	free(thread);
}

void turns_rename(turn_map *map, pid_t from, pid_t to)
{
	struct thread_turn *thread;

	turns_forget(map, to);
	thread = find(map, from);
	if (!thread)
		return;
	HASH_DEL(*map, thread);
	thread->tid = to;
	HASH_ADD_INT(*map, tid, thread);
}

void turns_clear(turn_map *map)
{
	struct thread_turn *thread, *next;

	HASH_ITER(hh, *map, thread, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(*map, thread);
		free(thread);
	}
}
