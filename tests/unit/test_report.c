/* Reports of snapshots made by hand: exact bytes where a format promises them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "report/report.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const curl[] = {"curl", "http://127.0.0.1:8080/", NULL};

/* What a format, an event or the warnings write, as a string of the caller's. */
struct written {
	char *text;
	size_t length;
	FILE *stream;
};

static void written_open(struct written *written)
{
	*written = (struct written){0};
	written->stream = open_memstream(&written->text, &written->length);
	assert_non_null(written->stream);
}

static char *written_close(struct written *written)
{
	assert_int_equal(fclose(written->stream), 0);
	return written->text;
}

static char *render_styled(
	const char *format, const struct report *report, const struct report_style *style)
{
	struct written written;

	written_open(&written);
	assert_int_equal(report_format_find(format)->write(report, style, written.stream), 0);
	return written_close(&written);
}

static char *render(const char *format, const struct report *report)
{
	const struct report_style style = {0};

	return render_styled(format, report, &style);
}

static json_t *render_json(const struct report *report)
{
	char *text = render("json", report);
	json_error_t error;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("%s at %d: %s", error.text, error.position, text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	return root;
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in:\n%s", part, text);
}

static struct address *inet(const char *ip, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
	return address_new(&in, sizeof(in));
}

static struct address *inet6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
	return address_new(&in6, sizeof(in6));
}

static struct address *unix_path(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path, path, strlen(path));
	return address_new(&un, offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

/* One TCP client whose connects failed: what most tests start from. */
struct client {
	struct sockstat stat;
	struct socket_row row;
	struct snapshot snapshot;
	struct report report;
};

static void client_init(struct client *client)
{
	*client = (struct client){
		.stat = {.cookie = cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP)},
		.row = {.id = 7,
			.pid = 1234,
			.command = "curl",
			.fd = 3,
			.cookie = cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP),
			.state = SOCKET_CONNECTED,
			.err = ECONNREFUSED,
			.opened_by =
				{.pid = 1234, .tid = 1234, .call = "socket", .age_ns = 1500000}},
	};
	client->stat.count[COUNTER_OPENED] = 3;
	client->stat.count[COUNTER_CONNECT_FAILED] = 2;
	client->stat.count[COUNTER_CLOSED] = 2;
	client->stat.count[COUNTER_INFLIGHT] = 1;
	client->row.local = inet("127.0.0.1", 40000);
	client->row.peer = inet("127.0.0.1", 80);
	client->snapshot = (struct snapshot){
		.stats = &client->stat,
		.stats_count = 1,
		.sockets = &client->row,
		.sockets_count = 1,
	};
	client->report = (struct report){
		.command = curl,
		.duration_ns = 12000000,
		.snapshot = &client->snapshot,
		.law = true,
	};
}

static void client_clear(struct client *client)
{
	free(client->row.local);
	free(client->row.peer);
}

static const struct snapshot nothing;
static const struct report report_of_nothing = {.command = curl, .snapshot = &nothing};

static void formats_are_found_by_name(void **state)
{
	static const char *const names[] = {"table", "json", "csv", "go", "tap", "junit"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_string_equal(report_formats[i]->name, names[i]);
		assert_ptr_equal(report_format_find(names[i]), report_formats[i]);
	}
	assert_null(report_formats[COUNT(names)]);
	assert_null(report_format_find("xml"));
	assert_null(report_format_find(""));
}

static void csv_has_a_header_and_a_line_for_each_cookie(void **state)
{
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	client.stat.injected[CALL_ACCEPT] = 5;
	text = render("csv", &client.report);
	assert_string_equal(text,
		"cookie,family,type,protocol,opened,connected,listened,accepted,closed,open_failed,"
		"connect_failed,listen_failed,accept_failed,close_failed,pending,would_block,"
		"interrupted,adopted,inflight,injected_socket,injected_connect,injected_listen,"
		"injected_accept,injected_getsockopt,injected_close\r\n"
		"0x0002000000010006,inet,stream,tcp,3,0,0,0,2,0,2,0,0,0,0,0,0,0,1,0,0,0,5,0,0\r\n");
	free(text);
	client_clear(&client);
}

static void go_prints_the_strings_of_the_package(void **state)
{
	struct sockstat stat = {.cookie = cookie_raw(AF_INET, SOCK_STREAM, 0)};
	struct socket_row row = {
		.fd = 3,
		.cookie = cookie_raw(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		.opened_by = {.call = "socket"},
	};
	struct snapshot snapshot = {&stat, 1, &row, 1};
	struct report report = {.command = curl, .snapshot = &snapshot};
	char *text;

	(void)state;
	stat.count[COUNTER_OPENED] = stat.count[COUNTER_CONNECTED] = stat.count[COUNTER_CLOSED] = 1;
	text = render("go", &report);
	assert_string_equal(text,
		"Socket statistical information:\n"
		"(inet4, stream, default): opened=1 connected=1 listened=0 accepted=0 closed=1"
		" openfailed=0 connectfailed=0 listenfailed=0 acceptfailed=0 closefailed=0\n"
		"Inflight sockets:\n"
		"3: (inet4, stream|0x80800, default): syscallerr=<nil> socketerr=<nil>\n");
	free(text);
}

static void go_prints_each_counter_under_its_own_name(void **state)
{
	struct sockstat stat = {.cookie = cookie_raw(AF_INET6, SOCK_DGRAM, IPPROTO_UDP)};
	struct snapshot snapshot = {&stat, 1, NULL, 0};
	struct report report = {.command = curl, .snapshot = &snapshot};
	char *text;

	(void)state;
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		stat.count[i] = 10 + i;
	text = render("go", &report);
	assert_contains(text,
		"(inet6, datagram, udp): opened=10 connected=11 listened=12 accepted=13 closed=14"
		" openfailed=15 connectfailed=16 listenfailed=17 acceptfailed=18 closefailed=19\n");
	free(text);
}

static void go_names_kinds_of_sockets_as_the_package_does(void **state)
{
	static const struct {
		int family, type, protocol;
		const char *text;
	} cases[] = {
		{AF_UNIX, SOCK_SEQPACKET, 0, "(local, seqpacket, default):"},
		{AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, "(inet6, raw, 58):"},
		{AF_NETLINK, SOCK_RDM, 16, "(16, 4, 16):"},
		{AF_INET, SOCK_STREAM, IPPROTO_TCP, "(inet4, stream, tcp):"},
		{AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262, "(inet4, stream|0x80000, 262):"},
		{AF_INET, 0x13, 0, "(inet4, 19, default):"},
		{AF_INET, -1, 0, "(inet4, 255|0xffffff00, default):"},
		{AF_INET, 0, 0, "(inet4, 0, default):"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sockstat stat = {
			.cookie = cookie_raw(cases[i].family, cases[i].type, cases[i].protocol)};
		struct snapshot snapshot = {&stat, 1, NULL, 0};
		struct report report = {.command = curl, .snapshot = &snapshot};
		char *text = render("go", &report);

		assert_contains(text, cases[i].text);
		free(text);
	}
}

static void go_prints_errors_as_syscall_errno_does(void **state)
{
	static const struct {
		int err, socket_err;
		const char *text;
	} cases[] = {
		{0, ECONNREFUSED, "syscallerr=<nil> socketerr=connection refused\n"},
		{ENOENT, 0, "syscallerr=no such file or directory socketerr=<nil>\n"},
		{EDOTDOT, EIO, "syscallerr=RFS specific error socketerr=input/output error\n"},
		{ELIBSCN, 41, "syscallerr=.lib section in a.out corrupted socketerr=errno 41\n"},
		{4095, EREMOTEIO, "syscallerr=errno 4095 socketerr=remote I/O error\n"},
#ifdef __x86_64__
#endif
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct socket_row row = {.fd = 9, .opened_by = {.call = ""}};
		struct snapshot snapshot = {NULL, 0, &row, 1};
		struct report report = {.command = curl, .snapshot = &snapshot};
		char *text;

		row.err = cases[i].err;
		row.socket_err = cases[i].socket_err;
		text = render("go", &report);
		assert_contains(text, cases[i].text);
		free(text);
	}
}

static void assert_keys(const json_t *object, const char *const *keys)
{
	void *at = json_object_iter((json_t *)(uintptr_t)object);

	for (; *keys; keys++) {
		assert_non_null(at);
		assert_string_equal(json_object_iter_key(at), *keys);
		at = json_object_iter_next((json_t *)(uintptr_t)object, at);
	}
	assert_null(at);
}

#define ASSERT_KEYS(object, ...) assert_keys(object, (const char *const[]){__VA_ARGS__, NULL})

static void assert_string_at(const json_t *object, const char *key, const char *value)
{
	const json_t *string = json_object_get(object, key);

	assert_true(json_is_string(string));
	assert_string_equal(json_string_value(string), value);
}

static void assert_integer_at(const json_t *object, const char *key, json_int_t value)
{
	const json_t *integer = json_object_get(object, key);

	assert_true(json_is_integer(integer));
	assert_int_equal(json_integer_value(integer), value);
}

static void assert_array_at(const json_t *object, const char *key, size_t size)
{
	const json_t *array = json_object_get(object, key);

	assert_true(json_is_array(array));
	assert_int_equal(json_array_size(array), size);
}

static json_t *first(const json_t *object, const char *key)
{
	return json_array_get(json_object_get(object, key), 0);
}

static void json_always_has_all_its_keys_in_order(void **state)
{
	json_t *root = render_json(&report_of_nothing);

	(void)state;
	ASSERT_KEYS(root, "schema", "command", "exit", "duration_ns", "stats", "sockets", "filters",
		"checks", "warnings");
	assert_string_at(root, "schema", "socktest/1");
	assert_array_at(root, "command", 2);
	ASSERT_KEYS(json_object_get(root, "exit"), "code");
	assert_integer_at(json_object_get(root, "exit"), "code", 0);
	assert_integer_at(root, "duration_ns", 0);
	assert_array_at(root, "stats", 0);
	assert_array_at(root, "sockets", 0);
	assert_array_at(root, "filters", 0);
	assert_array_at(root, "checks", 0);
	assert_array_at(root, "warnings", 0);
	json_decref(root);
}

static void json_tells_the_counters_of_a_cookie(void **state)
{
	struct client client;
	json_t *root, *stat, *injected;

	(void)state;
	client_init(&client);
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		client.stat.count[i] = 100 + i;
	for (unsigned i = 0; i < CALL_FILTERABLE; i++)
		client.stat.injected[i] = 200 + i;
	client.report.law = false;
	root = render_json(&client.report);
	stat = first(root, "stats");
	injected = json_object_get(stat, "injected");
	ASSERT_KEYS(stat, "cookie", "family", "type", "protocol", "opened", "connected", "listened",
		"accepted", "closed", "open_failed", "connect_failed", "listen_failed",
		"accept_failed", "close_failed", "pending", "would_block", "interrupted", "adopted",
		"inflight", "injected");
	ASSERT_KEYS(injected, "socket", "connect", "listen", "accept", "getsockopt", "close");
	assert_string_at(stat, "cookie", "0x0002000000010006");
	assert_string_at(stat, "family", "inet");
	assert_string_at(stat, "type", "stream");
	assert_string_at(stat, "protocol", "tcp");
	assert_integer_at(stat, "opened", 100);
	assert_integer_at(stat, "inflight", 114);
	assert_integer_at(injected, "socket", 200);
	assert_integer_at(injected, "close", 205);
	json_decref(root);
	client_clear(&client);
}

static void json_tells_of_an_inflight_socket(void **state)
{
	struct client client;
	json_t *root, *sock, *opened_by;

	(void)state;
	client_init(&client);
	root = render_json(&client.report);
	sock = first(root, "sockets");
	opened_by = json_object_get(sock, "opened_by");
	ASSERT_KEYS(sock, "pid", "command", "fd", "cookie", "family", "type", "protocol", "state",
		"local", "peer", "err", "socket_err", "opened_by");
	ASSERT_KEYS(opened_by, "pid", "tid", "call", "age_ns", "stack");
	assert_integer_at(sock, "pid", 1234);
	assert_string_at(sock, "command", "curl");
	assert_integer_at(sock, "fd", 3);
	assert_string_at(sock, "state", "connected");
	assert_string_at(sock, "local", "127.0.0.1:40000");
	assert_string_at(sock, "peer", "127.0.0.1:80");
	assert_string_at(sock, "err", "ECONNREFUSED");
	assert_string_at(sock, "socket_err", "");
	assert_string_at(opened_by, "call", "socket");
	assert_integer_at(opened_by, "age_ns", 1500000);
	assert_array_at(opened_by, "stack", 0);
	json_decref(root);
	client_clear(&client);
}

static void json_has_empty_strings_for_what_is_not_known(void **state)
{
	struct socket_row row = {.opened_by = {.call = ""}};
	struct snapshot snapshot = {NULL, 0, &row, 1};
	struct report report = {.command = curl, .snapshot = &snapshot};
	json_t *root = render_json(&report);
	json_t *sock = first(root, "sockets");

	(void)state;
	assert_string_at(sock, "command", "");
	assert_string_at(sock, "local", "");
	assert_string_at(sock, "peer", "");
	assert_string_at(sock, "err", "");
	assert_string_at(json_object_get(sock, "opened_by"), "call", "");
	json_decref(root);
}

static void json_tells_filters_checks_and_warnings(void **state)
{
	const struct filter_tally filter = {"--fail-connect=ECONNREFUSED", 5, 2, false};
	const struct check checks[] = {
		{"require-fired", true, ""}, {"leak-check", false, "1 left"}};
	const char *const warnings[] = {"pid 5: a C:\\path \xff"};
	struct report report = {.command = curl,
		.snapshot = &nothing,
		.filters = &filter,
		.filters_count = 1,
		.checks = checks,
		.checks_count = 2,
		.warnings = warnings,
		.warnings_count = 1};
	json_t *root = render_json(&report);
	json_t *check = first(root, "checks");

	(void)state;
	ASSERT_KEYS(first(root, "filters"), "option", "matched", "fired");
	assert_string_at(first(root, "filters"), "option", "--fail-connect=ECONNREFUSED");
	assert_integer_at(first(root, "filters"), "matched", 5);
	assert_integer_at(first(root, "filters"), "fired", 2);
	ASSERT_KEYS(check, "check", "ok", "detail");
	assert_string_at(check, "check", "require-fired");
	assert_true(json_is_true(json_object_get(check, "ok")));
	assert_string_at(check, "detail", "");
	check = json_array_get(json_object_get(root, "checks"), 1);
	assert_true(json_is_false(json_object_get(check, "ok")));
	assert_string_at(check, "detail", "1 left");
	assert_string_equal(json_string_value(first(root, "warnings")), "pid 5: a C:\\path \\xff");
	json_decref(root);
}

static void json_names_the_signal_that_ended_the_program(void **state)
{
	static const struct {
		int number;
		const char *name;
	} cases[] = {{SIGSEGV, "SIGSEGV"}, {SIGKILL, "SIGKILL"}, {36, "SIGRTMIN+2"}, {32, "SIG32"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct report report = report_of_nothing;
		json_t *root;

		report.signaled = true;
		report.status = cases[i].number;
		root = render_json(&report);
		ASSERT_KEYS(json_object_get(root, "exit"), "signal");
		assert_string_at(json_object_get(root, "exit"), "signal", cases[i].name);
		json_decref(root);
	}
}

static void json_loses_no_byte_of_the_programs_strings(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{"plain", "plain"},
		{"caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80"},
		{"\xff\xfe", "\\xff\\xfe"},
		{"\xc3\xa9\xff", "\\xc3\\xa9\\xff"},
		{"\\xff", "\\\\xff"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\x1b[31m\"\n", "\x1b[31m\"\n"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const command[] = {cases[i].bytes, NULL};
		struct report report = {.command = command, .snapshot = &nothing};
		json_t *root = render_json(&report);

		assert_string_equal(json_string_value(first(root, "command")), cases[i].text);
		json_decref(root);
	}
}

static void json_is_ascii(void **state)
{
	const char *const command[] = {"\xc2\x9b\x33\x31m", "\x1b[31m", "\xff", NULL};
	struct report report = {.command = command, .snapshot = &nothing};
	char *text = render("json", &report);

	(void)state;
	for (const char *at = text; *at; at++)
		assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
	free(text);
}

/* Allocations of jansson: left until one fails, and not freed yet. */
static int allocations, unfreed;

static void *scarce_malloc(size_t size)
{
	if (allocations-- <= 0)
		return NULL;
	unfreed++;
	return malloc(size);
}

static void counted_free(void *bytes)
{
	unfreed -= bytes != NULL;
	free(bytes);
}

static void json_without_memory_is_an_error_and_writes_nothing(void **state)
{
	const struct filter_tally filter = {"--fail-connect=ECONNREFUSED", 5, 2, false};
	const struct check check = {"require-fired", true, ""};
	const char *const warnings[] = {"careful"};
	const struct report_style style = {0};
	struct client client;
	int status = -ENOMEM;

	(void)state;
	client_init(&client);
	client.report.filters = &filter;
	client.report.checks = &check;
	client.report.warnings = warnings;
	client.report.filters_count = client.report.checks_count = client.report.warnings_count = 1;
	json_set_alloc_funcs(scarce_malloc, counted_free);
	for (int i = 0; i < 10000 && status == -ENOMEM; i++) {
		struct written written;

		written_open(&written);
		allocations = i;
		status = report_format_find("json")->write(&client.report, &style, written.stream);
		free(written_close(&written));
		assert_int_equal(unfreed, 0);
		if (status < 0)
			assert_int_equal(written.length, 0);
	}
	json_set_alloc_funcs(malloc, free);
	assert_int_equal(status, 0);
	client_clear(&client);
}

static void table_says_when_there_were_no_sockets(void **state)
{
	char *text = render("table", &report_of_nothing);

	(void)state;
	assert_string_equal(text, "no sockets\n");
	free(text);
}

static void table_shows_counters_and_inflight_sockets(void **state)
{
	struct client client;
	const struct report_style style = {.columns = 120};
	char *text;

	(void)state;
	client_init(&client);
	client.stat.injected[CALL_SOCKET] = 1;
	client.stat.injected[CALL_CONNECT] = 2;
	text = render_styled("table", &client.report, &style);
	assert_string_equal(text,
		"socket           opened  closed  connect_failed  inflight  injected\n"
		"inet/stream/tcp       3       2               2         1         3\n"
		"\n"
		"1 inflight socket\n"
		" pid  command  fd  socket           state      local            peer            "
		"age  "
		"opened\n"
		"1234  curl      3  inet/stream/tcp  connected  127.0.0.1:40000  127.0.0.1:80  "
		"1.5ms  "
		"socket by 1234\n");
	free(text);
	client_clear(&client);
}

static void table_leaves_out_columns_of_zeros(void **state)
{
	struct sockstat stats[] = {
		{.cookie = cookie_raw(AF_UNIX, SOCK_STREAM, 0), .count[COUNTER_OPEN_FAILED] = 1},
		{.cookie = cookie_raw(AF_UNIX, SOCK_DGRAM, 0), .count[COUNTER_ADOPTED] = 2},
	};
	struct snapshot snapshot = {stats, 2, NULL, 0};
	struct report report = {.command = curl, .snapshot = &snapshot};
	char *text = render("table", &report);

	(void)state;
	assert_string_equal(text, "socket         open_failed  adopted\n"
				  "unix/stream/0            1        0\n"
				  "unix/dgram/0             0        2\n"
				  "\n"
				  "no inflight sockets\n");
	free(text);
}

/* Checks that no line of the text is longer than columns or ends in a blank. */
static void assert_lines(const char *text, size_t columns)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length > columns)
			fail_msg("longer than %zu: %.*s", columns, (int)length, text);
		assert_int_equal(text[length], '\n');
		if (length > 0)
			assert_int_not_equal(text[length - 1], ' ');
		text += length + 1;
	}
}

static void table_turns_rows_that_are_too_long_for_80_columns(void **state)
{
	struct sockstat stats[6] = {
		{.cookie = cookie_raw(AF_UNIX, SOCK_STREAM, 0)},
		{.cookie = cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP)},
		{.cookie = cookie_raw(AF_INET, SOCK_DGRAM, IPPROTO_UDP)},
		{.cookie = cookie_raw(AF_INET6, SOCK_STREAM, IPPROTO_TCP)},
		{.cookie = cookie_raw(AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP)},
		{.cookie = cookie_raw(AF_NETLINK, SOCK_RAW, 15)},
	};
	struct snapshot snapshot = {stats, COUNT(stats), NULL, 0};
	struct report report = {.command = curl, .snapshot = &snapshot};
	char *text;

	(void)state;
	for (unsigned i = 0; i < COUNTER_MAX; i++)
		stats[i % COUNT(stats)].count[i] = 1000 + i;
	stats[0].injected[CALL_CLOSE] = 77;
	text = render("table", &report);
	assert_lines(text, 80);
	assert_contains(text,
		"                unix/stream/0  inet/stream/tcp  inet/dgram/udp  inet6/stream/tcp\n"
		"opened                   1000                0               0                 "
		"0\n");
	assert_contains(text, "                inet6/seqpacket/sctp  netlink/raw/15\n"
			      "opened                             0               0\n");
	assert_contains(text, "injected                   77                0               0      "
			      "           0\n");
	free(text);
}

static void table_puts_long_addresses_on_lines_of_their_own(void **state)
{
	struct client client;
	struct socket_row rows[3];
	char *text;

	(void)state;
	client_init(&client);
	rows[0] = rows[1] = rows[2] = client.row;
	rows[0].state = SOCKET_LISTENING;
	rows[0].local = unix_path("/run/\x1b[31m/x.sock");
	rows[0].peer = NULL;
	rows[0].opened_by.tid = 1240;
	rows[1].local = inet6("fe80:1111:2222:3333:4444:5555:6666:7777", 12345);
	rows[1].peer = inet6("fe80:1111:2222:3333:4444:5555:6666:8888", 80);
	rows[2].state = SOCKET_UNCONNECTED;
	rows[2].local = rows[2].peer = NULL;
	rows[2].opened_by.call = "";
	client.snapshot.sockets = rows;
	client.snapshot.sockets_count = COUNT(rows);
	text = render("table", &client.report);
	assert_contains(text,
		"\n3 inflight sockets\n"
		" pid  command  fd  socket           state          age  opened\n"
		"1234  curl      3  inet/stream/tcp  listening    1.5ms  socket by 1234/1240\n"
		"        /run/\\x1b[31m/x.sock\n"
		"1234  curl      3  inet/stream/tcp  connected    1.5ms  socket by 1234\n"
		"        [fe80:1111:2222:3333:4444:5555:6666:7777]:12345"
		" -> [fe80:1111:2222:3333:4444:5555:6666:8888]:80\n"
		"1234  curl      3  inet/stream/tcp  unconnected  1.5ms  adopted\n");
	free(text);
	free(rows[0].local);
	free(rows[1].local);
	free(rows[1].peer);
	client_clear(&client);
}

/* The longest names and numbers that the kernel has. */
static void table_puts_openers_on_lines_of_their_own(void **state)
{
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	client.row.pid = client.row.opened_by.pid = 4194303;
	client.row.opened_by.tid = 4194304;
	client.row.fd = 1000000;
	client.row.state = SOCKET_UNCONNECTED;
	client.row.cookie = cookie_raw(AF_INET6, SOCK_SEQPACKET, IPPROTO_SCTP);
	client.row.opened_by.call = "socketpair";
	strcpy(client.row.command, "fifteen-letters");
	text = render("table", &client.report);
	assert_lines(text, 80);
	assert_contains(text,
		"\n    pid  command               fd  socket                state          age\n"
		"4194303  fifteen-letters  1000000  inet6/seqpacket/sctp  unconnected  1.5ms\n"
		"        127.0.0.1:40000 -> 127.0.0.1:80\n"
		"        socketpair by 4194303/4194304\n");
	free(text);
	client_clear(&client);
}

static void table_gives_long_filters_and_checks_lines_of_their_own(void **state)
{
	const struct filter_tally filters[] = {
		{"--fail-connect=ECONNREFUSED,ETIMEDOUT:family=inet:type=stream:to=10.0.0.0/8:5432",
			12, 3, false},
		{"--delay-close=1s", 4, 0, false}};
	const struct check checks[] = {{"require-fired", false,
					       "never fired: --delay-close=1s and others of that "
					       "kind, of which there are many"},
		{"other", true, ""}};
	struct report report = {.command = curl,
		.snapshot = &nothing,
		.filters = filters,
		.filters_count = 2,
		.checks = checks,
		.checks_count = 2};
	char *text = render("table", &report);

	(void)state;
	assert_contains(text,
		"\nfilter --fail-connect=ECONNREFUSED,ETIMEDOUT:family=inet:type=stream:to="
		"10.0.0.0/8:5432\n"
		"        matched 12, fired 3\n"
		"filter --delay-close=1s\n"
		"        matched 4, never fired\n"
		"\n"
		"check require-fired: FAILED\n"
		"        never fired: --delay-close=1s and others of that kind, of which there "
		"are many\n"
		"check other: ok\n");
	free(text);
}

static void table_lists_every_inflight_socket(void **state)
{
	enum { MANY = 1000 };
	struct client client;
	struct socket_row *rows = calloc(MANY, sizeof(*rows));
	size_t lines = 0;
	char *text;

	(void)state;
	assert_non_null(rows);
	client_init(&client);
	for (int i = 0; i < MANY; i++) {
		rows[i] = client.row;
		rows[i].fd = i;
		rows[i].local = rows[i].peer = NULL;
	}
	client.snapshot.sockets = rows;
	client.snapshot.sockets_count = MANY;
	text = render("table", &client.report);
	assert_contains(text, "1000 inflight sockets\n");
	for (const char *at = text; (at = strstr(at, "  socket by 1234\n")); at++)
		lines++;
	assert_int_equal(lines, MANY);
	free(text);
	free(rows);
	client_clear(&client);
}

static void table_shows_filters_checks_and_warnings(void **state)
{
	const struct filter_tally filters[] = {{"--fail-connect=ECONNREFUSED:to=:80", 12, 3, false},
		{"--delay-close=1s", 0, 0, false}};
	const struct check checks[] = {
		{"require-fired", false, "--delay-close=1s never fired"}, {"other", true, ""}};
	const char *const warnings[] = {"one\x1b[31m", "a\\b"};
	struct report report = {.command = curl,
		.snapshot = &nothing,
		.filters = filters,
		.filters_count = 2,
		.checks = checks,
		.checks_count = 2,
		.warnings = warnings,
		.warnings_count = 2};
	char *text = render("table", &report);

	(void)state;
	assert_string_equal(text, "no sockets\n"
				  "\n"
				  "filter                              matched        fired\n"
				  "--fail-connect=ECONNREFUSED:to=:80       12            3\n"
				  "--delay-close=1s                          0  never fired\n"
				  "\n"
				  "check          result  detail\n"
				  "require-fired  FAILED  --delay-close=1s never fired\n"
				  "other          ok\n"
				  "\n"
				  "warning: one\\x1b[31m\n"
				  "warning: a\\b\n");
	free(text);
}

static void table_groups_leaks_where_asked_for(void **state)
{
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	text = render("table", &client.report);
	assert_lacks(text, "leaked");
	free(text);
	client.report.leaks = true;
	text = render("table", &client.report);
	assert_contains(text,
		"\n\nleaked  socket           opened by  first: pid  command  fd    age\n"
		"     1  inet/stream/tcp  socket           1234  curl      3  1.5ms\n");
	free(text);
	client.row.opened_by.call = "";
	text = render("table", &client.report);
	assert_contains(text, "\n\nno leaks\n");
	free(text);
	client_clear(&client);
}

/* Everything that tap and junit show. */
static const struct check some_checks[] = {
	{"require-fired", false, "never fired: --fail-connect=EIO:to=/\"a\"<b>\xff\x1b\\"},
	{"expect * opened<3", true, ""}};
static const char *const some_warnings[] = {"one & \x1b[31m", "two"};
static const char *const wild[] = {"a b", "<\"\x01\xff", NULL};
static const struct report report_with_points = {.command = wild,
	.duration_ns = 1002003004,
	.snapshot = &nothing,
	.checks = some_checks,
	.checks_count = 2,
	.warnings = some_warnings,
	.warnings_count = 2};

static void tap_has_a_point_for_the_exit_and_each_check(void **state)
{
	char *text = render("tap", &report_with_points);

	(void)state;
	assert_string_equal(text, "TAP version 13\n"
				  "1..3\n"
				  "# a b <\"\\x01\\xff\n"
				  "ok 1 - exit\n"
				  "not ok 2 - require-fired\n"
				  "  ---\n"
				  "  message: \"never fired: "
				  "--fail-connect=EIO:to=/\\\"a\\\"<b>\\xff\\x1b\\\\\"\n"
				  "  severity: fail\n"
				  "  ...\n"
				  "ok 3 - expect * opened<3\n"
				  "# warning: one & \\x1b[31m\n"
				  "# warning: two\n");
	free(text);
}

static void junit_has_a_case_for_the_exit_and_each_check(void **state)
{
	char *text = render("junit", &report_with_points);

	(void)state;
	assert_string_equal(text,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites>\n"
		" <testsuite name=\"a b &lt;&quot;\\x01\\xff\" tests=\"3\" failures=\"1\" "
		"errors=\"0\" "
		"skipped=\"0\" time=\"1.002\">\n"
		"  <testcase classname=\"socktest\" name=\"exit\"/>\n"
		"  <testcase classname=\"socktest\" name=\"require-fired\">\n"
		"   <failure message=\"never fired: "
		"--fail-connect=EIO:to=/&quot;a&quot;&lt;b&gt;\\xff\\x1b\\\"/>\n"
		"  </testcase>\n"
		"  <testcase classname=\"socktest\" name=\"expect * opened&lt;3\"/>\n"
		"  <system-err>warning: one &amp; \\x1b[31m\n"
		"warning: two\n"
		"</system-err>\n"
		" </testsuite>\n"
		"</testsuites>\n");
	free(text);
}

static void an_exit_that_was_not_0_is_a_failed_point(void **state)
{
	struct report report = report_of_nothing;
	char *text;

	(void)state;
	report.status = 3;
	text = render("tap", &report);
	assert_contains(text, "1..1\n");
	assert_contains(text, "not ok 1 - exit\n  ---\n  message: \"exited with 3\"\n");
	free(text);
	report.signaled = true;
	report.status = SIGSEGV;
	text = render("junit", &report);
	assert_contains(text, "tests=\"1\" failures=\"1\"");
	assert_contains(text, "<failure message=\"killed by SIGSEGV\"/>");
	free(text);
}

static void table_shows_failures_in_red_only_in_colour(void **state)
{
	const struct filter_tally filter = {"--delay-close=1s", 0, 0, false};
	const struct check check = {"require-fired", false, "x"};
	const struct report_style style = {.color = true, .columns = 100};
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	client.report.filters = &filter;
	client.report.checks = &check;
	client.report.filters_count = client.report.checks_count = 1;
	text = render("table", &client.report);
	assert_lacks(text, "\x1b");
	free(text);
	text = render_styled("table", &client.report, &style);
	assert_contains(text, "\x1b[31m             2\x1b[0m");
	assert_contains(text, "\x1b[31mnever fired\x1b[0m");
	assert_contains(text, "\x1b[31mFAILED\x1b[0m");
	free(text);
	client_clear(&client);
}

static void table_escapes_what_the_program_names(void **state)
{
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	strcpy(client.row.command, "\x1b[2Ja\\\xc3\xa9\n");
	text = render("table", &client.report);
	assert_contains(text, " \\x1b[2Ja\\\\\\xc3\\xa9\\n ");
	assert_lacks(text, "\x1b");
	free(text);
	client_clear(&client);
}

static void table_begins_with_how_the_program_failed(void **state)
{
	struct report report = report_of_nothing;
	char *text;

	(void)state;
	report.duration_ns = 12000000;
	report.status = 7;
	text = render("table", &report);
	assert_string_equal(text,
		"socktest: curl http://127.0.0.1:8080/ exited with 7 after 12ms\n\nno sockets\n");
	free(text);
	report.signaled = true;
	report.status = SIGSEGV;
	text = render("table", &report);
	assert_contains(text, "/ was killed by SIGSEGV after 12ms\n");
	free(text);
}

static void table_cuts_a_long_command_to_the_width(void **state)
{
	const char *const command[] = {"program", "with\nan argument that is", "long indeed",
		"and even longer than the line can hold", NULL};
	struct report report = {.command = command, .status = 1, .snapshot = &nothing};
	const struct report_style narrow = {.columns = 5};
	char *text = render("table", &report);

	(void)state;
	assert_contains(text, "socktest: program with\\nan argument that is long ");
	assert_contains(text, "... exited with 1 after ");
	assert_int_equal(strcspn(text, "\n"), 80);
	free(text);
	text = render_styled("table", &report, &narrow);
	assert_contains(text, "socktest: ... exited with 1 after ");
	free(text);
}

#ifdef NDEBUG
static void a_broken_law_is_a_warning_of_debug_builds_only(void **state)
{
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	client.stat.count[COUNTER_OPENED] = 4;
	text = render("table", &client.report);
	assert_lacks(text, "warning");
	free(text);
	client_clear(&client);
}
#else
static void a_broken_law_is_a_warning_of_debug_builds_only(void **state)
{
	static const char law[] =
		"warning: inet/stream/tcp: opened 4 + accepted 0 + adopted 0 is not "
		"closed 2 + inflight 1: this is a bug in socktest\n";
	struct written written;
	struct client client;
	char *text;
	json_t *root;

	(void)state;
	written_open(&written);
	client_init(&client);
	client.stat.count[COUNTER_OPENED] = 4;
	text = render("table", &client.report);
	assert_contains(text, law);
	free(text);
	text = render("go", &client.report);
	assert_contains(text, law);
	free(text);
	root = render_json(&client.report);
	assert_array_at(root, "warnings", 1);
	json_decref(root);
	assert_int_equal(report_write_warnings(&client.report, written.stream), 0);
	assert_string_equal(written_close(&written), law);
	free(written.text);
	client_clear(&client);
}
#endif

static void the_law_is_not_asked_for_where_it_is_not_meant_to_hold(void **state)
{
	struct client client;
	char *text;

	(void)state;
	client_init(&client);
	text = render("table", &client.report);
	assert_lacks(text, "warning");
	free(text);
	client.stat.count[COUNTER_OPENED] = 4;
	client.report.law = false;
	text = render("table", &client.report);
	assert_lacks(text, "warning");
	free(text);
	client_clear(&client);
}

static void a_full_disk_is_an_error_of_every_format(void **state)
{
	const struct report_style style = {0};
	struct client client;

	(void)state;
	client_init(&client);
	for (size_t i = 0; report_formats[i]; i++) {
		FILE *full = fopen("/dev/full", "w");

		assert_non_null(full);
		assert_int_equal(report_formats[i]->write(&client.report, &style, full), -ENOSPC);
		fclose(full);
	}
	client_clear(&client);
}

/* Events: a call and its result in, one line out. */
static int write_event_of(
	const struct recording_head *head, const struct event *event, FILE *stream)
{
	struct event_writer writer;

	assert_int_equal(events_begin(&writer, event_formats[0], stream, head), 0);
	return events_call(&writer, event);
}

static int write_event(const struct event *event, FILE *stream)
{
	return write_event_of(&(const struct recording_head){.start_ns = 0}, event, stream);
}

static char *render_event(const struct event *event)
{
	struct written written;

	written_open(&written);
	assert_int_equal(write_event(event, written.stream), 0);
	return written_close(&written);
}

static void assert_event(const struct call *call, const struct result *result, const char *line)
{
	struct event event = {.time_ns = 1234567, .call = call, .result = result};
	char *text = render_event(&event);
	char expected[256];

	snprintf(expected, sizeof(expected), "0.001234 77 %s\n", line);
	assert_string_equal(text, expected);
	free(text);
}

#define CALL(kind_, ...)                                                                           \
	(&(const struct call){.kind = (kind_), .caller = {.pid = 70, .tid = 77}, __VA_ARGS__})
#define RESULT(...) (&(const struct result){__VA_ARGS__})

static void events_show_the_call_its_socket_and_its_filter(void **state)
{
	struct address *address = inet("127.0.0.1", 80);
	struct event event = {
		.time_ns = 61000001999,
		.call = CALL(CALL_CONNECT, .name = "connect", .fd = 3, .address = address),
		.result = RESULT(.value = -ECONNREFUSED),
		.sock = {.id = 5, .cookie = cookie_raw(AF_INET, SOCK_STREAM, IPPROTO_TCP)},
		.filter = "--fail-connect=ECONNREFUSED",
	};
	char *text = render_event(&event);

	(void)state;
	assert_string_equal(text,
		"61.000001 77 connect(3, 127.0.0.1:80) = -1 ECONNREFUSED (Connection refused)"
		"  <inet/stream/tcp #5>  [--fail-connect=ECONNREFUSED]\n");
	free(text);
	event.delay_ns = 20000000;
	text = render_event(&event);
	assert_contains(text, "  [--fail-connect=ECONNREFUSED, held back 20ms]\n");
	free(text);
	free(address);
}

static void assert_event_begins(enum event_clock clock, const char *expected)
{
	const struct recording_head head = {
		.start_ns = UINT64_C(1700000000999999999), .clock = clock};
	const struct event event = {
		.begun_ns = 1234001,
		.time_ns = 61000001999,
		.call = CALL(CALL_CLOSE, .name = "close", .fd = 3),
		.result = RESULT(.value = 0),
	};
	struct written written;
	char line[256];
	char *text;

	written_open(&written);
	assert_int_equal(write_event_of(&head, &event, written.stream), 0);
	text = written_close(&written);
	snprintf(line, sizeof(line), "%s 77 close(3) = 0\n", expected);
	assert_string_equal(text, line);
	free(text);
}

static void events_begin_with_the_time_of_the_clock_that_is_asked_for(void **state)
{
	(void)state;
	setenv("TZ", "XYZ-03:30", 1);
	tzset();
	assert_event_begins(EVENT_CLOCK_RUN, "61.000001");
	assert_event_begins(EVENT_CLOCK_DAY, "01:43:21");
	assert_event_begins(EVENT_CLOCK_DAY_US, "01:43:21.001234");
	assert_event_begins(EVENT_CLOCK_EPOCH, "1700000001.001234");
	unsetenv("TZ");
	tzset();
}

static void events_decode_the_making_of_sockets(void **state)
{
	struct address *peer = inet("127.0.0.1", 5000);

	(void)state;
	assert_event(CALL(CALL_SOCKET, .name = "socket", .fd = -1, .family = AF_INET,
			     .type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			     .protocol = IPPROTO_TCP),
		RESULT(.value = 3), "socket(inet, stream|nonblock|cloexec, tcp) = 3");
	assert_event(CALL(CALL_SOCKET, .name = "socket", .fd = -1, .family = AF_INET,
			     .type = SOCK_DGRAM),
		RESULT(.value = 3), "socket(inet, dgram, 0) = 3");
	assert_event(CALL(CALL_SOCKET, .name = "socket", .fd = -1, .family = -1, .type = 99,
			     .protocol = -1),
		RESULT(.value = -EAFNOSUPPORT),
		"socket(-1, 99, -1) = -1 EAFNOSUPPORT (Address family not supported by protocol)");
	assert_event(CALL(CALL_SOCKETPAIR, .name = "socketpair", .fd = -1, .family = AF_UNIX,
			     .type = SOCK_STREAM),
		RESULT(.pair = {3, 4}), "socketpair(unix, stream, 0) = 0 [3, 4]");
	assert_event(CALL(CALL_ACCEPT, .name = "accept4", .fd = 3), RESULT(.value = 5),
		"accept4(3) = 5");
	assert_event(CALL(CALL_ACCEPT, .name = "accept4", .fd = 3, .flags = SOCK_CLOEXEC),
		RESULT(.value = 5, .peer = peer), "accept4(3, [127.0.0.1:5000], cloexec) = 5");
	assert_event(CALL(CALL_RECEIVE_FD, .name = "pidfd_getfd", .fd = -1), RESULT(.value = 6),
		"pidfd_getfd() = 6");
	free(peer);
}

static void events_decode_the_use_of_sockets(void **state)
{
	struct address *path = unix_path("/run/\x1b[31m");

	(void)state;
	assert_event(CALL(CALL_BIND, .name = "bind", .fd = 3, .address = path), RESULT(.value = 0),
		"bind(3, /run/\\x1b[31m) = 0");
	assert_event(CALL(CALL_CONNECT, .name = "connect", .fd = 3), RESULT(.value = -EFAULT),
		"connect(3, ?) = -1 EFAULT (Bad address)");
	assert_event(CALL(CALL_LISTEN, .name = "listen", .fd = 3, .backlog = 128),
		RESULT(.value = 0), "listen(3, 128) = 0");
	assert_event(CALL(CALL_GETSOCKOPT, .name = "getsockopt", .fd = 3, .level = SOL_SOCKET,
			     .optname = SO_ERROR),
		RESULT(.so_error = ECONNREFUSED),
		"getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED]) = 0");
	assert_event(CALL(CALL_GETSOCKOPT, .name = "getsockopt", .fd = 3, .level = SOL_SOCKET,
			     .optname = SO_ERROR),
		RESULT(.so_error = 0), "getsockopt(3, SOL_SOCKET, SO_ERROR, [0]) = 0");
	assert_event(CALL(CALL_GETSOCKOPT, .name = "getsockopt", .fd = 3, .level = IPPROTO_TCP,
			     .optname = 11),
		RESULT(.value = -4000, .so_error = -1), "getsockopt(3, 6, 11) = -1 4000");
	free(path);
}

static void events_decode_the_end_of_descriptors(void **state)
{
	(void)state;
	assert_event(
		CALL(CALL_CLOSE, .name = "close", .fd = 3), RESULT(.value = 0), "close(3) = 0");
	assert_event(CALL(CALL_CLOSE, .name = "close", .fd = 3), NULL, "close(3) = ?");
	assert_event(CALL(CALL_CLOSE_RANGE, .name = "close_range", .fd = -1, .first = 3,
			     .last = UINT32_MAX),
		RESULT(.value = 0), "close_range(3, 4294967295, 0) = 0");
	assert_event(
		CALL(CALL_CLOSE_RANGE, .name = "close_range", .fd = -1, .last = 9, .flags = 14),
		RESULT(.value = 0),
		"close_range(0, 9, CLOSE_RANGE_UNSHARE|CLOSE_RANGE_CLOEXEC|0x8) = 0");
	assert_event(CALL(CALL_DUP, .name = "dup", .fd = 3, .new_fd = -1), RESULT(.value = 4),
		"dup(3) = 4");
	assert_event(CALL(CALL_DUP, .name = "dup2", .fd = 3, .new_fd = 7), RESULT(.value = 7),
		"dup2(3, 7) = 7");
	assert_event(CALL(CALL_DUP, .name = "dup3", .fd = 3, .new_fd = 7, .flags = O_CLOEXEC),
		RESULT(.value = 7), "dup3(3, 7, cloexec) = 7");
	assert_event(CALL(CALL_DUP, .name = "fcntl", .fd = 3, .new_fd = -1), RESULT(.value = 4),
		"fcntl(3, F_DUPFD) = 4");
	assert_event(CALL(CALL_UNSHARE, .name = "unshare", .fd = -1, .flags = CLONE_FILES),
		RESULT(.value = 0), "unshare(CLONE_FILES) = 0");
}

/* What each write to a cookie stream got. */
struct writes {
	unsigned count;
	char last[512];
};

static ssize_t count_write(void *cookie, const char *bytes, size_t length)
{
	struct writes *writes = cookie;

	writes->count++;
	assert_true(length < sizeof(writes->last));
	memcpy(writes->last, bytes, length);
	writes->last[length] = '\0';
	return (ssize_t)length;
}

static void an_event_is_one_write(void **state)
{
	struct writes writes = {0};
	FILE *stream = fopencookie(&writes, "w", (cookie_io_functions_t){.write = count_write});
	struct event event = {
		.call = CALL(CALL_CLOSE, .name = "close", .fd = 3), .result = RESULT(.value = 0)};

	(void)state;
	assert_non_null(stream);
	assert_int_equal(setvbuf(stream, NULL, _IONBF, 0), 0);
	assert_int_equal(write_event(&event, stream), 0);
	assert_int_equal(writes.count, 1);
	assert_string_equal(writes.last, "0.000000 77 close(3) = 0\n");
	fclose(stream);
}

static void an_event_for_a_full_disk_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct event event = {
		.call = CALL(CALL_CLOSE, .name = "close", .fd = 3), .result = RESULT(.value = 0)};

	(void)state;
	assert_non_null(full);
	assert_int_equal(write_event(&event, full), -ENOSPC);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_found_by_name),
		cmocka_unit_test(csv_has_a_header_and_a_line_for_each_cookie),
		cmocka_unit_test(go_prints_the_strings_of_the_package),
		cmocka_unit_test(go_prints_each_counter_under_its_own_name),
		cmocka_unit_test(go_names_kinds_of_sockets_as_the_package_does),
		cmocka_unit_test(go_prints_errors_as_syscall_errno_does),
		cmocka_unit_test(json_always_has_all_its_keys_in_order),
		cmocka_unit_test(json_tells_the_counters_of_a_cookie),
		cmocka_unit_test(json_tells_of_an_inflight_socket),
		cmocka_unit_test(json_has_empty_strings_for_what_is_not_known),
		cmocka_unit_test(json_tells_filters_checks_and_warnings),
		cmocka_unit_test(json_names_the_signal_that_ended_the_program),
		cmocka_unit_test(json_loses_no_byte_of_the_programs_strings),
		cmocka_unit_test(json_is_ascii),
		cmocka_unit_test(json_without_memory_is_an_error_and_writes_nothing),
		cmocka_unit_test(table_says_when_there_were_no_sockets),
		cmocka_unit_test(table_shows_counters_and_inflight_sockets),
		cmocka_unit_test(table_leaves_out_columns_of_zeros),
		cmocka_unit_test(table_turns_rows_that_are_too_long_for_80_columns),
		cmocka_unit_test(table_puts_long_addresses_on_lines_of_their_own),
		cmocka_unit_test(table_puts_openers_on_lines_of_their_own),
		cmocka_unit_test(table_gives_long_filters_and_checks_lines_of_their_own),
		cmocka_unit_test(table_lists_every_inflight_socket),
		cmocka_unit_test(table_shows_filters_checks_and_warnings),
		cmocka_unit_test(table_groups_leaks_where_asked_for),
		cmocka_unit_test(tap_has_a_point_for_the_exit_and_each_check),
		cmocka_unit_test(junit_has_a_case_for_the_exit_and_each_check),
		cmocka_unit_test(an_exit_that_was_not_0_is_a_failed_point),
		cmocka_unit_test(table_shows_failures_in_red_only_in_colour),
		cmocka_unit_test(table_escapes_what_the_program_names),
		cmocka_unit_test(table_begins_with_how_the_program_failed),
		cmocka_unit_test(table_cuts_a_long_command_to_the_width),
		cmocka_unit_test(a_broken_law_is_a_warning_of_debug_builds_only),
		cmocka_unit_test(the_law_is_not_asked_for_where_it_is_not_meant_to_hold),
		cmocka_unit_test(a_full_disk_is_an_error_of_every_format),
		cmocka_unit_test(events_show_the_call_its_socket_and_its_filter),
		cmocka_unit_test(events_begin_with_the_time_of_the_clock_that_is_asked_for),
		cmocka_unit_test(events_decode_the_making_of_sockets),
		cmocka_unit_test(events_decode_the_use_of_sockets),
		cmocka_unit_test(events_decode_the_end_of_descriptors),
		cmocka_unit_test(an_event_is_one_write),
		cmocka_unit_test(an_event_for_a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
