/* The copy that reports are made of. */
#include "switch/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "switch/sock.h"

static int by_cookie(const void *a, const void *b)
{
	const struct sockstat *left = a, *right = b;

	return (left->cookie > right->cookie) - (left->cookie < right->cookie);
}

static int copy_address(struct address **to, const struct address *from)
{
	*to = from ? address_new(from->bytes, from->length) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int copy_row(struct socket_row *row, const struct sock *sock, uint64_t now_ns)
{
	*row = (struct socket_row){
		.id = sock->id,
		.pid = sock->holder.pid,
		.fd = sock->holder.fd,
		.cookie = sock->cookie,
		.state = sock->state,
		.err = sock->err,
		.socket_err = sock->socket_err,
		.opened_by =
			{
				.pid = sock->opened_by.pid,
				.tid = sock->opened_by.tid,
				.call = sock->opened_by.call,
				.age_ns = now_ns - sock->opened_by.time_ns,
				.stack = sock->opened_by.stack,
			},
	};
	if (sock->holder.command)
		strncpy(row->command, sock->holder.command, sizeof(row->command) - 1);
	const int error = copy_address(&row->local, sock->local);
	return error ? error : copy_address(&row->peer, sock->peer);
}

int switch_row(const struct fdtable *table, int fd, uint64_t now_ns, struct socket_row *row)
{
	const struct sock *sock = fdtable_get(table, fd).sock;
	int error;

	if (!sock)
		return 0;
	error = copy_row(row, sock, now_ns);
	if (error)
		socket_row_clear(row);
	return error ? error : 1;
}

static int copy_sockets(const struct switchboard *sw, uint64_t now_ns, struct snapshot *snapshot)
{
	const struct sock *sock;
	size_t count = 0;

	DL_COUNT(sw->open, sock, count);
	snapshot->sockets = calloc(count + 1, sizeof(*snapshot->sockets));
	if (!snapshot->sockets)
		return -ENOMEM;
	DL_FOREACH(sw->open, sock)
	{
		if (!sock->counted || sock->given_back)
			continue;
		const int error =
			copy_row(&snapshot->sockets[snapshot->sockets_count++], sock, now_ns);
		if (error)
			return error;
	}
	return 0;
}

static bool is_zero(const struct sockstat *stat)
{
	static const struct sockstat zero;

	return memcmp(stat->count, zero.count, sizeof(zero.count)) == 0 &&
	       memcmp(stat->injected, zero.injected, sizeof(zero.injected)) == 0;
}

/* Of cookies that were seen and not counted, by Go's rules or since counting began anew. */
static void drop_zero_stats(struct snapshot *snapshot)
{
	size_t kept = 0;

	for (size_t i = 0; i < snapshot->stats_count; i++) {
		if (!is_zero(&snapshot->stats[i]))
			snapshot->stats[kept++] = snapshot->stats[i];
	}
	snapshot->stats_count = kept;
}

int switch_stats(const struct switchboard *sw, struct snapshot *snapshot)
{
	const struct stat_entry *entry;

	*snapshot = (struct snapshot){0};
	snapshot->stats = calloc(HASH_COUNT(sw->stats) + 1U, sizeof(*snapshot->stats));
	if (!snapshot->stats)
		return -ENOMEM;
	for (entry = sw->stats; entry; entry = entry->hh.next)
		snapshot->stats[snapshot->stats_count++] = entry->stat;
	qsort(snapshot->stats, snapshot->stats_count, sizeof(*snapshot->stats), by_cookie);
	drop_zero_stats(snapshot);
	return 0;
}

int switch_snapshot(const struct switchboard *sw, uint64_t now_ns, struct snapshot *snapshot)
{
	int error = switch_stats(sw, snapshot);
	if (!error)
		error = copy_sockets(sw, now_ns, snapshot);
	if (error)
		snapshot_clear(snapshot);
	return error;
}
