#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commandline.h"
#include "cmd/completion.h"
#include "cmd/ctl.h"
#include "cmd/doctor.h"
#include "cmd/message.h"
#include "cmd/options.h"
#include "cmd/process.h"
#include "cmd/report.h"
#include "cmd/status.h"
#include "cmd/trace.h"
#include "switch/names.h"

struct command {
	const char *name, *help;
	int (*run)(int argc, char **argv); /* returns what process_end takes */
	/* Completes the words behind its name; NULL: it takes the standard options alone. */
	void (*complete)(struct completion *completion, char *const *words);
};

static int complete_command(int argc, char **argv);

static const struct command commands[] = {
	{.name = "trace",
		.help = "run a program and report on its sockets",
		.run = trace_command,
		.complete = options_complete},
	{.name = "ctl",
		.help = "ask and tell a run of trace --control",
		.run = ctl_command,
		.complete = ctl_complete},
	{.name = "report",
		.help = "turn recordings of events into a report",
		.run = report_command,
		.complete = report_complete},
	{.name = "doctor", .help = "say what of it works on this machine", .run = doctor_command},
	{.name = "complete",
		.help = "tell a shell what may be typed next",
		.run = complete_command},
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands), MAIN_OPTIONS = COMMANDS + 5 };

static const struct argp_option standard_options[] = {COMMANDLINE_STANDARD_OPTIONS, {0}};

static _Noreturn void unknown_command(const char *name)
{
	const char *names[COMMANDS];
	const char *nearest;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	nearest = nearest_word(name, names, COMMANDS);
	if (nearest)
		message_exit("%s: no such subcommand%s", name, commandline_did_you_mean(nearest));
	message_exit("%s: no such subcommand; see socktest --help", name);
}

/* NULL: none is called so. */
static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

/* The options before the subcommand, and for --help the subcommands. */
static void list_options(struct argp_option options[static MAIN_OPTIONS])
{
	options[0] = (struct argp_option){.doc = "Subcommands:", .group = 1};
	for (size_t i = 0; i < COMMANDS; i++)
		options[1 + i] = (struct argp_option){.name = commands[i].name,
			.flags = OPTION_DOC | OPTION_NO_USAGE,
			.doc = commands[i].help,
			.group = 1};
	memcpy(options + 1 + COMMANDS, standard_options, sizeof(standard_options));
}

/* ---- completing ---- */

static void complete_words(struct completion *completion, char *const *words)
{
	const struct commandline commandline = {.argp = {.options = standard_options}};
	char *const *const operands = commandline_complete(&commandline, completion, words);
	const struct command *command;

	if (!operands)
		return;
	if (!operands[1]) {
		for (size_t i = 0; i < COMMANDS; i++)
			completion_offer(completion, commands[i].name, commands[i].help);
		return;
	}
	command = find_command(*operands);
	if (command && command->complete)
		command->complete(completion, operands + 1);
	else if (command)
		commandline_complete(&commandline, completion, operands + 1);
}

static int complete_command(int argc, char **argv)
{
	const struct commandline commandline = {
		.name = "socktest complete",
		.argp = {.options = standard_options,
			.args_doc = "-- WORD...",
			.doc = "Prints what the last WORD of a command line may be. The WORDs are "
			       "those behind \"socktest\", and the last may be empty. "
			       "The completions of bash, zsh and fish ask this."},
	};
	char **const words = commandline_parse(&commandline, argc, argv, NULL);
	struct completion completion;

	if (!*words)
		message_exit("complete: no WORD; usage: socktest complete -- WORD...");
	completion_begin(&completion, words);
	complete_words(&completion, words);
	return completion_print(&completion) ? STATUS_FAILED : 0;
}

/* ---- running ---- */

/* Takes the options before the subcommand; *argc and *argv are then the subcommand's own. */
static const struct command *choose_command(int *argc, char ***argv)
{
	struct argp_option options[MAIN_OPTIONS];
	const struct commandline commandline = {
		.name = "socktest",
		.argp = {.options = options,
			.args_doc = "trace [OPTION...] [--] COMMAND [ARG...]",
			.doc = "Tells the truth about a program's sockets, and makes their calls "
			       "fail "
			       "on purpose.\v\"socktest trace --help\" lists what it can do."},
	};
	const struct command *command;
	char **operands;

	list_options(options);
	operands = commandline_parse(&commandline, *argc, *argv, NULL);
	if (!*operands)
		message_exit(
			"no subcommand; usage: socktest trace [OPTION...] [--] COMMAND [ARG...]");
	*argc -= (int)(operands - *argv);
	*argv = operands;
	command = find_command(*operands);
	if (!command)
		unknown_command(*operands);
	return command;
}

int main(int argc, char **argv)
{
	process_prepare();
	const struct command *command = choose_command(&argc, &argv);
	return process_end(command->run(argc, argv));
}
