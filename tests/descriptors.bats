#!/usr/bin/env bats
# Each test is a subshell, and run sets its output.
# shellcheck disable=SC2030,SC2031,SC2034
# Descriptors that are passed, taken, shared, inherited and closed on ways other than close.

load helpers

# ---- SCM_RIGHTS ----

# bats test_tags=vm
@test "SCM_RIGHTS: passed to a child, which closes it last" {
  both "$PROGS/pass_fd" child
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: passed between two children" {
  # The children end with their descriptors of the channel, and the parent closes it.
  both "$PROGS/pass_fd" sibling
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: closed by the sender before it is received is not closed yet" {
  both "$PROGS/pass_fd" flight
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: in flight while thousands of others are closed, it is the same socket" {
  both "$PROGS/pass_fd" long
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1" \
    "inet/dgram/udp opened=3000 closed=3000"
}

@test "SCM_RIGHTS: closed by the sender, received and then left open is inflight, and not closed" {
  both "$PROGS/pass_fd" kept
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 inflight=1"
}

@test "SCM_RIGHTS: closed by the sender and never received is closed" {
  both "$PROGS/pass_fd" lost
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: a sender that ends leaves it to the receiver to close" {
  both "$PROGS/pass_fd" orphan
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: a sender that ends with it open, and nobody receives it: inflight" {
  both "$PROGS/pass_fd" forgotten
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 inflight=1"
}

@test "SCM_RIGHTS: received twice by its own sender, and closed once more than before" {
  both "$PROGS/pass_fd" twice
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: received, never named, and closed by an exec after a child ended with it" {
  both "$PROGS/pass_fd" exec
  assert_counts "unix/stream/0 opened=2 closed=2" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: waiting on stdin over an exec" {
  both "$PROGS/pass_fd" give "$PROGS/pass_fd" first
  assert_counts "unix/stream/0 opened=2 closed=1 inflight=1" "inet/stream/tcp opened=1 closed=1"
}

@test "SCM_RIGHTS: the first socket of a process, from outside, is adopted" {
  report=$BATS_TEST_TMPDIR/report.json
  run isolated "$PROGS/pass_fd" give timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
    -o "$report" "$PROGS/pass_fd" first
  assert_status 0
  assert_equal "$output" ""
  assert_lawful
  assert_counts "unix/stream/0 adopted=1 inflight=1" "inet/stream/tcp closed=1 adopted=1"
}

# ---- pidfd_getfd ----

@test "pidfd_getfd: a child's socket, closed by the child and then by the taker, is closed once" {
  both "$PROGS/take_fd" child
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

# bats test_tags=vm
@test "pidfd_getfd: a child ends with its socket open, and the taker closes it" {
  both "$PROGS/take_fd" left
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "pidfd_getfd: the first socket of a process, from outside, is adopted" {
  requires root # PTRACE_MODE_ATTACH on a process that is no child
  start holder "$PROGS/take_fd" hold
  wait_for_output holder held
  both "$PROGS/take_fd" "${started[holder]}"
  assert_counts "inet/stream/tcp closed=1 adopted=1"
}

# ---- at the same time ----

# bats test_tags=vm
@test "two processes that close the same socket at the same time: closed once each" {
  both "$PROGS/close_together" processes 100
  assert_counts "inet/stream/tcp opened=100 closed=100"
}

@test "two processes that put a file over the same socket at the same time: closed once each" {
  both "$PROGS/close_together" dup 100
  assert_counts "inet/stream/tcp opened=100 closed=100"
}

@test "threads that close the same descriptor at the same time: closed once each" {
  both "$PROGS/threads_race_close" 100
  assert_counts "inet/stream/tcp opened=100 closed=100"
}

# ---- ends ----

@test "a child ends with the socket open, and the parent closes it" {
  both "$PROGS/ends_open" child
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "a child is killed with the socket open, and the parent closes it" {
  both "$PROGS/ends_open" killed
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "a parent ends with the socket open, and the child closes it" {
  both "$PROGS/ends_open" parent
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "parent and child end with the socket open: one inflight" {
  both "$PROGS/ends_open" both
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}

# ---- shared tables ----

@test "CLONE_FILES: the child closes for both, and what it opens the parent has" {
  both "$PROGS/tables" one
  assert_counts "inet/stream/tcp opened=4 closed=4"
}

@test "CLONE_FILES: the child executes a program, and the parent keeps what is close-on-exec" {
  # The executed program ends with b, which the parent closes after that.
  both "$PROGS/tables" exec
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

# bats test_tags=vm
@test "CLONE_FILES: a thread of the child executes a program" {
  both "$PROGS/tables" thread
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

@test "CLONE_FILES: a thread of the child executes a program after the child's first thread has ended" {
  both "$PROGS/tables" leader
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

# bats test_tags=vm
@test "CLONE_FILES: the child leaves by unshare" {
  both "$PROGS/tables" unshare
  assert_counts "inet/stream/tcp opened=4 closed=4"
}

@test "CLONE_FILES: the child leaves by close_range with CLOSE_RANGE_UNSHARE" {
  both "$PROGS/tables" range
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

@test "CLONE_FILES: the child leaves by close_range with CLOSE_RANGE_UNSHARE and CLOSE_RANGE_CLOEXEC" {
  both "$PROGS/tables" cloexec
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

# ---- inherited ----

@test "an adopted packet socket has the cookie that it had when it was opened" {
  requires root
  local packet='import os, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
os.dup2(s.fileno(), 0)
s.close()
os.execvp(sys.argv[1], sys.argv[1:])'
  socktest_json_ok "$PYTHON" -c "$packet" true
  opened=$(json '.stats[] | select(.opened == 1) | .cookie')
  run isolated "$PYTHON" -c "$packet" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json true
  assert_status 0
  assert_equal "$(jq -r '.stats[] | select(.adopted == 1) | .cookie' <<<"$output")" "$opened" cookie
}

@test "a socket as stdin is adopted, and closed by the program or inflight" {
  for way in close:closed keep:inflight exec:closed; do
    report=$BATS_TEST_TMPDIR/report.json
    run isolated "$PROGS/give_socket" timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
      -o "$report" "$PROGS/inherit" "${way%:*}"
    assert_status 0
    assert_lawful
    assert_counter inet/stream/tcp adopted 1
    assert_counter inet/stream/tcp "${way#*:}" 1
    assert_counter inet/stream/tcp opened 0
  done
}

# bats test_tags=vm
@test "socket activation: descriptor 3 is adopted as a listener, and works as one" {
  report=$BATS_TEST_TMPDIR/report.json
  run isolated "$PROGS/activate" timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
    -o "$report" "$PROGS/activate" -
  assert_status 0
  assert_equal "$output" ""
  assert_lawful
  assert_counts "inet/stream/tcp opened=1 connected=1 accepted=1 closed=3 adopted=1"
}

@test "socket activation: a manager and its service, both traced" {
  both "$PROGS/activate" "$PROGS/activate" -
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"
}

# ---- close-on-exec ----

@test "close-on-exec by F_SETFD, FIOCLEX, SOCK_CLOEXEC and accept4: closed when the last process closes" {
  both "$PROGS/cloexec_child"
  assert_counts "inet/stream/tcp opened=3 connected=1 listened=1 accepted=1 closed=4"
}

# ---- many ----

# assert_bounded WAY KIB: after ten times as many sockets socktest's memory is what it was, but for so many KiB.
assert_bounded() {
  # AddressSanitizer keeps what was freed; it is not to count.
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1:thread_local_quarantine_size_kb=64
  local first last
  LIMIT=600 socktest_json_ok "$PROGS/churn" "$1" 20000 200000
  read -r first last <<<"${output//$'\n'/ }"
  [ -n "$last" ] || fail "no sizes: $output"
  [ "$last" -le $((first + $2)) ] || fail "$first KiB after 20,000 rounds, $last KiB after 200,000"
}

@test "200,000 short sockets need no more memory than 20,000" {
  assert_bounded tcp 512
  assert_counts "inet/stream/tcp opened=200000 closed=200000"
}

# Of the last 131,072 that may still be on their way in a unix socket 32 bytes each are kept.
@test "200,000 short pairs need no more memory than 20,000, but for what may come back" {
  assert_bounded unix $((4096 + 512))
  assert_counts "unix/stream/0 opened=400000 closed=400000"
}
