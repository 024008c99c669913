/*
 * churn tcp|unix|accept FIRST LAST: so many short sockets, one after the other; after FIRST and
 * after LAST rounds it prints the greatest memory that its parent has had, in KiB.
 */
#include "progs.h"

enum { CHURN_SECONDS = 600 };

static struct sockaddr_in address;
static int listener = -1;

static void round_tcp(void)
{
	MUST(close(prog_socket()));
}

static void round_unix(void)
{
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(close(pair[0]));
	MUST(close(pair[1]));
}

/* Reset, so that no port is left in TIME_WAIT. */
static void round_accept(void)
{
	const struct linger reset = {.l_onoff = 1};
	int client = prog_client(&address);

	MUST(close(MUST(accept(listener, NULL, NULL))));
	MUST(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	MUST(close(client));
}

static void print_memory_of_parent(void)
{
	char path[32], line[128];
	long kib = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)getppid());
	FILE *file = fopen(path, "re");
	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(file);
	CHECK(kib > 0);
	printf("%ld\n", kib);
}

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";
	const int first = prog_number(argc, argv, 2, 0), last = prog_number(argc, argv, 3, 0);
	void (*const round)(void) = strcmp(way, "tcp") == 0      ? round_tcp
				    : strcmp(way, "unix") == 0   ? round_unix
				    : strcmp(way, "accept") == 0 ? round_accept
								 : NULL;

	alarm(CHURN_SECONDS);
	CHECK(round);
	if (round == round_accept)
		listener = prog_listener(&address);
	for (int i = 1; i <= last; i++) {
		round();
		if (i == first || i == last)
			print_memory_of_parent();
	}
	if (listener >= 0)
		MUST(close(listener));
	return 0;
}
