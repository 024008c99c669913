#include "switch/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "switch/libc.h"

#define DIGITS "0123456789"

enum {
	ERRNO_MAX = 4095,   /* MAX_ERRNO of include/linux/err.h */
	WORD_BYTES_MAX = 63 /* a longer text is near to no word we know */
};

/* strerrorname_np knows one name a number. */
static const struct {
	const char *name;
	int error;
} errno_aliases[] = {
	{"EWOULDBLOCK", EWOULDBLOCK},
	{"ENOTSUP", ENOTSUP},
	{"EOPNOTSUPP", EOPNOTSUPP},
	{"EDEADLOCK", EDEADLOCK},
};

enum { ERRNO_ALIASES = sizeof(errno_aliases) / sizeof(errno_aliases[0]) };

const char *errno_name(int error, char buffer[static 16])
{
	const char *name = strerrorname_np(error);

	if (error == 0)
		return "";
	if (name)
		return name;
	snprintf(buffer, 16, "%d", error);
	return buffer;
}

/* The first count digits of text. */
static int digits_value(const char *text, size_t count, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < count; i++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
			return -ERANGE;
	}
	return 0;
}

int number_parse(const char *text, uint64_t max, uint64_t *number)
{
	size_t digits = strspn(text, DIGITS);
	uint64_t value;

	if (digits == 0 || text[digits] != '\0')
		return -EINVAL;
	if (digits_value(text, digits, &value) < 0 || value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

int errno_parse(const char *text)
{
	uint64_t number;

	if (number_parse(text, ERRNO_MAX, &number) == 0)
		return number > 0 ? (int)number : -EINVAL;
	for (size_t i = 0; i < ERRNO_ALIASES; i++) {
		if (strcmp(errno_aliases[i].name, text) == 0)
			return errno_aliases[i].error;
	}
	for (int error = 1; error <= ERRNO_MAX; error++) {
		const char *name = strerrorname_np(error);

		if (name && strcmp(name, text) == 0)
			return error;
	}
	return -EINVAL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, deletions, replacements and swaps of neighbours; both at most WORD_BYTES_MAX long. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_BYTES_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *oldest = before;

		before = above;
		above = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			row[j] = least(above[j], row[j - 1]) + 1;
			row[j] = least(row[j], above[j - 1] + !same_letter(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
				same_letter(a[i - 2], b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[length];
}

struct nearest {
	const char *text;
	const char *word;
	size_t distance;
};

/* Whether one word, of some length, is the beginning of the other: that is nearer than any slip. */
static bool begins(const char *beginning, const char *word, size_t at_least)
{
	const size_t length = strlen(beginning);

	return length >= at_least && strncmp(word, beginning, length) == 0;
}

/* Short words are near to everything. */
static bool is_near(size_t distance, size_t length)
{
	return distance <= (length < 5 ? 1 : 2) || distance <= length / 4;
}

static void nearest_consider(struct nearest *nearest, const char *word)
{
	const size_t length = strlen(word), text_length = strlen(nearest->text);
	const size_t shorter = length < text_length ? length : text_length;
	size_t distance = 0;

	if (length > WORD_BYTES_MAX || text_length > WORD_BYTES_MAX)
		return;
	if (!begins(nearest->text, word, 2)) {
		distance = edit_distance(nearest->text, word);
		if (distance >= length || distance >= text_length)
			return;
		if (!is_near(distance, shorter) && !begins(word, nearest->text, 3))
			return;
	}
	if (!nearest->word || distance < nearest->distance) {
		nearest->word = word;
		nearest->distance = distance;
	}
}

const char *nearest_word(const char *text, const char *const *words, size_t count)
{
	struct nearest nearest = {.text = text};

	for (size_t i = 0; i < count; i++)
		nearest_consider(&nearest, words[i]);
	return nearest.word;
}

/* glibc's own name of an alias comes once only. */
void errno_each(void (*take)(void *context, const char *name, int error), void *context)
{
	for (int error = 1; error <= ERRNO_MAX; error++) {
		const char *name = strerrorname_np(error);

		if (name)
			take(context, name, error);
	}
	for (size_t i = 0; i < ERRNO_ALIASES; i++) {
		const char *name = strerrorname_np(errno_aliases[i].error);

		if (!name || strcmp(name, errno_aliases[i].name) != 0)
			take(context, errno_aliases[i].name, errno_aliases[i].error);
	}
}

static void consider_errno(void *context, const char *name, int error)
{
	(void)error;
	nearest_consider(context, name);
}

const char *errno_nearest(const char *text)
{
	struct nearest nearest = {.text = text};

	errno_each(consider_errno, &nearest);
	return nearest.word;
}

#define SECOND_NS UINT64_C(1000000000)

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000000},
	{"s", SECOND_NS},
	{"m", 60 * SECOND_NS},
	{"h", 3600 * SECOND_NS},
	{"d", 86400 * SECOND_NS},
};

enum { UNIT_SECOND = 3, UNIT_MINUTE = 4, UNITS = sizeof(units) / sizeof(units[0]) };

static const struct unit *unit_find(const char *name)
{
	for (size_t i = 0; i <= UNIT_MINUTE; i++) {
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	}
	return NULL;
}

int duration_parse(const char *text, uint64_t *duration_ns)
{
	size_t whole = strspn(text, DIGITS);
	size_t point = text[whole] == '.';
	const char *fraction = text + whole + point;
	size_t fraction_digits = point ? strspn(fraction, DIGITS) : 0;
	const struct unit *unit = unit_find(fraction + fraction_digits);
	uint64_t value, scale;

	if (!unit || whole == 0 || (point && fraction_digits == 0))
		return -EINVAL;
	if (digits_value(text, whole, &value) < 0 ||
		__builtin_mul_overflow(value, unit->ns, &value))
		return -ERANGE;
	scale = unit->ns;
	for (size_t i = 0; i < fraction_digits; i++) {
		scale /= 10;
		if (__builtin_add_overflow(value, (uint64_t)(fraction[i] - '0') * scale, &value))
			return -ERANGE;
	}
	*duration_ns = value;
	return 0;
}

/* Three digits of one unit, without the zeros behind the point: ns has been rounded to three. */
static void short_text(uint64_t ns, char *buffer)
{
	size_t unit = UNIT_SECOND;
	char fraction[8];
	size_t digits;

	while (unit > 0 && ns < units[unit].ns)
		unit--;
	snprintf(fraction, sizeof(fraction), ".%03u",
		(unsigned)(ns % units[unit].ns * 1000 / units[unit].ns));
	for (digits = strlen(fraction); digits > 0 && strchr("0.", fraction[digits - 1]); digits--)
		fraction[digits - 1] = '\0';
	snprintf(buffer, 24, "%u%s%s", (unsigned)(ns / units[unit].ns), fraction, units[unit].name);
}

static uint64_t rounded_to(uint64_t ns, uint64_t step)
{
	uint64_t steps = ns / step;

	if (ns % step >= step - step / 2 && steps < UINT64_MAX / step)
		steps++;
	return steps * step;
}

static uint64_t rounded_to_three_digits(uint64_t ns)
{
	uint64_t step = 1;

	while (ns / step >= 1000)
		step *= 10;
	return rounded_to(ns, step);
}

static void long_text(uint64_t ns, char *buffer)
{
	size_t unit = UNIT_MINUTE;
	uint64_t rounded = rounded_to(ns, units[unit - 1].ns), rest;

	while (unit + 1 < UNITS && rounded >= units[unit + 1].ns) {
		unit++;
		rounded = rounded_to(ns, units[unit - 1].ns);
	}
	rest = rounded % units[unit].ns / units[unit - 1].ns;
	snprintf(buffer, 24, "%u%s", (unsigned)(rounded / units[unit].ns), units[unit].name);
	if (rest > 0) {
		size_t length = strlen(buffer);

		snprintf(
			buffer + length, 24 - length, "%u%s", (unsigned)rest, units[unit - 1].name);
	}
}

const char *duration_text(uint64_t duration_ns, char buffer[static 24])
{
	uint64_t rounded = rounded_to_three_digits(duration_ns);

	if (rounded < units[UNIT_MINUTE].ns)
		short_text(rounded, buffer);
	else
		long_text(duration_ns, buffer);
	return buffer;
}
