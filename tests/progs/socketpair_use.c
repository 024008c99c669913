/* socketpair(2) of each type; the last pair keeps one half open to the end. */
#include "progs.h"

static void use(int type)
{
	int pair[2];
	char byte;

	MUST(socketpair(AF_UNIX, type, 0, pair));
	CHECK(write(pair[0], "x", 1) == 1);
	CHECK(read(pair[1], &byte, 1) == 1);
	MUST(close(pair[0]));
	MUST(close(pair[1]));
}

int main(void)
{
	int pair[2];

	prog_begin();
	use(SOCK_STREAM);
	use(SOCK_DGRAM | SOCK_CLOEXEC);
	use(SOCK_SEQPACKET | SOCK_NONBLOCK);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	MUST(close(pair[0]));
	MUST_FAIL(EOPNOTSUPP, socketpair(AF_INET, SOCK_STREAM, 0, pair));
	return 0;
}
