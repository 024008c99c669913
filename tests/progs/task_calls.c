/*
 * task_calls N [THREADS]: the first thread, then THREADS (2) others at once, and then a child process
 * make N rounds of calls on sockets. What each of them saw is printed, a line for each task and call:
 * "thread 2 connect ok EPERM ok".
 * task_calls N exec: a thread makes one round of calls and executes the program, which makes N.
 * task_calls N again: a child makes one round of calls, and then another one of the same id N (which
 * takes privilege).
 */
#include "progs.h"

#include <linux/sched.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>

enum { THREADS_MAX = 16 };

enum call { SOCKET, CONNECT, LISTEN, ACCEPT, ACCEPT4, GETSOCKOPT, CLOSE, CALLS };

static const char *const names[] = {
	"socket", "connect", "listen", "accept", "accept4", "getsockopt", "close"};

struct task {
	const char *name;
	int rounds;
	int *errors; /* CALLS for each round */
};

static int listener;
static pthread_barrier_t barrier;

static void round_of_calls(int *errors)
{
	const struct sockaddr_in somewhere = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(int);
	int results[CALLS] = {0}, fd, type;

#define MAKE(call, expression) (errors[call] = (results[call] = (expression)) < 0 ? errno : 0)
	MAKE(SOCKET, socket(AF_INET, SOCK_DGRAM, 0));
	fd = results[SOCKET] < 0 ? MUST(dup(listener)) : results[SOCKET];
	MAKE(CONNECT, connect(fd, (const struct sockaddr *)&somewhere, sizeof(somewhere)));
	MAKE(LISTEN, listen(listener, 1));
	MAKE(ACCEPT, (int)syscall(SYS_accept, listener, NULL, NULL));
	MAKE(ACCEPT4, accept4(listener, NULL, NULL, 0));
	MAKE(GETSOCKOPT, getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length));
	MAKE(CLOSE, close(fd));
}

static void *task_run(void *task_)
{
	const struct task *task = task_;

	if (strcmp(task->name, "thread") == 0)
		pthread_barrier_wait(&barrier);
	for (int i = 0; i < task->rounds; i++)
		round_of_calls(&task->errors[i * CALLS]);
	return NULL;
}

static struct task make_task(const char *name, int rounds)
{
	struct task task = {
		.name = name, .rounds = rounds, .errors = calloc((size_t)rounds * CALLS, 4)};

	CHECK(task.errors);
	return task;
}

static void print_task(const struct task *task, int number)
{
	for (int call = 0; call < CALLS; call++) {
		printf("%s %d %s", task->name, number, names[call]);
		for (int i = 0; i < task->rounds; i++) {
			const int error = task->errors[i * CALLS + call];
			printf(" %s", error ? strerrorname_np(error) : "ok");
		}
		putchar('\n');
	}
	free(task->errors);
}

static void run_here(const char *name, int rounds)
{
	struct task task = make_task(name, rounds);

	task_run(&task);
	print_task(&task, 1);
}

static void run_threads(int count, int rounds)
{
	struct task tasks[THREADS_MAX];
	pthread_t threads[THREADS_MAX];

	CHECK(count <= THREADS_MAX);
	CHECK(pthread_barrier_init(&barrier, NULL, (unsigned)count) == 0);
	for (int i = 0; i < count; i++) {
		tasks[i] = make_task("thread", rounds);
		CHECK(pthread_create(&threads[i], NULL, task_run, &tasks[i]) == 0);
	}
	for (int i = 0; i < count; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
		print_task(&tasks[i], i + 1);
	}
}

/* set_tid: the id that it is to have, NULL: any. */
static pid_t run_child(int rounds, const pid_t *set_tid)
{
	struct clone_args arguments = {.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)set_tid,
		.set_tid_size = set_tid ? 1 : 0};
	fflush(stdout);
	const pid_t child = (pid_t)MUST((int)syscall(SYS_clone3, &arguments, sizeof(arguments)));
	if (child == 0) {
		run_here("child", rounds);
		exit(0);
	}
	prog_wait(child);
	return child;
}

static void *exec_run(void *rounds)
{
	struct task task = make_task("executing", 1);

	task_run(&task);
	MUST(execl("/proc/self/exe", "task_calls", (const char *)rounds, "0", NULL));
	return NULL;
}

static void run_exec(char *rounds)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, exec_run, rounds) == 0);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const int rounds = prog_number(argc, argv, 1, 3);
	struct sockaddr_in address;

	prog_begin();
	listener = prog_listener(&address);
	MUST(fcntl(listener, F_SETFL, O_NONBLOCK));
	if (argc > 2 && strcmp(argv[2], "exec") == 0) {
		MUST(fcntl(listener, F_SETFD, FD_CLOEXEC));
		run_exec(argv[1]);
	} else if (argc > 2 && strcmp(argv[2], "again") == 0) {
		pid_t child = run_child(1, NULL);
		run_child(rounds, &child);
	} else {
		run_here("main", rounds);
		if (prog_number(argc, argv, 2, 2) > 0)
			run_threads(prog_number(argc, argv, 2, 2), rounds);
		run_child(rounds, NULL);
	}
	return 0;
}
