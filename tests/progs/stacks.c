/*
 * stacks MODE [N]: leaves sockets open that were opened by functions with names. Built in several
 * ways.
 *
 *	places N   N sockets from ten places in turn; the last of each stays open
 *	cxx        from functions with the names that C++ and Rust compilers give
 *	inlined    from a function that is inlined twice
 *	signal     from the handler of a signal
 *	vdso       from the handler of a fault in the kernel's part of the program
 *	thread     from a thread
 *	deep N     from N calls of a function by itself
 *	blind      from a function whose caller leaves no trace
 *	remap A B  through code of the file A, and of B that then takes its place; both are copies
 *	again N    N connects to a port where nobody listens, half of them from retry
 */
#include "progs.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <time.h>

#ifdef __clang__
#define KEPT __attribute__((noinline))
#else
#define KEPT __attribute__((noinline, noclone, noipa))
#endif

/* No tail call, so that the caller stays on the stack. */
static inline int opened(void)
{
	const int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	__asm__ volatile("" ::: "memory");
	return fd;
}

#define PLACE(n)                                                                                   \
	KEPT static int place_##n(void)                                                            \
	{                                                                                          \
		return opened();                                                                   \
	}
PLACE(0)
PLACE(1)
PLACE(2)
PLACE(3)
PLACE(4)
PLACE(5)
PLACE(6)
PLACE(7)
PLACE(8)
PLACE(9)

static void open_in_places(int count)
{
	static int (*const places[])(void) = {place_0, place_1, place_2, place_3, place_4, place_5,
		place_6, place_7, place_8, place_9};
	enum { PLACES = sizeof(places) / sizeof(*places) };

	for (int i = 0; i < count; i++) {
		const int fd = places[i % PLACES]();
		if (i < count - PLACES)
			MUST(close(fd));
	}
}

/* net::Pool<int>::open(char const*), and in Rust's two schemes app::pool::open and app::run */
int pool_open(const char *name) __asm__("_ZN3net4PoolIiE4openEPKc");
int rust_open(void) __asm__("_ZN3app4pool4open17h0123456789abcdefE");
int rust_run(void) __asm__("_RNvCs1234_3app3run");

KEPT int pool_open(const char *name)
{
	CHECK(*name);
	return opened();
}

KEPT int rust_open(void)
{
	return pool_open("x") + 1;
}

KEPT int rust_run(void)
{
	return rust_open() + 1;
}

__attribute__((always_inline)) static inline int inlined_inner(void)
{
	return opened();
}

__attribute__((always_inline)) static inline int inlined_outer(void)
{
	return inlined_inner() + 1;
}

KEPT static int calls_inlined(void)
{
	return inlined_outer() + 1;
}

KEPT static void handler(int signal)
{
	(void)signal;
	opened();
}

KEPT static int interrupted(void)
{
	MUST(raise(SIGUSR1));
	return 1;
}

static sigjmp_buf behind_fault;

KEPT static void fault_handler(int signal)
{
	(void)signal;
	opened();
	siglongjmp(behind_fault, 1);
}

/* That clock needs no call of the kernel on any machine. */
KEPT static int reads_clock(void)
{
	struct timespec *volatile nowhere = (struct timespec *)sizeof(*nowhere);

	if (sigsetjmp(behind_fault, 1) == 0)
		CHECK(clock_gettime(CLOCK_REALTIME_COARSE, nowhere));
	return 1;
}

KEPT static void *in_thread(void *argument)
{
	opened();
	return argument;
}

/* The compiler does not see that it comes back. */
static int (*volatile again)(int);

KEPT static int deep(int left)
{
	return left > 1 ? again(left - 1) + 1 : opened();
}

int blind(void);
int open_blindly(void);

KEPT int open_blindly(void)
{
	return opened();
}

/* Without unwinding information or a frame pointer; how much stack it takes depends on the stack. */
#if defined(__x86_64__)
__asm__(".text\n.globl blind\n.type blind, @function\nblind:\n"
	"push %rbp\npush %rbx\nmov %rsp, %rbx\nxor %ebp, %ebp\nand $-64, %rsp\ncall open_blindly\n"
	"mov %rbx, %rsp\npop %rbx\npop %rbp\nret\n.size blind, . - blind\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl blind\n.type blind, @function\nblind:\n"
	"stp x29, x30, [sp, -32]!\nstr x19, [sp, 16]\nmov x19, sp\nmov x29, 0\n"
	"sub x9, sp, 64\nand sp, x9, -64\nbl open_blindly\nmov sp, x19\nldr x19, [sp, 16]\n"
	"ldp x29, x30, [sp], 32\nret\n.size blind, . - blind\n");
#else
int blind(void)
{
	return open_blindly();
}
#endif

KEPT static int through(int (*function)(void))
{
	return function() + 1;
}

/* Not in libc's headers: the linker's name for where the file is. */
extern const char __ehdr_start[] // NOLINT(bugprone-reserved-identifier)
	__attribute__((visibility("hidden")));

static char *map_code(const char *path, char *at)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t place = (size_t)((const char *)through - __ehdr_start);
	const int fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
	char *const code = mmap(at, 2 * page, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | (at ? MAP_FIXED : 0), fd, (off_t)(place & ~(page - 1)));

	CHECK(code != MAP_FAILED);
	MUST(close(fd));
	return code;
}

static void open_through(const char *one, const char *other)
{
	const size_t in_page = (size_t)through & ((size_t)sysconf(_SC_PAGESIZE) - 1);
	char *code = NULL;

	for (int i = 0; i < 2; i++) {
		code = map_code(i ? other : one, code);
		CHECK(((__typeof__(through) *)(void *)(code + in_page))(place_0));
	}
}

KEPT static void try_once(struct sockaddr_in *address)
{
	const int fd = opened();

	prog_connect(fd, address);
	MUST(close(fd));
}

KEPT static void retry(struct sockaddr_in *address)
{
	try_once(address);
	__asm__ volatile("" ::: "memory");
}

static void connect_again(int count)
{
	struct sockaddr_in address;
	const int bound = prog_bound(&address);

	for (int i = 0; i < count; i++) {
		if (i % 2)
			retry(&address);
		else
			try_once(&address);
	}
	MUST(close(bound));
}

int main(int argc, char **argv)
{
	const char *const mode = argc > 1 ? argv[1] : "places";
	const int count = argc > 2 ? atoi(argv[2]) : 10;
	pthread_t thread;

	prog_begin();
	again = deep;
	if (strcmp(mode, "places") == 0)
		open_in_places(count);
	else if (strcmp(mode, "cxx") == 0)
		CHECK(rust_run());
	else if (strcmp(mode, "inlined") == 0)
		CHECK(calls_inlined());
	else if (strcmp(mode, "signal") == 0)
		CHECK(signal(SIGUSR1, handler) != SIG_ERR && interrupted());
	else if (strcmp(mode, "vdso") == 0)
		CHECK(signal(SIGSEGV, fault_handler) != SIG_ERR && reads_clock());
	else if (strcmp(mode, "thread") == 0)
		CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0 &&
			pthread_join(thread, NULL) == 0);
	else if (strcmp(mode, "deep") == 0)
		CHECK(deep(count));
	else if (strcmp(mode, "blind") == 0)
		CHECK(blind());
	else if (strcmp(mode, "remap") == 0 && argc == 4)
		open_through(argv[2], argv[3]);
	else if (strcmp(mode, "again") == 0)
		connect_again(count);
	else
		prog_die("no such mode");
	return 0;
}
