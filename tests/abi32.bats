#!/usr/bin/env bats
# The helpers read what is set here.
# shellcheck disable=SC2034
# 32-bit programs (i386 on x86-64, whose socket calls are socketcall(2) or direct ones; arm on aarch64) count as their
# 64-bit twins.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

setup() {
  requires "$PROGS32/exit_code" 0
}

assert_twins() { # assert_twins PROGRAM [ARG...]
  assert_builds_alike "$PROGS32" "$@"
}

@test "32-bit programs are 32-bit programs" {
  for program in "$PROGS32"/*; do
    [[ $program != *.d ]] || continue
    # ELFCLASS32, elf(5)
    assert_equal "$(head -c 5 "$program" | tail -c 1 | od -An -tu1 | tr -d ' ')" 1 "$program"
  done
}

# bats test_tags=vm
@test "32-bit: client and server, in one process, in several, in threads" {
  assert_twins tcp_pair 3
  assert_twins tcp_fork 5
  assert_twins tcp_threads 4 5
}

# bats test_tags=vm
@test "32-bit: socket calls by their own numbers" {
  assert_twins direct_calls
  assert_counts "unix/seqpacket/0 opened=2 closed=2 listen_failed=1" \
    "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3 connect_failed=1"
}

@test "32-bit: nonblocking connects, and accepts that would block" {
  assert_twins nonblock_connect
  assert_twins accept_would_block
}

@test "32-bit: every call failing" {
  assert_twins failures
}

@test "32-bit: every family, type and protocol" {
  assert_twins kinds
}

@test "32-bit: datagrams, unix sockets and their names, socket pairs" {
  assert_twins udp
  assert_twins unix_stream "$BATS_TEST_TMPDIR"
  assert_twins socketpair_use
}

# bats test_tags=vm
@test "32-bit: dup, fcntl64, close_range" {
  assert_twins dup_forms
  assert_twins close_range_forms
}

@test "32-bit: descriptors shared, copied, passed" {
  assert_twins fork_share
  assert_twins clone_files
  assert_twins unshare_files
  assert_twins scm_rights
}

@test "32-bit: exec, vfork, exec in a thread, daemon" {
  assert_twins cloexec_exec
  assert_twins vfork_exec
  assert_twins thread_exec
  assert_twins daemon
}

@test "32-bit: sockets left open, with their states" {
  assert_twins leak
}

@test "32-bit: addresses of sockets left open" {
  socktest_json_ok "$PROGS32/do_calls" serve tcp connect
  assert_equal "$(json '.sockets | map(.state) | join(" ")')" "listening connected"
  server=$(json '.sockets[0].local')
  [[ $server == 127.0.0.1:[1-9]* ]] || fail "local: $server"
  assert_equal "$(json '.sockets[1].peer')" "$server" "peer of the client"
}

@test "32-bit: a short socket is many short sockets" {
  assert_twins short_lived 500
}

@test "32-bit: an accept that a handled signal ends is interrupted, one that is made again is not" {
  for way in eintr restart timeout stop; do
    assert_twins signals $way
  done
  socktest_json_ok "$PROGS32/signals" eintr
  assert_counter inet/stream/tcp interrupted 1
  assert_counter inet/stream/tcp accept_failed 0
  socktest_json_ok "$PROGS32/signals" restart
  assert_counter inet/stream/tcp interrupted 0
}

@test "32-bit: SO_ERROR is seen where its arguments are in memory" {
  socktest_json_ok "$PROGS32/do_calls" bound tcp nonblock connect wait soerror
  assert_contains "$output" "soerror ECONNREFUSED"
  assert_equal "$(json '.sockets[] | select(.socket_err != "") | .socket_err')" ECONNREFUSED "what the program was told"
  assert_counter inet/stream/tcp connect_failed 1
}

# bats test_tags=vm
@test "32-bit: faults are injected into each call" {
  socktest_json_ok --fail-socket=EMFILE:when=3 --fail-listen=EADDRINUSE:when=2 --fail-accept=ECONNABORTED:when=1 \
    --fail-close=EIO:when=2 --fail-getsockopt=ENOBUFS \
    "$PROGS32/do_calls" serve tcp connect accept accept tcp soerror close close
  assert_equal "$output" "listen ok
tcp ok
connect ok
accept ECONNABORTED
accept ok
tcp EMFILE
getsockopt ENOBUFS
close EIO
close ok"
  assert_equal "$(json '.filters | map(.fired) | join(" ")')" "1 0 1 1 1" "fired"
}

@test "32-bit: conditions read the address that the call names" {
  port=$(free_port)
  socktest_json_ok --fail-connect=ETIMEDOUT:to=":$port" "$PROGS32/do_calls" serve tcp connect tcp "connect=$port"
  assert_equal "$output" "listen ok
tcp ok
connect ok
tcp ok
connect ETIMEDOUT"
  assert_counter inet/stream/tcp connected 1
  assert_counter inet/stream/tcp injected.connect 1
  socktest_json_ok --fail-accept=EPERM:on=@socktest-abi32* "$PROGS32/do_calls" serve=@socktest-abi32-$$ unix connect accept
  assert_contains "$output" "accept EPERM"
  assert_counter unix/stream/0 injected.accept 1
}

@test "32-bit: a call is held back" {
  socktest_json_ok --delay-connect=300ms "$PROGS32/do_calls" times serve tcp connect
  took=$(sed -n 's/^connect ok //p' <<<"$output")
  [ "$took" -ge 300 ] || fail "connect took $took ms"
  assert_counter inet/stream/tcp connected 1
}

@test "32-bit: events name the calls and the addresses" {
  run traced -q --events "$PROGS32/do_calls" serve tcp connect accept
  assert_status 0
  for call in 'socket(' 'listen(' 'connect(' 'accept(' 'close('; do
    assert_contains "$output" "$call"
  done
}

# bats test_tags=vm
@test "32-bit: calls of each instruction set are counted, and made to fail" {
  requires grep -q ^Seccomp_filters /proc/self/status
  # The second filter is added by calls of the same instruction.
  local filters=1
  [ "$ENGINE" != off ] || filters=0
  for set in a32 t32; do
    socktest_json_ok "$PROGS32/svc" $set
    assert_equal "$(paste -sd' ' <<<"$output")" "socket ok listen ok filters $filters close ok" "$set"
    assert_counts "inet/stream/tcp opened=1 listened=1 closed=1"
    socktest_json_ok --fail-socket=EMFILE "$PROGS32/svc" $set
    assert_contains "$output" "socket EMFILE"
    socktest_json_ok --fail-listen=EADDRINUSE --fail-close=EIO "$PROGS32/svc" $set
    assert_equal "$(paste -sd' ' <<<"$output")" "socket ok listen EADDRINUSE filters $filters close EIO" "$set"
    assert_counter inet/stream/tcp injected.listen 1
    assert_counter inet/stream/tcp injected.close 1
  done
}

# bats test_tags=vm
@test "a tree of 32-bit and 64-bit programs" {
  socktest_json_ok bash -c "'$PROGS32/tcp_pair' 2 && '$PROGS/tcp_pair' 3 && '$PROGS32/tcp_fork' 4"
  assert_counts "inet/stream/tcp opened=12 connected=9 listened=3 accepted=9 closed=21"
}

@test "a socket goes from a 32-bit program to a 64-bit one over exec, and back" {
  socktest_json_ok "$PROGS/give_socket" "$PROGS32/inherit" close
  expected=$(counts)
  socktest_json_ok "$PROGS32/give_socket" "$PROGS/inherit" close
  assert_counts "$expected"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"
  assert_none_inflight
}

@test "int 0x80 in a 64-bit program: 32-bit numbers mean 32-bit calls" {
  only_on x86_64 "int 0x80"
  socktest_json_ok "$PROGS/int80"
  assert_counts "inet/stream/tcp opened=4 connected=2 listened=2 accepted=2 closed=6"
}

@test "int 0x80 in a 64-bit program: the kernel takes the lower halves of registers" {
  only_on x86_64 "int 0x80"
  both "$PROGS/int80" upper
  assert_counts "inet/stream/tcp opened=4 connected=2 listened=2 accepted=2 closed=6"
  socktest_json --fail-connect=ENETDOWN:when=2 "$PROGS/int80" upper
  assert_status 1
  assert_contains "$output" "Network is down"
}

# bats test_tags=vm
@test "int 0x80 in a 64-bit program: faults" {
  only_on x86_64 "int 0x80"
  socktest_json --fail-connect=ENETDOWN:when=1 "$PROGS/int80"
  assert_status 1
  assert_contains "$output" "Network is down"
  socktest_json --fail-accept=EMFILE:when=2 "$PROGS/int80"
  assert_status 1
  assert_contains "$output" "Too many open files"
  assert_counts "inet/stream/tcp opened=4 connected=2 listened=2 accepted=1 closed=3 inflight=2 injected.accept=1"
}

@test "32-bit: inherited sockets are adopted" {
  run isolated "$PROGS/give_socket" timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json \
    -o "$BATS_TEST_TMPDIR/report.json" "$PROGS32/inherit" close
  assert_status 0
  report=$BATS_TEST_TMPDIR/report.json
  assert_lawful
  assert_counts "inet/stream/tcp closed=1 adopted=1"
}

# waits_in WAY CALL: when its time is up, the 32-bit program is said to be in that call (grep -E) on a socket; it
# is given more time only where it had not got there yet
waits_in() {
  local time
  for time in 500ms 5s 20s; do
    socktest_json --timeout=$time "$PROGS32/block" "$1"
    assert_status 124
    if json '.warnings[]' | grep -qE "\(block\) was in $2 on [0-9]+ \((inet/stream/tcp|unix/stream/0) "; then return; fi
  done
  fail "it was not in $2:" "$(json '.warnings[]')"
}

@test "32-bit: --timeout names the calls, those of socketcall(2) too, and their sockets" {
  waits_in accept 'accept4?'
  waits_in recv 'recv(from)?'
  waits_in poll 'p?poll(_time64)?'
}
