#!/usr/bin/env bats
# socktest's own memory: under valgrind, or as built with sanitizers, which find the same and do not go together.

load helpers

# valgrind 3.19 knows no seccomp(2): the program runs without the filter there.
setup() {
  if [ "$ENGINE" = on ] && ! grep -q __asan_init "$SOCKTEST"; then ENGINE=auto; fi
}

# valgrind knows no seccomp(2), so that there "on" cannot be had; the sanitizers' build has it.
checked() { # checked OPTION-OR-COMMAND... of socktest trace
  local checker=() engine=$ENGINE
  if ! grep -q __asan_init "$SOCKTEST"; then
    requires valgrind
    checker=(valgrind -q --error-exitcode=86 --leak-check=full --show-leak-kinds=all "--errors-for-leak-kinds=definite,indirect,possible"
      --trace-children=no --child-silent-after-fork=yes)
    if [ "$engine" = on ]; then engine=auto; fi
  fi
  attempt isolated timeout -k 5 "$LIMIT" "${checker[@]}" "$SOCKTEST" trace --seccomp="$engine" "$@"
}

@test "no memory error or leak in a run with forks, execs and leaks" {
  for program in tcp_fork cloexec_exec leak thread_exec; do
    checked "$PROGS/$program"
    assert_status 0
    assert_contains "$output" "inet/stream/tcp"
  done
}

@test "no memory error or leak in any format, with events and filters" {
  for format in table json csv go tap junit; do
    checked --format=$format --events="$BATS_TEST_TMPDIR/events" \
      --fail-connect=ECONNREFUSED,EPERM:to=127.0.0.1:cycle --delay-close=1ms --fail-socket=EPERM:comm=nobody \
      "$PROGS/do_calls" serve tcp connect close udp
    assert_status 0
  done
}

@test "no memory error or leak when COMMAND is not found" {
  checked /nonexistent/command
  assert_status 127
}

# bats test_tags=vm
@test "no memory error or leak when an option is wrong" {
  checked --fail-connect=ECONREFUSED true
  assert_status 125
}
