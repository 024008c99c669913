/*
 * Results that filters replace when a call has run. A task that dies meanwhile takes no notice: its
 * call counts as answered.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "trace/arch/arch.h"
#include "trace/inject.h"
#include "trace/memory.h"
#include "trace/tracer.h"

/* The task is dying, or may go on: tells which of them it is. */
static int end(struct injection *injection, int *status)
{
	inject_end(injection);
	*status = injection->ended ? injection->status : 0;
	return injection->ended ? -ESRCH : 0;
}

static bool makes_descriptor(const struct active_call *call)
{
	return call->row->kind == CALL_SOCKET || call->row->kind == CALL_ACCEPT;
}

/* Nobody was told of the descriptor, so nobody would close it. */
static int close_again(
	const struct tracee *tracee, const struct active_call *call, int64_t fd, int *status)
{
	struct injection injection;
	int64_t closed;
	const int error = inject_begin(&injection, tracee->tid, call->audit);

	if (error)
		return error;
	(void)inject_call(&injection, "close", (const uint64_t[6]){(uint64_t)fd}, &closed);
	return end(&injection, status);
}

static int give_after(const struct tracee *tracee, const struct active_call *call,
	struct result *result, int *status)
{
	int error = 0;

	if (makes_descriptor(call) && result->value >= 0)
		error = close_again(tracee, call, result->value, status);
	if (error)
		return error == -EAGAIN ? 0 : error;
	result->answer = ANSWER_AFTER;
	result->error = call->verdict.error;
	/* As at an entry: the kernel is not to take the errno for a call to be made again. */
	return arch_cancel(tracee->tid, -result->error);
}

static int give_so_error(
	const struct tracee *tracee, const struct active_call *call, struct result *result)
{
	const int code = call->verdict.error;
	int length = 0;

	/* A short buffer gets what it has room for (socket(7)). */
	if (result->so_error < 0 ||
		memory_read(tracee->tid, call->args[4], &length, sizeof(length)) ||
		memory_write(tracee->tid, call->args[3], &code, (size_t)length))
		return 0;
	result->answer = ANSWER_SO_ERROR;
	result->error = code;
	return 0;
}

static socklen_t loopback(const struct active_call *call, struct sockaddr_storage *address)
{
	const bool inet6 = cookie_family(call->view.cookie) == AF_INET6;
	struct sockaddr_in *const in = (struct sockaddr_in *)address;
	struct sockaddr_in6 *const in6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (!inet6) {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_addr = in6addr_loopback;
	return sizeof(*in6);
}

/*
 * The program's connect was cancelled with EINPROGRESS. The socket connects to port 0 of the
 * loopback instead, where nobody can listen: the kernel itself then wakes who polls, edge-triggered
 * or not, with all that a failed connection shows, and leaves the socket as one. Only the errno is
 * not the filter's yet. Where there is no such way to fail, the filter's errno comes at once.
 */
static int give_async(const struct tracee *tracee, const struct active_call *call,
	struct result *result, int *status)
{
	struct sockaddr_storage address;
	const socklen_t length = loopback(call, &address);
	struct injection injection;
	int64_t connected = -EIO;
	int error = inject_begin(&injection, tracee->tid, call->audit);

	if (error)
		return error == -EAGAIN ? give_after(tracee, call, result, status) : error;
	(void)inject_connect(&injection, call->state.call.fd, &address, length, &connected);
	error = end(&injection, status);
	if (!error && connected != -EINPROGRESS) {
		result->value = connected < 0 ? connected : -EIO;
		return give_after(tracee, call, result, status);
	}
	result->answer = ANSWER_ASYNC;
	result->error = call->verdict.error;
	return error;
}

int answer_give(const struct tracee *tracee, const struct active_call *call, struct result *result,
	int *status)
{
	*status = 0;
	switch (call->verdict.answer) {
	case ANSWER_AFTER:
		return give_after(tracee, call, result, status);
	case ANSWER_SO_ERROR:
		return give_so_error(tracee, call, result);
	case ANSWER_ASYNC:
		return give_async(tracee, call, result, status);
	default:
		return 0;
	}
}

void answer_give_at(const struct tracee *tracee, const struct active_call *call, uint64_t at,
	struct result *result)
{
	const struct arch_abi *const abi = arch_abi_find(call->audit);
	const int64_t value = -call->verdict.error;

	/* Little-endian: a 32-bit result is the first half. */
	if (call->verdict.answer != ANSWER_AFTER || !abi ||
		memory_write(tracee->tid, at, &value, abi->word_bytes))
		return;
	result->answer = ANSWER_AFTER;
	result->error = call->verdict.error;
}
