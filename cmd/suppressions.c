#include "cmd/suppressions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/message.h"

static void take_line(
	struct suppressions *suppressions, const char *file, size_t number, const char *line)
{
	struct error error;
	const int status = suppressions_add(suppressions, line, &error);

	if (status == -EINVAL)
		message_exit("--suppressions=%s:%zu: %s", file, number, error.text);
	if (status)
		message_exit("out of memory");
}

static void read_file(struct suppressions *suppressions, const char *file)
{
	FILE *const stream = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;

	if (!stream)
		message_exit("--suppressions=%s: %s", file, strerror(errno));
	for (size_t number = 1; getline(&line, &size, stream) >= 0; number++)
		take_line(suppressions, file, number, line);
	if (ferror(stream))
		message_exit("--suppressions=%s: %s", file, strerror(errno));
	free(line);
	fclose(stream);
}

struct suppressions *suppressions_read(const struct options *options)
{
	struct suppressions *suppressions;

	if (!options->suppressions_count)
		return NULL;
	suppressions = suppressions_new();
	if (!suppressions)
		message_exit("out of memory");
	for (size_t i = 0; i < options->suppressions_count; i++)
		read_file(suppressions, options->suppressions[i]);
	return suppressions;
}
