/* How a report may look where it is going. */
#ifndef SOCKTEST_CMD_TERMINAL_H
#define SOCKTEST_CMD_TERMINAL_H

#include "report/report.h"

enum color_use {
	COLOR_AUTO, /* on a terminal that can, unless NO_COLOR or TERM=dumb speak against it */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

struct report_style terminal_style(int fd, enum color_use color);

#endif
