/* Opens and closes a socket of every family, type and protocol that the kernel lets it have. */
#include "progs.h"

int main(void)
{
	static const int protocols[] = {0, 1, 2, 6, 15, 17, 33, 58, 132, 136, 255, 262};
	int opened = 0;

	prog_begin();
	for (int family = 0; family < AF_MAX + 2; family++) {
		for (int type = 0; type < 11; type++) {
			for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
				int fd = socket(family, type | SOCK_CLOEXEC, protocols[i]);

				if (fd < 0)
					continue;
				opened++;
				MUST(close(fd));
			}
		}
	}
	CHECK(opened > 0);
	return 0;
}
