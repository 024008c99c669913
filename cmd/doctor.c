#include "cmd/doctor.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commandline.h"
#include "cmd/message.h"
#include "cmd/status.h"
#include "trace/machine.h"

enum { CHECKS_MAX = 32 };

static bool print_check(const struct machine_check *check)
{
	const char *const word = check->good ? "ok" : check->needed ? "NO" : "no";

	printf("%-2s  %s", word, check->name);
	if (*check->detail && (!check->good || check->needed))
		printf(": %s", check->detail);
	putchar('\n');
	return check->good || !check->needed;
}

int doctor_command(int argc, char **argv)
{
	const struct argp_option standard[] = {COMMANDLINE_STANDARD_OPTIONS, {0}};
	const struct commandline commandline = {
		.name = "socktest doctor",
		.argp = {.options = standard,
			.doc = "Tries what socktest needs on this machine, and says what will "
			       "work."},
	};
	struct machine_check checks[CHECKS_MAX];
	bool works = true;
	char **const operands = commandline_parse(&commandline, argc, argv, NULL);

	if (*operands)
		message_exit("doctor: takes no operand, as %s", *operands);
	const size_t count = machine_check(checks, CHECKS_MAX);
	for (size_t i = 0; i < count; i++)
		works = print_check(&checks[i]) && works;
	puts(works ? "socktest trace works here." : "socktest trace does not work here.");
	return fflush(stdout) || !works ? STATUS_FAILED : 0;
}
