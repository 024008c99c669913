#!/usr/bin/env bats
# Signals, exit statuses and job control reach the program as if socktest were not there.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

on_terminal() { # on_terminal [--columns N] [--on TEXT KEYS]... COMMAND...
  isolated timeout -k 5 "$LIMIT" "$PYTHON" "$TESTS/terminal.py" "$@"
}

# The pid of the program that start_traced NAME runs.
traced_pid() {
  descendants_of "${started[$1]}" | head -n 1
}

# bats test_tags=vm
@test "the program's exit status is passed on" {
  for code in 0 1 42 99 125 127 255; do
    socktest_json "$PROGS/exit_code" $code
    assert_status $code
    assert_equal "$(json '.exit | tojson')" "{\"code\":$code}"
  done
}

@test "socktest dies by the signal that killed the program" {
  for signal in ABRT BUS FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1; do
    number=$(kill -l $signal)
    start_traced victim "$PROGS/killed" "$number"
    finish victim
    assert_status $((128 + number))
    read_report victim
    assert_equal "$(json '.exit | tojson')" "{\"signal\":\"SIG$signal\"}"
    assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 inflight=2"
  done
}

# bats test_tags=vm
@test "Ctrl-C reaches a program that catches it, and the report is written" {
  run on_terminal --on pause ^C "$SOCKTEST" trace --seccomp="$ENGINE" "$PROGS/do_calls" tcp catch pause close
  assert_status 0
  assert_contains "$output" "close ok"
  assert_contains "$output" "inet/stream/tcp"
}

@test "Ctrl-C kills a program that does not, the report is written, and socktest dies by SIGINT" {
  run on_terminal --on pause ^C "$SOCKTEST" trace --seccomp="$ENGINE" "$PROGS/do_calls" tcp pause close
  assert_status 130
  assert_contains_not "$output" "close ok"
  assert_contains "$output" "inet/stream/tcp"
}

@test "Ctrl-Z stops the program and socktest, and both go on" {
  run on_terminal --on pause ^Z --on '[continued]' ^C \
    "$SOCKTEST" trace --seccomp="$ENGINE" "$PROGS/do_calls" tcp catch pause close
  assert_status 0
  assert_contains "$output" "[stopped]"
  assert_contains "$output" "close ok"
  assert_contains "$output" "inet/stream/tcp"
}

@test "a second SIGTERM to socktest, a second later, kills a program that ignores the first" {
  start_traced stubborn "$PYTHON" -u -c 'import signal, socket
signal.signal(signal.SIGTERM, lambda *_: print("not yet"))
listener = socket.socket()
print("ready")
while True:
    signal.pause()'
  wait_for_output stubborn ready
  kill -TERM "${started[stubborn]}"
  wait_for_output stubborn "not yet"
  wait_for killed_again "${started[stubborn]}"
  finish stubborn
  assert_status 137
  read_report stubborn
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}

# killed_again PID: one more SIGTERM, and it is gone
killed_again() {
  kill -TERM "$1"
  LIMIT=1 wait_for is_gone "$1"
}

@test "SIGQUIT of a terminal reaches the program, and the report is written" {
  # shellcheck disable=SC1003 # a backslash alone
  run on_terminal --on pause '^\' "$SOCKTEST" trace --seccomp="$ENGINE" "$PROGS/do_calls" tcp pause close
  assert_status 131
  assert_contains "$output" "inet/stream/tcp"
}

@test "SIGTERM to socktest ends the program and the report is written" {
  start_traced victim "$PROGS/do_calls" tcp pause
  wait_for_output victim pause
  stop victim TERM
  assert_status 143
  read_report victim
  assert_equal "$(json .exit.signal)" "SIGTERM"
  assert_counts "inet/stream/tcp opened=1 inflight=1"
}

@test "SIGTERM and SIGHUP to socktest are the program's to handle" {
  start_traced survivor "$PROGS/do_calls" tcp catch pause close
  wait_for_output survivor pause
  stop survivor TERM
  assert_status 0
  read_report survivor
  assert_counts "inet/stream/tcp opened=1 closed=1"
  start_traced victim "$PROGS/do_calls" tcp catch pause close
  wait_for_output victim pause
  stop victim HUP
  assert_status 129
}

@test "a signal to the program itself is the program's" {
  start_traced survivor "$PROGS/do_calls" tcp catch pause close
  wait_for_output survivor pause
  kill -TERM "$(traced_pid survivor)"
  finish survivor
  assert_status 0
  read_report survivor
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

# bats test_tags=vm
@test "SIGSTOP and SIGCONT to the program: it stops, and goes on" {
  start_traced survivor "$PROGS/do_calls" tcp catch pause close
  wait_for_output survivor pause
  pid=$(traced_pid survivor)
  kill -STOP "$pid"
  wait_for grep -q '^State:.*[tT]' "/proc/$pid/status"
  kill -TERM "$pid"
  kill -CONT "$pid"
  finish survivor
  assert_status 0
  read_report survivor
  assert_counts "inet/stream/tcp opened=1 closed=1"
}

@test "the program has the signal mask and dispositions that socktest was started with" {
  run isolated grep -E '^Sig(Blk|Ign)' /proc/self/status
  plain=$output
  run traced -q grep -E '^Sig(Blk|Ign)' /proc/self/status
  assert_equal "$output" "$plain" "signal state"
}
