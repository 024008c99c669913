#include "trace/procfs.h"

#include <dirent.h>
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/tcp.h>
#include <linux/xattr.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "trace/procnet.h"

bool proc_is_usable(void)
{
	char link[16];
	const ssize_t length = readlink("/proc/self", link, sizeof(link) - 1);

	if (length < 0)
		return false;
	link[length] = '\0';
	return strtol(link, NULL, 10) == getpid();
}

static uint64_t parse_inode(const char *link, ssize_t length)
{
	static const char prefix[] = "socket:[";
	const size_t skip = sizeof(prefix) - 1;

	if (length <= (ssize_t)skip || strncmp(link, prefix, skip) != 0)
		return 0;
	return strtoull(link + skip, NULL, 10);
}

static uint64_t link_inode(int dir, const char *path)
{
	char link[64];
	const ssize_t length = readlinkat(dir, path, link, sizeof(link) - 1);

	if (length < 0)
		return 0;
	link[length] = '\0';
	return parse_inode(link, length);
}

uint64_t proc_socket_inode(pid_t tid, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
	return link_inode(AT_FDCWD, path);
}

static int by_fd(const void *a, const void *b)
{
	const struct proc_fd *left = a, *right = b;

	return (left->fd > right->fd) - (left->fd < right->fd);
}

static int append(struct proc_fd **fds, size_t *count, size_t *room, const struct proc_fd *fd)
{
	if (*count == *room) {
		const size_t more = *room ? *room * 2 : 64;
		struct proc_fd *grown = reallocarray(*fds, more, sizeof(**fds));
		if (!grown)
			return -ENOMEM;
		*fds = grown;
		*room = more;
	}
	(*fds)[(*count)++] = *fd;
	return 0;
}

ssize_t proc_fds(pid_t tid, struct proc_fd **fds)
{
	char path[64];
	size_t count = 0, room = 0;
	const struct dirent *entry;
	int error = 0;

	*fds = NULL;
	snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	while (!error && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		const struct proc_fd fd = {
			.fd = (int)strtol(entry->d_name, NULL, 10),
			.inode = link_inode(dirfd(dir), entry->d_name),
		};
		error = append(fds, &count, &room, &fd);
	}
	closedir(dir);
	if (error) {
		free(*fds);
		*fds = NULL;
		return error;
	}
	if (count) /* with nothing to sort there is no array either */
		qsort(*fds, count, sizeof(**fds), by_fd);
	return (ssize_t)count;
}

/* What the kernel calls the file of io_uring_setup(2) (io_uring/io_uring.c). */
static bool is_ring(int dir, const char *name)
{
	static const char ring[] = "anon_inode:[io_uring]";
	char link[sizeof(ring)] = "";

	return readlinkat(dir, name, link, sizeof(link)) == sizeof(ring) - 1 &&
	       memcmp(link, ring, sizeof(ring) - 1) == 0;
}

unsigned proc_rings(pid_t tid)
{
	char path[64];
	const struct dirent *entry;
	unsigned count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	DIR *const dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL)
		count += is_ring(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
	return count;
}

int proc_share_files(pid_t tid, pid_t other)
{
	const long order = syscall(SYS_kcmp, tid, other, KCMP_FILES, 0, 0);

	return order < 0 ? -errno : order == 0;
}

bool proc_is_nonblock(pid_t tid, int fd)
{
	char path[64], line[64];
	unsigned flags = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	FILE *const file = fopen(path, "re");
	if (!file)
		return false;
	while (!flags && fgets(line, sizeof(line), file))
		if (strncmp(line, "flags:", strlen("flags:")) == 0)
			flags = (unsigned)strtoul(line + strlen("flags:"), NULL, 8);
	fclose(file);
	return flags & O_NONBLOCK;
}

/* The number after "Key:\t" in /proc/TID/status. */
static int status_number(const char *status, const char *key, int *number)
{
	const char *line = strstr(status, key);

	if (!line)
		return -ENOENT;
	*number = (int)strtol(line + strlen(key), NULL, 10);
	return 0;
}

static int read_text(const char *path, char *text, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	const ssize_t length = read(fd, text, size - 1);
	const int error = length < 0 ? -errno : 0;
	close(fd);
	text[length < 0 ? 0 : length] = '\0';
	return error;
}

static int read_status(pid_t tid, char *status, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	return read_text(path, status, size);
}

int proc_ids(pid_t tid, pid_t *tgid, pid_t *ppid)
{
	char status[4096];
	int error = read_status(tid, status, sizeof(status));

	if (!error)
		error = status_number(status, "\nTgid:", tgid);
	if (!error)
		error = status_number(status, "\nPPid:", ppid);
	return error;
}

int proc_seccomp_filters(pid_t tid)
{
	char status[4096];
	int filters = 0;
	int error = read_status(tid, status, sizeof(status));

	if (!error)
		error = status_number(status, "\nSeccomp_filters:", &filters);
	return error ? error : filters;
}

bool proc_has_fds(pid_t tid)
{
	char status[4096];
	int size = 0;

	/* fs/proc/array.c: 0 once exit_files has taken it away, which is before it is emptied. */
	return read_status(tid, status, sizeof(status)) == 0 &&
	       status_number(status, "\nFDSize:", &size) == 0 && size > 0;
}

int proc_syscall(pid_t tid, uint64_t *nr, uint64_t args[static 6])
{
	char path[64], text[256];
	long long number = -1;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	const int error = read_text(path, text, sizeof(text));
	if (error)
		return error;
	/* "running", or -1 and two registers for one that is blocked elsewhere. */
	if (sscanf(text,
		    "%lli %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64,
		    &number, &args[0], &args[1], &args[2], &args[3], &args[4], &args[5]) != 7)
		return -EAGAIN;
	*nr = (uint64_t)number;
	return number < 0 ? -EAGAIN : 0;
}

unsigned proc_word_bytes(pid_t tid)
{
	unsigned char header[EI_NIDENT];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 8;
	const ssize_t length = read(fd, header, sizeof(header));
	close(fd);
	return length == sizeof(header) && header[EI_CLASS] == ELFCLASS32 ? 4 : 8;
}

size_t proc_epoll_fds(pid_t tid, int fd, int *fds, size_t room)
{
	char path[64], line[256];
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	FILE *const file = fopen(path, "re");
	if (!file)
		return 0;
	while (count < room && fgets(line, sizeof(line), file))
		if (sscanf(line, "tfd: %d", &fds[count]) == 1)
			count++;
	fclose(file);
	return count;
}

pid_t proc_tracer(pid_t tid)
{
	char status[4096];
	int tracer = 0;

	if (read_status(tid, status, sizeof(status)) == 0)
		(void)status_number(status, "\nTracerPid:", &tracer);
	return tracer;
}

bool proc_has_ended(pid_t tid)
{
	char status[4096];

	if (read_status(tid, status, sizeof(status)))
		return true;
	const char *const state = strstr(status, "\nState:\t");
	return state && strchr("ZX", state[sizeof("\nState:\t") - 1]);
}

/* The mask after "Key:\t" in a text of /proc/TID/status. */
static uint64_t mask_in(const char *status, const char *key)
{
	const char *const line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, 16) : 0;
}

/* 0 where it cannot be read. */
static uint64_t status_mask(pid_t tid, const char *key)
{
	char status[4096];

	return read_status(tid, status, sizeof(status)) ? 0 : mask_in(status, key);
}

uint64_t proc_capabilities(pid_t tid)
{
	return status_mask(tid, "\nCapEff:");
}

uint64_t proc_pending_signals(pid_t tid)
{
	char status[4096];

	if (read_status(tid, status, sizeof(status)))
		return 0;
	return (mask_in(status, "\nSigPnd:") | mask_in(status, "\nShdPnd:")) &
	       ~mask_in(status, "\nSigBlk:");
}

bool proc_catches(pid_t tid, int signal)
{
	return status_mask(tid, "\nSigCgt:") >> (signal - 1) & 1;
}

/* security.capability (capabilities(7), linux/capability.h): little-endian words. */
static uint64_t file_capabilities(const char *path)
{
	struct vfs_cap_data data = {0};

	/* Version 3 has a user namespace's root behind that (struct vfs_ns_cap_data). */
	unsigned char bytes[sizeof(struct vfs_ns_cap_data)];
	const ssize_t length = getxattr(path, XATTR_NAME_CAPS, bytes, sizeof(bytes));
	if (length < (ssize_t)sizeof(data))
		return 0;
	memcpy(&data, bytes, sizeof(data));
	return le32toh(data.data[0].permitted) | (uint64_t)le32toh(data.data[1].permitted) << 32;
}

/* The second number after "Key:\t" in /proc/TID/status: of real, effective, saved and file system. */
static unsigned effective_id(const char *status, const char *key)
{
	const char *const line = strstr(status, key);
	unsigned real = 0, effective = 0;

	return line && sscanf(line + strlen(key), "%u %u", &real, &effective) == 2 ? effective : 0;
}

bool proc_was_denied_privilege(pid_t tid)
{
	char path[64], text[4096];
	struct stat status;
	struct statvfs mount;

	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	if (stat(path, &status) < 0 || statvfs(path, &mount) < 0 || mount.f_flag & ST_NOSUID ||
		read_status(tid, text, sizeof(text)))
		return false;
	return (status.st_mode & S_ISUID && status.st_uid != effective_id(text, "\nUid:")) ||
	       (status.st_mode & S_ISGID && status.st_mode & S_IXGRP &&
		       status.st_gid != effective_id(text, "\nGid:")) ||
	       (file_capabilities(path) & status_mask(tid, "\nCapBnd:") &
		       ~status_mask(tid, "\nCapPrm:"));
}

bool proc_no_new_privs(pid_t tid)
{
	char status[4096];
	int set = 0;

	return read_status(tid, status, sizeof(status)) == 0 &&
	       status_number(status, "\nNoNewPrivs:", &set) == 0 && set;
}

void proc_comm(pid_t tid, char *comm, size_t size)
{
	char path[64];
	ssize_t length = 0;

	snprintf(path, sizeof(path), "/proc/%d/comm", tid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, comm, size - 1);
		close(fd);
	}
	if (length < 0)
		length = 0;
	if (length > 0 && comm[length - 1] == '\n')
		length--;
	comm[length] = '\0';
}

static int duplicate_from(int pidfd, int fd, uint64_t inode)
{
	struct stat status;
	const int duplicate = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (duplicate < 0)
		return -errno;
	if (fstat(duplicate, &status) == 0 && status.st_ino == inode)
		return duplicate;
	close(duplicate);
	return -ESTALE;
}

/* A descriptor of ours for the socket with this inode; it holds the socket open: close it at once.
 */
static int duplicate_socket(pid_t tid, pid_t tgid, int fd, uint64_t inode)
{
	/*
	 * A thread's own table is reachable only by PIDFD_THREAD; the inode tells whether it was
	 * the right one.
	 */
	int pidfd = tid == tgid ? -1 : (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);

	if (pidfd < 0)
		pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
	if (pidfd < 0)
		return -errno;
	const int duplicate = duplicate_from(pidfd, fd, inode);
	close(pidfd);
	return duplicate;
}

static int option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	/* Never SO_ERROR: reading it clears it. */
	return getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? 0 : value;
}

static struct address *name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	if (get(fd, (struct sockaddr *)&name, &length) < 0)
		return NULL;
	return address_new(&name, length < sizeof(name) ? length : sizeof(name));
}

/* include/net/tcp_states.h of the kernel */
enum { TCP_STATE_SYN_SENT = 2 };

static enum socket_state tcp_state_of(int fd, bool *undecided)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	/* Of MPTCP since Linux 5.16: it is its first subflow's. */
	*undecided = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0;
	if (info.tcpi_state == TCP_STATE_SYN_SENT)
		return SOCKET_CONNECTING;
	/* A connection that was reset has no peer any more, but its SYN was acknowledged. */
	return info.tcpi_bytes_acked > 0 ? SOCKET_CONNECTED : SOCKET_UNCONNECTED;
}

/* Others that are not connected (SCTP, vsock) do not say whether they are about to be. */
static enum socket_state state_of(int fd, struct sock_description *description)
{
	if (option(fd, SO_ACCEPTCONN))
		return SOCKET_LISTENING;
	if (description->peer)
		return SOCKET_CONNECTED;
	if (description->protocol == IPPROTO_TCP || description->protocol == IPPROTO_MPTCP)
		return tcp_state_of(fd, &description->undecided);
	description->undecided = true;
	return SOCKET_UNCONNECTED;
}

/* SO_PROTOCOL does not tell that of a packet socket, its name does (packet(7)). */
static int protocol_of(int fd, int family, const struct address *local)
{
	struct sockaddr_ll name;

	if (family != AF_PACKET)
		return option(fd, SO_PROTOCOL);
	if (!local || local->length < offsetof(struct sockaddr_ll, sll_ifindex))
		return 0;
	memcpy(&name, local->bytes, offsetof(struct sockaddr_ll, sll_ifindex));
	return name.sll_protocol;
}

int proc_describe(
	pid_t tid, pid_t tgid, int fd, uint64_t inode, struct sock_description *description)
{
	const int duplicate = duplicate_socket(tid, tgid, fd, inode);

	/*
	 * No such call, or it is forbidden; or without PIDFD_THREAD another table was looked at
	 * than the thread's own.
	 */
	if (duplicate < 0)
		return procnet_describe(tid, fd, inode, description);
	*description = (struct sock_description){.inode = inode};
	description->family = option(duplicate, SO_DOMAIN);
	description->type = option(duplicate, SO_TYPE);
	description->local = name_of(duplicate, getsockname);
	description->protocol = protocol_of(duplicate, description->family, description->local);
	description->peer = name_of(duplicate, getpeername);
	description->state = state_of(duplicate, description);
	close(duplicate);
	return 0;
}

int proc_socket_timeout(pid_t tid, pid_t tgid, int fd, int name, struct timeval *timeout)
{
	const uint64_t inode = proc_socket_inode(tid, fd);
	const int duplicate = inode ? duplicate_socket(tid, tgid, fd, inode) : -ENOTSOCK;
	socklen_t length = sizeof(*timeout);

	if (duplicate < 0)
		return duplicate;
	const int error =
		getsockopt(duplicate, SOL_SOCKET, name, timeout, &length) < 0 ? -errno : 0;
	close(duplicate);
	return error;
}
