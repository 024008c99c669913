#include "cmd/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/alloc.h"
#include "cmd/commandline.h"
#include "cmd/ctl_server.h"
#include "cmd/message.h"
#include "cmd/options.h"
#include "cmd/status.h"
#include "report/grid.h"
#include "report/jansson.h"
#include "switch/names.h"

enum { KEY_CONNECT_TIMEOUT = COMMANDLINE_FIRST_KEY, KEY_FORMAT, KEY_TIMEOUT, KEY_FIRST_FILTER };
enum { STATUS_NOT_HELD = 1 };

/* What a subcommand was given. */
struct order {
	const char *name;
	char **words; /* NULL-terminated */
	const char *format;
	const char *timeout; /* NULL: none */
	json_t *filters;     /* options as the server takes them */
};

/* The options of its own that a subcommand takes. */
enum takes { TAKES_NONE, TAKES_FORMAT, TAKES_TIMEOUT, TAKES_FILTERS };

struct ctl_row {
	const char *name, *arguments, *help;
	enum takes takes;
	/* Exits with a message where its words are wrong, before anybody is asked. */
	void (*check)(const struct order *order);
	int (*run)(struct server *server, const struct order *order);
};

static json_t *request_of(const char *name)
{
	return put(json_object(), "request", json_string(name));
}

static int flush_stdout(void)
{
	if (fflush(stdout) || ferror(stdout))
		message_exit("stdout: cannot write: %s", strerror(errno));
	return 0;
}

static void check_no_words(const struct order *order)
{
	if (*order->words)
		message_exit("ctl %s: takes no operand, as %s", order->name, *order->words);
}

/* ---- what is known ---- */

static int show(struct server *server, const struct order *order)
{
	json_t *const answer = server_demand(
		server, put(request_of(order->name), "format", json_string(order->format)));

	fputs(json_string_value(json_object_get(answer, "text")), stdout);
	json_decref(answer);
	return flush_stdout();
}

/* ---- filters ---- */

static void print_numbers(const json_t *answer, const char *key)
{
	const json_t *number;
	size_t i;

	json_array_foreach(json_object_get(answer, key), i, number)
		printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(number));
}

static void check_set(const struct order *order)
{
	if (*order->words)
		message_exit(
			"ctl set: %s: no OPTION, as --fail-connect=ECONNREFUSED", *order->words);
	if (!json_array_size(order->filters))
		message_exit("ctl set: no OPTION, as --fail-connect=ECONNREFUSED");
}

static int set(struct server *server, const struct order *order)
{
	json_t *const answer = server_demand(
		server, put(request_of("set"), "options", json_incref(order->filters)));

	print_numbers(answer, "filters");
	json_decref(answer);
	return flush_stdout();
}

static uint64_t id_of(const char *word)
{
	uint64_t id;

	if (number_parse(word, INT32_MAX, &id))
		message_exit("ctl clear: %s is no ID; list names them", word);
	return id;
}

static void check_clear(const struct order *order)
{
	for (char **word = order->words; *word; word++)
		(void)id_of(*word);
}

static int clear(struct server *server, const struct order *order)
{
	json_t *request = request_of("clear"), *ids = json_array();

	for (char **word = order->words; *word; word++)
		ids = append(ids, count(id_of(*word)));
	if (*order->words)
		request = put(request, "filters", json_incref(ids));
	json_decref(ids);
	json_decref(server_demand(server, request));
	return 0;
}

static void add_number(struct grid *grid, const json_t *row, const char *key)
{
	grid_number(grid, (uint64_t)json_integer_value(json_object_get(row, key)), false);
}

static int list(struct server *server, const struct order *order)
{
	json_t *const answer = server_demand(server, request_of("list"));
	struct grid *const grid = grid_new();
	const json_t *row;
	char *text;
	size_t i;

	(void)order;
	grid_column(grid, "id", GRID_RIGHT);
	grid_column(grid, "filter", GRID_LEFT);
	grid_column(grid, "matched", GRID_RIGHT);
	grid_column(grid, "fired", GRID_RIGHT);
	grid_column(grid, "", GRID_LEFT);
	json_array_foreach(json_object_get(answer, "filters"), i, row)
	{
		grid_row(grid);
		add_number(grid, row, "filter");
		grid_cell(grid, json_string_value(json_object_get(row, "option")), false);
		add_number(grid, row, "matched");
		add_number(grid, row, "fired");
		grid_cell(grid, json_is_true(json_object_get(row, "cleared")) ? "cleared" : "",
			false);
	}
	if (grid_text(grid, false, &text))
		message_exit("out of memory");
	fputs(text, stdout);
	free(text);
	grid_free(grid);
	json_decref(answer);
	return flush_stdout();
}

/* ---- counting ---- */

static int reset(struct server *server, const struct order *order)
{
	json_decref(server_demand(server, request_of(order->name)));
	return 0;
}

static char *joined(char *const *words)
{
	char *text = alloc_text("%s", *words);

	while (*++words) {
		char *const longer = alloc_text("%s %s", text, *words);

		free(text);
		text = longer;
	}
	return text;
}

static void check_wait(const struct order *order)
{
	struct expectation expectation;
	struct error error;

	if (!*order->words)
		message_exit("ctl wait: no EXPECTATION, as inet/stream 'accepted>=3'");
	char *const text = joined(order->words);
	if (expectation_parse(text, &expectation, &error))
		message_exit("ctl wait: %.60s: %s", text, error.text);
	free(text);
}

static int wait_for(struct server *server, const struct order *order)
{
	json_t *request = request_of("wait"), *answer;
	char *const text = joined(order->words);
	int status = 0;

	request = put(request, "expect", json_string(text));
	if (order->timeout)
		request = put(request, "timeout", json_string(order->timeout));
	answer = server_ask(server, request);
	if (!answer) {
		message_print("%s: the program has ended", text);
		status = STATUS_NOT_HELD;
	} else if (!json_is_true(json_object_get(answer, "ok"))) {
		const char *const error = json_string_value(json_object_get(answer, "error"));

		message_print("%s", error ? error : "refused");
		status = json_object_get(answer, "timed_out") ? STATUS_TIMED_OUT
			 : json_object_get(answer, "ended")   ? STATUS_NOT_HELD
							      : STATUS_FAILED;
	}
	free(text);
	json_decref(answer);
	return status;
}

/* ---- questions ---- */

/* An answer of the user's program: as a request it has one key more. */
static void pass_answer(struct server *server, const char *line)
{
	json_t *const answer = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(answer)) {
		message_print("ctl ask: no answer, a JSON object on a line: %.100s", line);
		json_decref(answer);
		return;
	}
	server_send(server, put(answer, "request", json_string("answer")));
}

/* A question goes to the user's program as it is; of the answers' answers only what went wrong. */
static void pass_question(const char *line)
{
	json_t *const said = json_loads(line, 0, NULL);
	const char *const error = json_string_value(json_object_get(said, "error"));

	if (error)
		message_print("%s", error);
	else if (!json_object_get(said, "ok"))
		puts(line);
	json_decref(said);
	flush_stdout();
}

static int ask(struct server *server, const struct order *order)
{
	struct lines *const theirs = &server->lines;
	struct lines ours = {.fd = STDIN_FILENO};
	const char *line;

	(void)order;
	json_decref(server_demand(server, request_of("control")));
	while (!ours.ended && !theirs->ended) {
		struct pollfd polled[] = {
			{.fd = theirs->fd, .events = POLLIN}, {.fd = ours.fd, .events = POLLIN}};

		while ((line = lines_take(theirs)))
			pass_question(line);
		while ((line = lines_take(&ours)))
			pass_answer(server, line);
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			message_exit("poll: %s", strerror(errno));
		if (polled[0].revents)
			lines_read(theirs);
		if (polled[1].revents)
			lines_read(&ours);
	}
	while ((line = lines_take_last(&ours)))
		pass_answer(server, line);
	/* What it has to say to the last answers; it lets go of us then. */
	server_finish(server);
	for (;;) {
		while ((line = lines_take(theirs)))
			pass_question(line);
		if (theirs->ended)
			break;
		lines_read(theirs);
	}
	free(ours.text);
	return 0;
}

/* ---- the command line ---- */

static const struct ctl_row rows[] = {
	{"stats", "", "print the counters", TAKES_FORMAT, check_no_words, show},
	{"sockets", "", "print the sockets that are open", TAKES_FORMAT, check_no_words, show},
	{"report", "", "print the whole report as of now", TAKES_FORMAT, check_no_words, show},
	{"set", "OPTION...", "add filters, as of trace, and print their ids", TAKES_FILTERS,
		check_set, set},
	{"clear", "[ID...]", "take filters back, or all of them", TAKES_NONE, check_clear, clear},
	{"list", "", "print the filters, with their ids and counts", TAKES_NONE, check_no_words,
		list},
	{"reset", "", "let all counters begin anew", TAKES_NONE, check_no_words, reset},
	{"wait", "EXPECTATION", "wait until it holds", TAKES_TIMEOUT, check_wait, wait_for},
	{"ask", "", "print the questions of ask filters, read answers", TAKES_NONE, check_no_words,
		ask},
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

static const struct ctl_row *row_called(const char *name)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

static const struct ctl_row *find_row(const char *name)
{
	const struct ctl_row *const row = row_called(name);
	const char *names[ROWS];
	const char *nearest;

	if (row)
		return row;
	for (size_t i = 0; i < ROWS; i++)
		names[i] = rows[i].name;
	nearest = nearest_word(name, names, ROWS);
	message_exit("ctl: %s: no such request%s", name,
		nearest ? commandline_did_you_mean(nearest) : "; see socktest ctl --help");
}

static uint64_t time_of(const char *option, const char *value)
{
	uint64_t time_ns;

	if (duration_parse(value, &time_ns))
		message_exit("--%s=%s: must be a time as 500ms, 1.5s or 2m", option, value);
	return time_ns;
}

static void take_filter(struct order *order, const char *name, const char *value)
{
	char *const option = alloc_text("--%s=%s", name, value);

	order->filters = append(order->filters, json_string(option));
	if (!order->filters)
		message_exit("ctl set: an OPTION is to be UTF-8");
	free(option);
}

static void take_option(void *context, int key, const char *argument)
{
	struct order *const order = context;

	if (key == KEY_FORMAT)
		order->format = options_format(argument)->name;
	else if (key == KEY_TIMEOUT)
		order->timeout = (time_of("timeout", argument), argument);
	else
		take_filter(order, filter_options()[key - KEY_FIRST_FILTER].name, argument);
}

/* What a subcommand takes; to be freed. */
static struct argp_option *make_options(enum takes takes)
{
	static const struct argp_option own[] = {
		[TAKES_FORMAT] = {.name = "format",
			.key = KEY_FORMAT,
			.arg = "FORMAT",
			.doc = "as of socktest trace (table)"},
		[TAKES_TIMEOUT] = {.name = "timeout",
			.key = KEY_TIMEOUT,
			.arg = "TIME",
			.doc = "give up after TIME, with exit status 124"},
	};
	const struct argp_option standard[] = {COMMANDLINE_STANDARD_OPTIONS, {0}};
	const struct filter_option *const filters = filter_options();
	struct argp_option *options;
	size_t count = 0;

	while (filters[count].name)
		count++;
	options = alloc_zeroed(count + 1 + sizeof(standard) / sizeof(*standard), sizeof(*options));
	for (size_t i = 0; takes == TAKES_FILTERS && i < count; i++)
		options[i] = (struct argp_option){.name = filters[i].name,
			.key = KEY_FIRST_FILTER + (int)i,
			.arg = filters[i].argument,
			.doc = filters[i].help};
	if (takes != TAKES_FILTERS)
		count = takes != TAKES_NONE;
	if (takes == TAKES_FORMAT || takes == TAKES_TIMEOUT)
		*options = own[takes];
	memcpy(options + count, standard, sizeof(standard));
	return options;
}

/* Options may stand among the words, and behind them. */
static void parse_words(
	const struct commandline *commandline, int argc, char **argv, struct order *order)
{
	char **rest = commandline_parse(commandline, argc, argv, order);
	size_t count = 0;

	order->words = alloc_zeroed((size_t)argc + 1, sizeof(*order->words));
	while (*rest && strcmp(rest[-1], "--") != 0) {
		order->words[count++] = *rest;
		/* This word is where the program's name is expected. */
		rest = commandline_parse(commandline, argc - (int)(rest - argv), rest, order);
	}
	while (*rest)
		order->words[count++] = *rest++;
}

static void parse_order(const struct ctl_row *row, int argc, char **argv, struct order *order)
{
	struct argp_option *const options = make_options(row->takes);
	char *const name = alloc_text("socktest ctl PATH %s", row->name);
	const struct commandline commandline = {
		.name = name,
		.argp = {.options = options, .args_doc = row->arguments, .doc = row->help},
		.take = take_option,
	};

	parse_words(&commandline, argc, argv, order);
	row->check(order);
	free(options);
	free(name);
}

static void take_timeout(void *context, int key, const char *argument)
{
	uint64_t *const timeout_ns = context;

	(void)key;
	*timeout_ns = time_of("connect-timeout", argument);
}

static void print_help_end(FILE *stream)
{
	fputs("\nRequests:\n", stream);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(stream, "  %-7s %-13s %s\n", rows[i].name, rows[i].arguments, rows[i].help);
	fputs("\nExamples:\n  socktest trace --control=/tmp/s -- ./server &\n"
	      "  socktest ctl /tmp/s set --fail-accept=EMFILE:when=3\n"
	      "  socktest ctl /tmp/s wait inet/stream 'accepted>=2' --timeout=5s\n"
	      "  socktest ctl /tmp/s stats\n",
		stream);
}

static const struct argp_option ctl_options[] = {
	{.name = "connect-timeout",
		.key = KEY_CONNECT_TIMEOUT,
		.arg = "TIME",
		.doc = "how long to wait for somebody to listen on PATH (0s)"},
	COMMANDLINE_STANDARD_OPTIONS,
	{0},
};

static const struct commandline ctl_commandline = {
	.name = "socktest ctl",
	.argp = {.options = ctl_options,
		.args_doc = "PATH REQUEST [ARG...]",
		.doc = "Asks and tells a run of \"socktest trace --control=PATH\"."},
	.take = take_timeout,
	.print_help_end = print_help_end,
};

/* ---- completing ---- */

static void complete_argument(struct completion *completion, int key)
{
	if (key == KEY_FORMAT)
		options_complete_format(completion);
}

static void complete_expectation(struct completion *completion, char *const *words)
{
	char *const text = joined(words);
	const struct suggest suggest = completion_suggest(completion, text);

	expectation_complete(text, &suggest);
	free(text);
}

/* words are those behind the request; options are taken before, between and behind operands. */
static void complete_order(
	const struct ctl_row *row, struct completion *completion, char *const *words)
{
	if (row->takes == TAKES_FILTERS) {
		options_complete_filter(completion);
		return;
	}

	struct argp_option *const options = make_options(row->takes);
	const struct commandline commandline = {
		.argp = {.options = options}, .complete = complete_argument};
	char *const last[] = {completion->word, NULL};
	char *const *const operands = commandline_complete(&commandline, completion, words);

	if (operands && *completion->word == '-')
		commandline_complete(&commandline, completion, last);
	else if (operands && row->run == wait_for)
		complete_expectation(completion, operands);
	free(options);
}

static void complete_request(struct completion *completion)
{
	for (size_t i = 0; i < ROWS; i++)
		completion_offer(completion, rows[i].name, rows[i].help);
}

void ctl_complete(struct completion *completion, char *const *words)
{
	char *const *const operands = commandline_complete(&ctl_commandline, completion, words);
	const struct ctl_row *row;

	if (!operands)
		return;
	if (!operands[1]) {
		completion_files(completion);
		return;
	}
	row = operands[2] ? row_called(operands[1]) : NULL;
	if (row)
		complete_order(row, completion, operands + 2);
	else if (!operands[2])
		complete_request(completion);
}

int ctl_command(int argc, char **argv)
{
	uint64_t timeout_ns = 0;
	char **const operands = commandline_parse(&ctl_commandline, argc, argv, &timeout_ns);

	if (!operands[0] || !operands[1])
		message_exit("ctl: no %s; usage: socktest ctl [OPTION...] PATH REQUEST [ARG...]",
			operands[0] ? "REQUEST" : "PATH");
	const struct ctl_row *const row = find_row(operands[1]);
	struct order order = {.name = row->name, .format = "table", .filters = json_array()};
	parse_order(row, argc - (int)(operands + 1 - argv), operands + 1, &order);
	struct server server = server_connect(operands[0], timeout_ns);
	const int status = row->run(&server, &order);
	server_disconnect(&server);
	json_decref(order.filters);
	free(order.words);
	return status;
}
