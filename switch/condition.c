#include "switch/condition.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "switch/escape.h"
#include "switch/names.h"

/* A number at *text, which moves past it. */
static bool take_number(const char **text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

/* strace's grammar: F[..[L]][+[S]]. */
static bool take_when(struct condition *condition, const char *text)
{
	bool good = take_number(&text, &condition->when.first);

	condition->when.last = condition->when.first;
	condition->when.step = 1;
	if (good && strncmp(text, "..", 2) == 0) {
		text += 2;
		condition->when.last = UINT64_MAX;
		if (*text != '\0' && *text != '+')
			good = take_number(&text, &condition->when.last);
	} else if (*text == '+') {
		condition->when.last = UINT64_MAX;
	}
	if (good && *text == '+') {
		text++;
		if (*text != '\0')
			good = take_number(&text, &condition->when.step);
	}
	return good && *text == '\0';
}

static int parse_when(struct condition *condition, const char *text, struct error *error)
{
	if (!take_when(condition, text))
		return error_set(error, EINVAL,
			"when=%.60s is none of F, F+, F+S, F.., F..L and F..L+S", text);
	if (condition->when.first == 0)
		return error_set(error, EINVAL, "when=%.60s: when= counts from 1", text);
	if (condition->when.step == 0)
		return error_set(error, EINVAL, "when=%.60s: the step is at least 1", text);
	if (condition->when.last < condition->when.first)
		return error_set(error, EINVAL, "when=%.60s ends before it begins", text);
	return 0;
}

static bool counts_when(const struct condition *condition, uint64_t call)
{
	return call >= condition->when.first && call <= condition->when.last &&
	       (call - condition->when.first) % condition->when.step == 0;
}

/* Not strtod: its decimal point depends on the locale. Not a number gives NaN. */
static double decimal(const char *text, size_t length)
{
	double value = 0, scale = 1;
	size_t digits = 0, points = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.') {
			points++;
		} else if (isdigit((unsigned char)text[i])) {
			digits++;
			value = value * 10 + (text[i] - '0');
			scale *= points > 0 ? 10 : 1;
		} else {
			digits = 0;
			break;
		}
	}
	return digits > 0 && points <= 1 ? value / scale : __builtin_nan("");
}

static int parse_prob(struct condition *condition, const char *text, struct error *error)
{
	size_t length = strlen(text);
	bool percent = text[length - 1] == '%';
	double value = decimal(text, length - percent);

	condition->probability = percent ? value / 100 : value;
	if (condition->probability >= 0 && condition->probability <= 1)
		return 0;
	return error_set(error, EINVAL,
		"prob=%.60s is no chance: those are from 0 to 1, or from 0%% to 100%%", text);
}

static bool match_prob(struct condition *condition, const struct filter_subject *subject)
{
	double drawn = (double)(chance_next(&condition->state) >> 11) * 0x1p-53;

	(void)subject;
	return drawn < condition->probability;
}

/* Steele, Lea and Flood's SplitMix64: unlike erand48, neighbouring seeds give unlike numbers. */
uint64_t chance_next(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
	value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
	return value ^ (value >> 31);
}

static int named(struct condition *condition, const char *text, const char *what, int value,
	const char *nearest, struct error *error)
{
	if (value < 0 && nearest)
		return error_set(error, EINVAL, "no %s is called %.60s; did you mean %s?", what,
			text, nearest);
	if (value < 0)
		return error_set(error, EINVAL,
			"no %s is called %.60s: give a name in lower case or a number", what, text);
	condition->number = (uint64_t)value;
	return 0;
}

static int parse_family(struct condition *condition, const char *text, struct error *error)
{
	return named(condition, text, "address family", cookie_family_parse(text),
		cookie_family_nearest(text), error);
}

static bool match_family(struct condition *condition, const struct filter_subject *subject)
{
	return cookie_family(subject->cookie) == (int)condition->number;
}

static int parse_type(struct condition *condition, const char *text, struct error *error)
{
	return named(condition, text, "socket type", cookie_type_parse(text),
		cookie_type_nearest(text), error);
}

static bool match_type(struct condition *condition, const struct filter_subject *subject)
{
	return cookie_type(subject->cookie) == (int)condition->number;
}

static int parse_proto(struct condition *condition, const char *text, struct error *error)
{
	return named(condition, text, "protocol", cookie_protocol_parse(text),
		cookie_protocol_nearest(text), error);
}

static bool match_proto(struct condition *condition, const struct filter_subject *subject)
{
	return cookie_protocol(subject->cookie) == (int)condition->number;
}

static int parse_address(struct condition *condition, const char *text, struct error *error)
{
	return address_pattern_parse(text, &condition->address, error);
}

static bool match_to(struct condition *condition, const struct filter_subject *subject)
{
	return address_pattern_match(&condition->address, subject->peer);
}

static bool match_on(struct condition *condition, const struct filter_subject *subject)
{
	return address_pattern_match(&condition->address, subject->local);
}

static int parse_fd(struct condition *condition, const char *text, struct error *error)
{
	if (number_parse(text, INT_MAX, &condition->number) == 0)
		return 0;
	return error_set(
		error, EINVAL, "fd=%.60s: %.60s is no descriptor: those count from 0", text, text);
}

static bool match_fd(struct condition *condition, const struct filter_subject *subject)
{
	return subject->fd == (int)condition->number;
}

static int parse_pid(struct condition *condition, const char *text, struct error *error)
{
	if (number_parse(text, INT_MAX, &condition->number) == 0 && condition->number > 0)
		return 0;
	return error_set(
		error, EINVAL, "pid=%.60s: %.60s is no process: those count from 1", text, text);
}

static bool match_pid(struct condition *condition, const struct filter_subject *subject)
{
	return subject->caller->pid == (pid_t)condition->number;
}

/* Longer names are cut as prctl(2) PR_SET_NAME cuts them. */
static int parse_comm(struct condition *condition, const char *text, struct error *error)
{
	for (size_t length = 0; *text;) {
		const char *start = text;
		int byte = escape_parse(&text);

		if (byte <= 0)
			return error_set(error, EINVAL,
				"%.4s is no escape: those are \\\\, \\n, \\t and \\xHH but \\x00",
				start);
		if (length < sizeof(condition->comm) - 1)
			condition->comm[length++] = (char)byte;
	}
	return 0;
}

static bool match_comm(struct condition *condition, const struct filter_subject *subject)
{
	const char *comm = subject->caller->comm;

	return comm && strcmp(comm, condition->comm) == 0;
}

/* The calls that more than one system call makes: only there it says more than the option. */
static const char *const syscalls[] = {"accept", "accept4"};

static int parse_syscall(struct condition *condition, const char *text, struct error *error)
{
	for (size_t i = 0; i < sizeof(syscalls) / sizeof(*syscalls); i++) {
		if (strcmp(syscalls[i], text) == 0)
			condition->syscall = syscalls[i];
	}
	if (condition->syscall)
		return 0;
	return error_set(error, EINVAL, "syscall=%.60s: must be one of accept and accept4", text);
}

static bool match_syscall(struct condition *condition, const struct filter_subject *subject)
{
	return subject->syscall && strcmp(subject->syscall, condition->syscall) == 0;
}

static int parse_stack(struct condition *condition, const char *text, struct error *error)
{
	const size_t length = strlen(text);

	if (length >= sizeof(condition->function))
		return error_set(error, EINVAL, "stack=%.60s... is too long a name", text);
	memcpy(condition->function, text, length + 1);
	return 0;
}

/* Behind the arguments that begin at text; text where they do not end. */
static const char *behind_types(const char *text)
{
	const char *at = text;
	int depth = 0;

	for (; *at; at++) {
		const bool arrow = at > text && at[-1] == '-';
		depth += (*at == '<' || *at == '[') - ((*at == '>' && !arrow) || *at == ']');
		if (depth == 0)
			return at + 1;
	}
	return text;
}

static bool has_turbofish(const char *text)
{
	return strncmp(text, "::<", 3) == 0;
}

/*
 * Behind the arguments of a template, which Rust's newer names have behind colons; or of a generic
 * function of Go, of whose types only the shape is known.
 */
static const char *skip_types(const char *text)
{
	static const char shapes[] = "[go.shape.", elided[] = "[...]";

	if (has_turbofish(text))
		return behind_types(text + 2);
	if (*text == '<' || strncmp(text, shapes, sizeof(shapes) - 1) == 0 ||
		strncmp(text, elided, sizeof(elided) - 1) == 0)
		return behind_types(text);
	return text;
}

/* The whole name, or all of it but for the arguments of templates and functions. */
static bool is_called(const char *function, const char *name)
{
	for (; *name; function++, name++) {
		if (*function != *name || has_turbofish(function) != has_turbofish(name))
			function = skip_types(function);
		if (*function != *name)
			return false;
	}
	function = skip_types(function);
	return *function == '\0' || *function == '(';
}

static bool match_stack(struct condition *condition, const struct filter_subject *subject)
{
	const char *const *function = subject->caller->functions;

	while (function && *function && !is_called(*function, condition->function))
		function++;
	return function && *function;
}

int time_parse(const char *text, uint64_t *duration_ns, struct error *error)
{
	int result = duration_parse(text, duration_ns);

	if (!*text)
		return error_set(error, EINVAL, "there is no time where one is due, as in 20ms");
	if (result == -ERANGE)
		return error_set(error, EINVAL, "%.60s is too long", text);
	if (result < 0)
		return error_set(error, EINVAL,
			"%.60s is no time: those are a number and ns, us, ms, s or m, as in 20ms",
			text);
	return 0;
}

static int parse_delay(struct condition *condition, const char *text, struct error *error)
{
	return time_parse(text, &condition->number, error);
}

static void effect_delay(const struct condition *condition, struct condition_effects *effects)
{
	effects->delay_ns = condition->number;
}

static void effect_cycle(const struct condition *condition, struct condition_effects *effects)
{
	(void)condition;
	effects->cycle = true;
}

static void effect_async(const struct condition *condition, struct condition_effects *effects)
{
	(void)condition;
	effects->async = true;
}

static int parse_each(struct condition *condition, const char *text, struct error *error)
{
	(void)condition;
	if (strcmp(text, "thread") == 0)
		return 0;
	return error_set(error, EINVAL, "each=%.60s: can be each=thread only", text);
}

static void effect_each(const struct condition *condition, struct condition_effects *effects)
{
	(void)condition;
	effects->each_thread = true;
}

enum { ALL_CALLS = (1U << CALL_FILTERABLE) - 1 };

static const struct condition_kind kinds[] = {
	{
		.name = "when",
		.argument = "F[..[L]][+[S]]",
		.help = "only the F-th of the calls that meet all else, or F to L, or each S-th "
			"from F",
		.stage = CONDITION_COUNT,
		.parse = parse_when,
		.counts = counts_when,
	},
	{
		.name = "prob",
		.argument = "CHANCE",
		.help = "by chance: 0.1 or 10%; --seed=N repeats a run",
		.stage = CONDITION_CHANCE,
		.parse = parse_prob,
		.match = match_prob,
	},
	{
		.name = "family",
		.argument = "FAMILY",
		.help = "the socket's address family: inet, inet6, unix, ... or a number",
		.known = cookie_family_known,
		.parse = parse_family,
		.match = match_family,
	},
	{
		.name = "type",
		.argument = "TYPE",
		.help = "the socket's type: stream, dgram, raw, ... or a number",
		.known = cookie_type_known,
		.parse = parse_type,
		.match = match_type,
	},
	{
		.name = "proto",
		.argument = "PROTOCOL",
		.help = "the socket's protocol: tcp, udp, ... or a number",
		.known = cookie_protocol_known,
		.parse = parse_proto,
		.match = match_proto,
	},
	{
		.name = "to",
		.argument = "ADDRESS",
		.help = "the peer: ADDR[/BITS][:PORT], :PORT, /unix/path* or @abstract*",
		.needs = FILTER_NEEDS_PEER,
		.is_address = true,
		.not_calls = 1U << CALL_SOCKET | 1U << CALL_LISTEN | 1U << CALL_ACCEPT,
		.because = "neither a new socket nor a listener has a peer",
		.parse = parse_address,
		.match = match_to,
	},
	{
		.name = "on",
		.argument = "ADDRESS",
		.help = "the socket's local address, written as for to=",
		.needs = FILTER_NEEDS_LOCAL,
		.is_address = true,
		.not_calls = 1U << CALL_SOCKET,
		.because = "a new socket has no address",
		.parse = parse_address,
		.match = match_on,
	},
	{
		.name = "fd",
		.argument = "N",
		.help = "the descriptor that the call names",
		.not_calls = 1U << CALL_SOCKET,
		.because = "socket(2) names no descriptor",
		.parse = parse_fd,
		.match = match_fd,
	},
	{
		.name = "pid",
		.argument = "N",
		.help = "the calling process",
		.parse = parse_pid,
		.match = match_pid,
	},
	{
		.name = "comm",
		.argument = "NAME",
		.help = "the caller's command name, of which the kernel keeps 15 bytes",
		.needs = FILTER_NEEDS_COMM,
		.parse = parse_comm,
		.match = match_comm,
	},
	{
		.name = "syscall",
		.argument = "accept|accept4",
		.help = "which of the two system calls it is",
		.not_calls = ALL_CALLS & ~(1U << CALL_ACCEPT),
		.because = "only accept is more than one system call",
		.parse = parse_syscall,
		.match = match_syscall,
	},
	{
		.name = "stack",
		.argument = "FUNCTION",
		.help = "a function of this name is on the caller's stack",
		.needs = FILTER_NEEDS_STACK,
		.is_function = true,
		.repeatable = true,
		.parse = parse_stack,
		.match = match_stack,
	},
	{
		.name = "delay",
		.argument = "TIME",
		.help = "no condition: hold the call back before it is answered",
		.stage = CONDITION_EFFECT,
		.answer_only = true,
		.parse = parse_delay,
		.effect = effect_delay,
	},
	{
		.name = "cycle",
		.help = "no condition: after the last of several errnos begin again with the first",
		.stage = CONDITION_EFFECT,
		.answer_only = true,
		.not_asked = true,
		.effect = effect_cycle,
	},
	{
		.name = "async",
		.help = "no condition: a nonblocking connect returns EINPROGRESS, and SO_ERROR "
			"hands out the errno",
		.stage = CONDITION_EFFECT,
		.needs = FILTER_NEEDS_NONBLOCK,
		.fail_only = true,
		.not_asked = true,
		.not_calls = ALL_CALLS & ~(1U << CALL_CONNECT),
		.because = "only a connect ends later than it returns",
		.effect = effect_async,
	},
	{
		.name = "each",
		.argument = "thread",
		.help = "no condition: when= and several errnos count for each thread by itself",
		.stage = CONDITION_EFFECT,
		.parse = parse_each,
		.effect = effect_each,
	},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const struct condition_kind *condition_find(const char *name, size_t length)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0)
			return &kinds[i];
	}
	return NULL;
}

const char *condition_nearest(const char *name, size_t length, bool flags)
{
	const char *words[KINDS];
	char copy[32] = ""; /* a longer text is near to no condition's name */
	size_t count = 0;

	if (length >= sizeof(copy))
		return NULL;
	memcpy(copy, name, length);
	for (size_t i = 0; i < KINDS; i++) {
		if (!flags || !kinds[i].argument)
			words[count++] = kinds[i].name;
	}
	return nearest_word(copy, words, count);
}

const struct filter_condition_help *filter_conditions(void)
{
	static struct filter_condition_help help[KINDS + 1];

	for (size_t i = 0; i < KINDS; i++) {
		help[i] = (struct filter_condition_help){
			.name = kinds[i].name,
			.argument = kinds[i].argument,
			.help = kinds[i].help,
		};
	}
	return help;
}
