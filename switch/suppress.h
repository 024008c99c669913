/* Leaks that are known and not to be told of: the conditions of filters, asked of open sockets. */
#ifndef SOCKTEST_SWITCH_SUPPRESS_H
#define SOCKTEST_SWITCH_SUPPRESS_H

#include <stdbool.h>

#include "switch/error.h"
#include "switch/snapshot.h"

struct suppressions;

/* NULL: no memory. */
struct suppressions *suppressions_new(void);
void suppressions_free(struct suppressions *suppressions);

/*
 * Adds one, COND[:COND...]. Empty lines and those that begin with # add none. Returns 0, -EINVAL
 * with a message, or -ENOMEM.
 */
int suppressions_add(struct suppressions *suppressions, const char *line, struct error *error);

/* All of them as they were added, and NULL; lent until the next is added. */
const char *const *suppressions_texts(const struct suppressions *suppressions);

/*
 * Whether all conditions of one hold for a socket. functions: those on the stack that opened it,
 * the innermost first, and NULL; or NULL.
 */
bool suppressions_match(const struct suppressions *suppressions, const struct socket_row *row,
	const char *const *functions);

#endif
