/*
 * Results that filters replace, and what is made of a call for that at its entry. A task that dies meanwhile takes no notice: its
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

static bool makes_descriptor(const struct active_call *call)
{
	return call->row->kind == CALL_SOCKET || call->row->kind == CALL_ACCEPT;
}

/* ---- at the entry ---- */

/* socketcall(2) has its arguments in memory; the registers have its number and where they are. */
static bool is_socketcall(const struct active_call *call)
{
	return (long)call->nr == syscall_number(call->audit, "socketcall");
}

/*
 * Has the call fail before it does anything, by an argument that it refuses and for which no filter
 * can be expected to look. A filter that knows what it wants of a socket looks at its family.
 */
static int disarm(const struct tracee *tracee, struct active_call *call)
{
	enum { NO_SUCH_FLAG = 0x100000, NO_SUCH_FD = 0xffffffff };

	if (is_socketcall(call))
		return alter_argument(tracee->tid, call, 1, 0);
	if (call->row->kind == CALL_SOCKET)
		return alter_argument(tracee->tid, call, 1, call->args[1] | NO_SUCH_FLAG);
	if (call->row->kind == CALL_IO_URING_SETUP)
		return alter_argument(tracee->tid, call, 0, 0); /* entries */
	return alter_argument(tracee->tid, call, 0, NO_SUCH_FD);
}

bool answer_cancel(const struct tracee *tracee, struct active_call *call)
{
	/*
	 * A filter would be asked of call -1 (__seccomp_filter in kernel/seccomp.c), and one that
	 * lets pass only what it knows would answer that, or kill the program for it.
	 */
	if (tracee->filtered && disarm(tracee, call) == 0)
		return true;
	(void)arch_cancel(tracee->tid, -call->verdict.error); /* ESRCH: a death */
	return false;
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

/* Little-endian: 32-bit words, whose last is the address's length, and then the address. */
static int redirect_socketcall(
	const struct tracee *tracee, struct active_call *call, const void *address, size_t length)
{
	enum { WORDS = 4, WORDS_BYTES = WORDS * sizeof(uint32_t) };
	unsigned char image[ALTER_BYTES_MAX] = {0};
	const size_t bytes = WORDS_BYTES + length;

	memcpy(image + WORDS_BYTES, address, length);
	int error = alter_borrow(tracee->tid, call, image, bytes);
	if (error)
		return error;
	const uint64_t at = call->alteration.at;
	const uint32_t words[WORDS] = {
		(uint32_t)call->args[0], (uint32_t)(at + WORDS_BYTES), (uint32_t)length};
	error = memory_write(tracee->tid, at, words, sizeof(words));
	return error ? error : alter_argument(tracee->tid, call, 1, at);
}

static int redirect(
	const struct tracee *tracee, struct active_call *call, const void *address, size_t length)
{
	if (is_socketcall(call))
		return redirect_socketcall(tracee, call, address, length);
	int error = alter_borrow(tracee->tid, call, address, length);
	if (!error)
		error = alter_argument(tracee->tid, call, 1, call->alteration.at);
	return error ? error : alter_argument(tracee->tid, call, 2, length);
}

/*
 * The program's connect goes to port 0 of the loopback instead, where nobody can listen: the kernel
 * itself then wakes who polls, edge-triggered or not, with all that a failed connection shows, and
 * leaves the socket as one. Only the errno is not the filter's yet. Where there is no such way to
 * fail, the filter's errno comes at once.
 */
static void begin_async(const struct tracee *tracee, struct active_call *call)
{
	struct sockaddr_storage address;
	const socklen_t length = loopback(call, &address);

	if (redirect(tracee, call, &address, length) == 0)
		return;
	alter_end(tracee->tid, call);
	call->verdict.answer = ANSWER_AFTER;
	if (!tracee->filtered || disarm(tracee, call))
		(void)arch_cancel(tracee->tid, -EINPROGRESS);
}

void answer_begin(const struct tracee *tracee, struct active_call *call)
{
	if (call->verdict.answer == ANSWER_ASYNC)
		begin_async(tracee, call);
	/* The program cannot tell whether there was a socket that was closed again. */
	else if (call->verdict.answer == ANSWER_AFTER && call->row->kind == CALL_SOCKET &&
		 tracee->filtered)
		(void)disarm(tracee, call);
}

/* ---- at the exit ---- */

/* Nobody was told of the descriptor, so nobody would close it. */
static int close_again(
	struct tracee *tracee, const struct active_call *call, int64_t fd, int *status)
{
	struct injection injection;
	int64_t closed;
	const int error = inject_begin(&injection, tracee, call->audit);

	if (error)
		return error;
	(void)inject_call(&injection, "close", (const uint64_t[6]){(uint64_t)fd}, &closed);
	inject_end(&injection);
	*status = injection.ended ? injection.status : 0;
	return injection.ended ? -ESRCH : 0;
}

/* A filter that does not let close(2) pass could kill the program for it. */
static bool may_close(
	struct tracer *tracer, const struct tracee *tracee, const struct active_call *call)
{
	if (!tracee->filtered || tracee->closes)
		return true;
	if (call->verdict.filter >= 0)
		filters_take_back(
			switch_filters(tracer->sw), (size_t)call->verdict.filter, tracee->tid);
	trace_warn(tracer,
		"%s has a seccomp filter of its own that was not seen to let close(2) pass: what "
		"accept returned could not be closed again, and --after-accept did nothing",
		tracee->comm);
	return false;
}

static int give_after(struct tracer *tracer, struct tracee *tracee, const struct active_call *call,
	struct result *result, int *status)
{
	int error = 0;

	if (makes_descriptor(call) && result->value >= 0)
		error = may_close(tracer, tracee, call)
				? close_again(tracee, call, result->value, status)
				: -EAGAIN;
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

static int give_async(struct tracer *tracer, struct tracee *tracee, const struct active_call *call,
	struct result *result, int *status)
{
	if (result->value != -EINPROGRESS) {
		result->value = result->value < 0 ? result->value : -EIO;
		return give_after(tracer, tracee, call, result, status);
	}
	result->answer = ANSWER_ASYNC;
	result->error = call->verdict.error;
	return 0;
}

int answer_give(struct tracer *tracer, struct tracee *tracee, const struct active_call *call,
	struct result *result, int *status)
{
	*status = 0;
	switch (call->verdict.answer) {
	case ANSWER_AFTER:
		return give_after(tracer, tracee, call, result, status);
	case ANSWER_SO_ERROR:
		return give_so_error(tracee, call, result);
	case ANSWER_ASYNC:
		return give_async(tracer, tracee, call, result, status);
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
