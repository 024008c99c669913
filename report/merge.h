/* A report that grows: what recordings are read into. Private to report/. */
#ifndef SOCKTEST_REPORT_MERGE_H
#define SOCKTEST_REPORT_MERGE_H

#include <jansson.h>
#include <stdbool.h>

#include "report/report.h"

struct merge_stack;

/* How a run ended, and whose it was. */
struct run_end {
	const char *const *command;
	bool cut_off, signaled;
	int status;
	uint64_t duration_ns;
};

/* A recording of several. */
struct merge_part {
	const char *name;
	struct run_end end;
	bool unread;
	size_t checks, warnings; /* the first of its own */
};

struct merge_warning {
	const char *text;
	bool named; /* the recording, by itself */
};

/* Errors stick: no_memory is asked for at the end. */
struct merge {
	struct report report; /* points into what follows */
	struct snapshot snapshot;
	struct filter_tally *filters;
	struct check *checks;
	struct merge_warning *warnings;
	struct merge_part *parts;
	size_t parts_count;
	struct merge_outcome *outcome; /* what the report points to, of several */
	const char *rules,
		*rules_of; /* by which all of them count, and the first; NULL: no one yet */
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

/* Of the part's run; or of the recording, whose name goes before it. */
void merge_warning(struct merge *merge, const char *text);
void merge_warning_of_file(struct merge *merge, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A recording begins: what follows is its own. The name is lent for as long as the merge. */
void merge_part(struct merge *merge, const char *name);

/* The report of all parts, lent for as long as nothing is added. */
const struct report *merge_report(struct merge *merge);
void merge_outcome_clear(struct merge *merge);

/*
 * Of several the first that did not end well is told, else the first; the durations are added.
 * command is lent for as long as the merge.
 */
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
