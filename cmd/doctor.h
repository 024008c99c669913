#ifndef SOCKTEST_CMD_DOCTOR_H
#define SOCKTEST_CMD_DOCTOR_H

/* "socktest doctor": says what of socktest works on this machine. Returns the exit status. */
int doctor_command(int argc, char **argv);

#endif
