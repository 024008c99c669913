#include "switch/leak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whatever tells one place from another: what leaks are grouped by. */
static int compare_places(const struct socket_row *left, const struct socket_row *right)
{
	if (left->cookie != right->cookie)
		return left->cookie < right->cookie ? -1 : 1;
	if (left->opened_by.stack != right->opened_by.stack)
		return left->opened_by.stack < right->opened_by.stack ? -1 : 1;
	return strcmp(left->opened_by.call, right->opened_by.call);
}

static int compare_ids(const struct socket_row *left, const struct socket_row *right)
{
	return (left->id > right->id) - (left->id < right->id);
}

static int by_place(const void *a, const void *b)
{
	const struct leak *left = a, *right = b;
	const int places = compare_places(left->example, right->example);

	return places ? places : compare_ids(left->example, right->example);
}

static int by_count(const void *a, const void *b)
{
	const struct leak *left = a, *right = b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return compare_ids(left->example, right->example);
}

/* Neighbours of one place become one. Returns how many are left. */
static size_t fold(struct leak *leaks, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept && !compare_places(leaks[kept - 1].example, leaks[i].example))
			leaks[kept - 1].count++;
		else
			leaks[kept++] = leaks[i];
	}
	return kept;
}

int leaks_find(const struct snapshot *snapshot, struct leak **leaks, size_t *count)
{
	struct leak *const found = calloc(snapshot->sockets_count + 1, sizeof(*found));
	size_t sockets = 0;

	if (!found)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->sockets_count; i++) {
		const struct socket_row *row = &snapshot->sockets[i];

		if (*row->opened_by.call && !row->suppressed)
			found[sockets++] = (struct leak){.count = 1, .example = row};
	}
	qsort(found, sockets, sizeof(*found), by_place);
	*count = fold(found, sockets);
	qsort(found, *count, sizeof(*found), by_count);
	*leaks = found;
	return 0;
}
