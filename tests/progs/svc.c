/*
 * svc SET: a listener by system calls that the program enters itself, in one of 32-bit arm's
 * instruction sets: a32 or t32 (Thumb). Says what the calls gave, and how
 * many seccomp filters it got since it began. Other machines have no choice.
 */
#include "progs.h"

#include <sys/syscall.h>

#ifdef __arm__
/* r7 is also Thumb's frame pointer: the compiler is not asked for it. */
#define ENTER                                                                                      \
	register long result __asm__("r0") = a;                                                    \
	register long second __asm__("r1") = b;                                                    \
	register long third __asm__("r2") = c;                                                     \
	__asm__ volatile("push {r7}\n\tmov r7, %[nr]\n\tsvc #0\n\tpop {r7}"                        \
			 : "+r"(result)                                                            \
			 : [nr] "r"(nr), "r"(second), "r"(third)                                   \
			 : "memory", "cc");                                                        \
	return result

__attribute__((target("arm"), noinline)) static long enter_a32(long nr, long a, long b, long c)
{
	ENTER;
}

__attribute__((target("thumb"), noinline)) static long enter_t32(long nr, long a, long b, long c)
{
	ENTER;
}

static long enter(bool t32, long nr, long a, long b, long c)
{
	return t32 ? enter_t32(nr, a, b, c) : enter_a32(nr, a, b, c);
}
#else
static long enter(bool t32, long nr, long a, long b, long c)
{
	const long result = syscall(nr, a, b, c);

	(void)t32;
	return result < 0 ? -errno : result;
}
#endif

static long tell(const char *name, long result)
{
	printf("%s %s\n", name, result < 0 ? strerrorname_np((int)-result) : "ok");
	return result;
}

static int filters(void)
{
	const char *const key = "Seccomp_filters:";
	FILE *const status = fopen("/proc/self/status", "re");
	char line[256];
	int count = 0;

	CHECK(status != NULL);
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, key, strlen(key)) == 0)
			count = atoi(line + strlen(key));
	MUST(fclose(status));
	return count;
}

int main(int argc, char **argv)
{
	const bool t32 = argc > 1 && strcmp(argv[1], "t32") == 0;

	prog_begin();
	const int before = filters();
	const long fd = tell("socket", enter(t32, SYS_socket, AF_INET, SOCK_STREAM, 0));
	tell("listen", enter(t32, SYS_listen, fd, 1, 0));
	printf("filters %d\n", filters() - before);
	tell("close", enter(t32, SYS_close, fd, 0, 0));
	return 0;
}
