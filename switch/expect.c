#include "switch/expect.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "switch/names.h"

#define BLANKS    " \t"
#define OPERATORS "=!<>"

enum { WORD_BYTES = 64 }; /* no word that we know is as long */

static const char *const operators[] = {
	[EXPECT_EQUAL] = "==",
	[EXPECT_UNEQUAL] = "!=",
	[EXPECT_AT_MOST] = "<=",
	[EXPECT_AT_LEAST] = ">=",
	[EXPECT_BELOW] = "<",
	[EXPECT_ABOVE] = ">",
};

static const char *term_name(unsigned term)
{
	static char name[32];

	if (term < COUNTER_MAX)
		return counter_name(term);
	if (term == EXPECT_INJECTED)
		return "injected";
	snprintf(name, sizeof(name), "injected.%s", call_kind_name(term - EXPECT_INJECTED - 1));
	return name;
}

/* ---- reading ---- */

/* The next length bytes of *text, which moves past them and the blanks behind; cut to fit. */
static void take_word(const char **text, size_t length, char word[static WORD_BYTES])
{
	snprintf(word, WORD_BYTES, "%.*s", (int)(length < WORD_BYTES ? length : WORD_BYTES), *text);
	*text += length;
	*text += strspn(*text, BLANKS);
}

static int unknown_term(const char *word, struct error *error)
{
	const char *names[COUNTER_MAX + 1];
	const char *nearest;
	char list[256] = "";
	size_t at = 0;

	for (unsigned i = 0; i <= EXPECT_INJECTED; i++)
		names[i] = term_name(i);
	nearest = nearest_word(word, names, COUNTER_MAX + 1);
	if (nearest)
		return error_set(
			error, EINVAL, "no counter is called %s; did you mean %s?", word, nearest);
	for (unsigned i = 0; i <= EXPECT_INJECTED; i++)
		at += (size_t)snprintf(
			list + at, sizeof(list) - at, "%s%s", at > 0 ? ", " : "", names[i]);
	return error_set(error, EINVAL, "no counter is called %s: there are %s, and injected.CALL",
		word, list);
}

static int find_term(const char *word, unsigned *term)
{
	for (*term = 0; *term < EXPECT_TERMS; ++*term) {
		if (strcmp(term_name(*term), word) == 0)
			return 0;
	}
	return -EINVAL;
}

static int missing(const char *before, const char *what, const char *more, struct error *error)
{
	if (!*before)
		return error_set(error, EINVAL, "%s is missing at the end%s", what, more);
	return error_set(error, EINVAL, "%s is missing before \"%.20s\"%s", what, before, more);
}

static int take_term(const char **text, struct expect_sum *sum, struct error *error)
{
	const size_t length = strcspn(*text, BLANKS OPERATORS "+");
	char word[WORD_BYTES];
	uint64_t number;
	unsigned term;

	if (length == 0)
		return missing(*text, "a counter or a number", "", error);
	take_word(text, length, word);
	if (isdigit((unsigned char)*word)) {
		if (number_parse(word, UINT64_MAX, &number) < 0 ||
			__builtin_add_overflow(sum->number, number, &sum->number))
			return error_set(
				error, EINVAL, "%s is no number that a counter can reach", word);
		return 0;
	}
	if (find_term(word, &term) < 0)
		return unknown_term(word, error);
	sum->times[term]++;
	return 0;
}

static int take_sum(const char **text, struct expect_sum *sum, struct error *error)
{
	int result = take_term(text, sum, error);

	while (result == 0 && **text == '+') {
		++*text;
		*text += strspn(*text, BLANKS);
		result = take_term(text, sum, error);
	}
	return result;
}

static int take_operator(const char **text, enum expect_op *op, struct error *error)
{
	for (unsigned i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		const size_t length = strlen(operators[i]);

		if (strncmp(*text, operators[i], length) != 0)
			continue;
		*op = i;
		*text += length;
		*text += strspn(*text, BLANKS);
		return 0;
	}
	if (**text == '=')
		return error_set(error, EINVAL, "= is no comparison; did you mean ==?");
	return missing(*text, "a comparison", ": one of ==, !=, <=, >=, < and >", error);
}

static int parse_part(const char *part, const char *what, int (*parse)(const char *text),
	const char *(*nearest)(const char *text), int *value, struct error *error)
{
	const char *near;

	*value = strcmp(part, "*") == 0 ? -1 : parse(part);
	if (*value != -EINVAL)
		return 0;
	if (*part == '\0')
		return error_set(error, EINVAL,
			"the %s is missing: * for any, or leave out the / before it", what);
	near = nearest(part);
	if (near)
		return error_set(
			error, EINVAL, "no %s is called %s; did you mean %s?", what, part, near);
	return error_set(error, EINVAL,
		"no %s is called %s: it begins with * or FAMILY[/TYPE[/PROTOCOL]], as inet/stream",
		what, part);
}

/* "accepted>=3", a slip so likely that it has a message of its own. */
static bool lacks_cookie(const char *text)
{
	const char *rest = text;
	char word[WORD_BYTES];
	unsigned term;

	take_word(&rest, strcspn(text, BLANKS OPERATORS "+"), word);
	return isdigit((unsigned char)*word) ? *rest && strchr(OPERATORS, *rest)
					     : find_term(word, &term) == 0;
}

static int take_cookie(const char **text, struct expectation *expectation, struct error *error)
{
	char word[WORD_BYTES], *rest = word;
	const char *part;
	int result;

	if (lacks_cookie(*text))
		return error_set(error, EINVAL,
			"it names no socket: begin with * for all, or as inet/stream");
	take_word(text, strcspn(*text, BLANKS), word);
	part = strsep(&rest, "/");
	expectation->type = expectation->protocol = -1;
	result = parse_part(part, "family", cookie_family_parse, cookie_family_nearest,
		&expectation->family, error);
	part = strsep(&rest, "/");
	if (result == 0 && part)
		result = parse_part(part, "type", cookie_type_parse, cookie_type_nearest,
			&expectation->type, error);
	part = strsep(&rest, "");
	if (result == 0 && part)
		result = parse_part(part, "protocol", cookie_protocol_parse,
			cookie_protocol_nearest, &expectation->protocol, error);
	return result;
}

static bool names_a_counter(const struct expectation *expectation)
{
	for (unsigned i = 0; i < EXPECT_TERMS; i++) {
		if (expectation->left.times[i] || expectation->right.times[i])
			return true;
	}
	return false;
}

int expectation_parse(const char *text, struct expectation *expectation, struct error *error)
{
	int result;

	*expectation = (struct expectation){0};
	text += strspn(text, BLANKS);
	if (*text == '\0')
		return error_set(
			error, EINVAL, "it is empty: write one as inet/stream closed==opened");
	result = take_cookie(&text, expectation, error);
	if (result == 0)
		result = take_sum(&text, &expectation->left, error);
	if (result == 0)
		result = take_operator(&text, &expectation->op, error);
	if (result == 0)
		result = take_sum(&text, &expectation->right, error);
	if (result == 0 && *text)
		return error_set(error, EINVAL,
			"\"%.20s\" is too much: one comparison each, and one option for each",
			text);
	if (result == 0 && !names_a_counter(expectation))
		return error_set(error, EINVAL, "it names no counter, as opened");
	return result;
}

/* ---- completing ---- */

static void complete_cookie(const char *text, const struct suggest *suggest)
{
	static const char *(*const known[])(size_t index) = {
		cookie_family_known, cookie_type_known, cookie_protocol_known};
	size_t kept = 0, part = 0;
	const char *word;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] != '/')
			continue;
		part++;
		kept = i + 1;
	}
	for (size_t i = 0; part < 3 && (word = known[part](i)); i++)
		suggest->take(suggest->context, kept, word, NULL);
}

void expectation_complete(const char *text, const struct suggest *suggest)
{
	const size_t cookie = strcspn(text, BLANKS);
	size_t word = strlen(text), end;

	if (text[cookie] == '\0') {
		complete_cookie(text, suggest);
		return;
	}
	if (cookie == 0)
		return;
	while (!strchr(BLANKS OPERATORS "+", text[word - 1]))
		word--;
	for (end = word; end > cookie && strchr(BLANKS, text[end - 1]);)
		end--;
	/* Between two counters is an operator. */
	if (end > cookie && !strchr(OPERATORS "+", text[end - 1]))
		return;
	for (unsigned term = 0; term < EXPECT_TERMS; term++)
		suggest->take(suggest->context, word, term_name(term), NULL);
}

/* ---- looking ---- */

/* SOCK_NONBLOCK and SOCK_CLOEXEC are part of the type where Go's rules count. */
static bool is_meant(const struct expectation *expectation, socket_cookie cookie)
{
	const int type = cookie_type(cookie) & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

	return (expectation->family < 0 || expectation->family == cookie_family(cookie)) &&
	       (expectation->type < 0 || expectation->type == type) &&
	       (expectation->protocol < 0 || expectation->protocol == cookie_protocol(cookie));
}

/* Nothing is greater than UINT64_MAX, not even a sum of two of it. */
static uint64_t add_times(uint64_t sum, uint64_t value, uint64_t times)
{
	if (__builtin_mul_overflow(value, times, &value) ||
		__builtin_add_overflow(sum, value, &sum))
		return UINT64_MAX;
	return sum;
}

static uint64_t term_of(const struct sockstat *stat, unsigned term)
{
	uint64_t sum = 0;

	if (term < COUNTER_MAX)
		return stat->count[term];
	if (term > EXPECT_INJECTED)
		return stat->injected[term - EXPECT_INJECTED - 1];
	for (unsigned i = 0; i < CALL_FILTERABLE; i++)
		sum = add_times(sum, stat->injected[i], 1);
	return sum;
}

static uint64_t term_value(
	const struct expectation *expectation, const struct snapshot *snapshot, unsigned term)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < snapshot->stats_count; i++) {
		const struct sockstat *stat = &snapshot->stats[i];

		if (is_meant(expectation, stat->cookie))
			sum = add_times(sum, term_of(stat, term), 1);
	}
	return sum;
}

static bool compare(uint64_t left, enum expect_op op, uint64_t right)
{
	switch (op) {
	case EXPECT_EQUAL:
		return left == right;
	case EXPECT_UNEQUAL:
		return left != right;
	case EXPECT_AT_MOST:
		return left <= right;
	case EXPECT_AT_LEAST:
		return left >= right;
	case EXPECT_BELOW:
		return left < right;
	case EXPECT_ABOVE:
		return left > right;
	}
	return false;
}

bool expectation_holds(
	const struct expectation *expectation, const struct snapshot *snapshot, char *values)
{
	uint64_t left = expectation->left.number, right = expectation->right.number;
	size_t at = 0;

	for (unsigned i = 0; i < EXPECT_TERMS; i++) {
		const unsigned on_left = expectation->left.times[i];
		const unsigned on_right = expectation->right.times[i];

		if (!on_left && !on_right)
			continue;
		const uint64_t value = term_value(expectation, snapshot, i);
		left = add_times(left, value, on_left);
		right = add_times(right, value, on_right);
		if (values)
			at += (size_t)snprintf(values + at, EXPECT_VALUES_BYTES - at, "%s%s=%llu",
				at > 0 ? " " : "", term_name(i), (unsigned long long)value);
	}
	return compare(left, expectation->op, right);
}
