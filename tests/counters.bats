#!/usr/bin/env bats
# The counters of each small program, worked out by hand from its source.

load helpers

# bats test_tags=vm
@test "tcp_pair: client and server in one process" {
  socktest_json_ok "$PROGS/tcp_pair" 3
  assert_counts "inet/stream/tcp opened=4 connected=3 listened=1 accepted=3 closed=7"
}

# bats test_tags=vm
@test "tcp_fork: a socket that a child inherited is closed when the last of both closes it" {
  socktest_json_ok "$PROGS/tcp_fork" 3
  assert_counts "inet/stream/tcp opened=4 connected=3 listened=1 accepted=3 closed=7"
}

@test "tcp_fork: a child that ends before its parent's fork is seen to return is counted once" {
  for _ in 1 2 3 4 5; do
    socktest_json_ok "$PROGS/tcp_fork" 20
    assert_counts "inet/stream/tcp opened=21 connected=20 listened=1 accepted=20 closed=41"
  done
}

# bats test_tags=vm
@test "tcp_threads: many threads on one table" {
  socktest_json_ok "$PROGS/tcp_threads" 8 10
  assert_counts "inet/stream/tcp opened=81 connected=80 listened=1 accepted=80 closed=161"
}

# bats test_tags=vm
@test "nonblock_connect: each pending connect is counted once, however its end is learnt" {
  socktest_json_ok "$PROGS/nonblock_connect"
  # Connected: by SO_ERROR, by a second connect. Failed: EISCONN where nothing was pending, refused by
  # SO_ERROR, by a second connect, and blocking.
  assert_counts "inet/stream/tcp opened=7 connected=2 listened=1 closed=7 connect_failed=4"
}

@test "connect_unasked: what the kernel says of a connect counts when the descriptors go, unless the program hears" {
  local how
  for how in close_range exec; do
    socktest_json_ok "$PROGS/connect_unasked" $how
    assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=1 inflight=1"
  done
  socktest_json_ok "$PROGS/connect_unasked" exit
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2"
  socktest_json_ok "$PROGS/connect_unasked" reset
  assert_counts "inet/stream/tcp opened=2 listened=1 closed=1 connect_failed=1 inflight=1"
}

@test "a connect whose end the program never asks for is settled by what the kernel knows" {
  socktest_json_ok "$PROGS/do_calls" serve tcp nonblock connect wait close
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 closed=1 inflight=1"
  socktest_json_ok "$PROGS/do_calls" bound tcp nonblock connect wait close
  assert_counts "inet/stream/tcp opened=2 closed=1 connect_failed=1 inflight=1"
  socktest_json_ok "$PROGS/do_calls" serve tcp nonblock connect wait
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2"
}

# Its socket is IPv6, and what it connects to is not.
# bats test_tags=vm
@test "so_error: SO_ERROR is 0 before a connect has ended, and when another call was told of its failure" {
  local how
  while read -r how counts; do
    both "$PROGS/so_error" "$how"
    # shellcheck disable=SC2086 # several words
    assert_equal "$(counts | grep inet6)" "inet6/stream/tcp opened=1 $counts" "$how"
  done <<'END'
early closed=1 connect_failed=1
undecided closed=1 pending=1
late closed=1 connect_failed=1
dissolved connected=1 closed=1 connect_failed=1
twice connected=4 closed=1
END
  run traced -q --events "$PROGS/so_error" late
  assert_contains "$output" "SO_ERROR, [0 failed]) = 0"
  run traced -q --events "$PROGS/so_error" undecided
  assert_contains "$output" "SO_ERROR, [0 undecided]) = 0"
}

@test "MPTCP: a connect whose end the program never asks for is settled, or pending as long as it is" {
  requires env "$PROGS/connect_mptcp" # CONFIG_MPTCP, net.mptcp.enabled
  local way
  for way in "done" reset; do
    socktest_json_ok "$PROGS/connect_mptcp" $way
    assert_counter inet/stream/mptcp connected 1
    assert_counter inet/stream/mptcp connect_failed 0
  done
  socktest_json_ok "$PROGS/connect_mptcp" refused
  assert_counter inet/stream/mptcp connect_failed 1
  socktest_json_ok "$PROGS/connect_mptcp" pending
  assert_counter inet/stream/mptcp pending 1
  assert_counter inet/stream/mptcp connect_failed 0
}

@test "a leaked socket has its addresses in the report, also where two descriptors of one process name it" {
  socktest_json_ok "$PROGS/connect_unasked" exit
  assert_equal "$(json '[.sockets[].local | startswith("127.0.0.1:")] | all')" true "local addresses of all"
}

@test "accept_would_block: EAGAIN is no failure" {
  socktest_json_ok "$PROGS/accept_would_block"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3 would_block=3"
}

# bats test_tags=vm
@test "dup_forms: a socket is closed with its last descriptor, by dup2 and dup3 too" {
  socktest_json_ok "$PROGS/dup_forms"
  assert_counts "inet/stream/tcp opened=6 closed=6"
}

# bats test_tags=vm
@test "close_range_forms: plain, close-on-exec, unshared" {
  socktest_json_ok "$PROGS/close_range_forms"
  assert_counts "inet/stream/tcp opened=5 closed=5"
}

# bats test_tags=vm
@test "cloexec_exec: every way to close at an exec, and none that stays open" {
  socktest_json_ok "$PROGS/cloexec_exec"
  assert_counts "unix/stream/0 opened=2 closed=2" \
    "inet/stream/tcp opened=8 closed=8" \
    "inet/dgram/udp opened=1 closed=1"
}

@test "fork_share: closed by parent and child in every order, and once left open by the child" {
  socktest_json_ok "$PROGS/fork_share"
  assert_counts "inet/stream/tcp opened=4 closed=3 inflight=1"
}

# bats test_tags=vm
@test "vfork_exec: the child of a vfork" {
  socktest_json_ok "$PROGS/vfork_exec"
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

@test "clone_files: a process that shares the descriptor table" {
  socktest_json_ok "$PROGS/clone_files"
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

@test "unshare_files: a thread with a table of its own" {
  socktest_json_ok "$PROGS/unshare_files"
  assert_counts "inet/stream/tcp opened=4 closed=3 inflight=1"
}

# bats test_tags=vm
@test "socketpair_use: two opened each, one failure" {
  socktest_json_ok "$PROGS/socketpair_use"
  assert_counts "unix/stream/0 opened=4 closed=3 inflight=1" \
    "unix/dgram/0 opened=2 closed=2" \
    "unix/seqpacket/0 opened=2 closed=2" \
    "inet/stream/tcp open_failed=1"
}

@test "leak: what is open at the end is inflight" {
  socktest_json_ok "$PROGS/leak"
  assert_counts "unix/stream/0 opened=2 inflight=2" \
    "unix/dgram/0 opened=1 inflight=1" \
    "inet/stream/tcp opened=5 connected=2 listened=2 accepted=1 pending=1 inflight=6" \
    "inet/dgram/udp opened=1 inflight=1"
}

# bats test_tags=vm
@test "leak: each inflight socket has its state, addresses, descriptor and opener" {
  socktest_json_ok "$PROGS/leak"
  assert_equal "$(json '[.sockets[] | select(.family == "inet" and .type == "stream") | .state] | sort | join(" ")')" \
    "connected connected connected connecting listening listening" "states of the TCP sockets"
  assert_equal "$(json '.sockets[] | select(.family == "unix") | .state')" "unconnected
connected
connected" "states of the unix sockets"
  assert_equal "$(json '.sockets | map(.fd) | join(" ")')" "3 4 5 6 7 8 9 10 11 12" "descriptors"
  assert_equal "$(json '.sockets[] | select(.fd == 5) | .opened_by.call')" "accept" "opener of the accepted one"
  assert_equal "$(json '.sockets | map(.command) | unique[]')" "leak" "command"
  assert_equal "$(json '.sockets | map(.pid == .opened_by.pid and .pid == .opened_by.tid) | all')" "true" "pids"
  assert_equal "$(json '.sockets | map(.opened_by.age_ns > 0) | all')" "true" "ages"
  # The client's peer is the first listener's address, the accepted one's local address too.
  listener=$(json '.sockets[] | select(.fd == 3) | .local')
  [[ $listener == 127.0.0.1:* ]] || fail "local address of the listener: $listener"
  assert_equal "$(json '.sockets[] | select(.fd == 4) | .peer')" "$listener" "peer of the client"
  assert_equal "$(json '.sockets[] | select(.fd == 5) | .local')" "$listener" "local address of the accepted one"
  assert_equal "$(json '.sockets[] | select(.fd == 5) | .peer')" "$(json '.sockets[] | select(.fd == 4) | .local')" \
    "peer of the accepted one"
  assert_equal "$(json '.sockets[] | select(.state == "connecting") | .err')" "EALREADY" "error of the connecting one"
}

# bats test_tags=vm
@test "failures: each is counted under its cookie, and what is no socket nowhere" {
  socktest_json_ok "$PROGS/failures"
  assert_counts "unix/stream/0 opened=1 closed=1 connect_failed=1 listen_failed=1" \
    "unix/stream/77 open_failed=1" \
    "unix/dgram/0 opened=1 closed=1 listen_failed=1 accept_failed=1" \
    "inet/stream/tcp opened=2 closed=2 connect_failed=3 accept_failed=2" \
    "inet/stream/udp open_failed=1" \
    "inet/15/ip open_failed=1" \
    "250/stream/0 open_failed=1"
}

@test "udp: each connect that returns 0 counts" {
  socktest_json_ok "$PROGS/udp"
  assert_counts "inet/dgram/udp opened=3 connected=2 closed=3" "inet6/dgram/udp opened=1 closed=1"
}

@test "unix_stream: path, abstract and autobound names" {
  socktest_json_ok "$PROGS/unix_stream" "$BATS_TEST_TMPDIR"
  assert_counts "unix/stream/0 opened=8 connected=4 listened=4 accepted=4 closed=12" \
    "unix/seqpacket/0 opened=2 connected=1 listened=1 accepted=1 closed=3"
}

# As traced, but with a socket as stdin.
inherits() {
  report=$BATS_TEST_TMPDIR/report.json
  run isolated timeout -k 5 "$LIMIT" "$PROGS/give_socket" \
    "$SOCKTEST" trace --seccomp="$ENGINE" --format=json -o "$report" "$PROGS/inherit" "$1"
  assert_status 0
  assert_lawful
}

@test "inherit: a socket that was there at the start is adopted, then closed" {
  inherits close
  assert_counts "inet/stream/tcp closed=1 adopted=1"
}

@test "inherit: an adopted socket that stays open is inflight" {
  inherits keep
  assert_counts "inet/stream/tcp adopted=1 inflight=1"
  assert_equal "$(json '.sockets[0] | "\(.fd) \(.state) \(.opened_by.call)"')" "0 connected " "the adopted socket"
}

@test "inherit: an adopted socket that an exec closes is closed" {
  inherits exec
  assert_counts "inet/stream/tcp closed=1 adopted=1"
}

@test "signals: an accept that is restarted counts once" {
  socktest_json_ok "$PROGS/signals" restart
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"
}

@test "signals: an accept that a handler without SA_RESTART ends is interrupted" {
  socktest_json_ok "$PROGS/signals" eintr
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3 interrupted=1"
}

@test "signals: an accept with a timeout is interrupted in spite of SA_RESTART" {
  socktest_json_ok "$PROGS/signals" timeout
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3 interrupted=1"
}

@test "signals: stop and continue; the parent sees both" {
  socktest_json_ok "$PROGS/signals" stop
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"
}

@test "thread_exec: an exec by a thread ends the others and keeps the table" {
  socktest_json_ok "$PROGS/thread_exec"
  assert_counts "inet/stream/tcp opened=3 listened=1 closed=3"
}

# bats test_tags=vm
@test "many_sockets: 10,000 open at once, or as many as the limit allows" {
  socktest_json_ok "$PROGS/many_sockets" 10000
  assert_counts "inet/dgram/udp opened=$output closed=$output"
}

@test "short_lived: a thousand sockets, one after the other" {
  socktest_json_ok "$PROGS/short_lived" 1000
  assert_counts "inet/stream/tcp opened=1000 closed=1000"
}

@test "threads_race_close: of four closes at once one is the socket's, and the others are on nothing" {
  socktest_json_ok "$PROGS/threads_race_close" 20
  assert_counts "inet/stream/tcp opened=20 closed=20"
}

@test "daemon: a grandchild is followed beyond its parents' end" {
  socktest_json_ok "$PROGS/daemon"
  assert_counts "inet/stream/tcp opened=3 connected=1 listened=1 accepted=1 closed=4"
}

# bats test_tags=vm
@test "scm_rights: a socket that comes out of a message is the one that went in" {
  socktest_json_ok "$PROGS/scm_rights"
  assert_counts "unix/stream/0 opened=2 closed=2" \
    "inet/stream/tcp opened=3 connected=2 listened=1 accepted=2 closed=5"
}

@test "killed: the sockets of a killed program are inflight" {
  socktest_json "$PROGS/killed" 9
  assert_status 137
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2"
}

@test "killed_exiting: what is killed while it ends leaves its sockets inflight, and closes none" {
  # The kill hits the moment once in thousands of children.
  socktest_json_ok "$PROGS/killed_exiting" 2000
  assert_counts "inet/stream/tcp opened=2000 inflight=2000"
}

# bats test_tags=vm
@test "kinds: whatever opens is closed" {
  socktest_json_ok "$PROGS/kinds"
  assert_none_inflight
  assert_equal "$(json '[.stats[].opened] | add > 20')" "true" "more than 20 kinds open"
  assert_equal "$(json '[.stats[] | .adopted + .close_failed] | add')" "0" "adopted and close_failed"
  assert_equal "$(json '.stats | map(.cookie) == (map(.cookie) | unique)')" "true" "each cookie stands once, in order"
}

@test "--no-follow: children run untraced, and their copies are not known" {
  if [ "$ENGINE" = on ]; then
    run traced --no-follow "$PROGS/tcp_fork"
    assert_status 125
    assert_contains "$output" "--no-follow"
    return
  fi
  socktest_json_ok --no-follow "$PROGS/tcp_fork" 3
  assert_counts "inet/stream/tcp opened=1 listened=1 accepted=3 closed=4"
}

@test "--count=go: every connect error is a failure, every good SO_ERROR a connect, cookies are raw" {
  socktest_json_ok --count=go "$PROGS/nonblock_connect"
  assert_equal "$(json '.stats[] | "\(.cookie) \(.opened) \(.connected) \(.listened) \(.closed) \(.connect_failed) \(.pending)"')" \
    "0x0002000000010000 3 0 1 3 1 0
0x0002000808010006 4 5 0 4 6 0" "cookie opened connected listened closed connect_failed pending"
}

@test "--count=go: EAGAIN is a failed accept" {
  socktest_json_ok --count=go "$PROGS/accept_would_block"
  assert_counts "inet/stream/ip opened=2 connected=1 listened=1 accepted=1 closed=3 accept_failed=3"
}

@test "--count=go: closes of duplicates are not counted" {
  socktest_json_ok --count=go "$PROGS/dup_forms"
  assert_counter inet/stream/ip opened 6
  assert_counter inet/stream/ip closed 3
}

@test "--count=go: socketpairs and adopted sockets are not counted" {
  socktest_json_ok --count=go "$PROGS/socketpair_use"
  assert_counts
}
