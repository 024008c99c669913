/* Descriptors passed over SCM_RIGHTS, and bytes over pipes, between the small programs. */
#ifndef SOCKTEST_TESTS_RIGHTS_H
#define SOCKTEST_TESTS_RIGHTS_H

#include "progs.h"

union rights_control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr alignment;
};

static inline void rights_send(int channel, int fd)
{
	union rights_control control = {0};
	struct iovec data = {.iov_base = (char[]){'x'}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	CHECK(sendmsg(channel, &message, 0) == 1);
}

static inline int rights_receive(int channel)
{
	union rights_control control = {0};
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int fd;

	CHECK(recvmsg(channel, &message, 0) == 1);
	CHECK(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

/* A pipe on which one side says that it has come so far, and the other waits for that. */
struct turn {
	int ends[2];
};

static inline struct turn turn_new(void)
{
	struct turn turn;

	MUST(pipe(turn.ends));
	return turn;
}

static inline void turn_give(const struct turn *turn)
{
	CHECK(write(turn->ends[1], "t", 1) == 1);
}

static inline void turn_take(const struct turn *turn)
{
	char byte;

	CHECK(read(turn->ends[0], &byte, 1) == 1);
}

#endif
