#!/usr/bin/env python3
"""Runs a command as the foreground job of a terminal of its own, as an interactive shell does.

  terminal.py [--columns N] [--on TEXT KEYS]... COMMAND...

What the terminal shows goes to stdout. When TEXT is shown, KEYS are typed ("^C", "^Z", "^\\", or as they are);
each --on waits for the one before it. When the job stops, "[stopped]" is printed, the whole job is continued and
"[continued]" is printed, and --on may wait for these. The exit status is the job's, 128 and its number for a signal.
"""

import argparse
import errno
import fcntl
import os
import signal
import struct
import sys
import termios
import time

SECONDS = 60


def run_job(command):
    """The session's leader: starts the job, and continues it when it stops."""
    for number in (signal.SIGTTOU, signal.SIGINT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        for number in (signal.SIGTTOU, signal.SIGINT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        os.tcsetpgrp(0, os.getpid())
        os.write(1, b"[stopped]\n")
        os.tcsetpgrp(0, job)
        os.write(1, b"[continued]\n")
        os.killpg(job, signal.SIGCONT)


def typed(keys):
    return keys.replace("^C", "\x03").replace("^Z", "\x1a").replace("^\\", "\x1c").encode()


def watch(terminal, leader, answers):
    shown, end = b"", time.monotonic() + SECONDS
    signal.alarm(SECONDS)
    while time.monotonic() < end:
        try:
            data = os.read(terminal, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            break
        shown += data
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        while answers and answers[0][0].encode() in shown:
            text, keys = answers.pop(0)
            shown = shown[shown.index(text.encode()) + len(text) :]
            os.write(terminal, typed(keys))
    _, status = os.waitpid(leader, 0)
    if answers:
        sys.exit(f"terminal: never shown: {answers[0][0]}")
    return os.waitstatus_to_exitcode(status)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--on", nargs=2, action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    leader, terminal = os.forkpty()
    if leader == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, options.columns, 0, 0))
        run_job(options.command)
    sys.exit(watch(terminal, leader, options.on))


if __name__ == "__main__":
    main()
