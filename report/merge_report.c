/* The reverse of json.c. What is missing or of another type is taken for zero, or empty. */
#include "report/merge.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"
#include "switch/escape.h"
#include "switch/names.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint64_t count_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static int int_of(const json_t *object, const char *key)
{
	return (int)json_integer_value(json_object_get(object, key));
}

char *merge_bytes(const json_t *string)
{
	const char *const value = json_string_value(string);
	const char *text = value ? value : "";
	char *const bytes = strdup(text);
	size_t length = 0;

	while (bytes && *text) {
		const char *const from = text;
		int byte = escape_parse(&text);

		if (byte < 0) {
			byte = (unsigned char)*from;
			text = from + 1;
		}
		bytes[length++] = (char)byte;
	}
	if (bytes)
		bytes[length] = '\0';
	return bytes;
}

const char *const *merge_command(struct merge *merge, const json_t *array)
{
	static const char *const none[] = {NULL};
	const size_t count = json_array_size(array);
	const char **const command = calloc(count + 1, sizeof(*command));

	if (!command) {
		merge->no_memory = true;
		return none;
	}
	for (size_t i = 0; i < count; i++)
		command[i] = merge_keep(merge, merge_bytes(json_array_get(array, i)));
	/* A failure frees it. */
	return merge_keep(merge, (char *)command) == (char *)command ? command : none;
}

static void take_stat(struct merge *merge, const json_t *object)
{
	struct sockstat *const stat =
		merge_stat(merge, strtoull(text_of(object, "cookie"), NULL, 16));
	const json_t *const injected = json_object_get(object, "injected");

	if (!stat)
		return;
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		stat->count[i] += count_of(object, counter_name(i));
	for (unsigned i = 0; i < CALL_FILTERABLE; i++)
		stat->injected[i] += count_of(injected, call_kind_name(i));
}

static enum socket_state state_of(const char *name)
{
	for (enum socket_state state = SOCKET_UNCONNECTED; state <= SOCKET_LISTENING; state++)
		if (strcmp(name, socket_state_name(state)) == 0)
			return state;
	return SOCKET_UNCONNECTED;
}

static int errno_of(const json_t *object, const char *key)
{
	const int error = errno_parse(text_of(object, key));

	return error > 0 ? error : 0;
}

static void take_socket(struct merge *merge, const json_t *line, size_t i)
{
	const json_t *const object =
		json_array_get(json_object_get(json_object_get(line, "report"), "sockets"), i);
	const json_t *const opened_by = json_object_get(object, "opened_by");
	struct socket_row row = {
		.pid = int_of(object, "pid"),
		.fd = int_of(object, "fd"),
		.cookie = strtoull(text_of(object, "cookie"), NULL, 16),
		.state = state_of(text_of(object, "state")),
		.local = address_parse(text_of(object, "local")),
		.peer = address_parse(text_of(object, "peer")),
		.err = errno_of(object, "err"),
		.socket_err = errno_of(object, "socket_err"),
		.opened_by =
			{
				.pid = int_of(opened_by, "pid"),
				.tid = int_of(opened_by, "tid"),
				.call = merge_keep(merge, strdup(text_of(opened_by, "call"))),
				.age_ns = count_of(opened_by, "age_ns"),
				.stack = merge_stack(merge, json_object_get(opened_by, "stack"),
					json_array_get(json_object_get(line, "stack_ends"), i)),
			},
		.suppressed = json_is_true(json_array_get(json_object_get(line, "suppressed"), i)),
	};

	snprintf(row.command, sizeof(row.command), "%s",
		merge_keep(merge, merge_bytes(json_object_get(object, "command"))));
	merge_socket(merge, &row);
}

static void take_check(struct merge *merge, const json_t *object)
{
	const struct check check = {
		.name = merge_keep(merge, strdup(text_of(object, "check"))),
		.ok = json_is_true(json_object_get(object, "ok")),
		.detail = merge_keep(merge, strdup(text_of(object, "detail"))),
	};

	merge_check(merge, &check);
}

static int signal_of(const char *name)
{
	char buffer[TEXT_SIGNAL_BYTES];

	for (int number = 1; number <= SIGRTMAX; number++)
		if (strcmp(name, text_signal(number, buffer)) == 0)
			return number;
	return 0;
}

static void take_end(struct merge *merge, const json_t *report)
{
	const json_t *const exit = json_object_get(report, "exit");
	const json_t *const signal = json_object_get(exit, "signal");
	const struct run_end end = {
		.command = merge_command(merge, json_object_get(report, "command")),
		.signaled = json_is_string(signal),
		.status = signal ? signal_of(text_of(exit, "signal")) : int_of(exit, "code"),
		.cut_off = !signal && !json_is_integer(json_object_get(exit, "code")),
		.duration_ns = count_of(report, "duration_ns"),
	};

	merge_run(merge, &end);
}

static void take_filter(struct merge *merge, const json_t *object)
{
	merge_filter(merge, merge_keep(merge, merge_bytes(json_object_get(object, "option"))),
		count_of(object, "matched"), count_of(object, "fired"));
}

static void take_warning(struct merge *merge, const json_t *string)
{
	const char *const text = json_string_value(string);

	merge_warning(merge, text ? text : "");
}

void merge_end(struct merge *merge, const json_t *line)
{
	const json_t *const report = json_object_get(line, "report");
	const size_t sockets = json_array_size(json_object_get(report, "sockets"));
	static const struct {
		const char *key;
		void (*take)(struct merge *merge, const json_t *value);
	} lists[] = {
		{"stats", take_stat},
		{"filters", take_filter},
		{"checks", take_check},
		{"warnings", take_warning},
	};

	take_end(merge, report);
	merge->report.leaks |= json_is_true(json_object_get(line, "leak_check"));
	for (size_t i = 0; i < sockets; i++)
		take_socket(merge, line, i);
	for (size_t list = 0; list < sizeof(lists) / sizeof(*lists); list++) {
		const json_t *const array = json_object_get(report, lists[list].key);

		for (size_t i = 0; i < json_array_size(array); i++)
			lists[list].take(merge, json_array_get(array, i));
	}
}
