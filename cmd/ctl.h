/* socktest ctl: asks and tells a run of socktest trace --control=PATH (socktest-control(7)). */
#ifndef SOCKTEST_CMD_CTL_H
#define SOCKTEST_CMD_CTL_H

#include "cmd/completion.h"

/* Returns an exit status. Exits with a message where it was misused, or nobody answers. */
int ctl_command(int argc, char **argv);

/* Completes the words behind "ctl", the last of those that completion has. */
void ctl_complete(struct completion *completion, char *const *words);

#endif
