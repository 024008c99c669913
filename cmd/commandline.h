/*
 * argp(3) with messages of our own: every wrong option is one line that names it and the nearest
 * right one, and exit status 125. --help, --usage and --version are answered here.
 */
#ifndef SOCKTEST_CMD_COMMANDLINE_H
#define SOCKTEST_CMD_COMMANDLINE_H

#include <argp.h>

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
};

/*
 * Takes the options up to the first word that is none, or up to "--". Returns that word and all
 * behind it, NULL-terminated as argv is. argv[0] is not looked at.
 */
char **commandline_parse(
	const struct commandline *commandline, int argc, char **argv, void *context);

/* "; did you mean NEAREST?", or "" for NULL. In a static buffer. */
const char *commandline_did_you_mean(const char *nearest);

#endif
