#!/usr/bin/env bats
# Many threads, sockets and processes at once.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

@test "2,000 threads, each with a socket open at the same time" {
  both "$PROGS/many_threads" 2000
  assert_counts "inet/stream/tcp opened=2000 closed=2000"
}

# bats test_tags=vm
@test "10,000 sockets left open at once: each is in the list" {
  both "$PROGS/many_sockets" 10000 keep
  assert_counts "inet/dgram/udp opened=$output inflight=$output"
}

# Sanitizers need about three times as much.
@test "with 10,000 sockets open at once socktest needs less than 10 MB" {
  local kib=10240
  if grep -q __asan_init "$SOCKTEST"; then kib=$((4 * kib)); fi
  # shellcheck disable=SC2016 # for another shell
  socktest_json_ok sh -c '"$0" 10000 keep && sed -n "s/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p" /proc/$PPID/status' \
    "$PROGS/many_sockets"
  [ "${lines[1]}" -lt $kib ] || fail "${lines[1]} KiB"
}

@test "200 processes that fork at once" {
  both "$PROGS/fork_at_once" 200
  assert_counts "inet/stream/tcp opened=401 closed=401"
}

# bats test_tags=vm
@test "a process among 30 busy ones has its turn as often as they have" {
  socktest_json_ok "$PROGS/busy_neighbours" 30
  [ "$output" -le 100 ] || fail "the busiest opened and closed $output sockets while another one did 3"
}
