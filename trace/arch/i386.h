#ifndef SOCKTEST_TRACE_ARCH_I386_H
#define SOCKTEST_TRACE_ARCH_I386_H

/*
 * The number of the direct call (Linux 4.3) that libseccomp takes for a part of socketcall(2); -1:
 * another.
 */
long i386_number(const char *name);

#endif
