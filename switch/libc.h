/* What glibc has and other C libraries lack, under the same names. */
#ifndef SOCKTEST_SWITCH_LIBC_H
#define SOCKTEST_SWITCH_LIBC_H

#include <signal.h>
#include <string.h>

#ifndef __GLIBC__
const char *strerrorname_np(int error);
const char *strerrordesc_np(int error);
const char *sigabbrev_np(int number);
#endif

#endif
