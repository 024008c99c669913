"""The other side of control.bats: control.py SCENARIO runs one against socktest trace --control.

A scenario starts a program under socktest that it leads step by step, and checks what it is told.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

SOCKTEST = os.environ["SOCKTEST"]
ENGINE = os.environ["ENGINE"]
FOLDER = os.environ["BATS_TEST_TMPDIR"]
LIMIT = float(os.environ.get("LIMIT", "60"))
PATH = os.path.join(FOLDER, "control")
# AddressSanitizer keeps what was freed, for a while: what is in use is bounded, not that.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") +
                   ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
GROWTH_KIB = 15000

# Takes a line for each step and answers with a line.
PROGRAM = r"""
import errno, os, socket, sys, threading
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
kept = []

def pair():
    try:
        with socket.socket() as client:
            client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
            client.connect(listener.getsockname())
            server, _ = listener.accept()
            server.close()
            return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]

def failed_accept():
    client = socket.create_connection(listener.getsockname())
    try:
        listener.accept()[0].close()
        return "ok"
    except OSError as error:
        listener.accept()[0].close()
        return errno.errorcode[error.errno]
    finally:
        client.close()

def connect(results):
    client = socket.socket()
    try:
        client.connect(listener.getsockname())
        results.append("ok")
    except OSError as error:
        results.append(errno.errorcode[error.errno])
    client.close()

def threads(count):
    results = []
    tasks = [threading.Thread(target=connect, args=(results,)) for _ in range(count)]
    for task in tasks: task.start()
    for task in tasks: task.join()
    return " ".join(sorted(results))

def accept():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        with socket.create_connection(own.getsockname()):
            own.accept()[0].close()

def call(name):
    one = socket.socket()
    try:
        if name == "accept": accept()
        elif name == "listen": one.listen()
        elif name == "getsockopt": one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
        elif name == "close": os.close(one.detach())
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        one.close()

print("ready", flush=True)
for line in sys.stdin:
    what, *words = line.split()
    if what == "pair": said = pair()
    elif what == "pairs": said = " ".join(sorted({pair() for _ in range(int(words[0]))}))
    elif what == "accept": said = failed_accept()
    elif what == "threads": said = threads(int(words[0]))
    elif what == "open": kept += [socket.socket() for _ in range(int(words[0]))]; said = "ok"
    elif what == "call": said = call(words[0])
    print(said, flush=True)
"""


def check(holds, *what):
    if not holds:
        raise AssertionError(" ".join(str(one)[:500] for one in what))


class Client:
    def __init__(self, path=PATH):
        end = time.monotonic() + LIMIT
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(LIMIT)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                check(time.monotonic() < end, "nobody listens on", path)
                time.sleep(0.02)
        self.stream = self.socket.makefile("r", encoding="utf-8")
        self.greeting = self.receive()

    def send(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")

    def receive(self):
        line = self.stream.readline()
        return json.loads(line) if line else None

    def ask(self, name, **request):
        self.send(request=name, **request)
        return self.receive()

    def demand(self, name, **request):
        answer = self.ask(name, **request)
        check(answer and answer["ok"] is True, name, request, answer)
        return answer

    def refused(self, name, part, **request):
        answer = self.ask(name, **request)
        check(answer["ok"] is False and part in answer["error"], name, request, answer)

    def stats(self):
        rows = self.demand("stats")["stats"]
        for row in rows:
            check(row["opened"] + row["accepted"] + row["adopted"] == row["closed"] + row["inflight"],
                  "the law does not hold:", row)
        return rows[0] if rows else {}

    def close(self):
        self.stream.close()
        self.socket.close()


class Run:
    def __init__(self, *options, command=None):
        self.report = os.path.join(FOLDER, "report")
        self.process = subprocess.Popen(
            [SOCKTEST, "trace", f"--seccomp={ENGINE}", f"--control={PATH}", "--format=json", "-o",
             self.report, *options, "--", *(command or [sys.executable, "-c", PROGRAM])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.client = Client()
        if not command:
            self.said("ready")

    def begin(self, step):
        self.process.stdin.write(step + "\n")
        self.process.stdin.flush()

    def said(self, expected):
        line = self.process.stdout.readline().strip()
        check(line == expected, "the program said", repr(line), "and not", repr(expected))

    def step(self, step, expected):
        self.begin(step)
        self.said(expected)

    def begin_end(self):
        self.process.stdin.close()

    def end(self, status=0):
        self.begin_end()
        got = self.process.wait(LIMIT)
        self.errors = self.process.stderr.read()
        check(got == status, "exit status", got, self.errors)
        check(not os.path.exists(PATH), "the socket is still there")
        with open(self.report, encoding="utf-8") as stream:
            report = json.load(stream)
        for row in report["stats"]:
            check(row["opened"] + row["accepted"] + row["adopted"] == row["closed"] + row["inflight"], row)
        return report

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def traced(self):
        return self.client.demand("sockets")["sockets"][0]["pid"]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def until(holds, what):
    end = time.monotonic() + LIMIT
    while not holds():
        check(time.monotonic() < end, what)
        time.sleep(0.02)


def trace(*words, **how):
    """A run that is led by nobody."""
    return subprocess.Popen([SOCKTEST, "trace", f"--seccomp={ENGINE}", f"--control={PATH}", *words],
                            stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, **how)


def run_ctl(*words, stdin=None):
    done = subprocess.run([SOCKTEST, "ctl", PATH, *words], capture_output=True, text=True, timeout=LIMIT,
                          input=stdin)
    return done.returncode, done.stdout, done.stderr


def ctl(*words):
    status, out, errors = run_ctl(*words)
    check(status == 0 and errors == "", words, status, out, errors)
    return out


# ---- scenarios ----


def greeting(run):
    check(run.client.greeting["protocol"] == "socktest-control/1", run.client.greeting)
    check(run.client.greeting["pid"] == run.process.pid, run.client.greeting)
    check(run.client.greeting["command"][1] == "-c", run.client.greeting)
    check(os.stat(PATH).st_mode & 0o7777 == 0o600, "mode", oct(os.stat(PATH).st_mode))
    run.end()


def middle(run):
    """Counters and sockets in the middle of a run."""
    run.step("pair", "ok")
    run.step("open 1", "ok")
    row = run.client.stats()
    check((row["opened"], row["accepted"], row["connected"]) == (3, 1, 1), row)
    sockets = run.client.demand("sockets")["sockets"]
    check([one["state"] for one in sockets] == ["listening", "unconnected"], sockets)
    check(sockets[0]["local"].startswith("127.0.0.1:") and not sockets[0]["local"].endswith(":0"), sockets)
    check(sockets[0]["command"].startswith("python"), sockets)
    report = run.client.demand("report")["report"]
    check(report["exit"] == {"code": None} and report["schema"] == "socktest/1", report["exit"])
    check("inet/stream/tcp" in ctl("stats"), "stats")
    check("listening" in ctl("sockets") and "listening" not in ctl("stats"), "sockets")
    check(json.loads(ctl("report", "--format=json"))["stats"][0]["opened"] == 3, "report")
    check(ctl("stats", "--format=csv").startswith("cookie,family"), "csv")
    final = run.end()
    check(final["stats"][0]["opened"] == 3 and final["exit"] == {"code": 0}, final["stats"])


def filters(run):
    """set applies to the next call, and clear takes it back."""
    run.step("pair", "ok")
    first = run.client.demand("set", options=["--fail-connect=ENETDOWN:when=1", "--fail-accept=EMFILE"])
    check(first["filters"] == [1, 2], first)
    run.step("pair", "ENETDOWN")
    check(run.client.demand("clear", filter=2)["cleared"] == [2], "clear")
    run.step("pair", "ok")
    rows = run.client.demand("list")["filters"]
    check([(row["matched"], row["fired"], row["cleared"]) for row in rows] ==
          [(2, 1, False), (0, 0, True)], rows)
    run.client.demand("clear")
    # In the same words it is the same filter, and begins anew.
    check(run.client.demand("set", options=["--fail-connect=ENETDOWN:when=1"])["filters"] == [1], "set")
    run.step("pair", "ENETDOWN")
    run.client.demand("clear")
    run.step("pair", "ok")
    rows = run.client.demand("list")["filters"]
    check((rows[0]["matched"], rows[0]["fired"]) == (3, 2), rows)
    final = run.end()
    check(final["stats"][0]["injected"]["connect"] == 2, final["stats"])
    check([(row["option"], row["fired"]) for row in final["filters"]] ==
          [("--fail-connect=ENETDOWN:when=1", 2), ("--fail-accept=EMFILE", 0)], final["filters"])


def every_filter(run):
    """Whatever a filter looks at can be set later."""
    address = run.client.demand("sockets")["sockets"][0]["local"]
    for option in (f"--fail-connect=ENETDOWN:to={address}", f"--fail-connect=ENETDOWN:pid={run.traced()}",
                   "--fail-getsockopt=ENETDOWN", "--fail-connect=ENETDOWN:family=inet:prob=1",
                   "--fail-socket=ENETDOWN:type=stream", "--fail-connect=ENETDOWN:stack=connect"):
        run.client.demand("set", options=[option])
        run.step("pair", "ENETDOWN")
        run.client.demand("clear")
    run.client.demand("set", options=[f"--fail-accept=EMFILE:on={address}:when=1"])
    run.step("accept", "EMFILE")
    run.end()


def set_misuse(run):
    client = run.client
    client.refused("set", "did you mean ECONNREFUSED", options=["--fail-connect=ECONREFUSED"])
    client.refused("set", "no filter option", options=["--fail-conect=EIO"])
    client.refused("set", "no filter", options=["fail-connect=EIO"])
    client.refused("set", "options")
    client.refused("set", "options", options=[])
    # All or none of them.
    client.refused("set", "no errno", options=["--fail-connect=EIO", "--fail-accept=ENOPE"])
    check(client.demand("list")["filters"] == [], "something was set")
    client.refused("set", "ask is for --fail-connect only", options=["--after-connect=ask"])
    client.refused("set", "ask stands alone", options=["--fail-connect=EIO,ask"])
    client.refused("set", "does not go with ask", options=["--fail-connect=ask:async"])
    client.refused("set", "more than 1024 filters at a time", options=["--fail-close=EIO"] * 1025)
    client.refused("clear", "no such", filter=1)
    run.step("pair", "ok")
    status, out, errors = run_ctl("set", "--fail-connect=ECONREFUSED")
    check(status == 125 and out == "" and errors.count("\n") == 1 and "ECONNREFUSED" in errors, errors)
    check(ctl("set", "--fail-connect=EIO", "--delay-close=1ms") == "1\n2\n", "set")
    run.step("pair", "EIO")
    check("--delay-close=1ms" in ctl("list"), "list")
    status, out, errors = run_ctl("clear", "1", "7")
    check(status == 125 and errors.count("\n") == 1 and "7" in errors, errors)
    check("cleared" not in ctl("list"), "one of them was cleared")
    for words in (("clear", "x"), ("clear", ""), ("set",), ("set", "fail-connect=EIO"), ("set", "--seed=3"),
                  ("set", "--fail-connect"), ("stats", "1"), ("list", "--format=json")):
        status, out, errors = run_ctl(*words)
        check(status == 125 and out == "" and errors.count("\n") == 1, words, errors)
    check("did you mean --fail-connect" in run_ctl("set", "--fail-conect=EIO")[2], "near")
    ctl("clear", "1", "2")
    check(ctl("list").count("cleared") == 2, "list")
    # As trace takes them: in two words, and shortened.
    check(ctl("set", "--fail-connect", "EIO", "--delay-clo=1ms") == "1\n2\n", "set")
    ctl("clear")
    check(ctl("list").count("cleared") == 2, "list")
    check("--fail-connect=ERRNO" in ctl("set", "--help") and "--timeout" in ctl("wait", "--help"), "help")
    run.step("pair", "ok")
    run.end()


def wrong_keys(run):
    """What is misspelt or of another kind is refused, and nothing is done."""
    client = run.client
    client.demand("control")
    client.demand("set", options=["--fail-connect=ask"])
    run.begin("threads 1")
    number = client.receive()["ask"]
    for key, value, part in (("error", "EIO", 'no key "error"'), ("fial", "EIO", "did you mean fail?"),
                             ("fail", None, '"fail" is to be'), ("fail", ["EIO"], '"fail" is to be'),
                             ("fail", True, '"fail" is to be'), ("fail", 1.5, '"fail" is to be'),
                             ("after", {}, '"after" is to be'), ("delay", 100, '"delay" is to be a string, as "1.5s"'),
                             ("fail", 0, "no errno"), ("fail", -5, "no errno"), ("fail", 4096, "no errno"),
                             ("after", 1 << 62, "no errno"), ("fail", "", "no errno")):
        client.refused("answer", part, ask=number, **{key: value})
    for wrong in (str(number), None, [number], number + 0.5):
        client.refused("answer", '"ask" is to be a number', ask=wrong)
    client.demand("answer", ask=number, fail=113)
    run.said("EHOSTUNREACH")
    client.refused("wait", '"timeout" is to be a string', expect="* opened>=1", timeout=1)
    client.refused("wait", '"expect" is to be a string', expect=["* opened>=1"])
    client.refused("clear", '"filter" is to be a number', filter="1")
    client.refused("clear", '"filters" is to be an array of numbers', filters=["1"])
    client.refused("clear", "not both", filter=1, filters=[1])
    client.refused("clear", 'no key "ids"', ids=[1])
    client.refused("clear", "no such filter as 2", filters=[1, 2])
    client.refused("set", '"options" is to be an array of strings', options=[3])
    client.refused("set", '"options" is to be an array of strings', options="--fail-connect=EIO")
    client.refused("stats", '"format" is to be', format=3)
    client.refused("list", 'no key "format"', format="json")
    client.refused("stat", "did you mean stats?")
    rows = client.demand("list")["filters"]
    check([row["cleared"] for row in rows] == [False], rows)
    check(client.demand("clear", filters=[1])["cleared"] == [1], "clear")
    run.end()


def many_filters(run):
    """Those in force are counted; all that ever were, and their text, are bounded too."""
    def options(first, count):
        return [f"--fail-connect=EIO:to=:{port}" for port in range(first, first + count)]

    client = run.client
    for first in range(1, 8193, 1024):
        ids = client.demand("set", options=options(first, 1024))["filters"]
        check(ids[0] == first and ids[-1] == first + 1023, ids[0], ids[-1])
        client.refused("set", "more than 1024 filters at a time", options=["--fail-accept=EIO"])
        client.demand("clear")
    client.refused("set", "more than 8192 filters in a run", options=["--fail-accept=EIO"])
    check(client.demand("set", options=options(1, 1000))["filters"] == list(range(1, 1001)), "set again")
    run.step("pair", "ok")
    run.end()


def long_filters(run):
    for i in range(200):
        option = f"--fail-connect={','.join(['EIO'] * 15000)}:to=:{i + 1}"
        if not run.client.ask("set", options=[option])["ok"]:
            break
    check(69 <= i < 75, "so many of 60 KB were taken:", i)
    run.client.refused("set", "4 MiB", options=[option])
    run.client.demand("set", options=["--fail-accept=EIO:pid=1"])
    run.step("pair", "ok")
    run.end()


def reset(run):
    """After it the open sockets are adopted, and the law goes on holding."""
    run.step("pairs 3", "ok")
    run.step("open 1", "ok")
    ctl("reset")
    row = run.client.stats()
    check((row["opened"], row["accepted"], row["adopted"]) == (0, 0, row["closed"] + 2), row)
    before = row["adopted"]
    run.step("pair", "ok")
    run.client.demand("wait", expect="inet/stream closed>=2", timeout=f"{LIMIT}s")
    row = run.client.stats()
    check((row["opened"], row["accepted"], row["adopted"]) == (1, 1, before), row)
    final = run.end()
    check(final["stats"][0]["opened"] == 1, final["stats"])


def wait(run):
    client = run.client
    alone = run.descriptors()
    run.step("pairs 2", "ok")
    check(client.demand("wait", expect="inet/stream accepted>=2")["values"] == "accepted=2", "values")
    client.send(request="wait", expect="* accepted>=4", id={"any": [1]})
    run.step("pair", "ok")
    # Others are answered meanwhile.
    second = Client()
    check(second.demand("stats")["stats"][0]["accepted"] == 3, "stats")
    run.step("pair", "ok")
    answer = client.receive()
    check(answer == {"id": {"any": [1]}, "ok": True, "values": "accepted=4"}, answer)
    answer = client.ask("wait", expect="* accepted>=9", timeout="10ms")
    check(answer["ok"] is False and answer["timed_out"] is True, answer)
    client.refused("wait", "expect")
    client.refused("wait", "accepted", expect="* acepted>=9")
    client.refused("wait", "no time", expect="* accepted>=9", timeout="5")
    ctl("wait", "inet/stream", "accepted>=4")
    status, _, errors = run_ctl("wait", "inet/stream accepted>=9", "--timeout=10ms")
    check(status == 124 and errors.count("\n") == 1 and "accepted=4" in errors, status, errors)
    check(run_ctl("wait")[0] == 125 and run_ctl("wait", "nonsense")[0] == 125, "misuse")
    check(run_ctl("wait", "* opened>=1", "--timeout=5")[0] == 125, "misuse")
    ctl("wait", "inet/stream", "accepted>=4", "--timeout", f"{LIMIT}s")
    ctl("wait", "--timeout", f"{LIMIT}s", "inet/stream", "accepted>=4")
    check(run_ctl("wait", "--timeout", "10ms", "* accepted>=9")[0] == 124, "timeout in front")
    # Whoever waits is told when the program has ended.
    client.send(request="wait", expect="* accepted>=9")
    until(lambda: run.descriptors() == alone + 1, "only the two clients are left")
    waiting = subprocess.Popen([SOCKTEST, "ctl", PATH, "wait", "* accepted>=9"], stderr=subprocess.PIPE,
                               text=True)
    until(lambda: run.descriptors() == alone + 2, "it does not connect")
    second.demand("stats")
    run.end()
    check(client.receive()["ended"] is True and client.receive() is None, "the end")
    errors = waiting.communicate(timeout=LIMIT)[1]
    check(waiting.returncode == 1 and "the program has ended" in errors, waiting.returncode, errors)


def many_waits(run):
    """A client has at most sixteen, and short ones."""
    client = run.client
    for ident in range(16):
        client.send(request="wait", expect="* accepted>=9", id=ident)
    client.refused("wait", "more than 16", expect="* accepted>=9")
    client.refused("wait", "at most 1024 bytes", expect="* accepted>=9", id="x" * 1024)
    other = Client()
    other.send(request="wait", expect="* accepted>=2", timeout="1ms", id="short")
    check(other.receive()["timed_out"] is True, "another client")
    run.step("pairs 9", "ok")
    check([client.receive()["id"] for _ in range(16)] == list(range(16)), "answers")
    check(client.demand("wait", expect="* accepted>=9")["values"] == "accepted=9", "one more")
    run.end()


def fastest(work):
    times = []
    for _ in range(5):
        begun = time.monotonic()
        work()
        times.append(time.monotonic() - begun)
    return min(times)


def many_sockets(run):
    """What looks at the counters alone takes no longer for the sockets that are open."""
    run.step("open 900", "ok")
    stats = fastest(lambda: run.client.demand("stats"))
    sockets = fastest(lambda: run.client.demand("sockets"))
    check(stats * 5 < sockets, "stats", stats, "sockets", sockets)
    run.end()


def kept_memory(run):
    """What an answer was made of is let go of."""
    run.client.demand("set", options=[f"--fail-connect=EIO:to=:{port}" for port in range(1, 301)])
    for name in ("sockets", "stats", "report"):
        for _ in range(20):
            run.client.demand(name)
    before = resident_kib(run.process.pid)
    for _ in range(300):
        run.client.demand("sockets")
        run.client.demand("stats")
    check(resident_kib(run.process.pid) - before < 3000, "memory", before, resident_kib(run.process.pid))
    run.end()


def answer(run):
    """Who is in control says what becomes of a call."""
    client = run.client
    client.demand("control")
    client.demand("set", options=["--fail-connect=ask"])
    other = Client()
    other.refused("control", "another client")
    for reply, result in (({}, "ok"), ({"fail": "EHOSTDOWN"}, "EHOSTDOWN"), ({"after": "EPERM"}, "EPERM"),
                          ({"delay": "1ms"}, "ok"), ({"fail": "13", "delay": "1ms"}, "EACCES")):
        # What is done after the connect leaves a connection for accept to find.
        run.begin("threads 1")
        question = client.receive()
        check(question["call"]["call"] == "connect" and question["socket"]["state"] == "unconnected", question)
        check(question["call"]["args"]["address"].startswith("127.0.0.1:"), question)
        check(question["filter"] == "--fail-connect=ask" and question["call"]["pid"] == run.traced(), question)
        check(question["call"]["command"].startswith("python") and question["call"]["fd"] > 2, question)
        check(0 < question["time_ns"] <= client.demand("stats")["time_ns"], question)
        other.refused("answer", "not in control", ask=question["ask"])
        client.refused("answer", "no call is held", ask=question["ask"] + 1)
        client.refused("answer", "either", ask=question["ask"], fail="EIO", after="EIO")
        client.refused("answer", "no errno", ask=question["ask"], fail="EOI")
        client.refused("answer", "no time", ask=question["ask"], delay="5")
        client.demand("answer", ask=question["ask"], **reply)
        run.said(result)
        client.refused("answer", "no call is held", ask=question["ask"])
    row = client.stats()
    check(row["injected"]["connect"] == 3 and row["connected"] == 2, row)
    run.end()


def answer_calls(run):
    """Any call that can fail can be asked about."""
    client = run.client
    client.demand("control")
    for name in ("accept", "listen", "getsockopt", "close"):
        option = f"--fail-{name}=ask:when=1..4"
        client.demand("set", options=[option])
        for reply, result in (({}, "ok"), ({"fail": "EPERM"}, "EPERM"), ({"after": "EIO"}, "EIO"),
                              ({"after": 107, "delay": "1ms"}, "ENOTCONN")):
            run.begin(f"call {name}")
            question = client.receive()
            check(question["call"]["call"] == ("accept4" if name == "accept" else name), question)
            check(question["filter"] == option and question["call"]["tid"] == run.traced(), question)
            check(question["socket"]["fd"] == question["call"]["fd"], question)
            client.demand("answer", ask=question["ask"], **reply)
            run.said(result)
        client.demand("clear")
    row = client.stats()
    check(all(row["injected"][name] == 3 for name in ("accept", "listen", "getsockopt", "close")), row)
    run.end()


def master_misuse(run):
    """Who is in control may talk nonsense, stop talking, and be followed by another."""
    run.client.demand("set", options=["--fail-connect=ask"])

    def taken():
        client = Client()
        client.demand("control")
        run.begin("threads 1")
        return client, client.receive()["ask"]

    client, number = taken()
    for line in (b"rubbish", b"[]", b"\xff", b'{"request": "answer"}', b'{"request": "answer", "ask": -1}'):
        client.socket.sendall(line + b"\n")
        check(client.receive()["ok"] is False, line)
    client.demand("answer", ask=number, fail="EPERM")
    run.said("EPERM")
    client.close()
    # A line that is too long: told so, and let go.
    client, number = taken()
    client.socket.sendall(b"x" * 65537)
    check("at most 65536" in client.receive()["error"], "too long")
    run.said("ok")
    # It says no more, but might read.
    client, number = taken()
    client.socket.shutdown(socket.SHUT_WR)
    run.said("ok")
    check(client.receive() is None, "half closed")
    # It reads no more, but might say something.
    client, number = taken()
    client.socket.shutdown(socket.SHUT_RD)
    client.send(request="list")
    run.said("ok")
    # Its last words count.
    client, number = taken()
    for _ in range(3):
        client.send(request="list")
    client.send(request="answer", ask=number, fail="ENETDOWN")
    client.close()
    run.said("ENETDOWN")
    client, number = taken()
    client.demand("answer", ask=number)
    run.said("ok")
    run.end()


def right_filter(run):
    """The warning names the filter whose calls passed."""
    run.client.demand("set", options=["--fail-accept=ask:pid=1", "--fail-connect=ask"])
    client = Client()
    client.demand("control")
    run.begin("threads 1")
    client.receive()
    client.close()
    run.said("ok")
    warnings = [text for text in run.client.demand("report")["report"]["warnings"] if "unasked" in text]
    check(len(warnings) == 1 and warnings[0].startswith("--fail-connect=ask:"), warnings)
    run.end()


# Forks, and kills each child that is held in its call; parents of many dead calls.
FORKS = r"""
import os, signal, socket, sys, time
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        socket.socket()
        os._exit(0)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with open(f"/proc/{child}/syscall") as stream:
            if stream.read().startswith(sys.argv[2] + " "): break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print("done", flush=True)
sys.stdin.readline()
"""


def unread_questions():
    """They do not pile up before a client in control that does not read."""
    count = 100
    call = {"x86_64": "41", "aarch64": "198"}[os.uname().machine]
    # Questions name the filter: few of them fit into the socket's buffer.
    run = Run(f"--fail-socket=ask:when={'0' * 12000}1+", command=[sys.executable, "-c", FORKS, str(count), call])
    try:
        master = Client()
        master.demand("control")
        run.said("ready")
        run.begin("go")
        run.said("done")
        master.send(request="list", id="last")
        asked, most = set(), 0
        while True:
            line = master.receive()
            if "ask" in line:
                asked.add(line["ask"])
                most += 1
            elif "gone" in line:
                check(line["gone"] in asked, "gone before it was asked", line)
                asked.remove(line["gone"])
            else:
                check(line["id"] == "last", line)
                break
        check(not asked, "not taken back:", asked)
        matched = run.client.demand("list")["filters"][0]["matched"]
        check(matched > count // 2, "most died before they were held:", matched)
        check(most < matched // 2, "questions for calls that were long gone:", most)
        run.end()
    finally:
        run.kill()


def two_held(run):
    """Several calls wait at once, each for its own answer."""
    client = run.client
    client.demand("control")
    client.demand("set", options=["--fail-connect=ask"])
    run.begin("threads 2")
    first, second = client.receive(), client.receive()
    check(first["call"]["tid"] != second["call"]["tid"], first, second)
    client.demand("answer", ask=second["ask"], fail="EHOSTDOWN")
    client.demand("answer", ask=first["ask"])
    run.said("EHOSTDOWN ok")
    run.end()


def held_at_start():
    """A filter of the command line holds calls until somebody takes control."""
    process = Run("--fail-socket=ask:type=stream:when=1", command=[sys.executable, "-c", PROGRAM])
    try:
        check(process.client.demand("stats")["stats"] == [], "it went on")
        process.client.demand("control")
        question = process.client.receive()
        check(question["socket"] is None and question["call"]["call"] == "socket", question)
        process.client.demand("answer", ask=question["ask"])
        process.said("ready")
        process.step("pair", "ok")
        process.end()
    finally:
        process.kill()


def client_dies(run):
    client = Client()
    client.demand("control")
    run.client.demand("set", options=["--fail-connect=ask"])
    run.begin("threads 2")
    client.receive()
    client.receive()
    client.close()
    run.said("ok ok")
    run.step("pair", "ok")
    report = run.end()
    warnings = [text for text in report["warnings"] if "client in control was gone" in text]
    check(len(warnings) == 1, report["warnings"])


def task_dies(run):
    run.client.demand("control")
    run.client.demand("set", options=["--fail-connect=ask"])
    run.begin("threads 1")
    question = run.client.receive()
    os.kill(question["call"]["pid"], signal.SIGKILL)
    check(run.client.receive() == {"gone": question["ask"]}, "gone")
    run.end(-signal.SIGKILL)


def terminated(run):
    """SIGTERM to socktest while a call is held."""
    run.client.demand("control")
    run.client.demand("set", options=["--fail-connect=ask"])
    run.begin("threads 1")
    question = run.client.receive()
    run.process.send_signal(signal.SIGTERM)
    check(run.client.receive() == {"gone": question["ask"]}, "gone")
    run.end(-signal.SIGTERM)


def ask_process():
    return subprocess.Popen([SOCKTEST, "ctl", PATH, "ask"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def ask_command(run):
    """socktest ctl PATH ask: a Filter function in any language, over a pipe."""
    function = ask_process()
    ctl("set", "--fail-connect=ask")
    run.begin("threads 1")
    question = json.loads(function.stdout.readline())
    function.stdin.write("rubbish\n")
    function.stdin.write('{"ask": 77}\n')
    function.stdin.write(json.dumps({"ask": question["ask"], "fail": "EHOSTDOWN"}) + "\n")
    function.stdin.flush()
    run.said("EHOSTDOWN")
    run.begin("threads 1")
    function.stdout.readline()
    function.stdin.close()
    check(function.wait(LIMIT) == 0, "status", function.returncode)
    errors = function.stderr.read()
    check("no answer" in errors and "no call is held" in errors and errors.count("\n") == 2, errors)
    run.said("ok")
    # The last line counts without its newline too, and so does what is said of it.
    function = ask_process()
    # Until it is in control calls pass, as somebody was before.
    while True:
        run.begin("threads 1")
        if function.stdout in select.select([function.stdout, run.process.stdout], [], [], LIMIT)[0]:
            break
        run.said("ok")
    question = json.loads(function.stdout.readline())
    errors = function.communicate(json.dumps({"ask": question["ask"], "fail": "EPERM"}), timeout=LIMIT)[1]
    run.said("EPERM")
    check(function.returncode == 0 and errors == "", function.returncode, errors)
    check("no call is held" in run_ctl("ask", stdin='{"ask": 3}')[2], "the last answer")
    run.end()


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as stream:
        return int(next(line for line in stream if line.startswith("VmHWM")).split()[1])


def hostile(run):
    """Neither socktest nor the program takes any harm."""
    before = resident_kib(run.process.pid)
    client = Client()
    for line in (b"rubbish", b"", b"[]", b"3", b"null", b'"stats"', b"\0\0\0", b"{" * 5000, b"[" * 60000, b"{}",
                 b'{"request": 3}', b'{"request": "stats", "request": "list"}', b'{"request": "nothing"}',
                 b'{"request": "answer", "ask": 1e99}', b'{"request": "clear", "filter": 99999999999999999}',
                 b'{"request": "stats", "format": "nothing"}', b"\xff\xfe", b'{"request": "wait", "expect": "\\u0000"}'):
        client.socket.sendall(line + b"\n")
        reply = client.receive()
        check(reply["ok"] is False and reply["error"], line[:40], reply)
    for ident in (None, 0, -1, 1.5, "text", [], {"a": [None]}, True):
        check(client.demand("list", id=ident)["id"] == ident, ident)
    # A line without end, of which a gigabyte would come.
    long = Client()
    sent, block = 0, b"x" * 65536
    try:
        while sent < 1 << 30:
            sent += long.socket.send(block)
    except (BrokenPipeError, ConnectionResetError):
        pass
    check(sent < 1 << 24, "it took", sent)
    # One that asks and never reads, as much as goes in.
    deaf = Client()
    deaf.socket.setblocking(False)
    requests = json.dumps({"request": "report"}).encode() + b"\n"
    try:
        for _ in range(100000):
            deaf.socket.send(requests)
    except BlockingIOError:
        pass
    # Half a line, and many that come and go; and more than may stay.
    half = Client()
    half.socket.sendall(b'{"request":')
    for _ in range(200):
        one = socket.socket(socket.AF_UNIX)
        one.connect(PATH)
        one.close()
    many = [Client() for _ in range(70)]
    check(any("error" in one.greeting for one in many), "all were let in")
    run.step("pairs 50", "ok")
    for one in (*many, long, deaf):
        one.close()
    half.socket.sendall(b' "stats"}\n')
    check(half.receive()["ok"] is True, "half a line")
    row = client.stats()
    check(row["opened"] == 51 and row["accepted"] == 50, row)
    check(resident_kib(run.process.pid) - before < GROWTH_KIB, "memory", before, resident_kib(run.process.pid))
    run.end()


def deaf_crowd(run):
    """What nobody reads is bounded for all of them together."""
    run.client.demand("set", options=["--fail-accept=EIO:pid=1"])
    for port in range(1, 69):
        run.client.demand("set", options=[f"--fail-connect={','.join(['EIO'] * 15000)}:to=:{port}"])
    crowd = [Client() for _ in range(20)]
    for one in crowd:
        one.send(request="list")
    for _ in range(2): # all of them were attended to
        run.client.demand("stats")
    run.step("pair", "ok")
    whole = 0
    for one in crowd:
        try:
            whole += one.receive() is not None
        except ValueError: # a part of it
            pass
    check(10 < whole < 20, "so many were answered:", whole)
    report = run.end()
    check(any("64 MiB" in text for text in report["warnings"]), report["warnings"])


def gone_at_once(run):
    """Requests of clients that do not wait for the answer are carried out."""
    for port in range(1, 101):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(PATH)
            line = json.dumps({"request": "set", "options": [f"--fail-connect=EIO:to=:{port}"]})
            one.sendall(line.encode() + b"\n" + b'{"request": "list"}\n' * 20)
    # As many as may stay, all of them gone, and then one that is not.
    os.kill(run.process.pid, signal.SIGSTOP)
    for port in range(101, 201):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(PATH)
            line = json.dumps({"request": "set", "options": [f"--fail-connect=EIO:to=:{port}"]})
            one.sendall(line.encode() + b"\n")
    last = socket.socket(socket.AF_UNIX)
    last.settimeout(LIMIT)
    last.connect(PATH)
    os.kill(run.process.pid, signal.SIGCONT)
    check(b"socktest-control/1" in last.recv(1000), "it was turned away")
    until(lambda: len(run.client.demand("list")["filters"]) == 200, "some were not set")
    run.step("pair", "ok")
    run.end()


def at_once():
    """A client that is there before the program is."""
    for _ in range(25):
        process = trace("-q", "--", "true")
        clients = []
        while process.poll() is None and not clients:
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(PATH)
                clients.append(client)
            except OSError:
                client.close()
        errors = process.communicate(timeout=LIMIT)[1]
        check(process.returncode == 0, process.returncode, errors)
        for client in clients:
            client.close()


def reads_to_the_end(run):
    """A client that still reads when the program has ended gets all of its answer."""
    run.step("open 900", "ok")
    for _ in range(4):
        slow = Client()
        slow.send(request="report")
        run.client.demand("list")
    run.begin_end()
    whole = b""
    while not whole.endswith(b"\n"):
        part = slow.socket.recv(4096)
        check(part, "only a part of it came:", len(whole))
        whole += part
    check(len(json.loads(whole)["report"]["sockets"]) > 900, "sockets")
    run.end()


def late_signals():
    """Once the program has ended, signals do not keep the report from being written."""
    fifo = os.path.join(FOLDER, "fifo")
    os.mkfifo(fifo)
    for insist in (False, True):
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        process = trace("--format=json", "-o", fifo, "--", sys.executable, "-c",
                        "import socket; [socket.socket().detach() for _ in range(900)]")
        # More than fits into the pipe: it is in the middle of the report as soon as there is some.
        check(select.select([reader], [], [], LIMIT)[0], "no report")
        begun = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP, signal.SIGIO):
            process.send_signal(number)
        while insist and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            check(time.monotonic() < begun + LIMIT, "it cannot be ended")
            time.sleep(0.02)
        os.set_blocking(reader, True)
        with open(reader, encoding="utf-8") as stream:
            text = stream.read()
        errors = process.communicate(timeout=LIMIT)[1]
        if insist:
            check(process.returncode == -signal.SIGTERM, process.returncode, errors)
            check(time.monotonic() - begun > 1, "at once")
            os.unlink(PATH) if os.path.exists(PATH) else None
        else:
            check(process.returncode == 0, process.returncode, errors)
            check(len(json.loads(text)["sockets"]) == 900, "the report is not whole")


def one_wins():
    """Of several that want the same dead socket's place at once one gets it, and keeps it."""
    for _ in range(8):
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(PATH)
        dead.close()
        runs = [trace("-q", "--", "cat", stdin=subprocess.PIPE) for _ in range(5)]
        until(lambda: sum(run.poll() is None for run in runs) <= 1, "more than one goes on")
        winners = [run for run in runs if run.poll() is None]
        check(len(winners) == 1, [run.returncode for run in runs])
        check(Client().greeting["pid"] == winners[0].pid, "somebody else listens")
        winners[0].communicate(timeout=LIMIT)
        for run in runs:
            if run is not winners[0]:
                check(run.returncode == 125 and "somebody listens there already" in run.stderr.read(), run.returncode)


def attach():
    """A run that came later to the program is controlled like any other."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)

    def step(what, expected):
        program.stdin.write(what + "\n")
        program.stdin.flush()
        line = program.stdout.readline().strip()
        check(line == expected, what, line, "and not", expected)

    check(program.stdout.readline() == "ready\n", "ready")
    # No seccomp filter is left in a program that lives on: auto and off are what there is.
    tracer = trace("-q", *(["--seccomp=auto"] if ENGINE == "on" else []), f"--attach={program.pid}")
    try:
        client = Client()
        client.demand("wait", expect="* adopted>=1", timeout=f"{LIMIT}s")
        client.demand("set", options=["--fail-connect=ENETDOWN"])
        step("pair", "ENETDOWN")
        client.demand("clear")
        client.demand("set", options=["--fail-connect=ask"])
        client.demand("control")
        program.stdin.write("threads 1\n")
        program.stdin.flush()
        question = client.receive()
        check(question["call"]["pid"] == program.pid, question)
        # Let go of in the middle of a question.
        tracer.send_signal(signal.SIGINT)
        check(client.receive() == {"gone": question["ask"]}, "gone")
        check(program.stdout.readline() == "ok\n", "the call passed")
        check(tracer.wait(LIMIT) == 0 and not os.path.exists(PATH), tracer.returncode)
        step("pair", "ok")
        program.stdin.close()
        check(program.wait(LIMIT) == 0, program.returncode)
    finally:
        for one in (program, tracer):
            if one.poll() is None:
                one.kill()
                one.wait()


def manual(run):
    """The example of socktest-control(7) does what it says."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "man", "socktest-control.7")
    with open(page, encoding="utf-8") as stream:
        text = stream.read()
    text = text[text.index("A filter in Python"):]
    text = text[text.index("indent\n") + len("indent\n"):text.index("\n.Ed")].replace("\\e", "\\")
    port = run.client.demand("sockets")["sockets"][0]["local"].split(":")[1]
    down = os.path.join(FOLDER, "down")
    for old, new in (("/tmp/s", PATH), (":5432", f":{port}"), ("/tmp/database-down", down)):
        check(old in text, old, "is not in", text)
        text = text.replace(old, new)
    example = subprocess.Popen([sys.executable, "-c", text])
    try:
        until(lambda: run.client.demand("list")["filters"], "it sets no filter")
        run.step("pair", "ok")
        with open(down, "w", encoding="utf-8"):
            run.step("pair", "ECONNREFUSED")
        os.unlink(down)
        run.step("pair", "ok")
        run.end()
        check(example.wait(LIMIT) == 0, "example", example.returncode)
    finally:
        example.kill()
        example.wait()


def hundred(run):
    """A hundred clients, one after the other and side by side, while the program works."""
    failures = []

    def work():
        try:
            for _ in range(25):
                client = Client()
                client.stats()
                client.close()
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    run.step("pairs 300", "ok")
    for worker in workers:
        worker.join()
    check(not failures, failures)
    run.end()


def report_signal():
    """SIGUSR1 prints a report at once, further ones too, and the run goes on."""
    further = os.path.join(FOLDER, "further")
    run = Run(f"--format=csv:{further}")
    try:
        led_report_signal(run, further)
    finally:
        run.kill()


def led_report_signal(run, further):
    run.step("pair", "ok")
    run.process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + LIMIT
    while True:
        with open(run.report, encoding="utf-8") as stream:
            text = stream.read()
        if text.endswith("}\n"):
            break
        check(time.monotonic() < end, "no report")
        time.sleep(0.02)
    report = json.loads(text)
    check(report["exit"] == {"code": None} and report["stats"][0]["accepted"] == 1, report)
    with open(further, encoding="utf-8") as stream:
        check("inet,stream,tcp" in stream.read(), "the further report")
    run.step("pair", "ok")
    final = run.end()
    check(final["exit"] == {"code": 0} and final["stats"][0]["accepted"] == 2, final)
    with open(further, encoding="utf-8") as stream:
        check(stream.read().count("inet,stream,tcp") == 1, "it did not begin anew")


def other_user(run):
    """Even where the mode of the socket would let them."""
    os.chmod(PATH, 0o666)
    folder = FOLDER
    while folder != "/":
        os.chmod(folder, os.stat(folder).st_mode | 0o011)
        folder = os.path.dirname(folder)
    binary = shutil.copy(SOCKTEST, os.path.join(FOLDER, "ctl"))
    os.chmod(binary, 0o755)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "ctl", PATH,
                           "stats"], capture_output=True, text=True, timeout=LIMIT)
    check(done.returncode == 125 and "only the user" in done.stderr, done)
    run.end()


SCENARIOS = [greeting, middle, filters, every_filter, set_misuse, wrong_keys, many_filters, long_filters, reset, wait,
             many_waits, many_sockets, kept_memory, answer, answer_calls, master_misuse, right_filter, two_held,
             client_dies, task_dies, terminated, ask_command, hostile, deaf_crowd, gone_at_once, hundred,
             reads_to_the_end, manual, other_user]
ALONE = [held_at_start, unread_questions, at_once, late_signals, one_wins, attach, report_signal]


def main():
    name = sys.argv[1]
    for scenario in ALONE:
        if scenario.__name__ == name:
            return scenario()
    scenario = next(one for one in SCENARIOS if one.__name__ == name)
    run = Run()
    try:
        scenario(run)
    finally:
        run.kill()
    return 0


main()
