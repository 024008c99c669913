/*
 * Values of JSON, made with jansson.
 *
 * Strings of the program (arguments, command names, addresses, and options, which may hold a path)
 * are any bytes but NUL, JSON's strings are Unicode. So that no byte is lost and none is ambiguous,
 * a backslash is written as two and a string that is not valid UTF-8 has each byte above 0x7f
 * written as \xHH, before JSON's own quoting. Addresses have every such byte escaped in the same
 * way (address_text).
 */
#ifndef SOCKTEST_REPORT_JANSSON_H
#define SOCKTEST_REPORT_JANSSON_H

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"
#include "report/text.h"

/* Both take their values over, and give NULL when anything failed before: checked once, at the end.
 */
static inline json_t *put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static inline json_t *append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) == 0)
		return array;
	json_decref(array);
	return NULL;
}

/* Valid UTF-8, or else \xHH; json_string refuses what is not UTF-8. */
static inline json_t *unicode(const char *text, unsigned kinds)
{
	char *escaped = text_escaped(text, kinds);
	json_t *string = escaped ? json_string(escaped) : NULL;

	free(escaped);
	if (string || !escaped)
		return string;
	escaped = text_escaped(text, kinds | TEXT_NON_ASCII);
	string = escaped ? json_string(escaped) : NULL;
	free(escaped);
	return string;
}

static inline json_t *data(const char *text)
{
	return unicode(text, TEXT_BACKSLASH);
}

static inline json_t *prose(const char *text)
{
	return unicode(text, 0);
}

static inline json_t *count(uint64_t number)
{
	return json_integer((json_int_t)number);
}

static inline json_t *address(const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	return json_string(address_text(address, text));
}

static inline json_t *cookie_hex(socket_cookie cookie)
{
	char hex[sizeof("0x0123456789abcdef")];

	snprintf(hex, sizeof(hex), "0x%016" PRIx64, cookie);
	return json_string(hex);
}

static inline json_t *put_cookie(json_t *object, socket_cookie cookie)
{
	char name[COOKIE_NAME_BYTES];

	object = put(object, "cookie", cookie_hex(cookie));
	object = put(object, "family", json_string(cookie_family_name(cookie, name)));
	object = put(object, "type", json_string(cookie_type_name(cookie, name)));
	return put(object, "protocol", json_string(cookie_protocol_name(cookie, name)));
}

/* The report, and its command line: new, or NULL without memory. */
json_t *json_report(const struct report *report);
json_t *json_command_line(const char *const *command);

/* A row of the report's "sockets"; stack: where it was opened, NULL: not known. */
json_t *json_socket(const struct socket_row *row, const struct stack_text *stack);

/* Its frames; none for NULL. */
json_t *json_stack(const struct stack_text *stack);

/*
 * In ASCII, because Unicode too has characters that a terminal obeys (U+009B is CSI).
 * JSON_ENSURE_ASCII leaves DEL as it is, the one control character of ASCII that JSON allows in
 * strings.
 */
static inline int json_write_text(const char *text, size_t size, void *stream)
{
	const char *del;

	/* jansson writes in small pieces, and nobody else this stream: locking it would cost most. */
	while ((del = memchr(text, '\177', size))) {
		const size_t before = (size_t)(del - text);

		fwrite_unlocked(text, 1, before, stream);
		fputs_unlocked("\\u007F", stream);
		text += before + 1;
		size -= before + 1;
	}
	fwrite_unlocked(text, 1, size, stream);
	return 0;
}

/* Prints the value and lets go of it; NULL is one that could not be made. Returns 0 or -ENOMEM. */
static inline int json_print(json_t *value, size_t flags, FILE *stream)
{
	int status = 0;

	if (!value ||
		json_dump_callback(value, json_write_text, stream, flags | JSON_ENSURE_ASCII) < 0)
		status = -ENOMEM;
	json_decref(value);
	return status;
}

#endif
