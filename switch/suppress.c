#include "switch/suppress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/filter_parse.h"

struct suppressions {
	struct filter *list; /* of which the conditions are used alone */
	char **texts;        /* of each; and NULL */
	size_t count;
};

struct suppressions *suppressions_new(void)
{
	struct suppressions *const suppressions = calloc(1, sizeof(*suppressions));

	if (suppressions)
		suppressions->texts = calloc(1, sizeof(*suppressions->texts));
	if (suppressions && suppressions->texts)
		return suppressions;
	free(suppressions);
	return NULL;
}

void suppressions_free(struct suppressions *suppressions)
{
	if (!suppressions)
		return;
	for (size_t i = 0; i < suppressions->count; i++) {
		filter_clear(&suppressions->list[i]);
		free(suppressions->texts[i]);
	}
	free(suppressions->texts);
	free(suppressions->list);
	free(suppressions);
}

/* The blanks around the line are no part of it. */
static char *trimmed(const char *line)
{
	static const char blanks[] = " \t\r\n";
	size_t length;

	line += strspn(line, blanks);
	for (length = strlen(line); length && strchr(blanks, line[length - 1]); length--)
		;
	return strndup(line, length);
}

static int check_facts(const struct filter *filter, struct error *error)
{
	for (size_t i = 0; i < filter->conditions_count; i++) {
		const struct condition_kind *const kind = filter->conditions[i].kind;
		if (kind->stage != CONDITION_FACT)
			return error_set(
				error, EINVAL, "%s is for calls, not for leaks", kind->name);
	}
	return 0;
}

/* Room for one more. Returns 0 or -ENOMEM. */
static int grow(struct suppressions *suppressions)
{
	const size_t count = suppressions->count + 1;
	struct filter *const list =
		reallocarray(suppressions->list, count, sizeof(*suppressions->list));

	if (!list)
		return -ENOMEM;
	suppressions->list = list;

	char **const texts =
		reallocarray(suppressions->texts, count + 1, sizeof(*suppressions->texts));

	if (!texts)
		return -ENOMEM;
	suppressions->texts = texts;
	return 0;
}

/* Takes a parsed one in. Returns 0 or -ENOMEM. */
static int keep(struct suppressions *suppressions, const char *text)
{
	char *const copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	suppressions->texts[suppressions->count++] = copy;
	suppressions->texts[suppressions->count] = NULL;
	return 0;
}

static int add(struct suppressions *suppressions, const char *text, struct error *error)
{
	if (grow(suppressions))
		return -ENOMEM;

	struct filter *const list = suppressions->list;
	int result = filter_parse_conditions(&list[suppressions->count], text, error);
	if (result)
		return result;
	result = check_facts(&list[suppressions->count], error);
	if (!result)
		result = keep(suppressions, text);
	if (result)
		filter_clear(&list[suppressions->count]);
	return result;
}

int suppressions_add(struct suppressions *suppressions, const char *line, struct error *error)
{
	char *const text = trimmed(line);
	int result = 0;

	if (!text)
		return -ENOMEM;
	if (*text && *text != '#')
		result = add(suppressions, text, error);
	free(text);
	return result;
}

const char *const *suppressions_texts(const struct suppressions *suppressions)
{
	return (const char *const *)suppressions->texts;
}

static bool holds(const struct filter *filter, const struct filter_subject *subject)
{
	for (size_t i = 0; i < filter->conditions_count; i++) {
		struct condition *const condition = &filter->conditions[i];
		if (!condition->kind->match(condition, subject))
			return false;
	}
	return true;
}

bool suppressions_match(const struct suppressions *suppressions, const struct socket_row *row,
	const char *const *functions)
{
	const struct caller caller = {
		.pid = row->opened_by.pid,
		.tid = row->opened_by.tid,
		.comm = row->command,
		.functions = functions,
	};
	const struct filter_subject subject = {
		.caller = &caller,
		.syscall = row->opened_by.call,
		.cookie = row->cookie,
		.fd = row->fd,
		.local = row->local,
		.peer = row->peer,
	};

	for (size_t i = 0; i < suppressions->count; i++) {
		if (holds(&suppressions->list[i], &subject))
			return true;
	}
	return false;
}
