/*
 * The grammar of a filter option:
 *
 *	--fail-CALL=ERRNO[,ERRNO...][:COND...]
 *	--fail-CALL=ask[:COND...]
 *	--after-CALL=ERRNO[,ERRNO...][:COND...]
 *	--so-error=ERRNO[,ERRNO...][:COND...]
 *	--delay-CALL=TIME[:COND...]
 *
 *	COND = NAME=ARGUMENT | FLAG        (the rows of condition.c)
 *
 * Colons separate, but the argument of to= and on= may have colons of its own. To it belong
 *
 *	- the colons between its brackets;
 *	- after an IP address, or at its very beginning, one colon and what follows it: the port.
 *	  But not what has a = or is a FLAG: to=:80, to=127.0.0.1:80:fd=3 and to=[::1]:cycle read
 *	  as they look;
 *	- in a unix path or name every colon and what follows it. But not what is a FLAG or begins
 *	  with a condition's NAME and =: to=/run/a:b:fd=3 is the path /run/a:b and fd=3.
 *
 * A misspelt NAME or FLAG counts as one here, so that to=/run/a:famly=inet is an error, not a path
 * that nothing ever matches. A colon written \x3a always belongs to the path.
 *
 * In the argument of stack= two colons in a row are part of the name: stack=Pool::open:when=2.
 */
#include "switch/filter_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/escape.h"
#include "switch/names.h"

#define FAIL_OPTION(call)                                                                          \
	{                                                                                          \
		.name = "fail-" call, .argument = "ERRNO[,ERRNO...][:COND...]",                    \
		.help = "answer " call " with ERRNO and do not run it"                             \
	}
#define AFTER_OPTION(call)                                                                         \
	{                                                                                          \
		.name = "after-" call, .argument = "ERRNO[,ERRNO...][:COND...]",                   \
		.help = "run " call ", then return ERRNO as if it had failed"                      \
	}
#define DELAY_OPTION(call)                                                                         \
	{                                                                                          \
		.name = "delay-" call, .argument = "TIME[:COND...]",                               \
		.help = "hold " call " back for TIME, then run it"                                 \
	}

enum { CALL_ACTIONS = FILTER_SO_ERROR };

/* In the order of enum call_kind, each with a row for each of enum filter_action but the last. */
static const struct filter_option options[] = {
	FAIL_OPTION("socket"),
	AFTER_OPTION("socket"),
	DELAY_OPTION("socket"),
	FAIL_OPTION("connect"),
	AFTER_OPTION("connect"),
	DELAY_OPTION("connect"),
	FAIL_OPTION("listen"),
	AFTER_OPTION("listen"),
	DELAY_OPTION("listen"),
	FAIL_OPTION("accept"),
	AFTER_OPTION("accept"),
	DELAY_OPTION("accept"),
	FAIL_OPTION("getsockopt"),
	AFTER_OPTION("getsockopt"),
	DELAY_OPTION("getsockopt"),
	FAIL_OPTION("close"),
	AFTER_OPTION("close"),
	DELAY_OPTION("close"),
	{
		.name = "so-error",
		.argument = "ERRNO[,ERRNO...][:COND...]",
		.help = "getsockopt(SO_ERROR) succeeds and hands out ERRNO",
	},
	{0},
};

_Static_assert(sizeof(options) / sizeof(options[0]) == CALL_FILTERABLE * CALL_ACTIONS + 2,
	"every filterable call has its options");

const struct filter_option *filter_options(void)
{
	return options;
}

int filter_parse_option(struct filter *filter, const char *option, struct error *error)
{
	for (unsigned i = 0; options[i].name; i++) {
		if (strcmp(options[i].name, option) != 0)
			continue;
		const bool so_error = i == CALL_FILTERABLE * CALL_ACTIONS;
		filter->kind = so_error ? CALL_GETSOCKOPT : (enum call_kind)(i / CALL_ACTIONS);
		filter->action =
			so_error ? FILTER_SO_ERROR : (enum filter_action)(i % CALL_ACTIONS);
		return 0;
	}
	return error_set(error, EINVAL, "no filter option is called --%.60s", option);
}

static int parse_errno(const char *text, int *code, struct error *error)
{
	const char *nearest;

	*code = errno_parse(text);
	if (*code > 0)
		return 0;
	if (strcmp(text, "ask") == 0)
		return error_set(error, EINVAL, "ask stands alone, with no other errno");
	if (*text == '\0')
		return error_set(error, EINVAL,
			"there is no errno where one is due: it begins with ERRNO[,ERRNO...]");
	if (text[strspn(text, "0123456789")] == '\0')
		return error_set(error, EINVAL, "%.60s is no errno: those are 1 to 4095", text);
	nearest = errno_nearest(text);
	if (nearest)
		return error_set(
			error, EINVAL, "no errno is called %.60s; did you mean %s?", text, nearest);
	return error_set(error, EINVAL,
		"no errno is called %.60s: give one as ECONNREFUSED or its number", text);
}

static int parse_ask(struct filter *filter, struct error *error)
{
	filter->asks = true;
	if (filter->action == FILTER_FAIL)
		return 0;
	return error_set(error, EINVAL,
		"ask is for --fail-%s only: whoever is asked may answer with any",
		call_kind_name(filter->kind));
}

static int parse_errnos(struct filter *filter, char *text, struct error *error)
{
	size_t count = 1;

	if (strcmp(text, "ask") == 0)
		return parse_ask(filter, error);
	for (const char *at = text; *at; at++)
		count += *at == ',';
	filter->errors = calloc(count, sizeof(*filter->errors));
	if (!filter->errors)
		return -ENOMEM;
	while (text) {
		char *one = strsep(&text, ",");
		int result = parse_errno(one, &filter->errors[filter->errors_count++], error);

		if (result < 0)
			return result;
	}
	return 0;
}

/* Whether the segment (see the grammar) begins a condition rather than going on with an address. */
static bool begins_condition(const char *segment, bool in_path)
{
	size_t name = strcspn(segment, "=:");
	bool flag = segment[name] != '=';
	const struct condition_kind *kind = condition_find(segment, name);

	if (!flag && !in_path)
		return true;
	if (kind)
		return !flag || !kind->argument;
	return condition_nearest(segment, name, flag) != NULL;
}

static size_t address_length(const char *text)
{
	bool path = *text == '/' || *text == '@';
	size_t length = *text == '[' ? strcspn(text, "]") : address_pattern_bare_inet6(text);

	length += strcspn(text + length, ":");
	if (!path && text[length] == ':' && !begins_condition(text + length + 1, false))
		length += 1 + strcspn(text + length + 1, ":");
	while (path && text[length] == ':' && text[length + 1] != ':' && text[length + 1] != '\0' &&
		!begins_condition(text + length + 1, true))
		length += 1 + strcspn(text + length + 1, ":");
	return length;
}

static size_t function_length(const char *text)
{
	size_t length = strcspn(text, ":");

	while (text[length] == ':' && text[length + 1] == ':')
		length += 2 + strcspn(text + length + 2, ":");
	return length;
}

static size_t argument_length(const struct condition_kind *kind, const char *text)
{
	if (kind->is_address)
		return address_length(text);
	return kind->is_function ? function_length(text) : strcspn(text, ":");
}

/* The next length bytes, ended in place; *rest: behind the colon after them, NULL at the end. */
static char *take(char **rest, size_t length)
{
	char *text = *rest;

	if (text[length] == ':') {
		text[length] = '\0';
		*rest = text + length + 1;
	} else {
		*rest = NULL;
	}
	return text;
}

static int unknown_condition(const char *name, size_t length, struct error *error)
{
	const char *nearest = condition_nearest(name, length, false);
	int shown = length < 60 ? (int)length : 60;
	char names[256];
	size_t at = 0;

	if (length == 0)
		return error_set(error, EINVAL, "there is no condition after a colon");
	if (nearest)
		return error_set(error, EINVAL, "no condition is called %.*s; did you mean %s?",
			shown, name, nearest);
	for (const struct filter_condition_help *help = filter_conditions();
		help->name && at < sizeof(names); help++)
		at += (size_t)snprintf(
			names + at, sizeof(names) - at, "%s%s", at > 0 ? ", " : "", help->name);
	return error_set(
		error, EINVAL, "no condition is called %.*s: there are %s", shown, name, names);
}

static int check_argument(
	const struct condition_kind *kind, const char *argument, struct error *error)
{
	if (!kind->argument && argument)
		return error_set(error, EINVAL, "%s takes no argument", kind->name);
	if (kind->argument && (!argument || *argument == '\0'))
		return error_set(error, EINVAL, "%s= lacks its argument: it is %s=%s", kind->name,
			kind->name, kind->argument);
	return 0;
}

int filter_check_condition(
	const struct filter *filter, const struct condition_kind *kind, struct error *error)
{
	if (kind->not_calls & 1U << filter->kind)
		return error_set(error, EINVAL, "%s%s cannot be asked of %s: %s", kind->name,
			kind->argument ? "=" : "", call_kind_name(filter->kind), kind->because);
	if (kind->answer_only && filter->action == FILTER_DELAY)
		return error_set(error, EINVAL, "%s%s is for --fail-%s and --after-%s only",
			kind->name, kind->argument ? "=" : "", call_kind_name(filter->kind),
			call_kind_name(filter->kind));
	if (kind->fail_only && filter->action != FILTER_FAIL)
		return error_set(error, EINVAL, "%s is for --fail-%s only", kind->name,
			call_kind_name(filter->kind));
	if (kind->not_asked && filter->asks)
		return error_set(error, EINVAL, "%s does not go with ask", kind->name);
	for (size_t i = 0; i < filter->conditions_count; i++) {
		if (filter->conditions[i].kind == kind && !kind->repeatable)
			return error_set(error, EINVAL, "%s%s is given twice", kind->name,
				kind->argument ? "=" : "");
	}
	return 0;
}

static int add_condition(struct filter *filter, const struct condition_kind *kind,
	const char *argument, struct error *error)
{
	struct condition condition = {.kind = kind};
	struct condition *conditions;
	int result = kind->parse ? kind->parse(&condition, argument, error) : 0;

	if (result < 0)
		return result;
	conditions =
		reallocarray(filter->conditions, filter->conditions_count + 1, sizeof(*conditions));
	if (!conditions)
		return -ENOMEM;
	filter->conditions = conditions;
	filter->conditions[filter->conditions_count++] = condition;
	if (kind->effect)
		kind->effect(&condition, &filter->effects);
	return 0;
}

static int parse_condition(struct filter *filter, char **rest, struct error *error)
{
	const char *name = *rest;
	size_t name_length = strcspn(name, "=:");
	const struct condition_kind *kind = condition_find(name, name_length);
	const char *argument = name[name_length] == '=' ? name + name_length + 1 : NULL;
	int result;

	if (!kind)
		return unknown_condition(name, name_length, error);
	if (argument)
		take(rest, name_length + 1 + argument_length(kind, argument));
	else
		take(rest, strcspn(name, ":"));
	result = check_argument(kind, argument, error);
	if (result == 0)
		result = filter_check_condition(filter, kind, error);
	if (result < 0)
		return result;
	return add_condition(filter, kind, argument, error);
}

static int parse_value(struct filter *filter, char *rest, struct error *error)
{
	char *action = take(&rest, strcspn(rest, ":"));
	int result = filter->action == FILTER_DELAY ? time_parse(action, &filter->delay_ns, error)
						    : parse_errnos(filter, action, error);

	while (result == 0 && rest)
		result = parse_condition(filter, &rest, error);
	return result;
}

/* The option, cut to leave room for what is wrong with it, and then that; all in printable ASCII.
 */
static int report(const char *option, const struct error *why, struct error *error)
{
	char text[sizeof(why->text) + 256], escaped[sizeof(error->text)];
	size_t length = 0;

	snprintf(text, sizeof(text), "%.200s%s: %s", option, strlen(option) > 200 ? "..." : "",
		why->text);
	for (const char *at = text; *at && length + ESCAPE_BYTES <= sizeof(escaped); at++) {
		if (*at == '\\')
			escaped[length++] = *at;
		else
			length += escape_byte((unsigned char)*at, escaped + length);
	}
	escaped[length] = '\0';
	return error_set(error, EINVAL, "%s", escaped);
}

/* The message is of what is wrong alone. With any result the filter is to be cleared. */
static int parse(struct filter *filter, const char *option, const char *value, struct error *why)
{
	char *const copy = strdup(value);
	int result = copy ? filter_parse_option(filter, option, why) : -ENOMEM;

	if (result == 0)
		result = parse_value(filter, copy, why);
	free(copy);
	return result;
}

int filter_parse(struct filter *filter, const char *option, const char *value, struct error *error)
{
	struct error why;
	int result;

	*filter = (struct filter){0};
	if (asprintf(&filter->option, "--%s=%s", option, value) < 0)
		return -ENOMEM;
	result = parse(filter, option, value, &why);
	if (result == -EINVAL)
		report(filter->option, &why, error);
	if (result < 0)
		filter_clear(filter);
	return result;
}

int filters_check(const char *option, const char *value, struct error *error)
{
	struct filter filter = {0};
	const int result = parse(&filter, option, value, error);

	filter_clear(&filter);
	return result;
}

int filter_parse_conditions(struct filter *filter, const char *text, struct error *error)
{
	char *const copy = strdup(text);
	char *rest = copy;
	int result = copy ? 0 : -ENOMEM;

	*filter = (struct filter){.kind = CALL_FILTERABLE, .action = FILTER_FAIL};
	while (result == 0 && rest)
		result = parse_condition(filter, &rest, error);
	if (result < 0)
		filter_clear(filter);
	free(copy);
	return result;
}

void filter_clear(struct filter *filter)
{
	free(filter->option);
	free(filter->errors);
	free(filter->conditions);
	turns_clear(&filter->turns);
}
