#!/usr/bin/env bats
# --events-format: recordings in JSON lines, and Chrome's trace events.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

setup() {
  events=$BATS_TEST_TMPDIR/events
}

# record FORMAT [OPTION...] COMMAND...: with a report in JSON, too
record() {
  local format=$1
  shift
  socktest_json_ok --events="$events" --events-format="$format" "$@"
}

# of EVENT JQ-FILTER: the lines of that kind, in a recording
of() {
  jq -c "select(.event == \"$1\") | $2" "$events"
}

assert_ascii() {
  run ! env LC_ALL=C grep -qE '[^ -~]' "$events"
}

# ---- jsonl ----

# bats test_tags=vm
@test "jsonl: each call with caller, descriptor, socket, decoded arguments and result" {
  record jsonl "$PROGS/do_calls" serve tcp connect accept4 soerror close
  assert_equal "$(jq -cs '.[0] | keys_unsorted' "$events")" \
    '["schema","start","start_ns","count","leak_check","suppressions","command"]'
  assert_equal "$(jq -rs '.[0] | "\(.schema) \(.count) \(.command[1:] | join(" "))"' "$events")" \
    "socktest-events/1 socktest serve tcp connect accept4 soerror close"
  assert_equal "$(of call 'select(.new_sockets != []) | [.call, .fd, .new_sockets]')" \
    '["socket",null,[1]]
["socket",null,[2]]
["accept4",3,[3]]'
  assert_equal "$(of call '[.call, .fd, .socket, .args, .result, .error]' | sed 's/127.0.0.1:[0-9]*/ADDRESS/')" \
    '["socket",null,null,{"family":"inet","type":"stream","protocol":0,"flags":""},3,""]
["bind",3,1,{"address":"ADDRESS"},0,""]
["listen",3,1,{"backlog":128},0,""]
["socket",null,null,{"family":"inet","type":"stream","protocol":0,"flags":""},4,""]
["connect",4,2,{"address":"ADDRESS"},0,""]
["accept4",3,1,{"peer":null,"flags":"cloexec"},5,""]
["close",5,3,{},0,""]
["getsockopt",4,2,{"level":"SOL_SOCKET","option":"SO_ERROR","so_error":""},0,""]
["close",4,2,{},0,""]'
  assert_equal "$(of call '[.pid == .tid, .command, .cookie]' | sort -u)" \
    '[true,"do_calls","0x0002000000010006"]
[true,"do_calls",null]'
  assert_equal "$(of call '.time_ns >= .duration_ns' | sort -u)" true
}

@test "jsonl: the start is the time of day" {
  local before
  before=$(date +%s)
  record jsonl "$PROGS/do_calls" tcp
  assert_equal "$(jq -s ".[0] | .start_ns / 1000000000 | . >= $before and . < $(($(date +%s) + 1))" "$events")" true
  assert_equal "$(date -d "$(jq -rs '.[0].start' "$events")" +%s%N)" \
    "$(grep -o '"start_ns":[0-9]*' "$events" | cut -d: -f2)"
}

@test "jsonl: arguments of all other calls are decoded, too" {
  record jsonl "$PROGS/dup_forms"
  assert_contains "$(of call '[.call, .args]')" '"flags":"cloexec"'
  record jsonl "$PROGS/close_range_forms"
  assert_contains "$(of call '[.call, .args]')" '"flags":"CLOSE_RANGE_UNSHARE"'
  record jsonl "$PROGS/socketpair_use"
  assert_contains "$(of call '[.call, .args, .new_sockets]')" '"fds":[3,4]},[1,2]]'
}

@test "jsonl: a failed call has its errno, an injected one its filter, a held one the delay" {
  record jsonl --fail-connect=EPERM:when=2 --delay-close=20ms "$PROGS/do_calls" \
    bound tcp connect connect close
  assert_equal "$(of call 'select(.call == "connect") | [.result, .error, .filter, .injected]')" \
    '[-1,"ECONNREFUSED","",false]
[-1,"EPERM","--fail-connect=EPERM:when=2",true]'
  assert_equal "$(of call 'select(.delay_ns > 0) | [.call, .filter, .injected, .delay_ns, .duration_ns >= 20000000]' |
    sort -u)" '["close","--delay-close=20ms",false,20000000,true]'
}

@test "jsonl: an errno after the call comes with what the kernel said, a promised one with that" {
  record jsonl --after-connect=ECONNRESET "$PROGS/do_calls" serve tcp connect
  assert_equal "$(of call 'select(.call == "connect") | [.result, .error, .injected, .promised, .kernel_error]')" \
    '[-1,"ECONNRESET",true,false,""]'
  record jsonl --fail-connect=EHOSTUNREACH:async "$PROGS/do_calls" serve tcp nonblock connect wait soerror soerror
  assert_equal "$(of call 'select(.fd == 4) | [.call, .error, .args.so_error, .filter, .injected, .promised]')" \
    '["connect","EINPROGRESS",null,"--fail-connect=EHOSTUNREACH:async",true,false]
["getsockopt","","EHOSTUNREACH","--fail-connect=EHOSTUNREACH:async",true,true]
["getsockopt","","","",false,false]'
  record perfetto --after-connect=ECONNRESET "$PROGS/do_calls" serve tcp connect
  assert_equal "$(jq -c '.[] | select(.name == "connect") | .args.error' "$events")" '"ECONNRESET"'
}

@test "jsonl: with -k calls have the numbers of their stacks, which are told once, with how they end" {
  record jsonl "$PROGS/stacks" deep 200
  assert_equal "$(of call .stack | sort -u)" null
  assert_equal "$(of stack .)" ""
  record jsonl -k "$PROGS/stacks" deep 200
  assert_equal "$(of stack '[.stack, .frames[0].function, (.frames | length > 100), .end]')" \
    '[1,"socket",true,"and more callers"]'
  assert_equal "$(of call .stack)" 1
}

@test "jsonl: each stack is told once, before the first line that names it, however often it comes" {
  record jsonl -k "$PROGS/stacks" places 200
  "$PYTHON" - "$events" <<'END'
import json, sys
told, named, calls = set(), set(), 0
for line in map(json.loads, open(sys.argv[1])):
    if line.get("event") == "stack":
        assert line["stack"] not in told, line
        told.add(line["stack"])
    for stack in [line.get("stack"), line.get("opened_by", {}).get("stack")]:
        assert stack is None or stack in told, line
        named.add(stack)
    calls += line.get("event") == "call"
assert calls >= 200 and told == named - {None}, (calls, told, named)
assert len(told) < 40, len(told)
END
  [ "$(stat -c %s "$events")" -lt 400000 ] || fail "it has $(stat -c %s "$events") bytes"
}

@test "jsonl: looking a stack up is no part of the time that the call took" {
  record jsonl -k "$PROGS/do_calls" tcp tcp
  assert_equal "$(of call '.duration_ns < 50000000' | sort -u)" true
  jq 'select(.event) | .time_ns' "$events" | sort -n -c
}

@test "jsonl: a call that was not over when its task ended has no result, and is not counted" {
  socktest_json --events="$events" --events-format=jsonl --timeout=1s "$PROGS/block" accept
  assert_status 124
  assert_equal "$(of call 'select(.result == null) | [.call, .fd, .socket, .result, .error, .new_sockets]')" \
    '["accept",3,1,null,"",[]]'
  assert_equal "$(of call 'select(.result == null) | .duration_ns > 100000000')" true
  sed -i '$d' "$events"
  "$SOCKTEST" report --format=json "$events" >"$BATS_TEST_TMPDIR/cut"
  assert_equal "$(jq -c .stats "$BATS_TEST_TMPDIR/cut")" "$(json '.stats | tojson')"
  record perfetto "$PROGS/restarts" accept jump
  assert_equal "$(jq -c '[.[] | select(.ph == "X" and .name == "accept") | .args | has("result") or has("error")] |
    [(map(select(.)) | length), (map(select(. | not)) | length)]' "$events")" '[1,3]'
}

@test "jsonl: a socket's life is told from its opening to its end, whoever ends it" {
  record jsonl "$PROGS/do_calls" serve tcp connect accept4
  assert_equal "$(of socket '[.change, .socket, .fd, .opened_by.call]')" \
    '["opened",1,3,"socket"]
["opened",2,4,"socket"]
["accepted",3,5,"accept4"]
["closed",3,5,"accept4"]
["left",1,3,"socket"]
["left",2,4,"socket"]'
}

@test "jsonl: the turns of all sockets add up to the counters" {
  local program
  for program in "tcp_fork 2 3" "tcp_threads 4 10" scm_rights cloexec_exec dup_forms vfork_exec daemon; do
    # shellcheck disable=SC2086 # words
    record jsonl "$PROGS/"$program
    # One that was adopted and turns out to be another's was taken back there.
    assert_equal "$(jq -s '[.[] | select(.event == "socket")] | group_by(.socket) | map(
        (map(.change)) as $turns
        | { opened: ($turns | any(. == "opened")), accepted: ($turns | any(. == "accepted")),
            inflight: ($turns | last | . != "closed") }
        | .adopted = (.opened or .accepted | not))
      | [["opened", "accepted", "adopted", "inflight"][] as $name | map(select(.[$name])) | length]' -c "$events")" \
      "$(jq -c '[[.stats[].opened], [.stats[].accepted], [.stats[].adopted], [.stats[].inflight]] | map(add // 0)' \
        "$report")" "opened, accepted, adopted, inflight of $program"
  done
}

@test "jsonl: the last line is the report" {
  record jsonl --fail-connect=EPERM --require-fired "$PROGS/do_calls" serve tcp connect close
  assert_equal "$(tail -n 1 "$events" | jq -cS .report)" "$(jq -cS . "$report")"
  assert_equal "$(of end .time_ns)" "$(json .duration_ns)"
}

@test "jsonl: lines of many threads are whole, and their times do not go back" {
  record jsonl "$PROGS/tcp_threads" 8 20
  assert_equal "$(jq -s 'map(type == "object") | all' "$events")" true
  jq 'select(.event) | .time_ns' "$events" | sort -n -c
  assert_equal "$(of call 'select(.call == "connect" and .result == 0)' | wc -l)" 160 connects
  [ "$(of call .tid | sort -u | wc -l)" -ge 8 ]
}

@test "jsonl: bytes of the program that are no text stay on their line, in ASCII" {
  record jsonl "$PROGS/do_calls" $'serve=@f\nb\e[31mc\xff' unix connect
  assert_equal "$(of call 'select(.call == "connect") | .args.address')" '"@f\\nb\\x1b[31mc\\xff"'
  assert_equal "$(jq -rs '.[0].command[1]' "$events")" $'serve=@f\nb\e[31mc\\xff'
  assert_ascii
  record perfetto "$PROGS/do_calls" $'serve=@f\nb\e[31mc\xff' unix connect
  assert_ascii
}

# highest_memory N FORMAT [OPTION...]: socktest's, in kB, after N sockets
highest_memory() {
  local count=$1 format=$2
  shift 2
  # Freed memory is kept by AddressSanitizer, for a while.
  ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1 start_traced measured --events=/dev/null --events-format="$format" "$@" \
    sh -c '"$1" socket "$3"; exec "$2" catch pause' - "$PROGS/bench_loop" "$PROGS/do_calls" "$count"
  wait_for_output measured pause
  sed -n 's/^VmHWM:\s*\([0-9]*\) kB/\1/p' "/proc/${started[measured]}/status"
  stop measured TERM >&2
}

@test "memory does not grow with the number of events" {
  local how few many
  for how in text jsonl perfetto "text -k" "jsonl -k" "perfetto -k"; do
    # shellcheck disable=SC2086 # words
    few=$(highest_memory 2000 $how)
    # shellcheck disable=SC2086
    many=$(highest_memory 8000 $how)
    [ $((many - few)) -lt 2000 ] || fail "$how: $few kB with few events, $many kB with many"
  done
}

@test "a full disk is said once at the end, and the program goes on" {
  local format
  for format in text jsonl perfetto; do
    run --separate-stderr traced -q --events=/dev/full --events-format=$format "$PROGS/do_calls" tcp close
    assert_status 125
    assert_equal "$stderr" "socktest: --events=/dev/full: cannot write: No space left on device"
    assert_equal "$output" $'tcp ok\nclose ok'
  done
}

@test "a disk that fills on the way is said once, the program goes on, and report gives what was written" {
  requires root
  requires unshare -m true
  run --separate-stderr isolated timeout -k 5 "$LIMIT" unshare -m sh -c 'mkdir "$1/disk" &&
    mount -t tmpfs -o size=128k none "$1/disk" && cd "$1/disk" || exit
    "$2" trace -q --seccomp="$3" --events=recording --events-format=jsonl "$4" socket 1000 >"$1/program"
    echo "status $?"
    "$2" report --format=json recording >"$1/report.json"' \
    - "$BATS_TEST_TMPDIR" "$SOCKTEST" "$ENGINE" "$PROGS/bench_loop"
  assert_equal "$stderr" "socktest: --events=recording: cannot write: No space left on device"
  assert_equal "$output" "status 125"
  [ -s "$BATS_TEST_TMPDIR/program" ] || fail "the program did not go on"
  report=$BATS_TEST_TMPDIR/report.json
  assert_lawful
  local opened
  opened=$(counter inet/stream/tcp opened)
  [ "$opened" -gt 50 ] && [ "$opened" -lt 1000 ] || fail "$opened opened"
  assert_contains "$(json '.warnings[]')" "recording: its end is missing: counted from its"
}

# ---- perfetto ----

# bats test_tags=vm
@test "perfetto: valid JSON, with the keys that trace events have" {
  record perfetto "$PROGS/tcp_fork" 2 3
  "$PYTHON" -m json.tool <"$events" >/dev/null
  assert_equal "$(jq -c '[.[] | select(has("ph") and has("ts") and has("pid") and has("tid") and has("name") | not)]' \
    "$events")" '[]' "events that lack a key"
  assert_equal "$(jq '[.[] | select(.ph == "X") | .dur >= 0 and .ts >= 0] | all' "$events")" true
  assert_equal "$(jq -c 'map(.ph) | unique' "$events")" '["M","X","b","e"]'
  assert_equal "$(jq '[.[] | select(.ph == "X" and .name == "connect")] | length' "$events")" 2
}

@test "perfetto: a track for each process, named by its command" {
  record perfetto sh -c '"$1" tcp close; "$1" tcp close; true' - "$PROGS/do_calls"
  assert_equal "$(jq -r '.[] | select(.name == "process_name") | .args.name' "$events")" $'do_calls\ndo_calls'
  assert_equal "$(jq -r '.[] | select(.name == "thread_name") | .pid == .tid' "$events")" $'true\ntrue'
  assert_equal "$(jq -c '[.[] | select(.ph == "X") | .pid] - [.[] | select(.name == "process_name") | .pid]' \
    "$events")" '[]' "processes without a name"
}

@test "perfetto: the slices of a thread lie in one another, and each track has a name and a process" {
  local run
  for run in "restarts accept nested" "restarts accept nested-restart" "restarts accept jump" "restarts connect eintr" \
    "restarts accept jump-nested" "restarts accept kill" "tcp_threads 4 5" thread_exec "tcp_fork 2 2"; do
    # shellcheck disable=SC2086 # words
    socktest_json --events="$events" --events-format=perfetto "$PROGS/"$run
    "$PYTHON" - "$events" >"$BATS_TEST_TMPDIR/found" <<'END'
import json, sys
events = json.load(open(sys.argv[1]))
slices, named, lives, overlapping = {}, set(), {}, False
for event in events:
    assert event["ph"] in "MXben", event
    if event["ph"] == "M":
        named.add((event["name"], event["pid"], event["tid"]))
    elif event["ph"] == "X":
        assert event["dur"] >= 0, event
        assert ("process_name", event["pid"], event["pid"]) in named, event
        assert ("thread_name", event["pid"], event["tid"]) in named, event
        begin = round(event["ts"] * 1000)
        slices.setdefault(event["tid"], []).append((begin, begin + round(event["dur"] * 1000)))
    else:
        lives.setdefault(event["id"], []).append(event["ph"])
for tid, calls in slices.items():
    ends = []
    for begin, end in sorted(calls, key=lambda call: (call[0], -call[1])):
        while ends and ends[-1] <= begin:
            ends.pop()
        assert not ends or end <= ends[-1], (tid, begin, end, ends)
        ends.append(end)
        overlapping |= len(ends) > 1
for life in lives.values():
    assert life[0] == "b" and life[-1] == "e" and life.count("b") == 1, lives
print("nested" if overlapping else "flat")
END
    case $run in *nested-restart) assert_equal "$(<"$BATS_TEST_TMPDIR/found")" nested ;; esac
  done
}

@test "perfetto: with -k each slice has the stack of its call" {
  record perfetto -k "$PROGS/stacks" places 20
  assert_equal "$(jq -c '[.[] | select(.ph == "X" and .name == "socket") | .args.stack[2][:7]] | unique' "$events")" \
    "[$(printf '"place_%d",' {0..9} | sed 's/,$//')]"
  record perfetto "$PROGS/stacks" places 20
  assert_equal "$(jq '[.[] | select(.args.stack)] | length' "$events")" 0
}

@test "perfetto: a slice for each socket, from its opening to its close or the end of its process" {
  record perfetto "$PROGS/do_calls" serve tcp connect accept4 close udp
  assert_equal "$(jq -c '.[] | select(.ph == "b" or .ph == "e") | [.ph, .id, .name, (.args.begin // .args.end)]' \
    "$events")" \
    '["b","0x1","inet/stream/tcp #1","opened"]
["b","0x2","inet/stream/tcp #2","opened"]
["b","0x3","inet/stream/tcp #3","accepted"]
["e","0x3","inet/stream/tcp #3","closed"]
["e","0x2","inet/stream/tcp #2","closed"]
["b","0x4","inet/dgram/udp #4","opened"]
["e","0x1","inet/stream/tcp #1","left"]
["e","0x4","inet/dgram/udp #4","left"]'
}

@test "perfetto: a socket that another process closes ends on the track where it began" {
  record perfetto "$PROGS/tcp_fork" 2 2
  assert_equal "$(jq -c '[.[] | select(.cat == "socket")] | group_by(.id) | map(map(.pid) | unique | length) | unique' \
    "$events")" '[1]'
}

@test "perfetto: what was written when socktest was killed lacks no more than the bracket" {
  start_traced watched --events="$events" --events-format=perfetto "$PROGS/do_calls" tcp catch pause
  wait_for_output watched pause
  stop watched KILL
  run ! "$PYTHON" -m json.tool "$events"
  assert_equal "$( (cat "$events"; echo ']') | jq -r '.[] | select(.ph == "X") | .name')" socket
}

# ---- wrong use ----

@test "a wrong format of events is refused with the choices, and so is one without events" {
  local mark=$BATS_TEST_TMPDIR/started
  run isolated "$SOCKTEST" trace --events --events-format=json touch "$mark"
  assert_status 125
  assert_equal "$output" \
    "socktest: --events-format=json: must be one of text, jsonl, perfetto; did you mean jsonl?"
  run isolated "$SOCKTEST" trace --events-format=jsonl touch "$mark"
  assert_status 125
  assert_equal "$output" "socktest: --events-format=jsonl: goes with --events=FILE only"
  [ ! -e "$mark" ]
}
