/* Shell commands that read what is written to them, as popen(3) starts them. */
#ifndef SOCKTEST_CMD_SHELL_H
#define SOCKTEST_CMD_SHELL_H

#include <sys/types.h>

/*
 * Starts "sh -c command" with a pipe as its stdin, in which SIGINT and SIGQUIT of the terminal are
 * ignored: it is to read to the end. Returns the end of the pipe to write to, which no other
 * program inherits, or -errno. *pid is to be waited for.
 */
int shell_start(const char *command, pid_t *pid);

#endif
