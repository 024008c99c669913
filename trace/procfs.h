/* What the kernel says of a task: proc(5), kcmp(2), pidfd_getfd(2). Nothing is cached. */
#ifndef SOCKTEST_TRACE_PROCFS_H
#define SOCKTEST_TRACE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#include "switch/switch.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* linux/pidfd.h, since 6.9 */
#endif

/* One descriptor of a task. */
struct proc_fd {
	int fd;
	uint64_t inode; /* of its socket; 0: it is no socket */
};

/* Whether /proc is mounted, and shows the processes by the ids that they have for us. */
bool proc_is_usable(void);

/* The inode of the socket that fd is; 0: no socket, no such descriptor, or no such task. */
uint64_t proc_socket_inode(pid_t tid, int fd);

/* Whether fd is nonblocking; false where that cannot be read. */
bool proc_is_nonblock(pid_t tid, int fd);

/* All descriptors, ascending. *fds is owned by the caller (free). Returns how many, or -errno. */
ssize_t proc_fds(pid_t tid, struct proc_fd **fds);

/* How many of a task's descriptors are io_uring rings. */
unsigned proc_rings(pid_t tid);

/* Whether the task still has a descriptor table; where that cannot be read it has none. */
bool proc_has_fds(pid_t tid);

/*
 * Whether two tasks share a descriptor table: 1 or 0, or -errno (kcmp(2); -ENOSYS: CONFIG_KCMP is
 * off).
 */
int proc_share_files(pid_t tid, pid_t other);

/* The thread group id and the parent's, as the caller's pid namespace has them. 0 or -errno. */
int proc_ids(pid_t tid, pid_t *tgid, pid_t *ppid);

/* How many seccomp filters a task carries (/proc/TID/status, Linux 5.9); -errno: not known. */
int proc_seccomp_filters(pid_t tid);

/* The signals that wait for the task and that it does not block, the first in bit 0. */
uint64_t proc_pending_signals(pid_t tid);

/* Whether the task's process has a handler for the signal. */
bool proc_catches(pid_t tid, int signal);

/*
 * The call that a task is in. Returns 0; -EAGAIN: in none, it runs; or another -errno.
 */
int proc_syscall(pid_t tid, uint64_t *nr, uint64_t args[static 6]);

/* The bytes of a pointer in the program that the task runs, 8 where it is not known. */
unsigned proc_word_bytes(pid_t tid);

/* The descriptors that epoll descriptor fd of a task watches, at most room. Returns how many. */
size_t proc_epoll_fds(pid_t tid, int fd, int *fds, size_t room);

/* The process that traces a task, 0: none. */
pid_t proc_tracer(pid_t tid);

/* Whether the task is gone, or has ended and waits to be collected. */
bool proc_has_ended(pid_t tid);

/* The effective capabilities of a task, a bit each (capabilities(7)). */
uint64_t proc_capabilities(pid_t tid);

/*
 * Whether the task, which has just executed a program, has less privilege than that program's file
 * gives: by its set-user-ID or set-group-ID bit, or its capabilities.
 */
bool proc_was_denied_privilege(pid_t tid);

/* Whether the task can gain no privilege by an exec (PR_SET_NO_NEW_PRIVS). */
bool proc_no_new_privs(pid_t tid);

/* The name of the task (its comm), "" where it cannot be read. Bytes may be any. */
void proc_comm(pid_t tid, char *comm, size_t size);

/*
 * What the kernel says of the socket with this inode that fd of the task is. local and peer are
 * owned by the caller (free). By a duplicate, where the kernel hands one out (Linux 5.6 has
 * pidfd_getfd), else as procnet_describe does, and returns. What is not known is 0 or NULL then.
 */
int proc_describe(
	pid_t tid, pid_t tgid, int fd, uint64_t inode, struct sock_description *description);

/* SO_RCVTIMEO or SO_SNDTIMEO of the socket that fd of the task is. 0 or -errno. */
int proc_socket_timeout(pid_t tid, pid_t tgid, int fd, int name, struct timeval *timeout);

#endif
