#!/usr/bin/env bats
# -k and --leak-check: stacks that are hard to read, and what reading them may not cost.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# functions SOCKET: that this inflight socket was opened by, up to main
functions() {
  json ".sockets[$1].opened_by.stack[].function" | sed '/^main$/q' | paste -sd' '
}

warnings_of_stacks() {
  json '.warnings[] | select(test("stack"))'
}

# bats test_tags=vm
@test "a stack on memory that was a file's before is read anew each time" {
  socktest_json_ok -k "$PROGS/stacks_hard" reused
  assert_equal "$(json '.sockets[1:][].opened_by.stack[].function | select(startswith("place_"))' | paste -sd' ')" \
    "place_one place_other place_one place_other place_one place_other"
}

# bats test_tags=vm
@test "a stack goes on through the vDSO, whose functions have names" {
  socktest_json_ok -k "$PROGS/stacks_hard" vdso 20
  # aarch64's has no unwinding information (arch/arm64/kernel/vdso/Makefile): that is said.
  [ "$(uname -m)" = aarch64 ] || assert_equal "$(warnings_of_stacks)" ""
  assert_equal "$(json '[.sockets[] | select([.opened_by.stack[].function] | index("main") | not)] | length')" 0
  # aarch64's trampoline is there, too.
  local within='.sockets[].opened_by.stack | select(any(.module == "[vdso]" and (.function | endswith("sigreturn") | not)))'
  assert_equal "$(json "[$within | select(any(.function | endswith(\"clock_gettime\")) | not)] | length")" 0 "without a name"
  [ "$(json "[$within] | length")" -gt 0 ] || fail "no signal came within the vDSO"
}

@test "a signal's trampoline is not the function before it" {
  only_on x86_64 "a trampoline in libc"
  socktest_json_ok -k "$PROGS/stacks" signal
  assert_contains "$(functions 0)" "handler __restore_rt "
}

musl() { # musl PROGRAM MODE
  only_on x86_64 "programs built with musl"
  requires "$PROGS_MUSL/stacks"
  socktest_json_ok -k "$@"
}

@test "musl: the callers of socket(3) are found, though libc has no unwinding information" {
  musl "$PROGS_MUSL/stacks" inlined
  assert_equal "$(functions 0)" "socket opened inlined_inner inlined_outer calls_inlined main"
  musl "$BUILD/progs-musl-stacks/dynamic" cxx
  assert_equal "$(functions 0)" "socket opened net::Pool<int>::open(char const*) app::pool::open app::run main"
  musl "$PROGS_MUSL/stacks" thread
  assert_contains "$(functions 0)" "socket opened in_thread "
  musl "$PROGS_MUSL/stacks" signal
  [[ $(functions 0) == "socket opened handler "*" raise interrupted main" ]] || fail "$(functions 0)"
}

@test "musl: each of many sockets has the stack of its own place" {
  musl "$BUILD/progs-musl-stacks/dynamic" places 200
  assert_equal "$(json '.sockets[].opened_by.stack[] | .function | select(startswith("place_"))' | paste -sd' ')" \
    "place_0 place_1 place_2 place_3 place_4 place_5 place_6 place_7 place_8 place_9"
}

@test "musl: a stripped program's stacks are as long, and name nothing" {
  local expected
  musl "$PROGS_MUSL/stacks" cxx
  expected=$(json '.sockets[0].opened_by.stack[].offset' | uniq)
  musl "$BUILD/progs-musl-stacks/stripped" cxx
  assert_equal "$(json '.sockets[0].opened_by.stack[].offset')" "$expected"
  assert_equal "$(json '[.sockets[0].opened_by.stack[].function] | unique | join(" ")')" ""
}

@test "musl: the callers of a call that can be cancelled, and stack= on it" {
  local program
  for program in "$PROGS_MUSL/stacks" "$BUILD/progs-musl-stacks/dynamic"; do
    musl --events="$BATS_TEST_TMPDIR/events" --fail-connect=EPERM:stack=retry "$program" again 6
    assert_counter inet/stream/tcp injected.connect 3
    assert_equal "$(sed -n '/^[0-9].* connect(.*EPERM/,/ main /p' "$BATS_TEST_TMPDIR/events" |
      sed -n 's/^    [a-z]* \([a-z_]*\) (.*/\1/p' | grep -v '^_' | paste -sd' ' | sed 's/main connect/main\nconnect/g' |
      sort -u)" "connect prog_connect try_once retry connect_again main"
  done
}

# bats test_tags=vm
@test "the caller of a function without unwinding information is the one that its code proves" {
  requires grep -q -E 'x86_64|aarch64' <(uname -m)
  socktest_json_ok -k "$PROGS/stacks_hard" unlisted
  assert_equal "$(functions 0)" "socket opened open_unlisted unlisted calls_unlisted main"
  assert_equal "$(warnings_of_stacks)" ""
}

# Copies of a program, which are files of their own.
many_programs() { # many_programs N
  local i
  for ((i = 0; i < $1; i++)); do cp "$PROGS/stacks" "$BATS_TEST_TMPDIR/copy$i"; done
  # shellcheck disable=SC2016 # for another shell
  socktest_json_ok -k sh -c 'for copy in "$0"/copy*; do "$copy" places 1; done' "$BATS_TEST_TMPDIR"
}

@test "many programs take no more files than may be open" {
  ulimit -n 48
  many_programs 60
  assert_equal "$(warnings_of_stacks)" ""
  assert_equal "$(json '[.sockets[].opened_by.stack | select(any(.function == "place_0") and any(.function == "main"))]
    | length')" 60
  assert_equal "$(json '[.sockets[].opened_by.stack[].module | select(test("/copy"))] | unique | length')" 60
}

@test "the network is not asked for debug information, and the program keeps its environment" {
  requires test -e "$BUILD/fake_debuginfod/libdebuginfod.so.1"
  export LD_LIBRARY_PATH=$BUILD/fake_debuginfod DEBUGINFOD_URLS=http://127.0.0.1:1/
  # shellcheck disable=SC2016 # for another shell
  socktest_json_ok -k --events="$BATS_TEST_TMPDIR/events" sh -c '"$0" cxx; echo "$DEBUGINFOD_URLS"' \
    "$PROGS/stacks_stripped"
  assert_equal "$output" "$DEBUGINFOD_URLS"
}
