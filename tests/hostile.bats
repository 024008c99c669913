#!/usr/bin/env bats
# Programs that no tracer would wish for: they see what they see untraced, and are counted all the same.

load helpers

# hostile WAY [STATUS]: tests/progs/hostile.c once untraced and once traced, with the same results. Leaves
# the report, and the events in $events.
hostile() {
  local native=0
  events=$BATS_TEST_TMPDIR/events
  cd "$BATS_TEST_TMPDIR" || return
  isolated timeout -k 5 "$LIMIT" "$PROGS/hostile" "$1" >native 2>&1 || native=$?
  assert_equal "$native" "${2:-0}" "untraced exit status"
  socktest_json --events="$events" "$PROGS/hostile" "$1"
  assert_status "$native"
  assert_equal "$output" "$(cat native)" "what the program saw"
  assert_harmless "$events" "$report"
}

# Nothing but printable ASCII and newlines; of RFC 4180, also CR before them.
assert_harmless() { # assert_harmless FILE...
  local file
  for file in "$@"; do
    [ -s "$file" ] || fail "$file is empty"
    if LC_ALL=C sed 's/\r$//' "$file" | LC_ALL=C grep -an '[^ -~]'; then
      fail "these lines of $file have bytes that a terminal may obey"
    fi
  done
}

# In every format, on every way out: assert_all_harmless COMMAND...
assert_all_harmless() {
  local format
  cd "$BATS_TEST_TMPDIR" || return
  for format in table json csv go; do
    isolated timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --verbose --format=$format --events=out.events \
      -o out.$format "$@" >/dev/null 2>out.stderr || fail "exit status $?: $(cat -v out.stderr)"
    # csv has no place for warnings: they go to stderr.
    assert_harmless out.events out.$format
    [ ! -s out.stderr ] || assert_harmless out.stderr
  done
  isolated timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --verbose --events "$@" >/dev/null 2>out.all
  assert_harmless out.all
}

allows_stack() {
  [ "$(ulimit -Hs)" = unlimited ] || [ "$(ulimit -Hs)" -ge 65536 ]
}

# ---- pointers and lengths ----

# bats test_tags=vm
@test "connect with every bad pointer and length fails as untraced, and each failure counts" {
  hostile connect
  # 7 pointers with 12 lengths each; twice with inet sockets, of which one more is the port that refuses.
  assert_counts "unix/stream/0 opened=1 connect_failed=84 inflight=1" \
    "inet/stream/tcp opened=3 connect_failed=168 inflight=3"
  assert_equal "$(grep -c ' connect(.*, 127.0.0.1:[0-9]*) = -1 ECONNREFUSED' "$events")" \
    "$(grep -c 'inet pointer.*ECONNREFUSED' native)" "connects refused at a readable address"
}

@test "bind with every bad pointer and length fails as untraced" {
  hostile bind
  assert_counts "unix/stream/0 opened=1 inflight=1" "inet/stream/tcp opened=1 inflight=1"
  assert_equal "$(grep -c ' bind(.* = -1 ' "$events")" 168 "binds that failed"
}

@test "accept with every bad address and length pointer returns or fails as untraced" {
  hostile accept
  # Those who asked for no address (11), and those whose address and length could be written.
  local accepted
  accepted=$(grep -c '^accept .* = [0-9]' native)
  [ "$accepted" -ge 11 ]
  assert_counts "inet/stream/tcp opened=45 connected=44 listened=1 accepted=$accepted closed=$((44 + accepted)) accept_failed=$((44 - accepted)) inflight=1"
}

@test "accept that gave room for a part of the address shows no stale memory as the peer" {
  hostile accept
  grep -qF "accept(3, [127.0.0.1:" "$events"
  # Of a part, the family at most can be told.
  if grep -F ' accept(3, [' "$events" | grep -vE '\[(127\.0\.0\.1:[0-9]+|family 2|unnamed|\?)\]'; then
    fail "these peers never were"
  fi
}

@test "SO_ERROR with every bad value and length pointer: each refused connect counts once" {
  hostile getsockopt
  assert_counts "inet/stream/tcp opened=45 closed=44 connect_failed=44 inflight=1"
}

@test "socketpair that cannot write its descriptors opens nothing" {
  hostile socketpair
  assert_counts "unix/stream/0 opened=2 closed=2 open_failed=8" "inet/stream/tcp open_failed=1"
}

# ---- names ----

@test "unix names without a NUL and of any bytes: whole, and escaped, in the report" {
  hostile socket-names
  assert_counts "unix/stream/0 opened=12 connected=6 listened=6 accepted=6 inflight=18"
  local name
  name=$(printf 'x%.0s' {1..108})
  # The listener, and the connection to it from both ends.
  assert_equal "$(json "[.sockets[] | select(.local == \"$name\")] | length")" 2 "sockets at the path of 108 bytes"
  assert_equal "$(json "[.sockets[] | select(.peer == \"$name\")] | length")" 1 "sockets connected to it"
  assert_equal "$(json '.sockets[].local' | grep -cF 'p\n\x1b[31m\x7f\xc2\x9b\xff\\x41\x0d\t')" 2 "sockets at the path of bytes"
  assert_equal "$(json '.sockets[].local' | grep -cF '@\x00\x01\x02')" 2 "sockets at the first abstract name"
  assert_equal "$(json '.sockets[].local' | grep -cF '\xfd\xfe\xff')" 2 "sockets at the last abstract name"
}

@test "no byte of a socket's name reaches any output raw" {
  assert_all_harmless "$PROGS/hostile" socket-names
}

@test "process names that look like lines of /proc or terminal commands change nothing" {
  hostile process-names
  assert_counts "inet/stream/tcp opened=6 inflight=6"
  assert_equal "$(json '[.sockets[].pid] | unique | length')" 6 "processes with an inflight socket"
  assert_equal "$(json '.sockets[] | select(.command | startswith("a\n")) | .command')" $'a\nTgid:\t1'
}

@test "no byte of a process's name or path, or of an argument, reaches any output raw" {
  local name=$'h\e[31m\n\177\302\233\377'
  cp "$PROGS/hostile" "$BATS_TEST_TMPDIR/$name"
  assert_all_harmless "./$name" process-names $'\a\b\r\n\t\e]0;x\a\177\200\237\302\233'
}

@test "no byte of a command that is not there, or of a filter, reaches stderr raw" {
  local bytes=$'\e[31m\n\r\177\302\233\377'
  cd "$BATS_TEST_TMPDIR" || return
  attempt traced "/nonexistent/$bytes"
  assert_status 127
  printf '%s\n' "$output" >out
  assert_harmless out
  attempt traced "--fail-connect=EPERM:to=$bytes" true
  assert_status 125
  printf '%s\n' "$output" >out
  assert_harmless out
  assert_all_harmless "--fail-connect=EPERM:to=/$bytes" "--fail-close=EIO:comm=$bytes" "$PROGS/hostile" descriptors
}

@test "arguments of several megabytes are reported whole" {
  local argument arguments=() i
  argument=$(printf '%0120000d' 0)
  for ((i = 0; i < 40; i++)); do arguments+=("$argument"); done
  # execve(2): a quarter of the stack's limit, and never more than 6 MB.
  requires eval allows_stack
  ulimit -s 65536
  socktest_json "$PROGS/hostile" arguments "${arguments[@]}"
  assert_status 0
  assert_contains "$output" "48000"
  assert_equal "$(json '.command | length')" 42 "arguments reported"
  assert_equal "$(json '.command | map(length) | add')" "$output" "bytes of them"
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}

# ---- other threads ----

@test "a sockaddr that another thread changes meanwhile: every connect counts once" {
  hostile race-address
  assert_counts "inet/stream/tcp opened=2 connect_failed=1000 inflight=2"
}

@test "a pair's descriptors that another thread overwrites: the law holds" {
  hostile race-pair
  assert_counter unix/stream/0 opened 400
  assert_counter unix/stream/0 inflight 0
}

# ---- descriptors ----

@test "sockets in the place of standard input, output and error" {
  hostile no-stdio 7
  assert_counts "inet/stream/tcp opened=3 inflight=3"
}

@test "the lowest limit of descriptors, and the highest descriptor" {
  hostile limits
  assert_counts "unix/stream/0 opened=2 open_failed=1 inflight=2" "inet/stream/tcp opened=1 closed=1 open_failed=2"
}

@test "descriptors that are negative, equal, too large or closed" {
  hostile descriptors
  assert_counts "inet/stream/tcp opened=1 listened=1 closed=1 accept_failed=1"
}

# bats test_tags=vm
@test "close_range(0, ~0U) closes all sockets" {
  hostile close-everything 9
  assert_counts "inet/stream/tcp opened=2 closed=2"
}

@test "calls that leave a descriptor as it is do not end its pending connect" {
  hostile pending
  # The second of three connects returns 0, the third EISCONN.
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=1 connect_failed=1 inflight=1"
}

@test "a close that a filter answers does not end a pending connect" {
  socktest_json --fail-close=EIO:when=1 "$PROGS/hostile" pending-close
  assert_status 0
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=1 inflight=1 injected.close=1"
}

# ---- registers ----

# bats test_tags=vm
@test "the upper halves of registers that hold an int are ignored, as the kernel does" {
  hostile registers
  # One connect is pending until SO_ERROR tells that it was refused, a second one fails at once.
  assert_counts "unix/stream/0 opened=2 inflight=2" \
    "inet/stream/tcp opened=4 connected=1 listened=1 accepted=1 closed=3 connect_failed=2 inflight=2"
  assert_contains "$(cat "$events")" "SO_ERROR, [ECONNREFUSED]) = 0"
}

@test "arguments of socket that are those of no socket fail as untraced" {
  hostile impossible
  assert_equal "$(json '[.stats[].open_failed] | add')" 6 "open_failed"
  assert_equal "$(json '[.stats[].opened] | add')" 0 "opened"
}

# bats test_tags=vm
@test "a program without a stack" {
  hostile no-stack
  assert_counts "inet/stream/tcp opened=2 closed=2"
}

# ---- processes ----

@test "thousands of quick forks that share a socket: it is closed once" {
  hostile fork-often
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "hundreds of processes at once, none waited for" {
  hostile fork-many
  assert_counts "inet/stream/tcp opened=401 closed=200 inflight=201"
}

@test "a program whose memory may not be read runs as untraced, and its connects count" {
  share_build
  cd "$shared"
  as_nobody ./progs/hostile hide-memory >"$BATS_TEST_TMPDIR/native" 2>&1
  as_nobody ./socktest trace --seccomp="$ENGINE" --format=json -o report.json ./progs/hostile hide-memory \
    >"$BATS_TEST_TMPDIR/traced" 2>&1
  assert_equal "$(cat "$BATS_TEST_TMPDIR/traced")" "$(cat "$BATS_TEST_TMPDIR/native")" "what the program saw"
  report=$shared/report.json
  assert_lawful
  assert_counter inet/stream/tcp opened 2
  assert_counter inet/stream/tcp connect_failed 1
}
