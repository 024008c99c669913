/* The texts of reports: strings of the program made harmless, and drafts that go out whole. */
#ifndef SOCKTEST_REPORT_TEXT_H
#define SOCKTEST_REPORT_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include "switch/cookie.h"
#include "switch/stack.h"

/*
 * The kinds of bytes that are written as escape_byte does. A text whose backslashes were escaped
 * too can be turned back into its bytes (escape_parse).
 */
enum text_kind {
	TEXT_BACKSLASH = 1,
	TEXT_CONTROL = 2,
	TEXT_NON_ASCII = 4,
	TEXT_DATA = TEXT_BACKSLASH | TEXT_CONTROL | TEXT_NON_ASCII,
	TEXT_PROSE = TEXT_CONTROL | TEXT_NON_ASCII /* socktest's own sentences */
};

/* Writes text with the bytes of these kinds (or'ed) escaped. */
void text_print(FILE *stream, const char *text, unsigned kinds);

/* The same as a new string, owned by the caller (free), or NULL: no memory. */
char *text_escaped(const char *text, unsigned kinds);

/* A command as one line, its words as TEXT_DATA; owned by the caller (free), or NULL: no memory. */
char *text_command(const char *const *command);

/* "inet/stream/tcp"; the flag bits of a raw type as in "inet/stream|0x800/tcp". Returns buffer. */
enum { TEXT_COOKIE_BYTES = 3 * COOKIE_NAME_BYTES + 16 };
const char *text_cookie(socket_cookie cookie, char buffer[static TEXT_COOKIE_BYTES]);

/* "SIGSEGV", "SIGRTMIN+2"; "SIG32" for one without a name. Returns buffer. */
enum { TEXT_SIGNAL_BYTES = 24 };
const char *text_signal(int number, char buffer[static TEXT_SIGNAL_BYTES]);

/*
 * A stack, a line for each frame, each after indent:
 *
 *	at socket (libc.so.6+0x10b9c7)
 *	by main (client.c:12)
 */
void text_stack(FILE *stream, const struct stack_text *stack, const char *indent);

/* What such a line says of the frame, "main (client.c:12)". */
void text_frame(FILE *stream, const struct stack_line *line);

/*
 * A draft is written in memory and then goes out with one fwrite: whole, or not at all where memory
 * ran out. Nothing that is written to draft.stream needs to be checked: draft_text and draft_end
 * do.
 */
struct draft {
	FILE *stream;
	char *bytes;
	size_t length;
};

/* Returns 0 or -ENOMEM. */
int draft_open(struct draft *draft);

/* Ends the draft. Returns its text, owned by the caller (free), or NULL: no memory for all of it.
 */
char *draft_text(struct draft *draft);

/*
 * Ends the draft: writes it to stream and flushes it, but if status is an error (-errno), and frees
 * the draft. Returns status, -ENOMEM for an incomplete draft, or what writing gave.
 */
int draft_end(struct draft *draft, int status, FILE *stream);

#endif
