/*
 * close_together processes|dup [ROUNDS]: two processes that have the same socket give it up at the
 * same time, by close or by dup2 of another file over it.
 */
#include "progs.h"

#include <stdatomic.h>
#include <sys/mman.h>

static atomic_int *here;

static void meet(int round)
{
	(*here)++;
	while (*here < 2 * round)
		;
}

static void give_up(int fd, int other)
{
	if (other < 0)
		MUST(close(fd));
	else
		MUST(dup2(other, fd));
}

static void run_round(int round, int other)
{
	int fd = prog_socket();
	pid_t child = MUST(fork());

	meet(round);
	give_up(fd, other);
	if (child == 0)
		_exit(0);
	prog_wait(child);
	if (other >= 0)
		MUST(close(fd));
}

int main(int argc, char **argv)
{
	const int rounds = prog_number(argc, argv, 2, 50);

	prog_begin();
	CHECK(argc > 1);
	const int other = strcmp(argv[1], "dup") == 0 ? MUST(open("/dev/null", O_RDONLY)) : -1;
	here = mmap(NULL, sizeof(*here), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(here != MAP_FAILED);
	for (int round = 1; round <= rounds; round++)
		run_round(round, other);
	return 0;
}
