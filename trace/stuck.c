#include "trace/stuck.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/procfs.h"
#include "trace/waiting.h"

enum { SOCKETS_MAX = 8 }; /* named of one task */

static void print_cookie(FILE *out, socket_cookie cookie)
{
	char family[COOKIE_NAME_BYTES], type[COOKIE_NAME_BYTES], protocol[COOKIE_NAME_BYTES];

	fprintf(out, "%s/%s/%s", cookie_family_name(cookie, family), cookie_type_name(cookie, type),
		cookie_protocol_name(cookie, protocol));
}

static void print_address(FILE *out, const char *before, const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	if (*address_text(address, text))
		fprintf(out, "%s%s", before, text);
}

/*
 * What the kernel says of it now, and not what the Switch knows: a call that is just ending would
 * be told to it twice. peer: of a connect that has not got there.
 */
static void print_socket(FILE *out, const struct tracee *tracee, int fd, const struct address *peer)
{
	struct sock_description socket;
	const uint64_t inode = proc_socket_inode(tracee->tid, fd);

	if (!inode || proc_describe(tracee->tid, tracee->tgid, fd, inode, &socket))
		return;
	fputs(" (", out);
	print_cookie(out, cookie_canonical(socket.family, socket.type, socket.protocol));
	fprintf(out, " %s", socket_state_name(socket.state));
	print_address(out, " ", socket.local);
	print_address(out, " -> ", socket.peer ? socket.peer : peer);
	fputc(')', out);
	free(socket.local);
	free(socket.peer);
}

static void print_traced_call(FILE *out, const struct tracer *tracer, const struct tracee *tracee)
{
	const struct active_call *const call = &tracee->call;
	const struct call *const what = &call->state.call;

	fprintf(out, "in %s", call->row->name);
	/* A held call that is to be cancelled has no state, but its arguments. */
	const int fd = what->name ? what->fd : (int)call->args[0];
	if (call->row->kind != CALL_SOCKET && call->row->kind != CALL_SOCKETPAIR && fd >= 0) {
		fprintf(out, " on %d", fd);
		print_socket(
			out, tracee, fd, call->row->kind == CALL_CONNECT ? call->address : NULL);
	}
	if (tracee->held_until_ns && call->verdict.filter >= 0)
		fprintf(out, ", held back by %s",
			filters_tally(switch_filters(tracer->sw), (size_t)call->verdict.filter)
				.option);
}

/* The call that the kernel says it is in, as most that block are not traced. */
static void print_any_call(FILE *out, const struct tracee *tracee)
{
	uint64_t nr, args[6];
	char name[SYSCALL_NAME_BYTES];
	struct waiting waiting;
	int sockets = 0;
	const int status = proc_syscall(tracee->tid, &nr, args);

	if (status) {
		fputs(status == -EAGAIN ? "running" : "somewhere that /proc does not tell", out);
		return;
	}
	syscall_name(tracee->tid, proc_word_bytes(tracee->tid), nr, args, name);
	fprintf(out, "in %s", name);
	/* The kernel does not tell what was asked for there. */
	if (strcmp(name, "io_uring_enter") == 0)
		fprintf(out, " on ring %d", (int)args[0]);
	waiting_find(tracee->tid, name, args, &waiting);
	for (size_t i = 0; i < waiting.count && sockets < SOCKETS_MAX; i++) {
		if (!proc_socket_inode(tracee->tid, waiting.fds[i]))
			continue;
		fprintf(out, "%s%d", sockets++ ? ", " : " on ", waiting.fds[i]);
		print_socket(out, tracee, waiting.fds[i], NULL);
	}
}

static void warn_of(struct tracer *tracer, const struct tracee *tracee)
{
	char *text = NULL;
	size_t length;
	FILE *const out = open_memstream(&text, &length);

	if (!out)
		abort();
	fprintf(out, "when the time was up, process %d (%s)", tracee->tgid, tracee->comm);
	if (tracee->tid != tracee->tgid)
		fprintf(out, " had thread %d ", tracee->tid);
	else
		fputs(" was ", out);
	if (tracee->in_call || tracee->held_until_ns)
		print_traced_call(out, tracer, tracee);
	else
		print_any_call(out, tracee);
	if (fclose(out))
		abort();
	trace_warn(tracer, "%s", text);
	free(text);
}

void stuck_warn(struct tracer *tracer)
{
	/* One without a table has ended but for its last stop. */
	for (const struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->table)
			warn_of(tracer, tracee);
}
