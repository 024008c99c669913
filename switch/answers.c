#include "switch/answers.h"

#include <errno.h>
#include <sys/socket.h>

/* They count nowhere else. */
static void count_injected(struct switchboard *sw, const struct call_state *state)
{
	const struct call *call = &state->call;
	struct sockstat *stat;

	if (state->sock)
		stat = state->sock->stat;
	else if (sw->rules == COUNT_GO)
		stat = stat_of(sw, cookie_raw(call->family, call->type, call->protocol));
	else
		stat = stat_of(sw, cookie_canonical(call->family, call->type, call->protocol));
	stat->injected[call->kind]++;
}

static bool asks_so_error(const struct call *call)
{
	return call->kind == CALL_GETSOCKOPT && call->level == SOL_SOCKET &&
	       call->optname == SO_ERROR;
}

/* A connect of it takes a while, and the tracer can have it fail later (trace/answer.c). */
static bool can_be_async(const struct call_state *state)
{
	const socket_cookie cookie = state->sock->canonical;
	const int family = cookie_family(cookie);

	return state->call.nonblock && (family == AF_INET || family == AF_INET6) &&
	       cookie_type(cookie) == SOCK_STREAM;
}

static void give(struct switchboard *sw, const struct call_state *state, enum answer answer,
	struct verdict *verdict)
{
	verdict->answer = answer;
	switch (answer) {
	case ANSWER_CANCEL:
		count_injected(sw, state);
		verdict->action = VERDICT_CANCEL;
		break;
	case ANSWER_ASK:
		verdict->action = VERDICT_ASK;
		break;
	default:
		verdict->action = VERDICT_WATCH;
	}
}

static bool ask_filters(struct switchboard *sw, struct call_state *state,
	const struct address *local, const struct address *peer, struct verdict *verdict)
{
	const struct call *call = &state->call;
	const struct sock *sock = state->sock;
	struct filter_decision decision;

	if (!sw->filters || call->kind >= CALL_FILTERABLE)
		return false;
	if (call->kind != CALL_SOCKET && !sock)
		return false;
	const struct filter_subject subject = {
		.caller = &call->caller,
		.syscall = call->name,
		.cookie = sock ? sock->canonical
			       : cookie_canonical(call->family, call->type, call->protocol),
		.fd = call->fd,
		.asks_so_error = asks_so_error(call),
		.local = local,
		.peer = peer,
	};
	filters_decide(sw->filters, call->kind, &subject, &decision);
	verdict->delay_ns = decision.delay_ns;
	verdict->filter = state->filter = decision.filter;
	verdict->error = decision.error;
	if (decision.answer == ANSWER_NONE)
		return false;
	if (decision.answer == ANSWER_ASYNC && !can_be_async(state))
		decision.answer = ANSWER_CANCEL;
	give(sw, state, decision.answer, verdict);
	return true;
}

/* It counted when it was promised. */
static void keep_promise(struct call_state *state, enum answer answer, struct verdict *verdict)
{
	verdict->action = VERDICT_WATCH;
	verdict->answer = answer;
	verdict->error = state->sock->promise.error;
	verdict->filter = state->sock->promise.filter;
	state->promised = true;
}

static bool promised_so_error(struct call_state *state, struct verdict *verdict)
{
	if (!state->sock || !state->sock->promise.error || !asks_so_error(&state->call))
		return false;
	keep_promise(state, ANSWER_SO_ERROR, verdict);
	return true;
}

bool answers_before(struct switchboard *sw, struct call_state *state, const struct address *local,
	const struct address *peer, struct verdict *verdict)
{
	const struct call *call = &state->call;
	struct sock *const sock = state->sock;

	/* Another connect only asks how the first one ended; it is not for the filters. */
	if (call->kind == CALL_CONNECT && sock && sock->promise.error && !call_disconnects(call)) {
		keep_promise(state, ANSWER_AFTER, verdict);
		return true;
	}
	return ask_filters(sw, state, local, peer, verdict) || promised_so_error(state, verdict);
}

bool answers_reply(struct switchboard *sw, struct call_state *state, const struct reply *reply,
	struct verdict *verdict)
{
	if (__builtin_add_overflow(verdict->delay_ns, reply->delay_ns, &verdict->delay_ns))
		verdict->delay_ns = UINT64_MAX;
	verdict->error = reply->error;
	verdict->answer = ANSWER_NONE;
	if (reply->answer == ANSWER_NONE)
		return promised_so_error(state, verdict);
	give(sw, state, reply->answer, verdict);
	return true;
}

/* The program was told that the connect failed; what became of it at the kernel? */
static void after_connect(
	struct switchboard *sw, const struct call_state *state, const struct result *result)
{
	struct sock *const sock = state->sock;
	const int error = (int)-result->value;

	if (state->promised) {
		sock->promise.error = 0;
		return;
	}
	if (result->answer == ANSWER_ASYNC) {
		sock->err = EINPROGRESS;
		sock->promise.error = result->error;
		sock->promise.filter = state->filter;
	}
	if (error == 0 || error == EINPROGRESS || error == EINTR)
		address_replace(&sock->peer, state->call.address);
	if (error == 0 && call_disconnects(&state->call))
		sock_connect_ends(sw, sock, SOCKET_UNCONNECTED);
	else if (error == 0 || (error == EISCONN && sock->state == SOCKET_CONNECTING))
		sock_connect_ends(sw, sock, SOCKET_CONNECTED);
	else if (sock->state == SOCKET_CONNECTING && error != EALREADY && error != EINPROGRESS &&
		 error != EINTR)
		sock_connect_ends(sw, sock, SOCKET_UNCONNECTED);
}

static void after_so_error(struct switchboard *sw, struct sock *sock, const struct result *result)
{
	const bool connected = result->so_error == 0 || result->so_error == EISCONN;

	sock->err = 0;
	sock->socket_err = result->error;
	sock->promise.error = 0;
	if (sock->state == SOCKET_CONNECTING)
		sock_connect_ends(sw, sock, connected ? SOCKET_CONNECTED : SOCKET_UNCONNECTED);
}

void answers_after(struct switchboard *sw, struct fdtable *table, struct call_state *state,
	const struct result *result)
{
	struct sock *const sock = state->sock;

	if (!state->promised)
		count_injected(sw, state);
	if (!sock)
		return;
	sock->err = result->error;
	if (state->call.kind == CALL_CONNECT)
		after_connect(sw, state, result);
	else if (result->answer == ANSWER_SO_ERROR)
		after_so_error(sw, sock, result);
	else if (state->call.kind == CALL_LISTEN && result->value == 0)
		sock->state = SOCKET_LISTENING;
	else if (state->call.kind == CALL_CLOSE && !result->kept)
		sock_unbind_serial(sw, table, state->call.fd, state->serial);
}
