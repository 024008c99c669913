/*
 * Bytes of the traced program and of the user as printable ASCII, so that none reaches a terminal
 * raw.
 */
#ifndef SOCKTEST_SWITCH_ESCAPE_H
#define SOCKTEST_SWITCH_ESCAPE_H

#include <stddef.h>

enum { ESCAPE_BYTES = 5 }; /* the longest, \xHH, with its NUL */

/* One byte: itself where it is printable, else \n, \t, \\ or \xHH. Returns the length of the text.
 */
size_t escape_byte(unsigned char byte, char text[static ESCAPE_BYTES]);

/*
 * The reverse: the byte that *text begins with, escaped or not; *text moves past it.
 * Returns it, or -EINVAL: a backslash that begins none of the four escapes.
 */
int escape_parse(const char **text);

#endif
