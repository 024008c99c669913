/*
 * no_sockets [N]: opens, dups and closes files N times, forks, and never touches a socket; prints
 * the tracer's pid.
 */
#include "progs.h"

static void print_tracer(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");

	CHECK(status);
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, "TracerPid:", 10) == 0)
			fputs(line, stdout);
	fclose(status);
}

int main(int argc, char **argv)
{
	int rounds = prog_number(argc, argv, 1, 100);

	prog_begin();
	for (int i = 0; i < rounds; i++) {
		int fd = MUST(open("/dev/null", O_RDONLY));
		int copy = MUST(dup(fd));

		MUST(close(copy));
		MUST(close(fd));
	}
	pid_t child = MUST(fork());
	if (child == 0)
		_exit(0);
	prog_wait(child);
	print_tracer();
	return 0;
}
