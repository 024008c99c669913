#include "cmd/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cmd/alloc.h"
#include "cmd/message.h"

enum { LOCK_TRIES = 100, LOCK_RETRY_NS = 10000000 };

struct listener {
	int fd;
	struct sockaddr_un address;
	dev_t device;
	ino_t inode;
};

bool listener_address(const char *path, struct sockaddr_un *address)
{
	const size_t length = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (length == 0 || length > LISTENER_PATH_MAX)
		return false;
	memcpy(address->sun_path, path, length);
	return true;
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ECONNREFUSED: nobody listens on the socket at this address; 0: somebody does. */
static int probe(const struct sockaddr_un *address)
{
	const int fd = make_socket();
	const bool connected =
		fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	const int error = connected ? 0 : errno;

	if (fd >= 0)
		close(fd);
	/* So many wait there that one more would have to. */
	return error == EAGAIN ? 0 : error;
}

/* Only the user may connect (unix(7), "Pathname socket ownership and permissions"). */
static int bind_privately(const struct listener *listener)
{
	const mode_t mask = umask(0177);
	const int status = bind(listener->fd, (const struct sockaddr *)&listener->address,
		sizeof(listener->address));
	const int error = status < 0 ? errno : 0;

	umask(mask);
	return error;
}

static int take_place(const struct listener *listener, const char *option)
{
	const char *const path = listener->address.sun_path;
	struct stat stat;
	int error;

	if (lstat(path, &stat))
		return errno;
	if (!S_ISSOCK(stat.st_mode))
		message_exit("%s=%s: there is a file that is no socket", option, path);
	error = probe(&listener->address);
	if (!error)
		message_exit("%s=%s: somebody listens there already", option, path);
	if (error != ECONNREFUSED)
		return error;
	if (unlink(path))
		return errno;
	return bind_privately(listener);
}

static int bind_and_listen(const struct listener *listener, const char *option)
{
	int error = bind_privately(listener);

	if (error == EADDRINUSE)
		error = take_place(listener, option);
	if (!error && listen(listener->fd, SOMAXCONN))
		error = errno;
	return error;
}

/* A descriptor that is to be closed; -1: it is done without. */
static int lock_folder(const char *path)
{
	const struct timespec retry = {.tv_nsec = LOCK_RETRY_NS};
	char *const copy = alloc_text("%s", path);
	const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(copy);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		nanosleep(&retry, NULL);
	return fd;
}

/*
 * Alone in the folder: of two that find the same dead socket, one would remove what the other has
 * just made, and one that is not listened on yet looks dead. Anybody who may read the folder can
 * hold such a lock, so it is not waited for without end.
 */
static int bind_alone(const struct listener *listener, const char *option)
{
	const int lock = lock_folder(listener->address.sun_path);
	const int error = bind_and_listen(listener, option);

	if (lock >= 0)
		close(lock);
	return error;
}

/* SIGIO comes to us when something does (fcntl(2), F_SETOWN). */
static int announce(int fd)
{
	return fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0
		       ? -errno
		       : 0;
}

struct listener *listener_open(const char *option, const char *path)
{
	struct listener *const listener = alloc_zeroed(1, sizeof(*listener));
	struct stat stat = {0};
	int error;

	if (!listener_address(path, &listener->address))
		message_exit("%s=%s: a socket's path is 1 to %d bytes long", option, path,
			LISTENER_PATH_MAX);
	listener->fd = make_socket();
	error = listener->fd < 0 ? errno : bind_alone(listener, option);
	if (!error && lstat(path, &stat))
		error = errno;
	if (!error)
		error = -announce(listener->fd);
	if (error)
		message_exit("%s=%s: %s", option, path, strerror(error));
	listener->device = stat.st_dev;
	listener->inode = stat.st_ino;
	return listener;
}

int listener_accept(const struct listener *listener)
{
	int fd;

	do
		fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		return -errno;
	(void)announce(fd);
	return fd;
}

void listener_close(struct listener *listener)
{
	const char *const path = listener->address.sun_path;
	struct stat stat;

	if (!lstat(path, &stat) && stat.st_dev == listener->device &&
		stat.st_ino == listener->inode)
		(void)unlink(path);
	close(listener->fd);
	free(listener);
}
