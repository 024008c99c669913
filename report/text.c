#include "report/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "switch/escape.h"
#include "switch/libc.h"

static unsigned text_kind(unsigned char byte)
{
	if (byte == '\\')
		return TEXT_BACKSLASH;
	if (byte < ' ' || byte == 0x7f)
		return TEXT_CONTROL;
	return byte > 0x7f ? TEXT_NON_ASCII : 0;
}

void text_print(FILE *stream, const char *text, unsigned kinds)
{
	char escape[ESCAPE_BYTES];

	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (!(text_kind(byte) & kinds)) {
			fputc(byte, stream);
			continue;
		}
		escape_byte(byte, escape);
		fputs(escape, stream);
	}
}

char *text_escaped(const char *text, unsigned kinds)
{
	struct draft draft;

	if (draft_open(&draft) < 0)
		return NULL;
	text_print(draft.stream, text, kinds);
	return draft_text(&draft);
}

const char *text_cookie(socket_cookie cookie, char buffer[static TEXT_COOKIE_BYTES])
{
	char family[COOKIE_NAME_BYTES], type[COOKIE_NAME_BYTES], protocol[COOKIE_NAME_BYTES];
	char flags[16] = "";
	unsigned type_flags = (unsigned)cookie_type(cookie) & (SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (type_flags)
		snprintf(flags, sizeof(flags), "|0x%x", type_flags);
	snprintf(buffer, TEXT_COOKIE_BYTES, "%s/%s%s/%s", cookie_family_name(cookie, family),
		cookie_type_name(cookie, type), flags, cookie_protocol_name(cookie, protocol));
	return buffer;
}

const char *text_signal(int number, char buffer[static TEXT_SIGNAL_BYTES])
{
	const char *name = sigabbrev_np(number);

	if (name)
		snprintf(buffer, TEXT_SIGNAL_BYTES, "SIG%s", name);
	else if (number == SIGRTMIN)
		snprintf(buffer, TEXT_SIGNAL_BYTES, "SIGRTMIN");
	else if (number > SIGRTMIN && number <= SIGRTMAX)
		snprintf(buffer, TEXT_SIGNAL_BYTES, "SIGRTMIN+%d", number - SIGRTMIN);
	else
		snprintf(buffer, TEXT_SIGNAL_BYTES, "SIG%d", number);
	return buffer;
}

static const char *base_name(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void text_frame(FILE *stream, const struct stack_line *line)
{
	text_print(stream, *line->function ? line->function : "?", TEXT_DATA);
	fputs(" (", stream);
	text_print(stream, base_name(line->line ? line->file : line->module), TEXT_DATA);
	if (line->line)
		fprintf(stream, ":%d)", line->line);
	else
		fprintf(stream, "+0x%" PRIx64 ")", line->offset);
}

void text_stack(FILE *stream, const struct stack_text *stack, const char *indent)
{
	for (size_t i = 0; i < stack->count; i++) {
		fprintf(stream, "%s%s ", indent, i ? "by" : "at");
		text_frame(stream, &stack->lines[i]);
		fputc('\n', stream);
	}
	if (stack->end != STACK_WHOLE)
		fprintf(stream, "%s(%s)\n", indent, stack_end_text(stack->end));
}

int draft_open(struct draft *draft)
{
	*draft = (struct draft){0};
	draft->stream = open_memstream(&draft->bytes, &draft->length);
	return draft->stream ? 0 : -ENOMEM;
}

char *draft_text(struct draft *draft)
{
	int failed = ferror(draft->stream);

	if (fclose(draft->stream) == 0 && !failed)
		return draft->bytes;
	free(draft->bytes);
	return NULL;
}

char *text_command(const char *const *command)
{
	struct draft draft;

	if (draft_open(&draft) < 0)
		return NULL;
	for (size_t i = 0; command[i]; i++) {
		if (i > 0)
			fputc(' ', draft.stream);
		text_print(draft.stream, command[i], TEXT_DATA);
	}
	return draft_text(&draft);
}

static int write_whole(const char *bytes, size_t length, FILE *stream)
{
	errno = 0;
	if (fwrite(bytes, 1, length, stream) == length && fflush(stream) == 0)
		return 0;
	return errno ? -errno : -EIO;
}

int draft_end(struct draft *draft, int status, FILE *stream)
{
	char *text = draft_text(draft);

	if (status == 0)
		status = text ? write_whole(text, draft->length, stream) : -ENOMEM;
	free(text);
	return status;
}
