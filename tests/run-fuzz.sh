#!/usr/bin/env bash
# Runs each fuzzer for FUZZ_SECONDS, from its kept corpus. What it crashed on is kept and named;
# "N passed, N failed" is the last line. A longer run whose finds are worth keeping:
#   FUZZ_KEEP=/tmp/found FUZZ_SECONDS=600 make fuzz
# and then build/fuzz/fuzz_NAME -use_counters=0 -set_cover_merge=1 NEW-FOLDER /tmp/found/NAME tests/fuzz/corpus/NAME.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}/fuzz
seconds=${FUZZ_SECONDS:-15}
passed=0 failed=0
scratch=$(mktemp -d)
running=
finish() {
  if [ -n "$running" ]; then kill "$running" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

export UBSAN_OPTIONS=print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}

run_one() { # run_one NAME
  local name=$1 found=${FUZZ_KEEP:-$scratch}/$1 crashes=$build/crashes-$1 status=0 crash
  mkdir -p "$found" "$crashes"
  rm -f "$crashes"/*
  timeout -k 10 $((seconds + 60)) "$build/fuzz_$name" -max_total_time="$seconds" -max_len=600 -timeout=10 \
    -artifact_prefix="$crashes/" "$found" "tests/fuzz/corpus/$name" >"$scratch/log" 2>&1 </dev/null &
  running=$!
  wait $running || status=$?
  running=
  if [ $status = 0 ] && [ -z "$(ls -A "$crashes")" ]; then
    printf 'fuzz_%-20s %s\n' "$name" "$(sed -n 's/^Done \([0-9]* runs\).*/\1/p' "$scratch/log")"
    passed=$((passed + 1))
    return
  fi
  failed=$((failed + 1))
  printf 'fuzz_%-20s FAILED with status %s\n' "$name" $status
  # Each new input has a line beginning with '#', and they are thousands.
  grep -v '^#' "$scratch/log" | tail -n 60 | sed 's/^/    /' || true
  for crash in "$crashes"/*; do
    if [ -e "$crash" ]; then echo "    again: $build/fuzz_$name $crash"; fi
  done
}

for source in tests/fuzz/fuzz_*.c; do
  name=$(basename "$source" .c)
  run_one "${name#fuzz_}"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
