"""The other side of control.bats: control.py SCENARIO runs one against socktest trace --control.

A scenario starts a program under socktest that it leads step by step, and checks what it is told.
"""

import json
import os
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

# Takes a line for each step and answers with a line.
PROGRAM = r"""
import errno, socket, sys, threading
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

print("ready", flush=True)
for line in sys.stdin:
    what, *words = line.split()
    if what == "pair": said = pair()
    elif what == "pairs": said = " ".join(sorted({pair() for _ in range(int(words[0]))}))
    elif what == "accept": said = failed_accept()
    elif what == "threads": said = threads(int(words[0]))
    elif what == "open": kept.append(socket.socket()); said = "ok"
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
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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

    def end(self, status=0):
        self.process.stdin.close()
        got = self.process.wait(LIMIT)
        self.errors = self.process.stderr.read()
        check(got == status, "exit status", got, self.errors)
        check(not os.path.exists(PATH), "the socket is still there")
        with open(self.report, encoding="utf-8") as stream:
            report = json.load(stream)
        for row in report["stats"]:
            check(row["opened"] + row["accepted"] + row["adopted"] == row["closed"] + row["inflight"], row)
        return report

    def traced(self):
        return self.client.demand("sockets")["sockets"][0]["pid"]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


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
    run.step("open", "ok")
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
    client.refused("set", "no filter", options=[3])
    client.refused("set", "options")
    client.refused("set", "options", options="--fail-connect=EIO")
    # All or none of them.
    client.refused("set", "no errno", options=["--fail-connect=EIO", "--fail-accept=ENOPE"])
    check(client.demand("list")["filters"] == [], "something was set")
    client.refused("set", "ask is for --fail-connect only", options=["--after-connect=ask"])
    client.refused("set", "ask stands alone", options=["--fail-connect=EIO,ask"])
    client.refused("set", "does not go with ask", options=["--fail-connect=ask:async"])
    client.refused("set", "more than", options=["--fail-close=EIO"] * 1025)
    client.refused("clear", "no such", filter=1)
    client.refused("clear", "no such", filter="1")
    run.step("pair", "ok")
    status, out, errors = run_ctl("set", "--fail-connect=ECONREFUSED")
    check(status == 125 and out == "" and errors.count("\n") == 1 and "ECONNREFUSED" in errors, errors)
    check(ctl("set", "--fail-connect=EIO", "--delay-close=1ms") == "1\n2\n", "set")
    run.step("pair", "EIO")
    check("--delay-close=1ms" in ctl("list"), "list")
    status, out, errors = run_ctl("clear", "7")
    check(status == 125 and errors.count("\n") == 1, errors)
    check(run_ctl("clear", "x")[0] == 125 and run_ctl("set")[0] == 125, "misuse")
    ctl("clear", "1")
    ctl("clear")
    check(ctl("list").count("cleared") == 2, "list")
    run.step("pair", "ok")
    run.end()


def reset(run):
    """After it the open sockets are adopted, and the law goes on holding."""
    run.step("pairs 3", "ok")
    run.step("open", "ok")
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
    # Whoever waits is told when the program has ended.
    client.send(request="wait", expect="* accepted>=9")
    waiting = subprocess.Popen([SOCKTEST, "ctl", PATH, "wait", "* accepted>=9"], stderr=subprocess.PIPE,
                               text=True)
    second.demand("stats")
    run.end()
    check(client.receive()["ended"] is True and client.receive() is None, "the end")
    check(waiting.wait(LIMIT) in (1, 125), waiting.returncode, waiting.stderr.read())


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


def ask_command(run):
    """socktest ctl PATH ask: a Filter function in any language, over a pipe."""
    function = subprocess.Popen([SOCKTEST, "ctl", PATH, "ask"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
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
    check(resident_kib(run.process.pid) - before < 50000, "memory", before, resident_kib(run.process.pid))
    run.end()


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


def report_signal(run):
    """SIGUSR1 prints a report at once, and the run goes on."""
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
    run.step("pair", "ok")
    final = run.end()
    check(final["exit"] == {"code": 0} and final["stats"][0]["accepted"] == 2, final)


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


SCENARIOS = [greeting, middle, filters, every_filter, set_misuse, reset, wait, answer, two_held, client_dies,
             task_dies, terminated, ask_command, hostile, hundred, report_signal, other_user]
ALONE = [held_at_start]


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
