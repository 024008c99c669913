#include "switch/call.h"

#include <sys/socket.h>

#include "switch/address.h"

const char *call_kind_name(enum call_kind kind)
{
	static const char *const names[CALL_MAX] = {
		[CALL_SOCKET] = "socket",
		[CALL_CONNECT] = "connect",
		[CALL_LISTEN] = "listen",
		[CALL_ACCEPT] = "accept",
		[CALL_GETSOCKOPT] = "getsockopt",
		[CALL_CLOSE] = "close",
		[CALL_SOCKETPAIR] = "socketpair",
		[CALL_CLOSE_RANGE] = "close_range",
		[CALL_DUP] = "dup",
		[CALL_BIND] = "bind",
		[CALL_UNSHARE] = "unshare",
		[CALL_RECEIVE_FD] = "pidfd_getfd",
		[CALL_PTRACE] = "ptrace",
		[CALL_CLONE] = "clone",
		[CALL_EXEC] = "execve",
		[CALL_IO_URING_SETUP] = "io_uring_setup",
		[CALL_MAP] = "mmap",
		[CALL_SECCOMP] = "seccomp",
		[CALL_SECCOMP_STRICT] = "seccomp",
	};

	return names[kind];
}

bool call_disconnects(const struct call *call)
{
	return call->kind == CALL_CONNECT && call->address &&
	       address_family(call->address) == AF_UNSPEC;
}
