/*
 * What /proc says of a socket, where the kernel hands out no duplicate of it: less than the socket
 * itself would.
 */
#ifndef SOCKTEST_TRACE_PROCNET_H
#define SOCKTEST_TRACE_PROCNET_H

#include <stdint.h>
#include <sys/types.h>

#include "switch/switch.h"

/*
 * Fills the description of the socket with this inode that fd of the task is. local and peer are
 * owned by the caller (free), and NULL where they are not there. Returns 0, or -errno: -ENODATA
 * where not all of family, type and protocol are known, -ESTALE where fd is another socket by now.
 */
int procnet_describe(pid_t tid, int fd, uint64_t inode, struct sock_description *description);

#endif
