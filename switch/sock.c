#include "switch/sock.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

/*
 * Of how many closed sockets all is remembered, in case one comes back (it was in flight in a unix
 * socket's queue, unix(7)). Bounds the memory of a run with millions of short ones.
 */
enum { CLOSED_KEPT = 1024 };

struct sockstat *stat_of(struct switchboard *sw, socket_cookie cookie)
{
	struct stat_entry *entry;

	HASH_FIND(hh, sw->stats, &cookie, sizeof(cookie), entry);
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			abort();
		entry->stat.cookie = cookie;
		HASH_ADD(hh, sw->stats, stat.cookie, sizeof(cookie), entry);
	}
	return &entry->stat;
}

void sock_count(const struct sock *sock, enum counter counter, int by)
{
	if (sock->counted)
		sock->stat->count[counter] += (uint64_t)by;
}

/*
 * It comes into the list of open ones, or goes. Kept along, as whoever waits for a counter looks
 * after each call, and there may be many sockets.
 */
static void count_inflight(const struct sock *sock, int by)
{
	if (!sock->given_back)
		sock_count(sock, COUNTER_INFLIGHT, by);
}

static bool is_open(const struct sock *sock)
{
	return sock->listed && sock->life != SOCK_CLOSED;
}

void sock_set_counted(struct sock *sock, bool counted)
{
	if (is_open(sock))
		count_inflight(sock, -1);
	sock->counted = counted;
	if (is_open(sock))
		count_inflight(sock, 1);
}

const char *sock_turn_name(enum sock_turn turn)
{
	static const char *const names[SOCK_TURN_MAX] = {
		[SOCK_TURN_OPENED] = "opened",
		[SOCK_TURN_ACCEPTED] = "accepted",
		[SOCK_TURN_ADOPTED] = "adopted",
		[SOCK_TURN_CLOSED] = "closed",
		[SOCK_TURN_LEFT] = "left",
		[SOCK_TURN_BACK] = "back",
		[SOCK_TURN_CONNECTED] = "connected",
		[SOCK_TURN_REFUSED] = "refused",
	};

	return names[turn];
}

void sock_turns(const struct switchboard *sw, const struct sock *sock, enum sock_turn turn)
{
	if (!sw->observe)
		return;
	const struct sock_change change = {
		.turn = turn,
		.id = sock->id,
		.cookie = sock->cookie,
		.fd = sock->holder.fd,
		.pid = sock->opened_by.pid,
		.tid = sock->opened_by.tid,
		.call = sock->opened_by.call,
		.stack = sock->opened_by.stack,
		.holder = sock->holder.pid,
		.command = sock->holder.command,
	};
	sw->observe(sw->observe_context, &change);
}

void address_replace(struct address **to, const struct address *from)
{
	struct address *copy = from ? address_new(from->bytes, from->length) : NULL;

	if (!copy)
		return;
	free(*to);
	*to = copy;
}

void sock_forget_inode(struct switchboard *sw, struct sock *sock)
{
	if (sock->inode)
		/* In the map, as it has an inode. */
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		HASH_DELETE(by_inode, sw->by_inode, sock);
	sock->inode = 0;
}

void sock_set_inode(struct switchboard *sw, struct sock *sock, uint64_t inode)
{
	sock->inode = inode;
	if (inode)
		HASH_ADD(by_inode, sw->by_inode, inode, sizeof(sock->inode), sock);
}

struct sock *sock_find(const struct switchboard *sw, uint64_t inode)
{
	struct sock *sock = NULL;

	if (inode)
		HASH_FIND(by_inode, sw->by_inode, &inode, sizeof(inode), sock);
	return sock;
}

void sock_free_unused(struct sock *sock)
{
	if (sock->listed || sock->calls)
		return;
	free(sock->local);
	free(sock->peer);
	free(sock->holder.command);
	free(sock);
}

static void sock_drop(struct switchboard *sw, struct sock *sock)
{
	sock_forget_inode(sw, sock);
	sock->listed = false;
	sock_free_unused(sock);
}

struct sock *sock_new(struct switchboard *sw, enum sock_origin origin, uint64_t inode)
{
	struct sock *sock = calloc(1, sizeof(*sock));

	if (!sock)
		abort();
	sock->id = ++sw->last_id;
	sock->origin = origin;
	sock->opened_by.call = "";
	sock->listed = true;
	sock->period = sw->period;
	sock_set_inode(sw, sock, inode);
	DL_APPEND(sw->open, sock);
	return sock;
}

void sock_set_cookie(
	struct switchboard *sw, struct sock *sock, socket_cookie canonical, socket_cookie raw)
{
	if (cookie_family(canonical) == AF_UNIX)
		sw->passes_descriptors = true;
	const bool counted = sock->counted;

	sock_set_counted(sock, false); /* under its former cookie */
	sock->canonical = canonical;
	sock->cookie = sw->rules == COUNT_GO ? raw : canonical;
	sock->stat = stat_of(sw, sock->cookie);
	sock_set_counted(sock, counted);
}

void sock_connect_begins(struct switchboard *sw, struct sock *sock)
{
	if (sock->state == SOCKET_CONNECTING)
		return;
	sock->state = SOCKET_CONNECTING;
	if (sw->rules == COUNT_SOCKTEST)
		sock_count(sock, COUNTER_PENDING, 1);
}

void sock_connect_ends(struct switchboard *sw, struct sock *sock, enum socket_state end)
{
	if (sock->state == SOCKET_CONNECTING && sw->rules == COUNT_SOCKTEST)
		sock_count(sock, COUNTER_PENDING, -1);
	sock->state = end;
}

void sock_settle(struct switchboard *sw, struct sock *sock, enum socket_state end)
{
	if (sw->rules == COUNT_SOCKTEST)
		sock_count(sock,
			end == SOCKET_CONNECTED ? COUNTER_CONNECTED : COUNTER_CONNECT_FAILED, 1);
	sock_connect_ends(sw, sock, end);
}

void sock_unsettle(struct switchboard *sw, struct sock *sock)
{
	if (!sock->settled_unasked)
		return;
	if (sw->rules == COUNT_SOCKTEST)
		sock_count(sock,
			sock->settled_unasked == SETTLED_CONNECTED ? COUNTER_CONNECTED
								   : COUNTER_CONNECT_FAILED,
			-1);
	sock->settled_unasked = SETTLED_NOT;
	sock_connect_begins(sw, sock);
}

static int by_id(const struct sock *a, const struct sock *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

/*
 * What has an inode here was named while descriptors could be passed: it may be on its way for
 * longer.
 */
static void remember_in_short(struct switchboard *sw, const struct sock *sock)
{
	const struct forgotten_socket socket = {
		.inode = sock->inode, .id = sock->id, .stat = sock->stat};

	if (sock->inode && !sock->calls && sw->passes_descriptors && sw->rules == COUNT_SOCKTEST)
		forgotten_add(&sw->forgotten, &socket);
}

/* The last descriptor went by the program's doing. */
static void sock_close(struct switchboard *sw, struct sock *sock)
{
	DL_DELETE(sw->open, sock);
	count_inflight(sock, -1);
	sock->life = SOCK_CLOSED;
	if (sw->rules == COUNT_SOCKTEST)
		sock_count(sock, COUNTER_CLOSED, 1);
	sock_turns(sw, sock, SOCK_TURN_CLOSED);
	DL_APPEND(sw->closed, sock);
	if (++sw->closed_count > CLOSED_KEPT) {
		struct sock *oldest = sw->closed;
		DL_DELETE(sw->closed, oldest);
		sw->closed_count--;
		remember_in_short(sw, oldest);
		sock_drop(sw, oldest);
	}
}

static bool is_tcp(socket_cookie cookie)
{
	const int protocol = cookie_protocol(cookie);

	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

/* A listener of MPTCP gives TCP sockets for clients that have only that, and they have its cookie. */
static bool is_same_kind(socket_cookie one, socket_cookie other)
{
	return cookie_family(one) == cookie_family(other) &&
	       cookie_type(one) == cookie_type(other) &&
	       (cookie_protocol(one) == cookie_protocol(other) || (is_tcp(one) && is_tcp(other)));
}

bool sock_recall(struct switchboard *sw, struct sock *sock)
{
	struct forgotten_socket socket;

	if (!forgotten_take(&sw->forgotten, sock->inode, &socket)) {
		sw->adopted_in_doubt |= forgotten_is_full(&sw->forgotten);
		return false;
	}
	/* Else the kernel's 32-bit inode counter came round. */
	if (!is_same_kind(socket.stat->cookie, sock->cookie))
		return false;
	sock_set_cookie(sw, sock, socket.stat->cookie, socket.stat->cookie);
	sock->id = socket.id;
	DL_DELETE(sw->open, sock);
	DL_INSERT_INORDER(sw->open, sock, by_id);
	sock_count(sock, COUNTER_CLOSED, -1);
	return true;
}

/* It goes on in the present period of counting. */
static void take_along(const struct switchboard *sw, struct sock *sock)
{
	sock->period = sw->period;
	if (sw->rules == COUNT_SOCKTEST)
		sock_count(sock, COUNTER_ADOPTED, 1);
}

/* A socket thought closed, or left by a process that ended, is named by a descriptor again. */
static void sock_revive(struct switchboard *sw, struct sock *sock)
{
	if (sock->listed && sock->life == SOCK_CLOSED) {
		DL_DELETE(sw->closed, sock);
		sw->closed_count--;
	}
	/* One that is not listed was forgotten, but for a call that still held it. */
	if (!is_open(sock)) {
		DL_INSERT_INORDER(sw->open, sock, by_id);
		count_inflight(sock, 1);
	}
	sock->listed = true;
	if (sock->period != sw->period)
		take_along(sw, sock);
	else if (sock->life == SOCK_CLOSED && sw->rules == COUNT_SOCKTEST)
		sock_count(sock, COUNTER_CLOSED, -1);
	sock->life = SOCK_LIVE;
	sock_turns(sw, sock, SOCK_TURN_BACK);
}

/* Go's package forgets a socket when the descriptor that it knows it by is closed. */
static void give_back(struct sock *sock)
{
	count_inflight(sock, -1);
	sock->given_back = true;
}

static void unref(struct switchboard *sw, const struct fdslot *slot)
{
	if (sw->rules == COUNT_GO && slot->returned)
		give_back(slot->sock);
	if (--slot->sock->descriptors == 0)
		sock_close(sw, slot->sock);
}

void sock_unbind(struct switchboard *sw, struct fdtable *table, int fd)
{
	const struct fdslot slot = fdtable_get(table, fd);

	if (!slot.sock)
		return;
	fdtable_unbind(table, fd);
	unref(sw, &slot);
}

void sock_unbind_serial(struct switchboard *sw, struct fdtable *table, int fd, uint64_t serial)
{
	const struct fdslot slot = fdtable_get(table, fd);

	if (slot.sock && slot.serial == serial)
		sock_unbind(sw, table, fd);
}

void sock_bind(
	struct switchboard *sw, struct fdtable *table, int fd, struct sock *sock, bool returned)
{
	const struct fdslot old = fdtable_get(table, fd);
	const struct fdslot slot = {
		.sock = sock, .serial = ++sw->last_serial, .returned = returned};

	sock->descriptors++;
	sock->holder.fd = fd;
	if (sock->life != SOCK_LIVE)
		sock_revive(sw, sock);
	fdtable_bind(table, fd, &slot);
	/*
	 * A descriptor that is bound anew was closed before: its close is only not seen yet, or
	 * never was.
	 */
	if (old.sock)
		unref(sw, &old);
}

static void drop_all(struct switchboard *sw, struct sock **list)
{
	struct sock *sock, *next;

	DL_FOREACH_SAFE(*list, sock, next)
	{
		DL_DELETE(*list, sock);
		sock_drop(sw, sock);
	}
}

/* What its end was counted for is of the past. */
static void begin_anew(struct switchboard *sw, struct sock *sock)
{
	sock->settled_unasked = SETTLED_NOT;
	if (sock->life != SOCK_LIVE) {
		if (sock->state == SOCKET_CONNECTING)
			sock->state = SOCKET_UNCONNECTED;
		return;
	}
	take_along(sw, sock);
	if (sock->state == SOCKET_CONNECTING && sw->rules == COUNT_SOCKTEST)
		sock_count(sock, COUNTER_PENDING, 1);
}

void sock_reset_all(struct switchboard *sw)
{
	struct sock *sock, *next;

	for (struct stat_entry *entry = sw->stats; entry; entry = entry->hh.next)
		entry->stat = (struct sockstat){.cookie = entry->stat.cookie};
	sw->period++;
	DL_FOREACH_SAFE(sw->open, sock, next)
	{
		begin_anew(sw, sock);
		if (sock->life == SOCK_LIVE) {
			count_inflight(sock, 1);
			continue;
		}
		DL_DELETE(sw->open, sock);
		sock_drop(sw, sock);
	}
	DL_FOREACH(sw->closed, sock)
	begin_anew(sw, sock);
	drop_all(sw, &sw->closed);
	sw->closed_count = 0;
	forgotten_clear(&sw->forgotten);
}

void sock_free_all(struct switchboard *sw)
{
	struct stat_entry *entry, *next;

	drop_all(sw, &sw->open);
	drop_all(sw, &sw->closed);
	forgotten_clear(&sw->forgotten);
	HASH_ITER(hh, sw->stats, entry, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(sw->stats, entry);
		free(entry);
	}
}
