/*
 * stacks_hard MODE [N]: leaves sockets open whose stacks are hard to read.
 *
 *	reused     from two functions, on a stack that takes the place of a file that was only read
 *	vdso       N, from a signal's handler that interrupts clock_gettime(2), within the vDSO
 *	unlisted   from below a function that has no unwinding information; behind its frame's
 *	           beginning stands the address behind another call of it
 *	alike      two, from one source line
 *	tables     N, each from a frame of its own depth: all different
 */
#include "progs.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#ifdef __clang__
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noinline, noclone, noipa))
#endif

/* No tail call, so that the caller stays on the stack. */
KEPT static int opened(void)
{
	const int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	__asm__ volatile("" ::: "memory");
	return fd;
}

KEPT static int place_one(void)
{
	return opened() + 1;
}

KEPT static int place_other(void)
{
	return opened() + 1;
}

KEPT static void *open_in_both(void *argument)
{
	int (*volatile const places[])(void) = {place_one, place_other};

	for (int i = 0; i < 6; i++)
		CHECK(places[i % 2]());
	return argument;
}

static void open_on_reused_memory(void)
{
	enum { BYTES = 1 << 20 };
	FILE *const file = tmpfile();
	pthread_attr_t attributes;
	pthread_t thread;

	CHECK(file);
	MUST(ftruncate(fileno(file), BYTES));
	char *const memory = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE, fileno(file), 0);
	CHECK(memory != MAP_FAILED);
	opened(); /* the mappings are known from now on */
	CHECK(mmap(memory, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		      -1, 0) == memory);
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstack(&attributes, memory, BYTES) == 0);
	CHECK(pthread_create(&thread, &attributes, open_in_both, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static volatile int handled;

KEPT static void handler(int signal)
{
	(void)signal;
	opened();
	handled++;
}

KEPT static void ask_the_time(int count)
{
	const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {0};
	struct timespec now;

	CHECK(signal(SIGVTALRM, handler) != SIG_ERR);
	MUST(setitimer(ITIMER_VIRTUAL, &often, NULL));
	while (handled < count)
		MUST(clock_gettime(CLOCK_MONOTONIC, &now));
	MUST(setitimer(ITIMER_VIRTUAL, &never, NULL));
}

int unlisted(void);
int open_unlisted(void);

KEPT int open_unlisted(void)
{
	return opened() + 1;
}

#if defined(__x86_64__)
__asm__(".text\n.globl unlisted\n.type unlisted, @function\nunlisted:\n"
	"push %rbp\nxor %ebp, %ebp\nsub $32, %rsp\nlea 1f(%rip), %rax\nmov %rax, (%rsp)\n"
	"mov %rax, 16(%rsp)\ncall open_unlisted\nadd $32, %rsp\npop %rbp\nret\n"
	".size unlisted, . - unlisted\n"
	".type never_run, @function\nnever_run:\ncall unlisted\n1:\nret\n"
	".size never_run, . - never_run\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl unlisted\n.type unlisted, %function\nunlisted:\n"
	"sub sp, sp, 48\nstr x30, [sp, 40]\nstr x29, [sp, 32]\nmov x29, 0\nadr x9, 1f\n"
	"str x9, [sp]\nstr x9, [sp, 16]\nbl open_unlisted\nldr x29, [sp, 32]\nldr x30, [sp, 40]\n"
	"add sp, sp, 48\nret\n.size unlisted, . - unlisted\n"
	".type never_run, %function\nnever_run:\nbl unlisted\n1:\nret\n"
	".size never_run, . - never_run\n");
#else
int unlisted(void)
{
	return open_unlisted();
}
#endif

KEPT static int calls_unlisted(void)
{
	return unlisted() + 1;
}

/* clang-format off */
KEPT static int open_alike(void)
{
	return opened() + opened();
}
/* clang-format on */

/* The compiler does not see that it comes back. */
static int (*volatile again)(int);

KEPT static int deep(int left)
{
	return left > 0 ? again(left - 1) + 1 : opened();
}

int main(int argc, char **argv)
{
	const char *const mode = argc > 1 ? argv[1] : "alike";
	const int count = argc > 2 ? atoi(argv[2]) : 10;

	prog_begin();
	again = deep;
	if (strcmp(mode, "reused") == 0)
		open_on_reused_memory();
	else if (strcmp(mode, "vdso") == 0)
		ask_the_time(count);
	else if (strcmp(mode, "unlisted") == 0)
		CHECK(calls_unlisted());
	else if (strcmp(mode, "alike") == 0)
		CHECK(open_alike());
	else if (strcmp(mode, "tables") == 0)
		for (int i = 0; i < count; i++)
			CHECK(deep(i));
	else
		prog_die("no such mode");
	return 0;
}
