/* undumpable: forks and uses sockets after PR_SET_DUMPABLE has been 0. */
#include "progs.h"

#include <sys/prctl.h>

int main(void)
{
	prog_begin();
	MUST(prctl(PR_SET_DUMPABLE, 0));
	prog_serve_child();
	return 0;
}
