#!/usr/bin/env bats
# Faults after a call, through SO_ERROR, and of connects that fail later: what the program meets, what counts,
# and that nothing of it leaks.

# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # set by run and by the helpers

load helpers

# sees LINE...: what do_calls printed
sees() {
  assert_equal "$output" "$(printf '%s\n' "$@")" "what the program saw"
}

# filter_of INDEX: "matched fired"
filter_of() {
  json ".filters[$1] | \"\(.matched) \(.fired)\""
}

# A server that listens and never accepts; sets port. What is aimed at it succeeds but for a fault.
start_listener() {
  start listener "$PYTHON" -u -c 'import signal, socket
server = socket.create_server(("127.0.0.1", 0))
print("port", server.getsockname()[1])
signal.pause()'
  wait_for_output listener port
  port=$(sed -n 's/^port //p' "$BATS_TEST_TMPDIR/listener.out")
}

# ---- --after-CALL ----

# bats test_tags=vm
@test "--after-socket: the new descriptor is closed again" {
  for progs in "$PROGS" "$PROGS32"; do
    [ -x "$progs/do_calls" ] || continue # only x86-64 has them
    socktest_json_ok --after-socket=EMFILE,ENFILE "$progs/do_calls" tcp udp tcp
    sees "tcp EMFILE" "udp ENFILE" "tcp ok"
    assert_counts "inet/stream/tcp opened=1 inflight=1 injected.socket=1" "inet/dgram/udp injected.socket=1"
    assert_equal "$(json '.sockets[].fd')" 3 "the first descriptor that stays"
    assert_equal "$(filter_of 0)" "3 2"
  done
}

@test "--after-accept: the connection is taken from the queue, and closed" {
  for progs in "$PROGS" "$PROGS32"; do
    [ -x "$progs/do_calls" ] || continue
    socktest_json_ok --after-accept=ECONNABORTED:when=1 \
      "$progs/do_calls" serve tcp connect accept tcp connect accept4 tcp
    sees "listen ok" "tcp ok" "connect ok" "accept ECONNABORTED" "tcp ok" "connect ok" "accept4 ok" "tcp ok"
    assert_counts "inet/stream/tcp opened=4 connected=2 listened=1 accepted=1 closed=1 inflight=4 injected.accept=1"
    assert_equal "$(json '[.sockets[].fd] | sort | join(" ")')" "3 4 5 6" "descriptors in use"
  done
}

@test "--after-connect: connected all the same" {
  socktest_json_ok --after-connect=ECONNRESET:when=1 "$PROGS/do_calls" serve tcp connect connect accept
  sees "listen ok" "tcp ok" "connect ECONNRESET" "connect EISCONN" "accept ok"
  assert_counts \
    "inet/stream/tcp opened=2 listened=1 accepted=1 closed=1 connect_failed=1 inflight=2 injected.connect=1"
  assert_equal "$(json '.sockets[1].state')" connected
}

@test "--after-listen: listens all the same" {
  socktest_json_ok --after-listen=EADDRINUSE "$PROGS/do_calls" serve tcp connect
  sees "listen EADDRINUSE" "tcp ok" "connect ok"
  assert_counts "inet/stream/tcp opened=2 connected=1 inflight=2 injected.listen=1"
  assert_equal "$(json '.sockets[0].state')" listening
}

@test "--after-close: the socket is gone, closed and injected" {
  socktest_json_ok --after-close=EIO "$PROGS/do_calls" tcp close close tcp
  sees "tcp ok" "close EIO" "close EBADF" "tcp ok"
  assert_counts "inet/stream/tcp opened=2 closed=1 inflight=1 injected.close=1"
  assert_equal "$(json '.sockets[].fd')" 3
}

@test "--after-getsockopt: the program does not learn how its connect ended, which the kernel knows" {
  socktest_json_ok --after-getsockopt=ENOBUFS "$PROGS/do_calls" serve tcp nonblock connect wait soerror
  sees "listen ok" "tcp ok" "connect EINPROGRESS" "getsockopt ENOBUFS"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2 injected.getsockopt=1"
}

@test "--after-CALL: a call that failed by itself gets the errno, too" {
  socktest_json_ok --after-connect=ETIMEDOUT "$PROGS/do_calls" bound tcp connect
  sees "tcp ok" "connect ETIMEDOUT"
  assert_counts "inet/stream/tcp opened=2 inflight=2 injected.connect=1"
}

@test "--after-CALL: errnos that the kernel keeps for itself do not have the call made again" {
  socktest_json_ok --after-socket=512 "$PYTHON" -c 'import signal, socket
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
errnos = set()
for _ in range(300):
    try:
        socket.socket()
    except OSError as error:
        errnos.add(error.errno)
signal.setitimer(signal.ITIMER_REAL, 0)
print(errnos)'
  sees "{512}"
  assert_counts "inet/stream/tcp injected.socket=300"
}

@test "--after-accept: one that a signal ends gets the errno in place of EINTR" {
  socktest_json_ok --after-accept=EMFILE "$PYTHON" -c 'import signal, socket
signal.signal(signal.SIGALRM, lambda *_: None)
server = socket.create_server(("127.0.0.1", 0))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
try:
    server.accept()
except OSError as error:
    print(error)
signal.setitimer(signal.ITIMER_REAL, 0)'
  sees "[Errno 24] Too many open files"
  assert_counter inet/stream/tcp injected.accept 1
  assert_counter inet/stream/tcp interrupted 0
}

@test "--after-CALL: delay= holds the call back before it runs, and --count=go counts it nowhere" {
  socktest_json_ok --count=go --after-connect=EIO:delay=100ms --after-close=EIO \
    "$PROGS/do_calls" serve times tcp connect close
  [[ ${lines[2]} == "connect EIO "* ]] || fail "$output"
  [ "${lines[2]##* }" -ge 100 ] || fail "not held back: ${lines[2]}"
  [ "$(json '[.stats[].connected, .stats[].closed] | add')" = 0 ] || fail "$(counts)"
  assert_equal "$(json '[.stats[].injected.connect, .stats[].injected.close] | add')" 2
}

# Each attempt that fails would leave a descriptor behind if it was not closed again.
@test "--after-CALL: nothing leaks in many threads" {
  socktest_json_ok --seed=5 --after-socket=EMFILE:prob=50% --after-accept=ECONNABORTED:prob=50% "$PYTHON" -c '
import os, socket, threading

def descriptors():
    return len(os.listdir("/proc/self/fd"))

failed = [0, 0]

def work():
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(25):
            try:
                with socket.create_connection(server.getsockname()):
                    server.accept()[0].close()
            except OSError as error:
                failed[error.errno == 24] += 1

create = socket.create_server

def keep_trying(*arguments):
    while True:
        try:
            return create(*arguments)
        except OSError:
            pass

socket.create_server = keep_trying
before = descriptors()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(descriptors() - before, min(failed) > 0)'
  sees "0 True"
  assert_none_inflight
  [ "$(counter inet/stream/tcp injected.socket)" -gt 20 ] || fail "$(counts)"
  [ "$(counter inet/stream/tcp injected.accept)" -gt 5 ] || fail "$(counts)"
}

# ---- --so-error ----

@test "--so-error: SO_ERROR succeeds and hands out the errno; a connect that was pending is injected" {
  for progs in "$PROGS" "$PROGS32"; do
    [ -x "$progs/do_calls" ] || continue
    socktest_json_ok --so-error=EHOSTUNREACH:when=1 "$progs/do_calls" serve tcp nonblock connect wait soerror soerror
    sees "listen ok" "tcp ok" "connect EINPROGRESS" "soerror EHOSTUNREACH" "soerror ok"
    assert_counts "inet/stream/tcp opened=2 listened=1 inflight=2 injected.getsockopt=1"
    assert_equal "$(filter_of 0)" "2 1"
  done
}

@test "--so-error: other options are left alone, and a short buffer is not written over" {
  socktest_json_ok --so-error=EHOSTUNREACH "$PYTHON" -c 'import ctypes, socket
libc = ctypes.CDLL(None)
with socket.socket() as client:
    print(client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
    for room in 1, 8:
        value, length = ctypes.create_string_buffer(b"........"), ctypes.c_int(room)
        libc.getsockopt(client.fileno(), socket.SOL_SOCKET, socket.SO_ERROR, value, ctypes.byref(length))
        print(length.value, value.value[:1], value.raw[1:8])'
  sees 1 "1 b'q' b'.......'" "4 b'q' b'\\x00\\x00\\x00....'"
  assert_equal "$(filter_of 0)" "2 2"
}

# ---- async ----

# failed_connect looks at it by every means there is.
# bats test_tags=vm
@test "async: the failure cannot be told from a real one, nor what the socket is good for afterwards" {
  for progs in "$PROGS" "$PROGS32"; do
    [ -x "$progs/failed_connect" ] || continue
    expected=$(isolated "$progs/failed_connect" refuse)
    assert_contains "$expected" "so_error ECONNREFUSED"
    socktest_json_ok --fail-connect=ETIMEDOUT:async:to=127.0.0.1 "$progs/failed_connect" serve
    assert_equal "${output//ETIMEDOUT/ECONNREFUSED}" "$expected" "what the program saw"
    assert_contains_not "$output" ECONNREFUSED
    # The last connects of two sockets are real; the first of these two is told that it cannot be.
    assert_counts \
      "inet/stream/tcp opened=6 connected=2 listened=2 closed=4 connect_failed=1 inflight=2 injected.connect=4"
    assert_equal "$(filter_of 0)" "4 4"
  done
}

@test "async: a blocking connect, and one of another protocol, fails at once" {
  socktest_json_ok --fail-connect=EHOSTUNREACH:async "$PROGS/do_calls" serve tcp connect udp nonblock connect \
    serve=@after-filters unix nonblock connect
  sees "listen ok" "tcp ok" "connect EHOSTUNREACH" "udp ok" "connect EHOSTUNREACH" \
    "listen ok" "unix ok" "connect EHOSTUNREACH"
}

@test "async: IPv6" {
  socktest_json_ok --fail-connect=EHOSTUNREACH:async \
    "$PROGS/do_calls" serve=tcp6 tcp6 nonblock connect wait soerror close
  sees "listen ok" "tcp6 ok" "connect EINPROGRESS" "soerror EHOSTUNREACH" "close ok"
  assert_counts "inet6/stream/tcp opened=2 listened=1 closed=1 inflight=1 injected.connect=1"
}

@test "async: where there is no loopback the errno comes at once" {
  requires root
  requires unshare --net true
  socktest_json_ok --fail-connect=EHOSTUNREACH:async:comm=do_calls unshare --net \
    "$PROGS/do_calls" bound tcp nonblock connect
  sees "tcp ok" "connect EHOSTUNREACH"
  assert_counter inet/stream/tcp injected.connect 1
}

@test "async: a socket closed before its errno was asked for is injected only" {
  socktest_json_ok --fail-connect=EHOSTUNREACH:async "$PROGS/do_calls" serve tcp nonblock connect wait close
  assert_counts "inet/stream/tcp opened=2 listened=1 closed=1 inflight=1 injected.connect=1"
}

# ---- reporting ----

@test "--events: what was injected, and by which filter" {
  events=$BATS_TEST_TMPDIR/events
  socktest_json_ok --events="$events" --after-close=EIO --so-error=EPERM:when=1 --fail-connect=ENETUNREACH:async \
    "$PROGS/do_calls" serve tcp nonblock soerror connect wait soerror close
  assert_contains "$(grep ' close(' "$events")" "= -1 EIO (Input/output error) (injected after)"
  assert_contains "$(grep ' close(' "$events")" "[--after-close=EIO]"
  assert_contains "$(grep ' connect(' "$events")" "EINPROGRESS"
  assert_contains "$(grep ' connect(' "$events")" "[--fail-connect=ENETUNREACH:async]"
  run grep ' getsockopt(' "$events"
  assert_contains "${lines[0]}" "SO_ERROR, [EPERM]) = 0"
  assert_contains "${lines[0]}" "[--so-error=EPERM:when=1]"
  assert_contains "${lines[1]}" "SO_ERROR, [ENETUNREACH]) = 0"
  assert_contains "${lines[1]}" "[--fail-connect=ENETUNREACH:async]"
}

@test "a wrong option is one line that says what is wrong, and COMMAND is not started" {
  local mark=$BATS_TEST_TMPDIR/started
  while IFS='|' read -r option line; do
    run traced "$option" touch "$mark"
    assert_status 125
    assert_equal "$output" "socktest: $option: $line"
    [ ! -e "$mark" ] || fail "COMMAND was started: $option"
  done <<'END'
--after-connect=EIO:async|async is for --fail-connect only
--fail-accept=EIO:async|async cannot be asked of accept: only a connect ends later than it returns
--fail-connect=EIO:async=1|async takes no argument
--fail-connect=EIO:asynk|no condition is called asynk; did you mean async?
--after-close=10ms|no errno is called 10ms: give one as ECONNREFUSED or its number
--so-error=ECONREFUSED|no errno is called ECONREFUSED; did you mean ECONNREFUSED?
--so-error=EIO:fd=x|fd=x: x is no descriptor: those count from 0
END
}

# ---- real programs: their own text names the errno, whatever they wait with ----

# errno_in TEXT COMMAND...: with async, with --so-error and after the connect
errno_in() {
  local text=$1 option
  shift
  for option in --fail-connect=EHOSTUNREACH:async --so-error=EHOSTUNREACH --after-connect=EHOSTUNREACH; do
    socktest_json --require-fired "$option:to=127.0.0.1:$port" "$@"
    assert_contains "$output" "$text"
    assert_none_inflight
  done
}

@test "curl says what failed" {
  requires curl
  start_listener
  errno_in "No route to host" curl -sv --max-time 30 "http://127.0.0.1:$port/"
}

@test "python3 asyncio says what failed" {
  start_listener
  errno_in "[Errno 113]" "$PYTHON" -c "import asyncio

async def main():
    try:
        await asyncio.open_connection('127.0.0.1', $port)
    except OSError as error:
        print(error)

asyncio.run(main())"
}

@test "node says what failed" {
  requires node
  start_listener
  errno_in "connect EHOSTUNREACH 127.0.0.1:$port" \
    node -e "require('net').connect($port, '127.0.0.1').on('error', (error) => console.log(error.message))"
}

# It asks by another connect, not for SO_ERROR alone.
@test "redis-cli says what failed" {
  requires redis-cli
  start_listener
  for option in --fail-connect=EHOSTUNREACH:async --after-connect=EHOSTUNREACH; do
    socktest_json --require-fired "$option:to=127.0.0.1:$port" redis-cli -p "$port" ping
    assert_contains "$output" "Could not connect to Redis at 127.0.0.1:$port: "
    assert_contains "$output" "No route to host"
    assert_none_inflight
  done
}

@test "a libevent client says what failed" {
  requires test -x "$PROGS/event_client" # no other machine's build has it
  start_listener
  errno_in "No route to host" "$PROGS/event_client" "$port"
}

# ---- what the program must not notice ----

@test "--after-socket: signals that come while a descriptor is closed again tell all that they told" {
  both "$PROGS/timer_signals"
  for errno in EMFILE EMFILE,ENFILE:cycle:prob=50%; do
    socktest_json_ok --after-socket="$errno" "$PROGS/timer_signals"
    sees "0 wrong"
    assert_equal "$(counter inet/stream/tcp opened)" "$(counter inet/stream/tcp closed)"
  done
}

# What it had set would stay if socktest was killed then.
@test "--after-socket of a program that is attached to: its signal mask is never touched" {
  no_forced_filter
  start target "$PROGS/timer_signals" 5
  wait_for grep -qx timer_signals "/proc/${started[target]}/comm" # and no shell
  start_traced look -p "${started[target]}" --after-socket=EMFILE
  local masks=0 tid=${started[target]}
  while is_alive "$tid"; do
    # Only the handlers' own.
    case $(sed -n 's/^SigBlk:.//p' "/proc/$tid/status" 2>/dev/null) in
    0000000000000000 | 0000000000000200 | 0000000200000000 | 0000000200000200 | '') masks=$((masks + 1)) ;;
    *) fail "signals are blocked: $(grep SigBlk "/proc/$tid/status")" ;;
    esac
  done
  finish target
  finish look
  assert_equal "$(cat "$BATS_TEST_TMPDIR/target.out")" "0 wrong"
  [ "$masks" -gt 20 ] || fail "looked $masks times"
}

# It asks for SO_ERROR only where poll(2) says that there was an error.
@test "a Rust client says what failed" {
  requires test -x "$PROGS/rust_client"
  start_listener
  for option in --fail-connect=EHOSTUNREACH:async --after-connect=EHOSTUNREACH; do
    socktest_json --require-fired "$option:to=127.0.0.1:$port" "$PROGS/rust_client" "127.0.0.1:$port"
    assert_equal "$output" "No route to host (os error 113)"
    assert_none_inflight
  done
}

@test "a Go client says what failed" {
  requires test -x "$PROGS/go_client"
  start_listener
  errno_in "dial tcp4 127.0.0.1:$port: connect: no route to host" "$PROGS/go_client" "127.0.0.1:$port"
}

# How those of go_client's goroutines fared, without addresses.
fared() {
  sed 's/ [0-9.]*:[0-9]*->/ /; s/[0-9.]*:[0-9]*: //' <<<"$output" | sort | uniq -c | sed 's/^ *//'
}

# bats test_tags=vm
@test "a Go client: those of its goroutines fail that are meant to, and the others connect" {
  requires test -x "$PROGS/go_client"
  local option
  for option in --fail-connect=ECONNREFUSED --fail-connect=ECONNREFUSED:async --so-error=ECONNREFUSED \
    --after-connect=ECONNREFUSED; do
    socktest_json_ok --require-fired "$option:when=2..4" "$PROGS/go_client" self 6
    assert_equal "$(fared)" "3 connected
3 dial tcp4 connect: connection refused" "$option"
    assert_equal "$(filter_of 0)" "6 3"
    assert_none_inflight
  done
}

@test "a Go client: sockets and accepts that fail after all are told, and leak nothing" {
  requires test -x "$PROGS/go_client"
  socktest_json_ok --require-fired --after-socket=EMFILE:stack=main.dial:when=1..2 "$PROGS/go_client" self 5
  assert_equal "$(fared)" "3 connected
2 dial tcp4 socket: too many open files"
  assert_none_inflight
  # A connection that is aborted while it waits is none of the program's business.
  socktest_json_ok --require-fired --after-accept=EMFILE,ECONNABORTED "$PROGS/go_client" self 5
  assert_equal "$(fared)" "1 accept tcp4 accept4: too many open files
5 connected"
  assert_none_inflight
}
