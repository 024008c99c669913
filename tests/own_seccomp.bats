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
