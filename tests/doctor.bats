#!/usr/bin/env bats
# socktest doctor: what works on this machine, tried out.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

doctor() {
  isolated timeout -k 5 "$LIMIT" "$SOCKTEST" doctor "$@"
}

# Every line but the last is "ok  NAME", "no  NAME: WHY" or "NO  NAME: WHY".
assert_well_formed() {
  local line last=$((${#lines[@]} - 1))
  [ "$last" -ge 5 ] || fail "only:" "$output"
  for line in "${lines[@]:0:$last}"; do
    [[ $line =~ ^(ok  [a-z/]|no  [a-z].*": "|NO  [a-z/].*": ") ]] || fail "line: $line"
  done
}

# bats test_tags=vm
@test "doctor: a machine on which socktest works" {
  run doctor
  assert_status 0
  assert_well_formed
  assert_contains "${lines[0]}" "ok  kernel: $(uname -r)"
  assert_equal "${lines[-1]}" "socktest trace works here."
  assert_contains "$output" "ok  tracing a child"
  assert_contains_not "$output" "NO  "
}

@test "doctor: says of the seccomp filter what --seccomp=on finds" {
  run doctor
  said=$(grep -o '^..  seccomp filter with stops' <<<"$output")
  run isolated "$SOCKTEST" trace -q --seccomp=on "$PROGS/exit_code" 0
  if [ "$status" = 0 ]; then
    assert_equal "$said" "ok  seccomp filter with stops"
  else
    assert_equal "$said" "no  seccomp filter with stops"
  fi
}

@test "doctor: root may attach to any process" {
  requires root
  requires test ! -e /proc/sys/kernel/yama/ptrace_scope
  run doctor
  assert_contains "$output" "ok  attaching to own processes"
  assert_contains "$output" "ok  attaching to any process"
}

@test "doctor: an unprivileged user is told what will not work, and why, and that the rest does" {
  share_build
  run as_nobody "$shared/socktest" doctor
  assert_status 0
  assert_well_formed
  assert_contains "$output" "ok  tracing a child"
  assert_contains "$output" "no  attaching to any process: no CAP_SYS_PTRACE"
  assert_equal "${lines[-1]}" "socktest trace works here."
}

@test "doctor: where tracing is not possible it says so, and fails" {
  # LeakSanitizer wants ptrace, too.
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
  # What socktest traces can have no tracer of its own.
  run traced -q "$SOCKTEST" doctor
  assert_status 125
  assert_well_formed
  assert_contains "$output" "NO  tracing a child: "
  assert_equal "${lines[-1]}" "socktest trace does not work here."
}

@test "doctor: a line that cannot be written is a failure" {
  requires test -w /dev/full
  run bash -c "'$SOCKTEST' doctor >/dev/full"
  assert_status 125
}

@test "doctor: --help and --usage" {
  run doctor --help
  assert_status 0
  assert_contains "$output" "Usage: socktest doctor"
  run doctor --usage
  assert_status 0
  assert_contains "$output" "socktest doctor"
}

@test "doctor: misuse is one line that names what is wrong" {
  for wrong in now --no-such-option -x; do
    run doctor $wrong
    assert_status 125
    assert_equal "${#lines[@]}" 1 "lines of: $output"
    assert_contains "$output" "${wrong##*-}"
  done
}
