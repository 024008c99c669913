#!/usr/bin/env bats
# socktest report: recordings of events turned back into reports, whole ones and broken ones.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

setup() {
  recording=$BATS_TEST_TMPDIR/recording
}

# record [OPTION...] COMMAND...
record() {
  rm -f "$recording"
  attempt traced --events="$recording" --events-format=jsonl --format=json -o "$BATS_TEST_TMPDIR/report.json" "$@"
  [ -s "$recording" ] || fail "no recording; output:" "$output"
}

reported() { # reported [OPTION...] FILE...
  isolated timeout "$LIMIT" "$SOCKTEST" report "$@"
}

# cut_off: the recording without its last line
cut_off() {
  sed -i '$d' "$recording"
}

# The counters of a report, those that are not zero.
stats_of() { # stats_of FILE
  # shellcheck disable=SC2034 # for assert_lawful
  local report=$1
  assert_lawful && counts
}

reading_memory() { # reading_memory N: of reading that many sockets, in kB
  "$PYTHON" - "$SOCKTEST" "$1" <<'END'
import os, subprocess, sys
life = '{"event":"socket","time_ns":%d,"change":"%s","socket":%d,"cookie":"0x0002000000010006","pid":1,"fd":3,' \
       '"opened_by":{"pid":1,"tid":1,"call":"socket"}}\n' \
       '{"event":"call","time_ns":%d,"call":"close","tid":1,"command":"x","socket":%d,"result":0,' \
       '"error":"","filter":"f"}\n'
environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
report = subprocess.Popen([sys.argv[1], "report", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          env=environment, text=True)
report.stdin.write('{"schema":"socktest-events/1","command":["x"]}\n')
for id in range(1, int(sys.argv[2]) + 1):
    for change in ["opened", "closed"]:
        report.stdin.write(life % (id, change, id, id, id))
report.stdin.flush()
# All but what a pipe holds was read by now.
for line in open(f"/proc/{report.pid}/status"):
    if line.startswith("VmHWM:"):
        print(line.split()[1])
report.stdin.close()
sys.exit(report.wait())
END
}

refused() { # refused LINE WORD...
  local line=$1
  shift
  run --separate-stderr reported "$@"
  assert_status 125
  assert_equal "$stderr" "socktest: $line"
  assert_equal "$output" ""
}

# bats test_tags=vm
@test "a recording gives the same report in every format as the run did" {
  local format
  for format in table json csv go tap junit; do
    run traced -q --events="$recording" --events-format=jsonl --format=$format -o "$BATS_TEST_TMPDIR/direct" \
      --fail-connect=ENETUNREACH:when=2 --delay-close=1ms --require-fired --error-exitcode=3 --seed=7 \
      "$PROGS/do_calls" serve tcp connect connect connect accept4 close udp unix tcp6
    reported --format=$format "$recording" >"$BATS_TEST_TMPDIR/reported"
    cmp "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/reported"
  done
}

# same_in_every_format STATUS OPTION... COMMAND...: as the run's own report
same_in_every_format() {
  local format status=$1
  shift
  for format in table json tap junit; do
    run traced -q --events="$recording" --events-format=jsonl --format=$format -o "$BATS_TEST_TMPDIR/direct" "$@"
    assert_status "$status"
    reported --format=$format "$recording" >"$BATS_TEST_TMPDIR/reported"
    cmp "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/reported"
  done
}

# bats test_tags=vm
@test "stacks come back, whole ones and others" {
  same_in_every_format 0 -k "$PROGS/stacks" places 20
  assert_contains "$(reported "$recording")" "by place_9 (stacks.c:"
  same_in_every_format 0 -k "$PROGS/stacks" deep 500
  assert_contains "$(reported "$recording")" "        (and more callers)"
}

@test "leaks, grouped and suppressed, and the checks of leaks, counters and time come back" {
  echo stack=place_2 >"$BATS_TEST_TMPDIR/known"
  same_in_every_format 99 --leak-check=error --suppressions="$BATS_TEST_TMPDIR/known" --expect='inet opened==1' \
    --timeout=60m "$PROGS/stacks" places 20
  assert_contains "$(reported "$recording")" $'\n1 suppressed\n'
  same_in_every_format 0 --leak-check=report true
}

@test "failed checks, warnings, bytes that are no text and an exit status come back" {
  local name=$'@a\nb\e[31m\\c\xff'
  record --fail-listen=EIO --require-fired "$PROGS/do_calls" "serve=$name" unix connect
  reported --format=json "$recording" >"$BATS_TEST_TMPDIR/reported"
  cmp "$BATS_TEST_TMPDIR/report.json" "$BATS_TEST_TMPDIR/reported"
  record --fail-close=EIO --fail-accept=EIO:prob=50% sh -c 'exit 7'
  reported --format=json "$recording" >"$BATS_TEST_TMPDIR/reported"
  cmp "$BATS_TEST_TMPDIR/report.json" "$BATS_TEST_TMPDIR/reported"
  assert_equal "$(jq -c '[.exit.code, (.warnings | length)]' "$BATS_TEST_TMPDIR/reported")" '[7,3]'
}

@test "the death of the program by a signal comes back" {
  record "$PROGS/do_calls" tcp catch pause </dev/null &
  local pid=$!
  wait_for grep -qF '"event":"call"' "$recording"
  # The program, not socktest.
  kill -KILL "$(jq -s '[.[] | select(.event == "call")][0].pid' "$recording")"
  wait $pid || true
  assert_equal "$(reported --format=json "$recording" | jq -r .exit.signal)" SIGKILL
  assert_contains "$(reported "$recording")" "killed by SIGKILL"
}

@test "several recordings are added: counters, sockets, filters, durations" {
  local other=$BATS_TEST_TMPDIR/other
  record --fail-connect=EPERM:when=2 "$PROGS/do_calls" serve tcp connect connect
  mv "$recording" "$other"
  record --fail-connect=EPERM:when=2 "$PROGS/do_calls" serve tcp connect udp close
  reported --format=json "$other" "$recording" >"$BATS_TEST_TMPDIR/both"
  assert_equal "$(stats_of "$BATS_TEST_TMPDIR/both")" \
    'inet/stream/tcp opened=4 connected=2 listened=2 inflight=4 injected.connect=1
inet/dgram/udp opened=1 closed=1'
  assert_equal "$(jq -c '[(.sockets | length), .filters]' "$BATS_TEST_TMPDIR/both")" \
    '[4,[{"option":"--fail-connect=EPERM:when=2","matched":3,"fired":1}]]'
  assert_equal "$(jq .duration_ns "$BATS_TEST_TMPDIR/both")" \
    "$(jq -s '[.[] | select(.event == "end") | .time_ns] | add' "$other" "$recording")"
  # One line for the headings, and no second table.
  assert_equal "$(reported "$other" "$recording" | grep -c inet/stream/tcp)" 5
}

# keep NAME: the recording, under that name
keep() {
  mv "$recording" "$BATS_TEST_TMPDIR/$1"
}

@test "each of several recordings has its own test points, by its name" {
  cd "$BATS_TEST_TMPDIR"
  record sh -c 'exit 3'
  keep a.jsonl
  record --expect='* opened==1' --require-fired --fail-connect=EIO:prob=50% --seed=3 sh -c 'exit 4'
  keep 'b # TODO.jsonl'
  record true
  cut_off
  keep c.jsonl
  reported --format=tap a.jsonl 'b # TODO.jsonl' c.jsonl >tap
  assert_equal "$(grep -E '^(1\.|not|ok)' tap)" '1..5
not ok 1 - a.jsonl: exit
not ok 2 - b \x23 TODO.jsonl: exit
not ok 3 - b \x23 TODO.jsonl: require-fired
not ok 4 - b \x23 TODO.jsonl: expect * opened==1
not ok 5 - c.jsonl: exit'
  assert_contains "$(<tap)" '# a.jsonl: sh -c exit 3'
  assert_contains "$(<tap)" '# warning: b # TODO.jsonl: seed 3'
  assert_contains "$(<tap)" '# warning: c.jsonl: its end is missing'
  run prove -e cat tap
  assert_contains "$output" "Failed 5/5 subtests"
  reported --format=junit a.jsonl 'b # TODO.jsonl' c.jsonl >junit
  assert_junit junit
  assert_equal "$(xmllint --xpath '//testsuite/@name' junit | xargs -n1)" 'name=a.jsonl: sh -c exit 3
name=b # TODO.jsonl: sh -c exit 4
name=c.jsonl: true'
  assert_equal "$(xmllint --xpath '//failure/@message' junit | xargs -n1)" 'message=exited with 3
message=exited with 4
message=never fired: --fail-connect=EIO:prob=50%
message=opened=0
message=not known: the recording has no end'
  reported --format=json a.jsonl 'b # TODO.jsonl' >json
  assert_equal "$(jq -c '[.checks[].check]' json)" \
    '["b # TODO.jsonl: require-fired","b # TODO.jsonl: expect * opened==1"]'
  assert_contains "$(reported a.jsonl 'b # TODO.jsonl')" 'b # TODO.jsonl: require-fired'
}

@test "the other recordings are read where one is none, which is a test point that failed" {
  cd "$BATS_TEST_TMPDIR"
  record "$PROGS/do_calls" tcp
  keep good.jsonl
  echo rubbish >bad.jsonl
  run --separate-stderr reported --format=csv none.jsonl bad.jsonl good.jsonl
  assert_status 0
  assert_contains "$output" tcp
  assert_equal "$stderr" 'warning: none.jsonl: No such file or directory
warning: bad.jsonl: no recording; --events=FILE --events-format=jsonl makes one'
  assert_equal "$(reported --format=tap bad.jsonl good.jsonl | grep ok)" 'not ok 1 - bad.jsonl: exit
ok 2 - good.jsonl: exit'
  run --separate-stderr reported none.jsonl bad.jsonl
  assert_status 125
  assert_equal "$stderr" 'socktest: none.jsonl: No such file or directory
socktest: bad.jsonl: no recording; --events=FILE --events-format=jsonl makes one'
}

@test "a recording whose first line is damaged or missing is read, with its end and without" {
  local damage
  for damage in '1s/^/x/' '1s/"schema/schema/' 1d; do
    record "$PROGS/do_calls" serve tcp connect accept4
    sed -i "$damage" "$recording"
    reported --format=json "$recording" >"$BATS_TEST_TMPDIR/whole"
    assert_equal "$(stats_of "$BATS_TEST_TMPDIR/whole")" "$(stats_of "$BATS_TEST_TMPDIR/report.json")"
    assert_equal "$(jq -c .command "$BATS_TEST_TMPDIR/whole")" "$(jq -c .command "$BATS_TEST_TMPDIR/report.json")"
    cut_off
    reported --format=json "$recording" >"$BATS_TEST_TMPDIR/cut"
    assert_equal "$(stats_of "$BATS_TEST_TMPDIR/cut")" "$(stats_of "$BATS_TEST_TMPDIR/report.json")"
    assert_contains "$(jq -r '.warnings[]' "$BATS_TEST_TMPDIR/cut")" "$recording: its first line is missing or damaged"
  done
}

@test "counters by Go's rules and by socktest's are not added" {
  cd "$BATS_TEST_TMPDIR"
  record --count=go "$PROGS/do_calls" tcp
  keep go.jsonl
  record "$PROGS/do_calls" tcp
  keep ours.jsonl
  refused 'go.jsonl is counted by --count=go, ours.jsonl by --count=socktest: their counters cannot be added' \
    go.jsonl ours.jsonl
  reported --format=go go.jsonl go.jsonl >added
  # Without its end it is counted by socktest's.
  sed -i '$d' go.jsonl
  reported go.jsonl ours.jsonl >added
}

@test "of several runs the one that failed is told" {
  local other=$BATS_TEST_TMPDIR/other
  record true
  mv "$recording" "$other"
  record sh -c 'exit 4'
  assert_equal "$(reported --format=json "$other" "$recording" "$other" | jq -c '[.exit.code, .command[0]]')" '[4,"sh"]'
  assert_equal "$(reported --format=json "$other" "$other" | jq -c '[.exit.code, .command[0]]')" '[0,"true"]'
}

@test "without its end a recording is counted from its events, and a warning says what is not known" {
  local program
  for program in "do_calls serve tcp connect accept4 bound tcp connect nonblock connect close tcp6 unix" \
    "failures" "tcp_fork 2 3" "tcp_threads 3 5" "nonblock_connect refused" "so_error undecided" "so_error late" \
    "so_error dissolved" "so_error twice" scm_rights cloexec_exec dup_forms \
    accept_would_block socketpair_use; do
    # shellcheck disable=SC2086 # words
    record "$PROGS/"$program
    cut_off
    run --separate-stderr reported --format=json "$recording"
    assert_status 0
    printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/cut"
    assert_equal "$(stats_of "$BATS_TEST_TMPDIR/cut")" "$(stats_of "$BATS_TEST_TMPDIR/report.json")" \
      "counters of $program"
    assert_equal "$(jq -c '[.sockets[] | [.pid, .fd, .cookie, .state, .command, .opened_by.call]] | sort' \
      "$BATS_TEST_TMPDIR/cut")" \
      "$(jq -c '[.sockets[] | [.pid, .fd, .cookie, .state, .command, .opened_by.call]] | sort' \
        "$BATS_TEST_TMPDIR/report.json")" "sockets of $program"
    assert_contains "$(jq -r '.warnings[]' "$BATS_TEST_TMPDIR/cut")" "$recording: its end is missing: counted from its"
    assert_equal "$(jq -c .exit "$BATS_TEST_TMPDIR/cut")" '{"code":null}'
  done
}

@test "without its end a recording counts a connect once that was settled at a close which did not happen" {
  record --fail-close=EIO "$PROGS/do_calls" bound tcp nonblock connect close connect \
    serve tcp nonblock connect close connect
  cut_off
  reported --format=json "$recording" >"$BATS_TEST_TMPDIR/cut"
  assert_equal "$(stats_of "$BATS_TEST_TMPDIR/cut")" "$(stats_of "$BATS_TEST_TMPDIR/report.json")"
}

# sockets_of FILE: what replaying tells of the sockets and the filters that fired
sockets_of() {
  jq -c '[.sockets[] | [.fd, .state, .peer, .err, .socket_err, .opened_by.stack]], [.filters[] | .fired]' "$1"
}

@test "without its end a recording counts calls that ran and then failed, and promised errnos, as the run did" {
  local run
  for run in "--after-connect=ECONNRESET:when=1 do_calls serve tcp connect connect accept" \
    "--after-listen=EADDRINUSE do_calls serve tcp connect" \
    "--after-close=EIO do_calls tcp close close tcp" \
    "--after-accept=ECONNABORTED:when=1 do_calls serve tcp connect accept tcp connect accept4" \
    "--after-getsockopt=ENOBUFS do_calls serve tcp nonblock connect wait soerror" \
    "--so-error=EHOSTUNREACH:when=1 do_calls serve tcp nonblock connect wait soerror soerror" \
    "--fail-connect=EHOSTUNREACH:async do_calls serve tcp nonblock connect wait soerror tcp connect" \
    "--fail-connect=ETIMEDOUT:async:to=127.0.0.1 failed_connect serve"; do
    # shellcheck disable=SC2086 # words
    record -k ${run%% *} "$PROGS/"${run#* }
    cut_off
    reported --format=json "$recording" >"$BATS_TEST_TMPDIR/cut"
    assert_equal "$(stats_of "$BATS_TEST_TMPDIR/cut")" "$(stats_of "$BATS_TEST_TMPDIR/report.json")" "counters of $run"
    assert_equal "$(sockets_of "$BATS_TEST_TMPDIR/cut")" "$(sockets_of "$BATS_TEST_TMPDIR/report.json")" \
      "sockets of $run"
  done
}

@test "without its end a recording tells the leaks all the same, but for those that were suppressed" {
  echo stack=place_2 >"$BATS_TEST_TMPDIR/known"
  record --leak-check=report --suppressions="$BATS_TEST_TMPDIR/known" "$PROGS/stacks" places 20
  # Where they leaked, without how long ago; the address is asked of the kernel only when the socket ends.
  leaks() {
    reported "$recording" | sed -n '/^leaked/,/^warning/p' | grep -vE '^warning|0\.0\.0\.0|^$' | tr -s ' ' | sed 's/ [^ ]*s$//'
  }
  leaks >"$BATS_TEST_TMPDIR/whole"
  cut_off
  leaks >"$BATS_TEST_TMPDIR/cut"
  assert_contains "$(<"$BATS_TEST_TMPDIR/whole")" $'\n1 suppressed'
  assert_contains "$(<"$BATS_TEST_TMPDIR/whole")" "by place_9 (stacks.c:"
  diff "$BATS_TEST_TMPDIR/whole" "$BATS_TEST_TMPDIR/cut"
}

@test "a report of a recording without its end has the program's exit as a test point that failed" {
  record "$PROGS/do_calls" tcp
  cut_off
  assert_contains "$(reported --format=tap "$recording")" \
    $'not ok 1 - exit\n  ---\n  message: "not known: the recording has no end"'
}

@test "without its end a recording tells the filters that fired" {
  record --fail-connect=EPERM:when=1 "$PROGS/do_calls" serve tcp connect connect
  cut_off
  assert_equal "$(reported --format=json "$recording" | jq -c '[.filters[0], .stats[0].injected.connect]')" \
    '[{"option":"--fail-connect=EPERM:when=1","matched":1,"fired":1},1]'
}

@test "a recording by Go's rules that is cut off says whose rules count" {
  record --count=go "$PROGS/do_calls" tcp
  assert_contains "$(reported --format=go "$recording")" "(inet4, stream, default): opened=1"
  cut_off
  assert_contains "$(reported "$recording")" "counted by socktest's rules, not by --count=go"
}

@test "the recording of a run that is killed gives what there was" {
  start_traced watched --events="$recording" --events-format=jsonl "$PROGS/do_calls" tcp catch pause
  wait_for_output watched pause
  stop watched KILL
  run reported "$recording"
  assert_status 0
  assert_contains "$output" "1 inflight socket"
  assert_contains "$output" "its end is missing"
}

@test "a line cut in two and lines of rubbish are left out, with a warning" {
  record "$PROGS/do_calls" serve tcp connect
  cut_off
  truncate -s -20 "$recording"
  sed -i '3i rubbish' "$recording"
  run reported "$recording"
  assert_status 0
  assert_contains "$output" "2 of its"
  assert_contains "$output" "lines are damaged and are not counted"
}

@test "no damage makes it fail otherwise than by a clear refusal" {
  record --fail-connect=EPERM:when=2 "$PROGS/do_calls" serve tcp connect connect accept4 unix udp
  "$PYTHON" - "$recording" "$SOCKTEST" <<'END'
import random, subprocess, sys
recording = open(sys.argv[1], "rb").read()
chance = random.Random(1)
for turn in range(60):
    data = bytearray(recording)
    for _ in range(chance.randint(1, 40)):
        data[chance.randrange(len(data))] = chance.choice(b'0129-."{}[],:\\x\n\0\xffnul')
    if turn % 3 == 0:
        del data[chance.randrange(len(data)):]
    for style in ["json", "table"]:
        run = subprocess.run([sys.argv[2], "report", "--format=" + style, "-"], input=data,
                             capture_output=True, timeout=60)
        lines = run.stderr.decode().splitlines()
        assert run.returncode == 0 or (run.returncode == 125 and len(lines) == 1), (turn, run)
END
}

@test "numbers that are too large, and values of the wrong type, do no harm" {
  printf '%s\n' '{"schema":"socktest-events/1","command":[1,null,"x"],"count":3}' \
    '{"event":"socket","time_ns":9223372036854775807,"socket":-1,"change":"closed","cookie":"zz","opened_by":[]}' \
    '{"event":"call","time_ns":1,"call":"connect","result":-1,"error":"99999999999","cookie":"0xffffffffffffffffff"}' \
    '{"event":"stack","time_ns":1,"stack":9223372036854775807,"frames":{},"end":3}' \
    '{"event":"stack","time_ns":1,"stack":"x","frames":[[],7]}' \
    '{"event":"end","time_ns":"x","report":{"stats":{},"sockets":[[],{"fd":1e300}],"exit":[],"filters":[7]}}' \
    >"$recording"
  run reported --format=json "$recording"
  assert_status 0
}

@test "stdin is read for -, and -o names the file" {
  record "$PROGS/do_calls" tcp
  run --separate-stderr reported --format=json -o "$BATS_TEST_TMPDIR/reported" - <"$recording"
  assert_status 0
  assert_equal "$output$stderr" ""
  cmp "$BATS_TEST_TMPDIR/report.json" "$BATS_TEST_TMPDIR/reported"
}

@test "memory does not grow with the number of events in a recording" {
  local few many
  few=$(reading_memory 1000)
  many=$(reading_memory 20000)
  [ $((many - few)) -lt 1500 ] || fail "$few kB after few, $many kB after many"
}

# ---- wrong use ----

@test "wrong use is refused in one line" {
  refused 'report: no recording; usage: socktest report [OPTION...] FILE...'
  refused '--format=tap: options come before the first FILE (a file of that name: ./--format=tap)' x --format=tap
  refused '--format=tabel: must be one of table, json, csv, go, tap, junit; did you mean table?' --format=tabel x
  refused '--formt: no such option; did you mean --format?' --formt=json x
  refused '--color=blue: must be one of auto, always, never' --color=blue x
  refused "$BATS_TEST_TMPDIR/none: No such file or directory" "$BATS_TEST_TMPDIR/none"
  refused "$BATS_TEST_TMPDIR: Is a directory" "$BATS_TEST_TMPDIR"
}

@test "a file that is no recording, or one of another version, is refused" {
  local hint='no recording; --events=FILE --events-format=jsonl makes one'
  refused "/dev/null: $hint" /dev/null
  refused "/dev/zero: $hint" /dev/zero
  refused "$SOCKTEST: $hint" "$SOCKTEST"
  echo '{"schema":"socktest/1"}' >"$recording"
  refused "$recording: a recording of socktest/1; this is for socktest-events/1" "$recording"
  echo '{"schema":' >"$recording"
  refused "$recording: $hint" "$recording"
}

@test "a refused recording leaves the file of -o as it was" {
  echo kept >"$BATS_TEST_TMPDIR/reported"
  refused '/dev/null: no recording; --events=FILE --events-format=jsonl makes one' \
    -o "$BATS_TEST_TMPDIR/reported" /dev/null
  assert_equal "$(<"$BATS_TEST_TMPDIR/reported")" kept
}

@test "a report that cannot be written is an error" {
  record "$PROGS/do_calls" tcp
  run reported -o /dev/full "$recording"
  assert_status 125
  assert_equal "$output" "socktest: --output=/dev/full: cannot write: No space left on device"
}

@test "help lists the subcommand and its options" {
  assert_contains "$("$SOCKTEST" --help)" "report"
  assert_contains "$(reported --help)" "--format=FORMAT"
}
