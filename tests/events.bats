#!/usr/bin/env bats
# --events: a line for every traced call, as it happens.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# The lines without their times, pids and addresses.
events() {
  sed -E 's/^[0-9]+\.[0-9]{6} [0-9]+ //; s/127\.0\.0\.1:[0-9]+/ADDRESS/g' "$BATS_TEST_TMPDIR/events"
}

# bats test_tags=vm
@test "--events=FILE: each call with its arguments, result and socket, in order" {
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" "$PROGS/do_calls" serve tcp connect accept4 soerror close
  assert_equal "$(events | grep -vE '^(bind|close\([0-9]+\) = 0$)')" \
    'socket(inet, stream, 0) = 3  -> <inet/stream/tcp #1>
listen(3, 128) = 0  <inet/stream/tcp #1>
socket(inet, stream, 0) = 4  -> <inet/stream/tcp #2>
connect(4, ADDRESS) = 0  <inet/stream/tcp #2>
accept4(3, cloexec) = 5  <inet/stream/tcp #1>  -> <inet/stream/tcp #3>
close(5) = 0  <inet/stream/tcp #3>
getsockopt(4, SOL_SOCKET, SO_ERROR, [0]) = 0  <inet/stream/tcp #2>
close(4) = 0  <inet/stream/tcp #2>'
}

@test "--events: every line has a time that does not go back, and the caller" {
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" "$PROGS/tcp_threads" 4 10
  [ -s "$BATS_TEST_TMPDIR/events" ]
  if grep -vE '^[0-9]+\.[0-9]{6} [0-9]+ [a-z0-9_]+\(.*\) = ' "$BATS_TEST_TMPDIR/events"; then
    fail "lines of another form"
  fi
  cut -d' ' -f1 "$BATS_TEST_TMPDIR/events" | sort -n -c
  assert_equal "$(grep -c ' socket(.* = [0-9]' "$BATS_TEST_TMPDIR/events")" 41 "sockets opened"
  assert_equal "$(grep -c ' connect(.* = 0' "$BATS_TEST_TMPDIR/events")" 40 "connects"
  assert_equal "$(grep -c ' accept4(.* = [0-9]' "$BATS_TEST_TMPDIR/events")" 40 "accepts"
}

@test "--events: a call that makes two sockets names both, one whose socket is taken away names none" {
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" --after-socket=EMFILE "$PROGS/socketpair_use"
  assert_contains "$(events)" "socketpair(unix, stream, 0) = 0 [3, 4]  -> <unix/stream/0 #1> <unix/stream/0 #2>"
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" --after-socket=EMFILE "$PROGS/do_calls" tcp
  assert_contains "$(events)" "socket(inet, stream, 0) = -1 EMFILE (Too many open files) (injected after)  [--after"
}

@test "--events: failures have their errno and its text" {
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" "$PROGS/do_calls" bound tcp connect
  assert_contains "$(events)" "connect(4, ADDRESS) = -1 ECONNREFUSED (Connection refused)  <inet/stream/tcp #2>"
}

@test "--events: a call that a filter answered or held back names the filter" {
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" --fail-connect=EPERM --delay-close=20ms \
    "$PROGS/do_calls" serve tcp connect close
  assert_contains "$(events)" "connect(4, ADDRESS) = -1 EPERM (Operation not permitted)  <inet/stream/tcp #2>  [--fail-connect=EPERM]"
  assert_contains "$(events)" "close(4) = 0  <inet/stream/tcp #2>  [--delay-close=20ms, held back 20ms]"
}

@test "--events: without a file they go to stderr, before the report" {
  run --separate-stderr traced --events "$PROGS/do_calls" tcp
  assert_equal "$output" "tcp ok"
  [[ $stderr == *"socket(inet, stream, 0) = 3"*"socket"*"opened"* ]] || fail "$stderr"
}

@test "--events: a line is there before the program goes on" {
  start_traced watched --events="$BATS_TEST_TMPDIR/events" "$PROGS/do_calls" tcp catch pause close
  wait_for_output watched pause
  assert_contains "$(events)" "socket(inet, stream, 0) = 3"
  assert_contains_not "$(events)" "close"
  stop watched TERM
  assert_status 0
  assert_contains "$(events)" "close(3) = 0"
}

# hung [OPTION...] COMMAND...: it is ended when its time is up, and what it did until then is in events
hung() {
  socktest_json --events="$BATS_TEST_TMPDIR/events" --timeout=1s "$@"
  assert_status 124
}

# Of x86-64, and of aarch64.
is_in_accept() {
  grep -qE '^(43|202) ' "/proc/$(program_of "$1")/syscall"
}

@test "--events: a call that was not over when its task ended is told without a result" {
  hung "$PROGS/block" accept
  assert_equal "$(events | tail -n 1)" 'accept(3) = ?  <inet/stream/tcp #1>'
  hung -k "$PROGS/block" connect
  assert_contains "$(events)" $'= ?  <inet/stream/tcp #3>\n    at connect ('
  # Killed in it, and not only interrupted.
  start_traced watched --events="$BATS_TEST_TMPDIR/events" -k "$PROGS/do_calls" serve tcp accept
  wait_for grep -q listen "$BATS_TEST_TMPDIR/events"
  wait_for is_in_accept watched
  kill -KILL "$(program_of watched)"
  finish watched
  assert_contains "$(events)" $'accept(3) = ?  <inet/stream/tcp #1>\n    at accept ('
}

@test "--events: a call that a filter holds back when its task is killed is told without a result" {
  start_traced watched --events="$BATS_TEST_TMPDIR/events" --delay-connect=9m "$PROGS/do_calls" serve tcp connect
  wait_for grep -q listen "$BATS_TEST_TMPDIR/events"
  wait_for grep -q 'socket.* = 4' "$BATS_TEST_TMPDIR/events"
  kill -KILL "$(program_of watched)"
  finish watched
  assert_contains "$(events)" 'connect(4, ADDRESS) = ?  <inet/stream/tcp #2>  [--delay-connect=9m'
}

@test "--events: a name with control characters stays on its line, and reaches no terminal raw" {
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" "$PROGS/do_calls" $'serve=@e\nb\e[31mc' unix connect
  assert_contains "$(events)" 'connect(4, @e\nb\x1b[31mc'
}
