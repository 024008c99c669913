#!/usr/bin/env bats
# A program without sockets.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

@test "it is told that there were no sockets" {
  run --separate-stderr traced "$PROGS/no_sockets"
  assert_status 0
  assert_contains "$stderr" "no sockets"
}

# bats test_tags=vm
@test "its report has no counters, no sockets and no warnings" {
  socktest_json_ok "$PROGS/no_sockets" 100
  assert_equal "$(json '.stats + .sockets + .warnings | length')" 0
}

# How often the program's thread left the processor of its own accord: by a stop, above all.
readonly switches='import errno, os, resource, socket
def switches(call):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    for _ in range(1000):
        call()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before)
def close():
    os.close(os.open("/dev/null", os.O_RDONLY))
def dup():
    os.dup2(1, 9)
def connect():
    assert client.connect_ex(("127.0.0.1", 9)) == errno.ECONNREFUSED
'

assert_switches() { # assert_switches KINDS MOST: of each kind's 1000 calls; as many as are printed
  local count
  assert_status 0
  assert_equal "${#lines[@]}" "$1" "kinds of calls"
  for count in "${lines[@]}"; do
    if [ "$ENGINE" = off ]; then
      # Then every call stops, twice: the measure itself is seen to work.
      [ "$count" -gt 1900 ] || fail "only $count switches for 1000 calls that stop"
    else
      [ "$count" -lt "$2" ] || fail "$count switches for 1000 calls"
    fi
  done
}

@test "with the seccomp filter, files are opened, duplicated and closed without a stop" {
  run traced -q "$PYTHON" -c "$switches
switches(close)
switches(dup)"
  assert_switches 2 100
}

@test "with the seccomp filter, one stop is enough for close and dup of what is no socket, and for a cancelled call" {
  run traced -q --fail-connect=ECONNREFUSED "$PYTHON" -c "$switches
client = socket.socket()
switches(close)
switches(dup)
switches(connect)"
  assert_switches 3 1100
}
