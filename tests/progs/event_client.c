/* event_client PORT: connects to a port of 127.0.0.1 by libevent, and prints how that ended. */
#include "progs.h"

#include <event2/bufferevent.h>
#include <event2/event.h>

static void on_event(struct bufferevent *connection, short what, void *base)
{
	const char *const error = evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR());

	(void)connection;
	puts(what & BEV_EVENT_CONNECTED ? "connected" : error);
	CHECK(event_base_loopbreak(base) == 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)prog_number(argc, argv, 1, 0))};

	prog_begin();
	struct event_base *const base = event_base_new();
	CHECK(base);
	struct bufferevent *const connection =
		bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	CHECK(connection);
	bufferevent_setcb(connection, NULL, NULL, on_event, base);
	CHECK(bufferevent_enable(connection, EV_READ | EV_WRITE) == 0);
	if (bufferevent_socket_connect(connection, prog_sockaddr(&address), sizeof(address)) == 0)
		CHECK(event_base_dispatch(base) >= 0);
	else /* at once: the callback is not told */
		puts(evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	bufferevent_free(connection);
	event_base_free(base);
	return 0;
}
