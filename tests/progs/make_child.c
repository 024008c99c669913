/*
 * make_child WAY: a child made by vfork, clone or clone3, with CLONE_PARENT or CLONE_UNTRACED. It
 * closes a socket that it inherited and one of its own, and so does its maker. "top" has
 * CLONE_PARENT give the child to the program's own parent. "flip" makes children while another
 * thread sets and clears the flag.
 */
#include "rights.h"

#include <linux/sched.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static pid_t make_by_clone(uint64_t flags)
{
	return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
}

/* Registers that the kernel leaves alone are the same in both. */
static long call_clone3(struct clone_args *args)
{
#ifdef __x86_64__
	long result;
	void *after = args;

	__asm__ volatile("syscall"
			 : "=a"(result), "+D"(after)
			 : "a"(SYS_clone3), "S"(sizeof(*args))
			 : "rcx", "r11", "memory", "cc");
	CHECK(after == args);
	return result;
#else
	return syscall(SYS_clone3, args, sizeof(*args));
#endif
}

static pid_t make_by_clone3(uint64_t flags, uint64_t exit_signal)
{
	struct clone_args args = {.flags = flags, .exit_signal = exit_signal};
	const long result = call_clone3(&args);

	CHECK(args.flags == flags);
	return (pid_t)result;
}

/* What the program says there cannot be written to. */
static pid_t make_by_constants(void)
{
	static const struct clone_args args = {.flags = CLONE_UNTRACED, .exit_signal = SIGCHLD};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t make(const char *way)
{
	if (strcmp(way, "clone") == 0)
		return make_by_clone(SIGCHLD);
	if (strcmp(way, "clone3") == 0)
		return make_by_clone3(0, SIGCHLD);
	/* The exit signal is the maker's own then (clone(2)). */
	if (strcmp(way, "parent") == 0 || strcmp(way, "top") == 0)
		return make_by_clone(CLONE_PARENT);
	if (strcmp(way, "parent3") == 0)
		return make_by_clone3(CLONE_PARENT, 0);
	if (strcmp(way, "untraced") == 0)
		return make_by_clone(CLONE_UNTRACED | SIGCHLD);
	if (strcmp(way, "untraced3") == 0)
		return make_by_clone3(CLONE_UNTRACED, SIGCHLD);
	if (strcmp(way, "constants") == 0)
		return make_by_constants();
	if (strcmp(way, "both") == 0)
		return make_by_clone(CLONE_PARENT | CLONE_UNTRACED);
	prog_die(way);
}

static _Noreturn void child_run(int inherited)
{
	MUST(close(inherited));
	MUST(close(prog_socket()));
	_exit(0);
}

static void work(int inherited)
{
	MUST(close(inherited));
	MUST(close(prog_socket()));
}

/* Both are children of who calls: the maker, and with CLONE_PARENT the made one. */
static void make_sibling(const char *way, int inherited)
{
	const struct turn told = turn_new();
	pid_t child, maker = MUST(fork());

	if (maker == 0) {
		child = MUST(make(way));
		if (child == 0)
			child_run(inherited);
		CHECK(write(told.ends[1], &child, sizeof(child)) == sizeof(child));
		work(inherited);
		_exit(0);
	}
	MUST(close(inherited));
	CHECK(read(told.ends[0], &child, sizeof(child)) == sizeof(child));
	prog_wait(maker);
	prog_wait(child);
}

/* The end of a stranger's child shows in its pipe. */
static void make_stranger(const char *way, int inherited)
{
	const struct turn alive = turn_new();
	char byte;
	const pid_t child = MUST(make(way));

	if (child == 0)
		child_run(inherited);
	MUST(close(alive.ends[1]));
	CHECK(read(alive.ends[0], &byte, 1) == 0);
	CHECK(waitpid(child, NULL, 0) < 0 && errno == ECHILD);
	work(inherited);
}

static void make_own(const char *way, int inherited)
{
	const pid_t child = MUST(make(way));

	if (child == 0)
		child_run(inherited);
	prog_wait(child);
	work(inherited);
}

/* Its caller's memory and stack: a function of its own would return on them. */
static void make_by_vfork(int inherited)
{
	const pid_t child = vfork();

	if (child == 0)
		child_run(inherited); // NOLINT(clang-analyzer-unix.Vfork): what is tested
	CHECK(child > 0);
	prog_wait(child);
	work(inherited);
}

static struct clone_args flipped = {.exit_signal = SIGCHLD};
static atomic_bool flips_end;

static void *flip(void *unused)
{
	(void)unused;
	while (!atomic_load(&flips_end)) {
		__atomic_xor_fetch(&flipped.flags, CLONE_UNTRACED, __ATOMIC_SEQ_CST);
		for (volatile int i = 0; i < 30; i++)
			;
	}
	return NULL;
}

static void make_while_flipping(int inherited)
{
	enum { CHILDREN = 600 };
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, flip, NULL) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		const pid_t child = MUST(syscall(SYS_clone3, &flipped, sizeof(flipped)));
		if (child == 0)
			_exit(socket(AF_INET, SOCK_STREAM, 0) < 0);
		prog_wait(child);
	}
	atomic_store(&flips_end, true);
	CHECK(pthread_join(thread, NULL) == 0);
	MUST(close(inherited));
}

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc == 2);
	const char *const way = argv[1];
	const int inherited = prog_socket();

	if (strcmp(way, "flip") == 0)
		make_while_flipping(inherited);
	else if (strcmp(way, "vfork") == 0)
		make_by_vfork(inherited);
	else if (strncmp(way, "parent", 6) == 0 || strcmp(way, "both") == 0)
		make_sibling(way, inherited);
	else if (strcmp(way, "top") == 0)
		make_stranger(way, inherited);
	else
		make_own(way, inherited);
	return 0;
}
