/* What a report says of a leak besides its numbers. */
#ifndef SOCKTEST_REPORT_LEAKS_H
#define SOCKTEST_REPORT_LEAKS_H

#include <stdio.h>

#include "switch/snapshot.h"
#include "switch/stack.h"

/*
 * A line for the file of --suppressions that holds for this socket and others opened from the
 * same functions; without names of those, by the same command. stack may be NULL.
 */
void leaks_print_suppression(
	FILE *stream, const struct socket_row *row, const struct stack_text *stack);

#endif
