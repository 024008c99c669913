#!/usr/bin/env bats
# Static programs of another libc, which makes some calls in its own ways, count as their twins with glibc.

load helpers

setup() {
  only_on x86_64 "programs built with musl"
  requires "$PROGS_MUSL/leak"
}

assert_twins() { # assert_twins PROGRAM [ARG...]
  assert_builds_alike "$PROGS_MUSL" "$@"
}

@test "musl: the programs are musl's" {
  for program in "$PROGS_MUSL"/*; do
    [[ $program != *.d ]] || continue
    grep -qF 'No error information' "$program" || fail "$program"
  done
}

# bats test_tags=vm
@test "musl: client and server, in one process, in several, in threads" {
  assert_twins tcp_pair 3
  assert_twins tcp_fork 5
  assert_twins tcp_threads 4 5
}

@test "musl: nonblocking connects" {
  assert_twins nonblock_connect
}

# Its socket(3) and accept4(3) make some calls that failed once more, in an older way.
@test "musl: every family, type and protocol, and every call failing, as strace" {
  assert_like_strace -- "$PROGS_MUSL/kinds"
  assert_like_strace -- "$PROGS_MUSL/failures"
}

@test "musl: descriptors duplicated, shared, passed" {
  assert_twins dup_forms
  assert_twins fork_share
  assert_twins scm_rights
}

# bats test_tags=vm
@test "musl: exec, vfork, exec in a thread, daemon" {
  assert_twins cloexec_exec
  assert_twins vfork_exec
  assert_twins thread_exec
  assert_twins daemon
}

@test "musl: sockets left open, names of unix sockets" {
  assert_twins leak
  assert_twins unix_stream "$BATS_TEST_TMPDIR"
}

@test "musl: calls that signals interrupt" {
  for way in eintr restart timeout stop; do
    assert_twins signals $way
  done
  for way in often eintr nested nested-restart jump; do
    assert_twins restarts accept $way
    assert_twins restarts connect $way
  done
}

@test "musl: faults and delays" {
  for program in "$PROGS" "$PROGS_MUSL"; do
    socktest_json_ok --fail-socket=EMFILE:when=3 --fail-accept=ECONNABORTED:when=1 --fail-close=EIO:when=2 \
      --delay-connect=20ms --fail-getsockopt=ENOBUFS "$program/do_calls" serve tcp connect accept accept tcp soerror close close
    assert_equal "$(paste -sd' ' <<<"$output")" "listen ok tcp ok connect ok accept ECONNABORTED accept ok \
tcp EMFILE getsockopt ENOBUFS close EIO close ok" "$program"
    assert_equal "$(json '.filters | map(.fired) | join(" ")')" "1 1 1 1 1" "fired"
  done
}
