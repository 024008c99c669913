#!/usr/bin/env bats
# -k: from where in the program sockets were opened and calls made; stack= as a condition.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# The functions that the first inflight socket was opened by, up to main.
functions() {
  json '.sockets[0].opened_by.stack[].function' | sed '/^main$/q' | paste -sd' '
}

# source_line N: of the traced program's source
source_line() {
  sed -n "$1s/^[[:space:]]*//p" "$TESTS/progs/stacks.c"
}

assert_whole() {
  assert_equal "$(json '.warnings[] | select(test("stack"))')" "" "warnings"
}

# bats test_tags=vm
@test "-k: an inflight socket has the stack that opened it, with source lines" {
  local function line checked=0
  socktest_json_ok -k "$PROGS/stacks" inlined
  assert_whole
  assert_equal "$(functions)" "socket opened inlined_inner inlined_outer calls_inlined main"
  while read -r function line; do
    case $function in
      opened) assert_contains "$(source_line "$line")" "socket(" ;;
      inlined_inner) assert_contains "$(source_line "$line")" "opened()" ;;
      inlined_outer) assert_contains "$(source_line "$line")" "inlined_inner()" ;;
      calls_inlined) assert_contains "$(source_line "$line")" "inlined_outer()" ;;
      main) assert_contains "$(source_line "$line")" "calls_inlined()" ;;
    esac
    checked=$((checked + 1))
  done < <(json '.sockets[0].opened_by.stack[] | select(.file | endswith("/stacks.c")) | "\(.function) \(.line)"')
  assert_equal $checked 5 "frames with source lines"
}

@test "-k: names of C++ and Rust are demangled, whatever way the program was linked" {
  local variant
  for variant in stacks stacks_static stacks_no_pie stacks_split stacks_linked; do
    socktest_json_ok -k "$PROGS/$variant" cxx
    assert_whole
    assert_equal "$(functions)" \
      "socket opened net::Pool<int>::open(char const*) app::pool::open app::run main" "$variant"
    assert_equal "$(json '[.sockets[0].opened_by.stack[] | select(.file | endswith("/stacks.c"))] | length')" 5 \
      "source lines of $variant"
  done
}

# The offset of each frame in the program itself, once for what is inlined into one.
frames_of() { # frames_of PROGRAM
  json ".sockets[0].opened_by.stack[] | select(.module | endswith(\"/$1\")) | .offset" | uniq
}

@test "-k: frames of a stripped program are its path and the offsets that addr2line takes" {
  local expected
  socktest_json_ok -k "$PROGS/stacks" cxx
  expected=$(frames_of stacks)
  socktest_json_ok -k "$PROGS/stacks_stripped" cxx
  assert_whole
  assert_equal "$(frames_of stacks_stripped)" "$expected" "offsets"
  assert_equal "$(json '[.sockets[0].opened_by.stack[] | select(.module | endswith("stripped")) | .function]
    | unique | join(" ")')" "" "invented names"
}

# bats test_tags=vm
@test "-k: a stack goes on behind a signal handler, and begins where a thread does" {
  socktest_json_ok -k "$PROGS/stacks" signal
  assert_whole
  [[ " $(functions) " == *" opened handler "*" raise interrupted main "* ]] || fail "$(functions)"
  socktest_json_ok -k "$PROGS/stacks" thread
  assert_whole
  [[ " $(functions) " == *" opened in_thread "* ]] || fail "$(functions)"
  assert_contains_not "$(functions)" main
}

@test "-k: a stack too deep to be kept whole is cut and said to be" {
  socktest_json_ok -k "$PROGS/stacks" deep 500
  assert_equal "$(functions | tr ' ' '\n' | grep -c deep)" 127
  assert_contains "$(json '.warnings[]')" "stacks of 1 sockets: and more callers"
}

@test "-k: where a stack cannot be read on it ends, and that is said" {
  requires grep -q -E 'x86_64|aarch64' <(uname -m)
  socktest_json_ok -k "$PROGS/stacks" blind
  [[ $(functions) == "socket opened open_blindly blind"* ]] || fail "$(functions)"
  assert_contains_not "$(functions)" main
  assert_contains "$(json '.warnings[]')" "stacks of 1 sockets: "
  run traced -k "$PROGS/stacks" blind
  assert_contains "$output" "        ("
}

@test "-k: stacks of a 32-bit program are said not to be read" {
  [ "$(uname -m)" = x86_64 ] || skip "32-bit programs are of x86-64"
  requires test -x "$PROGS32/leak"
  socktest_json_ok -k "$PROGS32/leak"
  assert_equal "$(json '[.sockets[].opened_by.stack[]] | length')" 0
  assert_contains "$(json '.warnings[]')" "stacks of 10 sockets: stacks of 32-bit programs are not read"
}

@test "-k: each of many sockets has the stack of its own place" {
  socktest_json_ok -k "$PROGS/stacks" places 1000
  assert_whole
  assert_counter inet/stream/tcp opened 1000
  assert_equal "$(json '.sockets[].opened_by.stack[] | .function | select(startswith("place_"))' | paste -sd' ')" \
    "place_0 place_1 place_2 place_3 place_4 place_5 place_6 place_7 place_8 place_9"
  assert_equal "$(json '[.sockets[].opened_by.stack] | unique | length')" 10
}

@test "-k: a program that another executed, and one that was removed, have stacks too" {
  local copy=$BATS_TEST_TMPDIR/copy
  # shellcheck disable=SC2016 # for another shell
  socktest_json_ok -k "$PYTHON" -c 'import os, socket, sys
s = socket.socket()
os.execv(sys.argv[1], sys.argv[1:])' "$PROGS/stacks" inlined
  assert_equal "$(functions)" "socket opened inlined_inner inlined_outer calls_inlined main"
  cp "$PROGS/do_calls" "$copy"
  start_traced removed -k "$copy" tcp catch pause
  wait_for_output removed pause
  rm "$copy"
  pkill -INT -P "${started[removed]}"
  finish removed
  read_report removed
  assert_equal "$(functions)" "socket open_socket step_socket main"
}

@test "-k: code that takes the place of other code is not taken for it" {
  cp "$PROGS/stacks" "$BATS_TEST_TMPDIR/one"
  cp "$PROGS/stacks" "$BATS_TEST_TMPDIR/other"
  socktest_json_ok -k "$PROGS/stacks" remap "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/other"
  assert_equal "$(json '.sockets[].opened_by.stack[] | select(.function == "through") | .module')" \
    "$BATS_TEST_TMPDIR/one
$BATS_TEST_TMPDIR/other"
}

@test "-k: sockets of a forked process have the stacks of their openers" {
  socktest_json_ok -k "$PROGS/stacks" places 20
  local -r expected=$(json '[.sockets[].opened_by.stack[].function]')
  socktest_json_ok -k sh -c '"$0" places 20; exit' "$PROGS/stacks"
  assert_equal "$(json '[.sockets[].opened_by.stack[].function]')" "$expected"
}

@test "-k: the table has the stack below its socket" {
  run traced -k "$PROGS/stacks" cxx
  [[ $output =~ socket\ by\ [0-9]+$'\n'.*\ {8}at\ socket\ \(.*\)$'\n'\ {8}by\ opened\ \(stacks.c:[0-9]+\)$'\n'\ {8}by\ net::Pool ]] ||
    fail "$output"
}

@test "without -k no stack is taken" {
  socktest_json_ok "$PROGS/stacks" cxx
  assert_equal "$(json '.sockets[0].opened_by.stack | length')" 0
  socktest_json_ok --events="$BATS_TEST_TMPDIR/events" "$PROGS/stacks" cxx
  assert_equal "$(grep -c '^ ' "$BATS_TEST_TMPDIR/events")" 0 "lines of stacks"
}

@test "-k --events: every call has its stack, also one that a filter answers" {
  socktest_json_ok -k --events="$BATS_TEST_TMPDIR/events" --fail-connect=EPERM "$PROGS/do_calls" \
    serve tcp connect close
  local -r events=$(<"$BATS_TEST_TMPDIR/events")
  assert_equal "$(grep -c '^    at ' <<<"$events")" "$(grep -c '^[0-9]' <<<"$events")" "stacks"
  [[ $events =~ connect\([^$'\n']*EPERM[^$'\n']*$'\n'\ {4}at\ connect\ [^$'\n']*$'\n'\ {4}by\ connect_current\ \(do_calls.c: ]] ||
    fail "$events"
}

@test "stack=FUNCTION: only calls from below that function" {
  socktest_json_ok --fail-connect=EPERM:stack=retry "$PROGS/stacks" again 10
  assert_counter inet/stream/tcp injected.connect 5
  assert_counter inet/stream/tcp connect_failed 5
  socktest_json_ok --fail-connect=EPERM:stack=retry:when=2..3 "$PROGS/stacks" again 10
  assert_counter inet/stream/tcp injected.connect 2
  assert_equal "$(json '.filters[0].matched')" 5 matched
  socktest_json_ok --fail-connect=EPERM:stack=retr "$PROGS/stacks" again 10
  assert_counter inet/stream/tcp injected.connect 0
}

@test "stack=FUNCTION: inlined functions, and C++ names with and without arguments" {
  local name
  for name in net::Pool::open 'net::Pool<int>::open' 'net::Pool<int>::open(char const*)' app::pool::open app::run; do
    socktest_json --fail-socket=EMFILE:stack="$name":when=1 "$PROGS/stacks" cxx
    assert_counter inet/stream/tcp injected.socket 1
  done
  for name in net::Pool pool::open 'net::Pool<char>::open' 'net::Pool<int>::open(int)'; do
    socktest_json_ok --fail-socket=EMFILE:stack="$name" "$PROGS/stacks" cxx
    assert_counter inet/stream/tcp injected.socket 0
  done
  socktest_json --fail-socket=EMFILE:stack=inlined_outer "$PROGS/stacks" inlined
  assert_counter inet/stream/tcp injected.socket 1
}

@test "stack=: a wrong use is refused" {
  run traced --fail-socket=EIO:stack= true
  assert_status 125
  assert_contains "$output" "--fail-socket=EIO:stack=: stack= lacks its argument: it is stack=FUNCTION"
  run traced --fail-socket=EIO:stack=a:b true
  assert_status 125
  assert_contains "$output" "no condition is called b"
}
