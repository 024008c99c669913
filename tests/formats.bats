#!/usr/bin/env bats
# The report in each format.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

formatted() { # formatted FORMAT [OPTION...] COMMAND...: the report is in $report
  local format=$1
  shift
  report=$BATS_TEST_TMPDIR/report.$format
  run traced --format="$format" -o "$report" "$@"
}

# ---- json ----

# bats test_tags=vm
@test "json: the keys, in order, always present" {
  socktest_json_ok --require-fired --fail-socket=EPERM:when=2 "$PROGS/do_calls" tcp udp
  "$PYTHON" -m json.tool "$report" >/dev/null
  assert_equal "$(json 'keys_unsorted | join(" ")')" \
    "schema command exit duration_ns stats sockets filters checks warnings"
  assert_equal "$(json '.stats[0] | keys_unsorted | join(" ")')" \
    "cookie family type protocol opened connected listened accepted closed open_failed connect_failed listen_failed accept_failed close_failed pending would_block interrupted adopted inflight injected"
  assert_equal "$(json '.stats[0].injected | keys_unsorted | join(" ")')" "socket connect listen accept getsockopt close"
  assert_equal "$(json '.sockets[0] | keys_unsorted | join(" ")')" \
    "pid command fd cookie family type protocol state local peer err socket_err opened_by"
  assert_equal "$(json '.sockets[0].opened_by | keys_unsorted | join(" ")')" "pid tid call age_ns stack"
  assert_equal "$(json '.filters[0] | keys_unsorted | join(" ")')" "option matched fired"
  assert_equal "$(json '.checks[0] | keys_unsorted | join(" ")')" "check ok detail"
  assert_equal "$(json '.schema')" "socktest/1"
  assert_equal "$(json '.command | tojson')" "[\"$PROGS/do_calls\",\"tcp\",\"udp\"]"
  assert_equal "$(json '.exit | tojson')" '{"code":0}'
  assert_equal "$(json '.duration_ns > 0')" true
  assert_equal "$(json '.stats[0].cookie')" "0x0002000000010006"
}

@test "json: names of families, types and protocols" {
  socktest_json_ok "$PROGS/kinds"
  for cookie in inet/stream/tcp inet/dgram/udp inet6/stream/tcp unix/stream/0 unix/dgram/0 unix/seqpacket/0 netlink/dgram/0; do
    [ "$(counter $cookie opened)" -ge 1 ] || fail "no $cookie was opened"
  done
}

@test "json: arguments that are not UTF-8 or have a backslash come back as they were" {
  socktest_json_ok "$PROGS/exit_code" 0 $'\xff\xfe' 'a\b' 'ü' $'\e"'
  assert_equal "$(json '.command[2:] | join(" ")')" '\xff\xfe a\\b ü '$'\e"'
}

# ---- csv ----

@test "csv: python's csv reads it, with the names of the json report" {
  formatted csv "$PROGS/leak"
  assert_status 0
  grep -q $'\r$' "$report" || fail "lines do not end in CRLF"
  run "$PYTHON" -c 'import csv, sys
with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file, strict=True))
for row in rows:
    print(row["cookie"], row["family"], row["type"], row["protocol"], row["opened"], row["pending"], row["inflight"],
          row["injected_close"])
    assert None not in row and None not in row.values()' "$report"
  assert_status 0
  assert_equal "$output" "0x0001000000010000 unix stream 0 2 0 2 0
0x0001000000020000 unix dgram 0 1 0 1 0
0x0002000000010006 inet stream tcp 5 1 6 0
0x0002000000020011 inet dgram udp 1 0 1 0"
}

@test "csv: warnings go to stderr, so that the file stays CSV" {
  run --separate-stderr traced --format=csv -o "$BATS_TEST_TMPDIR/report" --fail-connect=EPERM "$PROGS/do_calls" tcp
  assert_contains "$stderr" "--fail-connect=EPERM never fired"
  assert_contains_not "$(cat "$BATS_TEST_TMPDIR/report")" "never fired"
}

# ---- go ----

@test "go: the strings of Stat and Status" {
  formatted go --count=go "$PROGS/do_calls" serve tcp nonblock bound connect wait connect
  assert_status 0
  assert_equal "$(cat "$report")" 'Socket statistical information:
(inet4, stream, default): opened=3 connected=0 listened=1 accepted=0 closed=0 openfailed=0 connectfailed=2 listenfailed=0 acceptfailed=0 closefailed=0
Inflight sockets:
3: (inet4, stream, default): syscallerr=<nil> socketerr=<nil>
4: (inet4, stream, default): syscallerr=connection refused socketerr=<nil>
5: (inet4, stream, default): syscallerr=<nil> socketerr=<nil>'
}

@test "go: flags, names and SO_ERROR" {
  formatted go --count=go "$PYTHON" -c 'import socket, select
bound = socket.socket(); bound.bind(("127.0.0.1", 0))
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
s.connect_ex(bound.getsockname())
select.select([], [s], [])
s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
import os
os._exit(0)'
  assert_status 0
  grep -qxE '[0-9]+: \(inet4, stream\|0x80800, default\): syscallerr=<nil> socketerr=connection refused' "$report" ||
    fail "$(cat "$report")"
}

# ---- table ----

# widest FILE: its longest line
widest() {
  awk '{ if (length > longest) longest = length } END { print longest + 0 }' "$1"
}

@test "table: a row for each cookie, and columns that are not all zero" {
  formatted table "$PROGS/accept_would_block"
  assert_status 0
  assert_equal "$(tr -s ' ' <"$report" | head -n 2)" "socket opened connected listened accepted closed would_block
inet/stream/tcp 2 1 1 1 3 3"
}

@test "table: no line is over 80 columns" {
  formatted table --fail-connect=ECONNREFUSED:to=203.0.113.0/24 "$PROGS/leak"
  [ "$(widest "$report")" -le 80 ] || fail "$(cat "$report")"
  formatted table "$PROGS/kinds"
  [ "$(widest "$report")" -le 80 ] || fail "$(widest "$report") columns"
}

@test "table: inflight sockets with state and addresses" {
  formatted table "$PROGS/leak"
  for part in leak listening connecting connected 127.0.0.1:; do
    assert_contains "$(cat "$report")" "$part"
  done
}

@test "table: no colour where it is no terminal, unless asked for" {
  formatted table "$PROGS/failures"
  assert_contains_not "$(cat "$report")" $'\e'
  formatted table --color=always "$PROGS/failures"
  assert_contains "$(cat "$report")" $'\e['
  formatted table --color=never "$PROGS/failures"
  assert_contains_not "$(cat "$report")" $'\e'
}

@test "table: colour on a terminal, but not with NO_COLOR or --color=never" {
  on_terminal() {
    isolated timeout -k 5 "$LIMIT" env TERM=xterm "$PYTHON" "$TESTS/terminal.py" "$@"
  }
  run on_terminal "$SOCKTEST" trace --seccomp="$ENGINE" "$PROGS/failures"
  assert_contains "$output" $'\e['
  run on_terminal env NO_COLOR=1 "$SOCKTEST" trace --seccomp="$ENGINE" "$PROGS/failures"
  assert_contains_not "$output" $'\e'
  run on_terminal "$SOCKTEST" trace --color=never --seccomp="$ENGINE" "$PROGS/failures"
  assert_contains_not "$output" $'\e'
}

@test "table: colour changes nothing but colour" {
  formatted table --color=always "$PROGS/failures"
  sed 's/\x1b\[[0-9;]*m//g' "$report" >"$BATS_TEST_TMPDIR/stripped"
  formatted table "$PROGS/failures"
  diff "$BATS_TEST_TMPDIR/stripped" "$report"
}

# ---- tap and junit ----

@test "tap: prove reads it, a test point for the exit and each check" {
  requires prove
  formatted tap --expect='* opened==1' --leak-check=error "$PROGS/do_calls" tcp close
  assert_status 0
  run prove -e cat "$report"
  assert_status 0
  assert_contains "$output" "Tests=3"
  formatted tap --expect='* opened==2' --leak-check=error "$PROGS/do_calls" tcp
  assert_status 99
  run prove -e cat "$report"
  assert_contains "$output" "Failed tests:  2-3"
  assert_contains "$(cat "$report")" 'message: "1 socket left open: 1 inet/stream/tcp of socket"'
}

@test "junit: an XML parser reads it, a test case for the exit and each check" {
  formatted junit --expect='* opened<2' --expect='* closed>opened' --leak-check=error "$PROGS/do_calls" tcp close
  assert_status 99
  run "$PYTHON" -c 'import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
print(suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped"))
assert float(suite.get("time")) > 0
for case in suite.iter("testcase"):
    print(case.get("classname"), case.get("name"), [failure.get("message") for failure in case.iter("failure")])
' "$report"
  assert_junit "$report"
  assert_equal "$output" "$PROGS/do_calls tcp close 4 1 0 0
socktest exit []
socktest expect * opened<2 []
socktest expect * closed>opened ['opened=1 closed=1']
socktest leak-check []"
}

@test "tap and junit: warnings and the program's own failure are in them" {
  formatted tap --fail-connect=EPERM "$PROGS/exit_code" 3
  assert_status 3
  assert_contains "$(cat "$report")" 'message: "exited with 3"'
  assert_contains "$(cat "$report")" "# warning: --fail-connect=EPERM never fired"
  formatted junit --fail-connect=EPERM "$PROGS/exit_code" 3
  assert_junit "$report"
  assert_contains "$(cat "$report")" '<failure message="exited with 3"/>'
  assert_contains "$(cat "$report")" "<system-err>warning: --fail-connect=EPERM never fired"
}

@test "tap and junit: quotes, backslashes, markup and control characters are escaped" {
  local filter='--fail-connect=EIO:to=/a"b\\c<&>#'
  formatted tap --require-fired "$filter" "$PROGS/exit_code" 3 $'# TODO\e[31m' '<&>'
  assert_contains "$(cat "$report")" 'message: "never fired: --fail-connect=EIO:to=/a\"b\\\\c<&>#"'
  assert_contains "$(cat "$report")" $'exit_code 3 # TODO\\x1b[31m <&>\nnot ok 1 - exit\n'
  run prove -e cat "$report"
  assert_contains "$output" "Failed 2/2 subtests"
  formatted junit --require-fired "$filter" "$PROGS/exit_code" 3 $'\e\xff' '<&>"'
  assert_junit "$report"
  assert_equal "$("$PYTHON" -c 'import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot()[0]
print(suite.get("name"))
print(suite.findall("testcase/failure")[1].get("message"))' "$report")" \
    "$PROGS/exit_code 3 \\x1b\\xff <&>\""$'\nnever fired: --fail-connect=EIO:to=/a"b\\\\c<&>#'
}

@test "--format=FORMAT:FILE: further reports, next to the usual one" {
  run --separate-stderr traced --format=tap:"$BATS_TEST_TMPDIR/tap" --format=junit:"$BATS_TEST_TMPDIR/a:b" \
    "$PROGS/do_calls" tcp
  assert_status 0
  assert_contains "$stderr" "1 inflight socket"
  assert_contains "$(cat "$BATS_TEST_TMPDIR/tap")" "TAP version 13"
  assert_contains "$(cat "$BATS_TEST_TMPDIR/a:b")" "<testsuites>"
  run --separate-stderr traced -q --format=json:"$BATS_TEST_TMPDIR/tap" "$PROGS/do_calls" tcp
  assert_equal "$stderr" ""
  assert_equal "$(jq -r .schema "$BATS_TEST_TMPDIR/tap")" socktest/1
}
