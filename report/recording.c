#include "report/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/merge.h"
#include "report/replay.h"
#include "switch/names.h"
#include "switch/suppress.h"

struct recording {
	struct merge merge;
};

/* A file that is being read. */
struct reading {
	struct merge *merge;
	const char *name;
	struct replay *replay;
	json_t *head; /* the first line */
	json_t *end;  /* the last line; NULL: it did not come */
	size_t lines, damaged;
	size_t foreign; /* bytes of lines that cannot be those of a recording */
};

struct recording *recording_new(void)
{
	return calloc(1, sizeof(struct recording));
}

void recording_free(struct recording *recording)
{
	if (!recording)
		return;
	merge_clear(&recording->merge);
	free(recording);
}

const struct report *recording_report(struct recording *recording)
{
	return merge_report(&recording->merge);
}

static json_t *parse(const char *line, size_t length)
{
	return json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
}

/*
 * The first line says of which version it is; where it is damaged, or missing, the others tell all
 * but the command.
 */
static int take_head(struct reading *reading, json_t *line, const char *schema, struct error *error)
{
	if (strcmp(schema, RECORDING_SCHEMA) != 0)
		return error_set(
			error, EINVAL, "a recording of %s; this is for " RECORDING_SCHEMA, schema);
	reading->head = json_incref(line);
	return 0;
}

static bool is_anything(const struct reading *reading)
{
	return reading->head || reading->end || replay_events(reading->replay);
}

static int take_line(struct reading *reading, const char *text, size_t length, struct error *error)
{
	json_t *const line = parse(text, length);
	const char *const schema = json_string_value(json_object_get(line, "schema"));
	int status = 0;

	reading->lines++;
	if (schema && !is_anything(reading)) {
		status = take_head(reading, line, schema, error);
	} else if (json_is_object(json_object_get(line, "report"))) {
		json_decref(reading->end);
		reading->end = json_incref(line);
	} else if (!replay_take(reading->replay, line)) {
		reading->damaged++;
	}
	json_decref(line);
	return status;
}

/* Something without lines, as /dev/zero, would be read for ever. */
enum { FOREIGN_MAX = 1 << 20 };

/* A line that cannot be one of a recording. Returns whether to go on. */
static bool skip_line(struct reading *reading, FILE *stream)
{
	int byte;

	reading->lines++;
	reading->damaged++;
	do {
		byte = getc(stream);
		reading->foreign++;
	} while (byte != EOF && byte != '\n' &&
		 (is_anything(reading) || reading->foreign < FOREIGN_MAX));
	return byte == '\n' && (is_anything(reading) || reading->foreign < FOREIGN_MAX);
}

/* Returns 0, also where nothing is left, or -errno. */
static int read_lines(struct reading *reading, FILE *stream, struct error *error)
{
	char *line = NULL;
	size_t room = 0;
	int status = 0, first;

	errno = 0;
	while (status == 0 && (first = getc(stream)) != EOF) {
		(void)ungetc(first, stream);
		if (first != '{') {
			if (!skip_line(reading, stream))
				break;
			continue;
		}

		const ssize_t length = getline(&line, &room, stream);

		if (length < 0)
			break;
		status = take_line(reading, line, (size_t)length, error);
	}
	free(line);
	if (status == 0 && ferror(stream))
		return errno ? -errno : -EIO;
	return status;
}

/* ---- recordings that were cut off ---- */

static void suppress_rows(
	const struct merge *merge, const struct suppressions *suppressions, size_t from)
{
	for (size_t i = from; i < merge->snapshot.sockets_count; i++) {
		struct socket_row *const row = &merge->snapshot.sockets[i];
		const struct stack_text *const stack =
			row->opened_by.stack ? merge->stacks[row->opened_by.stack] : NULL;
		const char **const functions =
			calloc((stack ? stack->count : 0) + 1, sizeof(*functions));
		size_t named = 0;

		for (size_t at = 0; functions && stack && at < stack->count; at++)
			if (*stack->lines[at].function)
				functions[named++] = stack->lines[at].function;
		row->suppressed = functions && suppressions_match(suppressions, row, functions);
		free(functions);
	}
}

/* Leaks that are known, as the run would have left them out; from: the first of its sockets. */
static void suppress(struct reading *reading, size_t from)
{
	const json_t *const list = json_object_get(reading->head, "suppressions");
	struct suppressions *const suppressions = suppressions_new();
	struct error error;

	for (size_t i = 0; suppressions && i < json_array_size(list); i++) {
		char *const text = merge_bytes(json_array_get(list, i));

		if (!text || suppressions_add(suppressions, text, &error) == -ENOMEM)
			reading->merge->no_memory = true;
		free(text);
	}
	if (suppressions)
		suppress_rows(reading->merge, suppressions, from);
	else
		reading->merge->no_memory = true;
	suppressions_free(suppressions);
}

static void warn_of_cut(struct reading *reading)
{
	struct merge *const merge = reading->merge;
	const char *const rules = json_string_value(json_object_get(reading->head, "count"));
	char time[24];

	merge_warning_of_file(merge,
		"its end is missing: counted from its %zu events, up to %s; not known are how "
		"the program ended, the checks, the warnings, how many calls met the filters, "
		"filters that did not fire, and addresses that no call named",
		replay_events(reading->replay),
		duration_text(replay_time_ns(reading->replay), time));
	if (!reading->head)
		merge_warning_of_file(merge, "its first line is missing or damaged: the command, "
					     "and whether leaks are to be told, are not known");
	if (rules && strcmp(rules, "go") == 0)
		merge_warning_of_file(merge, "counted by socktest's rules, not by --count=go");
}

static void merge_cut_off(struct reading *reading)
{
	struct merge *const merge = reading->merge;
	const size_t from = merge->snapshot.sockets_count;
	const struct run_end end = {
		.command = merge_command(merge, json_object_get(reading->head, "command")),
		.cut_off = true,
		.duration_ns = replay_time_ns(reading->replay),
	};

	merge_run(merge, &end);
	replay_merge(reading->replay, merge);
	merge->report.leaks |= json_is_true(json_object_get(reading->head, "leak_check"));
	suppress(reading, from);
	warn_of_cut(reading);
}

/* ---- */

/* By what is counted: without its end, a recording is by socktest's. */
static const char *rules_of(const struct reading *reading)
{
	const char *rules = json_string_value(json_object_get(reading->end, "count"));

	return rules && strcmp(rules, "go") == 0 ? "--count=go" : "--count=socktest";
}

static int check_rules(const struct reading *reading, struct error *error)
{
	struct merge *const merge = reading->merge;
	const char *const rules = rules_of(reading);

	if (!merge->rules) {
		merge->rules = rules;
		merge->rules_of = reading->name;
	}
	if (strcmp(rules, merge->rules) == 0)
		return 0;
	return error_set(error, EDOM,
		"%s is counted by %s, %s by %s: their counters cannot be added", merge->rules_of,
		merge->rules, reading->name, rules);
}

static void merge_reading(struct reading *reading)
{
	merge_part(reading->merge, reading->name);
	if (reading->merge->no_memory)
		return;
	if (reading->end)
		merge_end(reading->merge, reading->end);
	else
		merge_cut_off(reading);
	if (reading->damaged)
		merge_warning_of_file(reading->merge, "%zu of its %zu lines are damaged%s",
			reading->damaged, reading->lines,
			reading->end ? "" : " and are not counted");
}

int recording_read(struct recording *recording, const char *name, FILE *stream, struct error *error)
{
	struct reading reading = {.merge = &recording->merge, .name = name, .replay = replay_new()};
	int status = reading.replay ? read_lines(&reading, stream, error) : -ENOMEM;

	if (status == 0 && !is_anything(&reading))
		status = error_set(error, EINVAL,
			"no recording; --events=FILE --events-format=jsonl makes one");
	if (status == 0)
		status = check_rules(&reading, error);
	if (status == 0)
		merge_reading(&reading);
	replay_free(reading.replay);
	json_decref(reading.head);
	json_decref(reading.end);
	return status == 0 && recording->merge.no_memory ? -ENOMEM : status;
}

int recording_leave_out(struct recording *recording, const char *name, const char *reason)
{
	struct merge *const merge = &recording->merge;

	merge_part(merge, name);
	if (merge->no_memory)
		return -ENOMEM;
	merge->parts[merge->parts_count - 1].unread = true;
	merge->parts[merge->parts_count - 1].end.cut_off = true;
	merge_warning_of_file(merge, "%s", reason);
	return merge->no_memory ? -ENOMEM : 0;
}
