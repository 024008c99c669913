/*
 * The numbers of i386's own socket calls, which libseccomp knows only behind socketcall(2). The
 * kernel's header for them cannot be included where those of x86-64 are.
 */
#include "trace/arch/i386.h"

#include <stddef.h>
#include <string.h>

#ifdef __x86_64__
#include <asm/unistd_32.h>

long i386_number(const char *name)
{
	static const struct {
		const char *name;
		int nr;
	} numbers[] = {
		{"socket", __NR_socket},
		{"socketpair", __NR_socketpair},
		{"bind", __NR_bind},
		{"connect", __NR_connect},
		{"listen", __NR_listen},
		{"accept4", __NR_accept4},
		{"getsockopt", __NR_getsockopt},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strcmp(numbers[i].name, name) == 0)
			return numbers[i].nr;
	return -1;
}
#endif
