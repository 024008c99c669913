#!/usr/bin/env bash
# run.sh GUEST BUILD: runs the tests with what was built for the guest in folder BUILD, in two virtual machines
# side by side, one with the seccomp filter and one without. Shows what failed, and "N passed, N failed" on
# the last line, as tests/run-tests.sh does. Without FULL=1 only the tests that are tagged vm, each once: every
# other file with the filter, and the rest without.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
guest=$1 build=$2

full=${FULL:-0}
export VM_SECONDS=${VM_SECONDS:-$([ "$full" = 1 ] && echo 10800 || echo 1500)}
# An emulated machine takes some thirty times as long.
settings=(CI=true "BUILD=$build" LIMIT=600 BATS_TEST_TIMEOUT=1800 "FILE_SECONDS=$VM_SECONDS")
[ "$full" = 1 ] || settings+=(BATS_TAGS=vm)

"$here/image.sh" "$guest" >/dev/null
scratch=$(mktemp -d)
declare -A machines=()
finish() {
  if [ ${#machines[@]} != 0 ]; then kill "${machines[@]}" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

run_in_guest() { # run_in_guest ENGINE RUN-TESTS-ARGUMENT...
  local engine=$1
  shift
  # Without the sums, which are shown once, for both.
  exec "$here/boot.sh" "$guest" . env "${settings[@]}" "ENGINES=$engine" tests/run-tests.sh "$@" \
    > >(tee "$scratch/$engine" | sed -u '/^[0-9]* passed, [0-9]* failed$/d; /^[0-9]* skipped$/d') 2>&1
}
files_on=() files_off=()
if [ "$full" != 1 ]; then
  mapfile -t files < <(grep -l '^# bats test_tags=vm' tests/*.bats)
  for file in "${files[@]}"; do
    if [ ${#files_on[@]} = ${#files_off[@]} ]; then files_on+=("$file"); else files_off+=("$file"); fi
  done
fi
run_in_guest on unit bats "${files_on[@]}" &
machines[on]=$!
run_in_guest off bats "${files_off[@]}" &
machines[off]=$!

passed=0 failed=0
for engine in on off; do
  status=0
  wait "${machines[$engine]}" || status=$?
  unset "machines[$engine]"
  read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$scratch/$engine" | tail -n 1) || p=0 f=0
  if [ $status != 0 ] && [ "$f" = 0 ]; then
    echo "vm: the guest with seccomp $engine ended with status $status"
    f=1
  fi
  passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
