/* A Unix socket at a path of the user's choice, which only that user may connect to (unix(7)). */
#ifndef SOCKTEST_CMD_LISTENER_H
#define SOCKTEST_CMD_LISTENER_H

#include <stdbool.h>
#include <sys/un.h>

struct listener;

/* Fills the address of a path; returns false where it is empty or too long for one. */
bool listener_address(const char *path, struct sockaddr_un *address);
enum { LISTENER_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

/*
 * Makes it, with mode 0600; takes the place of one that nobody listens on any more. option is for
 * messages: exits with one where that is not possible.
 */
struct listener *listener_open(const char *option, const char *path);

/*
 * The next that connected: a nonblocking descriptor, of the caller. Both have SIGIO sent to us when
 * something comes. Returns -EAGAIN when there is none, or another -errno.
 */
int listener_accept(const struct listener *listener);

/* Removes the path, if it is still this socket's. */
void listener_close(struct listener *listener);

#endif
