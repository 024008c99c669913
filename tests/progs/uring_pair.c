/*
 * uring_pair [RINGS [leave]]: a server and a client whose socket, connect and accept go through the
 * last of RINGS io_uring rings, and whose closes are calls; where there is no io_uring
 * (io_uring_setup gives ENOSYS) all are calls. Prints "rings" or "calls".
 */
#include "progs.h"

#include <liburing.h>

/* Whether rings can be had; the last one stays. */
static bool make_rings(struct io_uring *ring, int rings)
{
	int error = 0;

	for (int i = 0; i < rings && !error; i++) {
		if (i > 0)
			io_uring_queue_exit(ring);
		error = io_uring_queue_init(8, ring, 0);
	}
	CHECK(error == 0 || error == -ENOSYS);
	return error == 0;
}

static struct io_uring_sqe *next_entry(struct io_uring *ring)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(ring);

	CHECK(entry);
	return entry;
}

/* The result of the call that was prepared last. */
static int result_of(struct io_uring *ring)
{
	struct io_uring_cqe *completion;

	CHECK(io_uring_submit(ring) == 1);
	CHECK(io_uring_wait_cqe(ring, &completion) == 0);
	int result = completion->res;
	io_uring_cqe_seen(ring, completion);
	CHECK(result >= 0);
	return result;
}

static int ring_client(struct io_uring *ring, const struct sockaddr_in *address)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	int fd;

	CHECK(probe);
	/* Since Linux 5.19. */
	if (io_uring_opcode_supported(probe, IORING_OP_SOCKET)) {
		io_uring_prep_socket(next_entry(ring), AF_INET, SOCK_STREAM, 0, 0);
		fd = result_of(ring);
	} else {
		fd = prog_socket();
	}
	io_uring_free_probe(probe);
	io_uring_prep_connect(
		next_entry(ring), fd, (const struct sockaddr *)address, sizeof(*address));
	result_of(ring);
	return fd;
}

static int ring_server(struct io_uring *ring, int listener)
{
	io_uring_prep_accept(next_entry(ring), listener, NULL, NULL, SOCK_CLOEXEC);
	return result_of(ring);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	struct io_uring ring;

	prog_begin();
	bool has_ring = make_rings(&ring, prog_number(argc, argv, 1, 1));
	puts(has_ring ? "rings" : "calls");

	int listener = prog_listener(&address);
	int client = has_ring ? ring_client(&ring, &address) : prog_client(&address);
	int server = has_ring ? ring_server(&ring, listener) : MUST(accept(listener, NULL, NULL));

	if (has_ring)
		io_uring_queue_exit(&ring);
	if (argc > 2)
		return 0;
	MUST(close(client));
	MUST(close(server));
	MUST(close(listener));
	return 0;
}
