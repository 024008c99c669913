#!/usr/bin/env bats
# Checks: what is asked of a run, what the report says of it, and the exit status.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

checks() { # checks: a line for each check of the report, as "expect inet opened==1: ok" or "NAME: failed: DETAIL"
  json '.checks[] | .check + ": " + (if .ok then "ok" else "failed: " + .detail end)'
}

# refused LINE OPTION: this one line, 125, and COMMAND is not started
refused() {
  run --separate-stderr traced "$2" touch "$BATS_TEST_TMPDIR/started"
  assert_status 125
  assert_equal "$stderr" "socktest: $1" stderr
  [ ! -e "$BATS_TEST_TMPDIR/started" ] || fail "COMMAND was started"
}

# ---- expectations ----

# bats test_tags=vm
@test "--expect: what holds is ok, what does not is said with what the counters are, and the status is 99" {
  socktest_json --expect='inet/stream/tcp opened==1' --expect='inet/stream closed == opened' \
    --expect='* connect_failed==0' "$PROGS/do_calls" tcp
  assert_status 99
  assert_equal "$(checks)" "expect inet/stream/tcp opened==1: ok
expect inet/stream closed == opened: failed: opened=1 closed=0
expect * connect_failed==0: ok"
}

@test "--expect: all hold, and the status is the program's" {
  socktest_json_ok --expect='inet/stream closed==opened+accepted' --expect='inet/stream/tcp accepted>=1' \
    --expect='unix opened==0' "$PROGS/tcp_pair"
  socktest_json --expect='unix opened==0' "$PROGS/exit_code" 3
  assert_status 3
}

@test "--expect: a program that failed keeps its status" {
  run traced --expect='* opened>=1' "$PROGS/exit_code" 3
  assert_status 3
  assert_contains "$output" "FAILED"
}

@test "--expect: injected calls, of one kind or of all" {
  socktest_json_ok --fail-socket=EMFILE --expect='inet injected.socket==1' --expect='inet injected==1' \
    --expect='inet injected.connect==0' --expect='inet opened==0' "$PROGS/do_calls" tcp
}

@test "--expect: --error-exitcode is the status for a failed one" {
  run traced --error-exitcode=7 --expect='* opened>0' "$PROGS/exit_code" 0
  assert_status 7
}

@test "--expect: a failed one is in the table, and on stderr with -q" {
  run traced --expect='* opened==3' "$PROGS/do_calls" tcp close
  assert_status 99
  assert_contains "$(tr -s ' ' <<<"$output")" "expect * opened==3 FAILED opened=1"
  run --separate-stderr traced -q --expect='* opened==3' "$PROGS/do_calls" tcp close
  assert_status 99
  assert_equal "$stderr" "socktest: check expect * opened==3 failed: opened=1"
}

@test "--expect: what is wrong with it is told in one line, with what would be right" {
  refused '--expect=inet opend==1: no counter is called opend; did you mean opened?' '--expect=inet opend==1'
  refused '--expect=inet/steam opened==1: no type is called steam; did you mean stream?' \
    '--expect=inet/steam opened==1'
  refused '--expect=accepted>=3: it names no socket: begin with * for all, or as inet/stream' '--expect=accepted>=3'
  refused '--expect=* opened=1: = is no comparison; did you mean ==?' '--expect=* opened=1'
  refused '--expect=* opened==1\x1b: 1\x1b is no number that a counter can reach' $'--expect=* opened==1\e'
  refused '--expect=: it is empty: write one as inet/stream closed==opened' --expect=
}

# ---- leaks ----

@test "--leak-check=error: a socket left open is a failed check" {
  socktest_json --leak-check=error "$PROGS/do_calls" tcp udp close tcp
  assert_status 99
  assert_equal "$(checks)" "leak-check: failed: 2 sockets left open: 2 inet/stream/tcp of socket"
}

@test "--leak-check=error: nothing left open is ok" {
  socktest_json_ok --leak-check=error "$PROGS/tcp_pair"
  assert_equal "$(checks)" "leak-check: ok"
}

@test "--leak-check=error: an inherited socket is no leak" {
  report=$BATS_TEST_TMPDIR/report.json
  run isolated "$PYTHON" -c 'import socket, subprocess, sys
one, other = socket.socketpair()
sys.exit(subprocess.run(sys.argv[1:], stdin=one).returncode)' \
    timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --leak-check=error --format=json -o "$report" \
    "$PROGS/exit_code" 0
  assert_status 0
  assert_counts "unix/stream/0 adopted=1 inflight=1"
  assert_equal "$(checks)" "leak-check: ok"
}

@test "--leak-check=report: leaks are grouped by kind, call and place, and are no failed check" {
  run traced --leak-check=report "$PROGS/leak"
  assert_status 0
  assert_equal "$(sed -n '/leaked/,/^$/p' <<<"$output" | grep -v '^        ' | tr -s ' ' | cut -d' ' -f2-4)" \
    "socket opened by
2 unix/stream/0 socketpair
1 inet/stream/tcp socket
1 inet/stream/tcp socket
1 inet/stream/tcp accept
1 inet/stream/tcp socket
1 inet/stream/tcp socket
1 inet/stream/tcp socket
1 inet/dgram/udp socket
1 unix/dgram/0 socket"
  assert_contains_not "$output" FAILED
  run traced --leak-check=report true
  assert_contains "$output" "no leaks"
}

@test "--leak-check=no is the default: nothing is said" {
  run traced "$PROGS/leak"
  assert_status 0
  assert_contains_not "$output" leaked
  run traced --leak-check=error --leak-check=no "$PROGS/leak"
  assert_status 0
  assert_contains_not "$output" leak-check
}

@test "--leak-check: a wrong word is refused with the right ones" {
  refused '--leak-check=eror: must be one of no, report, error; did you mean error?' --leak-check=eror
}

# ---- several ----

@test "several checks are all reported, whichever failed" {
  socktest_json --require-fired --fail-connect=EIO --expect='* opened==2' --expect='* opened==1' \
    --leak-check=error "$PROGS/do_calls" tcp
  assert_status 99
  assert_equal "$(checks)" "require-fired: failed: never fired: --fail-connect=EIO
expect * opened==2: failed: opened=1
expect * opened==1: ok
leak-check: failed: 1 socket left open: 1 inet/stream/tcp of socket"
}

@test "a failed check is said on stderr by formats that have no place for it" {
  for format in go csv; do
    run --separate-stderr traced --format=$format --require-fired --fail-connect=EIO "$PROGS/do_calls" tcp close
    assert_status 99
    assert_contains "$stderr" "check require-fired failed: never fired: --fail-connect=EIO"
  done
}
