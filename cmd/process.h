/* What socktest does with its own process: how it starts and how it ends. */
#ifndef SOCKTEST_CMD_PROCESS_H
#define SOCKTEST_CMD_PROCESS_H

/*
 * Makes sure that descriptors 0 to 2 are never those of a file of socktest's own, and that a write
 * nobody takes is an error, not a death. The program that is executed later gets everything as it
 * was.
 */
void process_prepare(void);

/*
 * Ends as the traced program did. status: its exit code, or the negated number of the signal that
 * killed it. Returns what main is to return; does not return where a signal ends this process.
 */
int process_end(int status);

#endif
