/* What the user asked of "socktest trace": filled once, then only read. */
#ifndef SOCKTEST_CMD_OPTIONS_H
#define SOCKTEST_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/completion.h"
#include "cmd/terminal.h"
#include "report/report.h"
#include "switch/expect.h"
#include "switch/switch.h"
#include "trace/trace.h"

/* --OPTION=VALUE, as filters_add takes them. */
struct filter_request {
	const char *option, *value;
	bool owned; /* allocated, and not words of the user's */
};

/* Frees what it owns. */
void filter_request_clear(const struct filter_request *request);

/* TEXT of --expect=TEXT, and what it means. */
struct expect_request {
	const char *text;
	struct expectation expectation;
};

/* --format=FORMAT:FILE, a report next to the usual one. */
struct report_request {
	const struct report_format *format;
	const char *value, *file;
};

enum leak_check {
	LEAK_CHECK_NO,
	LEAK_CHECK_REPORT, /* where leaked sockets were opened */
	LEAK_CHECK_ERROR   /* that, and they are a failed check */
};

struct options {
	char *const *command; /* NULL-terminated; empty with attach */
	pid_t *attach;        /* processes that run already */
	size_t attach_count;
	struct filter_request *filters;
	size_t filters_count;
	uint64_t seed;
	bool seed_by_chance; /* and not the user's: nobody knows it who is not told */
	bool require_fired;
	struct expect_request *expects;
	size_t expects_count;
	enum leak_check leak_check;
	const char **suppressions; /* files */
	size_t suppressions_count;
	uint64_t timeout_ns; /* 0: none */
	int error_exitcode;
	const char *output; /* NULL: stderr */
	const struct report_format *format;
	struct report_request *reports; /* further ones */
	size_t reports_count;
	enum count_rules rules;
	bool events;
	const char *events_output; /* NULL: stderr */
	const struct event_format *events_format;
	enum event_clock clock;
	bool stack;
	const char *control; /* the path of its socket; NULL: none */
	bool follow, wait;
	enum seccomp_use seccomp;
	enum io_uring_use io_uring;
	enum color_use color;
	bool quiet, silent, verbose; /* silent: not a word of failed checks either */
};

/*
 * argv[0] is not looked at. Exits with a message when something is wrong, or when help was asked
 * for.
 */
struct options options_parse(int argc, char **argv);

/* What options of other subcommands mean, too: these exit with a message where that is wrong. */
const struct report_format *options_format(const char *name);
enum color_use options_color(const char *value);

/* Completes the words behind "trace", the last of those that completion has. */
void options_complete(struct completion *completion, char *const *words);

/* Offers what options_format and options_color take. */
void options_complete_format(struct completion *completion);
void options_complete_color(struct completion *completion);

/* Completes a word that is to be --OPTION=VALUE of a filter. */
void options_complete_filter(struct completion *completion);

/* Frees what options_parse allocated. */
void options_free(const struct options *options);

#endif
