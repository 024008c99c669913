#include "trace/untraced.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trace/procfs.h"

enum { NS_PER_MS = 1000000, LOOK_MS = 20 };

/* For how long those are looked for that are forked while the others are killed. */
static const uint64_t killing_ns = 2000 * (uint64_t)NS_PER_MS;

struct process {
	pid_t pid, parent;
	bool below; /* the root, however deep */
};

struct processes {
	struct process *list; /* by pid */
	size_t count;
};

static void add(struct processes *processes, pid_t pid, pid_t parent)
{
	processes->list =
		reallocarray(processes->list, processes->count + 1, sizeof(*processes->list));
	if (!processes->list)
		abort();
	processes->list[processes->count++] = (struct process){.pid = pid, .parent = parent};
}

static int by_pid(const void *a, const void *b)
{
	const struct process *const left = a, *const right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

/* Those that live. */
static struct processes read_processes(void)
{
	struct processes processes = {0};
	DIR *const dir = opendir("/proc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		pid_t tgid, parent;

		if (pid > 0 && !proc_ids(pid, &tgid, &parent) && !proc_has_ended(pid))
			add(&processes, pid, parent);
	}
	if (dir)
		closedir(dir);
	if (processes.count)
		qsort(processes.list, processes.count, sizeof(*processes.list), by_pid);
	return processes;
}

static bool is_below(const struct processes *processes, pid_t root, pid_t pid)
{
	const struct process *const found =
		pid == root || !processes->count
			? NULL
			: bsearch(&(struct process){.pid = pid}, processes->list, processes->count,
				  sizeof(*processes->list), by_pid);

	return pid == root || (found && found->below);
}

static void mark_below(struct processes *processes, pid_t root)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < processes->count; i++) {
			struct process *const process = &processes->list[i];

			if (process->below || !is_below(processes, root, process->parent))
				continue;
			process->below = true;
			more = true;
		}
	}
}

/* Whose descendants they are; 0: there are none, or none that can be told. */
static pid_t root_of(const struct tracer *tracer)
{
	if (!tracer->ends_untraced)
		return 0;
	if (tracer->is_reaper)
		return getpid();
	return tracer->ended ? 0 : tracer->launch.pid;
}

/* By then its number may have become another process's. */
static void signal_one(const struct process *process, int signal)
{
	const int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	pid_t tgid, parent;

	if (pidfd < 0)
		return;
	if (!proc_ids(process->pid, &tgid, &parent) &&
		(parent == process->parent || parent == getpid()))
		(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	close(pidfd);
}

/* Returns how many there were. signal 0: they are only counted. */
static size_t signal_below(const struct tracer *tracer, int signal)
{
	const pid_t root = root_of(tracer);
	struct processes processes;
	size_t count = 0;

	if (!root)
		return 0;
	processes = read_processes();
	mark_below(&processes, root);
	for (size_t i = 0; i < processes.count; i++) {
		const struct process *const process = &processes.list[i];

		if (!process->below || tracee_of_process(&tracer->tracees, process->pid))
			continue;
		if (signal)
			signal_one(process, signal);
		count++;
	}
	free(processes.list);
	return count;
}

void untraced_begin(struct tracer *tracer)
{
	const struct trace_options *const options = tracer->options;
	struct processes processes;
	bool has_children = false;

	tracer->ends_untraced = options->timeout_ns && !options->follow && !options->attach_count;
	if (!tracer->ends_untraced)
		return;
	processes = read_processes();
	for (size_t i = 0; i < processes.count; i++)
		has_children |= processes.list[i].parent == getpid();
	free(processes.list);
	tracer->is_reaper = !has_children && !prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void untraced_signal(const struct tracer *tracer, int signal)
{
	(void)signal_below(tracer, signal);
}

void untraced_end(struct tracer *tracer)
{
	const struct timespec look = {.tv_nsec = LOOK_MS * NS_PER_MS};

	if (!tracer->outcome->timed_out)
		return;
	while (tracer_now_ns(tracer) < tracer->kill_at_ns + killing_ns &&
		signal_below(tracer, tracer_now_ns(tracer) < tracer->kill_at_ns ? 0 : SIGKILL))
		nanosleep(&look, NULL);
}
