/* The memory of a stopped task. Any pointer may be bad, and any content may change under our eyes.
 */
#ifndef SOCKTEST_TRACE_MEMORY_H
#define SOCKTEST_TRACE_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "switch/address.h"

/*
 * All of length bytes or nothing, by process_vm_readv(2) and process_vm_writev(2), or else by
 * /proc/TID/mem. Return 0 or -errno (-EFAULT, -EIO: not there).
 */
int memory_read(pid_t tid, uint64_t from, void *to, size_t length);
int memory_write(pid_t tid, uint64_t to, const void *from, size_t length);

/*
 * A sockaddr of length bytes. NULL where the kernel would take none either (unreadable, a length
 * out of 0..128; net/socket.c move_addr_to_kernel) or memory is out. Owned by the caller.
 */
struct address *memory_read_address(pid_t tid, uint64_t from, int length);

#endif
