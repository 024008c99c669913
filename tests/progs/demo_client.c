/*
 * demo_client PORT: makes three requests to the server on 127.0.0.1:PORT, the last of which forgets
 * to close its socket, then one to a port where nobody listens. Exits with 1 if the server could
 * not be reached.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_stream(void)
{
	int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (stream < 0)
		err(2, "socket");
	return stream;
}

static int connect_loopback(int stream, in_port_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return connect(stream, (const struct sockaddr *)&address, sizeof(address));
}

static bool request(int number, in_port_t port, bool leak)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "hello %d", number);
	int stream = open_stream();
	bool reached = connect_loopback(stream, port) == 0;

	if (!reached)
		warn("request %d", number);
	else if (send(stream, text, (size_t)length, MSG_NOSIGNAL) == length &&
		 recv(stream, text, sizeof(text), MSG_WAITALL) == length)
		printf("request %d: answered\n", number);
	if (!leak)
		close(stream);
	return reached;
}

/* A port that is bound but not listened on refuses for certain. */
static void request_nobody(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int holder = open_stream(), stream = open_stream();

	if (bind(holder, (struct sockaddr *)&address, length) != 0 ||
		getsockname(holder, (struct sockaddr *)&address, &length) != 0)
		err(2, "bind");
	if (connect_loopback(stream, ntohs(address.sin_port)) != 0)
		warn("request to nobody");
	close(stream);
	close(holder);
}

int main(int argc, char *argv[])
{
	in_port_t port = argc == 2 ? (in_port_t)atoi(argv[1]) : 0;
	bool reached = true;

	if (port == 0)
		errx(2, "usage: demo_client PORT");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int number = 1; number <= 3; number++)
		reached = request(number, port, number == 3) && reached;
	request_nobody();
	return reached ? EXIT_SUCCESS : EXIT_FAILURE;
}
