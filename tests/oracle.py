#!/usr/bin/env python3
"""What socktest should report, worked out from what strace saw of the same program.

  oracle.py --record FILE [--] COMMAND...   runs the command under strace, which writes to FILE
  oracle.py [--inherited FD=FAMILY:TYPE:PROTOCOL] FILE
                                            prints the counters of every cookie as JSON
  oracle.py --compare REPORT [--only COUNTER,...] [--inherited ...] FILE
                                            status 1 and the differences, if a socktest report differs

A connect that did not block and whose end the program never asked for is pending here; only the kernel could tell.

Only strace's text is read. Descriptor tables, close-on-exec flags, forks, execs and ends are followed
here, in Python, so that an error in socktest's own bookkeeping has no way to repeat itself. strace's
"3<socket:[1234]>" serves for one thing: to know a socket that came from elsewhere.
"""

import argparse
import json
import os
import re
import socket
import sys

COUNTERS = (
    "opened connected listened accepted closed open_failed connect_failed listen_failed accept_failed"
    " close_failed pending would_block interrupted adopted inflight"
).split()

CALLS = (
    "socket socketpair connect listen accept accept4 getsockopt recvmsg recvmmsg pidfd_getfd"
    " close close_range dup dup2 dup3 fcntl ioctl unshare clone clone3 fork vfork"
    " execve execveat exit exit_group rt_sigreturn"
).split()

SOCK_FLAGS = 0x80800  # SOCK_CLOEXEC and SOCK_NONBLOCK
CLOEXEC = 0x80000  # SOCK_CLOEXEC is O_CLOEXEC
MSG_CMSG_CLOEXEC = 0x40000000
F_DUPFD, F_SETFD, F_DUPFD_CLOEXEC = 0, 2, 1030
FIOCLEX, FIONCLEX = 0x5451, 0x5450
CLONE_FILES, CLONE_THREAD = 0x400, 0x10000
CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC = 2, 4
SOL_SOCKET, SO_ERROR = 1, 4


def record(path, command):
    """Becomes strace."""
    calls = ",".join("?" + call for call in CALLS)
    options = ["-f", "-y", "-X", "raw", "-s", "256", "-o", path, "-e", "trace=" + calls]
    os.execvp("strace", ["strace", *options, "--", *command])


# Cookies


# socket(2)'s default protocol, for what this kernel does not open.
DEFAULT_PROTOCOLS = {1: 6, 2: 17, 5: 132, 6: 33}
SOCK_PACKET = 10


def kernel_cookie(family, kind, protocol):
    """What a socket of these arguments really is: the kernel is asked, by opening one."""
    kind &= ~SOCK_FLAGS
    try:
        with socket.socket(family, kind, protocol) as sample:
            level = socket.SOL_SOCKET
            family = sample.getsockopt(level, socket.SO_DOMAIN)
            kind = sample.getsockopt(level, socket.SO_TYPE)
            # packet(7) keeps its protocol to itself.
            if family != socket.AF_PACKET:
                protocol = sample.getsockopt(level, socket.SO_PROTOCOL)
    except OSError:
        # Their own number is another word for 0.
        if family in (socket.AF_UNIX, socket.AF_VSOCK) and protocol == family:
            protocol = 0
        if family in (socket.AF_INET, socket.AF_INET6) and protocol == 0:
            protocol = DEFAULT_PROTOCOLS.get(kind, 0)
        if family == socket.AF_INET and kind == SOCK_PACKET:
            family = socket.AF_PACKET
        if family == socket.AF_UNIX and kind == socket.SOCK_RAW:
            kind = socket.SOCK_DGRAM
    return (family, kind, protocol)


def names_by_number(prefix):
    names = {}
    for name in dir(socket):
        if name.startswith(prefix):
            names.setdefault(int(getattr(socket, name)), name[len(prefix) :].lower())
    return names


FAMILIES = {**names_by_number("AF_"), 1: "unix", 16: "netlink"}
TYPES = {1: "stream", 2: "dgram", 3: "raw", 4: "rdm", 5: "seqpacket", 6: "dccp", 10: "packet"}
PROTOCOLS = {**names_by_number("IPPROTO_"), 0: "ip", 262: "mptcp"}


def cookie_text(cookie):
    family, kind, protocol = cookie
    inet = family in (socket.AF_INET, socket.AF_INET6)
    return "/".join(
        [
            FAMILIES.get(family, str(family)),
            TYPES.get(kind, str(kind)),
            PROTOCOLS.get(protocol, str(protocol)) if inet else str(protocol),
        ]
    )


def cookie_from_report(text):
    value = int(text, 16)
    return (value >> 48, value >> 16 & 0xFFFFFFFF, value & 0xFFFF)


# strace's text


def integer(text):
    """The number that an argument begins with: '3<socket:[7]>', '0x2|0x80000', '-1', 'htons(0x3)'."""
    number = r"-?(?:0x[0-9a-f]+|\d+)"
    found = re.match(rf"\s*({number}(?:\|{number})*)", text)
    if not found:
        network_order = re.match(rf"htons\(({number})\)", text)
        return socket.htons(int(network_order.group(1), 0)) if network_order else None
    value = 0
    for part in found.group(1).split("|"):
        value |= int(part, 0)
    return value


def inode(text):
    found = re.match(r"\s*\d+<socket:\[(\d+)\]>", text)
    return int(found.group(1)) if found else None


def arguments(text):
    """Splits at the commas that are not inside brackets or strings."""
    parts, depth, start = [], 0, 0
    # Strings made harmless, at the same length.
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', lambda string: "_" * len(string.group()), text)
    for i, char in enumerate(plain):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    return parts


def split_call(text):
    """'close(3) = 0' as ('close', '3', '0')."""
    name, rest = text.split("(", 1)
    ends = list(re.finditer(r"\)\s+= ", rest))
    return name, rest[: ends[-1].start()], rest[ends[-1].end() :]


def outcome(result):
    """(value, None), or (None, 'EINPROGRESS'), or (None, None) of a call that never returned."""
    if result.startswith("?"):
        found = re.match(r"\? (ERESTART\w+)", result)
        return None, found.group(1) if found else None
    value = integer(result)
    if value is None or value >= 0:
        return value, None
    found = re.match(r"-\d+ (\w+)", result)
    return None, found.group(1) if found else "E?"


# What the kernel keeps


class Socket:
    def __init__(self, cookie, number):
        self.cookie = cookie
        self.inode = number
        self.names = 0  # descriptors, in all tables
        self.closed = False
        self.connecting = False
        self.told = False  # by SO_ERROR, that its connect is done
        self.adopted = False


class Binding:
    def __init__(self, sock, cloexec):
        self.sock = sock
        self.cloexec = cloexec
        self.gone = False  # its descriptor was closed
        self.claimed = False  # and the close(2) that did it was seen to return


class Table:
    def __init__(self):
        self.bindings = {}
        self.tasks = set()


class Task:
    def __init__(self, tid, group, table):
        self.tid = tid
        self.group = group
        self.table = table
        self.head = None  # text of an unfinished call
        self.entered = None  # the binding that its descriptor named at entry
        self.restarting = None  # (call, binding): ended in a restart code
        table.tasks.add(self)


class Oracle:
    def __init__(self, inherited):
        self.stats = {}
        self.sockets = []
        self.by_inode = {}
        self.tasks = {}
        self.parents = {}  # child: (parent, flags)
        self.ended_early = set()  # children whose makers have not returned yet
        self.inherited = inherited

    # counting

    def count(self, cookie, counter, by=1):
        row = self.stats.setdefault(cookie, dict.fromkeys(COUNTERS, 0))
        row[counter] += by

    def new_socket(self, cookie, number, counter):
        known = self.by_inode.get(number)
        if known and known.adopted and not known.closed:
            # Another thread named it before the call that made it was seen to return.
            self.count(known.cookie, "adopted", -1)
            known.adopted = False
            known.cookie = cookie
            self.count(cookie, counter)
            return known
        sock = Socket(cookie, number)
        self.sockets.append(sock)
        if number is not None:
            self.by_inode[number] = sock
        sock.adopted = counter == "adopted"
        self.count(cookie, counter)
        return sock

    def bind(self, table, fd, sock, cloexec):
        old = table.bindings.get(fd)
        if sock.closed:
            sock.closed = False
            self.count(sock.cookie, "closed", -1)
        sock.names += 1
        table.bindings[fd] = Binding(sock, cloexec)
        if old:
            self.drop(old)

    def drop(self, binding):
        binding.gone = True
        sock = binding.sock
        sock.names -= 1
        if sock.names == 0:
            sock.closed = True
            self.count(sock.cookie, "closed")

    def unbind(self, table, fd):
        binding = table.bindings.pop(fd, None)
        if binding:
            self.drop(binding)
        return binding

    def copy_table(self, table):
        copy = Table()
        for fd, binding in table.bindings.items():
            self.bind(copy, fd, binding.sock, binding.cloexec)
        return copy

    def leave_table(self, task):
        """An end, not a close: what no other table names is inflight."""
        table = task.table
        table.tasks.discard(task)
        if not table.tasks:
            for binding in table.bindings.values():
                binding.sock.names -= 1
            table.bindings = {}

    def own_table(self, task):
        if len(task.table.tasks) > 1:
            copy = self.copy_table(task.table)
            task.table.tasks.discard(task)
            task.table = copy
            copy.tasks.add(task)

    # tasks

    def task(self, tid):
        if tid in self.tasks:
            return self.tasks[tid]
        if tid in self.parents:
            parent, flags = self.parents[tid]
            return self.start_child(self.task(parent), tid, flags)
        for parent in self.tasks.values():
            # A clone that never returned: an exec by another thread, or SIGKILL, ended its caller.
            if self.is_making(parent):
                return self.start_child(parent, tid, self.clone_flags(parent.head))
        if self.tasks:
            sys.exit(f"oracle: nobody started task {tid}")
        task = self.tasks[tid] = Task(tid, tid, Table())
        for fd, cookie in self.inherited.items():
            self.bind(task.table, fd, self.new_socket(cookie, None, "adopted"), False)
        return task

    def start_child(self, parent, tid, flags):
        table = parent.table if flags & CLONE_FILES else self.copy_table(parent.table)
        group = parent.group if flags & CLONE_THREAD else tid
        task = self.tasks[tid] = Task(tid, group, table)
        return task

    def end_task(self, task):
        if task in task.table.tasks:
            self.leave_table(task)

    def superseded(self, leader, tid):
        """An exec in another thread: that thread takes the leader's place and tid."""
        self.end_task(leader)
        task = self.tasks.pop(tid)
        task.tid = leader.tid
        self.tasks[leader.tid] = task

    # descriptors that strace names

    def named(self, task, text):
        """The binding of a call's descriptor, with the socket adopted if it came from elsewhere."""
        fd, number = integer(text), inode(text)
        binding = task.table.bindings.get(fd)
        if binding and binding.sock.inode is None:
            binding.sock.inode = number
        if not binding and number is not None:
            self.receive(task, text, False)
            binding = task.table.bindings.get(fd)
        return binding

    def receive(self, task, text, cloexec):
        fd, number = integer(text), inode(text)
        if number is None:
            return
        sock = self.by_inode.get(number)
        if not sock:
            sock = self.new_socket((0, 0, 0), number, "adopted")
        self.bind(task.table, fd, sock, cloexec)

    # lines

    def first_pass(self, lines):
        """Who started whom, for a child may be seen before the call that made it returns."""
        heads = {}
        for tid, text in lines:
            call = self.whole_call(heads, tid, text)
            if call and call[0] in ("clone", "clone3", "fork", "vfork"):
                value, _ = outcome(call[2])
                if value:
                    self.parents[value] = (tid, self.clone_flags(call[1]))

    @staticmethod
    def is_making(task):
        """It is in a call that makes another."""
        return task.head and re.match(r"(clone3?|v?fork)\(", task.head)

    @staticmethod
    def clone_flags(text):
        _, found, flags = text.partition("flags=")
        return integer(flags) if found else 0

    @staticmethod
    def whole_call(heads, tid, text):
        superseded = re.match(r"\+\+\+ superseded by execve in pid (\d+)", text)
        if superseded:
            heads[tid] = heads.pop(int(superseded.group(1)), None)
            return None
        if text.startswith(("+++", "---")):
            return None
        if text.endswith("<unfinished ...>") and not text.startswith("<..."):
            heads[tid] = text[: -len("<unfinished ...>")]
            return None
        resumed = re.match(r"<\.\.\. \w+ resumed>", text)
        if resumed:
            head = heads.pop(tid, None)
            if head is None:
                return None
            text = head + text[resumed.end() :]
        return split_call(text) if re.search(r"\)\s+= ", text) else None

    def line(self, tid, text):
        task = self.task(tid)
        superseded = re.match(r"\+\+\+ superseded by execve in pid (\d+)", text)
        if superseded:
            self.superseded(task, int(superseded.group(1)))
        elif text.startswith("+++"):
            self.end_task(task)
            # A pid may come again.
            del self.tasks[tid]
            maker = self.tasks.get(self.parents.get(tid, (None,))[0])
            if maker and self.is_making(maker):
                self.ended_early.add(tid)
        elif text.startswith("---"):
            pass
        elif text.endswith("<unfinished ...>") and not text.startswith("<..."):
            task.head = text[: -len("<unfinished ...>")]
            self.enter(task, task.head)
        elif text.startswith("<..."):
            head, task.head = task.head, None
            if head is None:
                sys.exit(f"oracle: {tid}: what did this begin with? {text}")
            self.leave(task, head + text[text.index(">") + 1 :])
        elif text:
            self.enter(task, text)
            self.leave(task, text)

    def enter(self, task, text):
        name, rest = text.split("(", 1)
        task.entered = None
        if name in ("exit", "exit_group"):
            self.end_task(task)
        elif name not in ("socket", "socketpair", "close_range", "rt_sigreturn", "execve"):
            task.entered = self.named(task, rest)
        if task.restarting and task.restarting[0] == name:
            task.restarting = None

    def leave(self, task, text):
        if not re.search(r"\)\s+= ", text):
            return
        name, rest, result = split_call(text)
        value, error = outcome(result)
        if error and error.startswith("ERESTART"):
            task.restarting = (name, task.entered)
            return
        handler = getattr(self, "after_" + name, None)
        if handler and (value is not None or error):
            handler(task, arguments(rest), result, value, error)

    # calls

    def after_socket(self, task, args, result, value, error):
        family, kind, protocol = (integer(arg) for arg in args)
        cookie = kernel_cookie(family, kind, protocol)
        if error:
            self.count(cookie, "open_failed")
            return
        sock = self.new_socket(cookie, inode(result), "opened")
        self.bind(task.table, value, sock, bool(kind & CLOEXEC))

    def after_socketpair(self, task, args, result, value, error):
        family, kind, protocol = (integer(arg) for arg in args[:3])
        cookie = kernel_cookie(family, kind, protocol)
        if error:
            self.count(cookie, "open_failed")
            return
        for text in arguments(args[3][1:-1]):
            sock = self.new_socket(cookie, inode(text), "opened")
            self.bind(task.table, integer(text), sock, bool(kind & CLOEXEC))

    def after_connect(self, task, args, result, value, error):
        if task.entered:
            self.connected(task.entered.sock, error, args[1].startswith("{sa_family=0,"))

    def connected(self, sock, error, disconnects=False):
        told, sock.told = sock.told and not disconnects, False
        if error is None or (error == "EISCONN" and sock.connecting):
            sock.connecting = False
            if not told:
                self.count(sock.cookie, "connected")
        elif error == "EINPROGRESS":
            sock.connecting = True
        elif error == "EINTR":
            self.interrupted("connect", sock)
        elif error not in ("EALREADY", "EBADF"):
            self.count(sock.cookie, "connect_failed")
            if error not in ("EFAULT", "EINVAL", "EISCONN"):
                sock.connecting = False

    def interrupted(self, name, sock):
        self.count(sock.cookie, "interrupted")
        if name == "connect" and sock.cookie[0] != socket.AF_UNIX:
            sock.connecting = True

    def after_getsockopt(self, task, args, result, value, error):
        if error or not task.entered or not task.entered.sock.connecting:
            return
        if (integer(args[1]), integer(args[2])) == (SOL_SOCKET, SO_ERROR):
            sock = task.entered.sock
            sock.connecting = False
            so_error = integer(args[3].strip("[]"))
            sock.told = not so_error
            self.count(sock.cookie, "connect_failed" if so_error else "connected")

    def after_listen(self, task, args, result, value, error):
        if task.entered and error != "EBADF":
            self.count(task.entered.sock.cookie, "listen_failed" if error else "listened")

    def after_accept(self, task, args, result, value, error):
        if not task.entered:
            return
        cookie = task.entered.sock.cookie
        if error is None:
            flags = integer(args[3]) if len(args) > 3 else 0
            sock = self.new_socket(cookie, inode(result), "accepted")
            self.bind(task.table, value, sock, bool(flags & CLOEXEC))
        elif error == "EAGAIN":
            self.count(cookie, "would_block")
        elif error == "EINTR":
            self.count(cookie, "interrupted")
        elif error != "EBADF":
            self.count(cookie, "accept_failed")

    after_accept4 = after_accept

    def after_close(self, task, args, result, value, error):
        fd, named = integer(args[0]), task.entered
        # EBADF: another thread was first, and this call was on no socket.
        if error == "EBADF":
            return
        if error and named:
            self.count(named.sock.cookie, "interrupted" if error == "EINTR" else "close_failed")
        if not named or (named.gone and not named.claimed):
            if named:
                named.claimed = True
            return
        closed = self.unbind(task.table, fd)
        if closed:
            closed.claimed = True

    def after_close_range(self, task, args, result, value, error):
        if error:
            return
        first, last, flags = (integer(arg) for arg in args)
        if flags & CLOSE_RANGE_UNSHARE:
            self.own_table(task)
        for fd in [fd for fd in task.table.bindings if first <= fd <= last]:
            if flags & CLOSE_RANGE_CLOEXEC:
                task.table.bindings[fd].cloexec = True
            else:
                self.unbind(task.table, fd)

    def duplicate(self, task, fd, cloexec):
        if task.entered:
            self.bind(task.table, fd, task.entered.sock, cloexec)
        else:
            self.unbind(task.table, fd)

    def after_dup(self, task, args, result, value, error):
        if error is None:
            self.duplicate(task, value, False)

    def after_dup2(self, task, args, result, value, error):
        if error is None and integer(args[0]) != integer(args[1]):
            self.duplicate(task, value, False)

    def after_dup3(self, task, args, result, value, error):
        if error is None:
            self.duplicate(task, value, bool(integer(args[2]) & CLOEXEC))

    def after_fcntl(self, task, args, result, value, error):
        command = integer(args[1])
        if error:
            return
        if command in (F_DUPFD, F_DUPFD_CLOEXEC):
            self.duplicate(task, value, command == F_DUPFD_CLOEXEC)
        elif command == F_SETFD and task.entered:
            task.entered.cloexec = bool(integer(args[2]) & 1)

    def after_ioctl(self, task, args, result, value, error):
        if error is None and task.entered and integer(args[1]) in (FIOCLEX, FIONCLEX):
            task.entered.cloexec = integer(args[1]) == FIOCLEX

    def after_unshare(self, task, args, result, value, error):
        if error is None and integer(args[0]) & CLONE_FILES:
            self.own_table(task)

    def after_clone(self, task, args, result, value, error):
        if value in self.ended_early:
            self.ended_early.remove(value)
        elif value and value not in self.tasks:
            self.start_child(task, value, self.clone_flags(",".join(args)))

    after_clone3 = after_fork = after_vfork = after_clone

    def after_execve(self, task, args, result, value, error):
        if error:
            return
        for other in list(self.tasks.values()):
            if other.group == task.group and other is not task:
                if other.table is task.table:
                    task.table.tasks.discard(other)
                self.end_task(other)
        self.own_table(task)
        for fd, binding in list(task.table.bindings.items()):
            if binding.cloexec:
                self.unbind(task.table, fd)

    after_execveat = after_execve

    def after_recvmsg(self, task, args, result, value, error):
        if error:
            return
        cloexec = bool((integer(args[-1]) or 0) & MSG_CMSG_CLOEXEC)
        rights = r"cmsg_level=0x1, cmsg_type=0x1, cmsg_data=\[((?:[^][]|\[\d+\])*)\]"
        for found in re.finditer(rights, ",".join(args[1:])):
            for text in arguments(found.group(1)):
                self.receive(task, text, cloexec)

    after_recvmmsg = after_recvmsg

    def after_pidfd_getfd(self, task, args, result, value, error):
        if error is None:
            self.receive(task, result, True)

    def after_rt_sigreturn(self, task, args, result, value, error):
        call, task.restarting = task.restarting, None
        if call and call[1] and error == "EINTR" and call[0] in ("accept", "accept4", "connect"):
            self.interrupted(call[0], call[1].sock)

    # the end

    def run(self, text):
        lines = []
        for line in text.splitlines():
            tid, _, rest = line.strip().partition(" ")
            if tid.isdigit():
                lines.append((int(tid), rest.strip()))
        self.first_pass(lines)
        for tid, rest in lines:
            self.line(tid, rest)
        for sock in self.sockets:
            self.count(sock.cookie, "inflight", 0 if sock.closed else 1)
            self.count(sock.cookie, "pending", 1 if sock.connecting else 0)
        return {cookie: row for cookie, row in self.stats.items() if any(row.values())}


def law_broken(row):
    return row["opened"] + row["accepted"] + row["adopted"] != row["closed"] + row["inflight"]


def report_stats(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    return {cookie_from_report(row["cookie"]): row for row in report["stats"]}


def compare(reported, expected, only):
    differences = []
    for cookie in sorted(set(reported) | set(expected)):
        ours = expected.get(cookie, {})
        theirs = reported.get(cookie, {})
        for counter in only:
            if theirs.get(counter, 0) != ours.get(counter, 0):
                differences.append(
                    f"{cookie_text(cookie)} {counter}: socktest {theirs.get(counter, 0)},"
                    f" strace {ours.get(counter, 0)}"
                )
    return differences


def inherited_option(text):
    fd, _, cookie = text.partition("=")
    family, kind, protocol = cookie.split(":")
    return int(fd), kernel_cookie(int(family), int(kind), int(protocol))


def counters_option(text):
    names = text.split(",")
    for name in names:
        if name not in COUNTERS:
            raise argparse.ArgumentTypeError(f"no counter: {name}")
    return names


def options():
    parser = argparse.ArgumentParser(description="socktest's counters, from strace's output")
    parser.add_argument("--record", metavar="FILE")
    parser.add_argument("--compare", metavar="REPORT")
    parser.add_argument("--only", type=counters_option, default=COUNTERS)
    parser.add_argument("--inherited", type=inherited_option, action="append", default=[])
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main():
    opts = options()
    rest = opts.rest[1:] if opts.rest[:1] == ["--"] else opts.rest
    if opts.record:
        record(opts.record, rest)
    with open(rest[0], encoding="utf-8", errors="replace") as file:
        expected = Oracle(dict(opts.inherited)).run(file.read())
    broken = [cookie_text(cookie) for cookie, row in expected.items() if law_broken(row)]
    if broken:
        sys.exit("oracle: the law does not hold for " + ", ".join(broken))
    if not opts.compare:
        print(json.dumps({cookie_text(c): row for c, row in sorted(expected.items())}, indent=1))
        return
    reported = report_stats(opts.compare)
    differences = compare(reported, expected, opts.only)
    differences += [
        f"{cookie_text(cookie)}: the law does not hold in the report"
        for cookie, row in reported.items()
        if law_broken(row)
    ]
    if differences:
        sys.exit("\n".join(differences))


if __name__ == "__main__":
    main()
