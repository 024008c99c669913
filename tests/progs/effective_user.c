/*
 * effective_user: prints whose rights it has, and opens a socket. With a command it runs that
 * instead, and gives up root's rights before (setpriv(1) asks for users' names, over sockets).
 */
#include "progs.h"

#include <grp.h>

enum { NOBODY = 65534 };

int main(int argc, char **argv)
{
	prog_begin();
	if (argc > 1) {
		MUST(setgroups(0, NULL));
		MUST(setresgid(NOBODY, NOBODY, NOBODY));
		MUST(setresuid(NOBODY, NOBODY, NOBODY));
		MUST(execv(argv[1], argv + 1));
	}
	printf("%d\n", (int)geteuid());
	MUST(close(prog_socket()));
	return 0;
}
