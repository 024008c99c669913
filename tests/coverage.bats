#!/usr/bin/env bats
# What was not seen is said in the report, so that no number is trusted more than it deserves. What is said of
# rings that a traced program makes, and of ABIs, stands in io_uring.bats and processes.bats.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

no_forced_filter

warnings() {
  json '.warnings[]'
}

# bats test_tags=vm
@test "--no-follow: how many children were not followed is said" {
  socktest_json_ok --no-follow "$PROGS/tcp_fork" 3
  assert_equal "$(warnings)" "4 child processes were not followed (--no-follow): their sockets are not counted"
  socktest_json_ok --no-follow sh -c '/bin/true; exit'
  assert_equal "$(warnings)" "1 child process was not followed (--no-follow): their sockets are not counted"
  socktest_json_ok --no-follow "$PROGS/tcp_threads"
  assert_equal "$(warnings)" ""
  socktest_json_ok "$PROGS/tcp_fork" 3
  assert_equal "$(warnings)" ""
}

@test "--no-wait: how many processes went on is said" {
  start_traced left --no-wait "$PROGS/orphan" "$BATS_TEST_TMPDIR/survived"
  finish left
  assert_status 0
  read_report left
  assert_equal "$(warnings)" \
    "1 process went on after COMMAND had ended (--no-wait): what they do since is not counted"
  wait_for test -e "$BATS_TEST_TMPDIR/survived"
  socktest_json_ok --no-wait "$PROGS/tcp_pair"
  assert_equal "$(warnings)" ""
}

# A process with two children of before; sets parent and children.
start_family() {
  start family "$PYTHON" -u -c 'import os, signal, sys
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        signal.pause()
    children.append(child)
def end(*_):
    for child in children:
        os.kill(child, signal.SIGKILL)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("children", *children)
signal.pause()'
  wait_for_output family children
  parent=${started[family]}
  read -r _ first second <"$BATS_TEST_TMPDIR/family.out"
}

@test "attach: children that were there before and are not named are said" {
  start_family
  start_traced look -p "$parent"
  wait_for grep -q "TracerPid:[[:space:]]${started[look]}" "/proc/$parent/status"
  stop look INT
  read_report look
  assert_equal "$(warnings)" "2 child processes were there before and not attached to, as of process $parent: their \
sockets are not counted (-p PID,PID attaches to several)"
  start_traced all -p "$parent,$first,$second"
  wait_for grep -q "TracerPid:[[:space:]]${started[all]}" "/proc/$second/status"
  stop all INT
  read_report all
  assert_equal "$(warnings)" ""
  stop family
}

@test "attach: rings that were made before are said" {
  requires sh -c '"$0" 1 leave | grep -qx rings' "$PROGS/uring_pair"
  start ring "$PYTHON" -u -c 'import ctypes, signal
ring = ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120)) # io_uring_setup(2)
print("ring", ring)
signal.pause()'
  wait_for_output ring ring
  start_traced look -p "${started[ring]}"
  wait_for grep -q "TracerPid:[[:space:]]${started[look]}" "/proc/${started[ring]}/status"
  stop look INT
  read_report look
  [[ $(warnings) =~ ^"process ${started[ring]} (python3"[^\ ]*") made 1 io_uring ring:" ]] || fail "$(warnings)"
  stop ring
}

@test "stack=: stacks that could not be read whole are said, for calls may have been missed" {
  requires grep -q -E 'x86_64|aarch64' <(uname -m)
  socktest_json_ok --fail-connect=EIO:stack=main "$PROGS/stacks" again 4
  assert_contains_not "$(warnings)" "may have missed"
  socktest_json_ok --fail-socket=EMFILE:stack=nowhere "$PROGS/stacks" blind
  assert_contains "$(warnings)" "stack= may have missed calls: 1 stack is not whole (the rest of the stack cannot be read)"
}
