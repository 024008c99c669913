/*
 * killed_exiting N: children that leave a socket open are killed while they end by themselves.
 * SIGKILL that comes in exit_group(2) lets them end without a stop for a tracer.
 */
#include "progs.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { SPREAD = 100 };

static void kill_one(_Atomic int *ends, int spin)
{
	atomic_store(ends, 0);
	const pid_t child = MUST(fork());
	if (child == 0) {
		(void)prog_socket();
		atomic_store(ends, 1);
		_exit(0);
	}
	while (!atomic_load(ends))
		sched_yield();
	while (spin-- > 0)
		atomic_load(ends);
	MUST(kill(child, SIGKILL));
	MUST(waitpid(child, NULL, 0));
}

int main(int argc, char **argv)
{
	const int count = prog_number(argc, argv, 1, 100);
	_Atomic int *const ends = mmap(
		NULL, sizeof(*ends), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	prog_begin();
	CHECK(ends != MAP_FAILED);
	for (int i = 0; i < count; i++)
		kill_one(ends, i % SPREAD * 20);
	return 0;
}
