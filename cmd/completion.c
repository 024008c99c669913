#include "cmd/completion.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/alloc.h"
#include "cmd/message.h"

enum { HELP_BYTES_MAX = 72 };

void completion_begin(struct completion *completion, char *const *words)
{
	*completion = (struct completion){.words = words};
	while (words[1])
		words++;
	completion->word = *words;
	completion->part = *words;
	completion->list = open_memstream(&completion->lines, &completion->size);
	if (!completion->list)
		message_exit("out of memory");
}

/* A word with one of these would be taken for more than one line, or drive the terminal. */
static bool has_control(const char *text)
{
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			return true;
	}
	return false;
}

static void print_files(const struct completion *completion)
{
	const size_t kept = (size_t)(completion->part - completion->word);

	printf("files%s%.*s\n", kept ? " " : "", (int)kept, completion->word);
}

static void print_kind(const struct completion *completion)
{
	switch (completion->kind) {
	case COMPLETION_WORDS:
		puts("words");
		break;
	case COMPLETION_OPEN:
		puts("words nospace");
		break;
	case COMPLETION_FILES:
		print_files(completion);
		break;
	case COMPLETION_COMMAND:
		printf("command %zu\n", completion->command);
		break;
	}
}

int completion_print(struct completion *completion)
{
	if (fclose(completion->list))
		return -errno;
	if (completion->kind != COMPLETION_COMMAND && has_control(completion->word)) {
		puts("words");
	} else {
		print_kind(completion);
		fputs(completion->lines, stdout);
	}
	free(completion->lines);
	return fflush(stdout) || ferror(stdout) ? -EIO : 0;
}

/* Its first parts, or else words, as many as a shell has room for beside the candidate. */
static size_t shorten(const char *help)
{
	const char *part = NULL, *blank = NULL;

	if (strlen(help) <= HELP_BYTES_MAX)
		return strlen(help);
	for (const char *at = help + 1; at <= help + HELP_BYTES_MAX; at++) {
		if (*at != ' ')
			continue;
		blank = at;
		if (strchr(",;:", at[-1]))
			part = at - 1;
	}
	return part ? (size_t)(part - help) : blank ? (size_t)(blank - help) : HELP_BYTES_MAX;
}

static void list_help(FILE *list, const char *help)
{
	const size_t length = shorten(help);

	for (size_t i = 0; i < length; i++)
		fputc(iscntrl((unsigned char)help[i]) ? '?' : help[i], list);
}

void completion_offer(struct completion *completion, const char *word, const char *help)
{
	const size_t kept = (size_t)(completion->part - completion->word);

	if (strncmp(word, completion->part, strlen(completion->part)) != 0)
		return;
	fprintf(completion->list, "%.*s%s\t", (int)kept, completion->word, word);
	list_help(completion->list, help ? help : "");
	fputc('\n', completion->list);
}

void completion_choices(struct completion *completion, const char *const *words)
{
	for (; *words; words++)
		completion_offer(completion, *words, NULL);
}

/* The first line of the process's file, without its end; "" where there is none. */
static void read_line(const char *pid, const char *name, char *line, int size)
{
	char *const path = alloc_text("/proc/%s/%s", pid, name);
	FILE *const stream = fopen(path, "re");

	if (!stream || !fgets(line, size, stream))
		*line = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (stream)
		fclose(stream);
	free(path);
}

/* Zombies and the kernel's own, which cannot be attached to, have no command line. */
static void offer_pid(struct completion *completion, const char *pid)
{
	char line[32];

	if (strncmp(pid, completion->part, strlen(completion->part)) != 0)
		return;
	read_line(pid, "cmdline", line, sizeof(line));
	if (!*line)
		return;
	read_line(pid, "comm", line, sizeof(line));
	completion_offer(completion, pid, line);
}

void completion_pids(struct completion *completion)
{
	DIR *const folder = opendir("/proc");
	const char *const comma = strrchr(completion->part, ',');
	const struct dirent *entry;

	if (comma)
		completion->part = comma + 1;
	while (folder && (entry = readdir(folder))) {
		if (isdigit((unsigned char)*entry->d_name))
			offer_pid(completion, entry->d_name);
	}
	if (folder)
		closedir(folder);
}

void completion_files(struct completion *completion)
{
	completion->kind = COMPLETION_FILES;
}

void completion_command(struct completion *completion, char *const *first)
{
	completion->kind = COMPLETION_COMMAND;
	completion->command = (size_t)(first - completion->words);
}

/* The text may begin before the word, but what is to be completed has to be within it. */
static void take_suggestion(void *context, size_t kept, const char *word, const char *help)
{
	struct completion *const completion = context;
	const size_t open = strlen(completion->text + kept), length = strlen(completion->word);

	if (open > length)
		return;
	completion->part = completion->word + length - open;
	completion_offer(completion, word, help);
}

struct suggest completion_suggest(struct completion *completion, const char *text)
{
	completion->kind = COMPLETION_OPEN;
	completion->text = text;
	return (struct suggest){.take = take_suggestion, .context = completion};
}
