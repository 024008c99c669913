/*
 * Filters: what is done before a call and after it. Each comes from one command-line option,
 * --fail-CALL, --after-CALL or --so-error=ERRNO[,ERRNO...][:COND...], or --delay-CALL=TIME[:COND...].
 * One is known by its index, which stays: one that is cleared does nothing any more, but still has
 * its place and its counts.
 */
#ifndef SOCKTEST_SWITCH_FILTER_H
#define SOCKTEST_SWITCH_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "switch/call.h"
#include "switch/cookie.h"
#include "switch/error.h"
#include "switch/suggest.h"

struct filters;

/* What a condition may look at. */
struct filter_subject {
	const struct caller *caller;
	const char *syscall;  /* its own name: "accept4" */
	socket_cookie cookie; /* canonical */
	int fd;               /* -1 for socket(2) */
	_Bool asks_so_error;  /* getsockopt(SO_ERROR) */
	const struct address *local, *peer;
};

/* What has to be read of the program before filters_decide can answer for a call. */
enum filter_need {
	FILTER_NEEDS_COMM = 1,
	FILTER_NEEDS_LOCAL = 2,
	FILTER_NEEDS_PEER = 4,
	FILTER_NEEDS_NONBLOCK = 8,
	FILTER_NEEDS_STACK = 16,
};

struct filter_decision {
	enum answer answer; /* ANSWER_NONE: the call passes */
	int error;          /* the errno it is answered with */
	uint64_t delay_ns;  /* held back for this long before it passes or is answered */
	int filter; /* index of the filter that gave the errno, else of the delay, else -1 */
};

struct filter_tally {
	const char *option; /* "--fail-connect=ECONNREFUSED:to=:80", owned by the filters */
	uint64_t matched;   /* calls that met every condition but when= and prob= */
	uint64_t fired;
	_Bool cleared;
};

/* seed: where the chance of prob= comes from. NULL: no memory. */
struct filters *filters_new(uint64_t seed);
void filters_free(struct filters *filters);

/*
 * Parses and appends one. option is "fail-connect", "delay-close", ...; value is what follows the
 * '='. Returns 0, -EINVAL with a message that names the option, the wrong part and what would be
 * right, or -ENOMEM.
 */
int filters_add(
	struct filters *filters, const char *option, const char *value, struct error *error);

/* Whether filters_add would take it; the message is of what is wrong alone, without the option. */
int filters_check(const char *option, const char *value, struct error *error);

/*
 * filters_add that says its index. One that was cleared and has the very same text takes up its place
 * again, begins anew, and goes on with its counts: setting and clearing a few over and over needs
 * no more room.
 */
int filters_set(struct filters *filters, const char *option, const char *value, size_t *index,
	struct error *error);

/* It does nothing from now on. */
void filters_clear(struct filters *filters, size_t index);

/*
 * Bits of enum filter_need for calls of this kind, over all filters; *any: whether any filter is
 * for all of them. (--so-error is for SO_ERROR alone.)
 */
unsigned filters_needs(const struct filters *filters, enum call_kind kind, _Bool *any);

/* Whether some condition uses prob=, so that the seed is worth printing. */
_Bool filters_use_chance(const struct filters *filters);

/* Whether some condition looks at stacks. */
_Bool filters_use_stacks(const struct filters *filters);

/* The option of one that asks somebody, and was not cleared; or NULL. */
const char *filters_asking(const struct filters *filters);

/*
 * Decides for one call. Of the filters that answer the first whose conditions hold wins, and so of
 * the delay filters; both may apply, the delay first. Every filter's counts go on, whoever wins.
 */
void filters_decide(struct filters *filters, enum call_kind kind,
	const struct filter_subject *subject, struct filter_decision *decision);

/*
 * For filters that count for each thread by itself: a thread ended, and its id may come again for
 * another; or the thread goes on as another one (execve(2) gives it that of its process).
 */
void filters_thread_ended(struct filters *filters, pid_t tid);
void filters_thread_renamed(struct filters *filters, pid_t from, pid_t to);

/* Its answer to that thread's last call cannot be given: it has not fired, and keeps its errno. */
void filters_take_back(struct filters *filters, size_t index, pid_t tid);

size_t filters_count(const struct filters *filters);

/* How many of them were not cleared. */
size_t filters_in_force(const struct filters *filters);
struct filter_tally filters_tally(const struct filters *filters, size_t index);

/*
 * The options that make filters, for --help, completion and the man page check: names without "--",
 * their argument and one line of help. NULL-terminated by name.
 */
struct filter_option {
	const char *name;     /* "fail-connect" */
	const char *argument; /* "ERRNO[,ERRNO...][:COND...]" */
	const char *help;
};
const struct filter_option *filter_options(void);

/*
 * For completion: suggests what may end the value of this option, which may be empty: errnos,
 * conditions, their arguments where there are few. Nothing where the option or what is before that
 * is wrong.
 */
void filter_complete(const char *option, const char *value, const struct suggest *suggest);

/* The conditions, for --help and the man page check; NULL-terminated by name. */
struct filter_condition_help {
	const char *name;     /* "when" */
	const char *argument; /* "F[..L][+S]"; NULL: takes none */
	const char *help;
};
const struct filter_condition_help *filter_conditions(void);

#endif
