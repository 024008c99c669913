/* Options of strace that socktest has not, where something else does the same. */
#include <string.h>

#include "cmd/strace.h"

#define JSON_LINES     "--events-format=jsonl"
#define NO_DATA        "what sockets carry is not traced, and no strings are printed"
#define NO_SUMMARY     "the report counts calls and failures; --format=json is for scripts"
#define ALWAYS_DECODED "--events and the report always name sockets and addresses"
#define ONE_FORM       "there is one form of --events; " JSON_LINES " has all arguments by name"

static const struct {
	const char *letter, *name; /* NULL: strace has none */
	const char *instead;
} options[] = {
	{"-A", "--output-append-mode", "-o '|cat >>FILE' appends to FILE"},
	{NULL, "--abbrev", ONE_FORM},
	{NULL, "--absolute-timestamps", "-t, -tt and -ttt say when calls were made"},
	{"-b", "--detach-on", "--no-follow leaves children alone"},
	{"-c", "--summary-only", "the report counts calls and failures without it"},
	{"-C", "--summary", "--events shows the calls, and the report counts them"},
	{"-D", "--daemonize", "-p PID attaches to a program that runs by itself"},
	{NULL, "--decode-pids", JSON_LINES " has the command of each caller"},
	{"-Y", NULL, JSON_LINES " has the command of each caller"},
	{"-E", "--env", "give COMMAND as env VAR=VALUE COMMAND"},
	{NULL, "--fault", "-e fault=CALL or --fail-CALL=ERRNO makes calls fail"},
	{"-ff", "--output-separately",
		"there is one report; --events names the thread of each call"},
	{"-h", NULL, "--help prints all options"},
	{"-i", "--instruction-pointer", "-k shows the stacks that calls were made from"},
	{NULL, "--inject", "-e inject=CALL:error=ERRNO or --fail-CALL=ERRNO makes calls fail"},
	{NULL, "--no-abbrev", ONE_FORM},
	{"-O", "--summary-syscall-overhead", NO_SUMMARY},
	{"-P", "--trace-path", "to=/PATH and on=/PATH limit a filter to a unix socket"},
	{"-r", "--relative-timestamps", "--events says the time since the start, without -t"},
	{NULL, "--raw", ONE_FORM},
	{NULL, "--read", NO_DATA},
	{"-s", "--string-limit", NO_DATA},
	{"-S", "--summary-sort-by", NO_SUMMARY},
	{NULL, "--seccomp-bpf", "--seccomp=on; auto, the default, takes it where it works"},
	{NULL, "--stack-trace", "-k shows the stacks that calls were made from"},
	{NULL, "--stack-traces", "-k shows the stacks that calls were made from"},
	{NULL, "--status", JSON_LINES " has the error of each call, to select by"},
	{"-T", "--syscall-times", JSON_LINES " has duration_ns of each call"},
	{NULL, "--trace", "--events shows every call that is traced"},
	{"-u", "--user", "give COMMAND as setpriv --reuid=USER --init-groups COMMAND"},
	{"-U", "--summary-columns", NO_SUMMARY},
	{"-w", "--summary-wall-clock", JSON_LINES " has duration_ns of each call"},
	{NULL, "--write", NO_DATA},
	{"-x", "--strings-in-hex", NO_DATA},
	{"-y", "--decode-fds", ALWAYS_DECODED},
	{"-z", "--successful-only", JSON_LINES " has the error of each call, to select by"},
	{"-Z", "--failed-only", JSON_LINES " has the error of each call, to select by"},
};

const char *strace_option(const char *word)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if ((options[i].letter && strcmp(options[i].letter, word) == 0) ||
			(options[i].name && strcmp(options[i].name, word) == 0))
			return options[i].instead;
	}
	return NULL;
}
