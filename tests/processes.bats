#!/usr/bin/env bats
# Processes that are made, left behind, confined, debugged, stopped and killed in every way.

load helpers

# ---- made ----

# Each of both closes a socket of its own, and the one that both have is closed by the later one.
makes() { # makes WAY
  both "$PROGS/make_child" "$1"
  assert_counts "inet/stream/tcp opened=3 closed=3"
}

# bats test_tags=vm
@test "vfork: the child opens and closes in its parent's memory" {
  makes vfork
}

# bats test_tags=vm
@test "clone and clone3 without any flag" {
  makes clone
  makes clone3
}

# bats test_tags=vm
@test "CLONE_PARENT: a child that belongs to its maker's parent" {
  makes parent
  makes parent3
}

@test "CLONE_PARENT by the program itself: its child is not its own" {
  makes top
}

# bats test_tags=vm
@test "CLONE_UNTRACED: the child is traced all the same, and works as untraced" {
  for way in untraced untraced3 both; do
    makes $way
    assert_equal "$(json '.warnings[]')" \
      "make_child makes tasks that are not to be traced (CLONE_UNTRACED): they are traced all the same"
  done
}

@test "CLONE_UNTRACED: no child escapes when another thread sets it behind socktest's back" {
  both "$PROGS/make_child" flip
  assert_counts "inet/stream/tcp opened=601 closed=1 inflight=600"
}

@test "CLONE_UNTRACED in memory that the program cannot write to" {
  makes constants
}

@test "faults reach a child made with CLONE_UNTRACED" {
  for way in untraced untraced3 constants; do
    socktest_json --fail-socket=EMFILE:when=2 "$PROGS/make_child" $way
    assert_status 1
    assert_contains "$output" "Too many open files"
    assert_counter inet/stream/tcp injected.socket 1
  done
}

# ---- left behind ----

@test "orphans: socktest waits for all, and counts them" {
  both "$PROGS/daemon"
  assert_counts "inet/stream/tcp opened=3 connected=1 listened=1 accepted=1 closed=4"
}

@test "--no-wait: the report ends with the program, and the orphan goes on untraced" {
  # No orphan may be left with the filter.
  start_traced left --no-wait --seccomp=auto "$PROGS/orphan" "$BATS_TEST_TMPDIR/survived"
  finish left
  assert_status 0
  read_report left
  assert_counts "inet/stream/tcp opened=2 closed=1 inflight=1"
  wait_for test -e "$BATS_TEST_TMPDIR/survived"
}

@test "PR_SET_PDEATHSIG: an orphan is told of its parent's end, and works on" {
  socktest_json_ok "$PROGS/parent_death" "$BATS_TEST_TMPDIR/told"
  assert_equal "$output" ""
  assert_counts "inet/stream/tcp opened=2 closed=2"
}

# ---- privilege ----

setuid_program() {
  share_build
  setuid=$shared/setuid
  cp "$PROGS/effective_user" "$setuid"
  chmod 4755 "$setuid"
  if findmnt -nT "$shared" -o OPTIONS | grep -qw nosuid; then return 1; fi
}

# bats test_tags=vm
@test "a set-user-ID program has its privilege under root's socktest" {
  requires root
  requires setuid_program
  setuid_program
  socktest_json_ok "$PROGS/effective_user" "$setuid"
  assert_equal "$output" 0 "effective user"
  assert_counts "inet/stream/tcp opened=1 closed=1"
  assert_equal "$(json '.warnings[]')" ""
}

@test "a set-user-ID program has none under another user's socktest, which says so" {
  requires root
  requires setuid_program
  setuid_program
  report=$shared/report.json
  attempt as_nobody "$shared/socktest" trace --seccomp="$ENGINE" --format=json -o "$report" "$setuid"
  assert_status 0
  assert_equal "$output" 65534 "effective user"
  assert_lawful
  assert_counts "inet/stream/tcp opened=1 closed=1"
  assert_contains "$(json '.warnings[]')" "set-user-ID"
  if [ "$ENGINE" != off ]; then assert_contains "$(json '.warnings[]')" "no_new_privs"; fi
}

@test "a set-user-ID program has none under root's socktest without CAP_SYS_ADMIN, which says so" {
  requires root
  requires setuid_program
  setuid_program
  report=$shared/report.json
  attempt isolated setpriv --inh-caps=-all --bounding-set=-sys_admin "$SOCKTEST" trace --seccomp="$ENGINE" \
    --format=json -o "$report" "$PROGS/effective_user" "$setuid"
  assert_status 0
  if [ "$ENGINE" = off ]; then
    assert_equal "$output" 0 "effective user"
    assert_equal "$(json '.warnings[]')" ""
  else
    assert_equal "$output" 65534 "effective user"
    assert_contains "$(json '.warnings[]')" "(no_new_privs)"
  fi
}

@test "a program with file capabilities has none under another user's socktest, which says so" {
  requires root
  requires setcap
  share_build
  requires setcap cap_net_raw=p "$shared/progs/effective_user"
  report=$shared/report.json
  attempt isolated setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
    "$shared/socktest" trace --seccomp="$ENGINE" --format=json -o "$report" "$shared/progs/effective_user"
  assert_status 0
  assert_contains "$(json '.warnings[]')" "file capabilities"
  socktest_json_ok "$shared/progs/effective_user"
  assert_equal "$(json '.warnings[]')" ""
}

# bats test_tags=vm
@test "a program that gave up root's rights before its first socket" {
  requires root
  # Without privilege it may not be given the second filter.
  share_build
  both "$PROGS/effective_user" "$shared/progs/tcp_fork" 3
  assert_counts "inet/stream/tcp opened=4 connected=3 listened=1 accepted=3 closed=7"
}

@test "PR_SET_DUMPABLE 0: counted under root's socktest" {
  requires root
  both "$PROGS/undumpable"
  assert_counts "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"
}

# ---- debuggers ----

assert_warned_of_ptrace() { # assert_warned_of_ptrace COMMAND
  assert_equal "$(json '[.warnings[] | select(contains("ptrace(2)"))] | length')" 1 "warnings of ptrace"
  assert_contains "$(json '.warnings[]')" "$1 uses ptrace(2)"
}

@test "a program that uses ptrace itself: refused, told in a warning, and it goes on" {
  socktest_json_ok "$PROGS/debugger"
  assert_equal "$output" "traceme EPERM
seize EPERM
attach EPERM"
  assert_counts "inet/stream/tcp opened=3 closed=3"
  assert_warned_of_ptrace debugger
}

@test "strace inside socktest: it fails, and socktest says why" {
  requires strace
  socktest_json strace -f -o "$BATS_TEST_TMPDIR/strace" "$PROGS/tcp_pair"
  assert_status 1
  assert_contains "$output" "Operation not permitted"
  assert_warned_of_ptrace strace
}

@test "gdb inside socktest: it fails, and socktest says why" {
  requires gdb
  socktest_json gdb -batch -nx -ex run -ex bt --args "$PROGS/tcp_pair"
  assert_contains "$output" "Could not trace the inferior process"
  assert_warned_of_ptrace gdb
}

@test "LeakSanitizer refuses to run under ptrace: a warning says how to do without" {
  LSAN_OPTIONS="" socktest_json "$PROGS/leak_sanitizer"
  assert_contains "$output" "LeakSanitizer does not work under ptrace"
  assert_counts "inet/stream/tcp opened=1 closed=1"
  assert_warned_of_ptrace leak_sanitizer
  assert_contains "$(json '.warnings[]')" "LSAN_OPTIONS=detect_leaks=0"
}

@test "LeakSanitizer: as the warning says, it works without" {
  LSAN_OPTIONS=detect_leaks=0 socktest_json_ok "$PROGS/leak_sanitizer"
  assert_equal "$output" ""
  assert_counts "inet/stream/tcp opened=1 closed=1"
  assert_equal "$(json '.warnings[]')" ""
}

@test "a call of the x32 ABI: the program gets what it gets untraced, and a warning says so" {
  only_on x86_64 "the x32 ABI"
  both "$PROGS/x32_call"
  # Whether the kernel has that ABI or not.
  assert_counter inet/stream/tcp opened 1
  assert_contains "$(json '.warnings[]')" "x32"
}

# ---- confined ----

readonly confined="inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=3"

@test "chroot into a folder without anything" {
  requires root
  mkdir "$BATS_TEST_TMPDIR/root"
  cp "$PROGS/confined" "$BATS_TEST_TMPDIR/root"
  socktest_json_ok chroot "$BATS_TEST_TMPDIR/root" /confined
  assert_counts "$confined"
}

@test "a new user namespace" {
  requires unshare -Ur true
  both unshare -Ur "$PROGS/tcp_fork" 3
  assert_counts "inet/stream/tcp opened=4 connected=3 listened=1 accepted=3 closed=7"
}

# bats test_tags=vm
@test "new user, process and mount namespaces, where the program is process 1" {
  requires unshare -Urpf --mount-proc true
  both unshare -Urpf --mount-proc "$PROGS/confined"
  assert_equal "$output" 1 "its own pid"
  assert_counts "$confined"
}

@test "new user and network namespaces" {
  requires unshare -Urn true
  socktest_json_ok unshare -Urn "$PROGS/confined" lo
  assert_counts "$confined" "inet/dgram/udp opened=1 closed=1"
}

@test "unprivileged: new user, process, mount and network namespaces" {
  requires as_nobody unshare -Urnpf --mount-proc true
  share_build
  report=$shared/report.json
  attempt as_nobody "$shared/socktest" trace --seccomp="$ENGINE" --format=json -o "$report" \
    unshare -Urnpf --mount-proc "$shared/progs/confined" lo
  assert_status 0
  assert_equal "$output" 1 "its own pid"
  assert_lawful
  assert_counts "$confined" "inet/dgram/udp opened=1 closed=1"
}

# ---- stopped ----

@test "job control: a shell sees its background jobs stop, and has them go on" {
  cat >"$BATS_TEST_TMPDIR/jobs" <<'END'
set -m
for job in 1 2; do
  "$1" tcp catch pause close >"$2.$job" &
done
until grep -qs pause "$2.1" && grep -qs pause "$2.2"; do sleep 0.02; done
kill -TSTP %1
kill -STOP %2
until [ "$(jobs -ps | wc -l)" = 2 ]; do sleep 0.02; done
jobs -l | grep -c Stopped
for pid in $(jobs -p); do
  until grep -q '^State:[[:space:]]*[tT]' "/proc/$pid/status"; do sleep 0.02; done
done
bg %1 %2 >/dev/null
until [ "$(jobs -pr | wc -l)" = 2 ]; do sleep 0.02; done
kill -TERM %1 %2
wait %1 && wait %2 && cat "$2.1" "$2.2"
END
  socktest_json_ok bash "$BATS_TEST_TMPDIR/jobs" "$PROGS/do_calls" "$BATS_TEST_TMPDIR/job"
  assert_equal "$output" "2
tcp ok
pause
close ok
tcp ok
pause
close ok"
  assert_counts "inet/stream/tcp opened=2 closed=2"
}

@test "job control: an interactive shell on a terminal, Ctrl-Z, fg and Ctrl-C" {
  report=$BATS_TEST_TMPDIR/report.json
  # A word that is typed too early waits for the job to read it, unlike Ctrl-C.
  cat >"$BATS_TEST_TMPDIR/job" <<'END'
echo waiting
read -r word
echo "got $word"
exec "$1" tcp catch pause close
END
  PS1='ready> ' attempt isolated timeout -k 5 "$LIMIT" "$PYTHON" "$TESTS/terminal.py" \
    --on 'ready> ' "bash '$BATS_TEST_TMPDIR/job' '$PROGS/do_calls'"$'\n' --on waiting ^Z \
    --on Stopped '' --on 'ready> ' $'fg\n' --on job $'word\n' --on 'got word' '' --on pause ^C --on 'close ok' '' \
    --on 'ready> ' $'exit 7\n' \
    "$SOCKTEST" trace --seccomp="$ENGINE" --format=json -o "$report" bash --norc --noprofile --noediting -i
  assert_status 7
  assert_lawful
  # It asks for its user's name over other sockets.
  assert_counter inet/stream/tcp opened 1
  assert_counter inet/stream/tcp closed 1
}

# ---- killed ----

@test "children that are killed at any moment: the law holds, and the others go on" {
  socktest_json_ok "$PROGS/kill_children" 50
  assert_equal "$output" ""
  # The last socket of each may be open at its end.
  inflight=$(counter inet/stream/tcp inflight)
  [ "$inflight" -le 50 ] || fail "$inflight inflight of 50 children with at most one each"
}

# bats test_tags=vm
@test "children that are killed while they open sockets: each socket was opened, and is inflight" {
  socktest_json_ok "$PROGS/kill_children" 50 keep
  assert_equal "$output" ""
  opened=$(counter inet/stream/tcp opened)
  assert_counts "inet/stream/tcp opened=$opened inflight=$opened"
}
