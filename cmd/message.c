#include "cmd/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/status.h"
#include "report/text.h"

__attribute__((format(printf, 1, 0))) static void print(const char *format, va_list arguments)
{
	char *text = NULL;
	char *escaped;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	escaped = text ? text_escaped(text, TEXT_PROSE) : NULL;
	fprintf(stderr, "socktest: %s\n", escaped ? escaped : "out of memory");
	free(escaped);
	free(text);
}

void message_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments);
	va_end(arguments);
}

void message_exit(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments);
	va_end(arguments);
	/* Not exit(3): leak checkers would take for lost what those on the way here still hold. */
	_exit(STATUS_FAILED);
}
