#include "trace/tracee.h"

#include <stdlib.h>

struct tracee *tracee_add(tracee_map *map, pid_t tid, pid_t tgid)
{
	struct tracee *tracee = calloc(1, sizeof(*tracee));

	if (!tracee)
		return NULL;
	tracee->tid = tid;
	tracee->tgid = tgid;
	HASH_ADD_INT(*map, tid, tracee);
	return tracee;
}

struct tracee *tracee_find(const tracee_map *map, pid_t tid)
{
	struct tracee *tracee;

	HASH_FIND_INT(*map, &tid, tracee);
	return tracee;
}

struct tracee *tracee_of_process(const tracee_map *map, pid_t tgid)
{
	struct tracee *tracee = tracee_find(map, tgid);

	if (tracee)
		return tracee;
	for (tracee = *map; tracee; tracee = tracee->hh.next)
		if (tracee->tgid == tgid)
			return tracee;
	return NULL;
}

void tracee_rename(tracee_map *map, struct tracee *tracee, pid_t tid)
{
	HASH_DEL(*map, tracee);
	tracee->tid = tid;
	HASH_ADD_INT(*map, tid, tracee);
}

void tracee_remove(tracee_map *map, struct tracee *tracee)
{
	HASH_DEL(*map, tracee);
	free(tracee);
}
