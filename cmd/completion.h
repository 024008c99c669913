/*
 * The answer of "socktest complete" to a shell: what the last of the words that were typed may be.
 * Whoever looks at the words says so with the functions below; candidates that do not begin as what
 * was typed are left out.
 */
#ifndef SOCKTEST_CMD_COMPLETION_H
#define SOCKTEST_CMD_COMPLETION_H

#include <stdio.h>

#include "switch/suggest.h"

enum completion_kind {
	COMPLETION_WORDS,
	COMPLETION_OPEN, /* words that may go on: no blank is to follow */
	COMPLETION_FILES,
	COMPLETION_COMMAND /* from one of the words on it is a command line of its own */
};

struct completion {
	char *const *words; /* those typed, NULL-terminated */
	char *word;         /* the last of them */
	const char *part;   /* what of it is to be completed: candidates take its place */
	enum completion_kind kind;
	size_t command;   /* the index of COMPLETION_COMMAND's first word */
	const char *text; /* that suggestions are made for */
	FILE *list;       /* of the candidates, which goes to lines */
	char *lines;
	size_t size;
};

/* words is not empty. To be printed once, which frees it. */
void completion_begin(struct completion *completion, char *const *words);

/* Prints it to stdout. Returns 0 or -errno: at a prompt no message is welcome. */
int completion_print(struct completion *completion);

/* help may be NULL. */
void completion_offer(struct completion *completion, const char *word, const char *help);

/* Each of words, which end with NULL. */
void completion_choices(struct completion *completion, const char *const *words);

/* The ids of processes that may be attached to, behind the last comma. */
void completion_pids(struct completion *completion);

void completion_files(struct completion *completion);

/* first is the word of a command that the user wants to run. */
void completion_command(struct completion *completion, char *const *first);

/*
 * For filter_complete and expectation_complete, of a text that ends with the part. Their words may
 * go on.
 */
struct suggest completion_suggest(struct completion *completion, const char *text);

#endif
