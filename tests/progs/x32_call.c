/* x32_call: asks for a socket by the number that it has in the x32 ABI, and prints what came of it.
 */
#include "progs.h"

#include <sys/syscall.h>

int main(void)
{
	enum { X32_BIT = 0x40000000 };

	prog_begin();
	MUST(close(prog_socket()));
	const int fd = (int)syscall(SYS_socket | X32_BIT, AF_INET, SOCK_DGRAM, 0);
	puts(fd < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}
