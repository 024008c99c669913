/* undumpable: forks and uses sockets after PR_SET_DUMPABLE has been 0. */
#include "progs.h"

#include <sys/prctl.h>

int main(void)
{
	struct sockaddr_in address;

	prog_begin();
	MUST(prctl(PR_SET_DUMPABLE, 0));
	const int listener = prog_listener(&address);
	const pid_t child = MUST(fork());
	if (child == 0) {
		MUST(close(prog_client(&address)));
		_exit(0);
	}
	MUST(close(MUST(accept(listener, NULL, NULL))));
	prog_wait(child);
	MUST(close(listener));
	return 0;
}
