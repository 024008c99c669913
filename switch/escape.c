#include "switch/escape.h"

#include <errno.h>
#include <stdio.h>

size_t escape_byte(unsigned char byte, char text[static ESCAPE_BYTES])
{
	int length;

	if (byte == '\n')
		length = snprintf(text, ESCAPE_BYTES, "\\n");
	else if (byte == '\t')
		length = snprintf(text, ESCAPE_BYTES, "\\t");
	else if (byte == '\\')
		length = snprintf(text, ESCAPE_BYTES, "\\\\");
	else if (byte >= ' ' && byte <= '~')
		length = snprintf(text, ESCAPE_BYTES, "%c", byte);
	else
		length = snprintf(text, ESCAPE_BYTES, "\\x%02x", byte);
	return (size_t)length;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -EINVAL;
}

static int hex_byte(const char *digits)
{
	int high = hex_digit(digits[0]);
	int low = high < 0 ? high : hex_digit(digits[1]);

	return low < 0 ? low : high * 16 + low;
}

int escape_parse(const char **text)
{
	const char *at = *text;
	int byte;

	if (*at != '\\') {
		*text = at + 1;
		return (unsigned char)*at;
	}
	switch (at[1]) {
	case 'n':
		byte = '\n';
		break;
	case 't':
		byte = '\t';
		break;
	case '\\':
		byte = '\\';
		break;
	case 'x':
		byte = hex_byte(at + 2);
		break;
	default:
		byte = -EINVAL;
	}
	if (byte >= 0)
		*text = at + (at[1] == 'x' ? 4 : 2);
	return byte;
}
