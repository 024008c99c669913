/* The exit statuses that are socktest's own; every other one is the traced program's. */
#ifndef SOCKTEST_CMD_STATUS_H
#define SOCKTEST_CMD_STATUS_H

enum {
	STATUS_CHECK_FAILED = 99, /* unless --error-exitcode says otherwise */
	STATUS_TIMED_OUT = 124,   /* as timeout(1) */
	STATUS_FAILED = 125,      /* misused, or failed; as env(1) and timeout(1) */
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
};

#endif
