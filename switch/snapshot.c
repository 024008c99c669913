#include "switch/snapshot.h"

#include <stdlib.h>

const char *socket_state_name(enum socket_state state)
{
	static const char *const names[] = {
		[SOCKET_UNCONNECTED] = "unconnected",
		[SOCKET_CONNECTING] = "connecting",
		[SOCKET_CONNECTED] = "connected",
		[SOCKET_LISTENING] = "listening",
	};

	return names[state];
}

void snapshot_clear(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->sockets_count; i++) {
		free(snapshot->sockets[i].local);
		free(snapshot->sockets[i].peer);
	}
	free(snapshot->sockets);
	free(snapshot->stats);
	*snapshot = (struct snapshot){0};
}
