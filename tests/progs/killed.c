/* killed [SIGNAL]: dies by this signal (SIGKILL unless given) with sockets open. */
#include "progs.h"

int main(int argc, char **argv)
{
	struct sockaddr_in address;

	prog_begin();
	prog_listener(&address);
	prog_client(&address);
	raise(prog_number(argc, argv, 1, SIGKILL));
	return 0;
}
