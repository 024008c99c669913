/*
 * confined [lo]: prints its pid, and has a child connect to it over loopback, which is brought up
 * first in a network of its own. Linked statically: it runs in an empty root.
 */
#include "progs.h"

#include <net/if.h>
#include <sys/ioctl.h>

static void bring_up_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	const int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	MUST(ioctl(fd, SIOCSIFFLAGS, &request));
	MUST(close(fd));
}

int main(int argc, char **argv)
{
	prog_begin();
	printf("%d\n", (int)getpid());
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "lo") == 0)
		bring_up_loopback();
	prog_serve_child();
	return 0;
}
