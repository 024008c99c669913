#include "cmd/commandline.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/message.h"
#include "switch/names.h"

#ifndef SOCKTEST_VERSION
#define SOCKTEST_VERSION "(unknown version)"
#endif

struct parse {
	const struct commandline *commandline;
	void *context;
	char **operands;
	int next; /* the index of the word that argp is at */
};

const char *commandline_did_you_mean(const char *nearest)
{
	static char text[128];

	if (!nearest)
		return "";
	snprintf(text, sizeof(text), "; did you mean %s?", nearest);
	return text;
}

bool commandline_is_last(const struct argp_option *option)
{
	return !option->name && !option->key && !option->doc;
}

bool commandline_is_long(const struct argp_option *option)
{
	return option->name && !(option->flags & OPTION_DOC);
}

static const char *nearest_option(const struct argp_option *options, const char *name)
{
	static char dashed[64];
	size_t count = 0;
	const char **names;
	const char *nearest;

	for (const struct argp_option *option = options; !commandline_is_last(option); option++)
		count++;
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return NULL;
	count = 0;
	for (const struct argp_option *option = options; !commandline_is_last(option); option++) {
		if (commandline_is_long(option))
			names[count++] = option->name;
	}
	nearest = nearest_word(name, names, count);
	free(names);
	if (!nearest)
		return NULL;
	snprintf(dashed, sizeof(dashed), "--%s", nearest);
	return dashed;
}

/* word is as the user wrote it, shown the part of it that is wrong. */
static _Noreturn void unknown_option(
	const struct commandline *commandline, const char *shown, const char *word)
{
	const char *name = word + strspn(word, "-");
	char *bare = strndup(name, strcspn(name, "="));
	const char *nearest = bare ? nearest_option(commandline->argp.options, bare) : NULL;
	const char *instead = commandline->instead ? commandline->instead(shown) : NULL;
	const bool is_letter = strncmp(shown, "--", 2) != 0;

	/* "-name" may be meant to be "--name" rather than letters. */
	if (instead && !(is_letter && nearest))
		message_exit("%s: %s", shown, instead);
	if (nearest)
		message_exit("%s: no such option%s", shown, commandline_did_you_mean(nearest));
	message_exit("%s: no such option; see %s --help", shown, commandline->name);
}

static _Noreturn void ambiguous_option(
	const struct argp_option *options, const char *name, size_t length)
{
	char text[1024] = "";
	size_t used = 0;

	for (const struct argp_option *option = options; !commandline_is_last(option); option++) {
		if (!commandline_is_long(option) || strncmp(option->name, name, length) != 0)
			continue;
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s--%s",
				used ? ", " : "", option->name);
	}
	message_exit("--%.*s: ambiguous: one of %s", (int)length, name, text);
}

/* word starts with "--", and getopt_long(3) did not want it. */
static _Noreturn void wrong_long(const struct commandline *commandline, const char *word)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	const struct argp_option *found = NULL;
	size_t matches = 0;

	for (const struct argp_option *option = commandline->argp.options;
		length && !commandline_is_last(option); option++) {
		if (!commandline_is_long(option) || strncmp(option->name, name, length) != 0)
			continue;
		found = option;
		matches++;
		if (!option->name[length]) {
			matches = 1;
			break;
		}
	}
	if (!found) {
		char *shown = strndup(word, length ? 2 + length : SIZE_MAX);

		unknown_option(commandline, shown ? shown : word, word);
	}
	if (matches > 1)
		ambiguous_option(commandline->argp.options, name, length);
	if (found->arg)
		message_exit(
			"--%s: needs an argument: --%s=%s", found->name, found->name, found->arg);
	message_exit("--%s: takes no argument", found->name);
}

const struct argp_option *commandline_find_short(const struct argp_option *options, char letter)
{
	for (; !commandline_is_last(options); options++) {
		if (options->key == (unsigned char)letter && !(options->flags & OPTION_DOC))
			return options;
	}
	return NULL;
}

/* word is one "-" and letters, and getopt(3) did not want one of them. */
static _Noreturn void wrong_short(const struct commandline *commandline, const char *word)
{
	const struct argp_option *option = NULL;
	const char *letter = word;

	while (letter[1]) {
		option = commandline_find_short(commandline->argp.options, *++letter);
		if (!option || option->arg)
			break;
	}
	if (option && option->arg)
		message_exit("-%c: needs an argument: -%c %s", *letter, *letter, option->arg);
	unknown_option(commandline, (char[]){'-', *letter, '\0'}, word);
}

static _Noreturn void wrong_word(const struct commandline *commandline, const char *word)
{
	if (!strncmp(word, "--", 2))
		wrong_long(commandline, word);
	wrong_short(commandline, word);
}

static _Noreturn void answer(const struct commandline *commandline, int key)
{
	char *name = strdup(commandline->name);

	if (!name)
		message_exit("out of memory");
	if (key == COMMANDLINE_VERSION)
		puts("socktest " SOCKTEST_VERSION);
	else
		argp_help(&commandline->argp, stdout,
			key == COMMANDLINE_HELP ? ARGP_HELP_STD_HELP : ARGP_HELP_USAGE, name);
	if (key == COMMANDLINE_HELP && commandline->print_help_end)
		commandline->print_help_end(stdout);
	free(name);
	if (fflush(stdout) || ferror(stdout))
		message_exit("stdout: cannot write: %m");
	exit(EXIT_SUCCESS);
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	struct parse *parse = state->input;

	switch (key) {
	case COMMANDLINE_HELP:
	case COMMANDLINE_USAGE:
	case COMMANDLINE_VERSION:
		answer(parse->commandline, key);
	case ARGP_KEY_ERROR:
		/* getopt does not tell which word it was: the one after those that were taken. */
		wrong_word(parse->commandline, state->argv[parse->next]);
	case ARGP_KEY_ARGS:
		parse->operands = state->argv + state->next;
		return 0;
	case ARGP_KEY_ARG:
	case ARGP_KEY_NO_ARGS:
	case ARGP_KEY_INIT:
	case ARGP_KEY_END:
	case ARGP_KEY_SUCCESS:
	case ARGP_KEY_FINI:
		return ARGP_ERR_UNKNOWN;
	default:
		parse->commandline->take(parse->context, key, argument);
		parse->next = state->next;
		return 0;
	}
}

char **commandline_parse(
	const struct commandline *commandline, int argc, char **argv, void *context)
{
	struct parse parse = {
		.commandline = commandline,
		.context = context,
		.operands = argv + argc,
		.next = 1,
	};
	struct argp argp = commandline->argp;
	error_t error;

	argp.parser = parse_key;
	error = argp_parse(
		&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &parse);
	if (error)
		message_exit("%s: %s", commandline->name, strerror(error));
	return parse.operands;
}
