#!/usr/bin/env bash
# run-tests.sh unit | bats [FILE...] | unit bats
# Runs the unit tests, the end-to-end tests (with and without seccomp), or both. Shows what failed, and
# "N passed, N failed" on the last line. With CI=true a skipped test is a failed one.
# JOBS=N: so many at a time, as many as there are processors unless given.
# ENGINES=on or off: only with seccomp, or without; BATS_TAGS: only tests with these tags (bats --filter-tags).
set -euo pipefail
cd "$(dirname "$0")/.."

export BUILD=${BUILD:-build}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
# bats cannot end a test whose stray child holds its output open; this ends the whole process group.
readonly file_seconds=${FILE_SECONDS:-600}

readonly jobs=${JOBS:-$(nproc)}

passed=0 failed=0 skipped=0 started=0 reported=0
scratch=$(mktemp -d)
finish() {
  local job
  for job in "$scratch"/*/pid; do
    if [ -e "$job" ]; then kill "$(cat "$job")" 2>/dev/null || true; fi
  done
  wait
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

chmod 755 "$scratch" # tests run socktest as other users too
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

# run_job FOLDER TITLE COMMAND...: runs what prints TAP; into FOLDER go the lines to be shown, and the sums.
# AddressSanitizer's report fails the run even where a test overlooks it (UBSan of gcc writes to stderr only).
# Whoever runs socktest has to be able to write one.
run_job() {
  local folder=$1 title=$2 status=0 p f s report begun=$SECONDS
  shift 2
  mkdir -m 1777 "$folder/sanitizer"
  export ASAN_OPTIONS=log_path=$folder/sanitizer/report${ASAN_OPTIONS:+:$ASAN_OPTIONS}
  : >"$folder/failures"
  timeout -k 10 "$file_seconds" "$@" >"$folder/tap" 2>"$folder/errors" </dev/null &
  echo $! >"$folder/pid"
  wait $! || status=$?
  rm "$folder/pid"
  read -r p f s < <(tally "$folder/tap" $status "$folder/failures")
  for report in "$folder"/sanitizer/report*; do
    [ -e "$report" ] || continue
    f=$((f + 1))
    cat "$report" >>"$folder/failures"
  done
  {
    printf '%-40s %3d passed, %d failed%s; %d s\n' "$title" "$p" "$f" "$([ "$s" = 0 ] || echo ", $s skipped")" \
      $((SECONDS - begun))
    sed 's/^/    /' "$folder/failures"
    if [ "$f" != 0 ]; then sed 's/^/    /' "$folder/errors"; fi
  } >"$folder/output"
  echo "$p $f $s" >"$folder/sums"
}

# Waits for a job, and shows those that have ended.
report_jobs() {
  local folder p f s none=0
  wait -n || none=$(($? == 127)) # no job is left
  for folder in "$scratch"/*/; do
    if [ $none = 1 ] && [ ! -e "$folder/sums" ]; then
      echo "a job died: $(cat "$folder/errors" 2>&1)" >"$folder/output"
      echo 0 1 0 >"$folder/sums"
    fi
    [ -e "$folder/sums" ] || continue
    cat "$folder/output"
    read -r p f s <"$folder/sums"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) reported=$((reported + 1))
    rm -rf "$folder"
  done
}

# start_job TITLE COMMAND...: as soon as fewer than $jobs run
start_job() {
  while [ $((started - reported)) -ge "$jobs" ]; do report_jobs; done
  started=$((started + 1))
  mkdir "$scratch/$started"
  run_job "$scratch/$started" "$@" &
}

run_unit() {
  local program
  for program in tests/unit/test_*.c; do
    program=$BUILD/unit/$(basename "$program" .c)
    CMOCKA_MESSAGE_OUTPUT=TAP start_job "$(basename "$program")" "$program"
  done
}

run_bats() { # run_bats FILE...
  local file engine
  for engine in ${ENGINES:-on off}; do
    for file in "$@"; do
      SOCKTEST_SECCOMP=$engine start_job "$(basename "$file"), seccomp $engine" \
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
  while [ $reported -lt $started ]; do report_jobs; done
  if [ $skipped != 0 ]; then echo "$skipped skipped"; fi
  echo "$passed passed, $failed failed"
  [ $failed = 0 ]
}

main "$@"
