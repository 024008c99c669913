/* socktest ctl: asks and tells a run of socktest trace --control=PATH (socktest-control(7)). */
#ifndef SOCKTEST_CMD_CTL_H
#define SOCKTEST_CMD_CTL_H

/* Returns an exit status. Exits with a message where it was misused, or nobody answers. */
int ctl_command(int argc, char **argv);

#endif
