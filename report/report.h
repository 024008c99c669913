/* Reports: what happened in, bytes out. Each format is one const struct report_format in one file.
 */
#ifndef SOCKTEST_REPORT_REPORT_H
#define SOCKTEST_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "switch/event.h"
#include "switch/filter.h"
#include "switch/snapshot.h"
#include "switch/stack.h"

struct check {
	const char *name; /* "require-fired" */
	bool ok;
	const char *detail; /* one line, "" for none */
};

struct report {
	const char *const *command; /* NULL-terminated */
	bool cut_off;  /* a recording without its end: how the program ended is not known */
	bool signaled; /* ended by a signal: status is its number; else the exit code */
	int status;
	uint64_t duration_ns;
	const struct snapshot *snapshot;
	/* By the numbers that the snapshot has; NULL: none were taken. */
	const struct stack_text *const *stacks;
	const struct filter_tally *filters;
	size_t filters_count;
	const struct check *checks;
	size_t checks_count;
	const char *const *warnings;
	size_t warnings_count;
	bool leaks; /* leaked sockets are to be grouped by where they were opened */
	bool law;   /* sockstat_law_holds is expected of every cookie: not so with --count=go */
	/*
	 * Where it is of several recordings, each by itself: its name, command, end, checks and
	 * warnings, and nothing else. Checks of the whole begin with the recording's name.
	 */
	const struct report *parts;
	size_t parts_count;
	const char *name;
	bool unread; /* nothing of it is known, not even counters; cut_off too */
};

struct report_style {
	bool color;
	unsigned columns; /* of the terminal; 0: not a terminal (tables then stay within 80) */
};

struct report_format {
	const char *name; /* "table" */
	const char *help; /* one line */
	bool warns;       /* prints the warnings; else they are left to report_write_warnings */
	bool checks;      /* and the checks */
	/*
	 * Returns 0 or -errno (-ENOMEM, or what writing to the stream gave). Does not close the
	 * stream.
	 */
	int (*write)(const struct report *report, const struct report_style *style, FILE *stream);
};

/* NULL-terminated; the first is the default. */
extern const struct report_format *const report_formats[];

/* By name, or NULL. */
const struct report_format *report_format_find(const char *name);

/*
 * The report's warnings, each a line "warning: ...", and in a build without NDEBUG one more for
 * each cookie that breaks the law: for formats that have no place for them. Returns 0 or -errno.
 */
int report_write_warnings(const struct report *report, FILE *stream);

#define RECORDING_SCHEMA "socktest-events/1"

/* How the text format says when a call was made. */
enum event_clock {
	EVENT_CLOCK_RUN,    /* the time since the start, at its end */
	EVENT_CLOCK_DAY,    /* the local time of day, in seconds, at its beginning */
	EVENT_CLOCK_DAY_US, /* in microseconds */
	EVENT_CLOCK_EPOCH,  /* the time since the epoch, in microseconds */
};

/* What a recording of events begins with. */
struct recording_head {
	const char *const *command;      /* NULL-terminated */
	const char *rules;               /* of counting: "socktest" or "go" */
	uint64_t start_ns;               /* of the run, since the epoch */
	bool leak_check;                 /* report.leaks, for a run that is cut off */
	const char *const *suppressions; /* conditions, NULL-terminated; NULL: none */
	enum event_clock clock;
};

enum { EVENT_NAMES = 64, EVENT_NAME_BYTES = 64 };

struct event_format;

/* Events on their way to a stream. Of a fixed size, however many there are. */
struct event_writer {
	const struct event_format *format;
	FILE *stream;
	uint64_t start_ns; /* of the head, as the clock is */
	enum event_clock clock;
	/* The names of processes and of threads that a format told of lately. */
	struct event_name {
		pid_t pid;
		char name[EVENT_NAME_BYTES];
	} processes[EVENT_NAMES], threads[EVENT_NAMES];
};

struct event_format {
	const char *name; /* "text" */
	const char *help; /* one line */
	/*
	 * Each writes with one fwrite, so that lines stay whole, and returns 0 or -errno; NULL: the
	 * format has nothing for that. end is left out where a run is cut off: what was written up
	 * to then has to be of use.
	 */
	int (*begin)(struct event_writer *writer, const struct recording_head *head);
	/* Once for each, before what names it; where it is NULL the others show whole stacks. */
	int (*stack)(struct event_writer *writer, uint64_t time_ns, uint32_t id,
		const struct stack_text *stack);
	int (*call)(struct event_writer *writer, const struct event *event);
	int (*socket)(
		struct event_writer *writer, uint64_t time_ns, const struct sock_change *change);
	int (*end)(struct event_writer *writer, const struct report *report);
};

/* NULL-terminated; the first is the default. */
extern const struct event_format *const event_formats[];

/* By name, or NULL. */
const struct event_format *event_format_find(const char *name);

/* Makes *writer and writes the beginning. These return 0 or -errno. */
int events_begin(struct event_writer *writer, const struct event_format *format, FILE *stream,
	const struct recording_head *head);
int events_stack(
	struct event_writer *writer, uint64_t time_ns, uint32_t id, const struct stack_text *stack);
int events_call(struct event_writer *writer, const struct event *event);
int events_socket(struct event_writer *writer, uint64_t time_ns, const struct sock_change *change);
int events_end(struct event_writer *writer, const struct report *report);

#endif
