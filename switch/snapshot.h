/* The state of a Switch at one moment, a plain copy: what reports are made of. */
#ifndef SOCKTEST_SWITCH_SNAPSHOT_H
#define SOCKTEST_SWITCH_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "switch/address.h"
#include "switch/stat.h"

enum socket_state {
	SOCKET_UNCONNECTED,
	SOCKET_CONNECTING,
	SOCKET_CONNECTED,
	SOCKET_LISTENING,
};

/* "unconnected", "connecting", "connected", "listening". */
const char *socket_state_name(enum socket_state state);

/* One inflight socket. */
struct socket_row {
	uint64_t id;      /* from 1, in the order in which sockets were first seen */
	pid_t pid;        /* the process that held its last descriptor */
	char command[64]; /* its comm, any bytes; "" where it could not be read */
	int fd;
	socket_cookie cookie;
	enum socket_state state;
	struct address *local, *peer; /* owned; NULL: unknown or unnamed */
	int err;        /* errno of the last call on it that failed, 0: the last one succeeded */
	int socket_err; /* the errno that SO_ERROR last gave */
	struct {
		pid_t pid, tid;
		const char *call; /* "socket", "accept4", ...; "" for an adopted one */
		uint64_t age_ns;  /* from its opening to the snapshot */
		uint32_t stack;   /* the number of the caller's; 0: not taken */
	} opened_by;
	bool suppressed; /* a leak that the user knows of */
};

struct snapshot {
	struct sockstat *stats; /* by ascending cookie; every cookie that was ever counted */
	size_t stats_count;
	struct socket_row *sockets; /* by ascending id */
	size_t sockets_count;
};

/* Frees what it owns and zeroes it. */
void socket_row_clear(struct socket_row *row);

/* Frees what the snapshot owns and zeroes it. */
void snapshot_clear(struct snapshot *snapshot);

#endif
