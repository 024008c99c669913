/*
 * Signals to socktest itself, from before the run until it exits. The wait loop blocks in waitpid(2), the cheapest way
 * to be woken by a stop; signals and deadlines interrupt it. One that comes just before waitpid
 * blocks would be slept over: so a timer goes on interrupting until it was noticed.
 */
#ifndef SOCKTEST_TRACE_SIGNALS_H
#define SOCKTEST_TRACE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "switch/error.h"

/*
 * Takes the signals over, once and for all: what is left to be done when the program has ended is
 * not to be cut off by them either. Before anything that has SIGIO sent to us. Returns 0, or -errno
 * with a message.
 */
int signals_begin(struct error *error);

/*
 * Nobody takes them from now on: each is outlived, but for one that would end a process and comes
 * more than a second after another such.
 */
void signals_end(void);

/* In a child of fork(2): what the program shall find, as socktest found it. */
void signals_restore(void);

/*
 * A signal that came to us, 0: none is left. Each is taken once. *by_terminal: the kernel sent it,
 * and so to the program as well, which is in our process group.
 */
int signals_take(bool *by_terminal);

/* Whether SIGINT, SIGQUIT, SIGTERM or SIGHUP has come and was not taken yet. */
bool signals_pending(void);

/*
 * Interrupts system calls when the time has come and from then on; 0: not at all. Of
 * CLOCK_MONOTONIC.
 */
void signals_interrupt_at(uint64_t time_ns);

/* Signals wait while a call runs that must not be interrupted: until the last let of as many holds.
 */
void signals_hold(void);
void signals_let(void);

#endif
