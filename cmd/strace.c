/*
 * strace's expressions become filters:
 *
 *	-e inject=SET[:error=ERRNO][:delay_enter=TIME][:when=RANGE]
 *	-e fault=SET[:error=ERRNO][:when=RANGE]
 *
 * One system call of SET is one filter: when= counts its calls by themselves, of each thread.
 */
#include "cmd/strace.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/alloc.h"
#include "cmd/commandline.h"
#include "cmd/message.h"
#include "switch/names.h"

#define ALL_CALLS "socket, connect, listen, accept, accept4, getsockopt, close"

static const struct {
	const char *name;
	const char *option;     /* --fail-OPTION and --delay-OPTION */
	const char *conditions; /* that tell it from others of that option */
} calls[STRACE_CALLS] = {
	{"socket", "socket", ""},
	{"connect", "connect", ""},
	{"listen", "listen", ""},
	{"accept", "accept", ":syscall=accept"},
	{"accept4", "accept", ":syscall=accept4"},
	{"getsockopt", "getsockopt", ""},
	{"close", "close", ""},
};

/* What else strace has -e for: all names of each, and what does that here. */
static const struct {
	const char *names[4];
	const char *instead;
} qualifiers[] = {
	{{"trace", "t"}, "all calls of sockets are traced; --events shows every call"},
	{{"abbrev", "a"}, "--events-format=jsonl has all arguments"},
	{{"verbose", "v"}, "--events-format=jsonl has all arguments"},
	{{"raw", "x"}, "--events-format=jsonl has all arguments"},
	{{"signal", "signals", "s"}, "signals are not shown; --events shows every call"},
	{{"status"}, "--events-format=jsonl has the error of each call, to select by"},
	{{"quiet", "silent", "silence", "q"}, "-q and -qq say less"},
	{{"read", "reads", "r"}, "what sockets carry is not traced; --events shows every call"},
	{{"write", "writes", "w"}, "what sockets carry is not traced; --events shows every call"},
	{{"kvm"}, "only calls of sockets are traced; --events shows every one"},
	{{"decode-fds", "decode-fd"}, "--events and the report always name sockets and addresses"},
	{{"decode-pids", "decode-pid"}, "--events-format=jsonl has the command of each caller"},
};

/* What strace can do to a call, and socktest cannot. */
static const struct {
	const char *name, *instead;
} refused[] = {
	{"retval", "a call that is answered gets an errno: error=ERRNO"},
	{"signal", "no signals are sent; error=ERRNO makes the call fail"},
	{"syscall", "no other call is made in its place; error=ERRNO makes it fail"},
	{"delay_exit", "calls are held back before they run: delay_enter=TIME, or --delay-CALL"},
	{"poke_enter", "arguments are not changed; error=ERRNO makes the call fail"},
	{"poke_exit", "results are not changed; --after-CALL=ERRNO has it run and then fail"},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* An expression on its way to filters. */
struct injection {
	const char *expression; /* as the user wrote it */
	bool fault;
	bool calls[STRACE_CALLS];
	char *error, *delay, *when; /* owned; NULL: not given */
};

__attribute__((format(printf, 2, 3))) static _Noreturn void refuse(
	const char *expression, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	message_exit("-e %s: %s", expression, text);
}

/* ---- the set ---- */

static const char *nearest_call(const char *name)
{
	const char *names[STRACE_CALLS];

	for (size_t i = 0; i < STRACE_CALLS; i++)
		names[i] = calls[i].name;
	return nearest_word(name, names, STRACE_CALLS);
}

static _Noreturn void refuse_call(const char *expression, const char *name)
{
	const bool is_set = strchr("!?%/", *name) || strcmp(name, "all") == 0 ||
			    strcmp(name, "none") == 0 || strchr(name, '@');
	const char *const nearest = nearest_call(name);

	if (!*name)
		refuse(expression, "a system call is missing: name some of %s", ALL_CALLS);
	if (is_set)
		refuse(expression, "%.60s: system calls are named one by one, some of %s", name,
			ALL_CALLS);
	if (nearest)
		refuse(expression, "%.60s: no call that can be made fail%s", name,
			commandline_did_you_mean(nearest));
	refuse(expression, "%.60s: no call that can be made fail: those are %s", name, ALL_CALLS);
}

static void take_call(struct injection *injection, const char *name)
{
	for (size_t i = 0; i < STRACE_CALLS; i++) {
		if (strcmp(calls[i].name, name) == 0) {
			injection->calls[i] = true;
			return;
		}
	}
	refuse_call(injection->expression, name);
}

/* ---- what is to be done ---- */

/* strace takes errnos in any case. */
static char *parse_error(const struct injection *injection, const char *text)
{
	char *const error = alloc_text("%s", text);

	if (strchr(text, ','))
		refuse(injection->expression,
			"error=%.60s: one errno only; --fail-CALL=%.60s hands out several in turn",
			text, text);
	for (char *at = error; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return error;
}

/* A bare number is of microseconds, and there are no minutes. */
static char *parse_delay(const struct injection *injection, const char *text)
{
	const bool bare = *text && !text[strspn(text, "0123456789.")];
	char *const delay = alloc_text("%s%s", text, bare ? "us" : "");
	uint64_t time_ns;

	if (duration_parse(delay, &time_ns) || delay[strlen(delay) - 1] != 's')
		refuse(injection->expression,
			"delay_enter=%.60s: must be microseconds, or a number and s, ms, us or ns",
			text);
	return delay;
}

static char *parse_when(const struct injection *injection, const char *text)
{
	(void)injection;
	return alloc_text("%s", text);
}

static const struct {
	const char *name;
	char *(*parse)(const struct injection *injection, const char *text);
	size_t offset; /* of where it goes */
} tokens[] = {
	{"error", parse_error, offsetof(struct injection, error)},
	{"delay_enter", parse_delay, offsetof(struct injection, delay)},
	{"when", parse_when, offsetof(struct injection, when)},
};

static _Noreturn void refuse_token(const char *expression, const char *token, size_t length)
{
	for (size_t i = 0; i < COUNT(refused); i++) {
		if (strlen(refused[i].name) == length &&
			strncmp(refused[i].name, token, length) == 0)
			refuse(expression, "%.60s: %s", token, refused[i].instead);
	}
	refuse(expression, "\"%.60s\": must be one of error=, delay_enter= and when=", token);
}

static void take_token(struct injection *injection, const char *token)
{
	const size_t length = strcspn(token, "=");

	for (size_t i = 0; i < COUNT(tokens); i++) {
		char **const place = (char **)(void *)((char *)injection + tokens[i].offset);

		if (!token[length] || strlen(tokens[i].name) != length ||
			strncmp(tokens[i].name, token, length) != 0)
			continue;
		if (*place)
			refuse(injection->expression, "%s= is given twice", tokens[i].name);
		*place = tokens[i].parse(injection, token + length + 1);
		return;
	}
	refuse_token(injection->expression, token, length);
}

/* ---- filters ---- */

static struct filter_request make_filter(const struct injection *injection, size_t call)
{
	const char *const error = injection->error, *const delay = injection->delay;
	struct error wrong;

	char *const value = alloc_text("%s%s%s%s%s%s", error ? error : delay,
		calls[call].conditions, error && delay ? ":delay=" : "",
		error && delay ? delay : "", injection->when ? ":each=thread:when=" : "",
		injection->when ? injection->when : "");
	char *const option = alloc_text("%s-%s", error ? "fail" : "delay", calls[call].option);
	if (filters_check(option, value, &wrong))
		refuse(injection->expression, "%s", wrong.text);
	return (struct filter_request){.option = option, .value = value, .owned = true};
}

static void check_whole(struct injection *injection)
{
	if (injection->fault && injection->delay)
		refuse(injection->expression, "delay_enter= goes with inject= only");
	if (injection->fault && !injection->error)
		injection->error = alloc_text("ENOSYS");
	if (!injection->error && !injection->delay)
		refuse(injection->expression, "what is to be injected? error=ERRNO or "
					      "delay_enter=TIME");
}

static void take_injection(
	struct strace_filters *filters, const char *expression, const char *value, bool fault)
{
	struct injection injection = {.expression = expression, .fault = fault};
	char *const copy = alloc_text("%s", value);
	char *rest = copy;
	char *set = strsep(&rest, ":");

	while (set)
		take_call(&injection, strsep(&set, ","));
	while (rest)
		take_token(&injection, strsep(&rest, ":"));
	check_whole(&injection);
	for (size_t i = 0; i < STRACE_CALLS; i++) {
		if (!injection.calls[i])
			continue;
		filter_request_clear(&filters->of[i]);
		filters->of[i] = make_filter(&injection, i);
	}
	free(injection.error);
	free(injection.delay);
	free(injection.when);
	free(copy);
}

/* ---- expressions ---- */

static bool is_called(const char *expression, size_t length, const char *name)
{
	return name && strlen(name) == length && strncmp(expression, name, length) == 0;
}

/* A set without a name is one of system calls to trace. */
static _Noreturn void refuse_expression(const char *expression, size_t length)
{
	static const char *const words[] = {"inject", "fault"};
	char name[16] = "";

	if (!expression[length])
		refuse(expression, "%s", qualifiers[0].instead);
	for (size_t i = 0; i < COUNT(qualifiers); i++) {
		for (size_t j = 0; j < COUNT(qualifiers[i].names); j++) {
			if (is_called(expression, length, qualifiers[i].names[j]))
				refuse(expression, "%s", qualifiers[i].instead);
		}
	}
	if (length < sizeof(name))
		memcpy(name, expression, length);
	refuse(expression, "must be inject=CALL... or fault=CALL...%s",
		commandline_did_you_mean(nearest_word(name, words, COUNT(words))));
}

void strace_take(struct strace_filters *filters, const char *expression)
{
	const size_t length = strcspn(expression, "=");
	const bool fault = is_called(expression, length, "fault");

	if (!expression[length] || (!fault && !is_called(expression, length, "inject")))
		refuse_expression(expression, length);
	take_injection(filters, expression, expression + length + 1, fault);
}
