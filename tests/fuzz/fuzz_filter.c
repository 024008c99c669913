/*
 * Any options and values as filters, and any calls that they decide: lines of OPTION=VALUE, a NUL,
 * and then the calls, one after the other as take_call reads them.
 */
#include <errno.h>

#include "switch/filter.h"
#include "tests/fuzz/fuzz.h"

enum { LINES_MAX = 8, CALLS_MAX = 64 };

static void check_refused(const struct error *error)
{
	const size_t length = strnlen(error->text, sizeof(error->text));

	CHECK(length > 0 && length < sizeof(error->text));
	CHECK(strncmp(error->text, "--", 2) == 0);
	CHECK(is_harmless(error->text, length, false));
}

/* Both take the same filters; refusing them a second time, which is slow, tells nothing new. */
static void add(struct filters *filters, struct filters *twin, char *line)
{
	char *value = strchr(line, '=');
	struct error error = {.text = ""};
	const size_t count = filters_count(filters);

	if (value)
		*value++ = '\0';
	const int result = filters_add(filters, line, value ? value : "", &error);
	CHECK(result == 0 || result == -EINVAL);
	CHECK(filters_count(filters) == count + (result == 0));
	if (result < 0)
		return check_refused(&error);
	const struct filter_tally tally = filters_tally(filters, count);
	CHECK(strncmp(tally.option, "--", 2) == 0);
	CHECK(strncmp(tally.option + 2, line, strlen(line)) == 0);
	CHECK(filters_add(twin, line, value ? value : "", &error) == 0);
}

static void add_all(struct filters *filters, struct filters *twin, char *text)
{
	char *line;

	for (int lines = 0; lines < LINES_MAX && (line = strsep(&text, "\n")) != NULL; lines++)
		if (*line != '\0')
			add(filters, twin, line);
}

struct asked {
	enum call_kind kind;
	struct caller caller;
	char comm[16];
	struct filter_subject subject;
	struct address *local, *peer;
};

static void take_call(struct input *input, struct asked *asked)
{
	*asked = (struct asked){.kind = input_byte(input) % CALL_FILTERABLE};
	asked->caller.pid = input_int(input);
	asked->caller.tid = asked->caller.pid;
	input_take(input, asked->comm, sizeof(asked->comm) - 1);
	asked->caller.comm = asked->comm;
	asked->local = input_address(input);
	asked->peer = input_address(input);
	asked->subject = (struct filter_subject){
		.caller = &asked->caller,
		.cookie = input_u64(input),
		.fd = input_int(input),
		.local = asked->local,
		.peer = asked->peer,
	};
}

static void check_decision(
	const struct filters *filters, enum call_kind kind, const struct filter_decision *decision)
{
	bool any;

	filters_needs(filters, kind, &any);
	CHECK(decision->error >= 0 && decision->error <= 4095);
	CHECK(decision->filter >= -1 && decision->filter < (int)filters_count(filters));
	if (decision->filter < 0)
		CHECK(decision->error == 0 && decision->delay_ns == 0);
	else
		CHECK(any && filters_tally(filters, (size_t)decision->filter).fired > 0);
}

static void check_tallies(const struct filters *filters, uint64_t calls)
{
	for (size_t i = 0; i < filters_count(filters); i++) {
		const struct filter_tally tally = filters_tally(filters, i);
		CHECK(tally.fired <= tally.matched && tally.matched <= calls);
	}
}

/* The same calls in the same order: the same decisions. */
static void decide(struct filters *filters, struct filters *twin, struct input *input)
{
	struct filter_decision decision, again;
	struct asked asked;
	uint64_t calls = 0;

	for (; input->left > 0 && calls < CALLS_MAX; calls++) {
		take_call(input, &asked);
		filters_decide(filters, asked.kind, &asked.subject, &decision);
		filters_decide(twin, asked.kind, &asked.subject, &again);
		check_decision(filters, asked.kind, &decision);
		CHECK(decision.error == again.error && decision.delay_ns == again.delay_ns &&
			decision.filter == again.filter);
		free(asked.local);
		free(asked.peer);
	}
	check_tallies(filters, calls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.bytes = data, .left = size};
	char *const text = input_text(&input);
	struct filters *const filters = filters_new(size), *const twin = filters_new(size);

	CHECK(filters && twin);
	add_all(filters, twin, text);
	decide(filters, twin, &input);
	filters_free(filters);
	filters_free(twin);
	free(text);
	return 0;
}
