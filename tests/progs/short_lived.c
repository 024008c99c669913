/* short_lived [N]: socket and close, N times. */
#include "progs.h"

int main(int argc, char **argv)
{
	int rounds = prog_number(argc, argv, 1, 1000);

	prog_begin();
	for (int i = 0; i < rounds; i++)
		MUST(close(prog_socket()));
	return 0;
}
