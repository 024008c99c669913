#!/usr/bin/env bats
# Where the report goes, and that the program's own stdin, stdout and stderr are its own.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

@test "the report goes to stderr, the program's output to stdout" {
  run --separate-stderr traced "$PROGS/do_calls" tcp close
  assert_status 0
  assert_equal "$output" "tcp ok
close ok"
  assert_contains "$stderr" "inet/stream/tcp"
}

@test "-o FILE: nothing of socktest's on stderr" {
  run --separate-stderr traced -o "$BATS_TEST_TMPDIR/report" "$PROGS/do_calls" tcp close
  assert_status 0
  assert_equal "$stderr" ""
  assert_contains "$(cat "$BATS_TEST_TMPDIR/report")" "inet/stream/tcp"
}

@test "-o FILE: what the file held before is gone" {
  yes old | head -n 10000 >"$BATS_TEST_TMPDIR/report"
  run traced -o "$BATS_TEST_TMPDIR/report" "$PROGS/do_calls" tcp
  assert_contains_not "$(cat "$BATS_TEST_TMPDIR/report")" "old"
}

# bats test_tags=vm
@test "stdin is the program's: echo hi | socktest trace cat" {
  run bash -c "echo hi | '$SOCKTEST' trace -q --seccomp='$ENGINE' cat"
  assert_status 0
  assert_equal "$output" "hi"
}

@test "binary data passes unchanged, a megabyte of it" {
  head -c 1000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
  "$SOCKTEST" trace -q --seccomp="$ENGINE" cat <"$BATS_TEST_TMPDIR/data" >"$BATS_TEST_TMPDIR/copy"
  cmp "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/copy"
}

@test "the program has no descriptor of socktest's" {
  run isolated ls -l /proc/self/fd
  plain=$(wc -l <<<"$output")
  run traced -o "$BATS_TEST_TMPDIR/report" --events="$BATS_TEST_TMPDIR/events" ls -l /proc/self/fd
  assert_status 0
  assert_equal "$(wc -l <<<"$output")" "$plain" "number of descriptors"
  assert_contains_not "$output" "$BATS_TEST_TMPDIR"
}

@test "a report to the file that stdout or stderr is stands behind what others wrote there" {
  local log=$BATS_TEST_TMPDIR/log
  (
    echo before
    isolated "$SOCKTEST" trace --seccomp="$ENGINE" --format=tap:/dev/stdout -q echo program
    echo behind
  ) >"$log"
  assert_equal "$(<"$log")" "before
program
TAP version 13
1..1
# echo program
ok 1 - exit
behind"
  (
    echo before
    isolated "$SOCKTEST" trace --seccomp="$ENGINE" --events=/dev/stderr "$PROGS/do_calls" tcp
    echo behind
  ) >"$log" 2>&1
  assert_equal "$(grep -cE '^(before|tcp ok|behind|.* socket\(inet, stream, 0\) = 3.*)$' "$log")" 4 "lines of others and events"
  assert_contains "$(<"$log")" "1 inflight socket"
}

@test "-o to a missing folder is told before COMMAND starts" {
  run traced -o "$BATS_TEST_TMPDIR/missing/report" touch "$BATS_TEST_TMPDIR/started"
  assert_status 125
  assert_contains "$output" "missing/report"
  [ ! -e "$BATS_TEST_TMPDIR/started" ] || fail "the command was started"
}

@test "-o to a folder is told before COMMAND starts" {
  run traced -o "$BATS_TEST_TMPDIR" touch "$BATS_TEST_TMPDIR/started"
  assert_status 125
  [ ! -e "$BATS_TEST_TMPDIR/started" ] || fail "the command was started"
}

@test "--events to a missing folder is told before COMMAND starts" {
  run traced --events="$BATS_TEST_TMPDIR/missing/events" touch "$BATS_TEST_TMPDIR/started"
  assert_status 125
  assert_contains "$output" "missing/events"
  [ ! -e "$BATS_TEST_TMPDIR/started" ] || fail "the command was started"
}

@test "a report that finds no room is told, and the exit status says so" {
  for format in table json csv go tap junit; do
    run traced --format=$format -o /dev/full "$PROGS/do_calls" tcp
    assert_status 125
    assert_contains "$output" "/dev/full"
    assert_contains "$output" "No space left on device"
  done
}

@test "a closed stdout or stderr is no harm" {
  run bash -c "'$SOCKTEST' trace --seccomp='$ENGINE' -o '$BATS_TEST_TMPDIR/report' '$PROGS/exit_code' 5 >&- 2>&- <&-"
  assert_status 5
  assert_contains "$(cat "$BATS_TEST_TMPDIR/report")" "no sockets"
}

@test "-q: nothing on stderr, but for checks that failed" {
  run --separate-stderr traced -q --fail-connect=EPERM "$PROGS/do_calls" tcp
  assert_status 0
  assert_equal "$stderr" ""
  run --separate-stderr traced -q --require-fired --fail-connect=EPERM "$PROGS/do_calls" tcp
  assert_status 99
  assert_contains "$stderr" "--fail-connect=EPERM"
}

@test "-q: the report still goes to -o FILE" {
  socktest_json_ok -q "$PROGS/do_calls" tcp
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}
