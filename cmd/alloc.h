/* Memory that is there, or else the end: only in cmd/ may a lack of it end the program. */
#ifndef SOCKTEST_CMD_ALLOC_H
#define SOCKTEST_CMD_ALLOC_H

#include <stddef.h>

/* Zeroed, and never NULL, for no elements either. */
void *alloc_zeroed(size_t count, size_t size);

/* A formatted string. */
char *alloc_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
