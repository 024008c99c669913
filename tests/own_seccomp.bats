#!/usr/bin/env bats
# Programs with seccomp filters of their own, which see the calls before socktest's filter does.

load helpers

# filtered WAY LINE...: the program has its filter before its first socket, and after it; the lines are what is counted
# of the sockets that the filter decides about. Those are two: one while it has no other, or none that is younger than
# the filter, and one when it has.
filtered() {
  local way=$1
  shift
  both "$PROGS/own_filter" "$way"
  assert_counts "inet/stream/tcp opened=1 closed=1" "$@"
  both "$PROGS/own_filter" "late-$way"
  assert_counts "inet/stream/tcp opened=1 closed=1" "inet/dgram/udp opened=1 closed=1" "$@"
}

# bats test_tags=vm
@test "SECCOMP_RET_ERRNO: a call that the program's own filter answers has failed" {
  filtered errno "inet6/stream/tcp open_failed=2"
}

# bats test_tags=vm
@test "SECCOMP_RET_TRAP: a call that was not made counts nowhere" {
  filtered trap
}

# bats test_tags=vm
@test "SECCOMP_RET_TRAP: a call that the handler makes itself counts once" {
  filtered broker "inet6/stream/tcp opened=2 closed=2"
}

# bats test_tags=vm
@test "SECCOMP_RET_USER_NOTIF: a call that another process answers with an errno has failed" {
  filtered notify "inet6/stream/tcp open_failed=2"
}

# bats test_tags=vm
@test "SECCOMP_RET_USER_NOTIF: a call that another process has go on counts" {
  filtered continue "inet6/stream/tcp opened=2 closed=2"
}

# ---- calls on the program's socket that its filter answers ----

has_tracer() { # has_tracer PID
  ! grep -q "^TracerPid:.0$" "/proc/$1/status"
}

# close_answered ACTION COUNTER...: the descriptor stays, and so does the socket
close_answered() {
  both "$PROGS/filter_answer" close "$1"
  shift
  assert_contains "$output" "still there"
  assert_counts "inet/stream/tcp opened=1 ${1:+$1 }inflight=1"
}

# bats test_tags=vm
@test "a close that the program's own filter answers with an errno has failed, and closes nothing" {
  close_answered errno close_failed=1
  close_answered notify close_failed=1
  close_answered trace close_failed=1
}

@test "a close that the program's own filter answers with success closes nothing" {
  close_answered zero
}

# bats test_tags=vm
@test "a close that the program's own filter traps closes nothing" {
  close_answered trap
}

# bats test_tags=vm
@test "a close that the program's own filter kills it for closes nothing" {
  socktest_json "$PROGS/filter_answer" close kill
  assert_equal "$(json .exit.signal)" SIGSYS
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}

# bats test_tags=vm
@test "SECCOMP_RET_TRACE: the program's own filter finds no tracer, whether socktest stops the call or not" {
  both "$PROGS/filter_answer" getppid trace
  assert_contains "$output" ENOSYS
  both "$PROGS/filter_answer" listen trace
  assert_contains "$output" ENOSYS
  assert_counts "inet/stream/tcp opened=1 listen_failed=1 inflight=1"
}

@test "SECCOMP_RET_TRACE: the filter of a program that is attached to finds no tracer" {
  no_forced_filter
  start target "$PROGS/filter_answer" getppid trace wait
  wait_for_output target ready
  start_traced look -p "${started[target]}"
  wait_for has_tracer "${started[target]}"
  kill -USR1 "${started[target]}"
  finish target
  assert_equal "$(cat "$BATS_TEST_TMPDIR/target.out")" "$(printf '%s\n' ready ENOSYS "still there")" "output"
  finish look
}

# ---- faults in programs that are killed for calls that they do not make ----

# faulty OPTION CALL...: sets $output
faulty() {
  socktest_json_ok "$1" "$PROGS/allow_list" "${@:2}"
}

# sees LINE...
sees() {
  assert_equal "$output" "$(printf '%s\n' "$@")" "what the program saw"
}

# bats test_tags=vm
@test "a call that is cancelled does not show in the program's own filter as another one" {
  faulty --fail-connect=EHOSTUNREACH:when=3 connect
  sees "connect EHOSTUNREACH"
  assert_counter inet/stream/tcp injected.connect 1
  faulty --fail-socket=EMFILE:when=5 socket
  sees "socket EMFILE"
  faulty --fail-listen=EADDRINUSE:when=2 listen
  sees "listen EADDRINUSE"
  faulty --fail-accept=ENFILE:when=2 accept accept
  sees "accept ok" "accept ENFILE"
  faulty --fail-close=EINTR close
  sees "close EINTR"
  assert_counter inet/stream/tcp closed 0
  assert_counter inet/stream/tcp injected.close 1
}

# bats test_tags=vm
@test "async: the connect fails later without a call that the program does not make itself" {
  faulty --fail-connect=EHOSTUNREACH:async:when=3 connect so_error
  sees "connect EINPROGRESS" "so_error EHOSTUNREACH"
}

# bats test_tags=vm
@test "--after-socket closes nothing in a program that may not close" {
  faulty --after-socket=EMFILE:when=5 socket socket
  sees "socket EMFILE" "socket ok"
  assert_counts "inet/stream/tcp opened=5 connected=2 listened=1 inflight=5 injected.socket=1"
}

# bats test_tags=vm
@test "--after-accept passes, and says so, in a program that was not seen to close" {
  faulty --after-accept=EMFILE accept
  sees "accept ok"
  assert_counter inet/stream/tcp accepted 1
  assert_equal "$(json '.filters[0] | "\(.matched) \(.fired)"')" "1 0"
  assert_contains "$(json '.warnings[]')" "could not be closed again"
  faulty --after-accept=EMFILE:when=2 accept close accept
  sees "accept ok" "close ok" "accept EMFILE"
  assert_counts "inet/stream/tcp opened=4 connected=2 listened=1 accepted=1 closed=1 inflight=4 injected.accept=1"
  assert_equal "$(json '.filters[0] | "\(.matched) \(.fired)"')" "2 1"
}

# ---- strict mode ----

@test "the strict mode fails where socktest's filter is, which is said" {
  socktest_json_ok --seccomp=on "$PROGS/filter_answer" close strict
  assert_equal "$output" EINVAL
  assert_contains "$(json '.warnings[]')" "strict mode"
  socktest_json_ok --seccomp=off "$PROGS/filter_answer" close strict
  assert_equal "$output" ""
  assert_equal "$(json '.warnings[]')" ""
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}
