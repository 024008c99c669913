#!/usr/bin/env bash
# run-tests.sh unit | bats [FILE...] | unit bats
# Runs the unit tests, the end-to-end tests (with and without seccomp), or both. Shows what failed, and
# "N passed, N failed" on the last line. With CI=true a skipped test is a failed one.
# ENGINES=on or off: only with seccomp, or without; BATS_TAGS: only tests with these tags (bats --filter-tags).
set -euo pipefail
cd "$(dirname "$0")/.."

export BUILD=${BUILD:-build}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
# bats cannot end a test whose stray child holds its output open; this ends the whole process group.
readonly file_seconds=${FILE_SECONDS:-600}

passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
running=
finish() {
  if [ -n "$running" ]; then kill "$running" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# AddressSanitizer's report fails the run even where a test overlooks it (UBSan of gcc writes to stderr
# only). Tests run socktest as other users too, who have to be able to write one.
mkdir -m 1777 "$scratch/sanitizer"
chmod 755 "$scratch"
export ASAN_OPTIONS=log_path=$scratch/sanitizer/report${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export UBSAN_OPTIONS=print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}

# tally TAP-FILE STATUS FAILURES: prints "passed failed skipped", writes the failures' own lines.
# What was planned and never ran has failed, and so has a program that failed after its last test.
tally() {
  awk -v status="$2" -v ci="${CI:-false}" -v failures="$3" '
    /^1\.\.[0-9]+/ { planned = substr($1, 4) + 0 }
    /^(not )?ok / {
      seen++
      bad = 0
      if (/# ?(SKIP|skip)/) {
        if (ci == "true" && !/# skip only on /) { failed++; bad = 1 } else skipped++
        print >failures
      } else if (/^not/) {
        failed++
        bad = 1
        print >failures
      } else {
        passed++
      }
      next
    }
    bad || seen == 0 && !/^1\.\./ { print >failures }
    END {
      if (seen < planned) {
        print planned - seen " planned tests did not run" >failures
        failed += planned - seen
      } else if (!seen || status != 0 && !failed) {
        print "ended with status " status >failures
        failed++
      }
      if (status == 124 || status == 137) print "took too long and was ended" >failures
      print passed + 0, failed + 0, skipped + 0
    }' "$1"
}

# run_one TITLE COMMAND...: runs what prints TAP, adds to the sums, prints a line, and the failures.
run_one() {
  local title=$1 status=0 p f s report
  shift
  : >"$scratch/failures"
  timeout -k 10 "$file_seconds" "$@" >"$scratch/tap" 2>"$scratch/errors" </dev/null &
  running=$!
  wait $running || status=$?
  running=
  read -r p f s < <(tally "$scratch/tap" $status "$scratch/failures")
  for report in "$scratch"/sanitizer/report*; do
    [ -e "$report" ] || continue
    f=$((f + 1))
    cat "$report" >>"$scratch/failures"
    rm "$report"
  done
  printf '%-40s %3d passed, %d failed%s\n' "$title" "$p" "$f" "$([ "$s" = 0 ] || echo ", $s skipped")"
  sed 's/^/    /' "$scratch/failures"
  if [ "$f" != 0 ]; then sed 's/^/    /' "$scratch/errors"; fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

run_unit() {
  local program
  for program in tests/unit/test_*.c; do
    program=$BUILD/unit/$(basename "$program" .c)
    CMOCKA_MESSAGE_OUTPUT=TAP run_one "$(basename "$program")" "$program"
  done
}

run_bats() { # run_bats FILE...
  local file engine
  for engine in ${ENGINES:-on off}; do
    for file in "$@"; do
      SOCKTEST_SECCOMP=$engine run_one "$(basename "$file"), seccomp $engine" \
        bats --tap ${BATS_TAGS:+--filter-tags "$BATS_TAGS"} "$file"
    done
  done
}

main() {
  while [ $# -gt 0 ]; do
    case $1 in
      unit) run_unit ;;
      bats)
        shift
        if [ $# = 0 ]; then set -- tests/*.bats; fi
        run_bats "$@"
        break
        ;;
      *)
        echo "usage: $0 [unit] [bats [FILE...]]" >&2
        exit 2
        ;;
    esac
    shift
  done
  if [ $skipped != 0 ]; then echo "$skipped skipped"; fi
  echo "$passed passed, $failed failed"
  [ $failed = 0 ]
}

main "$@"
