/*
 * stress SEED LEDGER [STEPS [wild]]: tasks of every sort do with sockets whatever their seeds say,
 * and write to LEDGER what a tracer has to have counted. See tests/stress/run.
 *
 * Each task draws from a seed of its own. What two tasks do at once is ordered only where the order
 * decides a count; "wild" orders nothing, kills tasks at any moment, and its ledger means nothing.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/stress/ledger.h"
#include "tests/stress/locks.h"

enum {
	SECONDS = 60,  /* a hang ends by SIGALRM */
	BAD_FD = 5000, /* above any descriptor limit that matters, never open */
	BACKLOG = 64,
	QUEUED_MAX = 40, /* a blocking connect never finds the queue of a listener full */
	REGION_SLOTS = 16,
	REGIONS = 40,
	STACK_BYTES = 64 * 1024,
};

static pthread_t threads[TASKS];

/* ---- chance ---- */

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t value = me->random += 0x9e3779b97f4a7c15;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
	value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
	return value ^ (value >> 31);
}

static int below(int limit)
{
	return (int)(draw() % (uint64_t)limit);
}

static bool one_in(int count)
{
	return below(count) == 0;
}

/* ---- choosing descriptors ---- */

typedef bool (*wanted)(const struct object *object);

static bool is_any(const struct object *object)
{
	return !object || !object->mailbox || one_in(12);
}

static bool is_plain_socket(const struct object *object)
{
	return object && !object->mailbox;
}

static bool is_mailbox(const struct object *object)
{
	return object && object->mailbox;
}

static bool is_listener(const struct object *object)
{
	return object && object->listening;
}

static bool is_pending(const struct object *object)
{
	return object && object->pending != PENDING_NOT && !object->busy;
}

static bool is_idle(const struct object *object)
{
	return is_plain_socket(object) && !object->busy;
}

static bool slot_is(const struct slot *slot, wanted want)
{
	if (!slot->object || slot->claimed)
		return false;
	return want(slot->object > 0 ? ledger_object(slot->object) : NULL);
}

/* The ledger itself is checked against the kernel, by calls that no tracer counts. */
static void check_slot(int fd, const struct slot *slot)
{
	int family = 0, type = 0;
	socklen_t length = sizeof(int);

	if (ledger->wild)
		return;
	stress_check((fcntl(fd, F_GETFD) == FD_CLOEXEC) == slot->cloexec, "close-on-exec", fd);
	if (slot->object < 0)
		return;
	const enum kind kind = ledger_object(slot->object)->kind;
	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
	stress_check(family == kinds[kind].family, "family", fd);
	stress_check(type == kinds[kind].type, "type", fd);
}

/* Claims one of the descriptors wanted. Returns it, or -1. */
static int claim(wanted want)
{
	struct slot *const slots = my_table()->slots;
	const int start = below(FDS);
	int found = -1;

	ledger_lock();
	for (int i = 0; i < FDS && found < 0; i++) {
		const int fd = (start + i) % FDS;
		if (slot_is(&slots[fd], want)) {
			slots[fd].claimed = true;
			found = fd;
		}
	}
	ledger_unlock();
	if (found >= 0)
		check_slot(found, &slots[found]);
	return found;
}

static void unclaim(int fd)
{
	if (fd < 0)
		return;
	ledger_lock();
	my_table()->slots[fd].claimed = false;
	ledger_unlock();
}

static int object_at(int fd)
{
	return my_table()->slots[fd].object;
}

/* In the wild a claimed descriptor may have lost its socket: then it is some other that is changed.
 */
static struct object *object_or_first(int fd)
{
	const int index = object_at(fd);

	return ledger_object(index > 0 ? index : 1);
}

/* Claims a descriptor for a call that others must not make at the same time. */
static int claim_busy(wanted want)
{
	const int fd = claim(want);

	if (fd < 0)
		return -1;
	struct object *const object = ledger_object(object_at(fd));
	ledger_lock();
	const bool was_busy = object->busy;
	object->busy = true;
	ledger_unlock();
	if (!was_busy || ledger->wild)
		return fd;
	unclaim(fd);
	return -1;
}

static void unclaim_busy(int fd)
{
	const int index = object_at(fd);

	if (index > 0) {
		ledger_lock();
		ledger_object(index)->busy = false;
		ledger_unlock();
	}
	unclaim(fd);
}

/* A free descriptor that no other task makes, claimed; or -1. */
static int claim_in_region(void)
{
	const int first = REGION + REGION_SLOTS * (me->id % REGIONS);
	int found = -1;

	ledger_lock();
	for (int fd = first; fd < first + REGION_SLOTS && found < 0; fd++) {
		struct slot *const slot = &my_table()->slots[fd];
		if (!slot->object && !slot->claimed) {
			slot->claimed = true;
			found = fd;
		}
	}
	ledger_unlock();
	return found;
}

/* ---- opening ---- */

static bool is_stream(enum kind kind)
{
	return kinds[kind].type == SOCK_STREAM || kinds[kind].type == SOCK_SEQPACKET;
}

/* So that thousands of runs do not fill the machine with connections in TIME_WAIT. */
static void end_at_once(int fd, enum kind kind)
{
	const struct linger linger = {.l_onoff = 1};

	if (kind == KIND_TCP4 || kind == KIND_TCP6)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Returns the claimed descriptor, or -1. */
static int open_claimed(enum kind kind, bool nonblocking, bool cloexec)
{
	const int flags =
		(nonblocking || ledger->wild ? SOCK_NONBLOCK : 0) | (cloexec ? SOCK_CLOEXEC : 0);
	const int index = ledger_new_object(kind);

	if (!index)
		return -1;
	const int fd = socket(kinds[kind].family, kinds[kind].type | flags,
		one_in(2) ? kinds[kind].resolved : kinds[kind].protocol);
	stress_check(fd >= 0 || errno == EAFNOSUPPORT, "socket", fd);
	if (fd < 0) {
		ledger_count(kind, OPEN_FAILED);
		return -1;
	}
	ledger_object(index)->nonblocking = flags & SOCK_NONBLOCK;
	slot_bind(fd, index, cloexec, true);
	ledger_count(kind, OPENED);
	end_at_once(fd, kind);
	return fd;
}

static enum kind draw_kind(void)
{
	for (;;) {
		const enum kind kind = (enum kind)below(KINDS_REAL);
		if (ledger->has_inet6 || kinds[kind].family != AF_INET6)
			return kind;
	}
}

static void op_socket(void)
{
	const bool nonblocking = one_in(2), cloexec = one_in(3);

	unclaim(open_claimed(draw_kind(), nonblocking, cloexec));
}

static void op_open_fails(void)
{
	int *volatile nowhere = NULL;
	int pair[2];

	switch (below(4)) {
	case 0:
		stress_check(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) < 0, "tcp as udp", 0);
		return ledger_count(KIND_BAD_INET, OPEN_FAILED);
	case 1:
		stress_check(socket(AF_UNIX, SOCK_STREAM, 5) < 0, "unix protocol", 0);
		return ledger_count(KIND_BAD_UNIX, OPEN_FAILED);
	case 2:
		stress_check(socketpair(AF_INET, SOCK_STREAM, 0, pair) < 0, "inet pair", 0);
		return ledger_count(KIND_TCP4, OPEN_FAILED);
	default:
		stress_check(socketpair(AF_UNIX, SOCK_DGRAM, 0, nowhere) < 0, "bad pair", 0);
		return ledger_count(KIND_UNIX_DGRAM, OPEN_FAILED);
	}
}

static bool make_pair(enum kind kind, bool cloexec, int pair[static 2])
{
	const int flags = SOCK_NONBLOCK | (cloexec ? SOCK_CLOEXEC : 0);
	const int indexes[] = {ledger_new_object(kind), ledger_new_object(kind)};

	if (!indexes[0] || !indexes[1])
		return false;
	const int result = socketpair(kinds[kind].family, kinds[kind].type | flags, 0, pair);
	stress_check(result == 0, "socketpair", result);
	if (result < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		ledger_object(indexes[i])->nonblocking = true;
		slot_bind(pair[i], indexes[i], cloexec, false);
		ledger_count(kind, OPENED);
	}
	return true;
}

static void op_socketpair(void)
{
	int pair[2];

	(void)make_pair((enum kind)(KIND_UNIX_STREAM + below(3)), one_in(3), pair);
}

static void op_file(void)
{
	const bool cloexec = one_in(2);
	const int fd = open("/dev/null", O_RDWR | (cloexec ? O_CLOEXEC : 0));

	stress_check(fd >= 0, "open", fd);
	if (fd >= 0)
		slot_bind(fd, FILE_OBJECT, cloexec, false);
}

/* ---- closing ---- */

static void close_claimed(int fd)
{
	const int object = slot_take(fd);

	ends_lock_shared();
	const int result = close(fd);
	object_drop(object, LIFE_CLOSED);
	ends_unlock_shared();
	if (fd >= REGION)
		unclaim(fd);
	stress_check(result == 0, "close", fd);
}

static void op_close(void)
{
	const int fd = claim(is_any);

	if (fd >= 0)
		close_claimed(fd);
}

static void close_all(void)
{
	for (int i = 0; i < FDS; i++) {
		const int fd = claim(is_any);
		if (fd < 0)
			return;
		close_claimed(fd);
	}
}

/* close_range on descriptors that other tasks may have claimed: only if none has. */
static bool claim_range(int first, int last)
{
	struct slot *const slots = my_table()->slots;
	bool claimed = false;

	ledger_lock();
	for (int fd = first; fd <= last; fd++)
		claimed |= slots[fd].claimed;
	for (int fd = first; fd <= last && !claimed; fd++)
		slots[fd].claimed = true;
	ledger_unlock();
	return !claimed;
}

static void range_cloexec(struct slot *slots, int first, int last)
{
	ledger_lock();
	for (int fd = first; fd <= last && fd < FDS; fd++) {
		if (slots[fd].object)
			slots[fd].cloexec = true;
		slots[fd].claimed = false;
	}
	ledger_unlock();
}

static void range_close(int first, unsigned last, unsigned flags)
{
	const int end = last < FDS ? (int)last : FDS - 1;

	ends_lock_shared();
	const int result = close_range((unsigned)first, last, (int)flags);
	stress_check(result == 0, "close_range", first);
	if (flags & CLOSE_RANGE_CLOEXEC)
		range_cloexec(my_table()->slots, first, end);
	else
		table_clear(my_table(), first, end, LIFE_CLOSED);
	ends_unlock_shared();
}

static void op_close_region(void)
{
	const int first = REGION + REGION_SLOTS * (me->id % REGIONS) + below(REGION_SLOTS / 2);
	const int last = first + below(REGION_SLOTS / 2);
	const unsigned flags = one_in(3) ? CLOSE_RANGE_CLOEXEC : 0;

	if (claim_range(first, last))
		range_close(first, (unsigned)last, flags);
}

static void op_close_range(void)
{
	static const unsigned choices[] = {0, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE,
		CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC};
	const unsigned flags = choices[below(4)];
	const int first = 3 + below(40);
	const unsigned last = one_in(6) ? UINT32_MAX : (unsigned)(first + below(12));

	if (one_in(8)) {
		stress_check(close_range(9, 8, CLOSE_RANGE_UNSHARE) < 0, "close_range 9 8", 0);
		return;
	}
	if (flags & CLOSE_RANGE_UNSHARE && !table_unshare())
		return;
	range_close(first, last, flags);
}

/* ---- copying descriptors ---- */

static void dup_anywhere(int fd)
{
	static const int least[] = {0, 0, 100};
	const bool cloexec = one_in(2);
	const int copy = one_in(2)
				 ? dup(fd)
				 : fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, least[below(3)]);

	(void)cloexec;
	stress_check(copy >= 0, "dup", fd);
	if (copy < 0)
		return;
	slot_bind(copy, object_at(fd), fcntl(copy, F_GETFD) & FD_CLOEXEC, false);
}

/* target is claimed, whatever it is. */
static void dup_to(int fd, int target)
{
	const bool cloexec = one_in(2);
	const int old = object_at(target);

	ends_lock_shared();
	const int result = cloexec ? dup3(fd, target, O_CLOEXEC) : dup2(fd, target);
	stress_check(result == target, "dup2", result);
	if (result == target) {
		(void)slot_take(target);
		slot_bind(target, object_at(fd), cloexec, false);
		object_drop(old, LIFE_CLOSED);
	}
	ends_unlock_shared();
}

static void op_dup(void)
{
	const int fd = claim(is_any);

	if (fd < 0)
		return;
	const int target = one_in(2) ? claim(is_any) : claim_in_region();
	if (target < 0)
		dup_anywhere(fd);
	else if (one_in(3)) {
		unclaim(target);
		dup_anywhere(fd);
	} else
		dup_to(fd, target);
	unclaim(fd);
}

static void op_cloexec(void)
{
	const int fd = claim(is_any);
	const bool on = one_in(2);

	if (fd < 0)
		return;
	if (one_in(2))
		stress_check(fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) == 0, "F_SETFD", fd);
	else
		stress_check(ioctl(fd, on ? FIOCLEX : FIONCLEX) == 0, "FIOCLEX", fd);
	my_table()->slots[fd].cloexec = on;
	unclaim(fd);
}

/* What names no descriptor counts nowhere. */
static void op_bad_descriptor(void)
{
	const struct sockaddr address = {.sa_family = AF_UNIX};
	int value;
	socklen_t length = sizeof(value);

	switch (below(7)) {
	case 0:
		return stress_check(close(BAD_FD) < 0, "bad close", 0);
	case 1:
		return stress_check(listen(BAD_FD, 1) < 0, "bad listen", 0);
	case 2:
		return stress_check(accept(BAD_FD, NULL, NULL) < 0, "bad accept", 0);
	case 3:
		return stress_check(
			connect(BAD_FD, &address, sizeof(address)) < 0, "bad connect", 0);
	case 4:
		return stress_check(getsockopt(BAD_FD, SOL_SOCKET, SO_ERROR, &value, &length) < 0,
			"bad getsockopt", 0);
	case 5:
		return stress_check(dup2(BAD_FD, 3) < 0, "bad dup2", 0);
	default:
		return stress_check(dup(BAD_FD) < 0, "bad dup", 0);
	}
}

/* ---- connections ---- */

static void set_nonblocking(int fd)
{
	const int index = object_at(fd);

	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (index > 0)
		ledger_object(index)->nonblocking = true;
}

/* An address of its own that nobody else has: on loopback, or in the abstract namespace. */
static void bind_own(int fd, struct object *object)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} address = {.any.sa_family = (sa_family_t)kinds[object->kind].family};
	socklen_t length = sizeof(sa_family_t);

	if (address.any.sa_family == AF_INET) {
		address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		length = sizeof(address.in);
	} else if (address.any.sa_family == AF_INET6) {
		address.in6.sin6_addr = in6addr_loopback;
		length = sizeof(address.in6);
	}
	const bool bound = bind(fd, &address.any, length) == 0;
	length = sizeof(address);
	if (!bound || getsockname(fd, &address.any, &length) || length > sizeof(object->address))
		return;
	ledger_lock();
	memcpy(object->address, &address, length);
	object->address_length = (uint8_t)length;
	object->named = true;
	ledger_unlock();
}

static bool listen_claimed(int fd, int backlog)
{
	const int index = object_at(fd);

	if (index <= 0)
		return false;
	struct object *const object = ledger_object(index);
	if (!object->named)
		bind_own(fd, object);
	const bool listens = listen(fd, backlog) == 0;
	if (!listens && errno == EBADF)
		return false;
	ledger_lock();
	ledger_add(object->kind, listens ? LISTENED : LISTEN_FAILED, 1);
	object->listening |= listens;
	ledger_unlock();
	return listens;
}

static void op_listen(void)
{
	const int fd = claim_busy(is_idle);

	if (fd < 0)
		return;
	set_nonblocking(fd);
	(void)listen_claimed(fd, BACKLOG);
	unclaim_busy(fd);
}

/* What a connect's result means. outcome: how it will end if it is pending. */
static void connect_ended(struct object *object, int error, enum pending outcome)
{
	const bool pending = object->pending != PENDING_NOT;
	const bool told = object->told;

	ledger_lock();
	if (error != EBADF)
		object->told = false;
	if (error == EINPROGRESS) {
		ledger_add(object->kind, PENDING, !pending);
		object->pending = outcome;
	} else if (error == EBADF || error == EALREADY) {
		/* counts nowhere */
	} else if (pending) {
		connect_settle(object, error == 0 || error == EISCONN);
	} else {
		ledger_add(object->kind, error ? CONNECT_FAILED : CONNECTED, error || !told);
	}
	ledger_unlock();
}

/* Waits until a pending connect is decided, so that the outcome is known whatever comes later. */
static void await_decision(int fd, const struct object *object)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	const int most_ms = ledger->wild ? 20 : 20000;

	if (object->pending == PENDING_CONNECTED || object->pending == PENDING_FAILED)
		stress_check(poll(&ready, 1, most_ms) == 1, "pending connect is undecided", fd);
}

static void connect_claimed(int fd, const struct object *target, enum pending outcome)
{
	const int index = object_at(fd);

	if (index <= 0)
		return;
	struct object *const object = ledger_object(index);
	const int result =
		connect(fd, (const struct sockaddr *)target->address, target->address_length);
	connect_ended(object, result ? errno : 0, outcome);
	await_decision(fd, object);
}

/* A listener somewhere, of this family, with room in its queue. */
static struct object *find_listener(int family)
{
	const int used = atomic_load(&ledger->objects_used);
	const int start = used ? below(used) : 0;

	for (int i = 0; i < used; i++) {
		struct object *const object = &ledger->objects[(start + i) % used];
		if (!object->listening || object->life != LIFE_LIVE ||
			kinds[object->kind].family != family)
			continue;
		ledger_lock();
		const bool room = object->queued < QUEUED_MAX;
		object->queued += room;
		ledger_unlock();
		if (room)
			return object;
	}
	return NULL;
}

/*
 * To a listener that another task may close any moment only by connects that are over when they
 * return: what became of one that is pending could not be known.
 */
static void op_connect(void)
{
	const int fd = claim_busy(is_idle);

	if (fd < 0)
		return;
	const struct object *const object = ledger_object(object_at(fd));
	const int family = kinds[object->kind].family;
	const bool at_once = family == AF_UNIX || !object->nonblocking;
	struct object *listener = NULL;
	if (at_once && !one_in(4))
		listener = find_listener(family);
	if (listener)
		connect_claimed(fd, listener, PENDING_CONNECTED);
	else
		connect_claimed(
			fd, &ledger->refusing[family == AF_INET6 || one_in(16)], PENDING_FAILED);
	unclaim_busy(fd);
}

/* Connects that fail without a word to the network, and those of datagram sockets. */
static void op_connect_oddly(void)
{
	const int fd = claim_busy(is_idle);
	struct object target = {.address_length = sizeof(struct sockaddr_nl)};

	if (fd < 0)
		return;
	struct object *const object = ledger_object(object_at(fd));
	const bool pending = object->pending != PENDING_NOT;
	if (kinds[object->kind].family == AF_NETLINK)
		target.address[0] = AF_NETLINK;
	else if (kinds[object->kind].type == SOCK_DGRAM && kinds[object->kind].family != AF_UNIX)
		target.address[0] = AF_UNSPEC;
	else
		target.address[0] = 77;
	if (one_in(4) && !pending)
		connect_ended(
			object, connect(fd, (struct sockaddr *)1, 16) ? errno : 0, PENDING_NOT);
	else if (!pending)
		connect_claimed(fd, &target, PENDING_FAILED);
	unclaim_busy(fd);
}

static int accept_flags(void)
{
	return (one_in(2) || ledger->wild ? SOCK_NONBLOCK : 0) | (one_in(2) ? SOCK_CLOEXEC : 0);
}

/* Returns the accepted descriptor, claimed; or -1. */
static int accept_claimed(int listener)
{
	const int flags = accept_flags();
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	const bool ask = one_in(2);
	const int index = object_at(listener) > 0 ? object_at(listener) : 0;

	if (!index)
		return -1;
	struct object *const object = ledger_object(index);
	const int fd = accept4(
		listener, ask ? (struct sockaddr *)&peer : NULL, ask ? &length : NULL, flags);
	if (fd >= 0) {
		const int accepted = ledger_new_object(object->kind);
		if (!accepted)
			stress_die("too many sockets", 0);
		ledger_object(accepted)->nonblocking = flags & SOCK_NONBLOCK;
		slot_bind(fd, accepted, flags & SOCK_CLOEXEC, true);
		ledger_count(object->kind, ACCEPTED);
		ledger_lock();
		object->queued--;
		ledger_unlock();
		end_at_once(fd, object->kind);
	} else if (errno == EAGAIN) {
		ledger_count(object->kind, WOULD_BLOCK);
	} else if (errno == EINTR) {
		ledger_count(object->kind, INTERRUPTED);
	} else if (errno != EBADF) {
		ledger_count(object->kind, ACCEPT_FAILED);
	}
	return fd;
}

static void op_accept(void)
{
	const int listener = claim(one_in(5) ? is_plain_socket : is_listener);

	if (listener < 0)
		return;
	unclaim(accept_claimed(listener));
	unclaim(listener);
}

static enum kind draw_stream_kind(void)
{
	for (;;) {
		const enum kind kind = draw_kind();
		if (is_stream(kind))
			return kind;
	}
}

/* A listener of its own, a connect that waits or is pending, and an accept that waits. */
static void op_connection(void)
{
	const enum kind kind = draw_stream_kind();
	const int listener = open_claimed(kind, false, one_in(4));

	if (listener < 0)
		return;
	if (listen_claimed(listener, BACKLOG)) {
		const int client = open_claimed(kind, one_in(2), one_in(4));
		if (client >= 0) {
			connect_claimed(
				client, ledger_object(object_at(listener)), PENDING_CONNECTED);
			if (one_in(4)) {
				ledger_lock();
				object_or_first(listener)->queued++;
				ledger_unlock();
			} else {
				unclaim(accept_claimed(listener));
			}
		}
		unclaim(client);
	}
	set_nonblocking(listener);
	unclaim(listener);
}

/* A connect that the listener's full queue leaves undecided, closed so. */
static void op_undecided(void)
{
	const int listener = open_claimed(KIND_TCP4, true, false);

	if (listener < 0)
		return;
	/* Nobody else is to find it, and to take the one place in its queue. */
	object_or_first(listener)->queued = QUEUED_MAX;
	if (!listen_claimed(listener, 0))
		return unclaim(listener);
	const int first = open_claimed(KIND_TCP4, true, false);
	const int second = open_claimed(KIND_TCP4, true, false);
	if (first >= 0 && second >= 0 && object_at(listener) > 0) {
		struct pollfd ready = {.fd = second, .events = POLLOUT};
		const struct object *const target = ledger_object(object_at(listener));
		connect_claimed(first, target, PENDING_CONNECTED);
		connect_claimed(second, target, PENDING_UNDECIDED);
		stress_check(poll(&ready, 1, 0) == 0, "connect is decided", second);
	}
	if (second >= 0)
		close_claimed(second);
	if (first >= 0)
		close_claimed(first);
	close_claimed(listener);
}

static void so_error_claimed(int fd)
{
	const int index = object_at(fd);
	int error = 0;
	socklen_t length = sizeof(error);

	if (index <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		return;
	struct object *const object = ledger_object(index);
	const bool connected = error == 0 || error == EISCONN;

	ledger_lock();
	if (object->pending != PENDING_NOT)
		object->told = connected;
	connect_settle(object, connected);
	ledger_unlock();
}

static void op_so_error(void)
{
	const int fd = claim_busy(one_in(4) ? is_idle : is_pending);

	if (fd < 0)
		return;
	so_error_claimed(fd);
	unclaim_busy(fd);
}

static void op_connect_again(void)
{
	const int fd = claim_busy(is_pending);

	if (fd < 0)
		return;
	connect_claimed(fd,
		&ledger->refusing[object_at(fd) > 0 &&
				  ledger_object(object_at(fd))->kind == KIND_TCP6],
		PENDING_FAILED);
	unclaim_busy(fd);
}

/* ---- descriptors in messages ---- */

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr alignment;
};

static bool send_socket(int mailbox, int fd, int object)
{
	union control control = {0};
	struct iovec data = {.iov_base = &object, .iov_len = sizeof(object)};
	const struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *const header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(mailbox, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(object);
}

static void op_send(void)
{
	const int mailbox = claim(is_mailbox);
	const int fd = mailbox < 0 ? -1 : claim(is_plain_socket);

	if (fd >= 0) {
		(void)send_socket(mailbox, fd, object_at(fd));
		if (one_in(2))
			close_claimed(fd);
		else
			unclaim(fd);
	}
	unclaim(mailbox);
}

/* Which socket it is stands in the message. */
static bool receive_socket(int mailbox, bool cloexec)
{
	union control control = {0};
	int object = 0, fd;
	struct iovec data = {.iov_base = &object, .iov_len = sizeof(object)};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	if (recvmsg(mailbox, &message, MSG_DONTWAIT | (cloexec ? MSG_CMSG_CLOEXEC : 0)) !=
			(ssize_t)sizeof(object) ||
		!CMSG_FIRSTHDR(&message))
		return false;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	slot_bind(fd, object, cloexec, false);
	return true;
}

static void op_receive(void)
{
	const int mailbox = claim(is_mailbox);

	if (mailbox < 0)
		return;
	(void)receive_socket(mailbox, one_in(3));
	unclaim(mailbox);
}

/* ---- tasks ---- */

static _Atomic int *my_gate(void)
{
	return &ledger->tasks[me->process].gate;
}

static bool is_alive_beside_me(const struct task *task)
{
	return task != me && task->process == me->process &&
	       atomic_load(&task->state) == STATE_RUNNING;
}

static bool has_threads(void)
{
	for (int i = 0; i < TASKS; i++)
		if (is_alive_beside_me(&ledger->tasks[i]))
			return true;
	return false;
}

/* A task with this table, NULL: there are enough. */
static struct task *task_new(int table)
{
	const int id = table < 0 ? TASKS : atomic_fetch_add(&ledger->tasks_used, 1);
	const uint64_t random = draw();
	const int steps = 2 + below(me->steps + 2);

	if (id >= ledger->task_limit) {
		if (table >= 0) {
			atomic_store(&ledger->tasks_used, ledger->task_limit);
			table_leave(&ledger->tables[table]);
		}
		return NULL;
	}
	struct task *const task = &ledger->tasks[id];
	task->id = task->process = id;
	task->parent = me->id;
	task->table = table;
	task->random = random;
	task->steps = steps;
	task->raw = me->raw;
	atomic_store(&task->state, STATE_RUNNING);
	return task;
}

static int table_shared_once_more(void)
{
	atomic_fetch_add(&my_table()->users, 1);
	return me->table;
}

static void task_begin(struct task *task)
{
	me = task;
	me->pid = getpid();
	task_register();
}

/* The others of the process end with it, or vanish in its exec. */
static void end_others(bool doomed)
{
	for (int i = 0; i < TASKS; i++) {
		struct task *const task = &ledger->tasks[i];
		if (!is_alive_beside_me(task))
			continue;
		atomic_store(&task->doomed, doomed);
		task->reaped = true;
		atomic_store(&task->state, STATE_ENDED);
		table_leave(&ledger->tables[task->table]);
	}
}

static void end_myself(void)
{
	table_leave(my_table());
	atomic_store(&me->state, STATE_ENDED);
	atomic_store(&me->doomed, true);
}

/* Nobody counts a last close before all tasks of the process are gone. */
static _Noreturn void process_end(void)
{
	lock_alone(my_gate());
	ends_lock_alone();
	end_others(true);
	end_myself();
	_exit(0);
}

static void join_threads(void)
{
	for (int i = 0; i < TASKS; i++) {
		struct task *const task = &ledger->tasks[i];
		if (!task->thread || task->parent != me->id || task->reaped)
			continue;
		task->reaped = true;
		(void)pthread_join(threads[i], NULL);
	}
}

/* ---- exec ---- */

/* Ends what exec ends: other threads, the sharing of the table, close-on-exec. */
static bool ledger_exec(void)
{
	me->exec_table = me->table;
	me->exec_alone = has_threads();
	if (me->exec_alone)
		ends_lock_alone();
	else
		ends_lock_shared();
	if (!table_unshare())
		return false;
	end_others(false);
	table_clear_cloexec(my_table());
	return true;
}

static void exec_unlock(void)
{
	if (me->exec_alone)
		ends_unlock_alone();
	else
		ends_unlock_shared();
	unlock_alone(&ledger->tables[me->exec_table].lock);
	unlock_alone(my_gate());
}

static void op_exec(void)
{
	char id[16];

	lock_alone(my_gate());
	lock_alone(&my_table()->lock);
	if (!ledger_exec())
		return exec_unlock();
	snprintf(id, sizeof(id), "%d", me->id);
	execl(ledger->program, ledger->program, "--resume", ledger->path, id, NULL);
	stress_die("exec", 0);
}

/* ---- new tasks ---- */

static void task_run(void);
static _Noreturn void task_end(void);

static _Noreturn void process_main(struct task *task)
{
	task_begin(task);
	alarm(SECONDS);
	task_run();
	task_end();
}

static int clone_main(void *task)
{
	process_main(task);
}

static void cloned(struct task *task, pid_t pid)
{
	if (pid < 0)
		stress_die("fork", pid);
	task->pid = pid;
}

static void op_fork(void)
{
	char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct task *const task = task_new(table_copy(my_table()));
	pid_t pid;

	if (!task)
		return;
	if (me->raw)
		pid = clone(clone_main, stack + sizeof(stack), SIGCHLD, task);
	else
		pid = fork();
	if (pid == 0)
		process_main(task);
	cloned(task, pid);
}

static void op_clone_files(void)
{
	char stack[STACK_BYTES] __attribute__((aligned(16)));

	if (has_threads())
		return;
	struct task *const task = task_new(table_shared_once_more());
	if (!task)
		return;
	task->raw = true;
	cloned(task, clone(clone_main, stack + sizeof(stack), CLONE_FILES | SIGCHLD, task));
}

static void *thread_main(void *task)
{
	task_begin(task);
	task_run();
	task_end();
}

/* With EAGAIN, as is seen in the wild once in hundreds of runs, traced or not. */
static void thread_failed(struct task *task, int error)
{
	stress_check(false, "pthread_create", error);
	task->reaped = true;
	atomic_store(&task->state, STATE_ENDED);
	table_leave(&ledger->tables[task->table]);
}

static void op_thread(void)
{
	if (me->raw)
		return;
	struct task *const task = task_new(table_shared_once_more());
	if (!task)
		return;
	task->thread = true;
	task->process = me->process;
	const int error = pthread_create(&threads[task->id], NULL, thread_main, task);
	if (error)
		return thread_failed(task, error);
	/* Who ends the process has to know it by its futex. */
	while (!ledger->wild && !atomic_load(&task->alive))
		futex_wait(&task->alive, 0);
}

/* In the memory of its parent, who waits. */
static int vfork_main(void *task)
{
	struct table *const parents = my_table();

	task_begin(task);
	alarm(SECONDS);
	unlock_alone(&parents->lock);
	for (int i = below(4); i > 0; i--) {
		if (one_in(2))
			op_close();
		else
			op_dup();
	}
	if (!one_in(4))
		op_exec();
	process_end();
}

static void op_vfork(void)
{
	char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct task *const parent = me;
	_Atomic int *const gate = my_gate();

	lock_shared(gate);
	lock_alone(&my_table()->lock);
	struct task *const task = task_new(table_copy(my_table()));
	if (task) {
		const pid_t pid = clone(
			vfork_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, task);
		me = parent;
		cloned(task, pid);
	} else {
		unlock_alone(&my_table()->lock);
	}
	unlock_shared(gate);
}

static void op_unshare(void)
{
	if (!table_unshare())
		return;
	stress_check(unshare(CLONE_FILES) == 0, "unshare", 0);
}

/* ---- ends ---- */

static void reaped(struct task *task, int status)
{
	const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (task)
		task->reaped = true;
	if (!ledger->wild && !killed && status != 0)
		stress_die("a child's wait status", status);
}

/* The child is at rest: it holds no lock, and nothing of it is under way. */
static void kill_resting(struct task *child)
{
	int status = 0;

	ends_lock_alone();
	(void)kill(child->pid, SIGKILL);
	if (waitpid(child->pid, &status, __WALL) != child->pid)
		stress_die("waitpid", child->pid);
	table_leave(&ledger->tables[child->table]);
	atomic_store(&child->state, STATE_ENDED);
	child->reaped = true;
	ends_unlock_alone();
}

static bool is_my_child(const struct task *task)
{
	return task->parent == me->id && task->id != me->id && !task->thread && !task->reaped &&
	       task->pid && task->state != STATE_FREE;
}

static void op_reap(void)
{
	for (int i = 0; i < TASKS; i++) {
		struct task *const task = &ledger->tasks[i];
		int status;
		if (!is_my_child(task))
			continue;
		if (atomic_load(&task->state) == STATE_RESTING)
			kill_resting(task);
		else if (waitpid(task->pid, &status, WNOHANG | __WALL) == task->pid)
			reaped(task, status);
	}
}

static void op_kill_wildly(void)
{
	for (int i = 0; i < TASKS; i++) {
		struct task *const task = &ledger->tasks[i];
		if (!is_my_child(task) || !one_in(3))
			continue;
		task->reaped = true;
		(void)kill(task->pid, SIGKILL);
		(void)waitpid(task->pid, NULL, __WALL);
	}
}

static _Noreturn void rest(void)
{
	atomic_store(&me->state, STATE_RESTING);
	for (;;)
		pause();
}

static void close_all_locked(void)
{
	_Atomic int *const gate = my_gate();
	_Atomic int *const lock = &my_table()->lock;

	lock_shared(gate);
	lock_shared(lock);
	close_all();
	unlock_shared(lock);
	unlock_shared(gate);
}

static _Noreturn void thread_end(void)
{
	join_threads();
	ends_lock_alone();
	end_myself();
	syscall(SYS_exit, 0); /* not of the process */
	__builtin_unreachable();
}

static _Noreturn void task_end(void)
{
	const bool bare_thread = me->thread && me->pid != (pid_t)syscall(SYS_gettid);

	if (one_in(3))
		close_all_locked();
	if (bare_thread && !one_in(6))
		thread_end();
	if (one_in(3))
		process_end();
	join_threads();
	if (one_in(3) && !ledger->wild && !has_threads())
		rest();
	process_end();
}

/* ---- steps ---- */

enum hold {
	HOLD_NOTHING,
	HOLD_SHARED, /* of the table, others use it meanwhile */
	HOLD_ALONE   /* it is copied, or descriptors are chosen by number */
};

static const struct operation {
	void (*run)(void);
	int weight, weight_wild;
	enum hold hold;
} operations[] = {
	{op_socket, 20, 20, HOLD_SHARED},
	{op_open_fails, 3, 3, HOLD_SHARED},
	{op_socketpair, 6, 6, HOLD_SHARED},
	{op_file, 4, 4, HOLD_SHARED},
	{op_close, 30, 30, HOLD_SHARED},
	{op_close_region, 5, 5, HOLD_SHARED},
	{op_close_range, 2, 2, HOLD_ALONE},
	{op_dup, 16, 16, HOLD_SHARED},
	{op_cloexec, 8, 8, HOLD_SHARED},
	{op_bad_descriptor, 4, 4, HOLD_SHARED},
	{op_listen, 8, 8, HOLD_SHARED},
	{op_connect, 12, 12, HOLD_SHARED},
	{op_connect_oddly, 4, 4, HOLD_SHARED},
	{op_accept, 12, 12, HOLD_SHARED},
	{op_connection, 12, 12, HOLD_SHARED},
	{op_undecided, 1, 1, HOLD_SHARED},
	{op_so_error, 8, 8, HOLD_SHARED},
	{op_connect_again, 5, 5, HOLD_SHARED},
	{op_send, 10, 10, HOLD_SHARED},
	{op_receive, 10, 10, HOLD_SHARED},
	{op_fork, 6, 6, HOLD_ALONE},
	{op_vfork, 3, 3, HOLD_NOTHING},
	{op_clone_files, 3, 3, HOLD_SHARED},
	{op_thread, 6, 6, HOLD_SHARED},
	{op_unshare, 3, 3, HOLD_ALONE},
	{op_exec, 2, 2, HOLD_NOTHING},
	{op_reap, 6, 6, HOLD_SHARED},
	{op_kill_wildly, 0, 4, HOLD_SHARED},
};
enum { OPERATIONS = sizeof(operations) / sizeof(*operations) };

static const struct operation *draw_operation(void)
{
	int sum = 0, at;

	for (int i = 0; i < OPERATIONS; i++)
		sum += ledger->wild ? operations[i].weight_wild : operations[i].weight;
	at = below(sum);
	for (int i = 0;; i++) {
		at -= ledger->wild ? operations[i].weight_wild : operations[i].weight;
		if (at < 0)
			return &operations[i];
	}
}

static void step(void)
{
	const struct operation *const operation = draw_operation();
	_Atomic int *const gate = my_gate();
	_Atomic int *const lock = &my_table()->lock;

	if (operation->hold == HOLD_NOTHING)
		return operation->run();
	lock_shared(gate);
	if (operation->hold == HOLD_ALONE)
		lock_alone(lock);
	else
		lock_shared(lock);
	operation->run();
	if (operation->hold == HOLD_ALONE)
		unlock_alone(lock);
	else
		unlock_shared(lock);
	unlock_shared(gate);
}

static void task_run(void)
{
	while (me->steps-- > 0)
		step();
}

/* ---- the first process ---- */

static void map_ledger(const char *path, int flags)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);

	if (fd < 0 || (flags && ftruncate(fd, sizeof(*ledger)) < 0))
		stress_die(path, fd);
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ledger == MAP_FAILED) {
		ledger = NULL;
		stress_die("mmap", 0);
	}
	close(fd);
}

static int resume(const char *path, const char *id)
{
	map_ledger(path, 0);
	alarm(SECONDS);
	task_begin(&ledger->tasks[atoi(id)]);
	me->raw = false;
	exec_unlock();
	task_run();
	task_end();
}

/* Bound, so that nobody else listens there. */
static void keep_refusing(enum kind kind)
{
	const int fd = open_claimed(kind, false, false);
	struct object *const object = ledger_object(object_at(fd));

	bind_own(fd, object);
	object->busy = true; /* nobody may listen on it */
	ledger->refusing[kind == KIND_TCP6] = *object;
	unclaim(fd);
}

static bool inet6_works(void)
{
	const int fd = open_claimed(KIND_TCP6, false, false);

	if (fd < 0)
		return false;
	bind_own(fd, ledger_object(object_at(fd)));
	unclaim(fd);
	return ledger_object(object_at(fd))->named;
}

static void make_mailboxes(void)
{
	int pair[2];

	for (int i = 0; i < 2; i++) {
		if (!make_pair(KIND_UNIX_DGRAM, false, pair))
			stress_die("mailbox", 0);
		ledger_object(object_at(pair[0]))->mailbox = true;
		ledger_object(object_at(pair[1]))->mailbox = true;
	}
}

/* Those whose parent ended first and left them to us, a child subreaper. */
static void kill_orphans(void)
{
	for (int i = 1; i < TASKS; i++) {
		struct task *const task = &ledger->tasks[i];
		if (atomic_load(&task->state) == STATE_RESTING &&
			waitpid(task->pid, NULL, WNOHANG | __WALL) == 0)
			kill_resting(task);
	}
}

/* Until nobody is left. */
static void supervise(void)
{
	int status;

	for (;;) {
		const pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
		if (pid > 0)
			reaped(NULL, status);
		else if (pid < 0 && errno == ECHILD)
			return;
		if (pid != 0)
			continue;
		kill_orphans();
		futex_wait(&ledger->tasks_used, (uint32_t)atomic_load(&ledger->tasks_used));
	}
}

static void ledger_begin(const char *program, uint64_t seed, int steps, bool wild)
{
	ledger->wild = wild;
	ledger->task_limit = 32;
	snprintf(ledger->program, sizeof(ledger->program), "%s", program);
	atomic_store(&ledger->tasks_used, 1);
	me = &ledger->tasks[0];
	me->random = seed;
	me->steps = steps;
	atomic_store(&me->state, STATE_RUNNING);
	me->table = ledger_new_table();
	task_begin(me);
}

int main(int argc, char **argv)
{
	char path[sizeof(ledger->path)];

	if (argc == 4 && strcmp(argv[1], "--resume") == 0)
		return resume(argv[2], argv[3]);
	if (argc < 3)
		stress_die("usage: stress SEED LEDGER [STEPS [wild]]", argc);
	snprintf(path, sizeof(path), "%s.memory", argv[2]);
	map_ledger(path, O_CREAT | O_TRUNC);
	memcpy(ledger->path, path, sizeof(path));
	alarm(SECONDS);
	ledger_begin(argv[0], strtoull(argv[1], NULL, 10), argc > 3 ? atoi(argv[3]) : 60, argc > 4);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	keep_refusing(KIND_TCP4);
	ledger->has_inet6 = inet6_works();
	if (ledger->has_inet6)
		keep_refusing(KIND_TCP6);
	make_mailboxes();
	for (int i = 0; i < 2; i++)
		op_fork();
	supervise();
	if (atomic_load(&ledger->failed) || !ledger_write(argv[2]))
		return 1;
	return 0;
}
