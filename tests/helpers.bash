#!/usr/bin/env bash
# What the end-to-end tests share; a test file begins with "load helpers".

bats_require_minimum_version 1.5.0

# The harness may have been started with anything as its stdin.
exec </dev/null

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(cd "$TESTS/.." && cd "${BUILD:-build}" && pwd)
PROGS=$BUILD/progs
# shellcheck disable=SC2034 # for the tests
PROGS32=$BUILD/progs32 PROGS_MUSL=$BUILD/progs-musl
SOCKTEST=$BUILD/socktest
# The engine path under test; every test holds for both.
ENGINE=${SOCKTEST_SECCOMP:-auto}
# Not a shim of a version manager: programs of its own would be traced.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=$(python3 -c 'import sys; print(sys.executable)')
# Without them a shell looks its user up when it starts, with nscd over a socket that would be counted.
export HOME=${HOME:-/} SHELL=${SHELL:-/bin/sh}
# No run of socktest may take longer; seconds.
LIMIT=${LIMIT:-60}
lawless= # not empty: the report under test is by rules without the law

# bats loads this file within a function.
declare -gA started=()
declare -ga scratch=()

teardown() {
  stop_all
  if [ ${#scratch[@]} != 0 ]; then rm -rf -- "${scratch[@]}"; fi
}

# ---- results ----

fail() { # fail TEXT...
  printf '%s\n' "$@" >&2
  return 1
}

requires() { # requires root | PROGRAM | CONDITION-COMMAND...
  local what=$*
  if [ "$what" = root ]; then
    [ "$(id -u)" = 0 ] && return
  elif [ $# = 1 ]; then
    command -v "$1" >/dev/null && return
  else
    "$@" >/dev/null 2>&1 && return
  fi
  [ "${CI:-}" != true ] || fail "CI has to have this: $what"
  skip "needs $what"
}

# For --attach, --no-follow and --no-wait, which refuse --seccomp=on: the calls of whoever has the filter
# and no tracer fail.
no_forced_filter() {
  if [ "$ENGINE" = on ]; then ENGINE=auto; fi
}

# For what other machines do not have at all; elsewhere the test is listed as skipped, and no failure in CI.
only_on() { # only_on MACHINE WHAT
  [ "$(uname -m)" = "$1" ] || skip "only on $1: $2"
}

assert_equal() { # assert_equal ACTUAL EXPECTED [WHAT]
  [ "$1" = "$2" ] || fail "${3:-value} is:" "$1" "expected:" "$2"
}

assert_status() { # assert_status N
  # shellcheck disable=SC2154 # run sets it
  [ "$status" = "$1" ] || fail "exit status $status, expected $1; output:" "$output"
}

assert_contains() { # assert_contains TEXT PART
  [[ $1 == *"$2"* ]] || fail "there is no \"$2\" in:" "$1"
}

assert_contains_not() { # assert_contains_not TEXT PART
  [[ $1 != *"$2"* ]] || fail "there is a \"$2\" in:" "$1"
}

# ---- processes ----

# The harness keeps descriptors of its own, of which some may be sockets; a traced program would
# inherit them. For a subshell that goes on to exec.
close_descriptors() {
  local fd
  for fd in "/proc/$BASHPID/fd/"*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ] && [ "$fd" != 255 ]; then eval "exec $fd>&-"; fi
  done
}

isolated() (
  close_descriptors
  exec "$@"
)

wait_for() { # wait_for COMMAND...: until it succeeds, for at most LIMIT seconds
  local end=$((SECONDS + LIMIT))
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then
      fail "waited for $LIMIT seconds: $*"
      return 1 # set -e does not do it in a condition
    fi
    sleep 0.02
  done
}

is_gone() { # is_gone PID: ended; a zombie too
  local state
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
  [ -z "$state" ] || [ "$state" = Z ]
}

is_alive() { # is_alive PID
  ! is_gone "$1"
}

start() { # start NAME COMMAND...: in the background; stdout and stderr go to NAME.out
  local name=$1
  shift
  : >"$BATS_TEST_TMPDIR/$name.out" # here: nobody may read what an earlier one of that name said
  {
    close_descriptors
    exec "$@"
  } </dev/null >"$BATS_TEST_TMPDIR/$name.out" 2>&1 &
  started[$name]=$!
}

stop() { # stop NAME [SIGNAL]: its exit status is in $status
  local pid=${started[$1]}
  kill -"${2:-TERM}" "$pid" 2>/dev/null || true
  finish "$1"
}

finish() { # finish NAME: waits for its end; its exit status is in $status
  local pid=${started[$1]}
  wait_for is_gone "$pid"
  status=0
  wait "$pid" || status=$?
  unset "started[$1]"
}

stop_all() {
  local name pid
  for name in "${!started[@]}"; do
    pid=${started[$name]}
    kill "$pid" 2>/dev/null || true
    LIMIT=5 wait_for is_gone "$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  started=()
}

# descendants_of PID: those that live
descendants_of() {
  local child
  cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\n' | while read -r child; do
    echo "$child"
    descendants_of "$child"
  done
}

# program_of NAME: the pid of what socktest runs
program_of() {
  cat "/proc/${started[$1]}/task/"*/children | cut -d' ' -f1
}

# ---- network ----

# Where a server cannot choose its port itself. It stays free unless somebody is quicker.
free_port() {
  "$PYTHON" -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

# Asks the kernel's table, so that no connection is made that a test would count.
is_listening() { # is_listening PORT
  grep -Eq "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") 0+:0000 0A" /proc/net/tcp /proc/net/tcp6
}

write_nginx_config() { # write_nginx_config PORT
  cat >"$BATS_TEST_TMPDIR/nginx.conf" <<END
daemon off;
worker_processes 2;
pid $BATS_TEST_TMPDIR/nginx.pid;
error_log $BATS_TEST_TMPDIR/error.log;
events { }
http {
  access_log $BATS_TEST_TMPDIR/access.log;
  client_body_temp_path $BATS_TEST_TMPDIR;
  proxy_temp_path $BATS_TEST_TMPDIR;
  fastcgi_temp_path $BATS_TEST_TMPDIR;
  uwsgi_temp_path $BATS_TEST_TMPDIR;
  scgi_temp_path $BATS_TEST_TMPDIR;
  server {
    listen 127.0.0.1:$1;
    location / { return 200 "x"; }
    location /status { stub_status; access_log off; }
  }
}
END
}

# ---- socktest ----

# traced [OPTION...] COMMAND...: for use after run; see LIMIT
traced() {
  isolated timeout -k 5 "$LIMIT" "$SOCKTEST" trace --seccomp="$ENGINE" "$@"
}

# start_traced NAME [OPTION...] COMMAND...: in the background, see start
start_traced() {
  local name=$1
  shift
  start "$name" "$SOCKTEST" trace --seccomp="$ENGINE" --format=json -o "$BATS_TEST_TMPDIR/$name.json" "$@"
}

# read_report NAME: of what start_traced started and has ended
read_report() {
  report=$BATS_TEST_TMPDIR/$1.json
  [ -s "$report" ] || fail "no report; output:" "$(cat "$BATS_TEST_TMPDIR/$1.out")"
  assert_lawful
}

# wait_for_output NAME TEXT
wait_for_output() {
  wait_for grep -qF -- "$2" "$BATS_TEST_TMPDIR/$1.out"
}

# attempt COMMAND...: as run, which warns where a command means to end with 127
attempt() {
  status=0
  output=$("$@" 2>&1) || status=$?
  # shellcheck disable=SC2034 # for the tests
  mapfile -t lines <<<"$output"
}

# socktest_json [OPTION...] COMMAND...: the report is read by counts, counter and json; the exit status is
# in $status, the program's output in $output
socktest_json() {
  report=$BATS_TEST_TMPDIR/report.json
  rm -f "$report"
  attempt traced --format=json -o "$report" "$@"
  [ -s "$report" ] || fail "no report; exit status $status, output:" "$output"
  lawless=
  [[ " $* " != *" --count=go "* ]] || lawless=yes # Go's rules know no such law
  [ -n "$lawless" ] || assert_lawful
}

# Has to succeed, too.
socktest_json_ok() {
  socktest_json "$@"
  assert_status 0
}

# both COMMAND...: once untraced and once traced, with the same output and status 0. Leaves the report.
both() {
  local native=0 expected
  expected=$(isolated timeout -k 5 "$LIMIT" "$@" 2>&1) || native=$?
  assert_equal "$native" 0 "untraced exit status"
  socktest_json_ok "$@"
  assert_equal "$output" "$expected" "what the program saw"
}

# json JQ-FILTER: of a report that keeps the law
json() {
  # shellcheck disable=SC2016 # jq's variable
  jq -r --arg lawless "$lawless" 'if $lawless == "" and any(.stats[]?;
    .opened + .accepted + .adopted != .closed + .inflight) then error("the law does not hold") else . end | '"($1)" "$report"
}

assert_lawful() {
  local broken
  broken=$(json '.stats[] | select(.opened + .accepted + .adopted != .closed + .inflight)')
  [ -z "$broken" ] || fail "the law does not hold:" "$broken"
  assert_equal "$(json '.sockets | length')" "$(json '[.stats[].inflight] | add // 0')" \
    "number of inflight sockets in the list"
}

# counts: a line for each cookie, with the counters that are not zero:
# "inet/stream/tcp opened=2 closed=1 inflight=1 injected.connect=1"
counts() {
  # shellcheck disable=SC2016 # jq's variables
  json '.stats[]
    | [.family, .type, .protocol] as $name
    | del(.cookie, .family, .type, .protocol)
    | [., (.injected | with_entries(.key |= "injected." + .))] | add | del(.injected)
    | to_entries | map(select(.value != 0) | "\(.key)=\(.value)")
    | select(length > 0) | [($name | join("/"))] + . | join(" ")'
}

# assert_counts LINE...: exactly these, as counts prints them
assert_counts() {
  assert_equal "$(counts)" "$(printf '%s\n' "$@")" "counters"
}

counter() { # counter inet/stream/tcp COUNTER; COUNTER may be injected.CALL
  json "[.stats[] | select([.family, .type, .protocol] == (\"$1\" | split(\"/\"))) | .$2] | add // 0"
}

assert_counter() { # assert_counter COOKIE COUNTER N
  assert_equal "$(counter "$1" "$2")" "$3" "$1 $2"
}

assert_none_inflight() {
  assert_equal "$(json '.sockets[]')" "" "sockets left open"
}

# assert_junit FILE: as CI servers read it, with as many cases and failures as it says
assert_junit() {
  local said counted
  xmllint --noout --relaxng "$TESTS/junit.rng" "$1" || fail "$(cat "$1")"
  said=$(xmllint --xpath '//testsuite/@tests | //testsuite/@failures' "$1" | grep -o '[0-9]*')
  counted=$("$PYTHON" -c 'import sys, xml.etree.ElementTree as tree
for suite in tree.parse(sys.argv[1]).getroot():
    print(len(suite.findall("testcase")), len(suite.findall("testcase/failure")), sep="\n")' "$1")
  assert_equal "$said" "$counted" "tests and failures"
}

# What two runs of one program have in common: neither pids nor ports nor times.
comparable() {
  json '{exit, stats, warnings, sockets: [.sockets[] | {fd, cookie, state, err, socket_err, call: .opened_by.call}]}'
}

# assert_builds_alike FOLDER PROGRAM [ARG...]: this other build of the program ends as well, prints and counts the same
assert_builds_alike() {
  local folder=$1 name=$2 expected said
  shift 2
  socktest_json_ok "$PROGS/$name" "$@"
  said=$output
  expected=$(comparable)
  assert_contains "$(counts)" opened=
  socktest_json_ok "$folder/$name" "$@"
  assert_equal "$output" "$said" "output of ${folder##*/}/$name $*"
  assert_equal "$(comparable)" "$expected" "report of ${folder##*/}/$name $*"
}

# assert_like_strace [OPTION-OF-ORACLE...] -- COMMAND...: runs it once under each, and compares
assert_like_strace() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  run isolated timeout -k 5 "$LIMIT" "$PYTHON" "$TESTS/oracle.py" --record "$BATS_TEST_TMPDIR/strace" \
    -- "$@" </dev/null
  local strace_status=$status
  socktest_json "$@"
  assert_status "$strace_status"
  "$PYTHON" "$TESTS/oracle.py" --compare "$report" "${options[@]}" "$BATS_TEST_TMPDIR/strace"
}

# ---- other users ----

# A folder that user nobody may write to, with copies of socktest and the programs. Sets $shared.
share_build() {
  shared=$(mktemp -d /tmp/socktest-nobody.XXXXXX)
  scratch+=("$shared")
  cp -r "$SOCKTEST" "$PROGS" "$shared"
  chmod -R a+rX "$shared"
  chmod 777 "$shared"
}

# An unprivileged user runs it as himself.
as_nobody() { # as_nobody COMMAND...
  if [ "$(id -u)" = 0 ]; then
    isolated timeout -k 5 "$LIMIT" setpriv --reuid=65534 --regid=65534 --clear-groups \
      --inh-caps=-all --bounding-set=-all "$@"
  else
    isolated timeout -k 5 "$LIMIT" "$@"
  fi
}
