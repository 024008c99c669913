/*
 * Does to the kernel, and so to whoever traces it, what a well-meant program never does. Each way
 * is one argument; each call's result goes to stdout, so that it can be compared with an untraced
 * run.
 */
#include "progs.h"

#include <linux/close_range.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The upper half of a register that holds an int, which the kernel ignores. */
#define GARBAGE      UINT64_C(0xdeadbeef00000000)
#define DIRTY(value) ((long)(GARBAGE | (uint32_t)(value)))

static long tell(const char *what, long result)
{
	if (result < 0)
		printf("%s = %s\n", what, strerrorname_np(errno));
	else
		printf("%s = %ld\n", what, result);
	return result;
}

#define TELL(call) tell(#call, (call))

/* ---- memory ---- */

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static char *pages(size_t count, int protection)
{
	char *const at =
		mmap(NULL, count * page_bytes(), protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

/* Where only so many bytes can be accessed, and behind them none. */
static char *edge(size_t bytes)
{
	char *const at = pages(2, PROT_READ | PROT_WRITE);

	MUST(mprotect(at + page_bytes(), page_bytes(), PROT_NONE));
	return at + page_bytes() - bytes;
}

enum { POINTERS = 6 };

/* Pointers to nothing, all different in why. */
static void *bad_pointer(int which)
{
	switch (which) {
	case 0:
		return NULL;
	case 1:
		return (void *)8;
	case 2: /* the kernel's half */
		return (void *)(uintptr_t)0xffffffff80000000;
	case 3: /* the end of all, so that an end behind it comes round to 0 */
		return (void *)UINTPTR_MAX;
	case 4:
		return pages(1, PROT_NONE);
	default:
		return edge(1);
	}
}

/* ---- sockaddr ---- */

static const long lengths[] = {0, 1, 2, 15, 16, 110, 127, 128, 129, INT32_MAX, -1, INT32_MIN};

/* With every length from every pointer, of which the last one is good. */
static void with_addresses(long nr, const char *name, int fd, const struct sockaddr_storage *good)
{
	char what[64];

	for (int pointer = 0; pointer <= POINTERS; pointer++)
		for (size_t i = 0; i < COUNT(lengths); i++) {
			const void *const at = pointer < POINTERS ? bad_pointer(pointer) : good;
			snprintf(what, sizeof(what), "%s pointer %d length %ld", name, pointer,
				lengths[i]);
			tell(what, syscall(nr, fd, at, lengths[i]));
		}
}

static struct sockaddr_storage refusing_address(void)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *const address = (struct sockaddr_in *)&storage;

	prog_bound(address);
	return storage;
}

static void connect_anything(void)
{
	const struct sockaddr_storage inet = refusing_address();
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	struct sockaddr_storage foreign = {.ss_family = 0xffff};

	memset((char *)&local + sizeof(local.ss_family), 'x',
		sizeof(local) - sizeof(local.ss_family));
	with_addresses(SYS_connect, "inet", prog_socket(), &inet);
	with_addresses(SYS_connect, "foreign", prog_socket(), &foreign);
	with_addresses(SYS_connect, "unix", MUST(socket(AF_UNIX, SOCK_STREAM, 0)), &local);
}

/* The family is one that nobody can bind to: no length works. */
static void bind_anything(void)
{
	const struct sockaddr_storage foreign = {.ss_family = 0xffff};

	with_addresses(SYS_bind, "inet", prog_socket(), &foreign);
	with_addresses(SYS_bind, "unix", MUST(socket(AF_UNIX, SOCK_STREAM, 0)), &foreign);
}

/* ---- pointers that the kernel writes to ---- */

static char *read_only(int value)
{
	char *const at = pages(1, PROT_READ | PROT_WRITE);

	memcpy(at, &value, sizeof(value));
	MUST(mprotect(at, page_bytes(), PROT_READ));
	return at;
}

enum { LENGTH_POINTERS = 11 };

/* A pointer to a length: good ones to strange lengths, and bad ones. */
static void *length_pointer(int which, int *memory)
{
	static const int values[LENGTH_POINTERS - 3] = {128, 16, 4, 1, 0, 5, INT32_MAX, -1};

	if (which == LENGTH_POINTERS - 1)
		return NULL;
	if (which == LENGTH_POINTERS - 2)
		return (void *)8;
	if (which == LENGTH_POINTERS - 3)
		return read_only(128);
	*memory = values[which];
	return memory;
}

enum { TARGETS = 4, TARGET_BYTES = 128 };

static void *target_pointer(int which, char *memory)
{
	memset(memory, 0xa5, TARGET_BYTES);
	switch (which) {
	case 0:
		return NULL;
	case 1:
		return memory;
	case 2:
		return read_only(0);
	default:
		return edge(1);
	}
}

static void accept_anywhere(void)
{
	struct sockaddr_in address;
	char memory[TARGET_BYTES], what[64];
	const int listener = prog_listener(&address);

	for (int target = 0; target < TARGETS; target++)
		for (int length = 0; length < LENGTH_POINTERS; length++) {
			int value = 0;
			const int client = prog_client(&address);
			snprintf(what, sizeof(what), "accept target %d length %d", target, length);
			const int fd = (int)tell(
				what, syscall(SYS_accept, listener, target_pointer(target, memory),
					      length_pointer(length, &value)));
			printf("length %d\n", value);
			if (fd >= 0)
				MUST(close(fd));
			MUST(close(client));
		}
}

/* The connect of each is pending until SO_ERROR is asked for, or the socket closed. */
static void get_error_anywhere(void)
{
	struct sockaddr_in address;
	char memory[TARGET_BYTES], what[64];

	prog_bound(&address);
	for (int target = 0; target < TARGETS; target++)
		for (int length = 0; length < LENGTH_POINTERS; length++) {
			int value = 0;
			const int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
			MUST_FAIL(EINPROGRESS, prog_connect(fd, &address));
			snprintf(what, sizeof(what), "getsockopt target %d length %d", target,
				length);
			tell(what, syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR,
					   target_pointer(target, memory),
					   length_pointer(length, &value)));
			printf("length %d, first byte %d\n", value, memory[0]);
			MUST(close(fd));
		}
}

static void pairs_anywhere(void)
{
	int pair[2];

	for (int pointer = 0; pointer < POINTERS; pointer++)
		tell("socketpair bad",
			syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, bad_pointer(pointer)));
	tell("socketpair read-only",
		syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, read_only(0)));
	tell("socketpair half", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, edge(4)));
	TELL(socketpair(AF_INET, SOCK_STREAM, 0, pair));
	TELL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	printf("%d %d\n", pair[0], pair[1]);
	MUST(close(pair[0]));
	MUST(close(pair[1]));
}

/* ---- names ---- */

static int bound_unix(const void *name, size_t length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	CHECK(length <= sizeof(address.sun_path));
	memcpy(address.sun_path, name, length);
	MUST(bind(fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)));
	MUST(listen(fd, 8));
	const int client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(connect(client, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)));
	MUST(accept(fd, NULL, NULL));
	return fd;
}

/* All sockets stay open, and are named in the report. Paths are made in the working directory. */
static void name_sockets(void)
{
	static const char path[] = "p\n\033[31m\177\302\233\377\\x41\r\t'\"";
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	memset(name, 'x', sizeof(name));
	TELL(bound_unix(name, sizeof(name)));
	char terminated[sizeof(name) + 1] = {0};
	memcpy(terminated, name, sizeof(name));
	MUST(unlink(terminated));
	TELL(bound_unix(path, sizeof(path)));
	MUST(unlink(path));
	for (int first = 0; first < 256; first += 64) {
		name[0] = '\0';
		for (int i = 0; i < 64; i++)
			name[1 + i] = (char)(first + i);
		TELL(bound_unix(name, 1 + 64));
	}
}

/* Names that could be taken for lines of /proc/PID/status, or for commands to a terminal. */
static void name_process(void)
{
	static const char *const names[] = {
		"a\nTgid:\t1", "b\033[31m\a\177", "c\302\233\377\376", "d)\n) R 1 1", "\n"};

	prog_socket();
	for (size_t i = 0; i < COUNT(names); i++) {
		const pid_t child = MUST(fork());
		if (child == 0) {
			MUST(prctl(PR_SET_NAME, names[i]));
			prog_socket();
			/* What the tracer warns of by the process's name. */
			(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			struct io_uring_params params = {0};
			(void)syscall(SYS_io_uring_setup, 1, &params);
			_exit(0);
		}
		prog_wait(child);
	}
}

/* ---- other threads ---- */

struct shared {
	union {
		struct sockaddr_in inet;
		int pair[2];
	} memory;
	bool done;
};

static void *flip(void *argument)
{
	struct shared *const shared = argument;
	volatile unsigned short *const family = &shared->memory.inet.sin_family;

	while (!__atomic_load_n(&shared->done, __ATOMIC_RELAXED)) {
		*family = 0xffff;
		*family = AF_INET;
	}
	return NULL;
}

static void *overwrite(void *argument)
{
	struct shared *const shared = argument;
	volatile int *const pair = shared->memory.pair;

	while (!__atomic_load_n(&shared->done, __ATOMIC_RELAXED)) {
		pair[0] = 0;
		pair[1] = 1000;
	}
	return NULL;
}

static void stop_thread(pthread_t thread, struct shared *shared)
{
	__atomic_store_n(&shared->done, true, __ATOMIC_RELAXED);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void race_address(void)
{
	struct shared shared = {0};
	struct sockaddr_in address;
	pthread_t thread;
	int failures = 0;

	prog_bound(&address);
	shared.memory.inet = address;
	const int fd = prog_socket();
	CHECK(pthread_create(&thread, NULL, flip, &shared) == 0);
	for (int i = 0; i < 1000; i++)
		failures += connect(fd, prog_sockaddr(&shared.memory.inet), sizeof(address)) < 0;
	stop_thread(thread, &shared);
	printf("%d connects failed\n", failures);
}

/* Nobody can read which descriptors it got; they are the next ones. */
static void race_pair(void)
{
	struct shared shared = {0};
	pthread_t thread;
	int done = 0;

	CHECK(pthread_create(&thread, NULL, overwrite, &shared) == 0);
	for (int i = 0; i < 200; i++) {
		const int next = MUST(dup(STDIN_FILENO));
		MUST(close(next));
		done += socketpair(AF_UNIX, SOCK_STREAM, 0, shared.memory.pair) == 0;
		MUST(close(next));
		MUST(close(next + 1));
	}
	stop_thread(thread, &shared);
	printf("%d pairs\n", done);
}

/* ---- descriptors ---- */

/* The sockets take the places of standard input, output and error. */
static int without_stdio(void)
{
	int status = 0;

	MUST(close_range(0, 2, 0));
	for (int fd = 0; fd < 3; fd++)
		status |= socket(AF_INET, SOCK_STREAM, 0) != fd;
	return status ? 1 : 7;
}

/* Of as many descriptors as there may be at most: 1048576, where the machine allows it. */
static struct rlimit most_descriptors(void)
{
	struct rlimit limit = {1 << 20, 1 << 20};

	(void)setrlimit(RLIMIT_NOFILE, &limit);
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_max > 1 << 20)
		limit.rlim_max = 1 << 20;
	limit.rlim_cur = limit.rlim_max;
	return limit;
}

static void limit_descriptors(void)
{
	struct rlimit limit = most_descriptors();
	const int highest = (int)limit.rlim_max - 1;
	int pair[2];

	limit.rlim_cur = 4;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	TELL(socket(AF_INET, SOCK_STREAM, 0));
	TELL(socket(AF_INET, SOCK_STREAM, 0));
	TELL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	TELL(dup(3));
	limit.rlim_cur = limit.rlim_max;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	TELL(dup2(3, highest));
	TELL(close(3));
	TELL(fcntl(highest, F_DUPFD, highest));
	TELL(fcntl(highest, F_DUPFD, highest + 1));
	TELL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	limit.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	TELL(socket(AF_INET, SOCK_STREAM, 0));
	TELL(dup2(highest, 3));
	TELL(close(highest));
}

static void misuse_descriptors(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const int fd = prog_socket();

	TELL(dup2(fd, fd));
	TELL(dup3(fd, fd, 0));
	TELL(dup3(fd, 100, O_CLOEXEC | 1));
	TELL(dup3(100, fd, 0));
	TELL(dup2(fd, -1));
	TELL(dup2(-1, fd));
	TELL(dup2(-1, -1));
	TELL(dup2(fd, INT32_MAX));
	TELL(fcntl(fd, F_DUPFD, -1));
	TELL(fcntl(-1, F_DUPFD, fd));
	TELL(dup(-1));
	TELL(close(-1));
	TELL(close(INT32_MIN));
	TELL(close(INT32_MAX));
	TELL(prog_connect(-1, &address));
	TELL(listen(INT32_MIN, INT32_MIN));
	TELL(accept(INT32_MAX, NULL, NULL));
	TELL(accept4(fd, NULL, NULL, -1));
	TELL(close_range(5, 3, 0));
	TELL(close_range(0, ~0U, 1 << 30));
	TELL(close_range(~0U, ~0U, 0));
	TELL(listen(fd, -1));
	TELL(close(fd));
	TELL(close(fd));
}

static int close_everything(void)
{
	prog_socket();
	MUST(dup2(prog_socket(), 1000));
	return close_range(0, ~0U, 0) == 0 ? 9 : 1;
}

/* Nothing here ends the pending connect, or asks for its outcome, before the connect at the end. */
static void misuse_pending(void)
{
	struct sockaddr_in address;
	struct pollfd pollfd = {.events = POLLOUT};

	prog_listener(&address);
	pollfd.fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	TELL(prog_connect(pollfd.fd, &address));
	CHECK(poll(&pollfd, 1, -1) == 1);
	TELL(dup2(pollfd.fd, pollfd.fd));
	TELL(dup3(pollfd.fd, pollfd.fd, 0));
	TELL(dup3(0, pollfd.fd, 1));
	TELL(dup2(-1, pollfd.fd));
	TELL(close_range(0, ~0U, 1 << 30));
	TELL(close_range((unsigned)pollfd.fd, (unsigned)pollfd.fd, CLOSE_RANGE_CLOEXEC));
	TELL(prog_connect(pollfd.fd, &address));
	TELL(prog_connect(pollfd.fd, &address));
	TELL(close(pollfd.fd));
}

/* For a filter that answers the first close: the connect before it is not told of until the end. */
static void close_pending(void)
{
	struct sockaddr_in address;
	struct pollfd pollfd = {.events = POLLOUT};

	prog_listener(&address);
	pollfd.fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	TELL(prog_connect(pollfd.fd, &address));
	CHECK(poll(&pollfd, 1, -1) == 1);
	TELL(close(pollfd.fd));
	TELL(prog_connect(pollfd.fd, &address));
	TELL(close(pollfd.fd));
}

/* ---- registers ---- */

static void dirty_connects(const struct sockaddr_in *address)
{
	int error = 0;
	socklen_t length = sizeof(error);
	const int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	for (int i = 0; i < 2; i++) {
		TELL(syscall(SYS_connect, DIRTY(fd), address, DIRTY(sizeof(*address))));
		TELL(syscall(SYS_getsockopt, DIRTY(fd), DIRTY(SOL_SOCKET), DIRTY(SO_ERROR), &error,
			&length));
		printf("%s\n", strerrorname_np(error));
	}
	TELL(syscall(SYS_close, DIRTY(fd)));
}

/* Every int has garbage in the upper half of its register. */
static void dirty_registers(void)
{
	struct sockaddr_in refusing, address;
	int pair[2];

	prog_bound(&refusing);
	dirty_connects(&refusing);
	const int listener = prog_bound(&address);
	TELL(syscall(SYS_bind, DIRTY(listener), &address, DIRTY(sizeof(address))));
	TELL(syscall(SYS_listen, DIRTY(listener), DIRTY(1)));
	const int fd = (int)TELL(syscall(
		SYS_socket, DIRTY(AF_INET), DIRTY(SOCK_STREAM | SOCK_CLOEXEC), DIRTY(IPPROTO_TCP)));
	TELL(syscall(SYS_connect, DIRTY(fd), &address, DIRTY(sizeof(address))));
	TELL(syscall(SYS_accept4, DIRTY(listener), NULL, NULL, DIRTY(SOCK_NONBLOCK)));
	TELL(syscall(SYS_dup, DIRTY(fd)));
	TELL(syscall(SYS_dup3, DIRTY(fd), DIRTY(20), DIRTY(O_CLOEXEC)));
	TELL(syscall(SYS_fcntl, DIRTY(fd), DIRTY(F_DUPFD), 30L));
	TELL(syscall(SYS_fcntl, DIRTY(fd), DIRTY(F_DUPFD_CLOEXEC), 40L));
	TELL(syscall(SYS_close, DIRTY(fd)));
	TELL(syscall(SYS_close_range, DIRTY(fd), DIRTY(40), DIRTY(0)));
	TELL(syscall(SYS_socketpair, DIRTY(AF_UNIX), DIRTY(SOCK_STREAM), DIRTY(0), pair));
	printf("%d %d\n", pair[0], pair[1]);
	TELL(syscall(SYS_close_range, DIRTY(0), DIRTY(-1), DIRTY(CLOSE_RANGE_CLOEXEC)));
	TELL(syscall(SYS_unshare, DIRTY(CLONE_FILES)));
}

/* Arguments of socket that are not those of any socket, nearly though they look it. */
static void impossible_sockets(void)
{
	TELL(socket(AF_INET | 0x10000, SOCK_STREAM, 0));
	TELL(socket(-1, SOCK_STREAM, 0));
	TELL(socket(AF_INET, -1, 0));
	TELL(socket(AF_INET, SOCK_STREAM | 0x100000, 0));
	TELL(socket(AF_INET, SOCK_STREAM, 0x10006));
	TELL(socket(AF_INET, SOCK_STREAM, -1));
}

/* Neither the program nor a tracer can use the stack while this call runs. */
static long call_without_stack(long nr, long first, long second, long third)
{
#ifdef __x86_64__
	long result;

	__asm__ volatile("mov %%rsp, %%r12\n\t"
			 "mov $8, %%rsp\n\t"
			 "syscall\n\t"
			 "mov %%r12, %%rsp"
			 : "=a"(result)
			 : "a"(nr), "D"(first), "S"(second), "d"(third)
			 : "rcx", "r11", "r12", "memory");
	return result;
#else
	const long result = syscall(nr, first, second, third);
	return result < 0 ? -errno : result;
#endif
}

static void use_no_stack(void)
{
	const long fd = call_without_stack(SYS_socket, AF_INET, SOCK_STREAM, 0);

	printf("%ld %ld %ld\n", fd, call_without_stack(SYS_close, fd, 0, 0),
		call_without_stack(SYS_close, fd, 0, 0));
	TELL(close(prog_socket()));
}

/* ---- processes ---- */

static void fork_often(void)
{
	const int fd = prog_socket();
	pid_t child;

	for (int i = 0; i < 1000; i++) {
		child = MUST(fork());
		if (child == 0)
			_exit(i % 2 ? close(fd) : 0);
		prog_wait(child);
		child = vfork();
		if (child == 0)
			_exit(0);
		prog_wait(child);
	}
	MUST(close(fd));
}

/* All at once, and nobody waits for them. */
static void fork_many(void)
{
	int ends[2];
	char byte;

	MUST(pipe(ends));
	prog_socket();
	for (int i = 0; i < 200; i++) {
		if (MUST(fork()) > 0)
			continue;
		close(prog_socket());
		prog_socket();
		_exit(0);
	}
	MUST(close(ends[1]));
	CHECK(read(ends[0], &byte, 1) == 0);
}

static void hide_memory(void)
{
	int pair[2];
	struct sockaddr_in address;

	MUST(prctl(PR_SET_DUMPABLE, 0));
	prog_bound(&address);
	TELL(prog_connect(prog_socket(), &address));
	TELL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	TELL(close(pair[0]));
}

/* ---- which of them ---- */

static int print_argument_bytes(int argc, char **argv)
{
	size_t bytes = 0;

	for (int i = 0; i < argc; i++)
		bytes += strlen(argv[i]);
	printf("%zu\n", bytes);
	prog_socket();
	return 0;
}

static const struct {
	const char *name;
	void (*run)(void);
	int (*end)(void); /* ends the program with its status */
} ways[] = {
	{"connect", connect_anything, NULL},
	{"bind", bind_anything, NULL},
	{"accept", accept_anywhere, NULL},
	{"getsockopt", get_error_anywhere, NULL},
	{"socketpair", pairs_anywhere, NULL},
	{"socket-names", name_sockets, NULL},
	{"process-names", name_process, NULL},
	{"race-address", race_address, NULL},
	{"race-pair", race_pair, NULL},
	{"no-stdio", NULL, without_stdio},
	{"limits", limit_descriptors, NULL},
	{"descriptors", misuse_descriptors, NULL},
	{"close-everything", NULL, close_everything},
	{"pending", misuse_pending, NULL},
	{"pending-close", close_pending, NULL},
	{"registers", dirty_registers, NULL},
	{"impossible", impossible_sockets, NULL},
	{"no-stack", use_no_stack, NULL},
	{"fork-often", fork_often, NULL},
	{"fork-many", fork_many, NULL},
	{"hide-memory", hide_memory, NULL},
};

int main(int argc, char **argv)
{
	prog_begin();
	CHECK(argc >= 2);
	if (strcmp(argv[1], "arguments") == 0)
		return print_argument_bytes(argc, argv);
	for (size_t i = 0; i < COUNT(ways); i++)
		if (strcmp(argv[1], ways[i].name) == 0) {
			if (ways[i].end)
				return ways[i].end();
			ways[i].run();
			return 0;
		}
	prog_die("no such way");
}
