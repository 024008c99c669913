/*
 * Recordings (--events-format=jsonl) turned back into a report. Several become one: counters of the
 * same kind of socket and of the same filter are added, all else is put one behind the other.
 */
#ifndef SOCKTEST_REPORT_RECORDING_H
#define SOCKTEST_REPORT_RECORDING_H

#include <stdio.h>

#include "report/report.h"
#include "switch/error.h"

struct recording;

/* NULL: no memory. */
struct recording *recording_new(void);
void recording_free(struct recording *recording);

/*
 * Adds what a file holds; name is how reports call it, lent as long as the recording. Where its last
 * line is missing the report is made of its events, as far as they go, and a warning says so; lines
 * that are damaged are left out, with a warning. Returns 0; -EINVAL (no recording at all) or -EDOM
 * (its counters cannot be added to those before) with a message; -ENOMEM, or another -errno of
 * reading. Nothing is added then.
 */
int recording_read(
	struct recording *recording, const char *name, FILE *stream, struct error *error);

/* A file that could not be read is one of them all the same. Returns 0 or -ENOMEM. */
int recording_leave_out(struct recording *recording, const char *name, const char *reason);

/* The report of all; lent until the next call. Reading nothing makes an empty one. NULL: no memory. */
const struct report *recording_report(struct recording *recording);

#endif
