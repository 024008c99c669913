#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/filter_parse.h"
#include "switch/libc.h"
#include "switch/names.h"

struct errno_list {
	const struct suggest *suggest;
	size_t kept;
};

static void suggest_errno(void *context, const char *name, int error)
{
	const struct errno_list *const list = context;

	list->suggest->take(list->suggest->context, list->kept, name, strerrordesc_np(error));
}

static void complete_action(
	const struct filter *filter, const char *value, const struct suggest *suggest)
{
	const char *const comma = strrchr(value, ',');
	struct errno_list list = {
		.suggest = suggest, .kept = comma ? (size_t)(comma + 1 - value) : 0};

	if (filter->action == FILTER_DELAY)
		return;
	errno_each(suggest_errno, &list);
	if (filter->action == FILTER_FAIL && !comma)
		suggest->take(suggest->context, 0, "ask", "have a client of --control answer");
}

static void suggest_condition(
	const struct condition_kind *kind, size_t kept, const struct suggest *suggest)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%s", kind->name, kind->argument ? "=" : "");
	suggest->take(suggest->context, kept, text, kind->help);
}

static void suggest_argument(
	const struct condition_kind *kind, size_t kept, const struct suggest *suggest)
{
	const char *word;

	for (size_t i = 0; kind->known && (word = kind->known(i)); i++)
		suggest->take(suggest->context, kept, word, NULL);
}

/* text, behind kept bytes of the value, is to be one more condition of the filter. */
static void complete_condition(
	const struct filter *filter, const char *text, size_t kept, const struct suggest *suggest)
{
	const size_t name = strcspn(text, "=");

	for (const struct filter_condition_help *row = filter_conditions(); row->name; row++) {
		const struct condition_kind *const kind =
			condition_find(row->name, strlen(row->name));

		if (filter_check_condition(filter, kind, NULL) < 0)
			continue;
		if (text[name] == '\0')
			suggest_condition(kind, kept, suggest);
		else if (condition_find(text, name) == kind)
			suggest_argument(kind, kept + name + 1, suggest);
	}
}

/*
 * What stands before the last colon is parsed as if it were all: where that is a filter, the colon
 * may begin a condition. Where it belongs to an address or a function, it is none
 * (to=[fe80: and stack=Pool:), or nothing begins like what follows (to=:80).
 */
void filter_complete(const char *option, const char *value, const struct suggest *suggest)
{
	const char *const colon = strrchr(value, ':');
	char *const before = colon ? strndup(value, (size_t)(colon - value)) : NULL;
	struct filter filter = {0};

	if (before && filter_parse(&filter, option, before, NULL) == 0) {
		complete_condition(&filter, colon + 1, (size_t)(colon + 1 - value), suggest);
		filter_clear(&filter);
	} else if (!colon && filter_parse_option(&filter, option, NULL) == 0) {
		complete_action(&filter, value, suggest);
	}
	free(before);
}
