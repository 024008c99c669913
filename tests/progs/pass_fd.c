/*
 * pass_fd WAY: a TCP socket goes from one process to another over SCM_RIGHTS.
 *
 *   child    to a child that closes it last
 *   sibling  between two children
 *   flight   the sender closes it before it is received; the receiver closes it
 *   kept     the same, but the receiver leaves it open
 *   long     its own sender closes it, and then thousands of others, before it receives it
 *   lost     closed by the sender, and never received
 *   orphan   the sender ends without closing it; then it is received, and closed
 *   forgotten  the sender ends without closing it, and it is never received
 *   twice    received twice by its own sender
 *   exec     received by its own sender, whose exec closes it after a child ended with it
 *   give COMMAND [ARG...]  runs the command with a unix socket as stdin on which a TCP socket waits
 *   first    takes that one, and closes it
 */
#include "rights.h"

static int channel[2];
static struct turn sent, go;

static int open_and_send(void)
{
	int fd = prog_socket();

	rights_send(channel[0], fd);
	return fd;
}

static void close_channel(void)
{
	MUST(close(channel[0]));
	MUST(close(channel[1]));
}

static void pass_to_child(void)
{
	pid_t child = MUST(fork());

	if (child == 0) {
		turn_take(&sent);
		int fd = rights_receive(channel[1]);
		turn_give(&go);
		turn_take(&sent);
		MUST(close(fd));
		close_channel();
		_exit(0);
	}
	int fd = open_and_send();
	turn_give(&sent);
	turn_take(&go);
	MUST(close(fd));
	turn_give(&sent);
	prog_wait(child);
	close_channel();
}

/* The sender is a child; it waits before its end if it is to close the socket late. */
static pid_t start_sender(bool closes)
{
	pid_t sender = MUST(fork());

	if (sender == 0) {
		int fd = open_and_send();
		if (closes)
			MUST(close(fd));
		_exit(0);
	}
	return sender;
}

static pid_t start_receiver(bool closes)
{
	pid_t receiver = MUST(fork());

	if (receiver == 0) {
		int fd = rights_receive(channel[1]);
		CHECK(prog_is_open(fd));
		if (closes)
			MUST(close(fd));
		_exit(0);
	}
	return receiver;
}

static void pass_between_siblings(void)
{
	pid_t receiver = start_receiver(true);
	pid_t sender = start_sender(true);

	prog_wait(sender);
	prog_wait(receiver);
	close_channel();
}

/* The sender has ended before the receiver begins. */
static void pass_in_flight(bool sender_closes, bool received, bool receiver_closes)
{
	prog_wait(start_sender(sender_closes));
	if (received)
		prog_wait(start_receiver(receiver_closes));
	close_channel();
}

static void pass_twice(void)
{
	int fd = open_and_send();
	rights_send(channel[0], fd);
	int second = rights_receive(channel[1]);
	MUST(close(fd));
	MUST(close(second));
	int third = rights_receive(channel[1]);
	MUST(close(third));
	close_channel();
}

static void pass_for_long(void)
{
	enum { OTHERS = 3000 };

	MUST(close(open_and_send()));
	for (int i = 0; i < OTHERS; i++)
		MUST(close(MUST(socket(AF_INET, SOCK_DGRAM, 0))));
	MUST(close(rights_receive(channel[1])));
	close_channel();
}

/* No traced call names what was received. */
static void pass_to_exec(char *program)
{
	const int fd = open_and_send();
	pid_t child;

	MUST(fcntl(rights_receive(channel[1]), F_SETFD, FD_CLOEXEC));
	MUST(close(fd));
	close_channel();
	child = MUST(fork());
	if (child == 0)
		_exit(0);
	prog_wait(child);
	MUST(execl(program, program, "executed", NULL));
}

static void give(char **command)
{
	int fd = open_and_send();

	MUST(close(fd));
	MUST(fcntl(channel[0], F_SETFD, FD_CLOEXEC));
	MUST(dup2(channel[1], STDIN_FILENO));
	MUST(close(channel[1]));
	execvp(command[0], command);
	prog_die("execvp");
}

static void take_first(void)
{
	MUST(close(rights_receive(STDIN_FILENO)));
}

int main(int argc, char **argv)
{
	const char *const way = argc > 1 ? argv[1] : "";

	prog_begin();
	if (strcmp(way, "executed") == 0)
		return 0;
	if (strcmp(way, "first") == 0) {
		take_first();
		return 0;
	}
	if (strcmp(way, "give") != 0) {
		sent = turn_new();
		go = turn_new();
	}
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, channel));
	if (strcmp(way, "child") == 0)
		pass_to_child();
	else if (strcmp(way, "sibling") == 0)
		pass_between_siblings();
	else if (strcmp(way, "flight") == 0)
		pass_in_flight(true, true, true);
	else if (strcmp(way, "kept") == 0)
		pass_in_flight(true, true, false);
	else if (strcmp(way, "lost") == 0)
		pass_in_flight(true, false, false);
	else if (strcmp(way, "orphan") == 0)
		pass_in_flight(false, true, true);
	else if (strcmp(way, "forgotten") == 0)
		pass_in_flight(false, false, false);
	else if (strcmp(way, "long") == 0)
		pass_for_long();
	else if (strcmp(way, "twice") == 0)
		pass_twice();
	else if (strcmp(way, "exec") == 0)
		pass_to_exec(argv[0]);
	else if (strcmp(way, "give") == 0 && argc > 2)
		give(argv + 2);
	else
		prog_die(way);
	return 0;
}
