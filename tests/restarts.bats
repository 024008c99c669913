#!/usr/bin/env bats
# Calls that signals interrupt: each is counted once, by what the program saw of it.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# restarts CALL SCENARIO OUTPUT COUNTER...: what the program prints of its calls, and the counters
restarts() {
  local call=$1 scenario=$2 expected=$3
  shift 3
  socktest_json_ok "$PROGRAMS/restarts" "$call" "$scenario"
  assert_equal "$(paste -sd' ' <<<"$output")" "$expected" "what $call $scenario printed"
  assert_counts "$@"
  assert_none_inflight
}

restarted_accepts() {
  for scenario in ignored often stop; do
    restarts accept $scenario "ok" "inet/stream/tcp opened=3 connected=1 listened=2 accepted=1 closed=4"
  done
}

restarted_connects() {
  for scenario in ignored often stop; do
    restarts connect $scenario "ok" "unix/stream/0 opened=6 connected=3 listened=2 accepted=2 closed=8"
  done
}

interrupted_calls() {
  for scenario in eintr timeout; do
    restarts accept $scenario "EINTR ok" \
      "inet/stream/tcp opened=3 connected=1 listened=2 accepted=1 closed=4 interrupted=1"
    restarts connect $scenario "EINTR ok" \
      "unix/stream/0 opened=6 connected=3 listened=2 accepted=2 closed=8 interrupted=1"
  done
}

nested_calls() {
  restarts accept nested "EINTR ok ok" \
    "inet/stream/tcp opened=4 connected=2 listened=2 accepted=2 closed=6 interrupted=1"
  restarts accept nested-restart "ok ok" \
    "inet/stream/tcp opened=4 connected=2 listened=2 accepted=2 closed=6"
  restarts connect nested "EINTR ok ok" \
    "unix/stream/0 opened=6 connected=4 listened=2 accepted=4 closed=10 interrupted=1"
  restarts connect nested-restart "ok ok" "unix/stream/0 opened=6 connected=4 listened=2 accepted=4 closed=10"
}

# Nobody saw a result of the calls that were left.
left_calls() {
  for scenario in jump jump-stack jump-nested; do
    restarts accept $scenario "ok" "inet/stream/tcp opened=3 connected=1 listened=2 accepted=1 closed=4"
    restarts connect $scenario "ok" "unix/stream/0 opened=6 connected=3 listened=2 accepted=2 closed=8"
  done
}

ended_calls() {
  for scenario in exit kill; do
    restarts accept $scenario "" "inet/stream/tcp opened=2 listened=2 closed=2"
    restarts connect $scenario "" "unix/stream/0 opened=6 connected=2 listened=2 closed=6"
  done
}

# bats test_tags=vm
@test "an accept that the kernel restarts is one accept" {
  PROGRAMS=$PROGS restarted_accepts
}

@test "a connect that the kernel restarts is one connect" {
  PROGRAMS=$PROGS restarted_connects
}

# bats test_tags=vm
@test "a call that ended in EINTR is interrupted, and the next one counts" {
  PROGRAMS=$PROGS interrupted_calls
}

# bats test_tags=vm
@test "a call in the handler that interrupted another: both count" {
  PROGRAMS=$PROGS nested_calls
}

# bats test_tags=vm
@test "a call that its handler jumped out of counts nowhere" {
  PROGRAMS=$PROGS left_calls
}

@test "a call in which the process ended counts nowhere" {
  PROGRAMS=$PROGS ended_calls
}

@test "32-bit: restarted, interrupted, nested, left and ended calls" {
  requires "$PROGS32/exit_code" 0
  PROGRAMS=$PROGS32
  restarted_accepts
  restarted_connects
  interrupted_calls
  nested_calls
  left_calls
  ended_calls
}

@test "a filter is asked once for a call, however often it is restarted" {
  socktest_json_ok --fail-accept=EMFILE:when=2 "$PROGS/restarts" accept often
  assert_equal "$output" ok
  socktest_json_ok --fail-connect=ETIMEDOUT:when=4+ "$PROGS/restarts" connect often
  assert_equal "$output" ok
  assert_equal "$(json '.filters[].fired')" 0
}

# bats test_tags=vm
@test "a filter is asked anew for each call, also after a jump out of the one before" {
  for scenario in jump jump-stack; do
    socktest_json --fail-accept=EMFILE:when=4 "$PROGS/restarts" accept $scenario
    assert_equal "${lines[0]}" EMFILE
    assert_counter inet/stream/tcp injected.accept 1
    assert_counter inet/stream/tcp accept_failed 0
    # The first two connects fill the backlogs.
    socktest_json --fail-connect=ETIMEDOUT:when=6 "$PROGS/restarts" connect $scenario
    assert_equal "${lines[0]}" ETIMEDOUT
    assert_counter unix/stream/0 injected.connect 1
  done
}

@test "a call is held back once, however often it is restarted" {
  socktest_json_ok --delay-accept=50ms "$PROGS/restarts" accept often
  assert_counter inet/stream/tcp accepted 1
  assert_equal "$(json '.filters[].fired')" 1
}

@test "an event is written once for a restarted call, with what the program saw" {
  run traced -q --events "$PROGS/restarts" accept eintr
  assert_status 0
  assert_equal "$(grep -c 'accept(.*EINTR' <<<"$output")" 1
  assert_equal "$(grep -c 'accept(' <<<"$output")" 2
}

# ---- calls that a handler interrupts whatever its SA_RESTART says ----

WOKEN_CALLS=(epoll epoll2 accept recv read send sigwait semaphore)

woken() { # woken SCENARIO OUTPUT: of each of the calls; as untraced
  local call
  for call in "${WOKEN_CALLS[@]}"; do
    both "$PROGRAMS/woken" "$call" "$1"
    assert_equal "$(paste -sd' ' <<<"$output")" "$2" "what $call printed"
  done
}

# aarch64 forgets the call before it stops for a signal, so that only its exit can be mended.
mends_calls() {
  [ "$ENGINE" = off ] || only_on x86_64 "signals that do nothing go unnoticed in calls that are not stopped"
}

# bats test_tags=vm
@test "signals that do nothing are not noticed in calls that are never restarted" {
  mends_calls
  PROGRAMS=$PROGS woken ignored ok
}

@test "32-bit: signals that do nothing are not noticed in calls that are never restarted" {
  requires "$PROGS32/exit_code" 0
  # Semaphores are behind ipc(2) there.
  WOKEN_CALLS=(epoll epoll2 accept recv read send sigwait)
  PROGRAMS=$PROGS32 woken ignored ok
}

@test "an accept with a timeout that a signal without a handler woke was not interrupted" {
  socktest_json_ok "$PROGS/woken" accept ignored
  assert_counter inet/stream/tcp accepted 1
  assert_counter inet/stream/tcp interrupted 0
  socktest_json_ok "$PROGS/woken" accept handled
  assert_counter inet/stream/tcp accepted 1
  assert_counter inet/stream/tcp interrupted 2
}

# bats test_tags=vm
@test "handlers end calls that are never restarted, and so does SIGSTOP" {
  mends_calls
  PROGRAMS=$PROGS
  woken handled "EINTR EINTR ok"
  woken stop "EINTR ok"
}

@test "a timeout comes however many signals that do nothing" {
  mends_calls
  PROGRAMS=$PROGS woken timeout timeout
}

@test "EINTR of a seccomp filter of the program's own is its own, whatever signals come" {
  both "$PROGS/own_eintr"
}
