/* Descriptor tables and the kernel's word on them. */
#include "switch/switch.h"

#include <stdlib.h>
#include <string.h>

#include "switch/sock.h"

void switch_adopt(struct switchboard *sw, struct fdtable *table, int fd,
	const struct sock_description *description, const struct caller *by, uint64_t now_ns)
{
	const struct fdslot slot = fdtable_get(table, fd);
	struct sock *sock = sock_find(sw, description->inode);
	const bool known = sock != NULL;
	bool recalled = false;

	if (sock && slot.sock == sock)
		return;
	if (!known) {
		const socket_cookie cookie =
			cookie_raw(description->family, description->type, description->protocol);
		sock = sock_new(sw, SOCK_ADOPTED, description->inode);
		sock_set_cookie(sw, sock, cookie, cookie);
		sock_set_counted(sock, sw->rules == COUNT_SOCKTEST);
		sock->state = description->state;
		address_replace(&sock->local, description->local);
		address_replace(&sock->peer, description->peer);
		sock->opened_by.pid = by->pid;
		sock->opened_by.tid = by->tid;
		sock->opened_by.time_ns = now_ns;
		sock->holder.pid = by->pid;
		recalled = sock_recall(sw, sock);
		if (recalled)
			sock->origin = SOCK_OPENED; /* or accepted: in any case it counts as that */
		sock_count(sock, COUNTER_ADOPTED, recalled ? 0 : 1);
		sock_count(sock, COUNTER_PENDING, !recalled && sock->state == SOCKET_CONNECTING);
	}
	sock_bind(sw, table, fd, sock, false);
	if (!known)
		sock_turns(sw, sock, recalled ? SOCK_TURN_BACK : SOCK_TURN_ADOPTED);
}

bool switch_adopted_in_doubt(const struct switchboard *sw)
{
	return sw->adopted_in_doubt;
}

bool switch_knows(const struct switchboard *sw, uint64_t inode)
{
	return sock_find(sw, inode) != NULL;
}

void switch_settle(
	struct switchboard *sw, const struct fdtable *table, int fd, enum socket_state state)
{
	struct sock *sock = fdtable_get(table, fd).sock;

	if (sock && sock->state == SOCKET_CONNECTING && state != SOCKET_CONNECTING) {
		sock_settle(sw, sock, state);
		sock->settled_unasked =
			state == SOCKET_CONNECTED ? SETTLED_CONNECTED : SETTLED_FAILED;
		sock_turns(sw, sock,
			state == SOCKET_CONNECTED ? SOCK_TURN_CONNECTED : SOCK_TURN_REFUSED);
	}
}

void switch_gone(struct switchboard *sw, struct fdtable *table, int fd)
{
	sock_unbind(sw, table, fd);
}

/* With the same serial: the copy of a binding that is older than a call is older than it, too. */
static void share_slot(struct fdtable *copy, int fd, struct fdslot slot)
{
	slot.returned = false;
	slot.sock->descriptors++;
	fdtable_bind(copy, fd, &slot);
}

struct fdtable *switch_table_copy(struct switchboard *sw, const struct fdtable *table)
{
	struct fdtable *copy = fdtable_new();

	(void)sw;
	if (!copy)
		abort();
	for (int fd = -1; (fd = fdtable_next(table, fd + 1)) >= 0;)
		share_slot(copy, fd, fdtable_get(table, fd));
	return copy;
}

void switch_leave(
	struct switchboard *sw, struct fdtable *table, int fd, const struct holder *holder)
{
	struct sock *const sock = fdtable_get(table, fd).sock;

	if (!sock)
		return;
	fdtable_unbind(table, fd);
	if (--sock->descriptors > 0)
		return;
	sock->life = SOCK_LEFT;
	sock->holder.fd = fd;
	sock->holder.pid = holder->pid;
	free(sock->holder.command);
	sock->holder.command = strdup(holder->command);
	sock_turns(sw, sock, SOCK_TURN_LEFT);
}

void switch_table_release(
	struct switchboard *sw, struct fdtable *table, const struct holder *holder)
{
	if (fdtable_users(table) == 1)
		for (int fd; (fd = fdtable_next(table, 0)) >= 0;)
			switch_leave(sw, table, fd, holder);
	fdtable_leave(table);
}

void switch_set_addresses(struct switchboard *sw, const struct fdtable *table, int fd,
	const struct address *local, const struct address *peer)
{
	struct sock *sock = fdtable_get(table, fd).sock;

	(void)sw;
	if (!sock)
		return;
	address_replace(&sock->local, local);
	address_replace(&sock->peer, peer);
}

bool switch_is_last(const struct fdtable *table, int fd)
{
	const struct sock *sock = fdtable_get(table, fd).sock;

	return sock && sock->descriptors == 1;
}

bool switch_passes_descriptors(const struct switchboard *sw)
{
	return sw->passes_descriptors;
}

void switch_set_inode(struct switchboard *sw, const struct fdtable *table, int fd, uint64_t inode)
{
	struct sock *sock = fdtable_get(table, fd).sock;

	if (sock && !sock->inode && !sock_find(sw, inode))
		sock_set_inode(sw, sock, inode);
}

uint64_t switch_inode(const struct fdtable *table, int fd)
{
	const struct sock *sock = fdtable_get(table, fd).sock;

	return sock ? sock->inode : 0;
}

struct sock_view switch_view(const struct fdtable *table, int fd)
{
	const struct sock *sock = fdtable_get(table, fd).sock;

	if (!sock)
		return (struct sock_view){0};
	return (struct sock_view){
		.id = sock->id,
		.cookie = sock->cookie,
		.state = sock->state,
		.local = sock->local,
		.peer = sock->peer,
	};
}
