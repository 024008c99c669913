#include "report/leaks.h"

#include <stdbool.h>
#include <string.h>

#include "report/text.h"
#include "switch/escape.h"

/* Colons would end the argument, but for two in a row. */
static bool is_argument(const char *function)
{
	for (const char *colon = strchr(function, ':'); colon; colon = strchr(colon + 2, ':')) {
		if (colon[1] != ':')
			return false;
	}
	return *function;
}

/* Whether all is in one file, as in a static program. */
static bool is_one_file(const struct stack_text *stack)
{
	size_t i = 0;

	while (i < stack->count && strcmp(stack->lines[i].module, stack->lines[0].module) == 0)
		i++;
	return i == stack->count;
}

/* libc's function stands for the call, and others of it call main: they tell nothing. */
static bool tells(const struct stack_text *stack, size_t i, bool one_file)
{
	const struct stack_line *const line = &stack->lines[i];

	return i > 0 && is_argument(line->function) &&
	       (one_file || strcmp(line->module, stack->lines[0].module) != 0);
}

/* Up to main, which all share, or enough to tell one place from others. */
static bool print_openers(FILE *stream, const struct stack_text *stack)
{
	enum { ENOUGH = 5 };
	const bool one_file = is_one_file(stack);
	int printed = 0;
	const char *last = "";

	for (size_t i = 0; i < stack->count && printed < ENOUGH; i++) {
		const char *const function = stack->lines[i].function;

		if (!tells(stack, i, one_file) || strcmp(function, last) == 0)
			continue;
		if (printed && strcmp(function, "main") == 0)
			break;
		fputs(":stack=", stream);
		text_print(stream, function, TEXT_CONTROL | TEXT_NON_ASCII);
		last = function;
		printed++;
	}
	return printed;
}

static void print_command(FILE *stream, const char *command)
{
	char escape[ESCAPE_BYTES];

	for (; *command; command++) {
		escape_byte((unsigned char)*command, escape);
		fputs(*command == ':' ? "\\x3a" : escape, stream);
	}
}

void leaks_print_suppression(
	FILE *stream, const struct socket_row *row, const struct stack_text *stack)
{
	char name[COOKIE_NAME_BYTES];

	fprintf(stream, "family=%s", cookie_family_name(row->cookie, name));
	fprintf(stream, ":type=%s", cookie_type_name(row->cookie, name));
	if (!stack || !print_openers(stream, stack)) {
		fputs(":comm=", stream);
		print_command(stream, row->command);
	}
	fputc('\n', stream);
}
