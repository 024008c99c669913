/* exit_code N: ends with this status. */
#include "progs.h"

int main(int argc, char **argv)
{
	return prog_number(argc, argv, 1, 0);
}
