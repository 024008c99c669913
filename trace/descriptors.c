#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "switch/cookie.h"
#include "trace/procfs.h"
#include "trace/tracer.h"

static void describe(struct tracer *tracer, struct tracee *tracee, int fd, uint64_t inode,
	struct sock_description *description)
{
	char family[COOKIE_NAME_BYTES], type[COOKIE_NAME_BYTES], protocol[COOKIE_NAME_BYTES];
	const int error = proc_describe(tracee->tid, tracee->tgid, fd, inode, description);
	const socket_cookie cookie =
		cookie_canonical(description->family, description->type, description->protocol);

	/* Not -ESTALE: it went while we looked; its end is seen in its own place. */
	if (error == -ENODATA)
		trace_warn(tracer,
			"a socket that process %d did not open could not be looked at "
			"(pidfd_getfd(2)), and /proc does not tell all of it; it is counted as "
			"%s/%s/%s",
			tracee->tgid, cookie_family_name(cookie, family),
			cookie_type_name(cookie, type), cookie_protocol_name(cookie, protocol));
}

uint64_t descriptors_inode(const struct tracer *tracer, const struct tracee *tracee, int fd)
{
	if (fdtable_users(tracee->table) == 1 && !switch_passes_descriptors(tracer->sw))
		return 0;
	return proc_socket_inode(tracee->tid, fd);
}

void descriptors_identify(struct tracer *tracer, const struct tracee *tracee)
{
	for (int fd = -1; (fd = fdtable_next(tracee->table, fd + 1)) >= 0;)
		if (!switch_inode(tracee->table, fd))
			switch_set_inode(
				tracer->sw, tracee->table, fd, proc_socket_inode(tracee->tid, fd));
}

void descriptors_identify_all(struct tracer *tracer)
{
	const uint64_t walk = ++tracer->walks;

	for (const struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next)
		if (tracee->table && fdtable_visit(tracee->table, walk))
			descriptors_identify(tracer, tracee);
}

/* identified: all others have their inodes by now. */
static void adopt(
	struct tracer *tracer, struct tracee *tracee, int fd, uint64_t inode, bool *identified)
{
	const struct caller by = {.pid = tracee->tgid, .tid = tracee->tid};
	struct sock_description description = {.inode = inode};

	if (!*identified && !switch_knows(tracer->sw, inode)) {
		descriptors_identify_all(tracer);
		*identified = true;
	}
	if (!switch_knows(tracer->sw, inode))
		describe(tracer, tracee, fd, inode, &description);
	switch_adopt(tracer->sw, tracee->table, fd, &description, &by, tracer_now_ns(tracer));
	free(description.local);
	free(description.peer);
}

/* One descriptor that the kernel has. identified: see adopt. */
static void reconcile_fd(
	struct tracer *tracer, struct tracee *tracee, const struct proc_fd *fd, bool *identified)
{
	const bool held = fdtable_get(tracee->table, fd->fd).sock != NULL;

	if (held && fd->inode)
		switch_set_inode(tracer->sw, tracee->table, fd->fd, fd->inode);
	if (fd->inode == 0) {
		if (held)
			switch_gone(tracer->sw, tracee->table, fd->fd);
	} else if (!held || switch_inode(tracee->table, fd->fd) != fd->inode) {
		adopt(tracer, tracee, fd->fd, fd->inode, identified);
	}
}

void descriptors_resolve(struct tracer *tracer, struct tracee *tracee, int fd)
{
	const bool unsure =
		fdtable_users(tracee->table) > 1 && switch_passes_descriptors(tracer->sw);

	if (fd < 0 || (fdtable_get(tracee->table, fd).sock && !unsure))
		return;
	bool identified = false;
	const struct proc_fd now = {.fd = fd, .inode = proc_socket_inode(tracee->tid, fd)};
	if (now.inode)
		reconcile_fd(tracer, tracee, &now, &identified);
}

void descriptors_reconcile(struct tracer *tracer, struct tracee *tracee)
{
	struct proc_fd *fds;
	bool identified = false;
	const ssize_t count = proc_fds(tracee->tid, &fds);
	int next = 0;

	if (count == -EACCES)
		trace_warn(tracer,
			"process %d (%s) lets nobody look into it who has no CAP_SYS_PTRACE "
			"(PR_SET_DUMPABLE): its socketpairs, the sockets it was given and its "
			"addresses are not known; as root they would be",
			tracee->tgid, tracee->comm);
	/* SIGKILL ends a task that we have stopped, too: what is missing then was not closed. */
	if (count < 0 || !proc_has_fds(tracee->tid)) {
		free(fds);
		return;
	}
	for (ssize_t i = 0; i < count; i++) {
		for (; (next = fdtable_next(tracee->table, next)) >= 0 && next < fds[i].fd;)
			switch_gone(tracer->sw, tracee->table, next);
		reconcile_fd(tracer, tracee, &fds[i], &identified);
		next = fds[i].fd + 1;
	}
	while ((next = fdtable_next(tracee->table, next)) >= 0)
		switch_gone(tracer->sw, tracee->table, next);
	free(fds);
}

static void refresh_addresses(
	struct tracer *tracer, const struct tracee *tracee, int fd, uint64_t inode)
{
	struct sock_description description;

	if (!inode)
		return;
	(void)proc_describe(tracee->tid, tracee->tgid, fd, inode, &description);
	switch_set_addresses(tracer->sw, tracee->table, fd, description.local, description.peer);
	free(description.local);
	free(description.peer);
}

void descriptors_refresh_addresses(struct tracer *tracer, struct tracee *tracee, int fd)
{
	refresh_addresses(tracer, tracee, fd, switch_inode(tracee->table, fd));
}

/* The tasks run: what /proc says of a descriptor may be ahead of what the table says. */
static void refresh_running(struct tracer *tracer, const struct tracee *tracee, int fd)
{
	const uint64_t known = switch_inode(tracee->table, fd);
	const uint64_t inode = proc_socket_inode(tracee->tid, fd);

	if (!known || known == inode)
		refresh_addresses(tracer, tracee, fd, inode);
}

void trace_refresh_addresses(struct tracer *tracer)
{
	for (struct tracee *tracee = tracer->tracees; tracee; tracee = tracee->hh.next) {
		/* The leader stands for all threads that share its table. */
		if (!tracee->table ||
			(tracee->tid != tracee->tgid && fdtable_users(tracee->table) > 1))
			continue;
		for (int fd = -1; (fd = fdtable_next(tracee->table, fd + 1)) >= 0;)
			refresh_running(tracer, tracee, fd);
	}
}

/* What became of a connect that is pending, by the kernel's word. false: there is none, or no word. */
static bool ask_for_end(const struct tracee *tracee, int fd, enum socket_state *state)
{
	struct sock_description description;
	const struct sock_view view = switch_view(tracee->table, fd);

	if (!view.id || view.state != SOCKET_CONNECTING)
		return false;
	const uint64_t inode = proc_socket_inode(tracee->tid, fd);
	if (!inode || proc_describe(tracee->tid, tracee->tgid, fd, inode, &description))
		return false;
	free(description.local);
	free(description.peer);
	*state = description.state;
	return !description.undecided;
}

void descriptors_settle(struct tracer *tracer, struct tracee *tracee, int fd)
{
	enum socket_state state;

	if (ask_for_end(tracee, fd, &state))
		switch_settle(tracer->sw, tracee->table, fd, state);
}

enum so_error_truth descriptors_so_error_truth(const struct tracee *tracee, int fd)
{
	enum socket_state state;

	if (!ask_for_end(tracee, fd, &state) || state == SOCKET_CONNECTED)
		return SO_ERROR_TRUE;
	return state == SOCKET_CONNECTING ? SO_ERROR_EARLY : SO_ERROR_LATE;
}

void descriptors_settle_range(
	struct tracer *tracer, struct tracee *tracee, unsigned first, unsigned last)
{
	for (int fd = -1; (fd = fdtable_next(tracee->table, fd + 1)) >= 0;)
		if ((unsigned)fd >= first && (unsigned)fd <= last)
			descriptors_settle(tracer, tracee, fd);
}

/* The last user's end: the descriptors are still there at PTRACE_EVENT_EXIT, and then never again.
 */
static void take_stock(struct tracer *tracer, struct tracee *tracee)
{
	descriptors_reconcile(tracer, tracee);
	if (fdtable_empty(tracee->table))
		return;
	proc_comm(tracee->tgid, tracee->comm, sizeof(tracee->comm));
	descriptors_settle_range(tracer, tracee, 0, UINT_MAX);
	const struct holder holder = {.pid = tracee->tgid, .command = tracee->comm};
	/* One by one, so that of several of one socket the last one is the last. */
	for (int fd; (fd = fdtable_next(tracee->table, 0)) >= 0;) {
		if (switch_is_last(tracee->table, fd))
			descriptors_refresh_addresses(tracer, tracee, fd);
		switch_leave(tracer->sw, tracee->table, fd, &holder);
	}
}

void descriptors_lose(struct tracer *tracer, struct tracee *tracee)
{
	const struct holder holder = {.pid = tracee->tgid, .command = tracee->comm};

	if (!tracee->table)
		return;
	switch_table_release(tracer->sw, tracee->table, &holder);
	tracee->table = NULL;
}

void descriptors_release(struct tracer *tracer, struct tracee *tracee)
{
	if (tracee->table && fdtable_users(tracee->table) == 1)
		take_stock(tracer, tracee);
	descriptors_lose(tracer, tracee);
}

void descriptors_unshare(struct tracer *tracer, struct tracee *tracee)
{
	const struct holder holder = {.pid = tracee->tgid, .command = tracee->comm};

	if (fdtable_users(tracee->table) == 1)
		return;
	struct fdtable *const own = switch_table_copy(tracer->sw, tracee->table);
	switch_table_release(tracer->sw, tracee->table, &holder);
	tracee->table = own;
	/* Others may have opened and closed between the kernel's copy and ours. */
	descriptors_reconcile(tracer, tracee);
}
