#!/usr/bin/env bats
# Random programs that know what the counters must be: tests/stress/run. More of them: make stress.

load helpers

stress() { # stress [OPTION...]: of this engine; none begins late, lest bats ends them all
  run isolated "$PYTHON" "$TESTS/stress/run" --engine "$ENGINE" --limit "$LIMIT" --seconds 30 "$@"
}

assert_all_passed() {
  assert_status 0
  [[ $output =~ ^[1-9][0-9]*\ runs,\ 0\ failed$ ]] || fail "not just the summary:" "$output"
}

@test "random programs: every counter is what their own ledger says" {
  stress --mode exact --seeds 1..150
  assert_all_passed
}

@test "random programs that are killed at any moment: the law holds, and nothing is left running" {
  stress --mode wild --seeds 1..150
  assert_all_passed
}

# bats test_tags=vm
@test "random programs: a ledger that says otherwise is a failed run, and how to repeat it is said" {
  # In place of the program one that runs it, and then adds an open to its ledger.
  mkdir -p "$BATS_TEST_TMPDIR/build/progs"
  ln -s "$SOCKTEST" "$BATS_TEST_TMPDIR/build/socktest"
  cat >"$BATS_TEST_TMPDIR/build/progs/stress" <<EOF
#!/bin/sh
"$PROGS/stress" "\$@" || exit
sed -i '0,/"opened": /s//"opened": 1/' "\$2"
EOF
  chmod +x "$BATS_TEST_TMPDIR/build/progs/stress"
  BUILD=$BATS_TEST_TMPDIR/build stress --mode exact --seeds 7
  assert_status 1
  assert_contains "$output" "seed 7, engine $ENGINE, mode exact:"
  assert_contains "$output" "inet/stream/tcp opened: socktest "
  assert_contains "$output" "again: tests/stress/run --seeds 7 --engine $ENGINE --mode exact --steps 60"
  assert_equal "${lines[-1]}" "1 runs, 1 failed" "last line"
}
