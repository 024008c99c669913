/* One of the benchmark's loops, N times; prints the nanoseconds of one round. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int pipe_ends[2];

static void round_socket(void)
{
	close(socket(AF_INET, SOCK_STREAM, 0));
}

static void round_file(void)
{
	close(open("/dev/null", O_RDONLY));
}

static void round_data(void)
{
	char byte = 0;

	if (write(pipe_ends[1], &byte, 1) != 1 || read(pipe_ends[0], &byte, 1) != 1)
		abort();
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	const char *const mode = argc == 3 ? argv[1] : "";
	void (*const round)(void) = strcmp(mode, "socket") == 0 ? round_socket
				    : strcmp(mode, "file") == 0 ? round_file
				    : strcmp(mode, "data") == 0 ? round_data
								: NULL;
	if (!round || pipe(pipe_ends) < 0) {
		fprintf(stderr, "usage: bench_loop socket|file|data N\n");
		return 2;
	}
	const long count = strtol(argv[2], NULL, 10);
	const double start = seconds();
	for (long i = 0; i < count; i++)
		round();
	printf("%.1f\n", (seconds() - start) * 1e9 / (double)count);
	return 0;
}
