/* "socktest report": recordings of events turned into a report. */
#ifndef SOCKTEST_CMD_REPORT_H
#define SOCKTEST_CMD_REPORT_H

/* argv[0] is "report". Returns an exit status. */
int report_command(int argc, char **argv);

#endif
