#include "cmd/options.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cmd/commandline.h"
#include "cmd/message.h"
#include "cmd/status.h"
#include "cmd/strace.h"
#include "switch/names.h"

#define USAGE "socktest trace [OPTION...] [--] COMMAND [ARG...], or -p PID"

enum {
	KEY_SEED = COMMANDLINE_FIRST_KEY,
	KEY_REQUIRE_FIRED,
	KEY_EXPECT,
	KEY_LEAK_CHECK,
	KEY_SUPPRESSIONS,
	KEY_TIMEOUT,
	KEY_ERROR_EXITCODE,
	KEY_FORMAT,
	KEY_COUNT,
	KEY_EVENTS,
	KEY_EVENTS_FORMAT,
	KEY_COLOR,
	KEY_NO_FOLLOW,
	KEY_NO_WAIT,
	KEY_CONTROL,
	KEY_IO_URING,
	KEY_SECCOMP,
	KEY_FIRST_FILTER
};

enum { GROUP_FILTERS = 1, GROUP_CHECKS, GROUP_REPORT, GROUP_TRACING };

static const struct argp_option own_options[] = {
	{.doc = "Faults:\n"
		"   socktest trace --fail-connect=ECONNREFUSED:to=:5432 -- ./mytests",
		.group = GROUP_FILTERS},
	{.name = "seed",
		.key = KEY_SEED,
		.arg = "N",
		.doc = "where the chance of prob= comes from, to repeat a run",
		.group = GROUP_FILTERS},

	{.key = 'e',
		.arg = "EXPR",
		.doc = "as strace has it: inject=CALL,...[:error=ERRNO] "
		       "[:delay_enter=TIME][:when=RANGE] or fault=CALL,...[:error=ERRNO] "
		       "[:when=RANGE]; when= counts for each system call and thread by itself",
		.group = GROUP_FILTERS},

	{.doc = "Checks:\n"
		"   socktest trace --expect='* connect_failed==0' -- ./mytests",
		.group = GROUP_CHECKS},
	{.name = "require-fired",
		.key = KEY_REQUIRE_FIRED,
		.doc = "a filter that never fired is a failed check",
		.group = GROUP_CHECKS},
	{.name = "expect",
		.key = KEY_EXPECT,
		.arg = "EXPECTATION",
		.doc = "what the counters have to be, as 'inet/stream closed==opened+accepted' or "
		       "'* connect_failed<3'",
		.group = GROUP_CHECKS},
	{.name = "leak-check",
		.key = KEY_LEAK_CHECK,
		.arg = "no|report|error",
		.doc = "group the sockets that were left open by where they were opened; error: "
		       "any is a failed check",
		.group = GROUP_CHECKS},
	{.name = "suppressions",
		.key = KEY_SUPPRESSIONS,
		.arg = "FILE",
		.doc = "leaks that are not to be told of: a line COND[:COND...] for each",
		.group = GROUP_CHECKS},
	{.name = "timeout",
		.key = KEY_TIMEOUT,
		.arg = "TIME",
		.doc = "end COMMAND and its children after TIME, exit with 124, and say which call "
		       "on which socket each was stuck in",
		.group = GROUP_CHECKS},
	{.name = "error-exitcode",
		.key = KEY_ERROR_EXITCODE,
		.arg = "N",
		.doc = "exit status when only a check failed, 1 to 255 (99)",
		.group = GROUP_CHECKS},

	{.doc = "Report:\n"
		"   socktest trace --stack --format=junit:sockets.xml -- ./mytests",
		.group = GROUP_REPORT},
	{.name = "output",
		.key = 'o',
		.arg = "FILE",
		.doc = "write the report to FILE, not to stderr; here and for others '|COMMAND' "
		       "has the shell's COMMAND read it",
		.group = GROUP_REPORT},
	{.name = "format",
		.key = KEY_FORMAT,
		.arg = "FORMAT[:FILE]",
		.doc = "format of the report, see below; with FILE, one more report that is "
		       "written "
		       "there",
		.group = GROUP_REPORT},
	{.name = "count",
		.key = KEY_COUNT,
		.arg = "socktest|go",
		.doc = "whose rules to count by: socktest's, or those of Go's package socktest",
		.group = GROUP_REPORT},
	{.name = "events",
		.key = KEY_EVENTS,
		.arg = "FILE",
		.flags = OPTION_ARG_OPTIONAL,
		.doc = "write a line for every traced call as it happens, to stderr or FILE",
		.group = GROUP_REPORT},
	{.key = 't',
		.doc = "lines of --events begin with the time of day in place of that since the "
		       "start; -tt: with microseconds; -ttt: with seconds since the epoch",
		.group = GROUP_REPORT},
	{.name = "stack",
		.key = 'k',
		.doc = "show the stacks from which inflight sockets were opened, and those of "
		       "events",
		.group = GROUP_REPORT},
	{.name = "events-format",
		.key = KEY_EVENTS_FORMAT,
		.arg = "FORMAT",
		.doc = "form of the events, see below; goes with --events",
		.group = GROUP_REPORT},
	{.name = "color",
		.key = KEY_COLOR,
		.arg = "WHEN",
		.doc = "colour in tables; auto: on a terminal, unless NO_COLOR is set or TERM is "
		       "dumb",
		.group = GROUP_REPORT},
	{.name = "quiet",
		.key = 'q',
		.doc = "no report and no warnings on stderr, only failed checks and a drawn seed; "
		       "FILE of --output is written all the same; -qq: not those either, only "
		       "the exit status tells",
		.group = GROUP_REPORT},
	{.name = "verbose",
		.key = 'v',
		.doc = "warn of what is normal but good to know, too",
		.group = GROUP_REPORT},

	{.doc = "Tracing:\n"
		"   socktest trace --no-wait --control=socktest.socket -- ./server",
		.group = GROUP_TRACING},
	{.name = "follow-forks",
		.key = 'f',
		.doc = "trace children too (the default)",
		.group = GROUP_TRACING},
	{.name = "no-follow",
		.key = KEY_NO_FOLLOW,
		.doc = "trace COMMAND and its threads only",
		.group = GROUP_TRACING},
	{.name = "attach",
		.key = 'p',
		.arg = "PID[,PID...]",
		.doc = "trace processes that run already; Ctrl-C or SIGTERM lets them go",
		.group = GROUP_TRACING},
	{.name = "no-wait",
		.key = KEY_NO_WAIT,
		.doc = "report when COMMAND itself has ended, and let go of what it left behind",
		.group = GROUP_TRACING},
	{.name = "control",
		.key = KEY_CONTROL,
		.arg = "PATH",
		.doc = "listen on a Unix socket at PATH for socktest ctl, to ask and set while "
		       "COMMAND runs",
		.group = GROUP_TRACING},
	{.name = "io-uring",
		.key = KEY_IO_URING,
		.arg = "warn|deny|allow",
		.doc = "io_uring needs no calls that could be traced: warn of its use, have "
		       "programs "
		       "do without, or say nothing",
		.group = GROUP_TRACING},
	{.name = "seccomp",
		.key = KEY_SECCOMP,
		.arg = "auto|on|off",
		.doc = "stop only the calls that matter, by a seccomp filter; auto: where that "
		       "works",
		.group = GROUP_TRACING},

	{.doc = "Help:", .group = -1},
	COMMANDLINE_STANDARD_OPTIONS,
};

enum { OWN_OPTIONS = sizeof(own_options) / sizeof(*own_options) };

static const char *const count_words[] = {[COUNT_SOCKTEST] = "socktest", [COUNT_GO] = "go", NULL};
static const char *const seccomp_words[] = {
	[SECCOMP_AUTO] = "auto", [SECCOMP_ON] = "on", [SECCOMP_OFF] = "off", NULL};
static const char *const io_uring_words[] = {
	[IO_URING_WARN] = "warn", [IO_URING_DENY] = "deny", [IO_URING_ALLOW] = "allow", NULL};
static const char *const leak_check_words[] = {
	[LEAK_CHECK_NO] = "no", [LEAK_CHECK_REPORT] = "report", [LEAK_CHECK_ERROR] = "error", NULL};
static const char *const color_words[] = {
	[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL};

static _Noreturn void wrong_choice(const char *option, const char *value, const char *const *words)
{
	char list[256] = "";
	size_t count = 0;

	for (; words[count]; count++) {
		size_t used = strlen(list);

		snprintf(list + used, sizeof(list) - used, "%s%s", count ? ", " : "", words[count]);
	}
	message_exit("--%s=%s: must be one of %s%s", option, value, list,
		commandline_did_you_mean(nearest_word(value, words, count)));
}

/* The options whose argument is one of some words, which end with NULL. */
static const struct choice {
	int key;
	const char *option;
	const char *const *words;
} choices[] = {
	{KEY_LEAK_CHECK, "leak-check", leak_check_words},
	{KEY_COUNT, "count", count_words},
	{KEY_COLOR, "color", color_words},
	{KEY_IO_URING, "io-uring", io_uring_words},
	{KEY_SECCOMP, "seccomp", seccomp_words},
};

enum { CHOICES = sizeof(choices) / sizeof(*choices) };

static const struct choice *find_choice(int key)
{
	for (size_t i = 0; i < CHOICES; i++) {
		if (choices[i].key == key)
			return &choices[i];
	}
	return NULL;
}

/* The index of value in the words of the option, which is one of choices. */
static unsigned choose(int key, const char *value)
{
	const struct choice *const choice = find_choice(key);

	for (unsigned index = 0; choice->words[index]; index++) {
		if (!strcmp(value, choice->words[index]))
			return index;
	}
	wrong_choice(choice->option, value, choice->words);
}

const struct report_format *options_format(const char *name)
{
	const struct report_format *found = report_format_find(name);
	const char *words[16] = {NULL};

	if (found)
		return found;
	for (size_t i = 0; i < 15 && report_formats[i]; i++)
		words[i] = report_formats[i]->name;
	wrong_choice("format", name, words);
}

/* FORMAT of the usual report, or FORMAT:FILE for a further one. */
static void take_format(struct options *options, const char *value)
{
	const char *const colon = strchr(value, ':');
	char *name;

	if (!colon) {
		options->format = options_format(value);
		return;
	}
	options->reports = reallocarray(
		options->reports, options->reports_count + 1, sizeof(*options->reports));
	name = strndup(value, (size_t)(colon - value));
	if (!options->reports || !name)
		message_exit("out of memory");
	options->reports[options->reports_count++] = (struct report_request){
		.format = options_format(name), .value = value, .file = colon + 1};
	free(name);
}

enum color_use options_color(const char *value)
{
	return choose(KEY_COLOR, value);
}

static const struct event_format *events_format(const char *value)
{
	const struct event_format *found = event_format_find(value);
	const char *words[16] = {NULL};

	if (found)
		return found;
	for (size_t i = 0; i < 15 && event_formats[i]; i++)
		words[i] = event_formats[i]->name;
	wrong_choice("events-format", value, words);
}

/* A decimal number and nothing else: strtoull(3) alone would take " -1". */
static uint64_t number(const char *option, const char *value, uint64_t min, uint64_t max)
{
	bool digits = *value && !value[strspn(value, "0123456789")];
	uint64_t result;

	errno = 0;
	result = strtoull(value, NULL, 10);
	if (!digits || errno || result < min || result > max)
		message_exit("--%s=%s: must be a number from %" PRIu64 " to %" PRIu64, option,
			value, min, max);
	return result;
}

/* Each PID once, in the order in which they are named. */
static void take_pids(struct options *options, const char *list)
{
	for (const char *from = list;; from++) {
		const size_t length = strcspn(from, ",");
		char text[16] = "";

		if (length < sizeof(text))
			memcpy(text, from, length);
		const unsigned long pid = strtoul(text, NULL, 10);
		if (!*text || text[strspn(text, "0123456789")] || pid < 1 || pid > INT_MAX)
			message_exit("--attach=%s: \"%.*s\" is no process id; must be PID[,PID...]",
				list, (int)length, from);
		options->attach = reallocarray(
			options->attach, options->attach_count + 1, sizeof(*options->attach));
		if (!options->attach)
			message_exit("out of memory");
		options->attach[options->attach_count++] = (pid_t)pid;
		from += length;
		if (!*from)
			return;
	}
}

static void take_expect(struct options *options, const char *text)
{
	struct expect_request *request;
	struct error error;

	options->expects = reallocarray(
		options->expects, options->expects_count + 1, sizeof(*options->expects));
	if (!options->expects)
		message_exit("out of memory");
	request = &options->expects[options->expects_count++];
	request->text = text;
	if (expectation_parse(text, &request->expectation, &error))
		message_exit("--expect=%s: %s", text, error.text);
}

/* Whoever names more than three lifetimes means no limit that could be told from them. */
static uint64_t timeout(const char *value)
{
	const uint64_t max_ns = UINT64_MAX / 4;
	uint64_t time_ns;

	switch (duration_parse(value, &time_ns)) {
	case 0:
		if (!time_ns)
			message_exit("--timeout=%s: must be more than nothing", value);
		return time_ns < max_ns ? time_ns : max_ns;
	case -ERANGE:
		return max_ns;
	default:
		message_exit("--timeout=%s: must be a time as 500ms, 1.5s or 2m", value);
	}
}

static void take_filter(struct options *options, int key, const char *argument)
{
	const struct filter_option *filter = &filter_options()[key - KEY_FIRST_FILTER];

	options->filters[options->filters_count++] =
		(struct filter_request){.option = filter->name, .value = argument};
}

struct taking {
	struct options *options;
	bool seeded;
	unsigned quiets, forks, times; /* how often the letter was given */
	struct strace_filters injected;
};

static void take_quiet(struct taking *taking)
{
	taking->quiets++;
	taking->options->verbose = false;
}

static void take_verbose(struct taking *taking)
{
	taking->quiets = 0;
	taking->options->verbose = true;
}

static void take_follow(struct taking *taking)
{
	taking->options->follow = true;
	if (++taking->forks > 1)
		message_exit("-ff: %s", strace_option("-ff"));
}

/* Those that strace has too, and that mean more when given more than once. */
static bool take_letter(struct taking *taking, int key, const char *argument)
{
	switch (key) {
	case 't':
		taking->times++;
		return true;
	case 'e':
		strace_take(&taking->injected, argument);
		return true;
	case 'q':
		take_quiet(taking);
		return true;
	case 'v':
		take_verbose(taking);
		return true;
	case 'f':
		take_follow(taking);
		return true;
	default:
		return false;
	}
}

static void take(void *context, int key, const char *argument)
{
	struct taking *taking = context;
	struct options *options = taking->options;

	switch (key) {
	case KEY_SEED:
		options->seed = number("seed", argument, 0, UINT64_MAX);
		taking->seeded = true;
		break;
	case KEY_REQUIRE_FIRED:
		options->require_fired = true;
		break;
	case KEY_EXPECT:
		take_expect(options, argument);
		break;
	case KEY_LEAK_CHECK:
		options->leak_check = choose(key, argument);
		break;
	case KEY_SUPPRESSIONS:
		options->suppressions[options->suppressions_count++] = argument;
		break;
	case KEY_TIMEOUT:
		options->timeout_ns = timeout(argument);
		break;
	case KEY_ERROR_EXITCODE:
		options->error_exitcode = (int)number("error-exitcode", argument, 1, 255);
		break;
	case 'o':
		options->output = argument;
		break;
	case KEY_FORMAT:
		take_format(options, argument);
		break;
	case KEY_COUNT:
		options->rules = choose(key, argument);
		break;
	case KEY_EVENTS:
		options->events = true;
		options->events_output = argument;
		break;
	case 'k':
		options->stack = true;
		break;
	case KEY_EVENTS_FORMAT:
		options->events_format = events_format(argument);
		break;
	case KEY_COLOR:
		options->color = options_color(argument);
		break;
	case KEY_NO_FOLLOW:
		options->follow = false;
		break;
	case 'p':
		take_pids(options, argument);
		break;
	case KEY_NO_WAIT:
		options->wait = false;
		break;
	case KEY_CONTROL:
		options->control = argument;
		break;
	case KEY_IO_URING:
		options->io_uring = choose(key, argument);
		break;
	case KEY_SECCOMP:
		options->seccomp = choose(key, argument);
		break;
	default:
		if (!take_letter(taking, key, argument))
			take_filter(options, key, argument);
	}
}

/* Own options and those of the filters; freed by the caller. */
static struct argp_option *all_options(void)
{
	const struct filter_option *filters = filter_options();
	size_t count = 0;
	struct argp_option *options;

	while (filters[count].name)
		count++;
	options = calloc(OWN_OPTIONS + count + 1, sizeof(*options));
	if (!options)
		message_exit("out of memory");
	memcpy(options, own_options, sizeof(own_options));
	for (size_t i = 0; i < count; i++)
		options[OWN_OPTIONS + i] = (struct argp_option){.name = filters[i].name,
			.key = KEY_FIRST_FILTER + (int)i,
			.arg = filters[i].argument,
			.doc = filters[i].help,
			.group = GROUP_FILTERS};
	return options;
}

/* Two columns, laid out as argp does it; argp itself would not indent the second. */
static void print_row(FILE *stream, const char *left, const char *right)
{
	enum { LEFT = 27, RIGHT = 50 };

	fprintf(stream, "  %-*s", LEFT, left);
	while (strlen(right) > RIGHT) {
		const char *space = memrchr(right, ' ', RIGHT + 1);

		if (!space)
			break;
		fprintf(stream, "%.*s\n  %-*s", (int)(space - right), right, LEFT, "");
		right = space + 1;
	}
	fprintf(stream, "%s\n", right);
}

static void print_conditions(FILE *stream)
{
	fputs("\nConditions of faults (COND):\n", stream);
	for (const struct filter_condition_help *condition = filter_conditions(); condition->name;
		condition++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", condition->name,
			condition->argument ? "=" : "",
			condition->argument ? condition->argument : "");
		print_row(stream, left, condition->help);
	}
}

static void print_formats(FILE *stream)
{
	fputs("\nFormats of the report (FORMAT), the first is the default:\n", stream);
	for (size_t i = 0; report_formats[i]; i++)
		print_row(stream, report_formats[i]->name, report_formats[i]->help);
	fputs("\nFormats of events, the first is the default:\n", stream);
	for (size_t i = 0; event_formats[i]; i++)
		print_row(stream, event_formats[i]->name, event_formats[i]->help);
}

static void print_help_end(FILE *stream)
{
	print_conditions(stream);
	print_formats(stream);
	fputs("\nExit status: that of COMMAND, or death by the signal that killed it; 99: a\n"
	      "check failed; 124: its time was up; 125: socktest was misused or failed; 126:\n"
	      "COMMAND cannot be executed; 127: COMMAND was not found.\n",
		stream);
}

static uint64_t seed_by_chance(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		message_exit("no random seed: %s", strerror(errno));
	return seed;
}

/* -t, -tt, -ttt; strace takes more of them for the last. */
static void set_clock(struct options *options, unsigned times)
{
	const char *const letters = times == 1 ? "-t" : times == 2 ? "-tt" : "-ttt";

	options->clock = times < EVENT_CLOCK_EPOCH ? (enum event_clock)times : EVENT_CLOCK_EPOCH;
	if (!times)
		return;
	if (!options->events)
		message_exit("%s: goes with --events only", letters);
	if (options->events_format && options->events_format != event_formats[0])
		message_exit("%s: goes with --events-format=%s only: %s has times of its own",
			letters, event_formats[0]->name, options->events_format->name);
}

/* What options ask for that count, or of which the last counts. */
static void conclude(struct taking *taking)
{
	struct options *const options = taking->options;

	options->quiet = taking->quiets > 0;
	options->silent = taking->quiets > 1;
	set_clock(options, taking->times);
	for (size_t i = 0; i < STRACE_CALLS; i++) {
		if (taking->injected.of[i].option)
			options->filters[options->filters_count++] = taking->injected.of[i];
	}
	if (!options->events_format)
		options->events_format = event_formats[0];
	options->seed_by_chance = !taking->seeded;
	if (options->seed_by_chance)
		options->seed = seed_by_chance();
}

static void check(const struct options *options)
{
	if (options->events_format && !options->events)
		message_exit("--events-format=%s: goes with --events=FILE only",
			options->events_format->name);
	if (options->attach_count && *options->command)
		message_exit(
			"--attach: not with a COMMAND (%s): either it is started or processes are "
			"attached to",
			*options->command);
	if (!options->attach_count && !*options->command)
		message_exit("trace: no COMMAND; usage: " USAGE);
	if (options->suppressions_count && options->leak_check == LEAK_CHECK_NO)
		message_exit("--suppressions=%s: only with --leak-check=report or error",
			*options->suppressions);
	if (options->seccomp == SECCOMP_ON &&
		(!options->follow || !options->wait || options->attach_count))
		message_exit(
			"%s: not with --seccomp=on: whoever carries the seccomp filter and is not "
			"traced any more, or never was, has its calls fail",
			!options->follow ? "--no-follow"
			: !options->wait ? "--no-wait"
					 : "--attach");
}

/* ---- completing ---- */

void options_complete_format(struct completion *completion)
{
	for (size_t i = 0; report_formats[i]; i++)
		completion_offer(completion, report_formats[i]->name, report_formats[i]->help);
}

void options_complete_color(struct completion *completion)
{
	completion_choices(completion, color_words);
}

static void complete_events_format(struct completion *completion)
{
	for (size_t i = 0; event_formats[i]; i++)
		completion_offer(completion, event_formats[i]->name, event_formats[i]->help);
}

/* FORMAT, or FORMAT:FILE. */
static void complete_format(struct completion *completion)
{
	const char *const colon = strchr(completion->part, ':');

	if (!colon) {
		options_complete_format(completion);
		return;
	}
	completion->part = colon + 1;
	completion_files(completion);
}

static void complete_expect(struct completion *completion)
{
	const char *const text = completion->part;
	const struct suggest suggest = completion_suggest(completion, text);

	expectation_complete(text, &suggest);
}

/* Its argument may be one of some words, or nothing is known of it. */
static void complete_choice(struct completion *completion, int key)
{
	const struct choice *const choice = find_choice(key);

	if (choice)
		completion_choices(completion, choice->words);
}

static void complete_filter(struct completion *completion, int key)
{
	const char *const value = completion->part;
	const struct suggest suggest = completion_suggest(completion, value);

	filter_complete(filter_options()[key - KEY_FIRST_FILTER].name, value, &suggest);
}

static void complete_argument(struct completion *completion, int key)
{
	switch (key) {
	case 'o':
	case KEY_SUPPRESSIONS:
	case KEY_EVENTS:
	case KEY_CONTROL:
		completion_files(completion);
		break;
	case KEY_FORMAT:
		complete_format(completion);
		break;
	case KEY_EVENTS_FORMAT:
		complete_events_format(completion);
		break;
	case KEY_EXPECT:
		complete_expect(completion);
		break;
	case 'p':
		completion_pids(completion);
		break;
	default:
		if (key >= KEY_FIRST_FILTER)
			complete_filter(completion, key);
		else
			complete_choice(completion, key);
	}
}

/* ---- the command line ---- */

/* options: all of them, or some. */
static struct commandline commandline_of(const struct argp_option *options)
{
	return (struct commandline){
		.name = "socktest trace",
		.argp = {.options = options,
			.args_doc = "[--] COMMAND [ARG...]\n-p PID[,PID...]",
			.doc = "Runs COMMAND, or attaches to processes, and reports what became of "
			       "their sockets."},
		.take = take,
		.instead = strace_option,
		.print_help_end = print_help_end,
		.complete = complete_argument,
	};
}

void options_complete(struct completion *completion, char *const *words)
{
	struct argp_option *const all = all_options();
	const struct commandline commandline = commandline_of(all);
	char *const *const command = commandline_complete(&commandline, completion, words);

	if (command)
		completion_command(completion, command);
	free(all);
}

void options_complete_filter(struct completion *completion)
{
	struct argp_option *const all = all_options();
	const struct commandline commandline = commandline_of(all + OWN_OPTIONS);
	char *const words[] = {completion->word, NULL};

	if (commandline_complete(&commandline, completion, words))
		commandline_offer(commandline.argp.options, completion);
	free(all);
}

struct options options_parse(int argc, char **argv)
{
	struct argp_option *all = all_options();
	const struct commandline commandline = commandline_of(all);
	struct options options = {
		.filters = calloc((size_t)argc + STRACE_CALLS, sizeof(*options.filters)),
		.suppressions = calloc((size_t)argc + 1, sizeof(*options.suppressions)),
		.error_exitcode = STATUS_CHECK_FAILED,
		.format = report_formats[0],
		.follow = true,
		.wait = true,
	};
	struct taking taking = {.options = &options};

	if (!options.filters || !options.suppressions)
		message_exit("out of memory");
	options.command = commandline_parse(&commandline, argc, argv, &taking);
	free(all);
	check(&options);
	conclude(&taking);
	return options;
}

void filter_request_clear(const struct filter_request *request)
{
	if (!request->owned)
		return;
	free((void *)request->option);
	free((void *)request->value);
}

void options_free(const struct options *options)
{
	for (size_t i = 0; i < options->filters_count; i++)
		filter_request_clear(&options->filters[i]);
	free(options->filters);
	free(options->suppressions);
	free(options->expects);
	free(options->reports);
	free(options->attach);
}
