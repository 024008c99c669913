/*
 * many_sockets [N [keep]]: as many sockets open at once as RLIMIT_NOFILE allows, N at most; prints
 * how many. Closes them at last, unless it is to keep them.
 */
#include "progs.h"

#include <sys/resource.h>

enum { DESCRIPTORS_RESERVED = 16 };

int main(int argc, char **argv)
{
	struct rlimit limit;
	int count = prog_number(argc, argv, 1, 10000);

	prog_begin();
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < (rlim_t)count + DESCRIPTORS_RESERVED)
		count = (int)limit.rlim_cur - DESCRIPTORS_RESERVED;

	int *fds = calloc((size_t)count, sizeof(*fds));
	CHECK(fds);
	for (int i = 0; i < count; i++)
		fds[i] = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	for (int i = 0; i < count && argc <= 2; i++)
		MUST(close(fds[i]));
	free(fds);
	printf("%d\n", count);
	return 0;
}
