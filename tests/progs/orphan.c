/*
 * orphan FILE: the child outlives the program, which ends when the child has opened a socket. The
 * child waits until nobody traces it, opens two more, and says in FILE that it could.
 */
#include "rights.h"

static bool is_traced(void)
{
	char line[128];
	bool traced = false;
	FILE *const status = fopen("/proc/self/status", "re");

	CHECK(status);
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, "TracerPid:", 10) == 0)
			traced = strtol(line + 10, NULL, 10) != 0;
	fclose(status);
	return traced;
}

static _Noreturn void outlive(const struct turn *opened, const char *path)
{
	const pid_t parent = getppid();
	const int fd = prog_socket();

	alarm(PROG_SECONDS);
	turn_give(opened);
	while (getppid() == parent || is_traced())
		usleep(1000);
	MUST(close(fd));
	MUST(close(prog_socket()));
	MUST(close(prog_socket()));
	MUST(close(MUST(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666))));
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct turn opened = turn_new();

	prog_begin();
	CHECK(argc == 2);
	if (MUST(fork()) == 0)
		outlive(&opened, argv[1]);
	turn_take(&opened);
	MUST(close(prog_socket()));
	return 0;
}
