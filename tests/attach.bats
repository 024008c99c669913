#!/usr/bin/env bats
# Processes that run already: attached to, counted, made to fail, and let go unharmed.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

no_forced_filter

# ---- the program ----

# start_calls NAME STEP...: do_calls, up to its pause
start_calls() {
  start "$1" "$PROGS/do_calls" "${@:2}"
  wait_for_output "$1" pause
}

go_on() { # go_on NAME: beyond the pause
  kill -TERM "${started[$1]}"
}

# The server of three threads beside the leader, and its port.
start_server() {
  start server "$PROGS/attach_server"
  wait_for_output server port
  port=$(sed -n 's/^port //p' "$BATS_TEST_TMPDIR/server.out")
}

# An untraced request; the server answers when each of its threads had its turn, and closes.
request() {
  exec 8<>"/dev/tcp/127.0.0.1/$port"
  assert_equal "$(timeout "$LIMIT" cat <&8)" "done" answer
  exec 8>&-
}

# ---- socktest ----

task_is() { # task_is TID TRACER-PID STATES: its State one of the letters
  grep -q "^TracerPid:[[:space:]]$2\$" "/proc/$1/status" && grep -q "^State:[[:space:]][$3]" "/proc/$1/status"
}

tasks_are() { # tasks_are PID TRACER-PID STATES: all its threads
  local task
  for task in "/proc/$1/task/"*; do
    task_is "${task##*/}" "$2" "$3" || return 1
  done
}

last_thread() { # last_thread PID
  find "/proc/$1/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1
}

# A program at rest is attached to when socktest waits, all threads are its own, and each is back in its call:
# in this order, for the interrupt makes a thread runnable at once.
is_attached() { # is_attached TRACER-PID STATES PID...
  local tracer=$1 states=$2 pid
  shift 2
  tasks_are "$tracer" 0 S || return 1
  for pid; do tasks_are "$pid" "$tracer" "$states" || return 1; done
}

traced_by_socktest() { # traced_by_socktest PID: and at rest
  local tracer
  tracer=$(sed -n 's/^TracerPid:[[:space:]]//p' "/proc/$1/status")
  grep -qx socktest "/proc/$tracer/comm" && is_attached "$tracer" S "$1"
}

# attach NAME PID [OPTION...]: and waits until it is
attach() {
  start_traced "$1" -p "${@:2}"
  wait_for is_attached "${started[$1]}" S "$2"
}

is_free() { # is_free PID...: none of its threads is traced
  local pid
  for pid; do tasks_are "$pid" 0 A-Z || return 1; done
}

detach() { # detach NAME [SIGNAL]
  stop "$1" "${2:-INT}"
  assert_status 0
  read_report "$1"
}

socket_lines() { # "inet/stream/tcp 3 listening <127.0.0.1:80> <>"
  json '.sockets | sort_by(.fd)[] | "\(.family)/\(.type)/\(.protocol) \(.fd) \(.state) <\(.local)> <\(.peer)>"'
}

# refuses PID-LIST TEXT: one line that has it, and status 125
refuses() {
  run isolated timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" -p "$1" </dev/null
  assert_status 125
  assert_equal "${#lines[@]}" 1 "lines in: $output"
  assert_contains "$output" "socktest: --attach=$2"
}

# ---- what is there ----

# bats test_tags=vm
@test "attach: sockets that are there are adopted, with state and addresses" {
  cat >"$BATS_TEST_TMPDIR/sockets.py" <<'END'
import signal, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
named = socket.socket(socket.AF_UNIX)
named.bind("\0" + sys.argv[1])
named.listen()
pair = socket.socketpair()
port, peer, free = listener.getsockname()[1], client.getsockname()[1], udp.getsockname()[1]
print(f"""inet/stream/tcp {listener.fileno()} listening <127.0.0.1:{port}> <>
inet/stream/tcp {client.fileno()} connected <127.0.0.1:{peer}> <127.0.0.1:{port}>
inet/stream/tcp {server.fileno()} connected <127.0.0.1:{port}> <127.0.0.1:{peer}>
inet/dgram/udp {udp.fileno()} unconnected <127.0.0.1:{free}> <>
unix/stream/0 {named.fileno()} listening <@{sys.argv[1]}> <>
unix/stream/0 {pair[0].fileno()} connected <> <>
unix/stream/0 {pair[1].fileno()} connected <> <>""", flush=True)
signal.sigwait({signal.SIGTERM})
END
  start target "$PYTHON" "$BATS_TEST_TMPDIR/sockets.py" "socktest-$$-$RANDOM"
  wait_for_output target "unix/stream/0 "
  attach look "${started[target]}"
  detach look
  assert_equal "$(socket_lines)" "$(cat "$BATS_TEST_TMPDIR/target.out")" sockets
  assert_counts "unix/stream/0 adopted=3 inflight=3" \
    "inet/stream/tcp adopted=3 inflight=3" \
    "inet/dgram/udp adopted=1 inflight=1"
}

@test "attach: calls from then on are counted, adopted sockets among them; the program's end ends socktest" {
  start_calls target serve tcp connect catch pause accept close tcp connect close unix close
  attach look "${started[target]}"
  go_on target
  finish look
  assert_status 0
  read_report look
  finish target
  assert_status 0
  assert_counts "unix/stream/0 opened=1 closed=1" \
    "inet/stream/tcp opened=1 connected=1 accepted=1 closed=3 adopted=2 inflight=1"
}

@test "attach: what an exec closes of the adopted sockets is closed" {
  start target "$PYTHON" -c 'import os, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
sockets = socket.socket(), socket.socket(socket.AF_UNIX), socket.socketpair()
os.set_inheritable(sockets[0].fileno(), True)
print("ready", flush=True)
signal.sigwait({signal.SIGTERM})
os.execvp("true", ["true"])'
  wait_for_output target ready
  attach look "${started[target]}"
  go_on target
  finish look
  read_report look
  assert_counts "unix/stream/0 closed=3 adopted=3" "inet/stream/tcp adopted=1 inflight=1"
  assert_equal "$(json '.sockets[].command')" true "its last name"
}

@test "attach: a program that forks all the time has its sockets adopted once" {
  start target "$PYTHON" -c 'import os, socket
listener = socket.create_server(("127.0.0.1", 0))
print("ready", flush=True)
while True:
    child = os.fork()
    if child == 0:
        listener.close()
        os._exit(0)
    os.waitpid(child, 0)'
  wait_for_output target ready
  for _ in {1..10}; do
    start_traced look -p "${started[target]}"
    wait_for task_is "${started[target]}" "${started[look]}" A-Za-z
    detach look
    assert_counts "inet/stream/tcp adopted=1 inflight=1"
  done
}

@test "attach: a program that ends with a failure or by a signal ends as it would have" {
  start_calls failing catch pause nonsense
  attach look "${started[failing]}"
  go_on failing
  finish look
  assert_status 0
  finish failing
  assert_status 1
  start_calls killed tcp pause
  attach look "${started[killed]}"
  kill -TERM "${started[killed]}"
  finish look
  assert_status 0
  read_report look
  assert_counts "inet/stream/tcp adopted=1 inflight=1"
  finish killed
  assert_status 143
}

# bats test_tags=vm
@test "attach: all threads are seized, and go on with the call that they slept in" {
  start_server
  request
  attach look "${started[server]}"
  for _ in 1 2 3 4 5; do request; done
  detach look
  is_free "${started[server]}" || fail "still traced"
  request
  assert_counts "unix/stream/0 adopted=4 inflight=4" \
    "inet/stream/tcp accepted=5 closed=5 adopted=1 inflight=1"
  stop server
  assert_status 0
}

@test "attach: threads and processes that are made later are followed" {
  cat >"$BATS_TEST_TMPDIR/makes.py" <<'END'
import os, signal, socket, threading
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
listener = socket.create_server(("127.0.0.1", 0))
print("ready", flush=True)
signal.sigwait({signal.SIGTERM})
def work(count):
    for _ in range(count):
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
threads = [threading.Thread(target=work, args=(3,)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for _ in range(2):
    if os.fork() == 0:
        if os.fork() == 0:
            work(5)
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
END
  start target "$PYTHON" "$BATS_TEST_TMPDIR/makes.py"
  wait_for_output target ready
  attach look "${started[target]}"
  go_on target
  finish look
  read_report look
  assert_counts "inet/stream/tcp opened=22 connected=22 accepted=22 closed=45 adopted=1"
  finish target
  assert_status 0
}

@test "attach --no-follow: threads are counted, children are not" {
  start_calls target tcp catch pause tcp fork tcp close
  attach look "${started[target]}" --no-follow
  go_on target
  finish look
  read_report look
  assert_counts "inet/stream/tcp opened=1 adopted=1 inflight=2"
  finish target
  assert_status 0
  assert_contains "$(cat "$BATS_TEST_TMPDIR/target.out")" "close ok"
}

@test "attach: several processes, one of them named twice, and by a thread" {
  start_calls one tcp catch pause tcp close
  start_calls two udp catch pause udp close
  start_server
  thread=$(last_thread "${started[server]}")
  start_traced look --no-follow -p "${started[one]},${started[two]},${started[one]}" -p "$thread"
  wait_for is_attached "${started[look]}" S "${started[one]}" "${started[two]}" "${started[server]}"
  go_on one
  finish one
  go_on two
  finish two
  request
  detach look TERM
  is_free "${started[server]}" || fail "still traced"
  assert_counts "unix/stream/0 adopted=4 inflight=4" \
    "inet/stream/tcp opened=1 accepted=1 closed=2 adopted=2 inflight=2" \
    "inet/dgram/udp opened=1 closed=1 adopted=1 inflight=1"
}

@test "attach: a process whose leader has ended goes on in its threads" {
  cat >"$BATS_TEST_TMPDIR/leaderless.py" <<'END'
import ctypes, os, socket, threading, time
def serve(listener):
    print("port", listener.getsockname()[1], flush=True)
    while True:
        connection = listener.accept()[0]
        connection.sendall(b"done\n")
        connection.close()
threading.Thread(target=serve, args=(socket.create_server(("127.0.0.1", 0)),)).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0) # exit(2)
END
  start server "$PYTHON" "$BATS_TEST_TMPDIR/leaderless.py"
  wait_for_output server port
  wait_for task_is "${started[server]}" 0 Z
  port=$(sed -n 's/^port //p' "$BATS_TEST_TMPDIR/server.out")
  thread=$(last_thread "${started[server]}")
  start_traced look -p "${started[server]}"
  wait_for task_is "$thread" "${started[look]}" S
  request
  detach look
  assert_counter inet/stream/tcp accepted 1
  request
  kill -KILL "${started[server]}"
}

@test "attach: 2,000 threads with a socket each: their descriptors are looked at once" {
  start target "$PROGS/many_threads" 2000 wait
  wait_for_output target ready
  start_traced look -p "${started[target]}"
  local tracer=${started[look]}
  wait_for task_is "$(last_thread "${started[target]}")" "$tracer" S
  wait_for task_is "$tracer" 0 S
  read -ra stat <"/proc/$tracer/stat"
  detach look
  assert_counts "inet/stream/tcp adopted=2000 inflight=2000"
  # Hundredths of a second. If all were looked at for each of them it were a minute.
  spent=$((stat[13] + stat[14]))
  [ "$spent" -lt 1000 ] || fail "attaching took $spent/100 s of processor time"
}

# ---- faults ----

# bats test_tags=vm
@test "attach: filters make calls of the attached program fail" {
  start_calls target serve tcp catch pause connect connect close tcp unix
  attach look "${started[target]}" --fail-connect=ECONNREFUSED:when=1:to=127.0.0.1 --fail-close=EIO \
    --fail-socket=EMFILE:type=stream:family=unix
  go_on target
  finish look
  read_report look
  finish target
  assert_equal "$(sed 1,/pause/d "$BATS_TEST_TMPDIR/target.out")" "connect ECONNREFUSED
connect ok
close EIO
tcp ok
unix EMFILE"
  assert_counter inet/stream/tcp injected.connect 1
  assert_counter inet/stream/tcp injected.close 1
  assert_counter unix/stream/0 injected.socket 1
  assert_equal "$(json '[.filters[].fired] | add')" 3 "fired"
}

attach_twice() { # attach_twice CALL: a program that sleeps in it does not notice
  start woken "$PROGS/woken" "$1" alone
  wait_for_output woken child
  local child
  child=$(sed -n 's/^child //p' "$BATS_TEST_TMPDIR/woken.out")
  wait_for task_is "$child" 0 S
  for _ in 1 2; do
    attach look "$child"
    detach look
    wait_for task_is "$child" 0 S
  done
  stop woken
  assert_status 0
  assert_equal "$(sed 1d "$BATS_TEST_TMPDIR/woken.out")" ok "what $1 printed"
}

@test "attach: calls that are never restarted are not interrupted by coming and going" {
  only_on x86_64 "they are interrupted by coming"
  for call in epoll epoll2 accept recv read send sigwait semaphore; do
    attach_twice $call
  done
}

@test "attach: a call that was blocked when socktest came begins again, and filters are asked" {
  start target "$PROGS/do_calls" serve accept tcp connect pause
  wait_for_output target "listen ok"
  wait_for tasks_are "${started[target]}" 0 S
  start_traced look --fail-accept=ECONNABORTED:when=1 -p "${started[target]}"
  wait_for_output target pause
  detach look
  assert_contains "$(cat "$BATS_TEST_TMPDIR/target.out")" "accept ECONNABORTED"
  assert_counter inet/stream/tcp injected.accept 1
  assert_counter inet/stream/tcp accepted 0
  assert_counter inet/stream/tcp connected 1
}

@test "attach: a delay holds a call of the attached program back" {
  start_calls target serve tcp catch pause times connect
  attach look "${started[target]}" --delay-connect=300ms
  go_on target
  finish look
  finish target
  took=$(sed -n 's/^connect ok //p' "$BATS_TEST_TMPDIR/target.out")
  [ "$took" -ge 299 ] || fail "connect took $took ms"
}

# ---- letting go ----

# bats test_tags=vm
@test "attach: SIGINT, SIGTERM, SIGHUP and SIGQUIT let the program go, which serves on" {
  start_server
  for signal in INT TERM HUP QUIT; do
    attach look "${started[server]}"
    request
    detach look "$signal"
    is_free "${started[server]}" || fail "still traced after SIG$signal"
    assert_counts "unix/stream/0 adopted=4 inflight=4" \
      "inet/stream/tcp accepted=1 closed=1 adopted=1 inflight=1"
    request
  done
  stop server
  assert_status 0
}

# bats test_tags=vm
@test "attach: a process in vfork(2), which cannot be stopped, does not keep socktest from ending" {
  mkfifo "$BATS_TEST_TMPDIR/go"
  start waiting "$PROGS/vfork_wait" "$BATS_TEST_TMPDIR/go"
  wait_for_output waiting ready
  exec 5<>"$BATS_TEST_TMPDIR/go"
  wait_for tasks_are "${started[waiting]}" 0 D
  start_traced look -p "${started[waiting]}"
  wait_for is_attached "${started[look]}" D "${started[waiting]}"
  detach look
  assert_contains "$(json '.warnings[]')" "(vfork_wait) waits in the kernel and cannot be stopped to be let go"
  wait_for tasks_are "${started[waiting]}" 0 D
  exec 5>&-
  finish waiting
  assert_status 0
  assert_contains "$(cat "$BATS_TEST_TMPDIR/waiting.out")" "done"
}

@test "attach: Ctrl-C on a terminal lets the program go" {
  start_server
  start terminal "$PYTHON" "$TESTS/terminal.py" --on accept ^C "$SOCKTEST" trace --seccomp="$ENGINE" --events \
    -p "${started[server]}"
  wait_for traced_by_socktest "${started[server]}"
  request
  finish terminal
  assert_status 0
  assert_contains "$(cat "$BATS_TEST_TMPDIR/terminal.out")" "adopted"
  is_free "${started[server]}" || fail "still traced"
  request
}

@test "attach: a call that is held back goes on when the program is let go" {
  start_calls target serve tcp catch pause connect pause
  attach look "${started[target]}" --delay-connect=10m
  go_on target
  wait_for tasks_are "${started[target]}" "${started[look]}" t
  detach look
  wait_for_output target "connect ok"
  is_free "${started[target]}" || fail "still traced"
}

@test "attach: a call that begins when the program is let go is not held back" {
  printf 0 >"$BATS_TEST_TMPDIR/flag"
  # It makes no call while it waits, so that its next stop is that of socket(2).
  start target "$PYTHON" -c 'import mmap, signal, socket, sys
with open(sys.argv[1], "rb") as file:
    flag = mmap.mmap(file.fileno(), 1, prot=mmap.PROT_READ)
print("ready", flush=True)
while flag[0] == 48:
    pass
socket.socket()
print("opened", flush=True)
signal.pause()' "$BATS_TEST_TMPDIR/flag"
  pid=${started[target]}
  wait_for_output target ready
  start_traced look --delay-socket=10m -p "$pid"
  wait_for is_attached "${started[look]}" R "$pid"
  kill -STOP "${started[look]}"
  wait_for task_is "${started[look]}" 0 T
  printf 1 1<>"$BATS_TEST_TMPDIR/flag"
  wait_for task_is "$pid" "${started[look]}" t
  kill -INT "${started[look]}"
  kill -CONT "${started[look]}"
  finish look
  assert_status 0
  wait_for_output target opened
}

@test "attach: a program that is stopped stays stopped, and goes on with SIGCONT" {
  start_calls target tcp catch pause tcp close
  pid=${started[target]}
  kill -STOP "$pid"
  wait_for tasks_are "$pid" 0 T
  start_traced look -p "$pid"
  wait_for is_attached "${started[look]}" t "$pid"
  detach look
  wait_for tasks_are "$pid" 0 T
  assert_counts "inet/stream/tcp adopted=1 inflight=1"
  go_on target
  start_traced look -p "$pid"
  wait_for is_attached "${started[look]}" t "$pid"
  kill -CONT "$pid"
  finish look
  read_report look
  assert_counts "inet/stream/tcp opened=1 closed=1 adopted=1 inflight=1"
  finish target
  assert_status 0
  assert_contains "$(cat "$BATS_TEST_TMPDIR/target.out")" "close ok"
}

@test "attach: a program that is stopped while it is attached to stays so when it is let go" {
  start_calls target tcp catch pause tcp close
  pid=${started[target]}
  attach look "$pid"
  kill -STOP "$pid"
  wait_for tasks_are "$pid" "${started[look]}" t
  detach look
  wait_for tasks_are "$pid" 0 T
  go_on target
  kill -CONT "$pid"
  finish target
  assert_status 0
}

@test "attach: kill -9 of socktest leaves the program as it was" {
  start_server
  attach look "${started[server]}"
  request
  stop look KILL
  assert_status 137
  wait_for is_free "${started[server]}"
  request
  assert_equal "$(grep -h ^Seccomp_filters "/proc/${started[server]}/task/"*/status | sort -u)" \
    "$(grep ^Seccomp_filters /proc/self/status)" "seccomp filters"
  attach look "${started[server]}"
  request
  detach look
  stop server
  assert_status 0
}

@test "attach: kill -9 of socktest while the program makes calls all the time, and while one is held back" {
  start target "$PROGS/short_lived" 100000000
  for _ in 1 2 3 4 5 6; do
    start_traced look -p "${started[target]}"
    wait_for task_is "${started[target]}" "${started[look]}" A-Za-z
    stop look KILL
    wait_for is_free "${started[target]}"
  done
  start_traced look --delay-socket=10m -p "${started[target]}"
  wait_for tasks_are "${started[target]}" "${started[look]}" t
  stop look KILL
  wait_for tasks_are "${started[target]}" 0 RSD
}

# ---- what cannot be attached to ----

@test "attach: what is no process that can be attached to is refused" {
  start_calls good tcp pause
  refuses 0 '0: "0" is no process id; must be PID[,PID...]'
  refuses -1 '-1: "-1" is no process id; must be PID[,PID...]'
  refuses 4194305 "4194305: there is no such process"
  refuses "${started[good]},4194305" "4194305: there is no such process"
  is_free "${started[good]}" || fail "still traced"
  is_alive "${started[good]}" || fail "it ended"
  attempt isolated "$SOCKTEST" trace -p "${started[good]}" true
  assert_status 125
  assert_equal "$output" \
    "socktest: --attach: not with a COMMAND (true): either it is started or processes are attached to"
  # shellcheck disable=SC2016 # the other shell's
  attempt isolated sh -c 'exec "$1" trace -p $$' sh "$SOCKTEST"
  assert_status 125
  assert_contains "$output" ": socktest cannot trace itself"
}

@test "attach: a process that has ended is refused" {
  start parent "$PYTHON" -c 'import os, signal
child = os.fork()
if child == 0:
    os._exit(0)
print("child", child, flush=True)
signal.sigwait({signal.SIGTERM})'
  wait_for_output parent child
  child=$(sed -n 's/^child //p' "$BATS_TEST_TMPDIR/parent.out")
  wait_for is_gone "$child"
  refuses "$child" "$child: the process has ended"
}

@test "attach: who traces a process already is named" {
  requires strace
  start_server
  start strace strace -qq -o /dev/null -p "${started[server]}"
  wait_for task_is "${started[server]}" "${started[strace]}" A-Za-z
  by="process ${started[strace]} (strace)"
  refuses "${started[server]}" \
    "${started[server]}: the process is traced by $by already, and can have one tracer only"
  stop strace
  wait_for is_free "${started[server]}"
  attach look "${started[server]}"
  refuses "${started[server]}" \
    "${started[server]}: the process is traced by process ${started[look]} (socktest) already"
  request
  detach look
  assert_counter inet/stream/tcp accepted 1
}

@test "attach: who traces a thread of a process already is named, and the others are let go" {
  requires strace
  start_server
  thread=$(last_thread "${started[server]}")
  start strace strace -qq -o /dev/null -p "$thread"
  wait_for task_is "$thread" "${started[strace]}" A-Za-z
  refuses "${started[server]}" \
    "${started[server]}: the process is traced by process ${started[strace]} (strace) already"
  stop strace
  wait_for is_free "${started[server]}"
  request
}

@test "attach: without CAP_SYS_PTRACE to another user's process: the message says what is missing" {
  requires root
  share_build
  start_calls target tcp pause
  pid=${started[target]}
  run as_nobody "$shared/socktest" trace -p "$pid" </dev/null
  assert_status 125
  assert_equal "${#lines[@]}" 1 "lines in: $output"
  assert_contains "$output" "socktest: --attach=$pid: "
  assert_contains "$output" "root"
  is_free "$pid" || fail "still traced"
}

@test "attach: where ptrace is forbidden: the message says so, and what to do" {
  # What a container's seccomp filter does to ptrace(2).
  cat >"$BATS_TEST_TMPDIR/forbid.py" <<'END'
import ctypes, os, struct, sys
number = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in (
    (0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000))))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HxxxxxxQ", 4, ctypes.addressof(program))) == 0
os.execv(sys.argv[1], sys.argv[1:])
END
  # LeakSanitizer wants ptrace, too.
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
  start_calls target tcp pause
  pid=${started[target]}
  run isolated timeout -k 5 "$LIMIT" "$PYTHON" "$BATS_TEST_TMPDIR/forbid.py" "$SOCKTEST" trace -p "$pid" </dev/null
  assert_status 125
  assert_equal "$output" "socktest: --attach=$pid: a container or sandbox forbids ptrace(2); docker and podman allow \
it with --cap-add=SYS_PTRACE"
}

@test "attach: a user's own process, without any privilege, or it says that Yama forbids it" {
  share_build
  scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
  as_nobody "$shared/progs/do_calls" serve tcp connect catch pause accept tcp connect >"$shared/target.out" 3>&- &
  wait_for grep -q pause "$shared/target.out"
  pid=$(descendants_of $! | tail -n 1)
  if [ "$scope" != 0 ]; then
    run as_nobody "$shared/socktest" trace -p "$pid" </dev/null
    kill -TERM "$pid"
    assert_status 125
    assert_contains "$output" "kernel.yama.ptrace_scope is $scope"
    return
  fi
  report=$shared/report.json
  as_nobody "$shared/socktest" trace --seccomp="$ENGINE" --format=json -o "$report" -p "$pid" 3>&- &
  wait_for traced_by_socktest "$pid"
  kill -TERM "$pid"
  wait $!
  assert_lawful
  assert_counts "inet/stream/tcp opened=1 connected=1 accepted=1 closed=1 adopted=2 inflight=3"
}

# ---- under load ----

are_attached() { # are_attached TRACER-PID PID...: whatever they do
  local tracer=$1 pid
  shift
  for pid; do tasks_are "$pid" "$tracer" A-Za-z || return 1; done
}

# attach_under_load PID,... COMMAND...: the client, with socktest coming and going until it ends
attach_under_load() {
  local pids=() times=0 accepted=0 signal
  IFS=, read -ra pids <<<"$1"
  shift
  start load "$@"
  while is_alive "${started[load]}" || [ $times -lt 2 ]; do
    signal=$([ $((times % 2)) = 0 ] && echo INT || echo TERM)
    start_traced look -p "$(IFS=, && echo "${pids[*]}")"
    wait_for are_attached "${started[look]}" "${pids[@]}"
    sleep 0.2 # of work under socktest; nothing is decided by it
    detach look "$signal"
    is_free "${pids[@]}" || fail "still traced"
    accepted=$((accepted + $(counter inet/stream/tcp accepted)))
    times=$((times + 1))
  done
  finish load
  assert_status 0
  [ $accepted -gt 0 ] || fail "no accept was seen"
}

@test "attach: nginx under load, several times, fails no request" {
  PATH=$PATH:/usr/sbin
  requires nginx
  requires ab
  port=$(free_port)
  write_nginx_config "$port"
  start server nginx -c "$BATS_TEST_TMPDIR/nginx.conf" -e "$BATS_TEST_TMPDIR/error.log"
  wait_for is_listening "$port"
  wait_for test "$(descendants_of "${started[server]}" | wc -l)" = 2
  workers=$(descendants_of "${started[server]}" | tr '\n' ,)
  attach_under_load "$workers${started[server]}" ab -q -n 3000 -c 8 "http://127.0.0.1:$port/"
  result=$(tr -s ' ' <"$BATS_TEST_TMPDIR/load.out")
  assert_contains "$result" "Complete requests: 3000"
  assert_contains "$result" "Failed requests: 0"
  assert_contains_not "$result" "Non-2xx"
  stop server QUIT
  assert_status 0
  assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/access.log")" 3000 "requests that nginx logged"
}

# bats test_tags=vm
@test "attach: redis under load, several times, fails no request" {
  requires redis-server
  requires redis-benchmark
  port=$(free_port)
  start server redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$BATS_TEST_TMPDIR"
  wait_for is_listening "$port"
  # Without keep-alive: a connection for each request.
  attach_under_load "${started[server]}" redis-benchmark -h 127.0.0.1 -p "$port" -n 3000 -c 8 -k 0 -t ping_mbulk --csv
  assert_contains_not "$(cat "$BATS_TEST_TMPDIR/load.out")" rror
  info=$(redis-cli -h 127.0.0.1 -p "$port" info commandstats | tr -d '\r')
  assert_contains "$info" "cmdstat_ping:calls=3000,"
  assert_contains "$info" "rejected_calls=0,failed_calls=0"
  stop server
  assert_status 0
}
