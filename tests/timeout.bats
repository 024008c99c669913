#!/usr/bin/env bats
# --timeout: everything is ended in time, and what it was stuck in is said.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# overtaken CONDITION COMMAND...: the time is up for COMMAND, when CONDITION holds of the report. It is given
# more time only where it had not got far enough for that.
overtaken() {
  local condition=$1 time
  shift
  for time in 1s 5s 20s; do
    socktest_json --timeout=$time "$@"
    assert_status 124
    if $condition; then return; fi
  done
  fail "not so: $condition" "$(json '.exit, .warnings')"
}

# stuck PATTERN... -- COMMAND...: and for each PATTERN (grep -E) there is a whole warning
stuck() {
  local patterns=()
  while [ "$1" != -- ]; do
    patterns+=("$1")
    shift
  done
  shift
  overtaken all_are_warned_of "$@"
}

all_are_warned_of() {
  local pattern
  for pattern in "${patterns[@]}"; do
    json '.warnings[]' | grep -qxE "when the time was up, process [0-9]+ $pattern" || return
  done
}

killed() { [ "$(json '.exit.signal')" = SIGKILL ]; }
ended_well() { [ "$(json '.exit.code')" = 0 ]; }

address='127\.0\.0\.1:[0-9]+'

# ---- in time ----

# bats test_tags=vm
@test "a program that ends in time keeps its status, and the check is ok" {
  socktest_json --timeout=5m "$PROGS/exit_code" 3
  assert_status 3
  assert_equal "$(json '.checks | tojson')" '[{"check":"timeout","ok":true,"detail":""}]'
  socktest_json_ok --timeout=99999999999999999999m "$PROGS/tcp_pair"
  assert_none_inflight
}

# ---- stuck ----

# bats test_tags=vm
@test "a program that waits in accept is ended by SIGTERM with 124, and the report says where it was" {
  stuck "\(block\) was in accept on 3 \(inet/stream/tcp listening $address\)" -- "$PROGS/block" accept
  assert_equal "$(json '.exit.signal')" SIGTERM
  assert_equal "$(json '.checks[0] | "\(.check) \(.ok)"')" "timeout false"
  assert_contains "$(json '.checks[0].detail')" "not ended after "
  assert_counts "inet/stream/tcp opened=1 listened=1 inflight=1"
}

@test "a connect that nobody answers" {
  stuck "\(block\) was in connect on [0-9]+ \(inet/stream/tcp connecting $address -> $address\)" \
    -- "$PROGS/block" connect
}

@test "calls that are not traced: the sockets that they read or poll" {
  stuck "\(block\) was in recvfrom on 4 \(unix/stream/0 connected\)" \
    "\(block\) was in p?poll on 3 \(inet/stream/tcp listening $address\)" \
    "\(block\) was in pselect6 on 3 \(inet/stream/tcp listening $address\)" \
    "\(block\) was in epoll_p?wait on 3 \(inet/stream/tcp listening $address\)" \
    "\(block\) was running" \
    -- sh -c 'for way in recv poll select epoll spin; do "$0" $way & done; wait' "$PROGS/block"
}

@test "calls that send to a socket without room, or read from one" {
  stuck "\(block\) was in sendmsg on 4 \(unix/stream/0 connected\)" \
    "\(block\) was in write on 4 \(unix/stream/0 connected\)" \
    "\(block\) was in pwritev2 on 4 \(unix/stream/0 connected\)" \
    "\(block\) was in splice on 4 \(unix/stream/0 connected\)" \
    "\(block\) was in sendfile(64)? on 4 \(unix/stream/0 connected\)" \
    "\(block\) was in preadv2 on 4 \(unix/stream/0 connected\)" \
    -- sh -c 'for way in sendmsg write pwritev2 splice sendfile preadv2; do "$0" $way & done; wait' "$PROGS/block"
}

@test "threads, each with its own call" {
  stuck "\(python[^)]*\) had thread [0-9]+ in accept4 on [0-9]+ \(inet/stream/tcp listening $address\)" \
    "\(python[^)]*\) was in clock_nanosleep" -- "$PYTHON" -c 'import socket, threading, time
threading.Thread(target=socket.create_server(("127.0.0.1", 0)).accept, daemon=True).start()
time.sleep(100)'
}

@test "a call that a filter holds back" {
  stuck "\(tcp_pair\) was in connect on [0-9]+ \(inet/stream/tcp .* -> $address\), held back by --delay-connect=9m" \
    -- --delay-connect=9m "$PROGS/tcp_pair"
  stuck "\(do_calls\) was in socket, held back by --fail-socket=EPERM:delay=9m" \
    -- --fail-socket=EPERM:delay=9m "$PROGS/do_calls" tcp
}

# ---- the end ----

@test "whoever survives SIGTERM is killed, and who is forked meanwhile too" {
  overtaken killed "$PROGS/fork_chain"
  chain_is_gone() {
    local pid
    for pid in $(pgrep -x fork_chain); do is_gone "$pid" || return; done
  }
  wait_for chain_is_gone
}

@test "a program that ends well on SIGTERM has failed all the same" {
  overtaken ended_well "$PROGS/do_calls" catch tcp pause close
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "a program that was stopped is ended by SIGTERM, too" {
  socktest_json --timeout=1s sh -c 'kill -STOP $$; exit 3'
  assert_status 124
  assert_equal "$(json '.exit.signal')" SIGTERM
}

@test "processes that the program left behind are ended, also in other sessions" {
  local left=$BATS_TEST_TMPDIR/left
  overtaken ended_well sh -c 'setsid sleep 100 & echo $! >"$1"' - "$left"
  is_gone "$(<"$left")" || fail "it lives: $(<"$left")"
  assert_contains "$(json '.warnings[]')" "in clock_nanosleep"
}

@test "--no-follow: children that are not traced are ended too, whatever became of their parents" {
  no_forced_filter
  local left=$BATS_TEST_TMPDIR/left pid
  socktest_json --timeout=1s --no-follow sh -c 'exec >/dev/null 2>&1
    sleep 100 & echo $! >>"$1"
    (trap "" TERM; exec sleep 101) & echo $! >>"$1"
    setsid sh -c "sleep 102 & echo \$! >>$1"
    wait' - "$left"
  assert_status 124
  assert_equal "$(wc -l <"$left")" 3 "children"
  while read -r pid; do
    is_gone "$pid" || fail "it lives: $(ps -o pid,args -p "$pid")"
  done <"$left"
}

@test "--no-follow: a child that socktest had before is not touched" {
  local kept=$BATS_TEST_TMPDIR/kept left=$BATS_TEST_TMPDIR/left
  run isolated timeout -k 5 "$LIMIT" sh -c 'sleep 103 >/dev/null 2>&1 & echo $! >"$1"; shift; exec "$@"' - "$kept" \
    "$SOCKTEST" trace -q --timeout=1s --no-follow sh -c 'sleep 104 >/dev/null 2>&1 & echo $! >"$1"; wait' - "$left"
  assert_status 124
  is_alive "$(<"$kept")"
  kill "$(<"$kept")"
  is_gone "$(<"$left")" || fail "it lives: $(<"$left")"
}

# ---- readers of events ----

# stall NAME: starts who reads nothing of the fifo $BATS_TEST_TMPDIR/fifo, and says when that is full
stall() {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  start "$1" "$PYTHON" -c 'import array, fcntl, os, sys, termios, time
fd, room = os.open(sys.argv[1], os.O_RDONLY), array.array("i", [0])
while room[0] < 50000:
    time.sleep(0.05)
    fcntl.ioctl(fd, termios.FIONREAD, room)
print("full", flush=True)
time.sleep(100)' "$BATS_TEST_TMPDIR/fifo"
}

given_up() { # given_up: the last line on stderr
  echo "socktest: --events=$BATS_TEST_TMPDIR/fifo: cannot write: the reader takes nothing, and time is up"
}

@test "a reader of events that takes nothing does not hold up the end" {
  local format
  stall reader
  for format in text jsonl perfetto; do
    run --separate-stderr traced -q --timeout=500ms --events="$BATS_TEST_TMPDIR/fifo" --events-format=$format \
      "$PROGS/bench_loop" socket 1000000
    assert_status 124
    assert_equal "$stderr" $'socktest: check timeout failed: not ended after 500ms\n'"$(given_up)"
  done
}

@test "a reader of events that takes nothing does not hold up SIGTERM" {
  stall reader
  start_traced watched --events="$BATS_TEST_TMPDIR/fifo" --events-format=jsonl "$PROGS/bench_loop" socket 1000000
  wait_for_output reader full
  stop watched TERM
  assert_status 125
  read_report watched
  assert_equal "$(json .exit.signal)" SIGTERM
  assert_equal "$(<"$BATS_TEST_TMPDIR/watched.out")" "$(given_up)"
}

@test "a slow reader of events loses nothing as long as there is time" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  start slow "$PYTHON" -c 'import sys, time
lines = open(sys.argv[1])
time.sleep(2)
print(len(lines.readlines()))' "$BATS_TEST_TMPDIR/fifo"
  socktest_json_ok --timeout=9m --events="$BATS_TEST_TMPDIR/fifo" "$PROGS/bench_loop" socket 3000
  finish slow
  [ "$(<"$BATS_TEST_TMPDIR/slow.out")" -ge 6000 ] || fail "$(<"$BATS_TEST_TMPDIR/slow.out") lines"
}

@test "processes that were attached to are let go" {
  start sleeper sleep 100
  local pid=${started[sleeper]}
  report=$BATS_TEST_TMPDIR/report.json
  run isolated timeout "$LIMIT" "$SOCKTEST" trace --timeout=300ms --format=json -o "$report" -p "$pid"
  assert_status 124
  assert_contains "$(json '.warnings[]')" "when the time was up, process $pid (sleep) was "
  is_alive "$pid"
}

@test "other checks are reported, too, and 124 stands" {
  run traced --timeout=300ms --expect='* opened==1' --error-exitcode=7 --format=tap sleep 100
  assert_status 124
  assert_contains "$output" "not ok 1 - exit"
  assert_contains "$output" "not ok 2 - timeout"
  assert_contains "$output" 'message: "not ended after 300ms"'
  assert_contains "$output" "not ok 3 - expect * opened==1"
  assert_contains "$output" "# warning: when the time was up, process "
  run --separate-stderr traced -q --timeout=300ms sleep 100
  assert_status 124
  assert_equal "$stderr" "socktest: check timeout failed: not ended after 300ms"
}

@test "what is no time is refused" {
  local value why='must be a time as 500ms, 1.5s or 2m'
  for value in 5 x '' 1h -1s '1 s'; do
    run --separate-stderr traced --timeout="$value" touch "$BATS_TEST_TMPDIR/started"
    assert_status 125
    assert_equal "$stderr" "socktest: --timeout=$value: $why"
  done
  run --separate-stderr traced --timeout=0s touch "$BATS_TEST_TMPDIR/started"
  assert_status 125
  assert_equal "$stderr" "socktest: --timeout=0s: must be more than nothing"
  [ ! -e "$BATS_TEST_TMPDIR/started" ]
}
