/* "socktest trace": runs a program and reports on its sockets. */
#ifndef SOCKTEST_CMD_TRACE_H
#define SOCKTEST_CMD_TRACE_H

/*
 * argv[0] is "trace". Returns an exit status, or the negated number of the signal that killed the
 * program.
 */
int trace_command(int argc, char **argv);

#endif
