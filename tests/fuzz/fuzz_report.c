/* Reports and events of any sockets, in all formats, columns and colours. */
#include <jansson.h>
#include <libxml/parser.h>
#include <sys/socket.h>

#include "report/report.h"
#include "tests/fuzz/fuzz.h"

enum { STATS_MAX = 6, ROWS_MAX = 4, TEXTS_MAX = 4, EVENTS_MAX = 8 };

/* Terminal columns: none, narrow ones, and more than any line. */
static const unsigned widths[] = {0, 1, 20, 80, 200, 5000};

/* What a report lends from. */
struct made {
	struct sockstat stats[STATS_MAX];
	struct socket_row rows[ROWS_MAX];
	struct snapshot snapshot;
	char *texts[4 * TEXTS_MAX];
	size_t texts_count;
	const char *command[TEXTS_MAX + 1];
	const char *warnings[TEXTS_MAX];
	struct filter_tally filters[TEXTS_MAX];
	struct check checks[TEXTS_MAX];
	struct report report;
};

static const char *take_text(struct input *input, struct made *made)
{
	CHECK(made->texts_count < sizeof(made->texts) / sizeof(*made->texts));
	return made->texts[made->texts_count++] = input_text(input);
}

static void take_stat(struct input *input, struct sockstat *stat)
{
	stat->cookie = input_u64(input);
	for (size_t i = 0; i < COUNTER_MAX; i++)
		stat->count[i] = input_byte(input);
	for (size_t i = 0; i < CALL_FILTERABLE; i++)
		stat->injected[i] = input_byte(input);
	/* One number as large as they come. */
	stat->count[input_byte(input) % COUNTER_MAX] = input_u64(input);
}

static void take_row(struct input *input, struct socket_row *row)
{
	static const char *const calls[] = {"", "socket", "socketpair", "accept", "accept4"};

	*row = (struct socket_row){
		.id = input_byte(input),
		.pid = input_int(input),
		.fd = input_int(input),
		.cookie = input_u64(input),
		.state = input_byte(input) % (SOCKET_LISTENING + 1),
		.local = input_address(input),
		.peer = input_address(input),
		.err = input_byte(input),
		.socket_err = input_int(input),
		.opened_by.pid = input_int(input),
		.opened_by.tid = input_int(input),
		.opened_by.call = calls[input_byte(input) % (sizeof(calls) / sizeof(*calls))],
		.opened_by.age_ns = input_u64(input),
	};
	input_take(input, row->command, sizeof(row->command) - 1);
}

static void take_lists(struct input *input, struct made *made)
{
	struct report *const report = &made->report;
	const size_t arguments = input_byte(input) % (TEXTS_MAX + 1);

	for (size_t i = 0; i < arguments; i++)
		made->command[i] = take_text(input, made);
	report->warnings_count = input_byte(input) % (TEXTS_MAX + 1);
	for (size_t i = 0; i < report->warnings_count; i++)
		made->warnings[i] = take_text(input, made);
	report->filters_count = input_byte(input) % (TEXTS_MAX + 1);
	for (size_t i = 0; i < report->filters_count; i++)
		made->filters[i] = (struct filter_tally){.option = take_text(input, made),
			.matched = input_u64(input),
			.fired = input_byte(input)};
	report->checks_count = input_byte(input) % (TEXTS_MAX + 1);
	for (size_t i = 0; i < report->checks_count; i++)
		made->checks[i] = (struct check){.name = "require-fired",
			.ok = input_byte(input) & 1,
			.detail = take_text(input, made)};
}

static void take_report(struct input *input, struct made *made)
{
	*made = (struct made){0};
	made->snapshot.stats = made->stats;
	made->snapshot.stats_count = input_byte(input) % (STATS_MAX + 1);
	made->snapshot.sockets = made->rows;
	made->snapshot.sockets_count = input_byte(input) % (ROWS_MAX + 1);
	made->report = (struct report){
		.command = made->command,
		.signaled = input_byte(input) & 1,
		.status = input_byte(input),
		.duration_ns = input_u64(input),
		.snapshot = &made->snapshot,
		.filters = made->filters,
		.checks = made->checks,
		.warnings = made->warnings,
		.law = input_byte(input) & 1,
		.leaks = made->snapshot.stats_count & 1,
	};
	for (size_t i = 0; i < made->snapshot.stats_count; i++)
		take_stat(input, &made->stats[i]);
	for (size_t i = 0; i < made->snapshot.sockets_count; i++)
		take_row(input, &made->rows[i]);
	take_lists(input, made);
}

static void clear(struct made *made)
{
	for (size_t i = 0; i < made->texts_count; i++)
		free(made->texts[i]);
	for (size_t i = 0; i < made->snapshot.sockets_count; i++) {
		free(made->rows[i].local);
		free(made->rows[i].peer);
	}
}

static size_t lines(const char *text)
{
	size_t count = 0;

	while ((text = strchr(text, '\n')) != NULL) {
		count++;
		text++;
	}
	return count;
}

/* Takes out, in place, the escape sequences of colour: those end in 'm'. */
static void strip_color(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\033' && from[1] == '[')
			from += 2 + strspn(from + 2, "0123456789;");
		else
			*to++ = *from;
	}
	*to = '\0';
}

/* Takes out, in place, the carriage returns of RFC 4180, which stand before newlines only. */
static void strip_returns(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
}

static void check_json(const char *text)
{
	json_t *const root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	CHECK(root);
	CHECK(json_object_size(root) == 9);
	json_decref(root);
}

static void check_xml(const char *text)
{
	xmlDoc *const document =
		xmlReadMemory(text, (int)strlen(text), NULL, NULL, XML_PARSE_NONET);

	CHECK(document);
	xmlFreeDoc(document);
}

static void check_format(const struct report *report, const struct report_format *format,
	const struct report_style *style)
{
	char *text = NULL;
	size_t length = 0;
	FILE *const stream = open_memstream(&text, &length);

	CHECK(stream);
	CHECK(format->write(report, style, stream) == 0);
	CHECK(fclose(stream) == 0);
	CHECK(strlen(text) == length && length > 0 && text[length - 1] == '\n');
	if (style->color)
		strip_color(text);
	if (strcmp(format->name, "csv") == 0) {
		strip_returns(text);
		CHECK(lines(text) == 1 + report->snapshot->stats_count);
	}
	CHECK(is_harmless(text, strlen(text), true));
	if (strcmp(format->name, "json") == 0)
		check_json(text);
	if (strcmp(format->name, "junit") == 0)
		check_xml(text);
	free(text);
}

static void check_reports(struct input *input)
{
	const uint8_t how = input_byte(input);
	const struct report_style style = {
		.color = how & 1,
		.columns = widths[how / 2U % (sizeof(widths) / sizeof(*widths))],
	};
	struct made made;

	take_report(input, &made);
	for (size_t i = 0; report_formats[i]; i++)
		check_format(&made.report, report_formats[i], &style);
	clear(&made);
}

static void take_call(struct input *input, struct call *call, struct address *address)
{
	static const char *const names[] = {"accept4", "dup3", "fcntl64", "close_range"};

	*call = (struct call){
		.kind = input_byte(input) % (CALL_RECEIVE_FD + 1),
		.caller.tid = input_int(input),
		.fd = input_int(input),
		.family = input_int(input),
		.type = input_int(input),
		.protocol = input_int(input),
		.address = address,
		.level = input_byte(input) & 1 ? SOL_SOCKET : input_int(input),
		.optname = input_byte(input) & 1 ? SO_ERROR : input_int(input),
		.backlog = input_int(input),
		.new_fd = input_int(input),
		.first = (unsigned)input_int(input),
		.last = (unsigned)input_int(input),
		.flags = (unsigned)input_int(input),
	};
	call->name = names[input_byte(input) % (sizeof(names) / sizeof(*names))];
}

/* A value that a system call can have: not below -MAX_ERRNO. */
static void take_result(struct input *input, struct result *result, struct address *peer)
{
	const int value = input_int(input);

	*result = (struct result){
		.value = value < -4095 ? value % 4096 : value,
		.pair = {input_int(input), input_int(input)},
		.so_error = input_int(input),
		.peer = peer,
	};
}

static void check_event(const struct event *event, const struct event_format *format)
{
	static const char *const command[] = {"a", NULL};
	const struct recording_head head = {.command = command, .rules = "go"};
	struct event_writer writer;
	char *text = NULL;
	size_t length = 0;
	FILE *const stream = open_memstream(&text, &length);

	CHECK(stream);
	CHECK(events_begin(&writer, format, stream, &head) == 0);
	CHECK(events_call(&writer, event) == 0);
	CHECK(fclose(stream) == 0);
	CHECK(length > 0 && text[length - 1] == '\n');
	CHECK(is_harmless(text, length, true));
	free(text);
}

static void check_events(struct input *input)
{
	for (int i = 0; i < EVENTS_MAX && input->left > 0; i++) {
		struct address *const address = input_address(input);
		struct address *const peer = input_address(input);
		char *const filter = input_text(input);
		struct call call;
		struct result result;

		take_call(input, &call, address);
		take_result(input, &result, peer);
		const struct event event = {
			.time_ns = input_u64(input),
			.command = filter,
			.call = &call,
			.result = input_byte(input) & 1 ? &result : NULL,
			.sock.id = input_byte(input),
			.sock.cookie = input_u64(input),
			.filter = *filter ? filter : NULL,
			.delay_ns = input_u64(input),
		};
		for (size_t format = 0; event_formats[format]; format++)
			check_event(&event, event_formats[format]);
		free(address);
		free(peer);
		free(filter);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.bytes = data, .left = size};

	check_reports(&input);
	check_events(&input);
	return 0;
}
