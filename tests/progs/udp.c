/* Datagram sockets: bound, connected (twice), sending without a connection; IPv4 and IPv6. */
#include "progs.h"

static int bound_udp(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	MUST(bind(fd, prog_sockaddr(address), length));
	MUST(getsockname(fd, prog_sockaddr(address), &length));
	return fd;
}

int main(void)
{
	struct sockaddr_in address;
	char byte;

	prog_begin();
	int server = bound_udp(&address);
	int connected = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));

	MUST(prog_connect(connected, &address));
	MUST(prog_connect(connected, &address));
	CHECK(send(connected, "x", 1, 0) == 1);
	CHECK(recv(server, &byte, 1, 0) == 1);

	int unconnected = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	CHECK(sendto(unconnected, "x", 1, 0, prog_sockaddr(&address), sizeof(address)) == 1);
	CHECK(recv(server, &byte, 1, 0) == 1);

	MUST(close(MUST(socket(AF_INET6, SOCK_DGRAM, 0))));
	MUST(close(unconnected));
	MUST(close(connected));
	MUST(close(server));
	return 0;
}
