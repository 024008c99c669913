/* mallinfo2(3) for a libc without it: of all memory that the process may write to. */
#ifndef SOCKTEST_TESTS_MUSL_MALLOC_H
#define SOCKTEST_TESTS_MUSL_MALLOC_H

#include <stdio.h>
#include <unistd.h>

struct mallinfo2 {
	size_t uordblks;
};

/* proc(5): the sixth number of statm, in pages */
static inline struct mallinfo2 mallinfo2(void)
{
	FILE *const file = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	if (!file || fscanf(file, "%*u %*u %*u %*u %*u %zu", &pages) != 1)
		perror("/proc/self/statm");
	if (file)
		fclose(file);
	return (struct mallinfo2){.uordblks = pages * (size_t)sysconf(_SC_PAGESIZE)};
}

#endif
