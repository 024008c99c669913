#!/usr/bin/env bats
# strace's spelling: what its options mean here, compared with strace itself, and what is refused and how.
# run sets what is used here; scripts in single quotes are for other shells.
# shellcheck disable=SC2154,SC2016

load helpers

setup() {
  mark=$BATS_TEST_TMPDIR/started
}

# wrong LINE OPTION...: this one line on stderr, 125, and COMMAND is not started
wrong() {
  local line=$1
  shift
  run --separate-stderr isolated timeout "$LIMIT" "$SOCKTEST" trace "$@" touch "$mark"
  assert_status 125
  assert_equal "$stderr" "socktest: $line" stderr
  assert_equal "$output" "" stdout
  [ ! -e "$mark" ] || fail "COMMAND was started: socktest $*"
}

# same_as_strace EXPR... -- COMMAND...: sees the same errors under both, and some
same_as_strace() {
  local words=() seen
  while [ "$1" != -- ]; do
    words+=(-e "$1")
    shift
  done
  shift
  run isolated timeout -k 5 "$LIMIT" strace -f -qq -o /dev/null "${words[@]}" "$@"
  seen="$status $output"
  socktest_json "${words[@]}" "$@"
  assert_equal "$status $output" "$seen" "what the program saw with ${words[*]}"
}

same_in_tasks() { # same_in_tasks EXPR [ARG-OF-TASK_CALLS...]
  local expression=$1
  shift
  same_as_strace "$expression" -- "$PROGS/task_calls" "${@:-4}"
}

filters() {
  json '.filters[] | "\(.option) \(.matched) \(.fired)"'
}

# ---- inject and fault ----

# bats test_tags=vm
@test "-e inject: an errno for each call, and the filter that it is" {
  socktest_json -e inject=connect,accept4:error=ECONNREFUSED "$PROGS/do_calls" serve tcp connect accept4
  assert_equal "$output" $'listen ok\ntcp ok\nconnect ECONNREFUSED\naccept4 ECONNREFUSED'
  assert_equal "$(filters)" "--fail-connect=ECONNREFUSED 1 1
--fail-accept=ECONNREFUSED:syscall=accept4 1 1"
}

@test "-e inject: every form of when= means what it means to strace, for each thread and process by itself" {
  requires strace
  local when
  for when in 2 1..2 2+ 2+2 2..4+2 3..3 9; do
    same_in_tasks "inject=connect:error=ECONNREFUSED:when=$when" 4
    if [ "$when" != 9 ]; then assert_contains "$output" "ECONNREFUSED"; fi
  done
}

# bats test_tags=vm
@test "-e inject: the second call of each thread and child fails, as under strace" {
  requires strace
  same_in_tasks inject=connect:error=ECONNREFUSED:when=2 3 5
  assert_equal "$(grep -c 'connect ok ECONNREFUSED ok$' <<<"$output")" 7 "tasks that saw it"
  assert_equal "$(filters)" "--fail-connect=ECONNREFUSED:each=thread:when=2 21 7"
}

@test "-e inject: each system call of a set counts by itself" {
  requires strace
  same_in_tasks inject=connect,getsockopt,accept,accept4:error=EPERM:when=3 4
  assert_contains "$output" "thread 1 getsockopt ok ok EPERM ok"
  assert_contains "$output" "thread 2 accept4 EAGAIN EAGAIN EPERM EAGAIN"
  same_in_tasks inject=socket,listen:error=EMFILE:when=2+2 4
  assert_contains "$output" "EMFILE"
}

@test "-e inject: accept and accept4 are two calls" {
  requires strace
  same_in_tasks inject=accept:error=EPERM:when=2
  assert_contains "$output" $'thread 1 accept EAGAIN EPERM EAGAIN EAGAIN\nthread 1 accept4 EAGAIN EAGAIN EAGAIN EAGAIN'
  same_in_tasks inject=accept4:error=EPERM:when=2
  assert_contains "$output" $'thread 1 accept EAGAIN EAGAIN EAGAIN EAGAIN\nthread 1 accept4 EAGAIN EPERM EAGAIN EAGAIN'
}

@test "-e inject: close counts those of sockets" {
  requires strace
  # To strace the first thread has closed a few files before, which the loader opened.
  run isolated strace -f -qq -o /dev/null -e inject=close:error=EIO:when=10 "$PROGS/task_calls" 11
  local seen=$output
  socktest_json -e inject=close:error=EIO:when=10 "$PROGS/task_calls" 11
  assert_equal "$(grep -v ^main <<<"$output")" "$(grep -v ^main <<<"$seen")" "what threads and the child saw"
  assert_equal "$(grep -c 'close ok ok ok ok ok ok ok ok ok EIO ok$' <<<"$output")" 4 "tasks that saw it"
}

@test "-e inject: a thread that executes goes on counting, as under strace" {
  requires strace
  same_in_tasks inject=connect:error=EPERM:when=3 3 exec
  assert_contains "$output" "main 1 connect ok EPERM ok"
}

@test "-e inject: one that comes under the id of another that ended counts from the beginning" {
  requires root
  requires strace
  same_in_tasks inject=connect:error=EPERM:when=2 2 again
  assert_equal "$(grep connect <<<"$output")" $'child 1 connect ok\nchild 1 connect ok EPERM'
}

@test "-e inject: of two expressions for one system call the last counts, as under strace" {
  requires strace
  same_as_strace inject=connect,getsockopt:error=EPERM fault=connect:error=EIO:when=2 -- "$PROGS/task_calls" 3
  assert_contains "$output" "main 1 connect ok EIO ok"
  assert_contains "$output" "main 1 getsockopt EPERM EPERM EPERM"
  assert_equal "$(json '.filters | length')" 2
}

@test "-e fault: ENOSYS, unless another is named by any name or number" {
  requires strace
  same_in_tasks fault=connect
  assert_contains "$output" "ENOSYS"
  same_in_tasks fault=getsockopt:error=eperm
  assert_contains "$output" "EPERM"
  same_in_tasks fault=getsockopt:error=110:when=1
  assert_contains "$output" "ETIMEDOUT ok"
}

@test "-e inject: delay_enter is in microseconds unless it says otherwise, before an errno too" {
  local expression
  for expression in 120000 120ms 0.12s 120000us 120000000ns; do
    socktest_json_ok -e inject=connect:delay_enter=$expression "$PROGS/do_calls" serve times tcp connect
    [[ ${lines[2]} == "connect ok "* ]] || fail "$output"
    [ "${lines[2]##* }" -ge 120 ] || fail "not held back: $output"
    [ "${lines[2]##* }" -lt 5000 ] || fail "held back for long: $output"
  done
  socktest_json_ok -e inject=connect:error=EIO:delay_enter=120000:when=1 "$PROGS/do_calls" serve times tcp connect
  [[ ${lines[2]} == "connect EIO "* ]] || fail "$output"
  [ "${lines[2]##* }" -ge 120 ] || fail "not held back: $output"
}

@test "-e: filters in socktest's own words come first" {
  socktest_json -e fault=connect:error=EIO --fail-connect=EPERM:when=1 "$PROGS/do_calls" serve tcp connect connect
  assert_equal "$output" $'listen ok\ntcp ok\nconnect EPERM\nconnect EIO'
}

@test "-e: calls that cannot be made fail are refused with those that can" {
  local all='socket, connect, listen, accept, accept4, getsockopt, close' set
  wrong "-e inject=read:error=EIO: read: no call that can be made fail: those are $all" -e inject=read:error=EIO
  wrong "-e fault=connect,sendto: sendto: no call that can be made fail: those are $all" -e fault=connect,sendto
  wrong "-e fault=conect: conect: no call that can be made fail; did you mean connect?" -e fault=conect
  wrong "-e fault=connect,: a system call is missing: name some of $all" -e fault=connect,
  for set in %net %network /sock '!connect' '?connect' all none connect@64; do
    wrong "-e fault=$set: $set: system calls are named one by one, some of $all" -e "fault=$set"
  done
}

@test "-e: what else strace can do to a call is refused with what does it here" {
  wrong '-e inject=connect:retval=3: retval=3: a call that is answered gets an errno: error=ERRNO' \
    -e inject=connect:retval=3
  wrong '-e inject=connect:signal=HUP: signal=HUP: no signals are sent; error=ERRNO makes the call fail' \
    -e inject=connect:signal=HUP
  wrong '-e inject=connect:syscall=chdir: syscall=chdir: no other call is made in its place; error=ERRNO makes it fail' \
    -e inject=connect:syscall=chdir
  wrong '-e inject=connect:delay_exit=3: delay_exit=3: calls are held back before they run: delay_enter=TIME, or --delay-CALL' \
    -e inject=connect:delay_exit=3
  wrong '-e inject=connect:poke_enter=@arg1=00: poke_enter=@arg1=00: arguments are not changed; error=ERRNO makes the call fail' \
    -e inject=connect:poke_enter=@arg1=00
  wrong '-e inject=connect:poke_exit=@arg1=00: poke_exit=@arg1=00: results are not changed; --after-CALL=ERRNO has it run and then fail' \
    -e inject=connect:poke_exit=@arg1=00
}

@test "-e: a wrong inject or fault is refused in one line that says what is wrong" {
  wrong '-e inject=connect: what is to be injected? error=ERRNO or delay_enter=TIME' -e inject=connect
  wrong '-e inject=connect:when=2: what is to be injected? error=ERRNO or delay_enter=TIME' -e inject=connect:when=2
  wrong '-e fault=connect:delay_enter=2: delay_enter= goes with inject= only' -e fault=connect:delay_enter=2
  wrong '-e fault=connect:error=ECONREFUSED: no errno is called ECONREFUSED; did you mean ECONNREFUSED?' \
    -e fault=connect:error=ECONREFUSED
  wrong '-e fault=connect:error=4096: 4096 is no errno: those are 1 to 4095' -e fault=connect:error=4096
  wrong '-e fault=connect:error=EIO,EPERM: error=EIO,EPERM: one errno only; --fail-CALL=EIO,EPERM hands out several in turn' \
    -e fault=connect:error=EIO,EPERM
  wrong '-e fault=connect:when=0: when=0: when= counts from 1' -e fault=connect:when=0
  wrong '-e fault=connect:when=: when= lacks its argument: it is when=F[..[L]][+[S]]' -e fault=connect:when=
  wrong '-e fault=connect:error=EIO:error=EIO: error= is given twice' -e fault=connect:error=EIO:error=EIO
  wrong '-e inject=connect:delay_enter=5m: delay_enter=5m: must be microseconds, or a number and s, ms, us or ns' \
    -e inject=connect:delay_enter=5m
  wrong '-e inject=connect:delay_enter=: delay_enter=: must be microseconds, or a number and s, ms, us or ns' \
    -e inject=connect:delay_enter=
  wrong '-e fault=connect:foo=1: "foo=1": must be one of error=, delay_enter= and when=' -e fault=connect:foo=1
  wrong '-e injct=connect: must be inject=CALL... or fault=CALL...; did you mean inject?' -e injct=connect
}

@test "-e: what else strace has it for is refused with what does it here" {
  local all='all calls of sockets are traced; --events shows every call' word
  for word in trace=connect t=all connect trace; do
    wrong "-e $word: $all" -e "$word"
  done
  wrong '-e signal=HUP: signals are not shown; --events shows every call' -e signal=HUP
  wrong '-e status=failed: --events-format=jsonl has the error of each call, to select by' -e status=failed
  wrong '-e quiet=all: -q and -qq say less' -e quiet=all
  for word in read write; do
    wrong "-e $word=3: what sockets carry is not traced; --events shows every call" -e "$word=3"
  done
  for word in verbose abbrev raw; do
    wrong "-e $word=all: --events-format=jsonl has all arguments" -e "$word=all"
  done
  wrong '-e kvm=vcpu: only calls of sockets are traced; --events shows every one' -e kvm=vcpu
}

# ---- other options ----

@test "an option of strace's that another one does is refused with that" {
  wrong '-c: the report counts calls and failures without it' -c
  wrong '-c: the report counts calls and failures without it' -qc
  wrong '-y: --events and the report always name sockets and addresses' -yy
  wrong '-s: what sockets carry is not traced, and no strings are printed' -s 80
  wrong '-i: -k shows the stacks that calls were made from' -i
  wrong '-T: --events-format=jsonl has duration_ns of each call' -T
  wrong "-A: -o '|cat >>FILE' appends to FILE" -A
  wrong '--trace: --events shows every call that is traced' --trace=connect
  wrong '--summary: --events shows the calls, and the report counts them' --summary
  wrong '--inject: -e inject=CALL:error=ERRNO or --fail-CALL=ERRNO makes calls fail' --inject=connect:error=EIO
  wrong '-ff: there is one report; --events names the thread of each call' -ff
}

@test "every option of strace's is taken, or refused in one line" {
  requires strace
  local option
  for option in $(strace --help | grep -oE -- '(^| )--?[a-zA-Z][a-z-]*' | sort -u); do
    case $option in -e | -o | -p | -I | -a | -X | --attach | --output) continue ;; esac # they have arguments
    run --separate-stderr isolated timeout "$LIMIT" "$SOCKTEST" trace "$option" true
    [ "${#stderr_lines[@]}" -le 1 ] || [ "$status" = 0 ] || fail "$option:" "$stderr"
  done
}

@test "an option that strace has alone, and nothing does, is unknown" {
  wrong '-n: no such option; see socktest trace --help' -n
  wrong '-n: no such option; did you mean --no-follow?' -no-follow
}

# ---- times ----

# bats test_tags=vm
@test "-t, -tt, -ttt: lines of events begin with the times that strace prints" {
  local events=$BATS_TEST_TMPDIR/events before after at
  export TZ=XYZ-03:30
  traced -q -t --events="$events" "$PROGS/do_calls" tcp close >&2
  grep -qE '^[0-2][0-9]:[0-5][0-9]:[0-6][0-9] [0-9]+ socket\(' "$events"
  traced -q -tt --events="$events" "$PROGS/do_calls" tcp close >&2
  grep -qE '^[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6} [0-9]+ socket\(' "$events"
  before=$(date +%s%6N)
  traced -q -ttt --events="$events" "$PROGS/do_calls" tcp close >&2
  after=$(date +%s%6N)
  while read -r at; do
    [ "$before" -le "$at" ] && [ "$at" -le "$after" ] || fail "$before <= $at <= $after"
  done < <(sed -E 's/^([0-9]+)\.([0-9]{6}) .*/\1\2/' "$events")
  before=$(date +%s)
  traced -q -t --events="$events" "$PROGS/do_calls" tcp >&2
  after=$(date +%s)
  assert_contains "$(for ((at = before; at <= after; at++)); do date -d "@$at" +%T; done)" "$(cut -c 1-8 "$events")"
}

@test "-ttt: the time at which a call was made, not that of its end" {
  local events=$BATS_TEST_TMPDIR/events
  traced -q -ttt --events="$events" --delay-close=300ms "$PROGS/do_calls" tcp close >&2
  local first second
  first=$(sed -nE 's/^([0-9]+)\.([0-9]{6}) .* socket\(.*/\1\2/p' "$events")
  second=$(sed -nE 's/^([0-9]+)\.([0-9]{6}) .* close\(.*/\1\2/p' "$events")
  [ $((second - first)) -lt 250000 ] || fail "$first, $second"
}

@test "-t without lines to begin is refused" {
  wrong '-t: goes with --events only' -t
  wrong '-ttt: goes with --events only' -t -tt
  wrong '-tt: goes with --events-format=text only: jsonl has times of its own' \
    -tt --events="$mark.events" --events-format=jsonl
}

# ---- quiet ----

@test "-qq: as -q, and of failed checks only the exit status tells" {
  run --separate-stderr traced -q --require-fired --fail-connect=EIO true
  assert_status 99
  assert_equal "$stderr" "socktest: check require-fired failed: never fired: --fail-connect=EIO"
  local words
  for words in -qq '-q -q' '--quiet --quiet' '-v -qq' '-qq -o /dev/null' '-qq --format=csv'; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr traced $words --require-fired --fail-connect=EIO true
    assert_status 99
    assert_equal "$stderr" "" "stderr of $words"
  done
  run --separate-stderr traced -qq -v --require-fired --fail-connect=EIO true
  assert_contains "$stderr" "require-fired"
}

# ---- commands ----

# bats test_tags=vm
@test "-o '|COMMAND': the command reads the report, and has ended when socktest has" {
  local start
  for start in '|' '!'; do
    rm -f "$BATS_TEST_TMPDIR/report"
    # Not with the descriptors of run, which waits for all who have them.
    run --separate-stderr traced --format=json -o "${start}exec >'$BATS_TEST_TMPDIR/report' 2>&1; sleep 0.3; cat" \
      "$PROGS/do_calls" tcp close
    assert_status 0
    assert_equal "$stderr" ""
    assert_equal "$(jq -r '.stats[0].closed' "$BATS_TEST_TMPDIR/report")" 1
  done
}

@test "--events='|COMMAND' and --format=FORMAT:'|COMMAND': each output has its own" {
  run traced -o "|cat >'$BATS_TEST_TMPDIR/report'" --events="|cat >'$BATS_TEST_TMPDIR/events'" \
    --format=tap:"|cat >'$BATS_TEST_TMPDIR/tap'" "$PROGS/do_calls" tcp close
  assert_status 0
  assert_contains "$(<"$BATS_TEST_TMPDIR/report")" "inet/stream/tcp"
  assert_contains "$(<"$BATS_TEST_TMPDIR/events")" "socket(inet"
  assert_contains "$(<"$BATS_TEST_TMPDIR/tap")" "TAP version 13"
  run isolated "$SOCKTEST" trace -q --events="$BATS_TEST_TMPDIR/jsonl" --events-format=jsonl true
  run isolated "$SOCKTEST" report --format=csv -o "|cat >'$BATS_TEST_TMPDIR/csv'" "$BATS_TEST_TMPDIR/jsonl"
  assert_status 0
  assert_contains "$(<"$BATS_TEST_TMPDIR/csv")" "cookie,family"
}

@test "-o '|COMMAND': it reads while COMMAND runs" {
  run traced -q --events="|read -r line; echo \"\$line\" >'$BATS_TEST_TMPDIR/first'; cat >/dev/null" \
    sh -c '"$1" tcp; until [ -s "$2" ]; do sleep 0.02; done' - "$PROGS/do_calls" "$BATS_TEST_TMPDIR/first"
  assert_status 0
  assert_contains "$(<"$BATS_TEST_TMPDIR/first")" "socket(inet"
}

@test "-o '|COMMAND': a command that fails, or ends early, is said in one line" {
  run --separate-stderr traced -o '|cat >/dev/null; exit 3' touch "$mark"
  assert_status 125
  assert_equal "$stderr" "socktest: --output=|cat >/dev/null; exit 3: the command exited with 3"
  [ -e "$mark" ]
  run --separate-stderr traced -o '|kill -9 $$' true
  assert_status 125
  assert_equal "$stderr" 'socktest: --output=|kill -9 $$: the command was killed by SIGKILL'
  # It is gone before COMMAND ends: its status is not lost, and SIGPIPE kills nobody.
  run --separate-stderr traced -q --events="|touch '$BATS_TEST_TMPDIR/gone'; exit 4" \
    sh -c 'until [ -e "$2" ]; do sleep 0.02; done; sleep 0.2; "$1" tcp' - "$PROGS/do_calls" "$BATS_TEST_TMPDIR/gone"
  assert_status 125
  assert_equal "$stderr" "socktest: --events=|touch '$BATS_TEST_TMPDIR/gone'; exit 4: the command exited with 4"
  rm "$BATS_TEST_TMPDIR/gone"
  run --separate-stderr traced -o "|touch '$BATS_TEST_TMPDIR/gone'" \
    sh -c 'until [ -e "$1" ]; do sleep 0.02; done; sleep 0.2' - "$BATS_TEST_TMPDIR/gone"
  assert_status 125
  assert_equal "$stderr" "socktest: --output=|touch '$BATS_TEST_TMPDIR/gone': cannot write: Broken pipe"
  run --separate-stderr bash -c 'trap "" CHLD; exec "$@"' - "$SOCKTEST" trace -o '|cat >/dev/null; exit 3' true
  assert_status 125
}

@test "-o '|COMMAND': one that cannot be started is said before COMMAND starts" {
  run --separate-stderr isolated bash -c 'ulimit -n 5; exec "$@"' - "$SOCKTEST" trace -o '|cat' touch "$mark"
  assert_status 125
  assert_equal "$stderr" "socktest: --output=|cat: cannot be started: Too many open files"
  [ ! -e "$mark" ]
}

@test "-o '|COMMAND': a refused run starts no command" {
  wrong "--events=$BATS_TEST_TMPDIR: Is a directory" -o "|touch '$BATS_TEST_TMPDIR/reading'" \
    --events="$BATS_TEST_TMPDIR"
  [ ! -e "$BATS_TEST_TMPDIR/reading" ]
}

@test "-o '|COMMAND': the program has nothing of it, and neither has the command anything of others" {
  local script='ls /proc/self/fd | wc -l; grep -E "^Sig(Blk|Ign)" /proc/self/status'
  run isolated sh -c "$script"
  local untraced=$output
  run traced -o "|cat >'$BATS_TEST_TMPDIR/report'" --events="|ls -l /proc/self/fd >'$BATS_TEST_TMPDIR/fds'; cat >/dev/null" \
    sh -c "$script"
  assert_status 0
  assert_equal "$output" "$untraced"
  assert_equal "$(grep -c ' -> pipe:' "$BATS_TEST_TMPDIR/fds")" \
    "$(($(isolated ls -l /proc/self/fd | grep -c ' -> pipe:') + 1))" "pipes of the command"
}

@test "-o '|COMMAND': an interrupt from the terminal does not lose the report" {
  run timeout "$LIMIT" "$PYTHON" - "$SOCKTEST" "$BATS_TEST_TMPDIR/report" <<'PYTHON'
import os, signal, subprocess, sys
program = subprocess.Popen([sys.argv[1], "trace", "--format=json", "-o", f"|sleep 0.3; cat >{sys.argv[2]}",
    "sh", "-c", "echo ready; exec sleep 60"], stdout=subprocess.PIPE, start_new_session=True)
assert program.stdout.readline() == b"ready\n"
os.killpg(program.pid, signal.SIGINT)
assert program.wait(30) == -signal.SIGINT, program.returncode
PYTHON
  assert_status 0
  assert_equal "$(jq -r .exit.signal "$BATS_TEST_TMPDIR/report")" SIGINT
}

# ---- stacks ----

@test "-k: stacks of events, as strace's -k" {
  run traced -q -k --events="$BATS_TEST_TMPDIR/events" "$PROGS/do_calls" tcp
  assert_status 0
  assert_contains "$(<"$BATS_TEST_TMPDIR/events")" "main"
}
