/* tcp_pair [N]: server and client in one process, N connections one after the other. */
#include "progs.h"

int main(int argc, char **argv)
{
	int connections = prog_number(argc, argv, 1, 3);
	struct sockaddr_in address;

	prog_begin();
	int listener = prog_listener(&address);

	for (int i = 0; i < connections; i++) {
		int client = prog_client(&address);
		int server = MUST(accept(listener, NULL, NULL));

		MUST(close(client));
		MUST(close(server));
	}
	MUST(close(listener));
	return 0;
}
