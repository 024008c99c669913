/* By the rules of --count=socktest. */
#include "report/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uthash.h>

#include "report/event.h"
#include "switch/names.h"

/* An open socket. */
struct life {
	uint64_t id, opened_ns;
	bool adopted;
	bool told; /* SO_ERROR said that the connect is done, and was counted for it */
	enum { SETTLED_NOT, SETTLED_CONNECTED, SETTLED_FAILED } unasked; /* what no call told yet */
	json_int_t stack; /* of the call that opened it; 0: not known */
	struct socket_row row;
	UT_hash_handle hh;
};

/* A line that tells of a stack. */
struct known_stack {
	json_int_t id;
	json_t *line;
	UT_hash_handle hh;
};

struct replay {
	struct merge counted; /* only its counters and filters are used */
	struct life *lives;
	struct known_stack *stacks;
	uint64_t turned; /* the socket of the last turn */
	size_t events;
	uint64_t time_ns;
};

struct replay *replay_new(void)
{
	return calloc(1, sizeof(struct replay));
}

static void forget(struct replay *replay, struct life *life)
{
	HASH_DEL(replay->lives, life);
	free(life->row.local);
	free(life->row.peer);
	free(life);
}

static void forget_stacks(struct replay *replay)
{
	struct known_stack *stack = replay->stacks, *next;

	HASH_CLEAR(hh, replay->stacks);
	for (; stack; stack = next) {
		next = stack->hh.next;
		json_decref(stack->line);
		free(stack);
	}
}

void replay_free(struct replay *replay)
{
	struct life *life;

	if (!replay)
		return;
	while ((life = replay->lives))
		forget(replay, life);
	forget_stacks(replay);
	merge_clear(&replay->counted);
	free(replay);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static struct life *find(struct replay *replay, uint64_t id)
{
	struct life *life;

	HASH_FIND(hh, replay->lives, &id, sizeof(id), life);
	return life;
}

static void add_to(struct replay *replay, socket_cookie cookie, enum counter counter, int by)
{
	struct sockstat *const stat = merge_stat(&replay->counted, cookie);

	if (stat)
		stat->count[counter] += (uint64_t)by;
}

/* ---- turns ---- */

/* Not copied, because there is no end to the sockets of a recording. */
static const char *call_name(const char *text)
{
	static const char *const names[] = {"socket", "socketpair", "accept", "accept4"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(text, names[i]) == 0)
			return names[i];
	return "";
}

static void set_opener(struct life *life, const json_t *line)
{
	const json_t *const opened_by = json_object_get(line, "opened_by");

	life->row.opened_by.call = call_name(text_of(opened_by, "call"));
	life->row.opened_by.pid = (pid_t)number_of(opened_by, "pid");
	life->row.opened_by.tid = (pid_t)number_of(opened_by, "tid");
	life->stack = number_of(opened_by, "stack");
}

static struct life *begin_life(struct replay *replay, const json_t *line, uint64_t id)
{
	struct life *const life = calloc(1, sizeof(*life));

	if (!life) {
		replay->counted.no_memory = true;
		return NULL;
	}
	life->id = id;
	life->opened_ns = replay->time_ns;
	life->row.cookie = strtoull(text_of(line, "cookie"), NULL, 16);
	HASH_ADD(hh, replay->lives, id, sizeof(life->id), life);
	return life;
}

static void count_turn(struct replay *replay, struct life *life, const char *change, bool known)
{
	const socket_cookie cookie = life->row.cookie;
	const bool accepted = strcmp(change, "accepted") == 0;

	if (strcmp(change, "back") == 0) {
		add_to(replay, cookie, COUNTER_CLOSED, known ? 0 : -1);
	} else if (strcmp(change, "adopted") == 0) {
		life->adopted = true;
		add_to(replay, cookie, COUNTER_ADOPTED, 1);
	} else if (strcmp(change, "connected") == 0 || strcmp(change, "refused") == 0) {
		const bool connected = *change == 'c';

		add_to(replay, cookie, connected ? COUNTER_CONNECTED : COUNTER_CONNECT_FAILED, 1);
		life->row.state = connected ? SOCKET_CONNECTED : SOCKET_UNCONNECTED;
		life->unasked = connected ? SETTLED_CONNECTED : SETTLED_FAILED;
	} else if (accepted || strcmp(change, "opened") == 0) {
		add_to(replay, cookie, COUNTER_ADOPTED, life->adopted ? -1 : 0);
		add_to(replay, cookie, accepted ? COUNTER_ACCEPTED : COUNTER_OPENED, 1);
		life->adopted = false;
		if (accepted || strcmp(life->row.opened_by.call, "socketpair") == 0)
			life->row.state = SOCKET_CONNECTED;
	}
}

static void set_command(struct life *life, const json_t *line)
{
	char *const command = merge_bytes(json_object_get(line, "command"));

	snprintf(life->row.command, sizeof(life->row.command), "%s", command ? command : "");
	free(command);
}

static void take_turn(struct replay *replay, const json_t *line)
{
	const uint64_t id = (uint64_t)number_of(line, "socket");
	const char *const change = text_of(line, "change");
	struct life *life = find(replay, id);
	const bool known = life != NULL;

	if (!known)
		life = begin_life(replay, line, id);
	if (!life)
		return;
	life->row.pid = (pid_t)number_of(line, "pid");
	life->row.fd = (int)number_of(line, "fd");
	set_opener(life, line);
	replay->turned = id;
	if (strcmp(change, "closed") == 0) {
		add_to(replay, life->row.cookie, COUNTER_CLOSED, 1);
		add_to(replay, life->row.cookie, COUNTER_PENDING,
			life->row.state == SOCKET_CONNECTING);
		forget(replay, life);
	} else if (strcmp(change, "left") == 0) {
		set_command(life, line);
	} else {
		count_turn(replay, life, change, known);
	}
}

/* ---- calls ---- */

/* A call, and what of its socket is known: no life where it is closed by now. */
struct deed {
	enum call_kind kind;
	const json_t *args;
	socket_cookie cookie;
	struct life *life;
	int error; /* 0: it succeeded */
};

static bool is_pending(const struct deed *deed)
{
	return deed->life && deed->life->row.state == SOCKET_CONNECTING;
}

static void move(const struct deed *deed, enum socket_state state)
{
	if (deed->life)
		deed->life->row.state = state;
}

static void set_address(struct address **to, const json_t *args, const char *key)
{
	struct address *const address = address_parse(text_of(args, key));

	if (!address)
		return;
	free(*to);
	*to = address;
}

/* The program is told after all how its connect ended: that is what counts. */
static void unsettle(struct replay *replay, const struct deed *deed)
{
	struct life *const life = deed->life;

	if (!life || !life->unasked)
		return;
	add_to(replay, deed->cookie,
		life->unasked == SETTLED_CONNECTED ? COUNTER_CONNECTED : COUNTER_CONNECT_FAILED,
		-1);
	life->unasked = SETTLED_NOT;
	life->row.state = SOCKET_CONNECTING;
}

static bool disconnects(const struct deed *deed)
{
	struct address *const address = address_parse(text_of(deed->args, "address"));
	const bool is_unspec = address && address_family(address) == AF_UNSPEC;

	free(address);
	return is_unspec;
}

/* It does not tell how the connect before it ended. */
static void take_disconnect(struct replay *replay, const struct deed *deed)
{
	add_to(replay, deed->cookie, deed->error ? COUNTER_CONNECT_FAILED : COUNTER_CONNECTED, 1);
	if (!deed->life)
		return;
	deed->life->unasked = SETTLED_NOT;
	if (deed->error)
		return;
	free(deed->life->row.peer);
	deed->life->row.peer = NULL;
	move(deed, SOCKET_UNCONNECTED);
}

static void take_connect(struct replay *replay, const struct deed *deed)
{
	const bool told = deed->life && deed->life->told;

	if (deed->life)
		deed->life->told = false;
	if (disconnects(deed))
		return take_disconnect(replay, deed);
	unsettle(replay, deed);

	const int error = deed->error == EISCONN && is_pending(deed) ? 0 : deed->error;

	if (deed->life && (!deed->error || error == EINPROGRESS || error == EINTR))
		set_address(&deed->life->row.peer, deed->args, "address");
	switch (error) {
	case 0:
		add_to(replay, deed->cookie, COUNTER_CONNECTED, told ? 0 : 1);
		move(deed, SOCKET_CONNECTED);
		break;
	case EINTR:
		add_to(replay, deed->cookie, COUNTER_INTERRUPTED, 1);
		if (cookie_family(deed->cookie) != AF_UNIX)
			move(deed, SOCKET_CONNECTING);
		break;
	case EINPROGRESS:
		move(deed, SOCKET_CONNECTING);
		break;
	case EALREADY:
		break;
	default:
		add_to(replay, deed->cookie, COUNTER_CONNECT_FAILED, 1);
		if (is_pending(deed) && error != EFAULT && error != EINVAL)
			move(deed, SOCKET_UNCONNECTED);
	}
}

static void take_listen(struct replay *replay, const struct deed *deed)
{
	add_to(replay, deed->cookie, deed->error ? COUNTER_LISTEN_FAILED : COUNTER_LISTENED, 1);
	if (!deed->error)
		move(deed, SOCKET_LISTENING);
}

/* One that was accepted counts by its turn. */
static void take_accept(struct replay *replay, const struct deed *deed)
{
	if (deed->error)
		add_to(replay, deed->cookie,
			deed->error == EAGAIN  ? COUNTER_WOULD_BLOCK
			: deed->error == EINTR ? COUNTER_INTERRUPTED
					       : COUNTER_ACCEPT_FAILED,
			1);
}

static void take_so_error(struct replay *replay, const struct deed *deed)
{
	const json_t *const text = json_object_get(deed->args, "so_error");

	if (!deed->life || !text)
		return;

	const int error = errno_parse(text_of(deed->args, "so_error"));
	const char *const connect = text_of(deed->args, "connect");
	const bool early = strcmp(connect, event_connect(SO_ERROR_EARLY)) == 0;
	const bool late = strcmp(connect, event_connect(SO_ERROR_LATE)) == 0;
	const bool connected = (error <= 0 && !late) || error == EISCONN;

	deed->life->row.socket_err = error > 0 ? error : 0;
	if (early || (error <= 0 && deed->life->unasked == SETTLED_FAILED))
		return;
	unsettle(replay, deed);
	if (!is_pending(deed))
		return;
	add_to(replay, deed->cookie, connected ? COUNTER_CONNECTED : COUNTER_CONNECT_FAILED, 1);
	move(deed, connected ? SOCKET_CONNECTED : SOCKET_UNCONNECTED);
	deed->life->told = connected;
}

static void take_close(struct replay *replay, const struct deed *deed)
{
	if (deed->error)
		add_to(replay, deed->cookie,
			deed->error == EINTR ? COUNTER_INTERRUPTED : COUNTER_CLOSE_FAILED, 1);
}

static void take_bind(struct replay *replay, const struct deed *deed)
{
	(void)replay;
	if (deed->life && !deed->error)
		set_address(&deed->life->row.local, deed->args, "address");
}

static void take_open(struct replay *replay, const struct deed *deed)
{
	if (deed->error)
		add_to(replay, deed->cookie, COUNTER_OPEN_FAILED, 1);
}

static int errno_of(const json_t *object, const char *key)
{
	const int error = errno_parse(text_of(object, key));

	return error > 0 ? error : 0;
}

static void answered_connect(const struct deed *deed, int kernel_error)
{
	const bool goes_on = kernel_error == EINPROGRESS || kernel_error == EINTR;

	if (!kernel_error || goes_on)
		set_address(&deed->life->row.peer, deed->args, "address");
	if (!kernel_error || (kernel_error == EISCONN && is_pending(deed)))
		move(deed, SOCKET_CONNECTED);
	else if (is_pending(deed) && !goes_on && kernel_error != EALREADY)
		move(deed, SOCKET_UNCONNECTED);
}

/*
 * A filter's errno took the place of the kernel's, which still tells what became of the socket. A
 * promised one was counted with the connect that promised it.
 */
static void take_answered(struct replay *replay, const struct deed *deed, const json_t *line)
{
	const bool promised = json_is_true(json_object_get(line, "promised"));
	const int kernel_error = errno_of(line, "kernel_error");
	struct sockstat *const stat = promised ? NULL : merge_stat(&replay->counted, deed->cookie);

	if (stat && deed->kind < CALL_FILTERABLE)
		stat->injected[deed->kind]++;
	if (!deed->life || !json_is_string(json_object_get(line, "kernel_error")))
		return;
	deed->life->row.err = deed->error;
	if (deed->kind == CALL_CONNECT && !promised)
		answered_connect(deed, kernel_error);
	if (deed->kind == CALL_LISTEN && !kernel_error)
		move(deed, SOCKET_LISTENING);
	if (deed->kind == CALL_GETSOCKOPT && !deed->error) {
		deed->life->row.socket_err = errno_of(deed->args, "so_error");
		if (is_pending(deed))
			move(deed, !kernel_error || kernel_error == EISCONN ? SOCKET_CONNECTED
									    : SOCKET_UNCONNECTED);
	}
}

static const struct deed_row {
	const char *call; /* or what its name begins with: accept4 */
	enum call_kind kind;
	void (*take)(struct replay *replay, const struct deed *deed);
} deed_rows[] = {
	{"socketpair", CALL_SOCKETPAIR, take_open},
	{"socket", CALL_SOCKET, take_open},
	{"connect", CALL_CONNECT, take_connect},
	{"listen", CALL_LISTEN, take_listen},
	{"accept", CALL_ACCEPT, take_accept},
	{"getsockopt", CALL_GETSOCKOPT, take_so_error},
	{"close_range", CALL_CLOSE_RANGE, NULL},
	{"close", CALL_CLOSE, take_close},
	{"bind", CALL_BIND, take_bind},
};

static const struct deed_row *find_row(const char *call)
{
	for (size_t i = 0; i < sizeof(deed_rows) / sizeof(*deed_rows); i++)
		if (strncmp(call, deed_rows[i].call, strlen(deed_rows[i].call)) == 0)
			return &deed_rows[i];
	return NULL;
}

/* A name, or a number where it has none. */
static int field(const json_t *args, const char *key, int (*parse)(const char *text))
{
	const json_t *const value = json_object_get(args, key);

	return json_is_integer(value) ? (int)json_integer_value(value) : parse(text_of(args, key));
}

static socket_cookie cookie_of(const json_t *line, const json_t *args)
{
	if (json_is_string(json_object_get(line, "cookie")))
		return strtoull(text_of(line, "cookie"), NULL, 16);
	return cookie_canonical(field(args, "family", cookie_family_parse),
		field(args, "type", cookie_type_parse),
		field(args, "protocol", cookie_protocol_parse));
}

/* What it gives to the socket that it made, and which its turn did not tell. */
static void complete_new(struct replay *replay, const json_t *line, const struct deed *deed)
{
	struct life *const life = find(replay, replay->turned);

	if (deed->error || !life || life->row.opened_by.tid != number_of(line, "tid"))
		return;
	set_command(life, line);
	if (deed->kind == CALL_ACCEPT)
		set_address(&life->row.peer, deed->args, "peer");
}

static void take_filter(struct replay *replay, const json_t *line)
{
	char *const option = merge_bytes(json_object_get(line, "filter"));

	if (option && *option && !json_is_true(json_object_get(line, "promised")))
		merge_filter(&replay->counted, option, 1, 1);
	free(option);
}

static void take_call(struct replay *replay, const json_t *line)
{
	const struct deed_row *const row = find_row(text_of(line, "call"));
	struct deed deed = {
		.args = json_object_get(line, "args"),
		.life = find(replay, (uint64_t)number_of(line, "socket")),
	};

	take_filter(replay, line);
	if (!row || !row->take || !json_is_integer(json_object_get(line, "result")))
		return;
	deed.kind = row->kind;
	deed.cookie = cookie_of(line, deed.args);
	deed.error = errno_of(line, "error");
	if (json_is_true(json_object_get(line, "injected"))) {
		take_answered(replay, &deed, line);
		return;
	}
	/* Another thread had closed the descriptor. */
	if (deed.error == EBADF || (!deed.life && deed.kind == CALL_GETSOCKOPT))
		return;
	if (deed.life) {
		deed.life->row.err = deed.error;
		set_command(deed.life, line);
	}
	row->take(replay, &deed);
	complete_new(replay, line, &deed);
}

static void take_stack(struct replay *replay, const json_t *line)
{
	const json_int_t id = number_of(line, "stack");
	struct known_stack *stack;

	HASH_FIND(hh, replay->stacks, &id, sizeof(id), stack);
	if (!stack) {
		stack = calloc(1, sizeof(*stack));
		if (!stack) {
			replay->counted.no_memory = true;
			return;
		}
		stack->id = id;
		HASH_ADD(hh, replay->stacks, id, sizeof(stack->id), stack);
	}
	json_decref(stack->line);
	stack->line = json_deep_copy(line);
}

bool replay_take(struct replay *replay, const json_t *line)
{
	const char *const event = text_of(line, "event");

	if (!json_is_integer(json_object_get(line, "time_ns")))
		return false;
	replay->time_ns = (uint64_t)number_of(line, "time_ns");
	if (strcmp(event, "socket") == 0)
		take_turn(replay, line);
	else if (strcmp(event, "call") == 0)
		take_call(replay, line);
	else if (strcmp(event, "stack") == 0)
		take_stack(replay, line);
	else
		return false;
	replay->events++;
	return true;
}

size_t replay_events(const struct replay *replay)
{
	return replay->events;
}

uint64_t replay_time_ns(const struct replay *replay)
{
	return replay->time_ns;
}

/* ---- the end ---- */

static int by_id(const struct life *a, const struct life *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

static uint32_t stack_of(const struct replay *replay, const struct life *life, struct merge *merge)
{
	const struct known_stack *stack;

	HASH_FIND(hh, replay->stacks, &life->stack, sizeof(life->stack), stack);
	return stack ? merge_stack(merge, json_object_get(stack->line, "frames"),
			       json_object_get(stack->line, "end"))
		     : 0;
}

static void merge_lives(struct replay *replay, struct merge *merge)
{
	struct life *life;

	HASH_SORT(replay->lives, by_id);
	while ((life = replay->lives)) {
		struct socket_row *const row = &life->row;

		add_to(replay, row->cookie, COUNTER_INFLIGHT, 1);
		add_to(replay, row->cookie, COUNTER_PENDING, row->state == SOCKET_CONNECTING);
		row->opened_by.age_ns = replay->time_ns - life->opened_ns;
		row->opened_by.stack = stack_of(replay, life, merge);
		merge_socket(merge, row);
		row->local = row->peer = NULL; /* taken over */
		forget(replay, life);
	}
}

void replay_merge(struct replay *replay, struct merge *merge)
{
	const struct merge *const counted = &replay->counted;

	merge_lives(replay, merge);
	for (size_t i = 0; i < counted->snapshot.stats_count; i++) {
		const struct sockstat *const from = &counted->snapshot.stats[i];
		struct sockstat *const to = merge_stat(merge, from->cookie);

		for (unsigned counter = 0; to && counter < COUNTER_MAX; counter++)
			to->count[counter] += from->count[counter];
		for (unsigned kind = 0; to && kind < CALL_FILTERABLE; kind++)
			to->injected[kind] += from->injected[kind];
	}
	for (size_t i = 0; i < counted->report.filters_count; i++)
		merge_filter(merge, counted->filters[i].option, counted->filters[i].matched,
			counted->filters[i].fired);
	merge->no_memory |= counted->no_memory;
}
