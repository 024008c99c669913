#!/usr/bin/env bats
# --leak-check with stacks, and --suppressions.

# Set by run and by the helpers.
# shellcheck disable=SC2154,SC2030,SC2031

load helpers

setup() {
  known=$BATS_TEST_TMPDIR/known
}

leaks() { # the section of the table, without its headings
  sed -n '/^leaked/,/^$/p' <<<"$output" | sed '1d; /^$/d'
}

suppressions() {
  sed -n 's/^ *suppression: //p' <<<"$output"
}

check_of_leaks() {
  json '.checks[] | select(.check == "leak-check") | "\(.ok) \(.detail)"'
}

# bats test_tags=vm
@test "leaks of one place are one, with the count, an example and the stack; most first" {
  run traced --leak-check=error "$PROGS/do_calls" udp tcp tcp tcp
  assert_status 99
  assert_equal "$(leaks | grep -cE '^ *[0-9]+ +[a-z]')" 2 "places"
  [[ $(leaks) =~ ^\ +3\ +inet/stream/tcp\ +socket\ +[0-9]+\ +do_calls\ +4\ .*$'\n'\ +0\.0\.0\.0:0$'\n'\ {8}at\ socket\ .*$'\n'\ {8}by\ open_socket\ \(do_calls.c:[0-9]+\)$'\n'.*by\ main\ .*$'\n'\ +1\ +inet/dgram/udp ]] ||
    fail "$output"
  assert_contains_not "$(sed -n '/inflight socket/,/^$/p' <<<"$output")" "at socket"
}

@test "leaks of different places are told apart" {
  run traced --leak-check=report "$PROGS/stacks" places 10
  assert_status 0
  assert_equal "$(leaks | grep -c '^ *1 *inet/stream/tcp')" 10 "places"
  assert_equal "$(leaks | grep -o 'place_[0-9] ' | paste -sd' ' | tr -s ' ')" \
    "place_0 place_1 place_2 place_3 place_4 place_5 place_6 place_7 place_8 place_9 "
}

# bats test_tags=vm
@test "the line that is printed with a leak suppresses it, and it alone" {
  run traced --leak-check=error "$PROGS/stacks" places 10
  assert_status 99
  assert_equal "$(suppressions | sort -u | wc -l)" 10 "different lines"
  suppressions | sed -n 3p >"$known"
  run traced --leak-check=error --suppressions="$known" "$PROGS/stacks" places 10
  assert_status 99
  assert_equal "$(leaks | grep -c '^ *1 *inet/stream/tcp')" 9 "leaks"
  assert_contains "$output" "1 suppressed"
  assert_contains_not "$(leaks)" place_2
  run traced --leak-check=error "$PROGS/stacks" places 10
  suppressions >"$known"
  socktest_json_ok --leak-check=error --suppressions="$known" "$PROGS/stacks" places 10
  assert_equal "$(check_of_leaks)" "true "
  assert_equal "$(json '.sockets | length')" 10 "inflight sockets"
}

@test "printed lines serve for C++ names, static, stripped and 32-bit programs" {
  local program
  for program in stacks stacks_static stacks_stripped; do
    run traced --leak-check=error "$PROGS/$program" cxx
    assert_status 99
    suppressions >"$known"
    socktest_json_ok --leak-check=error --suppressions="$known" "$PROGS/$program" cxx
  done
  if [ -x "$PROGS32/leak" ]; then
    run traced --leak-check=error "$PROGS32/leak"
    suppressions >"$known"
    socktest_json_ok --leak-check=error --suppressions="$known" "$PROGS32/leak"
  fi
}

@test "--suppressions: every condition can be one, comments and empty lines are none" {
  local line
  for line in type=stream family=inet:proto=tcp fd=3 on=127.0.0.1 comm=do_calls stack=bind_target:stack=main; do
    printf '# known\n\n  %s  \n' "$line" >"$known"
    socktest_json_ok --leak-check=error --suppressions="$known" "$PROGS/do_calls" bound
    assert_equal "$(check_of_leaks)" "true " "$line"
  done
  for line in type=dgram family=inet:proto=udp fd=4 on=:1 to=127.0.0.1 comm=do stack=main:stack=other; do
    printf '%s\n' "$line" >"$known"
    socktest_json --leak-check=error --suppressions="$known" "$PROGS/do_calls" bound
    assert_status 99
    assert_equal "$(check_of_leaks)" "false 1 socket left open: 1 inet/stream/tcp of socket" "$line"
  done
}

@test "--suppressions: several files add up" {
  echo type=stream >"$known"
  echo type=dgram >"$known.more"
  socktest_json_ok --leak-check=error --suppressions="$known" --suppressions="$known.more" "$PROGS/do_calls" tcp udp
}

refused() { # refused TEXT OPTION...
  local text=$1
  shift
  run traced "$@" touch "$BATS_TEST_TMPDIR/started"
  assert_status 125
  assert_equal "$output" "socktest: $text"
  [ ! -e "$BATS_TEST_TMPDIR/started" ] || fail "COMMAND was started"
}

@test "--suppressions: a wrong line is refused with its number, and a file that cannot be read" {
  printf 'type=stream\nstak=main\n' >"$known"
  refused "--suppressions=$known:2: no condition is called stak; did you mean stack?" \
    --leak-check=report --suppressions="$known"
  echo 'type=stream:when=2' >"$known"
  refused "--suppressions=$known:1: when is for calls, not for leaks" --leak-check=report --suppressions="$known"
  echo 'cycle' >"$known"
  refused "--suppressions=$known:1: cycle is for calls, not for leaks" --leak-check=report --suppressions="$known"
  refused "--suppressions=$known.none: No such file or directory" --leak-check=error --suppressions="$known.none"
  refused "--suppressions=$BATS_TEST_TMPDIR: Is a directory" --leak-check=error --suppressions="$BATS_TEST_TMPDIR"
  refused "--suppressions=/dev/null: only with --leak-check=report or error" --suppressions=/dev/null
}
