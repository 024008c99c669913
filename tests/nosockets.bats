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

# How often the program's thread was taken off the processor of its own accord: by a stop, above all.
@test "with the seccomp filter, files are opened, duplicated and closed without a stop" {
  if [ "$ENGINE" = off ]; then
    # Then every call stops: the measure itself is seen to work.
    run traced -q "$PYTHON" -c "$switches_of_files"
    [ "$output" -gt 2000 ] || fail "only $output switches for 3000 calls that stop"
    return
  fi
  run traced -q "$PYTHON" -c "$switches_of_files"
  assert_status 0
  [ "$output" -lt 100 ] || fail "$output switches for 3000 calls on files"
}

setup() {
  switches_of_files='import os, resource
def switches():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
before = switches()
for _ in range(1000):
    fd = os.open("/dev/null", os.O_RDONLY)
    os.close(os.dup(fd))
    os.close(fd)
print(switches() - before)'
}
