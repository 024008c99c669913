/*
 * Where reports and events go: a file of the user's choice, a shell command or stderr. Writes wait where the
 * descriptor is nonblocking, because the traced program may make stderr so. The first error is
 * kept.
 */
#ifndef SOCKTEST_CMD_OUTPUT_H
#define SOCKTEST_CMD_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct output;

/*
 * Opens file, creating it, but does not touch what is in it; NULL: stderr. "|COMMAND" and
 * "!COMMAND" are for the shell, as in strace; it is not started yet. option and value are for
 * messages: "--format", "tap:FILE". Exits with one where that fails.
 */
struct output *output_open(const char *option, const char *value, const char *file);

/* stdout. */
struct output *output_open_stdout(void);

/*
 * To be called before anything is written, when nothing can be refused any more: empties a regular
 * file that is not stderr, or starts the command. Exits with a message where that fails.
 */
void output_begin(struct output *output);

/* The same before each report of several: a regular file has the last one. */
void output_begin_anew(struct output *output);

/* Whether both are the same regular file under two names, so that one would overwrite the other. */
bool output_same_file(const struct output *one, const struct output *other);

int output_fd(const struct output *output);
FILE *output_stream(struct output *output);

/* For a stream on which lines come as things happen: each fwrite is one write(2). */
void output_set_unbuffered(struct output *output);

/*
 * From now on a write that the reader does not take is given up about a second after is_overdue says
 * so, which is asked again and again; NULL: it never is. A signal may interrupt the write.
 */
void output_hurry(struct output *output, bool (*is_overdue)(void *context), void *context);

/* Notes an error (a positive errno) that the stream has not seen itself. */
void output_fail(struct output *output, int error);

/* Whether there was an error. */
bool output_failed(const struct output *output);

/* A child of ours ended and was waited for, with this status: if it is the command, that is noted.
 */
void output_child_ended(struct output *output, pid_t pid, int status);

/*
 * Flushes, closes and frees it (NULL: nothing to do), and waits for the end of a command. Prints what went wrong; returns whether
 * nothing did.
 */
bool output_close(struct output *output);

#endif
