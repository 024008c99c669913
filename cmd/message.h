/* What socktest itself has to say: one line on stderr each, headed by its name. */
#ifndef SOCKTEST_CMD_MESSAGE_H
#define SOCKTEST_CMD_MESSAGE_H

/* Bytes that would break the line or drive a terminal are escaped. */
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints it and exits with STATUS_FAILED: socktest was misused, or failed. */
void message_exit(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
