/*
 * How far a filter's counting has come: when=, and which of several errnos comes next. Of all calls
 * together, or with each=thread of those of each thread by itself. Private to the filters.
 */
#ifndef SOCKTEST_SWITCH_TURN_H
#define SOCKTEST_SWITCH_TURN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct turn {
	uint64_t calls; /* of which all but when= held */
	size_t errors;  /* handed out */
};

/* A map by thread id, empty when NULL. It has those that were asked for and have not ended. */
typedef struct thread_turn *turn_map;

/* That of a thread, which begins at 0. Aborts without memory, as the Switch does. */
struct turn *turns_of(turn_map *map, pid_t tid);

/* The thread ended; its id may come again for another one. */
void turns_forget(turn_map *map, pid_t tid);

/* The thread has another id from now on, which nobody has any more. */
void turns_rename(turn_map *map, pid_t from, pid_t to);

/* Forgets all. */
void turns_clear(turn_map *map);

#endif
