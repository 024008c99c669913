/* Runs a program under ptrace and tells a Switch of its socket calls. */
#ifndef SOCKTEST_TRACE_TRACE_H
#define SOCKTEST_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "switch/error.h"
#include "switch/event.h"
#include "switch/switch.h"
#include "trace/stacks.h"

enum seccomp_use {
	SECCOMP_AUTO, /* the filter where the kernel takes it, else every syscall is stopped */
	SECCOMP_ON,   /* fail without it */
	SECCOMP_OFF
};

/* io_uring does without system calls: what it does with sockets is not seen. */
enum io_uring_use {
	IO_URING_WARN, /* say in the report who made how many rings */
	IO_URING_DENY, /* io_uring_setup(2) gives ENOSYS, and programs fall back */
	IO_URING_ALLOW
};

struct trace_outcome;
struct tracer;

/* A call that a filter asks about; its task is stopped. Lent. */
struct question {
	uint64_t number;  /* from 1 */
	uint64_t time_ns; /* since the start of the run */
	const char *filter;
	const struct call *call;
	const char *command;             /* of the caller's process */
	const struct socket_row *socket; /* NULL: the call names none */
};

/* When whoever controls the run wants to be heard again. */
struct trace_attention {
	bool each_stop; /* whenever something may have changed */
	uint64_t at_ns; /* since the start of the run; 0: when a signal says so (SIGIO) */
};

struct trace_options {
	char *const *command; /* argv, NULL-terminated; command[0] is looked up in PATH */
	const pid_t *attach; /* or processes that run already, attach_count of them; command is NULL
				then */
	size_t attach_count;
	bool follow; /* children too (threads always) */
	bool wait;   /* for what the first process left behind; else that is let go */
	enum seccomp_use seccomp;
	enum io_uring_use io_uring;
	uint64_t timeout_ns; /* then all are ended, or let go where attached to; 0: never */
	bool verbose; /* warn of what is normal but good to know, as which processes were stopped at
			 every syscall */
	/*
	 * NULL, or called for each traced call, in the order of their ends. Here and in the next
	 * one, and in on_report, signals may interrupt what is done.
	 */
	void (*on_event)(void *context, const struct event *event);
	/* NULL, or called for each turn in a socket's life, before the event of the call. */
	void (*on_socket)(void *context, uint64_t time_ns, const struct sock_change *change);
	/*
	 * NULL, or called soon after the start and then after SIGIO, for which descriptors are to
	 * be set up with O_ASYNC (fcntl(2)), and as attention says. It may change the filters: all
	 * calls are stopped for which there could be one. each_stop: it is called for nothing but
	 * that.
	 */
	struct trace_attention (*on_attention)(void *context, struct tracer *tracer,
		const struct trace_outcome *so_far, bool each_stop);
	/*
	 * With on_attention. Called where a filter asks; returns whether there is somebody to be
	 * asked, who will say trace_reply, but not in here. Else the call passes.
	 */
	bool (*on_ask)(void *context, const struct question *question);
	/* The task is gone, or went on without an answer. */
	void (*on_unask)(void *context, uint64_t number);
	/*
	 * NULL, or called when a child of ours ended that is not traced (any more), with what
	 * wait(2) gave: nobody else can wait for it.
	 */
	void (*on_child)(void *context, pid_t pid, int status);
	/* NULL, or called after SIGUSR1. */
	void (*on_report)(void *context, struct tracer *tracer, const struct trace_outcome *so_far);
	void *context;
	/* Where stacks are kept; NULL: none is taken, and no filter may need one. Lent. */
	struct stacks *stacks;
	bool stacks_of_sockets; /* taken where one is opened */
	bool stacks_of_events;  /* and given to on_event */
};

struct trace_outcome {
	bool started;  /* the command was executed */
	bool signaled; /* the first process was killed by a signal: status is its number */
	int status;    /* its exit code, or the signal */
	uint64_t duration_ns;
	bool running; /* this is how far it is by now */
	bool timed_out;
	char **warnings; /* each once, in the order of their first appearance */
	size_t warnings_count;
};

/*
 * Starts options->command, or attaches to processes, follows all to the end of the last, and fills
 * *outcome. Once in a process, after signals_begin.
 *
 * A command gets SIGINT and SIGQUIT of the terminal itself, and they are survived here; SIGTERM,
 * SIGHUP and others sent to this process are passed to it, and a second SIGTERM kills all. With any
 * of them attached processes are let go unharmed.
 *
 * Returns 0, or with a message -ENOENT (no such command), -EACCES (not executable; whatever
 * execve(2) gave but ENOENT), or another -errno: this machine does not let us trace. The outcome is
 * to be cleared in every case. After an error processes may be left attached: they are let go when
 * this process ends.
 */
int trace_run(const struct trace_options *options, struct switchboard *sw,
	struct trace_outcome *outcome, struct error *error);

/* While it runs, for those that are called back: */

/*
 * Whether a signal has come that is to end the run, and is not heeded before the callback returns.
 */
bool trace_is_to_end(void);

/* The call of this question is answered. Returns false where there is none any more. */
bool trace_reply(struct tracer *tracer, uint64_t number, const struct reply *reply);

/* Filters were set or cleared. */
void trace_filters_changed(struct tracer *tracer);

/* Asks the kernel for the addresses of all sockets: the program says only what it wants. */
void trace_refresh_addresses(struct tracer *tracer);

/* A line for the report, each text once. */
void trace_warn(struct tracer *tracer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The name of a process's command, "" where it is not traced (any more). Lent for a moment. */
const char *trace_comm(const struct tracer *tracer, pid_t pid);

/* Frees what the outcome owns and zeroes it. */
void trace_outcome_clear(struct trace_outcome *outcome);

#endif
