#!/usr/bin/env bats
# Faults on purpose, seen from the program that meets them; do_calls prints what it saw.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# sees LINE...: what do_calls printed
sees() {
  assert_equal "$output" "$(printf '%s\n' "$@")" "what the program saw"
}

# filter_of INDEX: "matched fired"
filter_of() {
  json ".filters[$1] | \"\(.matched) \(.fired)\""
}

# at_least MILLISECONDS LINE: the time at the end of a line that do_calls printed
at_least() {
  [ "${2##* }" -ge "$1" ] || fail "not held back for $1 ms: $2"
}

# ---- each call ----

@test "--fail-socket: the program gets the errno and no socket is opened" {
  socktest_json_ok --fail-socket=EMFILE "$PROGS/do_calls" tcp udp
  sees "tcp EMFILE" "udp EMFILE"
  assert_counts "inet/stream/tcp injected.socket=1" "inet/dgram/udp injected.socket=1"
}

# bats test_tags=vm
@test "--fail-connect: the program gets the errno, and connects to nothing" {
  socktest_json_ok --fail-connect=ENETUNREACH "$PROGS/do_calls" serve tcp connect close
  sees "listen ok" "tcp ok" "connect ENETUNREACH" "close ok"
  assert_counts "inet/stream/tcp opened=2 listened=1 closed=1 inflight=1 injected.connect=1"
}

@test "--fail-listen" {
  socktest_json_ok --fail-listen=EADDRINUSE "$PROGS/do_calls" serve
  sees "listen EADDRINUSE"
  assert_counts "inet/stream/tcp opened=1 inflight=1 injected.listen=1"
}

@test "--fail-accept: the connection stays in the queue for the next accept" {
  socktest_json_ok --fail-accept=ECONNABORTED:when=1 "$PROGS/do_calls" serve tcp connect accept accept4
  sees "listen ok" "tcp ok" "connect ok" "accept ECONNABORTED" "accept4 ok"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=1 inflight=2 injected.accept=1"
}

@test "--fail-accept: EAGAIN that a filter answers is injected, not would_block" {
  socktest_json_ok --fail-accept=EAGAIN "$PROGS/do_calls" serve accept4
  sees "listen ok" "accept4 EAGAIN"
  assert_counts "inet/stream/tcp opened=1 listened=1 inflight=1 injected.accept=1"
}

@test "--fail-getsockopt: the program does not learn how its connect ended, which the kernel knows" {
  socktest_json_ok --fail-getsockopt=ENOBUFS "$PROGS/do_calls" serve tcp nonblock connect wait soerror
  sees "listen ok" "tcp ok" "connect EINPROGRESS" "getsockopt ENOBUFS"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2 injected.getsockopt=1"
}

@test "--fail-close: the socket stays open" {
  socktest_json_ok --fail-close=EIO:when=1 "$PROGS/do_calls" tcp close close
  sees "tcp ok" "close EIO" "close ok"
  assert_counts "inet/stream/tcp opened=1 closed=1 injected.close=1"
}

@test "--fail-close: closes of what is no socket pass" {
  socktest_json_ok --fail-close=EIO "$PROGS/no_sockets"
  assert_counts
  assert_equal "$(filter_of 0)" "0 0"
}

@test "--delay-CALL: each call is held back, then runs" {
  for call in socket connect listen accept getsockopt close; do
    socktest_json_ok --delay-$call=120ms "$PROGS/do_calls" times serve tcp nonblock connect wait accept soerror close
    case $call in
      socket) step=tcp ;;
      getsockopt) step=soerror ;;
      *) step=$call ;;
    esac
    at_least 120 "$(grep "^$step " <<<"$output")"
    # serve opens a socket, and an accept step closes one.
    case $call in socket | close) times=2 ;; *) times=1 ;; esac
    assert_equal "$(filter_of 0)" "$times $times" "matched and fired of --delay-$call"
    assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=2 inflight=1"
  done
}

@test "--delay-CALL: a delay alone answers nothing, and one with --fail-CALL comes before it" {
  socktest_json_ok --delay-connect=100ms --fail-connect=EIO "$PROGS/do_calls" serve times tcp connect
  [[ ${lines[2]} == "connect EIO "* ]] || fail "$output"
  at_least 100 "${lines[2]}"
  assert_counter inet/stream/tcp injected.connect 1
}

@test "delay=: an answered call is held back first" {
  socktest_json_ok --fail-connect=ETIMEDOUT:delay=100ms "$PROGS/do_calls" serve times tcp connect
  [[ ${lines[2]} == "connect ETIMEDOUT "* ]] || fail "$output"
  at_least 100 "${lines[2]}"
}

@test "--delay-CALL: other processes go on while one call is held back" {
  start_traced slow --delay-connect=1m:comm=do_calls bash -c "'$PROGS/do_calls' serve tcp connect & '$PROGS/short_lived' 100; echo done; wait"
  wait_for_output slow "done"
  assert_contains_not "$(cat "$BATS_TEST_TMPDIR/slow.out")" "connect ok"
  stop slow
}

# ---- errnos ----

@test "errnos: by number, too" {
  socktest_json_ok --fail-connect=110 "$PROGS/do_calls" serve tcp connect
  sees "listen ok" "tcp ok" "connect ETIMEDOUT"
}

@test "errnos: several are handed out in turn, then calls pass" {
  socktest_json_ok --fail-socket=EMFILE,ENFILE,110 "$PROGS/do_calls" tcp tcp tcp tcp
  sees "tcp EMFILE" "tcp ENFILE" "tcp ETIMEDOUT" "tcp ok"
}

@test "errnos: cycle begins again with the first" {
  socktest_json_ok --fail-socket=EMFILE,ENFILE:cycle "$PROGS/do_calls" tcp tcp tcp tcp
  sees "tcp EMFILE" "tcp ENFILE" "tcp EMFILE" "tcp ENFILE"
}

@test "of several filters the first whose conditions hold wins" {
  socktest_json_ok --fail-socket=EMFILE:type=dgram --fail-socket=EPERM "$PROGS/do_calls" tcp udp
  sees "tcp EPERM" "udp EMFILE"
}

# ---- conditions ----

@test "when=F: one call" {
  socktest_json_ok --fail-socket=EPERM:when=2 "$PROGS/do_calls" tcp tcp tcp
  sees "tcp ok" "tcp EPERM" "tcp ok"
  assert_equal "$(filter_of 0)" "3 1" "matched and fired"
}

@test "when=F+: from there on" {
  socktest_json_ok --fail-socket=EPERM:when=3+ "$PROGS/do_calls" tcp tcp tcp tcp
  sees "tcp ok" "tcp ok" "tcp EPERM" "tcp EPERM"
}

@test "when=F..L" {
  socktest_json_ok --fail-socket=EPERM:when=2..3 "$PROGS/do_calls" tcp tcp tcp tcp
  sees "tcp ok" "tcp EPERM" "tcp EPERM" "tcp ok"
}

@test "when=F+S" {
  socktest_json_ok --fail-socket=EPERM:when=1+2 "$PROGS/do_calls" tcp tcp tcp tcp
  sees "tcp EPERM" "tcp ok" "tcp EPERM" "tcp ok"
}

@test "when=F..L+S" {
  socktest_json_ok --fail-socket=EPERM:when=1..4+3 "$PROGS/do_calls" tcp tcp tcp tcp tcp tcp tcp
  sees "tcp EPERM" "tcp ok" "tcp ok" "tcp EPERM" "tcp ok" "tcp ok" "tcp ok"
}

@test "when=: counts only calls that meet the other conditions" {
  socktest_json_ok --fail-socket=EPERM:when=2:type=stream "$PROGS/do_calls" udp tcp udp tcp
  sees "udp ok" "tcp ok" "udp ok" "tcp EPERM"
}

@test "family=, type= and proto=" {
  socktest_json_ok --fail-socket=EPERM:family=inet6 --fail-socket=EIO:type=dgram --fail-socket=EMFILE:family=unix \
    --fail-socket=ENFILE:proto=tcp "$PROGS/do_calls" tcp6 udp unix tcp
  sees "tcp6 EPERM" "udp EIO" "unix EMFILE" "tcp ENFILE"
}

@test "to=ADDR, to=ADDR/BITS, to=:PORT: the peer of a connect" {
  port=$(free_port)
  socktest_json_ok "--fail-connect=EPERM:to=127.0.0.1:$port" "$PROGS/do_calls" serve tcp connect tcp "connect=$port"
  sees "listen ok" "tcp ok" "connect ok" "tcp ok" "connect EPERM"
  socktest_json_ok "--fail-connect=EPERM:to=:$port" "$PROGS/do_calls" serve tcp connect tcp "connect=$port"
  sees "listen ok" "tcp ok" "connect ok" "tcp ok" "connect EPERM"
  socktest_json_ok --fail-connect=EPERM:to=127.0.0.0/8 "$PROGS/do_calls" serve tcp connect
  sees "listen ok" "tcp ok" "connect EPERM"
  socktest_json_ok --fail-connect=EPERM:to=10.0.0.0/8 "$PROGS/do_calls" serve tcp connect
  sees "listen ok" "tcp ok" "connect ok"
}

@test "to=[V6]:PORT" {
  requires grep -q . /proc/net/if_inet6
  socktest_json_ok '--fail-connect=EPERM:to=[::1]' "$PROGS/do_calls" serve=tcp6 tcp6 connect serve tcp connect
  sees "listen ok" "tcp6 ok" "connect EPERM" "listen ok" "tcp ok" "connect ok"
}

@test "to=/unix/path* and to=@abstract*" {
  path=$BATS_TEST_TMPDIR/a.socket
  socktest_json_ok "--fail-connect=EPERM:to=$BATS_TEST_TMPDIR/*" "$PROGS/do_calls" "serve=unix:$path" unix connect
  sees "listen ok" "unix ok" "connect EPERM"
  rm "$path"
  socktest_json_ok "--fail-connect=EPERM:to=$path" "$PROGS/do_calls" "serve=unix:$path" unix connect
  sees "listen ok" "unix ok" "connect EPERM"
  name=@socktest-$$
  socktest_json_ok "--fail-connect=EPERM:to=@socktest-*" "$PROGS/do_calls" "serve=$name" unix connect
  sees "listen ok" "unix ok" "connect EPERM"
  socktest_json_ok "--fail-connect=EPERM:to=@other*" "$PROGS/do_calls" "serve=$name" unix connect
  sees "listen ok" "unix ok" "connect ok"
}

@test "to=: the peer of a connected socket, for close" {
  socktest_json_ok --fail-close=EIO:to=127.0.0.1 "$PROGS/do_calls" tcp close serve tcp connect close
  sees "tcp ok" "close ok" "listen ok" "tcp ok" "connect ok" "close EIO"
}

@test "on=: the local address of a listener" {
  socktest_json_ok --fail-accept=EPERM:on=127.0.0.1 "$PROGS/do_calls" serve accept
  sees "listen ok" "accept EPERM"
  socktest_json_ok --fail-listen=EPERM:on=127.0.0.2 "$PROGS/do_calls" serve tcp connect accept
  sees "listen ok" "tcp ok" "connect ok" "accept ok"
}

@test "fd=" {
  socktest_json_ok --fail-connect=EPERM:fd=5 "$PROGS/do_calls" serve tcp connect tcp connect
  sees "listen ok" "tcp ok" "connect ok" "tcp ok" "connect EPERM"
}

@test "comm=: the command that calls, not its parent" {
  # shellcheck disable=SC2016 # for the other shell
  socktest_json_ok --fail-socket=EPERM:comm=short_lived sh -c '"$1" tcp; ! "$2" 1' sh "$PROGS/do_calls" "$PROGS/short_lived" 2>&1
  assert_contains "$output" "tcp ok"
  assert_contains "$output" "Operation not permitted"
  assert_equal "$(filter_of 0)" "1 1"
}

@test "pid=: a process that is not there matches nothing" {
  socktest_json_ok --fail-socket=EPERM:pid=1 "$PROGS/do_calls" tcp
  sees "tcp ok"
  assert_equal "$(filter_of 0)" "0 0"
}

@test "pid=: the process that it names" {
  # Its own pid is known only to the program: a shell that execs socktest's command is told it by a file.
  mkfifo "$BATS_TEST_TMPDIR/go"
  # shellcheck disable=SC2016 # for the other shell
  start waiting sh -c 'echo $$; read -r go <"$1"; echo "$go" >&2' sh "$BATS_TEST_TMPDIR/go"
  pid=${started[waiting]}
  socktest_json_ok "--fail-socket=EPERM:pid=$pid" "$PROGS/do_calls" tcp
  sees "tcp ok"
  echo go >"$BATS_TEST_TMPDIR/go"
  finish waiting
}

@test "prob=: the same seed gives the same faults, and about as many as asked for" {
  steps=()
  for _ in $(seq 200); do steps+=(tcp close); done
  socktest_json_ok --seed=42 --fail-socket=EPERM:prob=25% "$PROGS/do_calls" tcp "${steps[@]}"
  first=$output
  fired=$(json '.filters[0].fired')
  [ "$fired" -gt 20 ] && [ "$fired" -lt 90 ] || fail "fired $fired of 201 times"
  socktest_json_ok --seed=42 --fail-socket=EPERM:prob=0.25 "$PROGS/do_calls" tcp "${steps[@]}"
  assert_equal "$output" "$first" "the second run"
  assert_contains "$(json '.warnings[]')" "--seed=42"
  socktest_json_ok --seed=43 --fail-socket=EPERM:prob=0.25 "$PROGS/do_calls" tcp "${steps[@]}"
  [ "$output" != "$first" ] || fail "another seed gave the same faults"
}

@test "prob=: a seed of socktest's own is told, and repeats the run" {
  steps=()
  for _ in $(seq 50); do steps+=(tcp); done
  socktest_json_ok --fail-socket=EPERM:prob=50% "$PROGS/do_calls" "${steps[@]}"
  first=$output
  seed=$(json '.warnings[]' | sed -n 's/.*--seed=\([0-9]*\).*/\1/p')
  socktest_json_ok "--seed=$seed" --fail-socket=EPERM:prob=50% "$PROGS/do_calls" "${steps[@]}"
  assert_equal "$output" "$first" "the run with --seed=$seed"
}

# ---- reporting ----

@test "a filter that never fired is said so, with and without calls that match" {
  socktest_json_ok --fail-connect=EPERM --fail-socket=EPERM:when=9 "$PROGS/do_calls" tcp
  assert_equal "$(json '.filters[] | "\(.option) \(.matched) \(.fired)"')" "--fail-connect=EPERM 0 0
--fail-socket=EPERM:when=9 1 0"
  assert_equal "$(json '.warnings[]')" "--fail-connect=EPERM never fired
--fail-socket=EPERM:when=9 never fired"
  run traced --fail-connect=EPERM "$PROGS/do_calls" tcp
  assert_status 0
  assert_contains "$output" "--fail-connect=EPERM never fired"
}

@test "--require-fired: exit status 99 when a filter never fired" {
  socktest_json --require-fired --fail-socket=EPERM --fail-connect=EPERM "$PROGS/do_calls" tcp
  assert_status 99
  assert_contains "$output" "never fired: --fail-connect=EPERM"
  assert_equal "$(json '.checks[] | "\(.check) \(.ok)"')" "require-fired false"
}

@test "--require-fired: no failure when each fired" {
  socktest_json_ok --require-fired --fail-socket=EPERM "$PROGS/do_calls" tcp
  assert_equal "$(json '.checks[] | "\(.check) \(.ok)"')" "require-fired true"
}

@test "--error-exitcode: another exit status for a failed check" {
  run traced --error-exitcode=7 --require-fired --fail-connect=EPERM "$PROGS/do_calls" tcp
  assert_status 7
}

@test "a program's own exit status wins over a failed check" {
  run traced --require-fired --fail-connect=EPERM "$PROGS/exit_code" 3
  assert_status 3
}

# bats test_tags=vm
@test "faults reach children and threads" {
  socktest_json_ok --fail-socket=EPERM:when=2 "$PROGS/do_calls" tcp fork tcp
  sees "tcp ok" "tcp EPERM"
  socktest_json --fail-connect=ECONNRESET:when=40 "$PROGS/tcp_threads" 4 20
  assert_status 1
  assert_contains "$output" "Connection reset by peer"
}

# ---- real programs ----

# bats test_tags=vm
@test "curl prints what it prints when the connection is refused" {
  requires curl
  run traced -q --fail-connect=ECONNREFUSED curl -sv http://127.0.0.1:9/
  assert_status 7
  assert_contains "$output" "Connection refused"
  run traced -q --fail-connect=ENETUNREACH curl -sv http://127.0.0.1:9/
  assert_status 7
  assert_contains "$output" "Network is unreachable"
}

# bats test_tags=vm
@test "python3 raises the exception of the errno" {
  socktest_json --fail-listen=EADDRINUSE "$PYTHON" -c 'import socket; socket.create_server(("127.0.0.1", 0))'
  assert_status 1
  assert_contains "$output" "Address already in use"
}

@test "a server in python3 survives an aborted connection" {
  socktest_json_ok --fail-accept=ECONNABORTED:when=1 "$PYTHON" -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname())
try:
    s.accept()
except ConnectionAbortedError:
    print("aborted")
s.accept()[0].close()
c.close()
s.close()'
  sees "aborted"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3 injected.accept=1"
}
