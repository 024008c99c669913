#include "trace/waiting.h"

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/select.h>

#include "trace/memory.h"
#include "trace/procfs.h"

static void add(struct waiting *waiting, int fd)
{
	if (fd >= 0 && waiting->count < WAITING_MAX)
		waiting->fds[waiting->count++] = fd;
}

static void wait_for_one(pid_t tid, const uint64_t *args, struct waiting *waiting)
{
	(void)tid;
	add(waiting, (int)args[0]);
}

/* Data that goes from one descriptor to another waits for either. */
static void wait_for_two(pid_t tid, const uint64_t *args, struct waiting *waiting)
{
	(void)tid;
	add(waiting, (int)args[0]);
	add(waiting, (int)args[1]);
}

/* splice(2) has an offset between them. */
static void wait_for_spliced(pid_t tid, const uint64_t *args, struct waiting *waiting)
{
	(void)tid;
	add(waiting, (int)args[0]);
	add(waiting, (int)args[2]);
}

/* So many entries are looked at: most have a descriptor. */
enum { POLLED_MAX = 4096 };

static void wait_in_poll(pid_t tid, const uint64_t *args, struct waiting *waiting)
{
	struct pollfd entry;

	for (uint64_t i = 0; i < args[1] && i < POLLED_MAX; i++) {
		if (memory_read(tid, args[0] + i * sizeof(entry), &entry, sizeof(entry)))
			return;
		add(waiting, entry.fd);
	}
}

/* A bit each, in words of the program's size: on a little-endian machine the same as in bytes. */
static bool is_set(pid_t tid, uint64_t set, int fd)
{
	unsigned char byte;

	return set && !memory_read(tid, set + (unsigned)fd / CHAR_BIT, &byte, sizeof(byte)) &&
	       byte >> ((unsigned)fd % CHAR_BIT) & 1;
}

static void wait_in_select(pid_t tid, const uint64_t *args, struct waiting *waiting)
{
	for (int fd = 0; fd < (int)args[0] && fd < FD_SETSIZE; fd++)
		if (is_set(tid, args[1], fd) || is_set(tid, args[2], fd))
			add(waiting, fd);
}

static void wait_in_epoll(pid_t tid, const uint64_t *args, struct waiting *waiting)
{
	waiting->count = proc_epoll_fds(tid, (int)args[0], waiting->fds, WAITING_MAX);
}

static const struct {
	const char *name;
	void (*find)(pid_t tid, const uint64_t *args, struct waiting *waiting);
} waits[] = {
	{"read", wait_for_one},
	{"readv", wait_for_one},
	{"preadv2", wait_for_one},
	{"recv", wait_for_one},
	{"recvfrom", wait_for_one},
	{"recvmsg", wait_for_one},
	{"recvmmsg", wait_for_one},
	{"recvmmsg_time64", wait_for_one},
	{"write", wait_for_one},
	{"writev", wait_for_one},
	{"pwritev2", wait_for_one},
	{"send", wait_for_one},
	{"sendto", wait_for_one},
	{"sendmsg", wait_for_one},
	{"sendmmsg", wait_for_one},
	{"sendfile", wait_for_two},
	{"sendfile64", wait_for_two},
	{"splice", wait_for_spliced},
	{"close", wait_for_one},
	{"shutdown", wait_for_one},
	{"poll", wait_in_poll},
	{"ppoll", wait_in_poll},
	{"ppoll_time64", wait_in_poll},
	{"select", wait_in_select},
	{"_newselect", wait_in_select},
	{"pselect6", wait_in_select},
	{"pselect6_time64", wait_in_select},
	{"epoll_wait", wait_in_epoll},
	{"epoll_pwait", wait_in_epoll},
	{"epoll_pwait2", wait_in_epoll},
};

void waiting_find(
	pid_t tid, const char *name, const uint64_t args[static 6], struct waiting *waiting)
{
	waiting->count = 0;
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (strcmp(waits[i].name, name) == 0)
			waits[i].find(tid, args, waiting);
}
