#!/usr/bin/env bats
# Older kernels, and containers that forbid some calls: what is missing is done in another way, or said.

# shellcheck disable=SC2154 # set by run and by the helpers
# Each test is a subshell, in which SOCKTEST and ENGINE are set anew.
# shellcheck disable=SC2030,SC2031

load helpers

# From here on socktest runs as if the kernel had not these calls.
refuse() { # refuse CALL[,CALL...] ERRNO
  printf '#!/bin/sh\nexec "%s" %s %s "%s" "$@"\n' "$PROGS/refuse" "$1" "$2" "$BUILD/socktest" >"$BATS_TEST_TMPDIR/socktest"
  chmod +x "$BATS_TEST_TMPDIR/socktest"
  SOCKTEST=$BATS_TEST_TMPDIR/socktest
}

assert_no_warnings() {
  assert_equal "$(json '.warnings[]')" "" warnings
}

# ---- pidfd_open, pidfd_getfd: duplicates of sockets ----

# given_kinds: what is reported of sockets of many kinds that a program was given, but for addresses that say nothing
given_kinds() {
  report=$BATS_TEST_TMPDIR/report.json
  attempt isolated "$PROGS/give_kinds" all timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
    -o "$report" "$PROGS/exit_code" 0
  assert_status 0
  assert_lawful
  json '.warnings[], (.stats[] | [.family, .type, .protocol, .adopted, .inflight]),
    (.sockets[] | [.fd, .family, .type, .protocol, .state, .local] |
      map(if . == "0.0.0.0:0" or . == "[::]:0" or . == "family 17" then "" else . end)) | tostring' |
    sed -E 's/(127.0.0.1|\[::1\]):[0-9]+/\1:PORT/; s/kinds [0-9]+/kinds PID/'
}

# bats test_tags=vm
@test "no duplicates of sockets: what inherited ones are, and their state and addresses, is read of /proc" {
  # Port numbers and the pid in the names are of each run.
  given_kinds >"$BATS_TEST_TMPDIR/expected"
  [ "$(grep -c stream "$BATS_TEST_TMPDIR/expected")" -gt 10 ] || fail "$(cat "$BATS_TEST_TMPDIR/expected")"
  for refused in "pidfd_getfd ENOSYS" "pidfd_getfd EPERM" "pidfd_open ENOSYS"; do
    # shellcheck disable=SC2086 # two words
    refuse $refused
    assert_equal "$(given_kinds)" "$(cat "$BATS_TEST_TMPDIR/expected")" "without $refused"
  done
}

@test "no duplicates of sockets: a netlink socket's type is told nowhere, which a warning says" {
  refuse pidfd_getfd EPERM
  report=$BATS_TEST_TMPDIR/report.json
  attempt isolated "$PROGS/give_kinds" netlink "$SOCKTEST" trace --seccomp="$ENGINE" --format=json -o "$report" \
    "$PROGS/exit_code" 0
  assert_status 0
  assert_counts "netlink/0/15 adopted=1 inflight=1"
  assert_equal "$(json '.warnings | length')" 1 "number of warnings"
  assert_contains "$(json '.warnings[]')" "counted as netlink/0/15"
}

@test "no duplicates of sockets: a pending connect that the program never asks about is settled" {
  refuse pidfd_getfd EPERM
  socktest_json_ok "$PROGS/do_calls" serve tcp nonblock connect wait close
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=1 inflight=1"
  assert_no_warnings
  socktest_json_ok "$PROGS/do_calls" bound tcp nonblock connect wait close
  assert_counts "inet/stream/tcp opened=2 closed=1 connect_failed=1 inflight=1"
  socktest_json_ok "$PROGS/do_calls" serve tcp nonblock connect wait
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2"
  assert_contains "$(json '.sockets[].peer')" 127.0.0.1:
}

@test "no duplicates of sockets: received over SCM_RIGHTS, from outside" {
  refuse pidfd_getfd ENOSYS
  report=$BATS_TEST_TMPDIR/report.json
  run isolated "$PROGS/pass_fd" give timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
    -o "$report" "$PROGS/pass_fd" first
  assert_status 0
  assert_lawful
  assert_counts "unix/stream/0 adopted=1 inflight=1" "inet/stream/tcp closed=1 adopted=1"
  assert_no_warnings
}

@test "no duplicates of sockets: those of a process that is attached to" {
  no_forced_filter
  refuse pidfd_open ENOSYS
  start program "$PROGS/do_calls" serve=tcp6 tcp6 connect catch pause
  wait_for_output program pause
  start_traced trace -p "${started[program]}"
  wait_for grep -q "^TracerPid:[[:space:]]*[1-9]" "/proc/${started[program]}/status"
  stop trace INT
  assert_equal "$status" 0 "exit status"
  read_report trace
  assert_counts "inet6/stream/tcp adopted=2 inflight=2"
  assert_equal "$(json '[.sockets[].state] | sort | join(" ")')" "connected listening" states
  assert_no_warnings
}

# A thread's own descriptor table is out of reach of the process's.
@test "no PIDFD_THREAD: a socket in a thread's own table" {
  refuse pidfd_open:PIDFD_THREAD EINVAL
  both "$PROGS/table_connect" own
  # The listener is in both tables.
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=2"
  assert_no_warnings
}

# ---- process_vm_readv, process_vm_writev: memory ----

# socketpair, accept and getsockopt are read of memory, connect for a filter, and the second filter is written to it.
memory_counts() {
  socktest_json_ok "$PROGS/socketpair_use"
  counts
  socktest_json_ok --fail-connect=EACCES:to=127.0.0.1:when=2 "$PROGS/do_calls" serve tcp connect tcp connect close close
  counts
  json '.filters[].fired'
  socktest_json_ok "$PROGS/nonblock_connect"
  counts
  socktest_json_ok "$PROGS/unix_stream"
  counts
}

@test "no process_vm_readv or process_vm_writev: memory is read and written through /proc/PID/mem" {
  expected=$(memory_counts)
  for error in ENOSYS EPERM; do
    refuse process_vm_readv,process_vm_writev $error
    assert_equal "$(memory_counts)" "$expected" "without ($error)"
    assert_no_warnings
  done
}

@test "no process_vm_writev: the second filter gets into the program all the same" {
  refuse process_vm_writev ENOSYS # a warning of -v would say if it did not
  socktest_json_ok -v "$PROGS/leak"
  assert_no_warnings
}

# ---- kcmp: who shares a descriptor table ----

# Whoever is taken to have a table of his own, or not to, has sockets closed that are not, or the other way round.
shared_counts() {
  local way
  for way in exec thread leader unshare range cloexec one; do
    both "$PROGS/tables" $way
    counts
  done
  both "$PROGS/unshare_files"
  counts
}

@test "no kcmp: the flags of clone tell whether a descriptor table is shared" {
  expected=$(shared_counts)
  refuse kcmp ENOSYS
  assert_equal "$(shared_counts)" "$expected" "without kcmp"
  assert_no_warnings
}

@test "no kcmp: the last close is a close of the shared table, in whichever process" {
  refuse kcmp ENOSYS
  # Else nobody would look at the connection in time.
  both "$PROGS/table_connect" shared
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=2"
}

@test "no kcmp: fork, vfork and threads" {
  refuse kcmp EPERM
  both "$PROGS/tcp_fork" 20
  assert_counts "inet/stream/tcp opened=21 connected=20 listened=1 accepted=20 closed=41"
  both "$PROGS/tcp_threads" 4 5
  assert_counts "inet/stream/tcp opened=21 connected=20 listened=1 accepted=20 closed=41"
  both "$PROGS/vfork_exec"
  assert_none_inflight
}

@test "no kcmp: clone and clone3, 32-bit programs too" {
  for folder in "$PROGS" "$PROGS32"; do
    [ -x "$folder/clone_files" ] || continue # only x86-64 has them
    for way in clone clone3; do
      SOCKTEST=$BUILD/socktest
      both "$folder/clone_files" $way
      expected=$(counts)
      refuse kcmp ENOSYS
      both "$folder/clone_files" $way
      assert_equal "$(counts)" "$expected" "counters of $folder, $way"
    done
  done
}

# One that is seen before its parent's event waits for it.
@test "no kcmp: many children at once, and parents that are killed as they make one" {
  refuse kcmp ENOSYS
  both "$PROGS/fork_at_once" 50
  assert_none_inflight
  socktest_json_ok "$PROGS/kill_children" 30
  assert_no_warnings
  for way in parent3 top untraced3; do
    both "$PROGS/make_child" $way
    assert_none_inflight
  done
}

# ---- PTRACE_GET_SYSCALL_INFO: nothing works without ----

# bats test_tags=vm
@test "no PTRACE_GET_SYSCALL_INFO: one line says so, and the program runs nothing of its own" {
  refuse ptrace:GET_SYSCALL_INFO EIO # as a kernel that does not know the request
  attempt traced touch "$BATS_TEST_TMPDIR/was_run"
  assert_status 125
  assert_equal "${#lines[@]}" 1 "number of lines"
  assert_contains "$output" "needs Linux 5.3"
  [ ! -e "$BATS_TEST_TMPDIR/was_run" ] || fail "the program ran"
}

@test "no PTRACE_GET_SYSCALL_INFO: a process that was to be attached to goes on unharmed" {
  no_forced_filter
  refuse ptrace:GET_SYSCALL_INFO EIO
  start program "$PROGS/do_calls" tcp catch pause close
  wait_for_output program pause
  attempt traced -p "${started[program]}"
  assert_status 125
  assert_equal "${#lines[@]}" 1 "number of lines"
  assert_contains "$output" "needs Linux 5.3"
  assert_equal "$(grep TracerPid "/proc/${started[program]}/status")" "TracerPid:	0" "its tracer"
  stop program
  assert_equal "$status" 0 "exit status of the program"
  assert_contains "$(cat "$BATS_TEST_TMPDIR/program.out")" "close ok"
}

# ---- /proc ----

# LeakSanitizer wants /proc, too.
without_leaks() {
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

# An empty folder in /proc's place, for the command alone; but for what a sanitizer reads its options of.
without_proc() {
  isolated unshare -Urm sh -c 'mount -t tmpfs none /proc && mkdir /proc/self && env -0 >/proc/self/environ &&
    ln -s "$1" /proc/self/exe && exec "$@"' sh "$@"
}

@test "no /proc: one line says so, and the program is not run" {
  requires without_proc true
  without_leaks
  attempt without_proc "$SOCKTEST" trace --seccomp="$ENGINE" touch "$BATS_TEST_TMPDIR/was_run"
  assert_status 125
  assert_equal "${#lines[@]}" 1 "number of lines"
  assert_contains "$output" "/proc is not mounted"
  [ ! -e "$BATS_TEST_TMPDIR/was_run" ] || fail "the program ran"
}

@test "another pid namespace's /proc would tell lies: it is not taken" {
  requires unshare -Urpf true
  without_leaks
  attempt isolated unshare -Urpf "$SOCKTEST" trace --seccomp="$ENGINE" touch "$BATS_TEST_TMPDIR/was_run"
  assert_status 125
  assert_equal "${#lines[@]}" 1 "number of lines"
  assert_contains "$output" "another pid namespace"
  [ ! -e "$BATS_TEST_TMPDIR/was_run" ] || fail "the program ran"
}

# shellcheck disable=SC2016 # the inner shell's
@test "a /proc that hides the processes of others is enough" {
  hidden=(unshare -Urpfm sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' sh)
  requires "${hidden[@]}" true
  report=$BATS_TEST_TMPDIR/report.json
  attempt isolated "${hidden[@]}" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json -o "$report" "$PROGS/tcp_fork" 3
  assert_status 0
  assert_lawful
  assert_counts "inet/stream/tcp opened=4 connected=3 listened=1 accepted=3 closed=7"
  assert_no_warnings
}

# ---- socktest doctor ----

@test "doctor names what is missing, and whether socktest works without" {
  refuse pidfd_getfd,pidfd_open:PIDFD_THREAD,kcmp,process_vm_readv EPERM
  attempt isolated "$SOCKTEST" doctor
  assert_status 0
  assert_contains "$output" "no  comparing descriptor tables: "
  assert_contains "$output" "no  duplicates of sockets: "
  assert_contains "$output" "no  duplicates from threads' own tables: "
  assert_contains "$output" "no  memory of other processes: "
  refuse ptrace:GET_SYSCALL_INFO EIO
  attempt isolated "$SOCKTEST" doctor
  assert_status 125
  assert_contains "$output" "NO  information on system calls: "
  assert_equal "${lines[-1]}" "socktest trace does not work here."
  SOCKTEST=$BUILD/socktest
  requires without_proc true
  without_leaks
  attempt without_proc "$SOCKTEST" doctor
  assert_status 125
  assert_contains "$output" "NO  /proc: "
  assert_equal "${lines[-1]}" "socktest trace does not work here."
}
