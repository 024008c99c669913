#!/usr/bin/env bats
# Live control: --control=PATH and socktest ctl. control.py leads a program through each scenario.

load helpers

setup() {
  control=$BATS_TEST_TMPDIR/control
}

scenario() { # scenario NAME
  SOCKTEST=$SOCKTEST ENGINE=$ENGINE LIMIT=$LIMIT attempt isolated timeout -k 5 "$((2 * LIMIT))" \
    "$PYTHON" "$TESTS/control.py" "$1"
  assert_status 0
}

listening() {
  [ -S "$control" ]
}

@test "a client is greeted, over a socket that is the user's alone" {
  scenario greeting
}

@test "counters, sockets and reports in the middle of a run" {
  scenario middle
}

# bats test_tags=vm
@test "a filter that is set applies to the next call, until it is cleared" {
  scenario filters
}

@test "filters that need more to be traced can be set later too" {
  scenario every_filter
}

@test "wrong filters are refused, all or none, in one line" {
  scenario set_misuse
}

@test "wrong keys and kinds of values are refused, and nothing is done" {
  scenario wrong_keys
}

@test "filters in force are bounded, and those that ever were" {
  scenario many_filters
  scenario long_filters
}

@test "reset begins anew, and the law goes on holding" {
  scenario reset
}

@test "wait: at once, later, not in time, never" {
  scenario wait
}

@test "wait: sixteen of one client at a time" {
  scenario many_waits
}

@test "counters are looked at without the sockets, however many there are" {
  scenario many_sockets
}

@test "answers leave nothing behind" {
  scenario kept_memory
}

# bats test_tags=vm
@test "ask: the client in control lets a call pass, fail, fail after it ran, or wait" {
  scenario answer
}

@test "ask: accept, listen, getsockopt and close, too" {
  scenario answer_calls
}

@test "ask: a client in control that talks nonsense, half closes, says its last words, is followed by another" {
  scenario master_misuse
}

@test "ask: the warning names the filter whose calls passed" {
  scenario right_filter
}

@test "ask: questions do not pile up before a client that does not read" {
  scenario unread_questions
}

@test "ask: two calls held at once have their own answers" {
  scenario two_held
}

@test "ask: calls at the start wait for the first client" {
  scenario held_at_start
}

@test "ask: held calls pass when the client in control goes, with a warning" {
  scenario client_dies
}

@test "ask: a held task that is killed" {
  scenario task_dies
}

@test "ask: SIGTERM to socktest lets held calls go" {
  scenario terminated
}

@test "socktest ctl PATH ask passes questions and answers on" {
  scenario ask_command
}

@test "hostile clients harm neither socktest nor the program" {
  scenario hostile
}

@test "answers that nobody reads are bounded" {
  scenario deaf_crowd
}

@test "requests of clients that have gone again are carried out" {
  scenario gone_at_once
}

@test "a hundred clients while the program works" {
  scenario hundred
}

@test "a client that is there before the program" {
  scenario at_once
}

@test "a client that reads on when the program has ended" {
  scenario reads_to_the_end
}

@test "signals after the program's end do not keep the report from being written" {
  scenario late_signals
}

@test "attached processes are controlled, and let go in the middle of a question" {
  scenario attach
}

@test "the manual's example of a filter in Python" {
  scenario manual
}

@test "SIGUSR1 prints a report at once, further ones too, and the run goes on" {
  scenario report_signal
}

@test "other users are turned away, whatever the socket's mode" {
  requires root
  requires setpriv
  scenario other_user
}

@test "redis-server is asked and told under load" {
  requires redis-server
  requires redis-benchmark
  local port
  port=$(free_port)
  start redis "$SOCKTEST" trace --seccomp="$ENGINE" --control="$control" --format=json \
    -o "$BATS_TEST_TMPDIR/redis.json" redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$BATS_TEST_TMPDIR"
  attempt "$SOCKTEST" ctl --connect-timeout="${LIMIT}s" "$control" wait inet/stream 'listened>=1' --timeout="${LIMIT}s"
  assert_status 0
  attempt timeout "$LIMIT" redis-benchmark -q -p "$port" -c 20 -n 2000 -t ping
  assert_status 0
  attempt "$SOCKTEST" ctl "$control" wait inet/stream 'accepted>=20' --timeout="${LIMIT}s"
  assert_status 0
  attempt "$SOCKTEST" ctl "$control" stats --format=csv
  assert_contains "$output" "inet,stream,tcp"
  "$SOCKTEST" ctl "$control" set --fail-accept=ECONNABORTED:when=1
  attempt timeout "$LIMIT" redis-cli -p "$port" ping
  assert_equal "$output" PONG
  attempt "$SOCKTEST" ctl "$control" list
  [[ $output =~ --fail-accept=ECONNABORTED:when=1\ +[0-9]+\ +1 ]] || fail "it did not fire:" "$output"
  stop redis
  read_report redis
  [ ! -e "$control" ] || fail "the socket is still there"
}

@test "an asyncio server in the middle of its work" {
  start server "$SOCKTEST" trace --seccomp="$ENGINE" --control="$control" --format=json \
    -o "$BATS_TEST_TMPDIR/server.json" "$PYTHON" -u -c 'import asyncio
async def serve(reader, writer):
    writer.write(await reader.read(10)); await writer.drain(); writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1])
    await server.serve_forever()
asyncio.run(main())'
  wait_for grep -q . "$BATS_TEST_TMPDIR/server.out"
  for _ in 1 2 3; do
    "$PYTHON" -c 'import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); peer.send(b"x"); assert peer.recv(1) == b"x"' \
      "$(head -n 1 "$BATS_TEST_TMPDIR/server.out")"
  done
  attempt "$SOCKTEST" ctl "$control" wait inet/stream 'closed==3' --timeout="${LIMIT}s"
  assert_status 0
  attempt "$SOCKTEST" ctl "$control" report --format=json
  assert_equal "$(jq -c '.stats[] | select(.family == "inet") | [.opened, .accepted, .closed, .inflight]' <<<"$output")" "[1,3,3,1]"
  stop server
  read_report server
}

@test "COMMAND finds the socket when it starts, and its mode" {
  attempt traced -q --control="$control" stat -c %a "$control"
  assert_equal "$output" 600
  [ ! -e "$control" ] || fail "the socket is still there"
}

@test "the socket goes with the run when COMMAND is not found, or killed" {
  attempt traced -q --control="$control" /nonexistent/command
  assert_status 127
  [ ! -e "$control" ] || fail "the socket is still there"
  # shellcheck disable=SC2016
  attempt traced -q --control="$control" sh -c 'kill -KILL $$'
  assert_status 137
  [ ! -e "$control" ] || fail "the socket is still there"
}

@test "the path of a dead socktest is taken over, that of a live one refused" {
  start first "$SOCKTEST" trace --seccomp="$ENGINE" --control="$control" sleep 600
  wait_for listening
  attempt traced --control="$control" touch "$BATS_TEST_TMPDIR/mark"
  assert_status 125
  assert_equal "$output" "socktest: --control=$control: somebody listens there already"
  [ ! -e "$BATS_TEST_TMPDIR/mark" ] || fail "COMMAND ran"
  listening || fail "the other's socket is gone"
  stop first KILL
  listening || fail "SIGKILL leaves the socket"
  attempt traced -q --control="$control" true
  assert_status 0
}

@test "of several that want the path of a dead one at once one gets it" {
  scenario one_wins
}

@test "--control refuses what cannot be a socket, and leaves it alone" {
  echo precious >"$control"
  attempt traced --control="$control" true
  assert_status 125
  assert_equal "$output" "socktest: --control=$control: there is a file that is no socket"
  assert_equal "$(cat "$control")" precious
  rm "$control"
  # connect(2) of a stream socket to a datagram one: EPROTOTYPE
  attempt "$PYTHON" -c 'if True:
    import socket, subprocess, sys
    one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.bind(sys.argv[1])
    sys.exit(subprocess.call([sys.argv[2], "trace", "--control=" + sys.argv[1], "true"]))' "$control" "$SOCKTEST"
  assert_status 125
  assert_equal "$output" "socktest: --control=$control: Protocol wrong type for socket"
  attempt traced --control= true
  assert_status 125
  assert_contains "$output" "a socket's path is 1 to 107 bytes long"
  attempt traced --control="/tmp/$(printf '%0200d' 0)" true
  assert_status 125
  assert_contains "$output" "a socket's path is 1 to 107 bytes long"
  attempt traced --control="$BATS_TEST_TMPDIR/nowhere/socket" true
  assert_status 125
  assert_contains "$output" "No such file or directory"
}

@test "COMMAND inherits nothing of --control: no descriptor, disposition or mask" {
  local state
  # shellcheck disable=SC2016
  state='grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status; ls /proc/self/fd; readlink /proc/self/fd/* | grep -c socket'
  attempt isolated env --ignore-signal=HUP --block-signal=IO sh -c "$state"
  local plain=$output
  attempt isolated env --ignore-signal=HUP --block-signal=IO "$SOCKTEST" trace --seccomp="$ENGINE" -q \
    --control="$control" sh -c "$state"
  assert_equal "$output" "$plain"
}

@test "ask needs somebody to be asked" {
  attempt traced --fail-connect=ask true
  assert_status 125
  assert_equal "$output" "socktest: --fail-connect=ask: nobody can be asked without --control=PATH"
}

@test "ctl: wrong words, and nobody or somebody else at the other end" {
  attempt "$SOCKTEST" ctl
  assert_status 125
  assert_contains "$output" "no PATH"
  attempt "$SOCKTEST" ctl "$control"
  assert_status 125
  assert_contains "$output" "no REQUEST"
  attempt "$SOCKTEST" ctl "$control" stat
  assert_status 125
  assert_contains "$output" "did you mean stats?"
  attempt "$SOCKTEST" ctl "$control" stats --format=tabel
  assert_status 125
  assert_contains "$output" "did you mean table?"
  attempt "$SOCKTEST" ctl --connect-timeout=1 "$control" stats
  assert_status 125
  assert_contains "$output" "must be a time"
  attempt "$SOCKTEST" ctl --connect-timeout=10ms "$control" stats
  assert_status 125
  assert_equal "${#lines[@]}" 1
  assert_contains "$output" "nobody listens there"
  local greeting
  for greeting in rubbish '{"protocol": "socktest-control/9"}' ''; do
    rm -f "$control"
    start other "$PYTHON" -c 'import socket, sys
listener = socket.socket(socket.AF_UNIX); listener.bind(sys.argv[1]); listener.listen()
peer, _ = listener.accept(); peer.sendall(sys.argv[2].encode() + b"\n" if sys.argv[2] else b"")' "$control" "$greeting"
    attempt "$SOCKTEST" ctl --connect-timeout="${LIMIT}s" "$control" stats
    assert_status 125
    assert_equal "${#lines[@]}" 1
    assert_contains "$output" "$control"
    finish other
  done
}

@test "what is wrong with the words of a request is said before anybody is asked" {
  while IFS='|' read -r words line; do
    # shellcheck disable=SC2086 # several words
    attempt "$SOCKTEST" ctl "$BATS_TEST_TMPDIR/nobody" $words
    assert_status 125
    assert_equal "$output" "socktest: ctl $line"
  done <<'END'
set|set: no OPTION, as --fail-connect=ECONNREFUSED
set connect|set: connect: no OPTION, as --fail-connect=ECONNREFUSED
wait|wait: no EXPECTATION, as inet/stream 'accepted>=3'
wait inet|wait: inet: a counter or a number is missing at the end
clear 1 x|clear: x is no ID; list names them
list x|list: takes no operand, as x
END
}

@test "ctl --help names every request" {
  attempt "$SOCKTEST" ctl --help
  assert_status 0
  local request
  for request in stats sockets report set clear list reset wait ask; do assert_contains "$output" "  $request "; done
}
