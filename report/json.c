/*
 * One JSON object. Its keys stand in a fixed order (jansson keeps that of insertion) and are always
 * there.
 */
#include "report/format.h"
#include "report/jansson.h"
#include "report/text.h"
#include "switch/names.h"

json_t *json_command_line(const char *const *command)
{
	json_t *array = json_array();

	for (; *command; command++)
		array = append(array, data(*command));
	return array;
}

static json_t *make_exit(const struct report *report)
{
	char name[TEXT_SIGNAL_BYTES];

	if (report->cut_off)
		return put(json_object(), "code", json_null());
	if (report->signaled)
		return put(json_object(), "signal", json_string(text_signal(report->status, name)));
	return put(json_object(), "code", json_integer(report->status));
}

static json_t *make_stat(const struct sockstat *stat)
{
	json_t *object = put_cookie(json_object(), stat->cookie);
	json_t *injected = json_object();

	for (unsigned i = 0; i < COUNTER_MAX; i++)
		object = put(object, counter_name(i), count(stat->count[i]));
	for (unsigned i = 0; i < CALL_FILTERABLE; i++)
		injected = put(injected, call_kind_name(i), count(stat->injected[i]));
	return put(object, "injected", injected);
}

static json_t *make_stats(const struct snapshot *snapshot)
{
	json_t *array = json_array();

	for (size_t i = 0; i < snapshot->stats_count; i++)
		array = append(array, make_stat(&snapshot->stats[i]));
	return array;
}

static json_t *make_frame(const struct stack_line *line)
{
	char offset[sizeof("0x0123456789abcdef")];

	snprintf(offset, sizeof(offset), "0x%" PRIx64, line->offset);
	json_t *object = put(json_object(), "function", data(line->function));
	object = put(object, "offset", json_string(offset));
	object = put(object, "module", data(line->module));
	object = put(object, "file", data(line->file));
	return put(object, "line", json_integer(line->line));
}

json_t *json_stack(const struct stack_text *stack)
{
	json_t *array = json_array();

	for (size_t i = 0; stack && i < stack->count; i++)
		array = append(array, make_frame(&stack->lines[i]));
	return array;
}

static json_t *make_opened_by(const struct socket_row *row, const struct stack_text *stack)
{
	json_t *object = put(json_object(), "pid", json_integer(row->opened_by.pid));

	object = put(object, "tid", json_integer(row->opened_by.tid));
	object = put(object, "call", json_string(row->opened_by.call));
	object = put(object, "age_ns", count(row->opened_by.age_ns));
	return put(object, "stack", json_stack(stack));
}

json_t *json_socket(const struct socket_row *row, const struct stack_text *stack)
{
	char name[16];
	json_t *object = put(json_object(), "pid", json_integer(row->pid));

	object = put(object, "command", data(row->command));
	object = put(object, "fd", json_integer(row->fd));
	object = put_cookie(object, row->cookie);
	object = put(object, "state", json_string(socket_state_name(row->state)));
	object = put(object, "local", address(row->local));
	object = put(object, "peer", address(row->peer));
	object = put(object, "err", json_string(errno_name(row->err, name)));
	object = put(object, "socket_err", json_string(errno_name(row->socket_err, name)));
	return put(object, "opened_by", make_opened_by(row, stack));
}

static json_t *make_sockets(const struct report *report)
{
	const struct snapshot *const snapshot = report->snapshot;
	json_t *array = json_array();

	for (size_t i = 0; i < snapshot->sockets_count; i++) {
		const struct socket_row *const row = &snapshot->sockets[i];
		array = append(array, json_socket(row, report_stack(report, row)));
	}
	return array;
}

static json_t *make_filters(const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->filters_count; i++) {
		const struct filter_tally *tally = &report->filters[i];
		json_t *object = put(json_object(), "option", data(tally->option));

		object = put(object, "matched", count(tally->matched));
		array = append(array, put(object, "fired", count(tally->fired)));
	}
	return array;
}

static json_t *make_checks(const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->checks_count; i++) {
		const struct check *check = &report->checks[i];
		json_t *object = put(json_object(), "check", prose(check->name));

		object = put(object, "ok", json_boolean(check->ok));
		array = append(array, put(object, "detail", prose(check->detail)));
	}
	return array;
}

static void append_warning(void *context, const char *text)
{
	json_t **array = context;

	*array = append(*array, prose(text));
}

static json_t *make_warnings(const struct report *report)
{
	json_t *array = json_array();

	report_each_warning(report, append_warning, &array);
	return array;
}

json_t *json_report(const struct report *report)
{
	json_t *root = put(json_object(), "schema", json_string("socktest/1"));

	root = put(root, "command", json_command_line(report->command));
	root = put(root, "exit", make_exit(report));
	root = put(root, "duration_ns", count(report->duration_ns));
	root = put(root, "stats", make_stats(report->snapshot));
	root = put(root, "sockets", make_sockets(report));
	root = put(root, "filters", make_filters(report));
	root = put(root, "checks", make_checks(report));
	return put(root, "warnings", make_warnings(report));
}

static int write_json(const struct report *report, const struct report_style *style, FILE *stream)
{
	struct draft draft;
	int status = draft_open(&draft);

	(void)style;
	if (status < 0)
		return status;

	status = json_print(json_report(report), JSON_INDENT(2), draft.stream);
	fputc('\n', draft.stream);
	return draft_end(&draft, status, stream);
}

const struct report_format report_format_json = {
	.name = "json",
	.help = "everything, for programs",
	.warns = true,
	.checks = true,
	.write = write_json,
};
