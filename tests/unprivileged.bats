#!/usr/bin/env bats
# The main job by a user without any privilege.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

setup() {
  share_build
}

# nobody_json [OPTION...] COMMAND...: as socktest_json
nobody_json() {
  report=$shared/report.json
  rm -f "$report"
  run as_nobody "$shared/socktest" trace --seccomp="$ENGINE" --format=json -o "$report" "$@" </dev/null
  [ -s "$report" ] || fail "no report; exit status $status, output:" "$output"
  assert_lawful
}

# bats test_tags=vm
@test "unprivileged: counters" {
  nobody_json "$shared/progs/tcp_fork" 3
  assert_status 0
  assert_counts "inet/stream/tcp opened=4 connected=3 listened=1 accepted=3 closed=7"
}

@test "unprivileged: threads, execs and close-on-exec" {
  nobody_json "$shared/progs/tcp_threads" 4 5
  assert_status 0
  assert_counts "inet/stream/tcp opened=21 connected=20 listened=1 accepted=20 closed=41"
  nobody_json "$shared/progs/cloexec_exec"
  assert_status 0
  assert_counts "unix/stream/0 opened=2 closed=2" \
    "inet/stream/tcp opened=8 closed=8" \
    "inet/dgram/udp opened=1 closed=1"
}

@test "unprivileged: the second look at adopted and passed sockets" {
  nobody_json "$shared/progs/scm_rights"
  assert_status 0
  assert_counts "unix/stream/0 opened=2 closed=2" \
    "inet/stream/tcp opened=3 connected=2 listened=1 accepted=2 closed=5"
}

# bats test_tags=vm
@test "unprivileged: faults" {
  nobody_json --fail-connect=ECONNREFUSED:to=127.0.0.1:when=2 --fail-close=EIO:when=1 \
    "$shared/progs/do_calls" serve tcp connect tcp connect close close
  assert_status 0
  assert_equal "$output" "listen ok
tcp ok
connect ok
tcp ok
connect ECONNREFUSED
close EIO
close ok"
  assert_counts "inet/stream/tcp opened=3 connected=1 listened=1 closed=1 inflight=2 injected.connect=1 injected.close=1"
}

@test "unprivileged: sockets that need a privilege fail as they do untraced" {
  nobody_json "$shared/progs/kinds"
  assert_status 0
  raw=$(json '[.stats[] | select(.family == "inet" and .type == "raw") | .opened] | add')
  if [ "$(id -u)" = 0 ]; then assert_equal "$raw" 0 "raw sockets opened"; fi
  assert_none_inflight
}

@test "unprivileged: a program that may not be looked into is counted by its calls, and warned about" {
  nobody_json "$shared/progs/do_calls" hide serve tcp connect close
  assert_status 0
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=1 inflight=1"
  assert_contains "$(json '.warnings[]')" "PR_SET_DUMPABLE"
  assert_equal "$(json '.warnings | length')" 1 "number of warnings"
  socktest_json_ok "$PROGS/do_calls" hide tcp close
  if [ "$(id -u)" = 0 ]; then assert_equal "$(json '.warnings[]')" "" "warnings"; fi
}

@test "unprivileged: curl" {
  requires curl
  run as_nobody "$shared/socktest" trace -q --seccomp="$ENGINE" --fail-connect=ECONNREFUSED curl -sv http://127.0.0.1:9/
  assert_status 7
  assert_contains "$output" "Connection refused"
}

@test "unprivileged: the program is not told, but for no_new_privs with the seccomp filter" {
  run as_nobody "$shared/socktest" trace -q --seccomp="$ENGINE" grep NoNewPrivs: /proc/self/status
  expected=$([ "$ENGINE" = off ] && echo 0 || echo 1)
  assert_equal "${output//[$' \t']/}" "NoNewPrivs:$expected"
}
