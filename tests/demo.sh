#!/usr/bin/env bash
# Traces a small server and its client over loopback, then once more with a fault injected.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}

demonstrate() { # demonstrate EXPECTED-STATUS TITLE [OPTION...]
  local expected=$1 title=$2 status=0
  shift 2
  local command=("$build/socktest" trace "$@" "$build/progs/demo_server" "$build/progs/demo_client")
  printf '\n# %s\n$ %s\n' "$title" "${command[*]}"
  "${command[@]}" </dev/null 2>&1 || status=$?
  echo "(exit status $status, the program's own)"
  if [ $status != "$expected" ]; then
    echo "demo: exit status $expected was expected" >&2
    return 1
  fi
}

demonstrate 0 'Three requests are answered, one port refuses, one socket is never closed'
demonstrate 1 'The same, but the second connect is refused by socktest' \
  --fail-connect=ECONNREFUSED:when=2
