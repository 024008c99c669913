#include <stddef.h>
#include <string.h>

#include "cmd/commandline.h"
#include "cmd/ctl.h"
#include "cmd/doctor.h"
#include "cmd/message.h"
#include "cmd/process.h"
#include "cmd/report.h"
#include "cmd/trace.h"
#include "switch/names.h"

struct command {
	const char *name, *help;
	int (*run)(int argc, char **argv); /* returns what process_end takes */
};

static const struct command commands[] = {
	{.name = "trace", .help = "run a program and report on its sockets", .run = trace_command},
	{.name = "ctl", .help = "ask and tell a run of trace --control", .run = ctl_command},
	{.name = "report",
		.help = "turn recordings of events into a report",
		.run = report_command},
	{.name = "doctor", .help = "say what of it works on this machine", .run = doctor_command},
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

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

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	unknown_command(name);
}

/* Takes the options before the subcommand; *argc and *argv are then the subcommand's own. */
static const struct command *choose_command(int *argc, char ***argv)
{
	struct argp_option options[COMMANDS + 5] = {{.doc = "Subcommands:", .group = 1}};
	const struct commandline commandline = {
		.name = "socktest",
		.argp = {.options = options,
			.args_doc = "trace [OPTION...] [--] COMMAND [ARG...]",
			.doc = "Tells the truth about a program's sockets, and makes their calls "
			       "fail "
			       "on purpose.\v\"socktest trace --help\" lists what it can do."},
	};
	const struct argp_option standard[] = {COMMANDLINE_STANDARD_OPTIONS};
	char **operands;

	for (size_t i = 0; i < COMMANDS; i++)
		options[1 + i] = (struct argp_option){.name = commands[i].name,
			.flags = OPTION_DOC | OPTION_NO_USAGE,
			.doc = commands[i].help,
			.group = 1};
	memcpy(options + 1 + COMMANDS, standard, sizeof(standard));
	operands = commandline_parse(&commandline, *argc, *argv, NULL);
	if (!*operands)
		message_exit(
			"no subcommand; usage: socktest trace [OPTION...] [--] COMMAND [ARG...]");
	*argc -= (int)(operands - *argv);
	*argv = operands;
	return find_command(*operands);
}

int main(int argc, char **argv)
{
	process_prepare();
	const struct command *command = choose_command(&argc, &argv);
	return process_end(command->run(argc, argv));
}
