/* A report that grows: what recordings are read into. Private to report/. */
#ifndef SOCKTEST_REPORT_MERGE_H
#define SOCKTEST_REPORT_MERGE_H

#include <jansson.h>
#include <stdbool.h>

#include "report/report.h"

struct merge_stack;

/* Errors stick: no_memory is asked for at the end. */
struct merge {
	struct report report; /* points into what follows */
	struct snapshot snapshot;
	struct filter_tally *filters;
	struct check *checks;
	const char **warnings;
	struct merge_stack *stacks_known;
	const struct stack_text **stacks; /* by their numbers, from 1 */
	uint32_t stacks_count;            /* the greatest number */
	char **texts;                     /* that others point to */
	size_t texts_count;
	bool no_memory;
	bool ended; /* some run was added */
};

void merge_clear(struct merge *merge);

/* Keeps a text as long as the merge; NULL: no memory. Returns it, never NULL. */
const char *merge_keep(struct merge *merge, char *text);

/* The counters of a cookie. Valid until the next one; NULL: no memory. */
struct sockstat *merge_stat(struct merge *merge, socket_cookie cookie);

/* Takes over the addresses of the row. */
void merge_socket(struct merge *merge, const struct socket_row *row);

/* The option is copied. */
void merge_filter(struct merge *merge, const char *option, uint64_t matched, uint64_t fired);
void merge_check(struct merge *merge, const struct check *check);
void merge_warning(struct merge *merge, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * How a run ended, and whose it was. Of several the first that did not end well is told, else the
 * first; the durations are added. command is lent for as long as the merge.
 */
struct run_end {
	const char *const *command;
	bool cut_off, signaled;
	int status;
	uint64_t duration_ns;
};
void merge_run(struct merge *merge, const struct run_end *end);

/* The number of the stack with these frames and this end; 0: there is none, or no memory. */
uint32_t merge_stack(struct merge *merge, const json_t *frames, const json_t *end);
void merge_stacks_clear(struct merge *merge);

/* Adds everything that the last line of a recording has in it. */
void merge_end(struct merge *merge, const json_t *line);

/* The bytes that a string of a report stands for, see report/jansson.h: new (free), NULL: no memory. */
char *merge_bytes(const json_t *string);

/* An array of such strings, NULL-terminated. */
const char *const *merge_command(struct merge *merge, const json_t *array);

#endif
