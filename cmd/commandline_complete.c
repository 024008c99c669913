#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/alloc.h"
#include "cmd/commandline.h"

/* The one of this name, or else the only one whose name begins so: as getopt_long(3) has it. */
static const struct argp_option *find_long(
	const struct argp_option *options, const char *name, size_t length)
{
	const struct argp_option *found = NULL;
	size_t matches = 0;

	for (; !commandline_is_last(options); options++) {
		if (!commandline_is_long(options) || strncmp(options->name, name, length) != 0)
			continue;
		if (options->name[length] == '\0')
			return options;
		found = options;
		matches++;
	}
	return matches == 1 ? found : NULL;
}

/*
 * The option in word that takes an argument, or NULL. *argument: where in the word that begins;
 * NULL: it is the next word.
 */
static const struct argp_option *find_taking_short(
	const struct argp_option *options, const char *word, const char **argument)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct argp_option *const option = commandline_find_short(options, *letter);

		if (!option)
			return NULL;
		*argument = letter[1] ? letter + 1 : NULL;
		if (option->arg)
			return option;
	}
	return NULL;
}

static const struct argp_option *find_taking(
	const struct argp_option *options, const char *word, const char **argument)
{
	if (strncmp(word, "--", 2) != 0)
		return find_taking_short(options, word, argument);

	const char *const name = word + 2;
	const size_t length = strcspn(name, "=");
	const struct argp_option *const option = find_long(options, name, length);

	*argument = name[length] ? name + length + 1 : NULL;
	if (!option || !option->arg || (!*argument && option->flags & OPTION_ARG_OPTIONAL))
		return NULL;
	return option;
}

static void offer_long(const struct argp_option *option, struct completion *completion)
{
	char *const name = alloc_text("--%s", option->name);
	char *const taking = alloc_text("--%s=", option->name);

	if (!option->arg || option->flags & OPTION_ARG_OPTIONAL)
		completion_offer(completion, name, option->doc);
	if (option->arg)
		completion_offer(completion, taking, option->doc);
	free(name);
	free(taking);
}

void commandline_offer(const struct argp_option *options, struct completion *completion)
{
	for (; !commandline_is_last(options); options++) {
		if (!commandline_is_long(options))
			continue;
		if (options->key > 0 && options->key <= CHAR_MAX && isgraph(options->key))
			completion_offer(
				completion, (char[]){'-', (char)options->key, '\0'}, options->doc);
		offer_long(options, completion);
	}
}

static void complete_argument(const struct commandline *commandline, struct completion *completion,
	const struct argp_option *option, const char *argument)
{
	completion->part = argument;
	if (commandline->complete)
		commandline->complete(completion, option->key);
}

char *const *commandline_complete(
	const struct commandline *commandline, struct completion *completion, char *const *words)
{
	const struct argp_option *const options = commandline->argp.options, *option;
	const char *argument = NULL;

	for (; words[1]; words++) {
		if (strcmp(*words, "--") == 0)
			return words + 1;
		if (words[0][0] != '-' || words[0][1] == '\0')
			return words;
		option = find_taking(options, *words, &argument);
		if (!option || argument)
			continue;
		if (!words[2]) {
			complete_argument(commandline, completion, option, words[1]);
			return NULL;
		}
		words++;
	}
	if (**words != '-')
		return words;
	option = find_taking(options, *words, &argument);
	if (option && argument)
		complete_argument(commandline, completion, option, argument);
	else
		commandline_offer(options, completion);
	return NULL;
}
