#!/usr/bin/env bats
# io_uring does without calls that could be traced: programs that use it are warned of, or made to do without.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# Fails where the kernel has no io_uring, or forbids it (kernel.io_uring_disabled).
rings_work() {
  "$PROGS/uring_pair" 1 leave | grep -x rings
}

uring_warnings() {
  json '.warnings[] | select(contains("io_uring"))'
}

# bats test_tags=vm
@test "io_uring: a warning says which process made how many rings" {
  requires rings_work
  socktest_json_ok "$PROGS/uring_pair" 3
  assert_equal "$output" rings
  [[ $(uring_warnings) =~ ^"process "[0-9]+" (uring_pair) made 3 io_uring rings:" ]] || fail "$(uring_warnings)"
  socktest_json_ok --io-uring=warn "$PROGS/uring_pair" 1
  [[ $(uring_warnings) == *"(uring_pair) made 1 io_uring ring:"* ]] || fail "$(uring_warnings)"
}

@test "io_uring: a warning for each process" {
  requires rings_work
  socktest_json_ok bash -c "'$PROGS/uring_pair' 1; '$PROGS/uring_pair' 2; '$PROGS/tcp_pair' 1"
  assert_equal "$(uring_warnings | sed 's/^process [0-9]* //; s/:.*//')" "(uring_pair) made 1 io_uring ring
(uring_pair) made 2 io_uring rings" "warnings"
  assert_equal "$(uring_warnings | cut -d' ' -f2 | sort -u | wc -l)" 2 "processes"
}

@test "io_uring: the table says the warning too" {
  requires rings_work
  run traced "$PROGS/uring_pair" 2
  assert_status 0
  assert_contains "$output" "(uring_pair) made 2 io_uring rings"
  run traced -q "$PROGS/uring_pair" 2
  assert_equal "$output" rings
}

@test "io_uring: a socket that a ring made is adopted by the first call that names it" {
  requires rings_work
  socktest_json_ok "$PROGS/uring_pair" 1
  # The server's own calls are counted; the sockets that came through the ring were closed by calls.
  assert_counter inet/stream/tcp listened 1
  assert_counter inet/stream/tcp connected 0
  assert_counter inet/stream/tcp accepted 0
  assert_counter inet/stream/tcp closed 3
  assert_equal "$(($(counter inet/stream/tcp opened) + $(counter inet/stream/tcp adopted)))" 3 "opened + adopted"
  [ "$(counter inet/stream/tcp adopted)" -ge 1 ] || fail "nothing was adopted"
}

@test "io_uring: a socket that no call ever named is found at the end, with its addresses" {
  requires rings_work
  socktest_json_ok "$PROGS/uring_pair" 1 leave
  assert_counter inet/stream/tcp inflight 3
  assert_equal "$(json '.sockets | map(.state) | sort | join(" ")')" "connected connected listening" "states"
  assert_equal "$(json '[.sockets[] | select(.state == "connected") | select((.local | startswith("127.0.0.1:")) and (.peer | startswith("127.0.0.1:")))] | length')" \
    2 "connections with addresses"
}

# bats test_tags=vm
@test "io_uring: a program without rings is not warned of" {
  socktest_json_ok "$PROGS/tcp_pair" 1
  assert_equal "$(uring_warnings)" ""
}

# bats test_tags=vm
@test "io_uring: --io-uring=deny has the program do without, and its sockets are counted" {
  socktest_json_ok --io-uring=deny "$PROGS/uring_pair" 2
  assert_equal "$output" calls
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"
  assert_equal "$(uring_warnings)" ""
}

@test "io_uring: --io-uring=deny holds for children, and lets faults reach the calls" {
  socktest_json --io-uring=deny --fail-connect=ENETDOWN bash -c "'$PROGS/uring_pair' 1; exit"
  assert_status 1
  assert_contains "$output" "Network is down"
  assert_counter inet/stream/tcp injected.connect 1
}

@test "io_uring: --io-uring=allow says nothing" {
  requires rings_work
  socktest_json_ok --io-uring=allow "$PROGS/uring_pair" 2
  assert_equal "$output" rings
  assert_equal "$(json '.warnings | length')" 0 "warnings"
}

@test "io_uring: a wrong word is misuse" {
  for word in yes '' WARN warn,deny; do
    attempt traced "--io-uring=$word" "$PROGS/exit_code" 0
    assert_status 125
    assert_contains "$output" "--io-uring=$word"
    assert_equal "${#lines[@]}" 1 "lines"
  done
}

@test "io_uring: what io_uring_setup gives untraced is what the program sees, but for deny" {
  plain=$(isolated "$PROGS/uring_pair" 2>&1) || true
  for use in warn allow; do
    run traced -q --io-uring=$use "$PROGS/uring_pair"
    assert_equal "$output" "$plain" "output with --io-uring=$use"
  done
}
