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

void socket_row_clear(struct socket_row *row)
{
	free(row->local);
	free(row->peer);
	*row = (struct socket_row){0};
}

void snapshot_clear(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->sockets_count; i++)
		socket_row_clear(&snapshot->sockets[i]);
	free(snapshot->sockets);
	free(snapshot->stats);
	*snapshot = (struct snapshot){0};
}
