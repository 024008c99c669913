#include "report/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/merge.h"
#include "report/replay.h"
#include "switch/names.h"

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
	static const char *const none[] = {NULL};
	struct merge *const merge = &recording->merge;

	if (!merge->report.command)
		merge->report.command = none;
	merge->report.snapshot = &merge->snapshot;
	merge->report.stacks = merge->stacks;
	merge->report.filters = merge->filters;
	merge->report.checks = merge->checks;
	merge->report.warnings = merge->warnings;
	return &merge->report;
}

static json_t *parse(const char *line, size_t length)
{
	return json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
}

/* The first line says whether it is a recording, and of which version. */
static int take_head(struct reading *reading, const char *line, size_t length, struct error *error)
{
	const char *schema;

	reading->head = parse(line, length);
	schema = json_string_value(json_object_get(reading->head, "schema"));
	if (!schema)
		return error_set(error, EINVAL,
			"%s: no recording; --events=FILE --events-format=jsonl makes one",
			reading->name);
	if (strcmp(schema, RECORDING_SCHEMA) != 0)
		return error_set(error, EINVAL,
			"%s: a recording of %s; this is for " RECORDING_SCHEMA, reading->name,
			schema);
	return 0;
}

static void take_line(struct reading *reading, const char *text, size_t length)
{
	json_t *const line = parse(text, length);

	if (json_is_object(json_object_get(line, "report"))) {
		json_decref(reading->end);
		reading->end = json_incref(line);
	} else if (!replay_take(reading->replay, line)) {
		reading->damaged++;
	}
	json_decref(line);
}

static int read_lines(struct reading *reading, FILE *stream, struct error *error)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int status = 0;

	errno = 0;
	const int first = getc(stream);

	/* Else something without lines, as /dev/zero, would be read for ever. */
	if (first == EOF && ferror(stream))
		return errno ? -errno : -EIO;
	if (first != '{')
		return take_head(reading, "", 0, error);
	(void)ungetc(first, stream);
	while (status == 0 && (length = getline(&line, &room, stream)) >= 0) {
		if (reading->lines++ == 0)
			status = take_head(reading, line, (size_t)length, error);
		else
			take_line(reading, line, (size_t)length);
	}
	if (status == 0 && !feof(stream))
		status = errno ? -errno : -EIO;
	free(line);
	return status;
}

static void merge_cut_off(struct reading *reading)
{
	struct merge *const merge = reading->merge;
	const char *const rules = json_string_value(json_object_get(reading->head, "count"));
	const uint64_t time_ns = replay_time_ns(reading->replay);
	const struct run_end end = {
		.command = merge_command(merge, json_object_get(reading->head, "command")),
		.cut_off = true,
		.duration_ns = time_ns,
	};
	char time[24];

	merge_run(merge, &end);
	replay_merge(reading->replay, merge);
	merge_warning(merge,
		"%s: its end is missing: counted from its %zu events, up to %s; not known are how "
		"the program ended, the checks, the warnings, and filters that did not fire",
		reading->name, replay_events(reading->replay), duration_text(time_ns, time));
	if (rules && strcmp(rules, "go") == 0)
		merge_warning(
			merge, "%s: counted by socktest's rules, not by --count=go", reading->name);
}

static void merge_reading(struct reading *reading)
{
	if (reading->end)
		merge_end(reading->merge, reading->end);
	else
		merge_cut_off(reading);
	if (reading->damaged)
		merge_warning(reading->merge, "%s: %zu of its %zu lines are damaged%s",
			reading->name, reading->damaged, reading->lines,
			reading->end ? "" : " and are not counted");
}

int recording_read(struct recording *recording, const char *name, FILE *stream, struct error *error)
{
	struct reading reading = {.merge = &recording->merge, .name = name, .replay = replay_new()};
	int status = reading.replay ? read_lines(&reading, stream, error) : -ENOMEM;

	if (status == 0)
		merge_reading(&reading);
	replay_free(reading.replay);
	json_decref(reading.head);
	json_decref(reading.end);
	return status == 0 && recording->merge.no_memory ? -ENOMEM : status;
}
