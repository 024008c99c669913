/* What the formats of events have in common. */
#ifndef SOCKTEST_REPORT_EVENT_H
#define SOCKTEST_REPORT_EVENT_H

#include <jansson.h>

#include "report/report.h"

extern const struct event_format event_format_text;
extern const struct event_format event_format_jsonl;
extern const struct event_format event_format_perfetto;

struct event_flag {
	unsigned bit;
	const char *name;
};

/* Those of the calls; ended by bit 0. */
extern const struct event_flag event_socket_flags[], event_dup_flags[], event_close_range_flags[],
	event_unshare_flags[];

/* Names joined by '|', bits without one in hex; "" for none. Returns buffer. */
enum { EVENT_FLAGS_BYTES = 96 };
const char *event_flags_text(
	unsigned flags, const struct event_flag *names, char buffer[static EVENT_FLAGS_BYTES]);

/* The decoded arguments, and what the call wrote to them, as a new JSON object; NULL: no memory. */
json_t *event_arguments(const struct call *call, const struct result *result);

/* What the program got: a positive errno, 0 for none. */
int event_error(const struct result *result);

/* What has become of a connect of which SO_ERROR was 0, where that is not the whole truth; else "". */
const char *event_connect(enum so_error_truth truth);

/* Writes a value as a line of its own, after what before says. Lets go of the value. */
int event_write_json(struct event_writer *writer, const char *before, json_t *value);

#endif
