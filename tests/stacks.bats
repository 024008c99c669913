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

# bats test_tags=vm
@test "-k: a stack goes on through the kernel's part of the program" {
  socktest_json_ok -k "$PROGS/stacks" vdso
  # aarch64's has no unwinding information: there it is a guess.
  [ "$(uname -m)" = aarch64 ] || assert_whole
  [[ " $(functions) " =~ " opened fault_handler ".*" "__(vdso|kernel)_clock_gettime" "([^ ]*clock_gettime[^ ]*" ")?"reads_clock main " ]] ||
    fail "$(functions)"
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

# One run after the other: the second may use what the first had freed, so nothing may have been kept of more sockets.
@test "-k: 100,000 sockets from ten places need the memory of ten stacks" {
  local few many
  # AddressSanitizer keeps what was freed; it is not to count.
  export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1:thread_local_quarantine_size_kb=64
  LIMIT=600 socktest_json_ok -k sh -c 'for count in 10000 100000; do
    "$0" places $count && sed -n "s/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p" /proc/$PPID/status
  done' "$PROGS/stacks"
  assert_whole
  read -r few many <<<"${output//$'\n'/ }"
  [ "$many" -le $((few + 512)) ] || fail "$few KiB after 10,000 sockets, $many KiB after 100,000 more"
  assert_counter inet/stream/tcp opened 110000
  assert_equal "$(json '[.sockets[].opened_by.stack] | unique | length')" 10 "stacks"
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

# ---- Go ----

# Go's functions of the inflight socket number N, from the package syscall to where its goroutine began.
go_functions() { # go_functions N
  json ".sockets[$1].opened_by.stack[].function" | sed -n '/^syscall\.Socket$/,$p' | paste -sd' '
}

# bats test_tags=vm
@test "-k: Go: from the call to where the goroutine began, with source lines" {
  requires test -x "$PROGS/stacks_go"
  local function line checked=0 program
  for program in stacks_go stacks_go_pie; do
    socktest_json_ok -k "$PROGS/$program"
    assert_whole
    assert_equal "$(go_functions 0)" \
      "syscall.Socket main.opened main.(*pool).open main.dialAll main.main runtime.main runtime.goexit" "$program"
    while read -r function line; do
      line=$(sed -n "${line}p" "$TESTS/progs/stacks_go.go")
      case $function in
        main.opened) assert_contains "$line" "syscall.Socket(" ;;
        main.\(\*pool\).open) assert_contains "$line" "opened()" ;;
        main.dialAll) assert_contains "$line" ".open()" ;;
        main.main) assert_contains "$line" "dialAll()" ;;
      esac
      checked=$((checked + 1))
    done < <(json '.sockets[0].opened_by.stack[] | select(.file | endswith("/stacks_go.go")) | "\(.function) \(.line)"')
  done
  assert_equal $checked 8 "frames with source lines"
}

# Their stacks are no thread's, and are full of what was there before.
@test "-k: Go: goroutines on several threads, on stacks that others had" {
  requires test -x "$PROGS/stacks_go"
  local i
  socktest_json_ok -k "$PROGS/stacks_go" goroutines 8
  assert_whole
  for i in 0 1 2 3 4 5 6 7; do
    [[ $(go_functions $i) == "syscall.Socket main.opened main.(*pool).open main.dialAll main.inGoroutine \
main.inGoroutines."*([^ ])" runtime.goexit" ]] || fail "$(go_functions $i)"
  done
  assert_equal "$(json '[.sockets[].opened_by.tid] | unique | length')" 8 "threads"
}

@test "-k: Go: methods, closures, type parameters, and names like those of parts of C functions" {
  requires test -x "$PROGS/stacks_go"
  while IFS='|' read -r mode functions; do
    socktest_json_ok -k "$PROGS/stacks_go" "$mode"
    assert_whole
    assert_equal "$(go_functions 0 | sed 's/.* main.dialAll //; s/\[[^]]*\]/[]/g')" \
      "$functions main.main runtime.main runtime.goexit" "$mode"
  done <<'END'
closure|main.main.func1 main.call
generic|main.(*box[]).fill main.fillOne[]
cold|main.part.cold
END
}

@test "-k: Go: the sockets of package net" {
  requires test -x "$PROGS/stacks_go"
  socktest_json_ok -k "$PROGS/stacks_go" net
  assert_whole
  assert_equal "$(json '.sockets[].opened_by.stack[].function' | grep -cx main.listen)" 3
  assert_contains "$(json '.sockets[0].opened_by.stack[].function')" "net.Listen
main.listen"
  assert_contains "$(json '.sockets[1].opened_by.stack[].function')" "net.Dial
main.listen"
  assert_contains "$(json '.sockets[2].opened_by.stack[].function')" "internal/poll.(*FD).Accept
net.(*netFD).accept"
}

# Nothing says there how functions use the stack: only frame pointers are left, which those have that call. On
# aarch64 Go 1.19's runtime.main, which nobody has called, keeps none.
# bats test_tags=vm
@test "-k: Go: frames of a stripped program are its path and offsets, and are said to be a guess" {
  requires test -x "$PROGS/stacks_go_stripped"
  local all own found last=runtime.goexit warning="found by frame pointers: callers may be missing"
  if [ "$(uname -m)" = aarch64 ]; then
    last=runtime.main warning="the rest of the stack cannot be read"
  fi
  socktest_json_ok -k "$PROGS/stacks_go"
  all=$(frames_of stacks_go)
  own=$(json '.sockets[0].opened_by.stack[] | select(.function | test("^main\\.[^.]*$|pool")) | .offset' | uniq)
  last=$(json ".sockets[0].opened_by.stack[] | select(.function == \"$last\") | .offset")
  socktest_json_ok -k "$PROGS/stacks_go_stripped"
  found=$(frames_of stacks_go_stripped)
  assert_contains "$(json '.warnings[]')" "stacks of 1 sockets: $warning"
  assert_equal "$(json '[.sockets[0].opened_by.stack[].function] | unique | join(" ")')" "" "invented names"
  assert_equal "$(grep -vxF "$all" <<<"$found")" "" "invented frames"
  assert_contains "$found" "$own"
  assert_equal "${found##*$'\n'}" "$last" "the last one"
}

@test "stack=FUNCTION: Go's functions" {
  requires test -x "$PROGS/stacks_go"
  while IFS='|' read -r mode function; do
    socktest_json --fail-socket=EMFILE:stack="$function" "$PROGS/stacks_go" "$mode" 1
    assert_status 1
    assert_equal "$output" "stacks_go: too many open files" "$function"
    assert_counter inet/stream/tcp injected.socket 1
  done <<'END'
plain|main.dialAll
plain|main.(*pool).open
plain|main.opened
goroutines|main.inGoroutine
closure|main.main.func1
generic|main.fillOne
generic|main.(*box).fill
cold|main.part.cold
END
  for function in main.dial main.part dialAll 'main.(*pool)'; do
    socktest_json_ok --fail-socket=EMFILE:stack="$function" "$PROGS/stacks_go"
    assert_counter inet/stream/tcp injected.socket 0
  done
  socktest_json --fail-accept=EMFILE:stack='internal/poll.(*FD).Accept' "$PROGS/stacks_go" net
  assert_contains "$output" "accept4: too many open files"
}

# ---- C++ and Rust ----

# bats test_tags=vm
@test "-k: C++: templates, methods, operators, exceptions, with source lines" {
  requires test -x "$PROGS/stacks_cxx"
  while IFS='|' read -r mode functions; do
    socktest_json_ok -k "$PROGS/stacks_cxx" "$mode"
    assert_whole
    assert_contains "$(functions)" "$functions main"
    [ "$(json '[.sockets[0].opened_by.stack[] | select(.file | endswith("/stacks_cxx.cc"))] | length')" -ge 3 ] ||
      fail "no source lines"
  done <<'END'
method|net::Pool<long>::open(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&, std::vector<long, std::allocator<long> > const&) net::Pool<long>::fill(char const*)
operator|net::Pool<char>::operator[](int)
lambda|net::through(std::function<int (int)> const&) (anonymous namespace)::with_lambda(int)
thrown|(anonymous namespace)::thrown()
END
}

@test "stack=FUNCTION: C++ functions, as the compiler itself named them" {
  requires test -x "$PROGS/stacks_cxx"
  while IFS='|' read -r mode function; do
    socktest_json --fail-socket=EMFILE:stack="$function" "$PROGS/stacks_cxx" "$mode"
    assert_equal "$output" "stacks_cxx: socket: Too many open files" "$function"
  done <<'END'
method|net::Pool::open
method|net::Pool<long>::fill(char const*)
operator|net::Pool::operator[]
lambda|net::through
lambda|std::function::operator()
thrown|(anonymous namespace)::thrown
END
}

# By the older and by the newer scheme of names, which differ in how much they say.
# bats test_tags=vm
@test "-k: Rust: names without hashes, with source lines" {
  requires test -x "$PROGS/stacks_rust"
  local program bare
  for program in stacks_rust stacks_rust_v0; do
    socktest_json_ok -k "$PROGS/$program" method
    assert_whole
    bare=$(functions | sed 's/::<&str>//g')
    assert_contains "$bare" "std::net::udp::UdpSocket::bind stacks_rust::Pool<std::net::udp::UdpSocket>::open \
stacks_rust::Pool<std::net::udp::UdpSocket>::open_all stacks_rust::open_pool stacks_rust::main "
    [[ ! $bare =~ ::h[0-9a-f]{16}( |$) ]] || fail "$bare"
    assert_equal "$(json '[.sockets[0].opened_by.stack[] | select(.file | endswith("/stacks_rust.rs"))] | length')" 4
  done
  socktest_json_ok -k "$PROGS/stacks_rust" thread
  assert_whole
  assert_contains "$(functions)" "stacks_rust::open_pool"
  assert_contains_not "$(functions)" stacks_rust::main
}

@test "stack=FUNCTION: Rust's functions, by the same name in both schemes" {
  requires test -x "$PROGS/stacks_rust"
  local program
  for program in stacks_rust stacks_rust_v0; do
    while IFS='|' read -r mode function; do
      socktest_json --fail-socket=EMFILE:stack="$function" "$PROGS/$program" "$mode"
      assert_status 101
      assert_contains "$output" "Too many open files"
      assert_counter inet/dgram/udp injected.socket 1
    done <<'END'
method|stacks_rust::Pool::open
method|stacks_rust::Pool<std::net::udp::UdpSocket>::open_all
method|std::net::udp::UdpSocket::bind
trait|stacks_rust::open_pool
END
  done
}
