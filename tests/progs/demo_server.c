/*
 * demo_server COMMAND [ARG...]: listens on a free port of 127.0.0.1, runs COMMAND with the port as
 * its last argument, answers each connection with the line it got, and ends with COMMAND and its
 * status.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int listen_anywhere(in_port_t *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0)
		err(2, "socket");
	if (bind(listener, (struct sockaddr *)&address, length) != 0)
		err(2, "bind");
	if (listen(listener, 8) != 0)
		err(2, "listen");
	if (getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		err(2, "getsockname");
	*port = ntohs(address.sin_port);
	return listener;
}

static pid_t run(int count, char *arguments[], in_port_t port)
{
	char text[8];
	char **command;
	pid_t child;

	snprintf(text, sizeof(text), "%d", port);
	child = fork();
	if (child < 0)
		err(2, "fork");
	if (child > 0)
		return child;
	command = calloc((size_t)count + 2, sizeof(*command));
	if (command == NULL)
		err(2, "calloc");
	memcpy(command, arguments, (size_t)count * sizeof(*command));
	command[count] = text;
	execvp(command[0], command);
	err(2, "%s", command[0]);
}

static void answer(int listener)
{
	char line[128];
	ssize_t length;
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (connection < 0) {
		warn("accept");
		return;
	}
	length = recv(connection, line, sizeof(line), 0);
	if (length > 0 && send(connection, line, (size_t)length, MSG_NOSIGNAL) != length)
		warn("send");
	close(connection);
}

static void serve_until_end(int listener, pid_t child)
{
	struct pollfd polled[] = {
		{.fd = listener, .events = POLLIN},
		{.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN},
	};

	if (polled[1].fd < 0)
		err(2, "pidfd_open");
	while (poll(polled, 2, -1) > 0) {
		if (polled[0].revents != 0)
			answer(listener);
		else
			break;
	}
	close(polled[1].fd);
}

int main(int argc, char *argv[])
{
	in_port_t port;
	int listener, status;
	pid_t child;

	if (argc < 2)
		errx(2, "usage: demo_server COMMAND [ARG...]");
	listener = listen_anywhere(&port);
	child = run(argc - 1, argv + 1, port);
	serve_until_end(listener, child);
	close(listener);
	if (waitpid(child, &status, 0) != child)
		err(2, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
