#include "cmd/terminal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool environment_allows_color(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

/* $COLUMNS is for terminals that do not know their size, as serial lines. */
static unsigned columns(int fd)
{
	struct winsize size;
	const char *variable = getenv("COLUMNS");
	unsigned long number;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	number = variable ? strtoul(variable, NULL, 10) : 0;
	return number <= USHRT_MAX ? (unsigned)number : 0;
}

struct report_style terminal_style(int fd, enum color_use color)
{
	bool terminal = isatty(fd);

	return (struct report_style){
		.color = color == COLOR_ALWAYS ||
			 (color == COLOR_AUTO && terminal && environment_allows_color()),
		.columns = terminal ? columns(fd) : 0,
	};
}
