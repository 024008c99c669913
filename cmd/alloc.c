#include "cmd/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/message.h"

void *alloc_zeroed(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);

	if (!memory)
		message_exit("out of memory");
	return memory;
}

char *alloc_text(const char *format, ...)
{
	va_list arguments;
	char *result;

	va_start(arguments, format);
	if (vasprintf(&result, format, arguments) < 0)
		message_exit("out of memory");
	va_end(arguments);
	return result;
}
