/* "socktest report": recordings of events turned into a report. */
#ifndef SOCKTEST_CMD_REPORT_H
#define SOCKTEST_CMD_REPORT_H

#include "cmd/completion.h"

/* argv[0] is "report". Returns an exit status. */
int report_command(int argc, char **argv);

/* Completes the words behind "report", the last of those that completion has. */
void report_complete(struct completion *completion, char *const *words);

#endif
