/*
 * A 64-bit program that makes 32-bit calls with int 0x80: a server and a client by direct calls,
 * and by socketcall(2). The numbers that both ABIs know for different calls are among them. With an
 * argument the upper halves of the registers are not zero, which the kernel ignores.
 */
#include "progs.h"

#include <linux/net.h>
#include <stdint.h>
#include <sys/mman.h>

/* asm/unistd_32.h, which a 64-bit program cannot include beside its own. */
enum { NR32_READ = 3, NR32_CLOSE = 6, NR32_DUP = 41, NR32_SOCKETCALL = 102 };
enum { NR32_SOCKET = 359, NR32_CONNECT = 362, NR32_LISTEN = 363, NR32_ACCEPT4 = 364 };

/* What is pointed to has to lie where 32 bits reach. */
static struct low {
	struct sockaddr_in address;
	uint32_t words[6];
	char byte;
} * low;

static uint64_t upper;

static uint32_t at(const void *pointer)
{
	CHECK((uintptr_t)pointer <= UINT32_MAX);
	return (uint32_t)(uintptr_t)pointer;
}

static long call32(long number, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(upper | a), "c"(upper | b), "d"(upper | c),
			 "S"(upper | d), "D"(upper)
			 : "r8", "r9", "r10", "r11", "memory", "cc");
	result = (int)result;
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static long socketcall(uint32_t call, uint32_t a, uint32_t b, uint32_t c)
{
	low->words[0] = a;
	low->words[1] = b;
	low->words[2] = c;
	return call32(NR32_SOCKETCALL, call, at(low->words), 0, 0);
}

static uint32_t bound(void)
{
	struct sockaddr_in address;
	int fd = prog_bound(&address);

	low->address = address;
	return (uint32_t)fd;
}

/* 41 is dup here and socket(2) in 64 bits; 3 is read here and close(2) in 64 bits. */
static void close_pair(uint32_t client, uint32_t server)
{
	uint32_t copy = (uint32_t)MUST(call32(NR32_DUP, client, 0, 0, 0));

	CHECK(write((int)server, "x", 1) == 1);
	MUST(call32(NR32_READ, copy, at(&low->byte), 1, 0));
	CHECK(low->byte == 'x');
	MUST(call32(NR32_CLOSE, client, 0, 0, 0));
	MUST(call32(NR32_CLOSE, copy, 0, 0, 0));
	MUST(call32(NR32_CLOSE, server, 0, 0, 0));
}

static void direct(void)
{
	uint32_t listener = bound();

	MUST(call32(NR32_LISTEN, listener, 1, 0, 0));
	uint32_t client = (uint32_t)MUST(call32(NR32_SOCKET, AF_INET, SOCK_STREAM, 0, 0));
	MUST(call32(NR32_CONNECT, client, at(&low->address), sizeof(low->address), 0));
	close_pair(client, (uint32_t)MUST(call32(NR32_ACCEPT4, listener, 0, 0, SOCK_CLOEXEC)));
	MUST(close((int)listener));
}

static void multiplexed(void)
{
	uint32_t listener = bound();

	MUST(socketcall(SYS_LISTEN, listener, 1, 0));
	uint32_t client = (uint32_t)MUST(socketcall(SYS_SOCKET, AF_INET, SOCK_STREAM, 0));
	MUST(socketcall(SYS_CONNECT, client, at(&low->address), sizeof(low->address)));
	close_pair(client, (uint32_t)MUST(socketcall(SYS_ACCEPT, listener, 0, 0)));
	MUST(close((int)listener));
}

int main(int argc, char **argv)
{
	(void)argv;
	prog_begin();
	upper = argc > 1 ? (uint64_t)0xdeadbeef << 32 : 0;
	low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK(low != MAP_FAILED);
	direct();
	multiplexed();
	return 0;
}
