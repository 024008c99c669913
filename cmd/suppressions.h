/* The files of --suppressions. */
#ifndef SOCKTEST_CMD_SUPPRESSIONS_H
#define SOCKTEST_CMD_SUPPRESSIONS_H

#include "cmd/options.h"
#include "switch/suppress.h"

/* All lines of all files; exits with a message where one is wrong. NULL: there are no files. */
struct suppressions *suppressions_read(const struct options *options);

#endif
