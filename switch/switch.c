/* What each call means: the rules of counting. */
#include "switch/switch.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "switch/answers.h"
#include "switch/sock.h"

struct switchboard *switch_new(enum count_rules rules, struct filters *filters)
{
	struct switchboard *sw = calloc(1, sizeof(*sw));

	if (sw) {
		sw->rules = rules;
		sw->filters = filters;
	}
	return sw;
}

void switch_free(struct switchboard *sw)
{
	if (!sw)
		return;
	sock_free_all(sw);
	free(sw);
}

void switch_reset(struct switchboard *sw)
{
	sock_reset_all(sw);
}

void switch_observe(struct switchboard *sw,
	void (*observe)(void *context, const struct sock_change *change), void *context)
{
	sw->observe = observe;
	sw->observe_context = context;
}

struct filters *switch_filters(const struct switchboard *sw)
{
	return sw->filters;
}

void switch_thread_ended(struct switchboard *sw, pid_t tid)
{
	if (sw->filters)
		filters_thread_ended(sw->filters, tid);
}

void switch_thread_renamed(struct switchboard *sw, pid_t from, pid_t to)
{
	if (sw->filters)
		filters_thread_renamed(sw->filters, from, to);
}

static void unbind_older(struct switchboard *sw, struct fdtable *table, int fd, uint64_t fence)
{
	const struct fdslot slot = fdtable_get(table, fd);

	if (slot.sock && slot.serial <= fence)
		sock_unbind(sw, table, fd);
}

/* ---- before a call ---- */

/*
 * Go's package knows a socket by the descriptor that socket or accept returned; others pass it
 * uncounted.
 */
static bool counts(const struct switchboard *sw, const struct call_state *state)
{
	return state->sock && (sw->rules == COUNT_SOCKTEST || state->returned);
}

static void count(
	const struct switchboard *sw, const struct call_state *state, enum counter counter, int by)
{
	if (counts(sw, state))
		sock_count(state->sock, counter, by);
}

static void count_close(struct switchboard *sw, const struct call_state *state)
{
	if (sw->rules == COUNT_GO)
		count(sw, state, COUNTER_CLOSED, 1);
}

static enum verdict_action before_close(
	struct switchboard *sw, struct fdtable *table, struct call_state *state, bool delayed)
{
	if (!state->sock)
		return VERDICT_PASS;
	/*
	 * Another task could close it first, a signal kill this one while it is held, or somebody
	 * else answer the call: the result tells.
	 */
	if (fdtable_users(table) > 1 || delayed || state->call.unsure)
		return VERDICT_WATCH;
	count_close(sw, state);
	state->sock->err = 0;
	sock_unbind(sw, table, state->call.fd);
	return VERDICT_PASS;
}

static enum verdict_action before_dup(const struct fdtable *table, const struct call_state *state)
{
	const int new_fd = state->call.new_fd;

	if (new_fd == state->call.fd)
		return VERDICT_PASS;
	if (!state->sock && !fdtable_get(table, new_fd).sock)
		return VERDICT_PASS;
	return VERDICT_WATCH;
}

static enum verdict_action decide(
	struct switchboard *sw, struct fdtable *table, struct call_state *state, bool delayed)
{
	switch (state->call.kind) {
	case CALL_CLOSE:
		return before_close(sw, table, state, delayed);
	case CALL_DUP:
		return before_dup(table, state);
	case CALL_CONNECT:
	case CALL_LISTEN:
	case CALL_ACCEPT:
	case CALL_BIND:
	case CALL_GETSOCKOPT:
		return state->sock ? VERDICT_WATCH : VERDICT_PASS;
	default:
		return VERDICT_WATCH;
	}
}

/* Whether the state of a call has its socket until more is known of it. */
static bool holds(const struct verdict *verdict)
{
	return verdict->action == VERDICT_WATCH || verdict->action == VERDICT_ASK;
}

struct verdict switch_before(struct switchboard *sw, struct fdtable *table, const struct call *call,
	const struct address *local, const struct address *peer, struct call_state *state)
{
	const struct fdslot slot = fdtable_get(table, call->fd);
	struct verdict verdict = {.filter = -1};

	*state = (struct call_state){
		.call = *call,
		.sock = slot.sock,
		.serial = slot.serial,
		.returned = slot.returned,
		.fence = sw->last_serial,
	};
	if (!answers_before(sw, state, local, peer, &verdict))
		verdict.action = decide(sw, table, state, verdict.delay_ns > 0);
	if (holds(&verdict) && state->sock)
		state->sock->calls++;
	else
		state->sock = NULL;
	return verdict;
}

void switch_reply(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct reply *reply, struct verdict *verdict)
{
	/* Other tasks went on meanwhile. */
	if (!answers_reply(sw, state, reply, verdict))
		verdict->action = decide(sw, table, state, true);
	if (!holds(verdict))
		switch_abandon(sw, state);
}

/* ---- after a call ---- */

static void opened(struct switchboard *sw, struct fdtable *table, const struct call *call,
	struct sock *sock, int fd, uint64_t now_ns)
{
	sock->opened_by.pid = call->caller.pid;
	sock->opened_by.tid = call->caller.tid;
	sock->opened_by.call = call->name;
	sock->opened_by.time_ns = now_ns;
	sock->opened_by.stack = call->caller.stack;
	sock->holder.pid = call->caller.pid;
	sock_set_counted(sock, sw->rules == COUNT_SOCKTEST || call->kind != CALL_SOCKETPAIR);
	sock_bind(sw, table, fd, sock, call->kind != CALL_SOCKETPAIR);
	sock_turns(sw, sock, sock->origin == SOCK_ACCEPTED ? SOCK_TURN_ACCEPTED : SOCK_TURN_OPENED);
}

/*
 * The socket that a call returned: new, but where another task showed it to us first (a fork's
 * child is read before this call's exit is seen), when it was taken for adopted.
 */
static struct sock *returned_sock(struct switchboard *sw, enum sock_origin origin, uint64_t inode)
{
	struct sock *sock = sock_find(sw, inode);
	struct forgotten_socket forgotten;

	if (sock && sock->origin == SOCK_ADOPTED) {
		sock_count(sock, COUNTER_ADOPTED, -1);
		sock->origin = origin;
		return sock;
	}
	if (sock) /* the kernel's 32-bit inode counter came round */
		sock_forget_inode(sw, sock);
	(void)forgotten_take(&sw->forgotten, inode, &forgotten);
	return sock_new(sw, origin, inode);
}

static void after_socket(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result, uint64_t now_ns)
{
	const struct call *call = &state->call;
	const socket_cookie canonical = cookie_canonical(call->family, call->type, call->protocol);
	const socket_cookie raw = cookie_raw(call->family, call->type, call->protocol);

	if (result->value < 0) {
		const bool go = sw->rules == COUNT_GO;
		if (!go || call->kind == CALL_SOCKET)
			stat_of(sw, go ? raw : canonical)->count[COUNTER_OPEN_FAILED]++;
		return;
	}
	const int one[] = {(int)result->value};
	const bool pair = call->kind == CALL_SOCKETPAIR;
	const int *fds = pair ? result->pair : one;
	for (int i = 0; i < (pair ? 2 : 1); i++) {
		if (fds[i] < 0)
			continue;
		struct sock *sock = returned_sock(sw, SOCK_OPENED, result->inode[i]);
		sock_set_cookie(sw, sock, canonical, raw);
		if (pair)
			sock->state = SOCKET_CONNECTED;
		opened(sw, table, call, sock, fds[i], now_ns);
		sock_count(sock, COUNTER_OPENED, 1);
	}
}

static void count_connect_socktest(
	struct switchboard *sw, const struct call_state *state, int error)
{
	struct sock *sock = state->sock;
	const bool pending = sock->state == SOCKET_CONNECTING;
	const bool told = sock->told;

	sock->told = false;
	if (call_disconnects(&state->call)) {
		sock_count(sock, error ? COUNTER_CONNECT_FAILED : COUNTER_CONNECTED, 1);
		return;
	}
	if (error == EISCONN && pending)
		error = 0;
	switch (error) {
	case 0:
		/* The first connect(2) after SO_ERROR only says it once more (net/ipv4/af_inet.c). */
		sock_count(sock, COUNTER_CONNECTED, told ? 0 : 1);
		break;
	case EINPROGRESS:
		sock_connect_begins(sw, state->sock);
		break;
	case EALREADY:
		break;
	case EINTR:
		sock_count(sock, COUNTER_INTERRUPTED, 1);
		/*
		 * connect(2): the connection is established asynchronously; unix(7) has no such
		 * thing.
		 */
		if (cookie_family(sock->canonical) != AF_UNIX)
			sock_connect_begins(sw, state->sock);
		break;
	default:
		sock_count(sock, COUNTER_CONNECT_FAILED, 1);
	}
}

static void count_connect_go(struct switchboard *sw, const struct call_state *state, int error)
{
	count(sw, state, error ? COUNTER_CONNECT_FAILED : COUNTER_CONNECTED, 1);
}

/* Where the connect leaves the socket, whatever the rules of counting. */
static void connect_moves(struct switchboard *sw, const struct call_state *state, int error)
{
	if (error == 0 || error == EINPROGRESS || error == EINTR)
		address_replace(&state->sock->peer, state->call.address);
	if (error == 0 && call_disconnects(&state->call)) {
		state->sock->promise.error = 0;
		free(state->sock->peer);
		state->sock->peer = NULL;
		sock_connect_ends(sw, state->sock, SOCKET_UNCONNECTED);
	} else if (error == 0 || (error == EISCONN && state->sock->state == SOCKET_CONNECTING))
		sock_connect_ends(sw, state->sock, SOCKET_CONNECTED);
	else if (error == EINPROGRESS)
		sock_connect_begins(sw, state->sock);
	else if (error != EALREADY && error != EINTR && error != EFAULT && error != EINVAL &&
		 state->sock->state == SOCKET_CONNECTING)
		sock_connect_ends(sw, state->sock, SOCKET_UNCONNECTED);
}

static void after_connect(
	struct switchboard *sw, struct call_state *state, const struct result *result)
{
	const int error = (int)-result->value;

	state->sock->err = error;
	/* A disconnect does not tell how the connect before it ended. */
	if (call_disconnects(&state->call))
		state->sock->settled_unasked = SETTLED_NOT;
	sock_unsettle(sw, state->sock);
	if (sw->rules == COUNT_GO)
		count_connect_go(sw, state, error);
	else
		count_connect_socktest(sw, state, error);
	connect_moves(sw, state, error);
}

static void after_getsockopt(
	struct switchboard *sw, struct call_state *state, const struct result *result)
{
	const struct call *call = &state->call;
	struct sock *sock = state->sock;

	sock->err = (int)-result->value;
	if (call->level != SOL_SOCKET || call->optname != SO_ERROR || result->value < 0 ||
		result->so_error < 0)
		return;
	sock->socket_err = result->so_error;
	const bool zero = result->so_error == 0;
	if (sw->rules == COUNT_GO && (zero || result->so_error == EISCONN))
		count(sw, state, COUNTER_CONNECTED, 1);
	if (zero && (sock->settled_unasked == SETTLED_FAILED ||
			    result->so_error_truth == SO_ERROR_EARLY))
		return;
	sock_unsettle(sw, sock);
	if (sock->state != SOCKET_CONNECTING)
		return;
	const bool connected =
		(zero && result->so_error_truth != SO_ERROR_LATE) || result->so_error == EISCONN;
	sock_settle(sw, sock, connected ? SOCKET_CONNECTED : SOCKET_UNCONNECTED);
	sock->told = connected;
}

static void after_listen(
	struct switchboard *sw, struct call_state *state, const struct result *result)
{
	state->sock->err = (int)-result->value;
	if (result->value == 0)
		state->sock->state = SOCKET_LISTENING;
	count(sw, state, result->value == 0 ? COUNTER_LISTENED : COUNTER_LISTEN_FAILED, 1);
}

static enum counter accept_counter(const struct switchboard *sw, int error)
{
	if (sw->rules == COUNT_SOCKTEST && error == EAGAIN)
		return COUNTER_WOULD_BLOCK;
	if (sw->rules == COUNT_SOCKTEST && error == EINTR)
		return COUNTER_INTERRUPTED;
	return COUNTER_ACCEPT_FAILED;
}

static void after_accept(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result, uint64_t now_ns)
{
	const struct sock *listener = state->sock;

	state->sock->err = result->value < 0 ? (int)-result->value : 0;
	if (result->value < 0) {
		count(sw, state, accept_counter(sw, state->sock->err), 1);
		return;
	}
	struct sock *sock = returned_sock(sw, SOCK_ACCEPTED, result->inode[0]);
	sock_set_cookie(sw, sock, listener->canonical, listener->cookie);
	sock->state = SOCKET_CONNECTED;
	address_replace(&sock->peer, result->peer);
	opened(sw, table, &state->call, sock, (int)result->value, now_ns);
	sock_set_counted(sock, counts(sw, state) && listener->counted);
	sock_count(sock, COUNTER_ACCEPTED, 1);
}

static void after_bind(struct call_state *state, const struct result *result)
{
	state->sock->err = (int)-result->value;
	if (result->value == 0)
		address_replace(&state->sock->local, state->call.address);
}

static void after_close(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result)
{
	const int error = (int)-result->value;

	state->sock->err = error;
	if (error == EINTR && sw->rules == COUNT_SOCKTEST)
		sock_count(state->sock, COUNTER_INTERRUPTED, 1);
	else if (error)
		count(sw, state, COUNTER_CLOSE_FAILED, 1);
	else if (!result->kept)
		count_close(sw, state);
	/* Whatever close(2) returns, the descriptor is gone on Linux, if the call was made. */
	if (!result->kept)
		sock_unbind_serial(sw, table, state->call.fd, state->serial);
}

static void after_close_range(struct switchboard *sw, struct fdtable *table,
	struct call_state *state, const struct result *result)
{
	const struct call *call = &state->call;
	int fd = call->first > INT32_MAX ? -1 : (int)call->first;

	/* With CLOEXEC they go at the exec, where the kernel is asked. */
	if (result->value < 0 || call->flags & CLOSE_RANGE_CLOEXEC || fd < 0)
		return;
	while ((fd = fdtable_next(table, fd)) >= 0 && (unsigned)fd <= call->last)
		unbind_older(sw, table, fd++, state->fence);
}

static void after_dup(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result)
{
	if (result->value < 0)
		return;
	if (state->sock)
		sock_bind(sw, table, (int)result->value, state->sock, false);
	else
		unbind_older(sw, table, (int)result->value, state->fence);
}

/*
 * Another task closed the descriptor between the call's entry and its run: the call was about no
 * socket.
 */
static bool named_nothing(
	const struct switchboard *sw, const struct call_state *state, const struct result *result)
{
	return result->value == -EBADF && !result->kept && state->sock &&
	       sw->rules == COUNT_SOCKTEST;
}

static void count_after(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result, uint64_t now_ns)
{
	switch (state->call.kind) {
	case CALL_SOCKET:
	case CALL_SOCKETPAIR:
		after_socket(sw, table, state, result, now_ns);
		break;
	case CALL_CONNECT:
		after_connect(sw, state, result);
		break;
	case CALL_LISTEN:
		after_listen(sw, state, result);
		break;
	case CALL_ACCEPT:
		after_accept(sw, table, state, result, now_ns);
		break;
	case CALL_GETSOCKOPT:
		after_getsockopt(sw, state, result);
		break;
	case CALL_BIND:
		after_bind(state, result);
		break;
	case CALL_CLOSE:
		after_close(sw, table, state, result);
		break;
	case CALL_CLOSE_RANGE:
		after_close_range(sw, table, state, result);
		break;
	case CALL_DUP:
		after_dup(sw, table, state, result);
		break;
	default:
		break;
	}
}

void switch_after(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result, uint64_t now_ns)
{
	if (result->answer != ANSWER_NONE)
		answers_after(sw, table, state, result);
	else if (!named_nothing(sw, state, result))
		count_after(sw, table, state, result, now_ns);
	else if (state->call.kind == CALL_CLOSE)
		sock_unbind_serial(sw, table, state->call.fd, state->serial);
	switch_abandon(sw, state);
}

void switch_abandon(struct switchboard *sw, struct call_state *state)
{
	(void)sw;
	if (!state->sock)
		return;
	state->sock->calls--;
	sock_free_unused(state->sock);
	state->sock = NULL;
}
