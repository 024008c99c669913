/*
 * tables WAY: two processes with one descriptor table (CLONE_FILES), until one of them leaves it.
 * Three sockets: a and b, and c which is close-on-exec.
 *
 *   exec     the child executes a program, which closes a; the parent closes all three
 *   thread   the same, but it is a thread of the child that executes it
 *   leader   the same, but the child's first thread has ended already
 *   unshare  the child leaves with unshare(2), closes all and opens one more; so does the parent
 *   range    the child closes all with close_range(2) and CLOSE_RANGE_UNSHARE
 *   cloexec  the same, but it marks them close-on-exec, and executes a program
 *   one      the child closes a and b for both, and opens d, which the parent closes with c
 */
#include "progs.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

enum { A = 100, B, C, D };

static bool leader_ends;

static void open_at(int at, int flags)
{
	int fd = prog_socket();

	MUST(dup3(fd, at, flags));
	MUST(close(fd));
}

static void close_all(void)
{
	MUST(close(A));
	MUST(close(B));
	MUST(close(C));
}

static void execute(const char *way)
{
	/* Not /proc/self: the first thread may have ended. */
	MUST(execl("/proc/thread-self/exe", "tables", way, NULL));
}

/* A leader that has ended stays as a zombie until all its threads have. */
static void wait_for_leader(void)
{
	char line[512];
	const char *state;

	do {
		FILE *file = fopen("/proc/self/stat", "re");
		CHECK(file && fgets(line, sizeof(line), file));
		fclose(file);
		state = strrchr(line, ')');
		CHECK(state);
	} while (state[2] != 'Z');
}

static void *execute_run(void *unused)
{
	if (leader_ends)
		wait_for_leader();
	execute("executed");
	return unused;
}

static void execute_by_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, execute_run, NULL) == 0);
	if (leader_ends)
		syscall(SYS_exit, 0);
	pthread_join(thread, NULL);
}

static void child_run(const char *way)
{
	if (strcmp(way, "exec") == 0) {
		execute("executed");
	} else if (strcmp(way, "thread") == 0 || strcmp(way, "leader") == 0) {
		leader_ends = *way == 'l';
		execute_by_thread();
	} else if (strcmp(way, "unshare") == 0) {
		MUST(unshare(CLONE_FILES));
		close_all();
		open_at(D, 0);
		MUST(close(D));
	} else if (strcmp(way, "range") == 0) {
		MUST(syscall(SYS_close_range, A, C, CLOSE_RANGE_UNSHARE));
	} else if (strcmp(way, "cloexec") == 0) {
		MUST(syscall(SYS_close_range, A, C, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC));
		execute("nothing");
	} else if (strcmp(way, "one") == 0) {
		MUST(close(A));
		MUST(close(B));
		open_at(D, 0);
	} else {
		prog_die(way);
	}
}

/* What was executed. */
static bool is_executed(const char *way)
{
	if (strcmp(way, "executed") == 0) {
		CHECK(prog_is_open(A) && prog_is_open(B) && !prog_is_open(C));
		MUST(close(A));
		return true;
	}
	if (strcmp(way, "nothing") == 0) {
		CHECK(!prog_is_open(A) && !prog_is_open(B) && !prog_is_open(C));
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";

	prog_begin();
	if (is_executed(way))
		return 0;
	open_at(A, 0);
	open_at(B, 0);
	open_at(C, O_CLOEXEC);
	pid_t child = (pid_t)MUST(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
	if (child == 0) {
		child_run(way);
		_exit(0);
	}
	prog_wait(child);
	if (strcmp(way, "one") == 0) {
		CHECK(!prog_is_open(A) && !prog_is_open(B) && prog_is_open(C));
		MUST(close(C));
		MUST(close(D));
		return 0;
	}
	CHECK(!prog_is_open(D));
	close_all();
	return 0;
}
