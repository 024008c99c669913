/*
 * argp(3) with messages of our own: every wrong option is one line that names it and the nearest
 * right one, and exit status 125. --help, --usage and --version are answered here.
 */
#ifndef SOCKTEST_CMD_COMMANDLINE_H
#define SOCKTEST_CMD_COMMANDLINE_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/completion.h"

/* The letters are those that argp itself takes for --help and --version. */
enum {
	COMMANDLINE_HELP = '?',
	COMMANDLINE_VERSION = 'V',
	COMMANDLINE_USAGE = 0x100,
	COMMANDLINE_FIRST_KEY /* for a caller's options without a letter */
};

/* To be among a caller's options. */
#define COMMANDLINE_STANDARD_OPTIONS                                                               \
	{.name = "help", .key = COMMANDLINE_HELP, .doc = "print this help", .group = -1},          \
		{.name = "usage",                                                                  \
			.key = COMMANDLINE_USAGE,                                                  \
			.doc = "print the options, short",                                         \
			.group = -1},                                                              \
	{                                                                                          \
		.name = "version", .key = COMMANDLINE_VERSION, .doc = "print the version",         \
		.group = -1                                                                        \
	}

struct commandline {
	const char *name; /* "socktest trace" */
	struct argp argp; /* all but its parser */
	/* Takes one of the caller's options; exits with a message where its argument is wrong. */
	void (*take)(void *context, int key, const char *argument);
	/* NULL, or says what does the same as an option of another tool, "-x" or "--xyz", that
	 * there is not; NULL: nothing does. */
	const char *(*instead)(const char *word);
	/* NULL, or prints what --help says behind the options. */
	void (*print_help_end)(FILE *stream);
	/* Says what the argument of one of them may be, which is the part; NULL: nothing is known. */
	void (*complete)(struct completion *completion, int key);
};

/*
 * Takes the options up to the first word that is none, or up to "--". Returns that word and all
 * behind it, NULL-terminated as argv is. argv[0] is not looked at.
 */
char **commandline_parse(
	const struct commandline *commandline, int argc, char **argv, void *context);

/*
 * Completes words, the last of those that completion has, as far as commandline_parse would take
 * them: nothing is said of a wrong one. Returns NULL or, where the last word is no option or is
 * behind one that is none, that one and all behind it.
 */
char *const *commandline_complete(
	const struct commandline *commandline, struct completion *completion, char *const *words);

/* Offers the names of all options. */
void commandline_offer(const struct argp_option *options, struct completion *completion);

/* Whether it ends the options; whether it has a long name; the one with this letter, or NULL. */
bool commandline_is_last(const struct argp_option *option);
bool commandline_is_long(const struct argp_option *option);
const struct argp_option *commandline_find_short(const struct argp_option *options, char letter);

/* "; did you mean NEAREST?", or "" for NULL. In a static buffer. */
const char *commandline_did_you_mean(const char *nearest);

#endif
