/*
 * The Switch, driven with made-up calls: what each call counts, what is said of each socket, and
 * the law that holds after every step: opened + accepted + adopted = closed + inflight.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "switch/switch.h"

/* Go's layout, spelt out here on purpose. */
#define COOKIE(family, type, protocol)                                                             \
	((uint64_t)(family) << 48 | (uint64_t)(type) << 16 | (uint64_t)(protocol))
#define TCP     COOKIE(AF_INET, SOCK_STREAM, IPPROTO_TCP)
#define UDP     COOKIE(AF_INET, SOCK_DGRAM, IPPROTO_UDP)
#define MPTCP   COOKIE(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)
#define TCP6    COOKIE(AF_INET6, SOCK_STREAM, IPPROTO_TCP)
#define UNIX    COOKIE(AF_UNIX, SOCK_STREAM, 0)
#define FLAGS   (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define RAW_TCP COOKIE(AF_INET, SOCK_STREAM | FLAGS, 0)

enum { PARENT = 100, OTHER_THREAD = 101, CHILD = 200 };

struct world {
	enum count_rules rules;
	struct filters *filters;
	struct switchboard *sw;
	struct fdtable *table;
	uint64_t now_ns;
	uint64_t inode; /* of the last new socket */
};

/* A call that is under way. */
struct flight {
	struct call call;
	struct call_state state;
};

/* ---- the law and the counters ---- */

/* They are the same where the sockets are not looked at, those that are inflight too. */
static void assert_stats_alone(const struct world *w, const struct snapshot *whole)
{
	struct snapshot alone;

	assert_int_equal(switch_stats(w->sw, &alone), 0);
	assert_int_equal(alone.stats_count, whole->stats_count);
	for (size_t i = 0; i < alone.stats_count; i++) {
		const struct sockstat *stat = &alone.stats[i];
		uint64_t inflight = 0;

		assert_memory_equal(stat, &whole->stats[i], sizeof(*stat));
		for (size_t row = 0; row < whole->sockets_count; row++)
			inflight += whole->sockets[row].cookie == stat->cookie;
		assert_int_equal(stat->count[COUNTER_INFLIGHT], inflight);
	}
	assert_int_equal(alone.sockets_count, 0);
	snapshot_clear(&alone);
}

/* With --count=go some closes are not counted, so only the rows are checked then. */
static void assert_law(const struct world *w)
{
	struct snapshot snapshot;
	uint64_t inflight = 0;

	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	for (size_t i = 0; i < snapshot.stats_count; i++) {
		const uint64_t *count = snapshot.stats[i].count;

		inflight += count[COUNTER_INFLIGHT];
		if (w->rules == COUNT_GO)
			continue;
		assert_int_equal(
			count[COUNTER_OPENED] + count[COUNTER_ACCEPTED] + count[COUNTER_ADOPTED],
			count[COUNTER_CLOSED] + count[COUNTER_INFLIGHT]);
		assert_true(sockstat_law_holds(&snapshot.stats[i]));
	}
	assert_int_equal(snapshot.sockets_count, inflight);
	assert_stats_alone(w, &snapshot);
	snapshot_clear(&snapshot);
}

static void add_text(char *text, size_t size, const char *prefix, const char *name, uint64_t count)
{
	const size_t used = strlen(text);

	if (count)
		snprintf(text + used, size - used, "%s%s%s=%llu", used ? " " : "", prefix, name,
			(unsigned long long)count);
}

/* Every counter of the cookie that is not zero, as "opened=1 inflight=1". */
static const char *counts(const struct world *w, uint64_t cookie)
{
	static char text[1024];
	struct snapshot snapshot;

	text[0] = '\0';
	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	for (size_t i = 0; i < snapshot.stats_count; i++) {
		const struct sockstat *stat = &snapshot.stats[i];

		if (stat->cookie != cookie)
			continue;
#define ADD(id, name) add_text(text, sizeof(text), "", name, stat->count[COUNTER_##id]);
		COUNTERS(ADD)
#undef ADD
		for (enum call_kind kind = 0; kind < CALL_FILTERABLE; kind++)
			add_text(text, sizeof(text), "injected.", call_kind_name(kind),
				stat->injected[kind]);
	}
	snapshot_clear(&snapshot);
	return text;
}

#define assert_counts(w, cookie, text) assert_string_equal(counts(w, cookie), text)

static uint64_t counter(const struct world *w, uint64_t cookie, enum counter which)
{
	struct snapshot snapshot;
	uint64_t value = 0;

	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	for (size_t i = 0; i < snapshot.stats_count; i++)
		if (snapshot.stats[i].cookie == cookie)
			value = snapshot.stats[i].count[which];
	snapshot_clear(&snapshot);
	return value;
}

static void assert_nothing_counted(const struct world *w)
{
	struct snapshot snapshot;

	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	assert_int_equal(snapshot.stats_count, 0);
	assert_int_equal(snapshot.sockets_count, 0);
	snapshot_clear(&snapshot);
}

static size_t inflight_rows(const struct world *w)
{
	struct snapshot snapshot;

	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	const size_t rows = snapshot.sockets_count;
	snapshot_clear(&snapshot);
	return rows;
}

/* What the report says of the only inflight socket; its addresses are gone, see address_of. */
static struct socket_row only_socket(const struct world *w)
{
	struct snapshot snapshot;
	struct socket_row row;

	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	assert_int_equal(snapshot.sockets_count, 1);
	row = snapshot.sockets[0];
	snapshot_clear(&snapshot);
	row.local = row.peer = NULL;
	return row;
}

static const char *state_name(const struct world *w)
{
	return socket_state_name(only_socket(w).state);
}

/* The addresses of the only inflight socket as "local peer". */
static const char *addresses(const struct world *w)
{
	static char text[2 * ADDRESS_TEXT_BYTES + 2];
	char local[ADDRESS_TEXT_BYTES], peer[ADDRESS_TEXT_BYTES];
	struct snapshot snapshot;

	assert_int_equal(switch_snapshot(w->sw, w->now_ns, &snapshot), 0);
	assert_int_equal(snapshot.sockets_count, 1);
	snprintf(text, sizeof(text), "%s %s", address_text(snapshot.sockets[0].local, local),
		address_text(snapshot.sockets[0].peer, peer));
	snapshot_clear(&snapshot);
	return text;
}

/* ---- made-up calls ---- */

static struct call make_call(enum call_kind kind, int fd)
{
	return (struct call){
		.kind = kind,
		.name = call_kind_name(kind),
		.caller = {.pid = PARENT, .tid = PARENT, .comm = "program"},
		.fd = fd,
		.new_fd = -1,
	};
}

static struct result returns(int64_t value)
{
	return (struct result){.value = value, .pair = {-1, -1}, .so_error = -1};
}

static struct flight begin(struct world *w, struct fdtable *table, const struct call *call)
{
	struct flight flight = {.call = *call};
	const struct verdict verdict =
		switch_before(w->sw, table, &flight.call, NULL, NULL, &flight.state);

	assert_int_equal(verdict.action, VERDICT_WATCH);
	assert_law(w);
	return flight;
}

static void end(
	struct world *w, struct fdtable *table, struct flight *flight, const struct result *result)
{
	switch_after(w->sw, table, &flight->state, result, w->now_ns);
	assert_law(w);
}

static void end_value(struct world *w, struct fdtable *table, struct flight *flight, int64_t value)
{
	const struct result result = returns(value);

	end(w, table, flight, &result);
}

/* A whole call that no other interrupts; the program gets the answer of its verdict. */
static struct verdict step(struct world *w, struct fdtable *table, const struct call *call,
	const struct result *result)
{
	struct call_state state;
	struct result given = *result;
	const struct verdict verdict =
		switch_before(w->sw, table, call, NULL, call->address, &state);

	assert_law(w);
	given.answer = verdict.answer;
	given.error = verdict.error;
	if (verdict.action == VERDICT_WATCH)
		switch_after(w->sw, table, &state, &given, w->now_ns);
	assert_law(w);
	return verdict;
}

static struct verdict step_value(
	struct world *w, struct fdtable *table, const struct call *call, int64_t value)
{
	const struct result result = returns(value);

	return step(w, table, call, &result);
}

static struct call socket_call(int family, int type, int protocol)
{
	struct call call = make_call(CALL_SOCKET, -1);

	call.family = family;
	call.type = type;
	call.protocol = protocol;
	return call;
}

static struct verdict open_socket(
	struct world *w, int64_t value, int family, int type, int protocol)
{
	const struct call call = socket_call(family, type, protocol);
	struct result result = returns(value);

	if (value >= 0)
		result.inode[0] = ++w->inode;
	return step(w, w->table, &call, &result);
}

static void open_tcp(struct world *w, int fd)
{
	open_socket(w, fd, AF_INET, SOCK_STREAM, 0);
}

static void open_raw_tcp(struct world *w, int fd)
{
	open_socket(w, fd, AF_INET, SOCK_STREAM | FLAGS, 0);
}

static void open_pair(struct world *w, int first, int second)
{
	struct call call = make_call(CALL_SOCKETPAIR, -1);
	struct result result = returns(0);

	call.family = AF_UNIX;
	call.type = SOCK_STREAM | SOCK_CLOEXEC;
	result.pair[0] = first;
	result.pair[1] = second;
	result.inode[0] = ++w->inode;
	result.inode[1] = ++w->inode;
	step(w, w->table, &call, &result);
}

static struct verdict connect_result(struct world *w, int fd, int64_t value)
{
	const struct call call = make_call(CALL_CONNECT, fd);

	return step_value(w, w->table, &call, value);
}

/* One whose connect has begun, and has not ended. */
static void open_pending(struct world *w, int fd)
{
	open_tcp(w, fd);
	(void)connect_result(w, fd, -EINPROGRESS);
}

static struct address *inet_address(const char *host, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct address *address;

	assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
	address = address_new(&in, sizeof(in));
	assert_non_null(address);
	return address;
}

static struct verdict connect_to(
	struct world *w, int fd, const char *host, uint16_t port, int64_t value)
{
	struct address *address = inet_address(host, port);
	struct call call = make_call(CALL_CONNECT, fd);
	struct verdict verdict;

	call.address = address;
	verdict = step_value(w, w->table, &call, value);
	free(address);
	return verdict;
}

static struct verdict listen_result(struct world *w, int fd, int64_t value)
{
	struct call call = make_call(CALL_LISTEN, fd);

	call.backlog = 128;
	return step_value(w, w->table, &call, value);
}

static struct verdict accept_result(struct world *w, int fd, int64_t value)
{
	struct call call = make_call(CALL_ACCEPT, fd);
	struct result result = returns(value);

	call.name = "accept4";
	call.flags = FLAGS;
	if (value >= 0)
		result.inode[0] = ++w->inode;
	return step(w, w->table, &call, &result);
}

static struct verdict getsockopt_result(
	struct world *w, int fd, int level, int optname, int64_t value, int so_error)
{
	struct call call = make_call(CALL_GETSOCKOPT, fd);
	struct result result = returns(value);

	call.level = level;
	call.optname = optname;
	result.so_error = so_error;
	return step(w, w->table, &call, &result);
}

static struct verdict so_error(struct world *w, int fd, int error)
{
	return getsockopt_result(w, fd, SOL_SOCKET, SO_ERROR, 0, error);
}

static struct verdict close_in(struct world *w, struct fdtable *table, int fd)
{
	const struct call call = make_call(CALL_CLOSE, fd);

	return step_value(w, table, &call, 0);
}

static struct verdict close_fd(struct world *w, int fd)
{
	return close_in(w, w->table, fd);
}

static struct call dup_call(const char *name, int fd, int new_fd)
{
	struct call call = make_call(CALL_DUP, fd);

	call.name = name;
	call.new_fd = new_fd;
	return call;
}

/* dup and fcntl choose the new descriptor. */
static void dup_fd(struct world *w, const char *name, int fd, int64_t value)
{
	const struct call call = dup_call(name, fd, -1);

	step_value(w, w->table, &call, value);
}

static void dup_over(struct world *w, const char *name, int fd, int new_fd, int64_t value)
{
	const struct call call = dup_call(name, fd, new_fd);

	step_value(w, w->table, &call, value);
}

static struct call close_range_call(unsigned first, unsigned last, unsigned flags)
{
	struct call call = make_call(CALL_CLOSE_RANGE, -1);

	call.first = first;
	call.last = last;
	call.flags = flags;
	return call;
}

static void close_range_in(
	struct world *w, struct fdtable *table, unsigned first, unsigned last, unsigned flags)
{
	const struct call call = close_range_call(first, last, flags);

	step_value(w, table, &call, 0);
}

static struct fdtable *fork_table(struct world *w)
{
	struct fdtable *copy = switch_table_copy(w->sw, w->table);

	assert_non_null(copy);
	assert_int_equal(fdtable_users(copy), 1);
	assert_law(w);
	return copy;
}

static void release(struct world *w, struct fdtable *table, pid_t pid, const char *command)
{
	switch_table_release(w->sw, table, &(struct holder){.pid = pid, .command = command});
	assert_law(w);
}

static void release_own(struct world *w, pid_t pid, const char *command)
{
	release(w, w->table, pid, command);
	w->table = NULL;
}

static void adopt_in(struct world *w, struct fdtable *table, int fd, uint64_t inode)
{
	const struct sock_description description = {
		.inode = inode, .family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP};
	const struct caller by = {.pid = PARENT, .tid = PARENT};

	switch_adopt(w->sw, table, fd, &description, &by, w->now_ns);
	assert_law(w);
}

static void adopt(struct world *w, int fd, uint64_t inode)
{
	adopt_in(w, w->table, fd, inode);
}

static void gone(struct world *w, int fd)
{
	switch_gone(w->sw, w->table, fd);
	assert_law(w);
}

static void add_filter(struct world *w, const char *option, const char *value)
{
	struct error error = {""};

	if (filters_add(w->filters, option, value, &error))
		fail_msg("--%s=%s: %s", option, value, error.text);
}

static void assert_cancelled(const struct verdict *verdict, int error)
{
	assert_int_equal(verdict->action, VERDICT_CANCEL);
	assert_int_equal(verdict->error, error);
	assert_int_equal(verdict->filter, 0);
}

static struct flight begin_close(struct world *w, int fd, pid_t tid)
{
	struct call call = make_call(CALL_CLOSE, fd);

	call.caller.tid = tid;
	return begin(w, w->table, &call);
}

static struct flight begin_socket(struct world *w, pid_t tid)
{
	struct call call = socket_call(AF_INET, SOCK_STREAM, 0);

	call.caller.tid = tid;
	return begin(w, w->table, &call);
}

static void end_socket(struct world *w, struct flight *flight, int fd, uint64_t inode)
{
	struct result result = returns(fd);

	result.inode[0] = inode;
	end(w, w->table, flight, &result);
}

/* Without the snapshots that every other step takes. */
static void open_and_close(struct world *w, int fd)
{
	const struct call opening = socket_call(AF_INET, SOCK_STREAM, 0);
	const struct call closing = make_call(CALL_CLOSE, fd);
	struct result result = returns(fd);
	struct call_state state;

	result.inode[0] = ++w->inode;
	switch_before(w->sw, w->table, &opening, NULL, NULL, &state);
	switch_after(w->sw, w->table, &state, &result, 0);
	if (switch_before(w->sw, w->table, &closing, NULL, NULL, &state).action == VERDICT_WATCH) {
		result = returns(0);
		switch_after(w->sw, w->table, &state, &result, 0);
	}
}

static struct world *make_world(enum count_rules rules)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->rules = rules;
	w->filters = filters_new(1);
	assert_non_null(w->filters);
	w->sw = switch_new(rules, w->filters);
	assert_non_null(w->sw);
	w->table = fdtable_new();
	assert_non_null(w->table);
	w->inode = 5000;
	return w;
}

static int setup(void **state)
{
	*state = make_world(COUNT_SOCKTEST);
	return 0;
}

static int setup_go(void **state)
{
	*state = make_world(COUNT_GO);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->table)
		for (unsigned users = fdtable_users(w->table); users > 0; users--)
			release(w, w->table, PARENT, "program");
	switch_free(w->sw);
	filters_free(w->filters);
	free(w);
	return 0;
}

/* ---- socket, socketpair ---- */

static void test_socket_is_opened(void **state)
{
	open_tcp(*state, 3);
	assert_counts(*state, TCP, "opened=1 inflight=1");
}

static void test_socket_cookie_is_canonical(void **state)
{
	open_socket(*state, 3, AF_INET, SOCK_DGRAM | FLAGS, 0);
	open_socket(*state, 4, AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	assert_counts(*state, UDP, "opened=2 inflight=2");
}

static void test_cookies_are_counted_apart(void **state)
{
	open_tcp(*state, 3);
	open_socket(*state, 4, AF_INET6, SOCK_STREAM, 0);
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1");
	assert_counts(*state, TCP6, "opened=1 inflight=1");
}

static void test_open_failed_has_the_canonical_cookie_of_the_arguments(void **state)
{
	open_socket(*state, -EMFILE, AF_INET, SOCK_STREAM | FLAGS, 0);
	assert_counts(*state, TCP, "open_failed=1");
	open_socket(*state, -EAFNOSUPPORT, 44, SOCK_RAW, 7);
	assert_counts(*state, COOKIE(44, SOCK_RAW, 7), "open_failed=1");
}

static void test_socketpair_is_two_opened(void **state)
{
	open_pair(*state, 3, 4);
	assert_counts(*state, UNIX, "opened=2 inflight=2");
	close_fd(*state, 4);
	assert_counts(*state, UNIX, "opened=2 closed=1 inflight=1");
	close_fd(*state, 3);
	assert_counts(*state, UNIX, "opened=2 closed=2");
}

static void test_failed_socketpair_is_one_open_failed(void **state)
{
	struct call call = make_call(CALL_SOCKETPAIR, -1);

	call.family = AF_UNIX;
	call.type = SOCK_STREAM | SOCK_NONBLOCK;
	step_value(*state, ((struct world *)*state)->table, &call, -EMFILE);
	assert_counts(*state, UNIX, "open_failed=1");
}

static void test_reused_descriptor_closes_what_was_thought_there(void **state)
{
	open_tcp(*state, 3);
	open_socket(*state, 3, AF_INET, SOCK_DGRAM, 0);
	assert_counts(*state, TCP, "opened=1 closed=1");
	assert_counts(*state, UDP, "opened=1 inflight=1");
}

static void test_reused_inode_is_another_socket(void **state)
{
	struct world *w = *state;
	const struct call call = socket_call(AF_INET, SOCK_STREAM, 0);
	struct result result = returns(3);

	result.inode[0] = 77;
	for (int i = 0; i < 3; i++) {
		step(w, w->table, &call, &result);
		close_fd(w, 3);
	}
	assert_counts(w, TCP, "opened=3 closed=3");
}

static void test_unknown_inodes_are_not_one_socket(void **state)
{
	struct world *w = *state;
	const struct call call = socket_call(AF_INET, SOCK_STREAM, 0);

	step_value(w, w->table, &call, 3);
	step_value(w, w->table, &call, 4);
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=2 closed=1 inflight=1");
	close_fd(w, 4);
	assert_counts(w, TCP, "opened=2 closed=2");
}

/* ---- connect and SO_ERROR ---- */

static void test_connect_0_is_connected(void **state)
{
	open_tcp(*state, 3);
	assert_string_equal(state_name(*state), "unconnected");
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
	assert_string_equal(state_name(*state), "connected");
}

static void test_connect_error_is_connect_failed(void **state)
{
	open_tcp(*state, 3);
	connect_result(*state, 3, -ECONNREFUSED);
	connect_result(*state, 3, -ENETUNREACH);
	assert_counts(*state, TCP, "opened=1 connect_failed=2 inflight=1");
	assert_string_equal(state_name(*state), "unconnected");
}

static void test_connect_in_progress_is_pending(void **state)
{
	open_pending(*state, 3);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
	assert_string_equal(state_name(*state), "connecting");
}

static void test_so_error_0_settles_a_pending_connect_once(void **state)
{
	open_pending(*state, 3);
	so_error(*state, 3, 0);
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
	assert_string_equal(state_name(*state), "connected");
}

static void test_so_error_errno_fails_a_pending_connect_once(void **state)
{
	open_pending(*state, 3);
	so_error(*state, 3, ECONNREFUSED);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
	assert_int_equal(only_socket(*state).socket_err, ECONNREFUSED);
	assert_string_equal(state_name(*state), "unconnected");
	so_error(*state, 3, ECONNREFUSED);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
}

static void test_so_error_of_a_socket_that_is_not_pending_counts_nothing(void **state)
{
	open_tcp(*state, 3);
	so_error(*state, 3, 0);
	so_error(*state, 3, ECONNRESET);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	connect_result(*state, 3, 0);
	so_error(*state, 3, ECONNRESET);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
}

static void test_unread_so_error_settles_nothing(void **state)
{
	open_pending(*state, 3);
	so_error(*state, 3, -1);
	getsockopt_result(*state, 3, SOL_SOCKET, SO_ERROR, -EFAULT, -1);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
}

/* TCP_KEEPIDLE has the number of SO_ERROR. */
static void test_other_options_settle_nothing(void **state)
{
	assert_int_equal(TCP_KEEPIDLE, SO_ERROR);
	open_pending(*state, 3);
	getsockopt_result(*state, 3, IPPROTO_TCP, TCP_KEEPIDLE, 0, 0);
	getsockopt_result(*state, 3, SOL_SOCKET, SO_TYPE, 0, -1);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
}

static void test_later_connect_0_settles_a_pending_one(void **state)
{
	open_pending(*state, 3);
	connect_result(*state, 3, 0);
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
}

static void test_later_connect_eisconn_settles_a_pending_one(void **state)
{
	open_pending(*state, 3);
	connect_result(*state, 3, -EISCONN);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
	assert_string_equal(state_name(*state), "connected");
	connect_result(*state, 3, -EISCONN);
	assert_counts(*state, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "connected");
}

static void test_later_connect_error_fails_a_pending_one_once(void **state)
{
	open_pending(*state, 3);
	connect_result(*state, 3, -ECONNREFUSED);
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
}

/* The kernel's word, as at a close that turns out not to be the last. */
static void settle(struct world *w, enum socket_state end)
{
	open_pending(w, 3);
	switch_settle(w->sw, w->table, 3, SOCKET_CONNECTING);
	assert_counts(w, TCP, "opened=1 pending=1 inflight=1");
	switch_settle(w->sw, w->table, 3, end);
}

static void test_connect_settled_unasked_counts_once(void **state)
{
	settle(*state, SOCKET_CONNECTED);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
	connect_result(*state, 3, -EISCONN);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
	connect_result(*state, 3, -EISCONN);
	assert_counts(*state, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
}

static void test_so_error_overrules_what_the_kernel_said_before(void **state)
{
	settle(*state, SOCKET_CONNECTED);
	so_error(*state, 3, ECONNRESET);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "unconnected");
}

static void test_connect_may_begin_anew_after_one_that_failed_unasked(void **state)
{
	settle(*state, SOCKET_UNCONNECTED);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
	so_error(*state, 3, ECONNREFUSED);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
}

static void test_ealready_is_nothing(void **state)
{
	open_pending(*state, 3);
	connect_result(*state, 3, -EALREADY);
	connect_result(*state, 3, -EALREADY);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
}

static void test_eisconn_of_a_socket_that_is_not_pending_is_connect_failed(void **state)
{
	open_tcp(*state, 3);
	connect_result(*state, 3, 0);
	connect_result(*state, 3, -EISCONN);
	assert_counts(*state, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "connected");
}

/* connect(2): an interrupted connect of a stream goes on in the kernel. */
static void test_interrupted_inet_connect_goes_on(void **state)
{
	open_tcp(*state, 3);
	connect_result(*state, 3, -EINTR);
	assert_counts(*state, TCP, "opened=1 pending=1 interrupted=1 inflight=1");
	assert_string_equal(state_name(*state), "connecting");
	connect_result(*state, 3, -EINTR);
	assert_counts(*state, TCP, "opened=1 pending=1 interrupted=2 inflight=1");
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 interrupted=2 inflight=1");
}

static void test_interrupted_inet6_connect_goes_on(void **state)
{
	open_socket(*state, 3, AF_INET6, SOCK_STREAM, 0);
	connect_result(*state, 3, -EINTR);
	assert_counts(*state, TCP6, "opened=1 pending=1 interrupted=1 inflight=1");
	so_error(*state, 3, EHOSTUNREACH);
	assert_counts(*state, TCP6, "opened=1 connect_failed=1 interrupted=1 inflight=1");
}

static void test_interrupted_unix_connect_is_over(void **state)
{
	open_socket(*state, 3, AF_UNIX, SOCK_STREAM, 0);
	connect_result(*state, 3, -EINTR);
	assert_counts(*state, UNIX, "opened=1 interrupted=1 inflight=1");
	assert_string_equal(state_name(*state), "unconnected");
	so_error(*state, 3, 0);
	assert_counts(*state, UNIX, "opened=1 interrupted=1 inflight=1");
}

/* connect(2): EAGAIN of a unix connect is a full backlog, and nothing stays pending. */
static void test_unix_connect_eagain_is_connect_failed(void **state)
{
	open_socket(*state, 3, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect_result(*state, 3, -EAGAIN);
	assert_counts(*state, UNIX, "opened=1 connect_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "unconnected");
}

static void test_datagram_connects_each_count(void **state)
{
	open_socket(*state, 3, AF_INET, SOCK_DGRAM, 0);
	connect_to(*state, 3, "127.0.0.1", 53, 0);
	connect_to(*state, 3, "127.0.0.2", 53, 0);
	assert_counts(*state, UDP, "opened=1 connected=2 inflight=1");
	assert_string_equal(addresses(*state), " 127.0.0.2:53");
}

static void so_error_is_not_true(struct world *w, int fd, enum so_error_truth truth)
{
	struct call call = make_call(CALL_GETSOCKOPT, fd);
	struct result result = returns(0);

	call.level = SOL_SOCKET;
	call.optname = SO_ERROR;
	result.so_error = 0;
	result.so_error_truth = truth;
	step(w, w->table, &call, &result);
}

static void test_so_error_of_0_before_the_connect_has_ended(void **state)
{
	open_pending(*state, 3);
	so_error_is_not_true(*state, 3, SO_ERROR_EARLY);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
	connect_result(*state, 3, -EALREADY);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
	so_error(*state, 3, ECONNREFUSED);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
}

static void test_so_error_of_0_after_another_call_was_told(void **state)
{
	open_pending(*state, 3);
	so_error_is_not_true(*state, 3, SO_ERROR_LATE);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 inflight=1");
}

/* SO_ERROR was cleared by whoever heard of it. */
static void test_so_error_of_0_after_the_kernel_said_that_it_failed(void **state)
{
	struct world *const w = *state;

	open_pending(w, 3);
	switch_settle(w->sw, w->table, 3, SOCKET_UNCONNECTED);
	so_error(w, 3, 0);
	assert_counts(w, TCP, "opened=1 connect_failed=1 inflight=1");
}

static void disconnect(struct world *w, int fd)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	struct address *const address = address_new(&nowhere, sizeof(nowhere));
	struct call call = make_call(CALL_CONNECT, fd);

	assert_non_null(address);
	call.address = address;
	step_value(w, w->table, &call, 0);
	free(address);
}

static void test_a_disconnect_does_not_tell_how_the_connect_ended(void **state)
{
	struct world *const w = *state;

	open_pending(w, 3);
	switch_settle(w->sw, w->table, 3, SOCKET_UNCONNECTED);
	disconnect(w, 3);
	assert_counts(w, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
}

static void test_a_disconnect_counts_alike_whatever_the_program_was_told(void **state)
{
	struct world *const w = *state;

	open_pending(w, 3);
	so_error(w, 3, 0);
	disconnect(w, 3);
	assert_counts(w, TCP, "opened=1 connected=2 inflight=1");
	connect_result(w, 3, 0);
	disconnect(w, 3);
	assert_counts(w, TCP, "opened=1 connected=4 inflight=1");
}

/* connect(2): AF_UNSPEC dissolves the association. */
static void test_connect_to_nowhere_disconnects(void **state)
{
	struct world *w = *state;
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	struct address *address = address_new(&nowhere, sizeof(nowhere));
	struct call call = make_call(CALL_CONNECT, 3);

	call.address = address;
	open_socket(w, 3, AF_INET, SOCK_DGRAM, 0);
	connect_to(w, 3, "127.0.0.1", 53, 0);
	step_value(w, w->table, &call, 0);
	free(address);
	assert_string_equal(state_name(w), "unconnected");
	assert_string_equal(addresses(w), " ");
}

static void test_connect_again_after_failure_can_be_pending(void **state)
{
	open_pending(*state, 3);
	so_error(*state, 3, ECONNREFUSED);
	connect_result(*state, 3, -EINPROGRESS);
	assert_counts(*state, TCP, "opened=1 connect_failed=1 pending=1 inflight=1");
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
}

static void test_pending_is_the_socket_s_not_the_descriptor_s(void **state)
{
	open_pending(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	so_error(*state, 4, 0);
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
}

/* ---- listen and accept ---- */

static void test_listen(void **state)
{
	open_tcp(*state, 3);
	listen_result(*state, 3, -EADDRINUSE);
	assert_counts(*state, TCP, "opened=1 listen_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "unconnected");
	listen_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 listened=1 listen_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "listening");
}

/* net/ipv4/af_inet.c: connect(2) on a listening socket is EISCONN too. */
static void test_connect_of_a_listener_leaves_it_listening(void **state)
{
	open_tcp(*state, 3);
	listen_result(*state, 3, 0);
	connect_result(*state, 3, -EISCONN);
	assert_counts(*state, TCP, "opened=1 listened=1 connect_failed=1 inflight=1");
	assert_string_equal(state_name(*state), "listening");
}

static void test_accepted_takes_the_cookie_of_the_listener(void **state)
{
	open_socket(*state, 3, AF_INET6, SOCK_STREAM | FLAGS, 0);
	listen_result(*state, 3, 0);
	accept_result(*state, 3, 4);
	accept_result(*state, 3, 5);
	assert_counts(*state, TCP6, "opened=1 listened=1 accepted=2 inflight=3");
	close_fd(*state, 4);
	assert_counts(*state, TCP6, "opened=1 listened=1 accepted=2 closed=1 inflight=2");
	close_fd(*state, 3);
	assert_string_equal(state_name(*state), "connected");
}

static void test_accept_errors(void **state)
{
	open_tcp(*state, 3);
	accept_result(*state, 3, -EINVAL);
	assert_counts(*state, TCP, "opened=1 accept_failed=1 inflight=1");
	accept_result(*state, 3, -EAGAIN);
	assert_counts(*state, TCP, "opened=1 accept_failed=1 would_block=1 inflight=1");
	accept_result(*state, 3, -EINTR);
	assert_counts(
		*state, TCP, "opened=1 accept_failed=1 would_block=1 interrupted=1 inflight=1");
	accept_result(*state, 3, -ECONNABORTED);
	assert_counts(
		*state, TCP, "opened=1 accept_failed=2 would_block=1 interrupted=1 inflight=1");
}

/* ---- what a status says ---- */

static void test_err_is_the_last_call_s(void **state)
{
	struct call bind_call = make_call(CALL_BIND, 3);

	open_tcp(*state, 3);
	assert_int_equal(only_socket(*state).err, 0);
	connect_result(*state, 3, -ECONNREFUSED);
	assert_int_equal(only_socket(*state).err, ECONNREFUSED);
	step_value(*state, ((struct world *)*state)->table, &bind_call, -EADDRINUSE);
	assert_int_equal(only_socket(*state).err, EADDRINUSE);
	listen_result(*state, 3, 0);
	assert_int_equal(only_socket(*state).err, 0);
	accept_result(*state, 3, -EMFILE);
	assert_int_equal(only_socket(*state).err, EMFILE);
	assert_int_equal(only_socket(*state).socket_err, 0);
}

static void test_socket_err_is_what_so_error_last_gave(void **state)
{
	open_pending(*state, 3);
	assert_int_equal(only_socket(*state).err, EINPROGRESS);
	assert_int_equal(only_socket(*state).socket_err, 0);
	so_error(*state, 3, ETIMEDOUT);
	assert_int_equal(only_socket(*state).err, 0);
	assert_int_equal(only_socket(*state).socket_err, ETIMEDOUT);
	getsockopt_result(*state, 3, SOL_SOCKET, SO_TYPE, 0, -1);
	assert_int_equal(only_socket(*state).socket_err, ETIMEDOUT);
	so_error(*state, 3, 0);
	assert_int_equal(only_socket(*state).socket_err, 0);
}

static void test_opened_by_socket(void **state)
{
	struct world *w = *state;
	struct flight flight = begin_socket(w, OTHER_THREAD);
	struct socket_row row;

	w->now_ns = 1000;
	end_socket(w, &flight, 3, 42);
	w->now_ns = 5000;
	row = only_socket(w);
	assert_int_equal(row.cookie, TCP);
	assert_int_equal(row.fd, 3);
	assert_int_equal(row.opened_by.pid, PARENT);
	assert_int_equal(row.opened_by.tid, OTHER_THREAD);
	assert_string_equal(row.opened_by.call, "socket");
	assert_int_equal(row.opened_by.age_ns, 4000);
}

static void test_opened_by_accept4(void **state)
{
	open_tcp(*state, 3);
	listen_result(*state, 3, 0);
	accept_result(*state, 3, 4);
	close_fd(*state, 3);
	assert_string_equal(only_socket(*state).opened_by.call, "accept4");
	assert_int_equal(only_socket(*state).fd, 4);
}

static void test_adopted_has_no_opening_call(void **state)
{
	adopt(*state, 3, 900);
	assert_string_equal(only_socket(*state).opened_by.call, "");
}

static void test_connect_sets_the_peer(void **state)
{
	open_tcp(*state, 3);
	connect_to(*state, 3, "192.0.2.1", 443, -EINPROGRESS);
	assert_string_equal(addresses(*state), " 192.0.2.1:443");
	so_error(*state, 3, 0);
	assert_string_equal(addresses(*state), " 192.0.2.1:443");
}

static void test_accept_gives_the_peer(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_ACCEPT, 3);
	struct address *peer = inet_address("192.0.2.7", 50000);
	struct result result = returns(4);

	result.peer = peer;
	open_tcp(w, 3);
	step(w, w->table, &call, &result);
	free(peer);
	close_fd(w, 3);
	assert_non_null(strstr(addresses(w), " 192.0.2.7:50000"));
}

static void test_bind_sets_the_local_address(void **state)
{
	struct world *w = *state;
	struct call call = make_call(CALL_BIND, 3);
	struct address *local = inet_address("127.0.0.1", 8080);

	call.address = local;
	open_tcp(w, 3);
	step_value(w, w->table, &call, 0);
	free(local);
	assert_string_equal(addresses(w), "127.0.0.1:8080 ");
	assert_counts(w, TCP, "opened=1 inflight=1");
}

static void test_set_addresses_keeps_what_it_is_not_told(void **state)
{
	struct world *w = *state;
	struct address *local = inet_address("127.0.0.1", 1);
	struct address *peer = inet_address("127.0.0.1", 2);

	open_tcp(w, 3);
	switch_set_addresses(w->sw, w->table, 3, local, NULL);
	assert_string_equal(addresses(w), "127.0.0.1:1 ");
	switch_set_addresses(w->sw, w->table, 3, NULL, peer);
	assert_string_equal(addresses(w), "127.0.0.1:1 127.0.0.1:2");
	switch_set_addresses(w->sw, w->table, 4, peer, local);
	free(local);
	free(peer);
	assert_string_equal(addresses(w), "127.0.0.1:1 127.0.0.1:2");
}

static void test_view(void **state)
{
	struct world *w = *state;
	char text[ADDRESS_TEXT_BYTES];
	struct sock_view view;

	open_tcp(w, 3);
	connect_to(w, 3, "127.0.0.1", 80, 0);
	view = switch_view(w->table, 3);
	assert_int_equal(view.id, 1);
	assert_int_equal(view.cookie, TCP);
	assert_int_equal(view.state, SOCKET_CONNECTED);
	assert_null(view.local);
	assert_string_equal(address_text(view.peer, text), "127.0.0.1:80");
	view = switch_view(w->table, 4);
	assert_int_equal(view.id, 0);
	assert_int_equal(view.cookie, 0);
	assert_null(view.peer);
}

static void test_inode_of_a_descriptor(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	assert_int_equal(switch_inode(w->table, 3), w->inode);
	assert_int_equal(switch_inode(w->table, 4), 0);
	assert_true(switch_knows(w->sw, w->inode));
	assert_false(switch_knows(w->sw, w->inode + 1));
	assert_false(switch_knows(w->sw, 0));
}

static void test_filters_are_those_it_was_made_with(void **state)
{
	const struct world *w = *state;

	assert_ptr_equal(switch_filters(w->sw), w->filters);
}

/* ---- descriptors that are no sockets ---- */

static void test_calls_on_other_descriptors_count_nowhere(void **state)
{
	struct world *w = *state;
	static const int fds[] = {7, -1, INT_MAX, 1000000};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		const int fd = fds[i];

		assert_int_equal(connect_result(w, fd, -ENOTSOCK).action, VERDICT_PASS);
		assert_int_equal(listen_result(w, fd, -ENOTSOCK).action, VERDICT_PASS);
		assert_int_equal(accept_result(w, fd, -ENOTSOCK).action, VERDICT_PASS);
		assert_int_equal(so_error(w, fd, -1).action, VERDICT_PASS);
		assert_int_equal(close_fd(w, fd).action, VERDICT_PASS);
		dup_fd(w, "dup", fd, 8);
		dup_over(w, "dup2", fd, 9, 9);
	}
	close_range_in(w, w->table, 3, UINT_MAX, 0);
	assert_nothing_counted(w);
}

static void test_unshare_and_received_descriptors_count_nothing(void **state)
{
	struct world *w = *state;
	struct call unshare_call = make_call(CALL_UNSHARE, -1);
	struct call receive_call = make_call(CALL_RECEIVE_FD, -1);

	unshare_call.flags = 0x400; /* CLONE_FILES */
	open_tcp(w, 3);
	step_value(w, w->table, &unshare_call, 0);
	step_value(w, w->table, &receive_call, 4);
	assert_counts(w, TCP, "opened=1 inflight=1");
}

/* ---- close ---- */

static void test_close_of_an_unshared_table_needs_no_result(void **state)
{
	open_tcp(*state, 3);
	assert_int_equal(close_fd(*state, 3).action, VERDICT_PASS);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_close_twice_is_closed_once(void **state)
{
	open_tcp(*state, 3);
	close_fd(*state, 3);
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_close_of_a_dup_is_not_closed(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	assert_true(switch_is_last(w->table, 3));
	dup_fd(w, "dup", 3, 4);
	assert_false(switch_is_last(w->table, 3));
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 inflight=1");
	assert_true(switch_is_last(w->table, 4));
	assert_false(switch_is_last(w->table, 3));
	close_fd(w, 4);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_dups_are_the_same_socket(void **state)
{
	open_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	dup_fd(*state, "fcntl", 4, 50);
	dup_over(*state, "dup2", 50, 60, 60);
	dup_over(*state, "dup3", 60, 70, 70);
	for (int i = 0; i < 4; i++)
		close_fd(*state, (const int[]){3, 50, 70, 4}[i]);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	close_fd(*state, 60);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_failed_dup_changes_nothing(void **state)
{
	open_tcp(*state, 3);
	open_tcp(*state, 4);
	dup_fd(*state, "dup", 3, -EMFILE);
	dup_over(*state, "dup2", 9, 3, -EBADF);
	dup_over(*state, "dup2", 3, 4, -EBUSY);
	dup_over(*state, "dup3", 3, 3, -EINVAL);
	assert_counts(*state, TCP, "opened=2 inflight=2");
	close_fd(*state, 3);
	close_fd(*state, 4);
	assert_counts(*state, TCP, "opened=2 closed=2");
}

static void test_dup2_over_a_socket_closes_it(void **state)
{
	open_tcp(*state, 3);
	open_socket(*state, 4, AF_INET, SOCK_DGRAM, 0);
	dup_over(*state, "dup2", 3, 4, 4);
	assert_counts(*state, UDP, "opened=1 closed=1");
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	close_fd(*state, 4);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_dup3_of_another_file_over_a_socket_closes_it(void **state)
{
	open_tcp(*state, 3);
	dup_over(*state, "dup3", 9, 3, 3);
	assert_counts(*state, TCP, "opened=1 closed=1");
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_dup2_over_one_of_two_descriptors_closes_nothing(void **state)
{
	open_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	dup_over(*state, "dup2", 9, 4, 4);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_dup2_between_descriptors_of_one_socket(void **state)
{
	open_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	dup_over(*state, "dup2", 3, 4, 4);
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	close_fd(*state, 4);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_dup2_onto_itself_does_nothing(void **state)
{
	open_tcp(*state, 3);
	dup_over(*state, "dup2", 3, 3, 3);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_close_range_closes_what_is_in_it(void **state)
{
	struct world *w = *state;

	for (int fd = 3; fd < 9; fd++)
		open_tcp(w, fd);
	dup_fd(w, "dup", 5, 20);
	close_range_in(w, w->table, 4, 6, 0);
	/* 4 and 6 are gone, 5 lives on as 20. */
	assert_counts(w, TCP, "opened=6 closed=2 inflight=4");
	close_range_in(w, w->table, 8, UINT_MAX, 0);
	assert_counts(w, TCP, "opened=6 closed=4 inflight=2");
	close_range_in(w, w->table, 0, UINT_MAX, 0);
	assert_counts(w, TCP, "opened=6 closed=6");
}

static void test_failed_close_range_closes_nothing(void **state)
{
	struct world *w = *state;
	const struct call reversed = close_range_call(4, 3, 0);
	const struct call unknown_flag = close_range_call(3, 4, 0x80);

	open_tcp(w, 3);
	open_tcp(w, 4);
	step_value(w, w->table, &reversed, -EINVAL);
	step_value(w, w->table, &unknown_flag, -EINVAL);
	assert_counts(w, TCP, "opened=2 inflight=2");
}

static void test_close_range_cloexec_closes_nothing_yet(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	close_range_in(w, w->table, 3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
}

/* The caller hands switch_after the table that the task got of its own. */
static void test_close_range_unshare_leaves_the_other_task_s_table(void **state)
{
	struct world *w = *state;
	const struct call call = close_range_call(3, UINT_MAX, CLOSE_RANGE_UNSHARE);
	struct fdtable *own;
	struct flight flight;

	open_tcp(w, 3);
	open_tcp(w, 4);
	fdtable_share(w->table);
	flight = begin(w, w->table, &call);
	own = fork_table(w);
	release(w, w->table, PARENT, "program");
	end_value(w, own, &flight, 0);
	assert_int_equal(fdtable_next(own, 0), -1);
	assert_int_equal(fdtable_next(w->table, 0), 3);
	assert_counts(w, TCP, "opened=2 inflight=2");
	assert_int_equal(close_fd(w, 3).action, VERDICT_PASS);
	close_fd(w, 4);
	assert_counts(w, TCP, "opened=2 closed=2");
	release(w, own, CHILD, "child");
}

/* ---- fork, and tables that go ---- */

static void test_fork_then_parent_closes_first(void **state)
{
	struct world *w = *state;
	struct fdtable *child;

	open_tcp(w, 3);
	child = fork_table(w);
	assert_false(switch_is_last(w->table, 3));
	assert_int_equal(close_fd(w, 3).action, VERDICT_PASS);
	assert_counts(w, TCP, "opened=1 inflight=1");
	assert_int_equal(close_in(w, child, 3).action, VERDICT_PASS);
	assert_counts(w, TCP, "opened=1 closed=1");
	release(w, child, CHILD, "child");
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_fork_then_child_closes_first(void **state)
{
	struct world *w = *state;
	struct fdtable *child;

	open_tcp(w, 3);
	child = fork_table(w);
	close_in(w, child, 3);
	assert_counts(w, TCP, "opened=1 inflight=1");
	release(w, child, CHILD, "child");
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_fork_copies_are_independent(void **state)
{
	struct world *w = *state;
	struct fdtable *child;

	open_tcp(w, 3);
	child = fork_table(w);
	open_tcp(w, 4);
	assert_int_equal(fdtable_next(child, 4), -1);
	assert_int_equal(switch_inode(child, 3), switch_inode(w->table, 3));
	release(w, child, CHILD, "child");
}

static void test_closed_by_one_exit_and_open_in_another(void **state)
{
	struct world *w = *state;
	struct fdtable *child;
	struct socket_row row;

	open_tcp(w, 3);
	child = fork_table(w);
	release_own(w, PARENT, "parent");
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_in(w, child, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
	open_tcp(&(struct world){.sw = w->sw, .table = child, .inode = 7000}, 3);
	release(w, child, CHILD, "child");
	row = only_socket(w);
	assert_int_equal(row.pid, CHILD);
	assert_string_equal(row.command, "child");
}

static void test_last_release_makes_inflight_with_its_holder(void **state)
{
	struct world *w = *state;
	struct fdtable *child;
	struct socket_row row;

	open_tcp(w, 3);
	dup_fd(w, "dup", 3, 9);
	close_fd(w, 3);
	child = fork_table(w);
	release(w, child, CHILD, "child");
	release_own(w, PARENT, "the last");
	assert_counts(w, TCP, "opened=1 inflight=1");
	row = only_socket(w);
	assert_int_equal(row.pid, PARENT);
	assert_string_equal(row.command, "the last");
	assert_int_equal(row.fd, 9);
}

static void test_inflight_descriptor_is_one_that_was_left(void **state)
{
	open_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 9);
	close_fd(*state, 9);
	release_own(*state, PARENT, "program");
	assert_int_equal(only_socket(*state).fd, 3);
}

static void test_holder_without_command(void **state)
{
	open_tcp(*state, 3);
	release_own(*state, PARENT, "");
	assert_string_equal(only_socket(*state).command, "");
}

static void test_long_command_is_cut(void **state)
{
	char command[200];

	memset(command, 'x', sizeof(command) - 1);
	command[sizeof(command) - 1] = '\0';
	open_tcp(*state, 3);
	release_own(*state, PARENT, command);
	assert_in_range(strlen(only_socket(*state).command), 15, 63);
}

static void test_table_of_threads_goes_with_the_last(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	fdtable_share(w->table);
	release(w, w->table, PARENT, "first");
	assert_int_equal(fdtable_users(w->table), 1);
	assert_int_equal(close_fd(w, 3).action, VERDICT_PASS);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_pending_at_exit_is_reported(void **state)
{
	open_pending(*state, 3);
	release_own(*state, PARENT, "program");
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
	assert_string_equal(state_name(*state), "connecting");
}

/* ---- calls of several threads at the same time ---- */

static void test_close_of_a_shared_table_is_watched(void **state)
{
	struct world *w = *state;
	struct flight flight;

	open_tcp(w, 3);
	fdtable_share(w->table);
	flight = begin_close(w, 3, PARENT);
	assert_counts(w, TCP, "opened=1 inflight=1");
	end_value(w, w->table, &flight, 0);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_second_of_two_closes_fails(void **state)
{
	struct world *w = *state;
	struct flight first, second;

	open_tcp(w, 3);
	fdtable_share(w->table);
	first = begin_close(w, 3, PARENT);
	second = begin_close(w, 3, OTHER_THREAD);
	end_value(w, w->table, &first, 0);
	assert_counts(w, TCP, "opened=1 closed=1");
	end_value(w, w->table, &second, -EBADF);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_failed_close_is_seen_before_the_other(void **state)
{
	struct world *w = *state;
	struct flight first, second;

	open_tcp(w, 3);
	fdtable_share(w->table);
	first = begin_close(w, 3, PARENT);
	second = begin_close(w, 3, OTHER_THREAD);
	end_value(w, w->table, &second, -EBADF);
	end_value(w, w->table, &first, 0);
	assert_counts(w, TCP, "opened=1 closed=1");
}

/* close(2): Linux releases the descriptor before it can say EINTR. */
static void test_interrupted_close_has_closed(void **state)
{
	struct world *w = *state;
	struct flight flight;

	open_tcp(w, 3);
	fdtable_share(w->table);
	flight = begin_close(w, 3, PARENT);
	end_value(w, w->table, &flight, -EINTR);
	assert_counts(w, TCP, "opened=1 closed=1 interrupted=1");
}

static void test_descriptor_reused_during_a_close_stays(void **state)
{
	struct world *w = *state;
	struct flight closing, opening;
	struct socket_row row;

	open_tcp(w, 3);
	fdtable_share(w->table);
	closing = begin_close(w, 3, PARENT);
	opening = begin_socket(w, OTHER_THREAD);
	end_socket(w, &opening, 3, 8000);
	assert_counts(w, TCP, "opened=2 closed=1 inflight=1");
	end_value(w, w->table, &closing, 0);
	assert_counts(w, TCP, "opened=2 closed=1 inflight=1");
	row = only_socket(w);
	assert_int_equal(row.opened_by.tid, OTHER_THREAD);
	assert_int_equal(row.fd, 3);
	assert_int_equal(switch_inode(w->table, 3), 8000);
}

static void test_descriptor_reused_by_dup_during_a_close_stays(void **state)
{
	struct world *w = *state;
	const struct call dup = dup_call("dup", 4, -1);
	struct flight closing, copying;

	open_tcp(w, 3);
	open_socket(w, 4, AF_INET, SOCK_DGRAM, 0);
	fdtable_share(w->table);
	closing = begin_close(w, 3, PARENT);
	copying = begin(w, w->table, &dup);
	end_value(w, w->table, &copying, 3);
	end_value(w, w->table, &closing, 0);
	assert_counts(w, TCP, "opened=1 closed=1");
	assert_int_equal(switch_inode(w->table, 3), switch_inode(w->table, 4));
	assert_false(switch_is_last(w->table, 4));
}

static void test_descriptor_reused_during_a_close_range_stays(void **state)
{
	struct world *w = *state;
	const struct call range = close_range_call(3, 10, 0);
	struct flight closing, opening;

	open_tcp(w, 3);
	open_tcp(w, 4);
	fdtable_share(w->table);
	closing = begin(w, w->table, &range);
	opening = begin_socket(w, OTHER_THREAD);
	end_socket(w, &opening, 3, 8000);
	end_value(w, w->table, &closing, 0);
	assert_counts(w, TCP, "opened=3 closed=2 inflight=1");
	assert_int_equal(switch_inode(w->table, 3), 8000);
}

static void test_accept_after_the_listener_was_closed(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_ACCEPT, 3);
	struct flight accepting, closing;
	struct result result = returns(3);

	result.inode[0] = 8000;
	open_socket(w, 3, AF_INET6, SOCK_STREAM, 0);
	listen_result(w, 3, 0);
	fdtable_share(w->table);
	accepting = begin(w, w->table, &call);
	closing = begin_close(w, 3, OTHER_THREAD);
	end_value(w, w->table, &closing, 0);
	end(w, w->table, &accepting, &result);
	assert_counts(w, TCP6, "opened=1 listened=1 accepted=1 closed=1 inflight=1");
}

/* The dup was made before the close, and the Switch must not have forgotten the socket meanwhile.
 */
static void test_dup_returns_long_after_the_socket_was_closed(void **state)
{
	enum { SOCKETS = 5000 };
	struct world *w = *state;
	const struct call call = dup_call("dup", 3, -1);
	struct flight copying, closing;

	open_socket(w, 3, AF_INET6, SOCK_STREAM, 0);
	fdtable_share(w->table);
	copying = begin(w, w->table, &call);
	closing = begin_close(w, 3, OTHER_THREAD);
	end_value(w, w->table, &closing, 0);
	for (int i = 0; i < SOCKETS; i++)
		open_and_close(w, 5);
	end_value(w, w->table, &copying, 4);
	assert_counts(w, TCP6, "opened=1 inflight=1");
	for (int i = 0; i < SOCKETS; i++)
		open_and_close(w, 5);
	assert_counts(w, TCP6, "opened=1 inflight=1");
	close_range_in(w, w->table, 4, 4, 0);
	assert_counts(w, TCP6, "opened=1 closed=1");
	assert_counts(w, TCP, "opened=10000 closed=10000");
}

static void test_connect_after_the_socket_was_closed(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_CONNECT, 3);
	struct flight connecting, closing, opening;

	open_tcp(w, 3);
	fdtable_share(w->table);
	connecting = begin(w, w->table, &call);
	closing = begin_close(w, 3, OTHER_THREAD);
	end_value(w, w->table, &closing, 0);
	opening = begin_socket(w, OTHER_THREAD);
	end_socket(w, &opening, 3, 8000);
	end_value(w, w->table, &connecting, 0);
	assert_counts(w, TCP, "opened=2 connected=1 closed=1 inflight=1");
	/* It was the first socket that connected, not the one that has its descriptor now. */
	assert_string_equal(state_name(w), "unconnected");
}

static void test_abandoned_close_closes_nothing(void **state)
{
	struct world *w = *state;
	struct flight flight;

	open_tcp(w, 3);
	fdtable_share(w->table);
	flight = begin_close(w, 3, PARENT);
	switch_abandon(w->sw, &flight.state);
	assert_law(w);
	assert_counts(w, TCP, "opened=1 inflight=1");
	release(w, w->table, PARENT, "program");
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_abandoned_calls_count_nothing(void **state)
{
	struct world *w = *state;
	static const enum call_kind kinds[] = {CALL_CONNECT, CALL_LISTEN, CALL_ACCEPT};
	struct flight flight = begin_socket(w, PARENT);

	switch_abandon(w->sw, &flight.state);
	assert_nothing_counted(w);
	open_tcp(w, 3);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct call call = make_call(kinds[i], 3);

		flight = begin(w, w->table, &call);
		switch_abandon(w->sw, &flight.state);
		assert_law(w);
	}
	assert_counts(w, TCP, "opened=1 inflight=1");
}

static void test_abandon_after_the_table_went(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_CONNECT, 3);
	struct flight flight;

	open_tcp(w, 3);
	flight = begin(w, w->table, &call);
	release_own(w, PARENT, "program");
	switch_abandon(w->sw, &flight.state);
	assert_law(w);
	assert_counts(w, TCP, "opened=1 inflight=1");
}

static void test_abandon_after_the_socket_was_closed(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_ACCEPT, 3);
	struct flight flight;

	open_tcp(w, 3);
	flight = begin(w, w->table, &call);
	gone(w, 3);
	switch_abandon(w->sw, &flight.state);
	assert_law(w);
	assert_counts(w, TCP, "opened=1 closed=1");
}

/* ---- adoption, and what the kernel says ---- */

static void test_unknown_socket_is_adopted(void **state)
{
	struct world *w = *state;

	assert_false(switch_knows(w->sw, 900));
	adopt(w, 3, 900);
	assert_true(switch_knows(w->sw, 900));
	assert_counts(w, TCP, "adopted=1 inflight=1");
	close_fd(w, 3);
	assert_counts(w, TCP, "closed=1 adopted=1");
}

static void test_adopted_socket_is_counted_like_any_other(void **state)
{
	adopt(*state, 3, 900);
	connect_result(*state, 3, 0);
	listen_result(*state, 3, -EINVAL);
	assert_counts(*state, TCP, "connected=1 listen_failed=1 adopted=1 inflight=1");
}

/* What was pending while it was taken for adopted stays pending until it is settled. */
static void test_pending_connect_of_an_adopted_then_opened_socket(void **state)
{
	struct world *w = *state;
	struct flight opening = begin_socket(w, PARENT);

	adopt(w, 3, 8000);
	connect_result(w, 3, -EINPROGRESS);
	end_socket(w, &opening, 3, 8000);
	assert_counts(w, TCP, "opened=1 pending=1 inflight=1");
	so_error(w, 3, 0);
	assert_counts(w, TCP, "opened=1 connected=1 inflight=1");
}

static void test_description_of_an_adopted_socket_is_reported(void **state)
{
	struct world *w = *state;
	struct address *local = inet_address("127.0.0.1", 80);
	const struct sock_description description = {.inode = 900,
		.family = AF_INET,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.state = SOCKET_LISTENING,
		.local = local};

	switch_adopt(w->sw, w->table, 3, &description, &(struct caller){.pid = PARENT}, 0);
	free(local);
	assert_law(w);
	assert_string_equal(state_name(w), "listening");
	assert_string_equal(addresses(w), "127.0.0.1:80 ");
}

static void test_known_inode_is_another_descriptor(void **state)
{
	struct world *w = *state;
	struct fdtable *other = fdtable_new();

	open_tcp(w, 3);
	adopt_in(w, other, 8, w->inode);
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_in(w, other, 8);
	assert_counts(w, TCP, "opened=1 closed=1");
	release(w, other, CHILD, "child");
}

static void test_adopting_what_the_table_holds_changes_nothing(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	adopt(w, 3, w->inode);
	assert_counts(w, TCP, "opened=1 inflight=1");
	assert_true(switch_is_last(w->table, 3));
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_adopting_over_another_socket_closes_that(void **state)
{
	open_socket(*state, 3, AF_INET, SOCK_DGRAM, 0);
	adopt(*state, 3, 900);
	assert_counts(*state, UDP, "opened=1 closed=1");
	assert_counts(*state, TCP, "adopted=1 inflight=1");
}

/* Sent over SCM_RIGHTS, closed by the sender, and only then received. */
static void test_socket_thought_closed_is_taken_back(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
	assert_true(switch_knows(w->sw, w->inode));
	adopt(w, 5, w->inode);
	assert_counts(w, TCP, "opened=1 inflight=1");
	connect_result(w, 5, 0);
	close_fd(w, 5);
	assert_counts(w, TCP, "opened=1 connected=1 closed=1");
}

static void test_socket_left_by_an_exit_is_taken_back(void **state)
{
	struct world *w = *state;
	struct fdtable *other = fdtable_new();

	open_tcp(w, 3);
	release_own(w, PARENT, "sender");
	assert_counts(w, TCP, "opened=1 inflight=1");
	adopt_in(w, other, 4, w->inode);
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_in(w, other, 4);
	assert_counts(w, TCP, "opened=1 closed=1");
	release(w, other, CHILD, "receiver");
}

/* Opens and closes others while the one with this inode is in flight. */
static void close_others(struct world *w, int others)
{
	const struct caller by = {.pid = PARENT, .tid = PARENT};

	for (int i = 0; i < others; i++) {
		const struct sock_description description = {
			.inode = ++w->inode, .family = AF_UNIX, .type = SOCK_STREAM};

		switch_adopt(w->sw, w->table, 9, &description, &by, 0);
		switch_gone(w->sw, w->table, 9);
	}
}

static void test_closed_long_ago_and_received_is_the_same(void **state)
{
	struct world *w = *state;
	uint64_t inodes[3];

	close_others(w, 1); /* from now on a unix socket may carry some */
	for (int i = 0; i < 3; i++) {
		open_tcp(w, 3);
		inodes[i] = w->inode;
		close_fd(w, 3);
	}
	close_others(w, 60000);
	adopt(w, 4, inodes[1]);
	assert_counts(w, TCP, "opened=3 closed=2 inflight=1");
	adopt(w, 5, inodes[2]);
	close_fd(w, 4);
	close_fd(w, 5);
	assert_counts(w, TCP, "opened=3 closed=3");
	close_others(w, 60000);
	adopt(w, 4, inodes[0]);
	adopt(w, 5, inodes[1]);
	assert_counts(w, TCP, "opened=3 closed=1 inflight=2");
	assert_false(switch_adopted_in_doubt(w->sw));
}

static void test_closed_longest_ago_is_forgotten(void **state)
{
	struct world *w = *state;

	close_others(w, 1);
	open_tcp(w, 3);
	const uint64_t inode = w->inode;
	close_fd(w, 3);
	close_others(w, 140000);
	adopt(w, 4, inode);
	assert_counts(w, TCP, "opened=1 closed=1 adopted=1 inflight=1");
	assert_true(switch_adopted_in_doubt(w->sw));
}

static void test_an_inode_come_round_is_another_socket(void **state)
{
	struct world *w = *state;

	close_others(w, 1);
	open_tcp(w, 3);
	const uint64_t inode = w->inode;
	close_fd(w, 3);
	close_others(w, 2000);
	struct flight opening = begin_socket(w, PARENT);
	end_socket(w, &opening, 3, inode);
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=2 closed=2");
}

/* A listener of MPTCP makes sockets that are TCP to the kernel where the client has only that. */
static void test_what_mptcp_accepted_as_tcp_comes_back(void **state)
{
	struct world *w = *state;

	close_others(w, 1);
	open_socket(w, 3, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	const uint64_t inode = w->inode;
	close_fd(w, 3);
	close_others(w, 2000);
	adopt(w, 4, inode);
	assert_counts(w, MPTCP, "opened=1 inflight=1");
	assert_counts(w, TCP, "");
	close_fd(w, 4);
	assert_counts(w, MPTCP, "opened=1 closed=1");
}

static void test_a_reset_forgets_what_was_closed_long_ago(void **state)
{
	struct world *w = *state;

	close_others(w, 1);
	open_tcp(w, 3);
	const uint64_t inode = w->inode;
	close_fd(w, 3);
	close_others(w, 2000);
	switch_reset(w->sw);
	adopt(w, 3, inode);
	assert_counts(w, TCP, "adopted=1 inflight=1");
}

/* The program's own seccomp filter answers. */
static void test_a_close_that_was_not_made_closes_nothing(void **state)
{
	struct world *w = *state;
	struct call call = make_call(CALL_CLOSE, 3);
	const int results[] = {0, -EPERM, -EBADF};

	open_tcp(w, 3);
	call.unsure = true;
	for (int i = 0; i < 3; i++) {
		struct result result = returns(results[i]);
		struct flight closing = begin(w, w->table, &call);
		result.kept = true;
		end(w, w->table, &closing, &result);
	}
	assert_counts(w, TCP, "opened=1 close_failed=2 inflight=1");
	struct result result = returns(0);
	struct flight closing = begin(w, w->table, &call);
	end(w, w->table, &closing, &result);
	assert_counts(w, TCP, "opened=1 closed=1 close_failed=2");
}

/* Another thread used the new descriptor before the exit of socket(2) was seen. */
static void test_adopted_then_seen_opened_is_opened(void **state)
{
	struct world *w = *state;
	struct flight opening = begin_socket(w, PARENT);
	struct socket_row row;

	adopt(w, 3, 8000);
	connect_result(w, 3, 0);
	end_socket(w, &opening, 3, 8000);
	assert_counts(w, TCP, "opened=1 connected=1 inflight=1");
	row = only_socket(w);
	assert_string_equal(row.opened_by.call, "socket");
	assert_string_equal(socket_state_name(row.state), "connected");
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 connected=1 closed=1");
}

static void test_adopted_then_seen_accepted_is_accepted(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_ACCEPT, 3);
	struct result result = returns(4);
	struct flight accepting;

	open_tcp(w, 3);
	accepting = begin(w, w->table, &call);
	adopt(w, 4, 8000);
	result.inode[0] = 8000;
	end(w, w->table, &accepting, &result);
	assert_counts(w, TCP, "opened=1 accepted=1 inflight=2");
}

static void test_adopted_then_seen_in_a_pair_is_opened(void **state)
{
	struct world *w = *state;
	const struct sock_description description = {
		.inode = 8001, .family = AF_UNIX, .type = SOCK_STREAM};
	struct call call = make_call(CALL_SOCKETPAIR, -1);
	struct result result = returns(0);
	struct flight flight;

	call.family = AF_UNIX;
	call.type = SOCK_STREAM;
	flight = begin(w, w->table, &call);
	switch_adopt(w->sw, w->table, 4, &description, &(struct caller){.pid = PARENT}, 0);
	result.pair[0] = 3;
	result.pair[1] = 4;
	result.inode[0] = 8000;
	result.inode[1] = 8001;
	end(w, w->table, &flight, &result);
	assert_counts(w, UNIX, "opened=2 inflight=2");
}

static void test_adopted_and_closed_then_seen_opened_is_opened(void **state)
{
	struct world *w = *state;
	struct flight opening;

	fdtable_share(w->table);
	opening = begin_socket(w, PARENT);
	adopt(w, 3, 8000);
	dup_fd(w, "dup", 3, 4);
	close_fd(w, 3);
	/* 4 is all that is left of what socket(2) gave as 3. */
	end_socket(w, &opening, 3, 0);
	gone(w, 3);
	close_fd(w, 4);
	assert_int_equal(counter(w, TCP, COUNTER_INFLIGHT), 0);
}

static void test_gone_is_closed(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	dup_fd(w, "dup", 3, 4);
	gone(w, 3);
	assert_counts(w, TCP, "opened=1 inflight=1");
	gone(w, 4);
	assert_counts(w, TCP, "opened=1 closed=1");
	gone(w, 4);
	gone(w, 5);
	assert_counts(w, TCP, "opened=1 closed=1");
}

/* Close-on-exec in a child leaves the parent's descriptor. */
static void test_gone_in_a_child_is_not_closed(void **state)
{
	struct world *w = *state;
	struct fdtable *child;

	open_tcp(w, 3);
	child = fork_table(w);
	switch_gone(w->sw, child, 3);
	assert_counts(w, TCP, "opened=1 inflight=1");
	assert_int_equal(fdtable_next(child, 0), -1);
	close_fd(w, 3);
	assert_counts(w, TCP, "opened=1 closed=1");
	release(w, child, CHILD, "child");
}

/* ---- filters ---- */

static void test_cancelled_socket_is_injected_only(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-socket", "EMFILE");
	verdict = open_socket(*state, 3, AF_INET, SOCK_STREAM | FLAGS, 0);
	assert_cancelled(&verdict, EMFILE);
	assert_counts(*state, TCP, "injected.socket=1");
	assert_int_equal(fdtable_next(((struct world *)*state)->table, 0), -1);
}

static void test_cancelled_connect_is_injected_only(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-connect", "ECONNREFUSED");
	open_tcp(*state, 3);
	verdict = connect_result(*state, 3, 0);
	assert_cancelled(&verdict, ECONNREFUSED);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	assert_string_equal(state_name(*state), "unconnected");
}

/* What an errno would count from the kernel, it does not count from a filter. */
static void test_injected_errnos_count_nowhere_else(void **state)
{
	add_filter(*state, "fail-connect", "EINPROGRESS,EINTR,EISCONN,EALREADY");
	add_filter(*state, "fail-accept", "EAGAIN,EINTR,ECONNABORTED");
	open_tcp(*state, 3);
	for (int i = 0; i < 4; i++)
		assert_int_equal(connect_result(*state, 3, 0).action, VERDICT_CANCEL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(accept_result(*state, 3, 4).action, VERDICT_CANCEL);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=4 injected.accept=3");
	assert_string_equal(state_name(*state), "unconnected");
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP,
		"opened=1 connected=1 inflight=1 injected.connect=4 injected.accept=3");
}

static void test_cancelled_listen_is_injected_only(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-listen", "EADDRINUSE");
	open_tcp(*state, 3);
	verdict = listen_result(*state, 3, 0);
	assert_cancelled(&verdict, EADDRINUSE);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.listen=1");
	assert_string_equal(state_name(*state), "unconnected");
}

static void test_cancelled_accept_is_injected_only(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-accept", "EMFILE");
	open_tcp(*state, 3);
	listen_result(*state, 3, 0);
	verdict = accept_result(*state, 3, 4);
	assert_cancelled(&verdict, EMFILE);
	assert_counts(*state, TCP, "opened=1 listened=1 inflight=1 injected.accept=1");
}

static void test_cancelled_getsockopt_is_injected_and_settles_nothing(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-getsockopt", "ENOBUFS");
	open_pending(*state, 3);
	verdict = so_error(*state, 3, 0);
	assert_cancelled(&verdict, ENOBUFS);
	assert_counts(*state, TCP, "opened=1 pending=1 inflight=1 injected.getsockopt=1");
}

static void test_cancelled_close_leaves_it_open(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-close", "EIO:when=1");
	open_tcp(*state, 3);
	verdict = close_fd(*state, 3);
	assert_cancelled(&verdict, EIO);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.close=1");
	assert_int_equal(close_fd(*state, 3).action, VERDICT_PASS);
	assert_counts(*state, TCP, "opened=1 closed=1 injected.close=1");
}

static void test_fail_close_is_for_close_alone(void **state)
{
	struct world *w = *state;

	add_filter(w, "fail-close", "EIO");
	for (int fd = 3; fd < 6; fd++)
		open_tcp(w, fd);
	dup_over(w, "dup2", 9, 3, 3);
	close_range_in(w, w->table, 4, 4, 0);
	gone(w, 5);
	assert_counts(w, TCP, "opened=3 closed=3");
	assert_int_equal(filters_tally(w->filters, 0).matched, 0);
}

static void test_fail_socket_is_not_for_socketpair(void **state)
{
	add_filter(*state, "fail-socket", "EMFILE");
	open_pair(*state, 3, 4);
	assert_counts(*state, UNIX, "opened=2 inflight=2");
}

static void assert_answered(const struct verdict *verdict, enum answer answer, int error)
{
	assert_int_equal(verdict->action, VERDICT_WATCH);
	assert_int_equal(verdict->answer, answer);
	assert_int_equal(verdict->error, error);
	assert_int_equal(verdict->filter, 0);
}

static void test_after_socket_leaves_no_socket(void **state)
{
	struct world *w = *state;

	add_filter(w, "after-socket", "EMFILE");
	const struct verdict verdict = open_socket(w, 3, AF_INET, SOCK_STREAM | FLAGS, 0);
	assert_answered(&verdict, ANSWER_AFTER, EMFILE);
	open_socket(w, -ENFILE, AF_INET, SOCK_STREAM, 0);
	assert_counts(w, TCP, "injected.socket=2");
	assert_int_equal(fdtable_next(w->table, 0), -1);
}

static void test_after_connect_is_injected_only(void **state)
{
	add_filter(*state, "after-connect", "ECONNRESET");
	open_tcp(*state, 3);
	const struct verdict verdict = connect_result(*state, 3, 0);
	assert_answered(&verdict, ANSWER_AFTER, ECONNRESET);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	/* That is what it is. */
	assert_string_equal(state_name(*state), "connected");
	assert_int_equal(only_socket(*state).err, ECONNRESET);
}

static void test_after_a_pending_connect_it_is_pending_no_more(void **state)
{
	add_filter(*state, "after-connect", "ECONNRESET:when=2");
	open_pending(*state, 3);
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	open_pending(*state, 4);
	assert_counts(*state, TCP, "opened=2 pending=1 inflight=2 injected.connect=1");
}

static void test_after_connect_that_goes_on_is_not_pending(void **state)
{
	add_filter(*state, "after-connect", "ECONNRESET:when=1");
	open_pending(*state, 3);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
}

static void test_after_listen_is_injected_only(void **state)
{
	add_filter(*state, "after-listen", "EADDRINUSE");
	open_tcp(*state, 3);
	listen_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.listen=1");
	assert_string_equal(state_name(*state), "listening");
}

static void test_after_accept_leaves_no_socket(void **state)
{
	struct world *w = *state;

	add_filter(w, "after-accept", "ECONNABORTED");
	open_tcp(w, 3);
	listen_result(w, 3, 0);
	accept_result(w, 3, 4);
	accept_result(w, 3, -EAGAIN);
	assert_counts(w, TCP, "opened=1 listened=1 inflight=1 injected.accept=2");
	assert_int_equal(fdtable_next(w->table, 4), -1);
}

static void test_after_close_is_closed_and_injected(void **state)
{
	struct world *w = *state;

	add_filter(w, "after-close", "EIO");
	open_tcp(w, 3);
	dup_over(w, "dup2", 3, 4, 4);
	const struct verdict verdict = close_fd(w, 3);
	assert_answered(&verdict, ANSWER_AFTER, EIO);
	assert_counts(w, TCP, "opened=1 inflight=1 injected.close=1");
	close_fd(w, 4);
	assert_counts(w, TCP, "opened=1 closed=1 injected.close=2");
}

static void test_after_close_that_could_not_be_given_counts_as_it_was(void **state)
{
	struct world *w = *state;
	const struct call call = make_call(CALL_CLOSE, 3);

	add_filter(w, "after-close", "EIO");
	open_tcp(w, 3);
	struct flight flight = begin(w, w->table, &call);
	end_value(w, w->table, &flight, 0);
	assert_counts(w, TCP, "opened=1 closed=1");
}

static void test_so_error_of_a_pending_connect_is_injected_only(void **state)
{
	add_filter(*state, "so-error", "ETIMEDOUT:when=1");
	open_pending(*state, 3);
	const struct verdict verdict = so_error(*state, 3, 0);
	assert_answered(&verdict, ANSWER_SO_ERROR, ETIMEDOUT);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.getsockopt=1");
	assert_int_equal(only_socket(*state).socket_err, ETIMEDOUT);
	assert_string_equal(state_name(*state), "connected");
	so_error(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.getsockopt=1");
}

static struct verdict nonblocking_connect(struct world *w, int fd, int64_t value)
{
	struct call call = make_call(CALL_CONNECT, fd);

	call.nonblock = true;
	return step_value(w, w->table, &call, value);
}

static void test_async_connect_is_injected_once(void **state)
{
	add_filter(*state, "fail-connect", "ETIMEDOUT:async");
	open_tcp(*state, 3);
	struct verdict verdict = nonblocking_connect(*state, 3, -EINPROGRESS);
	assert_answered(&verdict, ANSWER_ASYNC, ETIMEDOUT);
	assert_int_equal(only_socket(*state).err, EINPROGRESS);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	verdict = so_error(*state, 3, ECONNREFUSED);
	assert_answered(&verdict, ANSWER_SO_ERROR, ETIMEDOUT);
	assert_int_equal(only_socket(*state).socket_err, ETIMEDOUT);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	/* Reading it clears it. */
	verdict = so_error(*state, 3, 0);
	assert_int_equal(verdict.answer, ANSWER_NONE);
	close_fd(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1 injected.connect=1");
}

static void test_async_connect_is_asked_for_by_another(void **state)
{
	struct world *w = *state;

	add_filter(w, "fail-connect", "ETIMEDOUT:async");
	open_tcp(w, 3);
	nonblocking_connect(w, 3, -EINPROGRESS);
	const struct verdict verdict = nonblocking_connect(w, 3, -ECONNREFUSED);
	assert_answered(&verdict, ANSWER_AFTER, ETIMEDOUT);
	assert_counts(w, TCP, "opened=1 inflight=1 injected.connect=1");
	assert_int_equal(filters_tally(w->filters, 0).matched, 1);
	nonblocking_connect(w, 3, -EINPROGRESS);
	assert_int_equal(filters_tally(w->filters, 0).fired, 2);
}

static void test_async_promise_ends_with_a_disconnect(void **state)
{
	struct world *w = *state;
	const sa_family_t unspec = AF_UNSPEC;
	struct address *address = address_new(&unspec, sizeof(unspec));
	struct call call = make_call(CALL_CONNECT, 3);

	add_filter(w, "fail-connect", "ETIMEDOUT:async:when=1");
	open_tcp(w, 3);
	nonblocking_connect(w, 3, -EINPROGRESS);
	call.address = address;
	step_value(w, w->table, &call, 0);
	assert_int_equal(so_error(w, 3, 0).answer, ANSWER_NONE);
	free(address);
}

static void test_async_of_what_cannot_be_pending_comes_at_once(void **state)
{
	struct world *w = *state;

	add_filter(w, "fail-connect", "ETIMEDOUT:async");
	open_tcp(w, 3);
	struct verdict verdict = connect_result(w, 3, 0); /* blocking */
	assert_cancelled(&verdict, ETIMEDOUT);
	open_socket(w, 4, AF_UNIX, SOCK_STREAM, 0);
	verdict = nonblocking_connect(w, 4, 0);
	assert_cancelled(&verdict, ETIMEDOUT);
	open_socket(w, 5, AF_INET, SOCK_DGRAM, 0);
	verdict = nonblocking_connect(w, 5, 0);
	assert_cancelled(&verdict, ETIMEDOUT);
	assert_counts(w, TCP, "opened=1 inflight=1 injected.connect=1");
}

static void test_async_promise_outlives_a_failed_getsockopt(void **state)
{
	add_filter(*state, "fail-connect", "ETIMEDOUT:async");
	add_filter(*state, "fail-getsockopt", "ENOBUFS:when=1");
	open_tcp(*state, 3);
	nonblocking_connect(*state, 3, -EINPROGRESS);
	assert_int_equal(so_error(*state, 3, 0).action, VERDICT_CANCEL);
	const struct verdict verdict = so_error(*state, 3, 0);
	assert_answered(&verdict, ANSWER_SO_ERROR, ETIMEDOUT);
}

static void test_delay_alone_counts_nothing(void **state)
{
	struct verdict verdict;

	add_filter(*state, "delay-connect", "20ms");
	open_tcp(*state, 3);
	verdict = connect_result(*state, 3, 0);
	assert_int_equal(verdict.action, VERDICT_WATCH);
	assert_int_equal(verdict.delay_ns, 20000000);
	assert_int_equal(verdict.filter, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
}

static void test_delayed_close_is_closed(void **state)
{
	struct verdict verdict;

	add_filter(*state, "delay-close", "3us");
	open_tcp(*state, 3);
	verdict = close_fd(*state, 3);
	assert_int_equal(verdict.delay_ns, 3000);
	assert_int_not_equal(verdict.action, VERDICT_CANCEL);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

static void test_delay_before_a_failure(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-connect", "ETIMEDOUT:delay=3ms");
	open_tcp(*state, 3);
	verdict = connect_result(*state, 3, 0);
	assert_cancelled(&verdict, ETIMEDOUT);
	assert_int_equal(verdict.delay_ns, 3000000);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
}

static void test_no_filter_no_delay(void **state)
{
	struct verdict verdict;

	add_filter(*state, "fail-listen", "EINVAL");
	open_tcp(*state, 3);
	verdict = connect_result(*state, 3, 0);
	assert_int_equal(verdict.action, VERDICT_WATCH);
	assert_int_equal(verdict.delay_ns, 0);
	assert_int_equal(verdict.filter, -1);
	verdict = connect_result(*state, 7, -ENOTSOCK);
	assert_int_equal(verdict.delay_ns, 0);
	assert_int_equal(verdict.filter, -1);
}

static void test_filters_are_not_asked_for_other_descriptors(void **state)
{
	struct world *w = *state;
	static const char *const options[] = {
		"fail-connect", "fail-listen", "fail-accept", "fail-getsockopt", "fail-close"};

	for (size_t i = 0; i < 5; i++)
		add_filter(w, options[i], "EIO");
	assert_int_equal(connect_result(w, 7, -ENOTSOCK).action, VERDICT_PASS);
	assert_int_equal(listen_result(w, 7, -ENOTSOCK).action, VERDICT_PASS);
	assert_int_equal(accept_result(w, 7, -ENOTSOCK).action, VERDICT_PASS);
	assert_int_equal(so_error(w, 7, -1).action, VERDICT_PASS);
	assert_int_equal(close_fd(w, 7).action, VERDICT_PASS);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(filters_tally(w->filters, i).matched, 0);
	assert_nothing_counted(w);
}

static void test_filter_sees_the_canonical_cookie(void **state)
{
	struct world *w = *state;

	add_filter(w, "fail-socket", "EACCES:family=inet:type=stream:proto=tcp");
	assert_int_equal(open_socket(w, 3, AF_INET, SOCK_DGRAM, 0).action, VERDICT_WATCH);
	assert_int_equal(open_socket(w, 4, AF_INET, SOCK_STREAM | FLAGS, 0).action, VERDICT_CANCEL);
	assert_int_equal(filters_tally(w->filters, 0).matched, 1);
	assert_int_equal(filters_tally(w->filters, 0).fired, 1);
}

static void test_filter_sees_the_cookie_of_the_descriptor(void **state)
{
	add_filter(*state, "fail-connect", "EACCES:family=inet6");
	open_tcp(*state, 3);
	open_socket(*state, 4, AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(connect_result(*state, 3, 0).action, VERDICT_WATCH);
	assert_int_equal(connect_result(*state, 4, 0).action, VERDICT_CANCEL);
}

static void test_filter_sees_where_a_connect_goes(void **state)
{
	add_filter(*state, "fail-connect", "ECONNREFUSED:to=127.0.0.1:80");
	open_tcp(*state, 3);
	assert_int_equal(connect_to(*state, 3, "127.0.0.1", 81, 0).action, VERDICT_WATCH);
	assert_int_equal(connect_to(*state, 3, "127.0.0.1", 80, 0).action, VERDICT_CANCEL);
	assert_int_equal(connect_result(*state, 3, 0).action, VERDICT_WATCH);
}

static void test_filter_sees_the_addresses_it_asked_for(void **state)
{
	struct world *w = *state;
	struct address *local = inet_address("127.0.0.1", 80);
	struct address *peer = inet_address("127.0.0.1", 90);
	const struct call call = make_call(CALL_ACCEPT, 3);
	struct call_state call_state;

	add_filter(w, "fail-accept", "EMFILE:on=127.0.0.1:80");
	open_tcp(w, 3);
	assert_int_equal(switch_before(w->sw, w->table, &call, peer, NULL, &call_state).action,
		VERDICT_WATCH);
	switch_abandon(w->sw, &call_state);
	assert_int_equal(switch_before(w->sw, w->table, &call, local, NULL, &call_state).action,
		VERDICT_CANCEL);
	free(local);
	free(peer);
}

static void test_filter_sees_fd_and_pid(void **state)
{
	add_filter(*state, "fail-listen", "EACCES:fd=4:pid=100");
	open_tcp(*state, 3);
	open_tcp(*state, 4);
	assert_int_equal(listen_result(*state, 3, 0).action, VERDICT_WATCH);
	assert_int_equal(listen_result(*state, 4, 0).action, VERDICT_CANCEL);
}

/* ---- --count=go ---- */

static void test_go_cookie_is_raw(void **state)
{
	open_raw_tcp(*state, 3);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_OPENED), 1);
	assert_counts(*state, TCP, "");
	open_socket(*state, -EMFILE, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_counts(*state, COOKIE(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "open_failed=1");
	assert_int_equal(only_socket(*state).cookie, RAW_TCP);
}

static void test_go_every_connect_error_is_a_failure(void **state)
{
	static const int errors[] = {EINPROGRESS, EALREADY, EINTR, EISCONN, EAGAIN, ECONNREFUSED};
	const size_t count = sizeof(errors) / sizeof(*errors);

	open_raw_tcp(*state, 3);
	for (size_t i = 0; i < count; i++) {
		connect_result(*state, 3, -errors[i]);
		assert_int_equal(counter(*state, RAW_TCP, COUNTER_CONNECT_FAILED), i + 1);
	}
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CONNECTED), 0);
	connect_result(*state, 3, 0);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CONNECTED), 1);
}

static void test_go_every_accept_error_is_a_failure(void **state)
{
	static const int errors[] = {EAGAIN, EINTR, ECONNABORTED};

	open_raw_tcp(*state, 3);
	for (size_t i = 0; i < 3; i++) {
		accept_result(*state, 3, -errors[i]);
		assert_int_equal(counter(*state, RAW_TCP, COUNTER_ACCEPT_FAILED), i + 1);
	}
	accept_result(*state, 3, 4);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_ACCEPTED), 1);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_ACCEPT_FAILED), 3);
}

static void test_go_every_good_so_error_is_connected(void **state)
{
	open_raw_tcp(*state, 3);
	so_error(*state, 3, 0);
	connect_result(*state, 3, -EINPROGRESS);
	so_error(*state, 3, 0);
	so_error(*state, 3, 0);
	so_error(*state, 3, EISCONN);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CONNECTED), 4);
	so_error(*state, 3, ECONNREFUSED);
	so_error(*state, 3, -1);
	getsockopt_result(*state, 3, SOL_SOCKET, SO_TYPE, 0, -1);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CONNECTED), 4);
	/* The EINPROGRESS, and nothing for the ECONNREFUSED that SO_ERROR gave. */
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CONNECT_FAILED), 1);
}

static void test_go_listen(void **state)
{
	open_raw_tcp(*state, 3);
	listen_result(*state, 3, -EADDRINUSE);
	listen_result(*state, 3, 0);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_LISTENED), 1);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_LISTEN_FAILED), 1);
}

static void test_go_close_of_a_returned_descriptor_is_closed(void **state)
{
	open_raw_tcp(*state, 3);
	accept_result(*state, 3, 4);
	close_fd(*state, 4);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CLOSED), 1);
	close_fd(*state, 3);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CLOSED), 2);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_INFLIGHT), 0);
}

static void test_go_close_of_a_shared_table(void **state)
{
	struct world *w = *state;
	struct flight first, second;

	open_raw_tcp(w, 3);
	fdtable_share(w->table);
	first = begin_close(w, 3, PARENT);
	second = begin_close(w, 3, OTHER_THREAD);
	end_value(w, w->table, &first, 0);
	end_value(w, w->table, &second, -EBADF);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_CLOSED), 1);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_CLOSE_FAILED), 1);
}

static void test_go_dups_are_not_counted(void **state)
{
	open_raw_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	close_fd(*state, 4);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_OPENED), 1);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CLOSED), 0);
	close_fd(*state, 3);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CLOSED), 1);
}

static void test_go_returned_descriptor_stays_one(void **state)
{
	struct world *w = *state;

	open_raw_tcp(w, 3);
	dup_over(w, "dup2", 3, 3, 3);
	adopt(w, 3, w->inode);
	close_fd(w, 3);
	assert_counts(w, RAW_TCP, "opened=1 closed=1");
}

/* Go's package knows a socket by the descriptor that socket or accept returned. */
static void test_go_calls_on_a_dup_are_not_counted(void **state)
{
	open_raw_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	connect_result(*state, 4, 0);
	so_error(*state, 4, 0);
	listen_result(*state, 4, -EINVAL);
	accept_result(*state, 4, -EINVAL);
	assert_counts(*state, RAW_TCP, "opened=1 inflight=1");
}

static void test_go_closed_although_a_dup_is_open(void **state)
{
	open_raw_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	assert_int_equal(inflight_rows(*state), 1);
	close_fd(*state, 3);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CLOSED), 1);
	assert_int_equal(inflight_rows(*state), 0);
	close_fd(*state, 4);
	assert_int_equal(counter(*state, RAW_TCP, COUNTER_CLOSED), 1);
}

static void test_go_close_in_a_fork_is_not_counted(void **state)
{
	struct world *w = *state;
	struct fdtable *child;

	open_raw_tcp(w, 3);
	child = fork_table(w);
	close_in(w, child, 3);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_CLOSED), 0);
	close_fd(w, 3);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_CLOSED), 1);
	release(w, child, CHILD, "child");
}

static void test_go_only_close_is_closed(void **state)
{
	struct world *w = *state;

	for (int fd = 3; fd < 6; fd++)
		open_raw_tcp(w, fd);
	dup_over(w, "dup2", 9, 3, 3);
	close_range_in(w, w->table, 4, 4, 0);
	gone(w, 5);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_CLOSED), 0);
}

static void test_go_socket_of_a_closed_duplicate_is_inflight(void **state)
{
	open_raw_tcp(*state, 3);
	dup_fd(*state, "dup", 3, 4);
	close_fd(*state, 4);
	assert_int_equal(inflight_rows(*state), 1);
}

static void test_go_socketpair_is_not_counted(void **state)
{
	struct world *w = *state;
	struct call call = make_call(CALL_SOCKETPAIR, -1);

	call.family = AF_UNIX;
	call.type = SOCK_STREAM;
	step_value(w, w->table, &call, -EMFILE);
	open_pair(w, 3, 4);
	close_fd(w, 3);
	close_fd(w, 4);
	assert_nothing_counted(w);
}

static void test_go_adopted_is_not_counted(void **state)
{
	adopt(*state, 3, 900);
	connect_result(*state, 3, 0);
	close_fd(*state, 3);
	assert_nothing_counted(*state);
}

static void test_go_adopted_then_seen_opened_is_counted(void **state)
{
	struct world *w = *state;
	struct call call = socket_call(AF_INET, SOCK_STREAM | FLAGS, 0);
	struct flight opening = begin(w, w->table, &call);

	adopt(w, 3, 8000);
	end_socket(w, &opening, 3, 8000);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_OPENED), 1);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_ADOPTED), 0);
	assert_counts(w, TCP, "");
	close_fd(w, 3);
	assert_int_equal(counter(w, RAW_TCP, COUNTER_CLOSED), 1);
}

static void test_go_answers_count_nowhere_else(void **state)
{
	add_filter(*state, "after-close", "EIO");
	add_filter(*state, "after-connect", "EIO");
	add_filter(*state, "so-error", "EIO:when=1");
	open_raw_tcp(*state, 3);
	connect_result(*state, 3, 0);
	so_error(*state, 3, 0);
	so_error(*state, 3, 0);
	close_fd(*state, 3);
	assert_counts(*state, RAW_TCP,
		"opened=1 connected=1 injected.connect=1 injected.getsockopt=1 injected.close=1");
}

static void test_go_injected_counts_nowhere_else(void **state)
{
	add_filter(*state, "fail-connect", "ECONNREFUSED:proto=tcp");
	open_raw_tcp(*state, 3);
	/* Conditions look at the canonical cookie whatever the rules of counting. */
	assert_int_equal(connect_result(*state, 3, 0).action, VERDICT_CANCEL);
	assert_counts(*state, RAW_TCP, "opened=1 inflight=1 injected.connect=1");
}

/* ---- snapshots ---- */

/* ---- calls about which somebody is asked ---- */

static struct verdict ask(struct world *w, const struct call *call, struct call_state *asked)
{
	const struct verdict verdict = switch_before(w->sw, w->table, call, NULL, NULL, asked);

	assert_int_equal(verdict.action, VERDICT_ASK);
	assert_law(w);
	return verdict;
}

/* The reply, and what comes of it. */
static struct verdict reply(struct world *w, struct verdict verdict, struct call_state *asked,
	enum answer answer, int error)
{
	const struct reply said = {.answer = answer, .error = error, .delay_ns = 5};

	switch_reply(w->sw, w->table, asked, &said, &verdict);
	assert_int_equal(verdict.delay_ns, 5);
	assert_law(w);
	return verdict;
}

static void test_asked_call_that_fails_is_injected_only(void **state)
{
	const struct call call = make_call(CALL_CONNECT, 3);
	struct call_state asked;

	add_filter(*state, "fail-connect", "ask");
	open_tcp(*state, 3);
	struct verdict verdict = ask(*state, &call, &asked);
	assert_counts(*state, TCP, "opened=1 inflight=1");
	verdict = reply(*state, verdict, &asked, ANSWER_CANCEL, EHOSTDOWN);
	assert_cancelled(&verdict, EHOSTDOWN);
	assert_counts(*state, TCP, "opened=1 inflight=1 injected.connect=1");
	assert_null(asked.sock);
}

static void test_asked_call_that_passes_counts_as_always(void **state)
{
	const struct call call = make_call(CALL_CONNECT, 3);
	struct call_state asked;
	struct world *w = *state;

	add_filter(w, "fail-connect", "ask");
	open_tcp(w, 3);
	struct verdict verdict = ask(w, &call, &asked);
	verdict = reply(w, verdict, &asked, ANSWER_NONE, 0);
	assert_int_equal(verdict.action, VERDICT_WATCH);
	const struct result result = returns(0);
	switch_after(w->sw, w->table, &asked, &result, w->now_ns);
	assert_counts(w, TCP, "opened=1 connected=1 inflight=1");
}

static void test_asked_call_may_fail_after_it_ran(void **state)
{
	const struct call call = make_call(CALL_CONNECT, 3);
	struct call_state asked;

	add_filter(*state, "fail-connect", "ask");
	open_tcp(*state, 3);
	struct verdict verdict = ask(*state, &call, &asked);
	verdict = reply(*state, verdict, &asked, ANSWER_AFTER, EPERM);
	assert_answered(&verdict, ANSWER_AFTER, EPERM);
	switch_abandon(((struct world *)*state)->sw, &asked);
}

/* Another task closes the socket meanwhile, and its number is another's by then. */
static void test_asked_close_of_what_is_gone(void **state)
{
	const struct call call = make_call(CALL_CLOSE, 3);
	struct call_state asked;
	struct world *w = *state;

	add_filter(w, "fail-close", "ask");
	open_tcp(w, 3);
	struct verdict verdict = ask(w, &call, &asked);
	gone(w, 3);
	open_socket(w, 3, AF_INET, SOCK_DGRAM, 0);
	verdict = reply(w, verdict, &asked, ANSWER_NONE, 0);
	assert_int_equal(verdict.action, VERDICT_WATCH);
	const struct result result = returns(0);
	switch_after(w->sw, w->table, &asked, &result, w->now_ns);
	assert_counts(w, TCP, "opened=1 closed=1");
	assert_counts(w, UDP, "opened=1 inflight=1");
}

static void test_asked_call_of_a_task_that_dies(void **state)
{
	const struct call call = make_call(CALL_CONNECT, 3);
	struct call_state asked;

	add_filter(*state, "fail-connect", "ask");
	open_tcp(*state, 3);
	ask(*state, &call, &asked);
	gone(*state, 3);
	switch_abandon(((struct world *)*state)->sw, &asked);
	assert_counts(*state, TCP, "opened=1 closed=1");
}

/* ---- counting begins anew ---- */

static void reset(struct world *w)
{
	switch_reset(w->sw);
	assert_law(w);
}

static void test_reset_adopts_what_is_open(void **state)
{
	open_tcp(*state, 3);
	open_tcp(*state, 4);
	close_fd(*state, 4);
	connect_result(*state, 3, 0);
	reset(*state);
	assert_counts(*state, TCP, "adopted=1 inflight=1");
	close_fd(*state, 3);
	open_tcp(*state, 3);
	assert_counts(*state, TCP, "opened=1 closed=1 adopted=1 inflight=1");
}

static void test_reset_keeps_pending_connects(void **state)
{
	open_pending(*state, 3);
	reset(*state);
	assert_counts(*state, TCP, "pending=1 adopted=1 inflight=1");
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "connected=1 adopted=1 inflight=1");
}

/* What was settled is not counted back out of the counters that began anew. */
static void test_reset_forgets_what_was_settled(void **state)
{
	struct world *w = *state;

	open_pending(w, 3);
	switch_settle(w->sw, w->table, 3, SOCKET_CONNECTED);
	assert_counts(w, TCP, "opened=1 connected=1 inflight=1");
	reset(w);
	so_error(w, 3, 0);
	assert_counts(w, TCP, "adopted=1 inflight=1");
}

static void test_socket_that_comes_back_after_reset_is_adopted(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	close_fd(w, 3);
	reset(w);
	assert_counts(w, TCP, "");
	adopt(w, 5, w->inode);
	assert_counts(w, TCP, "adopted=1 inflight=1");
}

/* A call holds it over the reset, and then it turns out to be open still. */
static void test_held_socket_that_comes_back_after_reset_is_adopted(void **state)
{
	const struct call call = make_call(CALL_DUP, 3);
	struct world *w = *state;

	open_tcp(w, 3);
	struct flight flight = begin(w, w->table, &call);
	gone(w, 3);
	reset(w);
	end_value(w, w->table, &flight, 4);
	assert_counts(w, TCP, "adopted=1 inflight=1");
}

static void test_reset_forgets_what_was_left(void **state)
{
	struct world *w = *state;

	open_tcp(w, 3);
	struct fdtable *const copy = fork_table(w);
	open_tcp(w, 4);
	release_own(w, PARENT, "program");
	assert_counts(w, TCP, "opened=2 inflight=2");
	reset(w);
	assert_counts(w, TCP, "adopted=1 inflight=1");
	release(w, copy, PARENT + 1, "child");
	assert_counts(w, TCP, "adopted=1 inflight=1");
}

/* The first connect(2) after it returns 0 for the same connection. */
static void test_connect_that_so_error_told_of_counts_once(void **state)
{
	open_pending(*state, 3);
	so_error(*state, 3, 0);
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 inflight=1");
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=2 inflight=1");
}

static void test_connect_after_so_error_told_of_a_failure_counts(void **state)
{
	open_pending(*state, 3);
	so_error(*state, 3, ECONNREFUSED);
	connect_result(*state, 3, 0);
	assert_counts(*state, TCP, "opened=1 connected=1 connect_failed=1 inflight=1");
}

static void test_go_reset_counts_nothing_adopted(void **state)
{
	open_raw_tcp(*state, 3);
	reset(*state);
	close_fd(*state, 3);
	assert_counts(*state, RAW_TCP, "closed=1");
}

static void test_snapshot_is_sorted(void **state)
{
	struct world *w = *state;
	static const int fds[] = {9, 4, 7, 5};
	struct snapshot snapshot;

	open_socket(w, 9, AF_INET6, SOCK_STREAM, 0);
	open_socket(w, 4, AF_UNIX, SOCK_DGRAM, 0);
	open_socket(w, 7, AF_INET, SOCK_DGRAM, 0);
	open_tcp(w, 5);
	open_socket(w, -EACCES, AF_PACKET, SOCK_RAW, 3);
	assert_int_equal(switch_snapshot(w->sw, 0, &snapshot), 0);
	assert_int_equal(snapshot.stats_count, 5);
	for (size_t i = 1; i < snapshot.stats_count; i++)
		assert_true(snapshot.stats[i - 1].cookie < snapshot.stats[i].cookie);
	assert_int_equal(snapshot.sockets_count, 4);
	for (size_t i = 0; i < snapshot.sockets_count; i++) {
		assert_int_equal(snapshot.sockets[i].id, i + 1);
		assert_int_equal(snapshot.sockets[i].fd, fds[i]);
	}
	snapshot_clear(&snapshot);
	assert_null(snapshot.stats);
	assert_null(snapshot.sockets);
	assert_int_equal(snapshot.stats_count + snapshot.sockets_count, 0);
}

static void test_rows_stay_sorted_when_sockets_come_and_go(void **state)
{
	struct world *w = *state;
	struct snapshot snapshot;
	uint64_t last = 0;

	for (int round = 0; round < 3; round++)
		for (int fd = 3; fd < 40; fd++)
			if ((fd + round) % 3)
				open_tcp(w, fd);
			else
				close_fd(w, fd);
	assert_int_equal(switch_snapshot(w->sw, 0, &snapshot), 0);
	for (size_t i = 0; i < snapshot.sockets_count; i++) {
		assert_true(snapshot.sockets[i].id > last);
		last = snapshot.sockets[i].id;
	}
	snapshot_clear(&snapshot);
}

static void test_taken_back_socket_keeps_its_row(void **state)
{
	struct world *w = *state;
	struct snapshot snapshot;

	open_tcp(w, 3);
	open_tcp(w, 4);
	close_fd(w, 3);
	adopt(w, 5, w->inode - 1);
	assert_int_equal(switch_snapshot(w->sw, 0, &snapshot), 0);
	assert_int_equal(snapshot.sockets_count, 2);
	assert_int_equal(snapshot.sockets[0].id, 1);
	assert_int_equal(snapshot.sockets[0].fd, 5);
	assert_int_equal(snapshot.sockets[1].id, 2);
	snapshot_clear(&snapshot);
}

static void test_snapshot_outlives_the_switch(void **state)
{
	struct switchboard *sw = switch_new(COUNT_SOCKTEST, NULL);
	struct world other = {.sw = sw, .table = fdtable_new(), .inode = 1};
	struct snapshot snapshot;
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	open_tcp(&other, 3);
	connect_to(&other, 3, "127.0.0.1", 80, 0);
	assert_int_equal(switch_snapshot(sw, 0, &snapshot), 0);
	connect_to(&other, 3, "127.0.0.2", 81, 0);
	close_fd(&other, 3);
	release_own(&other, PARENT, "program");
	switch_free(sw);
	assert_int_equal(snapshot.stats_count, 1);
	assert_int_equal(snapshot.stats[0].count[COUNTER_CONNECTED], 1);
	assert_int_equal(snapshot.stats[0].count[COUNTER_INFLIGHT], 1);
	assert_int_equal(snapshot.sockets_count, 1);
	assert_string_equal(address_text(snapshot.sockets[0].peer, text), "127.0.0.1:80");
	assert_string_equal(snapshot.sockets[0].opened_by.call, "socket");
	snapshot_clear(&snapshot);
}

static void test_snapshot_changes_nothing(void **state)
{
	open_pending(*state, 3);
	for (int i = 0; i < 3; i++)
		assert_counts(*state, TCP, "opened=1 pending=1 inflight=1");
	close_fd(*state, 3);
	assert_int_equal(counter(*state, TCP, COUNTER_CLOSED), 1);
	assert_int_equal(counter(*state, TCP, COUNTER_INFLIGHT), 0);
}

static void test_empty_snapshot(void **state)
{
	const struct world *w = *state;
	struct snapshot snapshot;

	assert_int_equal(switch_snapshot(w->sw, 0, &snapshot), 0);
	assert_int_equal(snapshot.stats_count, 0);
	assert_int_equal(snapshot.sockets_count, 0);
	snapshot_clear(&snapshot);
}

/* ---- bounds ---- */

static void test_short_sockets_do_not_grow_memory(void **state)
{
	enum { WARM_UP = 20000, SOCKETS = 100000 };
	struct world *w = *state;
	size_t before;

	for (int i = 0; i < WARM_UP; i++)
		open_and_close(w, 3 + i % 7);
	before = mallinfo2().uordblks;
	for (int i = 0; i < SOCKETS; i++)
		open_and_close(w, 3 + i % 7);
	assert_in_range(mallinfo2().uordblks, 0, before + 64 * 1024);
	assert_counts(w, TCP, "opened=120000 closed=120000");
}

/* Of those that were closed as many are remembered in short as there is room for. */
static void test_short_adopted_sockets_do_not_grow_memory(void **state)
{
	enum { WARM_UP = 1200000, SOCKETS = 100000 };
	struct world *w = *state;
	const struct caller by = {.pid = PARENT, .tid = PARENT};
	size_t before = 0;

	for (int i = 0; i < WARM_UP + SOCKETS; i++) {
		const struct sock_description description = {
			.inode = ++w->inode, .family = AF_UNIX, .type = SOCK_STREAM};

		if (i == WARM_UP)
			before = mallinfo2().uordblks;
		switch_adopt(w->sw, w->table, 3, &description, &by, 0);
		switch_gone(w->sw, w->table, 3);
	}
	assert_in_range(mallinfo2().uordblks, 0, before + 64 * 1024);
	assert_counts(w, UNIX, "closed=1300000 adopted=1300000");
}

static void test_short_processes_do_not_grow_memory(void **state)
{
	enum { WARM_UP = 1000, PROCESSES = 10000 };
	struct world *w = *state;
	size_t before = 0;

	for (int fd = 3; fd < 20; fd++)
		open_tcp(w, fd);
	for (int i = 0; i < WARM_UP + PROCESSES; i++) {
		struct fdtable *child = switch_table_copy(w->sw, w->table);

		if (i == WARM_UP)
			before = mallinfo2().uordblks;
		switch_table_release(w->sw, child, &(struct holder){.pid = CHILD});
	}
	assert_in_range(mallinfo2().uordblks, 0, before + 64 * 1024);
	assert_counts(w, TCP, "opened=17 inflight=17");
}

static void test_large_descriptor(void **state)
{
	struct world *w = *state;
	struct fdtable *child;

	open_tcp(w, 3);
	dup_over(w, "dup2", 3, 1000000, 1000000);
	child = fork_table(w);
	assert_int_equal(fdtable_next(child, 4), 1000000);
	close_fd(w, 3);
	close_in(w, child, 3);
	close_in(w, child, 1000000);
	assert_counts(w, TCP, "opened=1 inflight=1");
	close_range_in(w, w->table, 4, INT_MAX, 0);
	assert_counts(w, TCP, "opened=1 closed=1");
	release(w, child, CHILD, "child");
}

int main(void)
{
#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_GO(name) cmocka_unit_test_setup_teardown(name, setup_go, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_socket_is_opened),
		TEST(test_socket_cookie_is_canonical),
		TEST(test_cookies_are_counted_apart),
		TEST(test_open_failed_has_the_canonical_cookie_of_the_arguments),
		TEST(test_socketpair_is_two_opened),
		TEST(test_failed_socketpair_is_one_open_failed),
		TEST(test_reused_descriptor_closes_what_was_thought_there),
		TEST(test_reused_inode_is_another_socket),
		TEST(test_unknown_inodes_are_not_one_socket),
		TEST(test_connect_0_is_connected),
		TEST(test_connect_error_is_connect_failed),
		TEST(test_connect_in_progress_is_pending),
		TEST(test_so_error_0_settles_a_pending_connect_once),
		TEST(test_so_error_errno_fails_a_pending_connect_once),
		TEST(test_so_error_of_a_socket_that_is_not_pending_counts_nothing),
		TEST(test_unread_so_error_settles_nothing),
		TEST(test_other_options_settle_nothing),
		TEST(test_later_connect_0_settles_a_pending_one),
		TEST(test_later_connect_eisconn_settles_a_pending_one),
		TEST(test_later_connect_error_fails_a_pending_one_once),
		TEST(test_connect_settled_unasked_counts_once),
		TEST(test_so_error_overrules_what_the_kernel_said_before),
		TEST(test_connect_may_begin_anew_after_one_that_failed_unasked),
		TEST(test_ealready_is_nothing),
		TEST(test_eisconn_of_a_socket_that_is_not_pending_is_connect_failed),
		TEST(test_interrupted_inet_connect_goes_on),
		TEST(test_interrupted_inet6_connect_goes_on),
		TEST(test_interrupted_unix_connect_is_over),
		TEST(test_unix_connect_eagain_is_connect_failed),
		TEST(test_datagram_connects_each_count),
		TEST(test_connect_to_nowhere_disconnects),
		TEST(test_connect_again_after_failure_can_be_pending),
		TEST(test_pending_is_the_socket_s_not_the_descriptor_s),
		TEST(test_listen),
		TEST(test_connect_of_a_listener_leaves_it_listening),
		TEST(test_accepted_takes_the_cookie_of_the_listener),
		TEST(test_accept_errors),
		TEST(test_err_is_the_last_call_s),
		TEST(test_socket_err_is_what_so_error_last_gave),
		TEST(test_opened_by_socket),
		TEST(test_opened_by_accept4),
		TEST(test_adopted_has_no_opening_call),
		TEST(test_connect_sets_the_peer),
		TEST(test_accept_gives_the_peer),
		TEST(test_bind_sets_the_local_address),
		TEST(test_set_addresses_keeps_what_it_is_not_told),
		TEST(test_view),
		TEST(test_inode_of_a_descriptor),
		TEST(test_filters_are_those_it_was_made_with),
		TEST(test_calls_on_other_descriptors_count_nowhere),
		TEST(test_unshare_and_received_descriptors_count_nothing),
		TEST(test_close_of_an_unshared_table_needs_no_result),
		TEST(test_close_twice_is_closed_once),
		TEST(test_close_of_a_dup_is_not_closed),
		TEST(test_dups_are_the_same_socket),
		TEST(test_failed_dup_changes_nothing),
		TEST(test_dup2_over_a_socket_closes_it),
		TEST(test_dup3_of_another_file_over_a_socket_closes_it),
		TEST(test_dup2_over_one_of_two_descriptors_closes_nothing),
		TEST(test_dup2_between_descriptors_of_one_socket),
		TEST(test_dup2_onto_itself_does_nothing),
		TEST(test_close_range_closes_what_is_in_it),
		TEST(test_failed_close_range_closes_nothing),
		TEST(test_close_range_cloexec_closes_nothing_yet),
		TEST(test_close_range_unshare_leaves_the_other_task_s_table),
		TEST(test_fork_then_parent_closes_first),
		TEST(test_fork_then_child_closes_first),
		TEST(test_fork_copies_are_independent),
		TEST(test_closed_by_one_exit_and_open_in_another),
		TEST(test_last_release_makes_inflight_with_its_holder),
		TEST(test_inflight_descriptor_is_one_that_was_left),
		TEST(test_holder_without_command),
		TEST(test_long_command_is_cut),
		TEST(test_table_of_threads_goes_with_the_last),
		TEST(test_pending_at_exit_is_reported),
		TEST(test_close_of_a_shared_table_is_watched),
		TEST(test_second_of_two_closes_fails),
		TEST(test_failed_close_is_seen_before_the_other),
		TEST(test_interrupted_close_has_closed),
		TEST(test_descriptor_reused_during_a_close_stays),
		TEST(test_descriptor_reused_by_dup_during_a_close_stays),
		TEST(test_descriptor_reused_during_a_close_range_stays),
		TEST(test_accept_after_the_listener_was_closed),
		TEST(test_dup_returns_long_after_the_socket_was_closed),
		TEST(test_connect_after_the_socket_was_closed),
		TEST(test_abandoned_close_closes_nothing),
		TEST(test_abandoned_calls_count_nothing),
		TEST(test_abandon_after_the_table_went),
		TEST(test_abandon_after_the_socket_was_closed),
		TEST(test_unknown_socket_is_adopted),
		TEST(test_adopted_socket_is_counted_like_any_other),
		TEST(test_pending_connect_of_an_adopted_then_opened_socket),
		TEST(test_description_of_an_adopted_socket_is_reported),
		TEST(test_known_inode_is_another_descriptor),
		TEST(test_adopting_what_the_table_holds_changes_nothing),
		TEST(test_adopting_over_another_socket_closes_that),
		TEST(test_socket_thought_closed_is_taken_back),
		TEST(test_socket_left_by_an_exit_is_taken_back),
		TEST(test_closed_long_ago_and_received_is_the_same),
		TEST(test_closed_longest_ago_is_forgotten),
		TEST(test_an_inode_come_round_is_another_socket),
		TEST(test_what_mptcp_accepted_as_tcp_comes_back),
		TEST(test_a_reset_forgets_what_was_closed_long_ago),
		TEST(test_a_close_that_was_not_made_closes_nothing),
		TEST(test_adopted_then_seen_opened_is_opened),
		TEST(test_adopted_then_seen_accepted_is_accepted),
		TEST(test_adopted_then_seen_in_a_pair_is_opened),
		TEST(test_adopted_and_closed_then_seen_opened_is_opened),
		TEST(test_gone_is_closed),
		TEST(test_gone_in_a_child_is_not_closed),
		TEST(test_cancelled_socket_is_injected_only),
		TEST(test_cancelled_connect_is_injected_only),
		TEST(test_injected_errnos_count_nowhere_else),
		TEST(test_cancelled_listen_is_injected_only),
		TEST(test_cancelled_accept_is_injected_only),
		TEST(test_cancelled_getsockopt_is_injected_and_settles_nothing),
		TEST(test_cancelled_close_leaves_it_open),
		TEST(test_fail_close_is_for_close_alone),
		TEST(test_fail_socket_is_not_for_socketpair),
		TEST(test_after_socket_leaves_no_socket),
		TEST(test_after_connect_is_injected_only),
		TEST(test_after_a_pending_connect_it_is_pending_no_more),
		TEST(test_after_connect_that_goes_on_is_not_pending),
		TEST(test_after_listen_is_injected_only),
		TEST(test_after_accept_leaves_no_socket),
		TEST(test_after_close_is_closed_and_injected),
		TEST(test_after_close_that_could_not_be_given_counts_as_it_was),
		TEST(test_so_error_of_a_pending_connect_is_injected_only),
		TEST(test_async_connect_is_injected_once),
		TEST(test_async_connect_is_asked_for_by_another),
		TEST(test_async_promise_ends_with_a_disconnect),
		TEST(test_async_of_what_cannot_be_pending_comes_at_once),
		TEST(test_async_promise_outlives_a_failed_getsockopt),
		TEST(test_delay_alone_counts_nothing),
		TEST(test_delayed_close_is_closed),
		TEST(test_delay_before_a_failure),
		TEST(test_no_filter_no_delay),
		TEST(test_filters_are_not_asked_for_other_descriptors),
		TEST(test_filter_sees_the_canonical_cookie),
		TEST(test_filter_sees_the_cookie_of_the_descriptor),
		TEST(test_filter_sees_where_a_connect_goes),
		TEST(test_filter_sees_the_addresses_it_asked_for),
		TEST(test_filter_sees_fd_and_pid),
		TEST_GO(test_go_cookie_is_raw),
		TEST_GO(test_go_every_connect_error_is_a_failure),
		TEST_GO(test_go_every_accept_error_is_a_failure),
		TEST_GO(test_go_every_good_so_error_is_connected),
		TEST_GO(test_go_listen),
		TEST_GO(test_go_close_of_a_returned_descriptor_is_closed),
		TEST_GO(test_go_close_of_a_shared_table),
		TEST_GO(test_go_dups_are_not_counted),
		TEST_GO(test_go_returned_descriptor_stays_one),
		TEST_GO(test_go_calls_on_a_dup_are_not_counted),
		TEST_GO(test_go_closed_although_a_dup_is_open),
		TEST_GO(test_go_close_in_a_fork_is_not_counted),
		TEST_GO(test_go_only_close_is_closed),
		TEST_GO(test_go_socket_of_a_closed_duplicate_is_inflight),
		TEST_GO(test_go_socketpair_is_not_counted),
		TEST_GO(test_go_adopted_is_not_counted),
		TEST_GO(test_go_adopted_then_seen_opened_is_counted),
		TEST_GO(test_go_answers_count_nowhere_else),
		TEST_GO(test_go_injected_counts_nowhere_else),
		TEST(test_asked_call_that_fails_is_injected_only),
		TEST(test_asked_call_that_passes_counts_as_always),
		TEST(test_asked_call_may_fail_after_it_ran),
		TEST(test_asked_close_of_what_is_gone),
		TEST(test_asked_call_of_a_task_that_dies),
		TEST(test_reset_adopts_what_is_open),
		TEST(test_reset_keeps_pending_connects),
		TEST(test_so_error_of_0_before_the_connect_has_ended),
		TEST(test_so_error_of_0_after_another_call_was_told),
		TEST(test_so_error_of_0_after_the_kernel_said_that_it_failed),
		TEST(test_a_disconnect_does_not_tell_how_the_connect_ended),
		TEST(test_a_disconnect_counts_alike_whatever_the_program_was_told),
		TEST(test_reset_forgets_what_was_settled),
		TEST(test_socket_that_comes_back_after_reset_is_adopted),
		TEST(test_held_socket_that_comes_back_after_reset_is_adopted),
		TEST(test_reset_forgets_what_was_left),
		TEST_GO(test_go_reset_counts_nothing_adopted),
		TEST(test_connect_that_so_error_told_of_counts_once),
		TEST(test_connect_after_so_error_told_of_a_failure_counts),
		TEST(test_snapshot_is_sorted),
		TEST(test_rows_stay_sorted_when_sockets_come_and_go),
		TEST(test_taken_back_socket_keeps_its_row),
		TEST(test_snapshot_outlives_the_switch),
		TEST(test_snapshot_changes_nothing),
		TEST(test_empty_snapshot),
		TEST(test_short_sockets_do_not_grow_memory),
		TEST(test_short_adopted_sockets_do_not_grow_memory),
		TEST(test_short_processes_do_not_grow_memory),
		TEST(test_large_descriptor),
	};
#undef TEST
#undef TEST_GO

	return cmocka_run_group_tests(tests, NULL, NULL);
}
