#!/usr/bin/env bats
# SIGKILL in the middle, of the program or of socktest: nothing is left behind.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# Every process of this test carries its mark in the environment.
marked() {
  local environ
  for environ in /proc/[0-9]*/environ; do
    if grep -qzx "SOCKTEST_MARK=$BATS_TEST_TMPDIR" "$environ" 2>/dev/null; then
      environ=${environ#/proc/}
      echo "${environ%/environ}"
    fi
  done
}

none_marked() {
  local pid
  for pid in $(marked); do
    is_gone "$pid" || return 1
  done
}

start_marked() { # start_marked COMMAND...
  start marked env "SOCKTEST_MARK=$BATS_TEST_TMPDIR" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
    -o "$BATS_TEST_TMPDIR/marked.json" "$@"
}

# The traced programs that live.
traced_pids() {
  descendants_of "${started[marked]}"
}

# runs NAME: the traced program, and nothing else, is that
runs() {
  grep -qsx "$1" "/proc/$(traced_pids)/comm"
}

has_threads() { # has_threads N: at least
  [ "$(find "/proc/$(traced_pids)/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -ge "$1" ]
}

is_held_back() {
  grep -qs '^State:.*tracing stop' "/proc/$(traced_pids)/status"
}

pauses() { # pauses N: so many programs have said so
  [ "$(grep -c pause "$BATS_TEST_TMPDIR/marked.out")" = "$1" ]
}

@test "kill -9 of the program: the report is written, and socktest dies by SIGKILL" {
  start_marked "$PROGS/do_calls" tcp pause
  wait_for_output marked pause
  kill -KILL "$(traced_pids)"
  finish marked
  assert_status 137
  read_report marked
  assert_equal "$(json .exit.signal)" SIGKILL
  assert_counts "inet/stream/tcp opened=1 inflight=1"
  none_marked || fail "left behind: $(marked)"
}

@test "kill -9 of a program that is stopped all the time" {
  for _ in 1 2 3 4 5; do
    rm -f "$BATS_TEST_TMPDIR/marked.json"
    start_marked "$PROGS/short_lived" 100000000
    wait_for runs short_lived
    kill -KILL "$(traced_pids)"
    finish marked
    assert_status 137
    read_report marked
    none_marked || fail "left behind: $(marked)"
  done
}

# bats test_tags=vm
@test "kill -9 of a program with threads" {
  start_marked "$PROGS/tcp_threads" 20 1000000
  wait_for has_threads 21
  kill -KILL "$(traced_pids)"
  finish marked
  assert_status 137
  read_report marked
  none_marked || fail "left behind: $(marked)"
}

@test "kill -9 of a program whose call is held back: socktest does not wait for the delay" {
  start_marked --delay-socket=10m:when=2 "$PROGS/do_calls" tcp tcp
  wait_for_output marked "tcp ok"
  wait_for is_held_back
  kill -KILL "$(traced_pids)"
  finish marked
  assert_status 137
  read_report marked
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}

# bats test_tags=vm
@test "kill -9 of socktest: the program and its children die too" {
  start_marked bash -c "'$PROGS/do_calls' tcp pause & '$PROGS/do_calls' tcp pause & wait"
  wait_for pauses 2
  [ "$(marked | wc -l)" = 4 ] || fail "processes: $(marked)"
  stop marked KILL
  assert_status 137
  wait_for none_marked
}

@test "kill -9 of socktest while the program is stopped all the time" {
  for _ in 1 2 3 4 5; do
    start_marked "$PROGS/short_lived" 100000000
    wait_for runs short_lived
    stop marked KILL
    assert_status 137
    wait_for none_marked
  done
}

@test "kill -9 of socktest while it starts" {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    start_marked "$PROGS/do_calls" pause
    stop marked KILL
    wait_for none_marked
  done
}

@test "kill -9 of socktest while a call is held back" {
  start_marked --delay-socket=10m:when=2 "$PROGS/do_calls" tcp tcp
  wait_for_output marked "tcp ok"
  wait_for is_held_back
  stop marked KILL
  assert_status 137
  wait_for none_marked
}
