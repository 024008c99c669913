/*
 * busy_neighbours N: the eldest of N + 1 children opens and closes 3 sockets while the others do
 * so all the time. Prints how often the busiest of those did it meanwhile.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include "progs.h"

struct board {
	atomic_bool begun, done;
	atomic_uint busy;
	atomic_ulong loops[];
};

static void open_and_close(void)
{
	MUST(close(MUST(socket(AF_INET, SOCK_DGRAM, 0))));
}

static _Noreturn void eldest_run(struct board *board, unsigned count)
{
	alarm(PROG_SECONDS);
	while (atomic_load(&board->busy) < count)
		usleep(1000);
	atomic_store(&board->begun, true);
	for (int i = 0; i < 3; i++)
		open_and_close();
	atomic_store(&board->done, true);
	_exit(0);
}

static _Noreturn void neighbour_run(struct board *board, int index)
{
	alarm(PROG_SECONDS);
	open_and_close();
	atomic_fetch_add(&board->busy, 1);
	while (!atomic_load(&board->done)) {
		open_and_close();
		if (atomic_load(&board->begun))
			atomic_fetch_add(&board->loops[index], 1);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	const int count = prog_number(argc, argv, 1, 30);
	struct board *const board =
		mmap(NULL, sizeof(*board) + (size_t)count * sizeof(*board->loops),
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long most = 0;
	int status;

	CHECK(board != MAP_FAILED);
	prog_begin();
	if (MUST(fork()) == 0)
		eldest_run(board, (unsigned)count);
	for (int i = 0; i < count; i++)
		if (MUST(fork()) == 0)
			neighbour_run(board, i);
	for (int i = 0; i <= count; i++)
		CHECK(wait(&status) > 0 && status == 0);
	for (int i = 0; i < count; i++)
		if (atomic_load(&board->loops[i]) > most)
			most = atomic_load(&board->loops[i]);
	printf("%lu\n", most);
	return 0;
}
