#!/usr/bin/env bats
# The oracle itself against strace excerpts counted by hand; then socktest against the oracle.

load helpers

# oracle_counts [OPTION...]: of the strace text on stdin, a line for each cookie as in helpers' counts
oracle_counts() {
  cat >"$BATS_TEST_TMPDIR/excerpt"
  "$PYTHON" "$TESTS/oracle.py" "$@" "$BATS_TEST_TMPDIR/excerpt" | jq -r 'to_entries[]
    | [.key] + (.value | to_entries | map(select(.value != 0) | "\(.key)=\(.value)")) | join(" ")'
}

@test "oracle: a client and a server, with calls that strace saw in two halves" {
  run oracle_counts <<'END'
10 execve("./server", ["./server"], 0x7ffd /* 3 vars */) = 0
10 close(3</etc/ld.so.cache>) = 0
10 socket(0x2, 0x1, 0) = 3<socket:[100]>
10 listen(3<socket:[100]>, 128) = 0
10 socket(0x2, 0x1|0x800, 0x6) = 4<socket:[101]>
10 connect(4<socket:[101]>, {sa_family=0x2, sin_port="\x1f\x90", sin_addr="\x7f\x00\x00\x01"}, 16) = -1 EINPROGRESS (Operation now in progress)
10 getsockopt(4<socket:[101]>, 0x1, 0x4, [0], [4]) = 0
10 accept(3<socket:[100]>,  <unfinished ...>
10 <... accept resumed>NULL, NULL) = 5<socket:[102]>
10 close(5<socket:[102]> <unfinished ...>
10 <... close resumed>) = 0
10 close(4<socket:[101]>) = 0
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/stream/tcp opened=2 connected=1 listened=1 accepted=1 closed=2 inflight=1"
}

@test "oracle: a child that strace saw before its parent's fork returned has a copy of the table" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2, 0) = 3<socket:[100]>
10 clone(child_stack=NULL, flags=0x1200000|17, child_tidptr=0x7f) = 11
10 socket(0x2, 0x2, 0) = 4<socket:[101]>
10 clone(child_stack=NULL, flags=0x1200000|17, child_tidptr=0x7f <unfinished ...>
12 close(4<socket:[101]>) = 0
10 <... clone resumed>) = 12
10 close(3<socket:[100]>) = 0
10 close(4<socket:[101]>) = 0
12 exit_group(0) = ?
12 +++ exited with 0 +++
11 close(3<socket:[100]>) = 0
11 exit_group(0) = ?
11 +++ exited with 0 +++
10 +++ exited with 0 +++
END
  # The second child still had the first socket when the parent closed it, and ended with it open,
  # but the first child closed it after that.
  assert_equal "$output" "inet/dgram/udp opened=2 closed=2"
}

@test "oracle: a child that strace saw end before its parent's vfork returned is one child" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2, 0) = 3<socket:[100]>
10 vfork( <unfinished ...>
11 close(3<socket:[100]>) = 0
11 exit_group(0) = ?
11 +++ exited with 0 +++
10 <... vfork resumed>) = 11
10 close(3<socket:[100]>) = 0
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/dgram/udp opened=1 closed=1"
}

@test "oracle: the last descriptor goes with a process, so the socket is inflight" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2, 0) = 3<socket:[100]>
10 clone(child_stack=NULL, flags=17) = 11
10 close(3<socket:[100]>) = 0
11 +++ killed by SIGKILL +++
10 --- SIGCHLD {si_signo=17, si_code=0x2} ---
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/dgram/udp opened=1 inflight=1"
}

@test "oracle: a thread shares the table, a process with CLONE_FILES too, until unshare" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2, 0) = 3<socket:[100]>
10 socket(0x2, 0x2, 0) = 4<socket:[101]>
10 clone3({flags=0x3d0f00, child_tid=0x7f, exit_signal=0} => {parent_tid=[11]}, 88) = 11
10 clone(child_stack=NULL, flags=0x400|17) = 12
11 close(3<socket:[100]>) = 0
12 unshare(0x400) = 0
12 close(4<socket:[101]>) = 0
12 exit_group(0) = ?
12 +++ exited with 0 +++
11 exit(0) = ?
11 +++ exited with 0 +++
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/dgram/udp opened=2 closed=1 inflight=1"
}

@test "oracle: close-on-exec in every form, and an exec by a thread" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2|0x80000, 0) = 3<socket:[100]>
10 socket(0x2, 0x2, 0) = 4<socket:[101]>
10 fcntl(4<socket:[101]>, 0x2, 0x1) = 0
10 socket(0x2, 0x2, 0) = 5<socket:[102]>
10 ioctl(5<socket:[102]>, 0x5451) = 0
10 socket(0x2, 0x2, 0) = 6<socket:[103]>
10 dup3(6<socket:[103]>, 7, 0x80000) = 7<socket:[103]>
10 socketpair(0x1, 0x1|0x80000, 0, [8<socket:[104]>, 9<socket:[105]>]) = 0
10 fcntl(8<socket:[104]>, 0x2, 0) = 0
10 clone3({flags=0x3d0f00, exit_signal=0} => {parent_tid=[11]}, 88) = 11
11 execve("/bin/true", ["true"], 0x7f /* 0 vars */ <unfinished ...>
10 +++ superseded by execve in pid 11 +++
10 <... execve resumed>) = 0
10 close(8<socket:[104]>) = 0
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "unix/stream/0 opened=2 closed=2
inet/dgram/udp opened=4 closed=3 inflight=1"
}

@test "oracle: a thread that runs, and execs, before the call that made it returns" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2|0x80000, 0) = 3<socket:[100]>
10 socket(0x2, 0x2, 0) = 4<socket:[101]>
10 clone3({flags=0x3d0f00, child_tid=0x7f, exit_signal=0} <unfinished ...>
11 execve("/bin/true", ["true"], 0x7f /* 0 vars */ <unfinished ...>
10 <... clone3 resumed> <unfinished ...>) = ?
10 +++ superseded by execve in pid 11 +++
10 <... execve resumed>) = 0
10 close(4<socket:[101]>) = 0
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/dgram/udp opened=2 closed=2"
}

@test "oracle: threads that close one number; the number comes back before a close is seen to return" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2, 0) = 3<socket:[100]>
10 clone3({flags=0x3d0f00} => {parent_tid=[11]}, 88) = 11
10 close(3<socket:[100]> <unfinished ...>
11 close(3<socket:[100]> <unfinished ...>
10 <... close resumed>) = 0
11 <... close resumed>) = -1 EBADF (Bad file descriptor)
10 socket(0x2, 0x2, 0) = 3<socket:[101]>
11 close(3<socket:[101]> <unfinished ...>
10 socket(0x2, 0x2, 0) = 3<socket:[102]>
11 <... close resumed>) = 0
10 exit_group(0) = ?
11 +++ exited with 0 +++
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/dgram/udp opened=3 closed=2 inflight=1"
}

@test "oracle: dup2 over a socket, close_range, and descriptors of one socket" {
  run oracle_counts <<'END'
10 socket(0x2, 0x2, 0) = 3<socket:[100]>
10 dup(3<socket:[100]>) = 4<socket:[100]>
10 close(3<socket:[100]>) = 0
10 socket(0x2, 0x2, 0) = 3<socket:[101]>
10 dup2(4<socket:[100]>, 3<socket:[101]>) = 3<socket:[100]>
10 dup2(3<socket:[100]>, 3<socket:[100]>) = 3<socket:[100]>
10 fcntl(3<socket:[100]>, 0, 10) = 10<socket:[100]>
10 close_range(3, 4, 0) = 0
10 close_range(0, 4294967295, 0x4) = 0
10 execve("/bin/true", ["true"], 0x7f /* 0 vars */) = 0
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/dgram/udp opened=2 closed=2"
}

@test "oracle: an accept that a signal ended, and one that was made again" {
  run oracle_counts <<'END'
10 socket(0x2, 0x1, 0) = 3<socket:[100]>
10 accept(3<socket:[100]>, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
10 --- SIGUSR1 {si_signo=10, si_code=0, si_pid=11, si_uid=0} ---
10 rt_sigreturn({mask=[]}) = 43
10 accept(3<socket:[100]>, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
10 --- SIGUSR2 {si_signo=12, si_code=0, si_pid=11, si_uid=0} ---
10 rt_sigreturn({mask=[]}) = -1 EINTR (Interrupted system call)
10 accept(3<socket:[100]>, NULL, NULL) = -1 EINTR (Interrupted system call)
10 accept(3<socket:[100]>, NULL, NULL) = ?
10 +++ killed by SIGSEGV (core dumped) +++
END
  assert_equal "$output" "inet/stream/tcp opened=1 interrupted=2 inflight=1"
}

@test "oracle: what fails, what would block, what is undecided" {
  run oracle_counts <<'END'
10 socket(0xfa, 0x1, 0) = -1 EAFNOSUPPORT (Address family not supported by protocol)
10 socket(0x2, 0x1, 0) = 3<socket:[100]>
10 listen(3<socket:[100]>, 1) = -1 EADDRINUSE (Address already in use)
10 accept(3<socket:[100]>, NULL, NULL) = -1 EINVAL (Invalid argument)
10 accept4(3<socket:[100]>, NULL, NULL, 0x80000) = -1 EAGAIN (Resource temporarily unavailable)
10 connect(3<socket:[100]>, {sa_family=0x2}, 16) = -1 ECONNREFUSED (Connection refused)
10 connect(3<socket:[100]>, {sa_family=0x2}, 16) = -1 EINPROGRESS (Operation now in progress)
10 getsockopt(3<socket:[100]>, 0x1, 0x4, [111], [4]) = 0
10 getsockopt(3<socket:[100]>, 0x1, 0x4, [0], [4]) = 0
10 connect(3<socket:[100]>, {sa_family=0x2}, 16) = -1 EINPROGRESS (Operation now in progress)
10 connect(3<socket:[100]>, {sa_family=0x2}, 16) = -1 EALREADY (Operation already in progress)
10 close(7) = -1 EBADF (Bad file descriptor)
10 connect(4</dev/null>, {sa_family=0x2}, 16) = -1 ENOTSOCK (Socket operation on non-socket)
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "inet/stream/tcp opened=1 connect_failed=2 listen_failed=1 accept_failed=1 pending=1 would_block=1 inflight=1
250/stream/0 open_failed=1"
}

@test "oracle: a socket inherited, one from elsewhere, and one taken back out of a message" {
  run oracle_counts --inherited 0=2:1:6 <<'END'
10 close(0<socket:[99]>) = 0
10 socketpair(0x1, 0x1, 0, [3<socket:[100]>, 4<socket:[101]>]) = 0
10 socket(0x2, 0x2, 0) = 5<socket:[102]>
10 sendmsg(3<socket:[100]>, {msg_control=[{cmsg_len=20, cmsg_level=0x1, cmsg_type=0x1, cmsg_data=[5<socket:[102]>]}], msg_flags=0}, 0) = 1
10 close(5<socket:[102]>) = 0
10 recvmsg(4<socket:[101]>, {msg_control=[{cmsg_len=24, cmsg_level=0x1, cmsg_type=0x1, cmsg_data=[5<socket:[102]>, 6</dev/null>]}], msg_flags=0}, 0) = 1
10 close_range(3, 4, 0) = 0
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  assert_equal "$output" "unix/stream/0 opened=2 closed=2
inet/stream/tcp closed=1 adopted=1
inet/dgram/udp opened=1 inflight=1"
}

@test "oracle: --compare names each difference, and a report that breaks the law" {
  cat >"$BATS_TEST_TMPDIR/excerpt" <<'END'
10 socket(0x2, 0x1, 0) = 3<socket:[100]>
10 exit_group(0) = ?
10 +++ exited with 0 +++
END
  echo '{"stats": [{"cookie": "0x0002000000010006", "opened": 1, "accepted": 0, "adopted": 0, "closed": 1,
    "inflight": 1}]}' >"$BATS_TEST_TMPDIR/report"
  run -1 "$PYTHON" "$TESTS/oracle.py" --compare "$BATS_TEST_TMPDIR/report" "$BATS_TEST_TMPDIR/excerpt"
  assert_equal "$output" "inet/stream/tcp closed: socktest 1, strace 0
inet/stream/tcp: the law does not hold in the report"
}

@test "as strace: accept_would_block" {
  assert_like_strace -- "$PROGS/accept_would_block"
}

@test "as strace: clone_files" {
  assert_like_strace -- "$PROGS/clone_files"
}

@test "as strace: cloexec_exec" {
  assert_like_strace -- "$PROGS/cloexec_exec"
}

@test "as strace: close_range_forms" {
  assert_like_strace -- "$PROGS/close_range_forms"
}

@test "as strace: daemon" {
  assert_like_strace -- "$PROGS/daemon"
}

@test "as strace: dup_forms" {
  assert_like_strace -- "$PROGS/dup_forms"
}

@test "as strace: exit_code" {
  assert_like_strace -- "$PROGS/exit_code" 3
}

# bats test_tags=vm
@test "as strace: failures" {
  assert_like_strace -- "$PROGS/failures"
}

@test "as strace: fork_share" {
  assert_like_strace -- "$PROGS/fork_share"
}

@test "as strace: give_socket, whose command inherits" {
  assert_like_strace -- "$PROGS/give_socket" "$PROGS/inherit" close
}

@test "as strace: killed" {
  assert_like_strace -- "$PROGS/killed"
}

@test "as strace: kinds, every family, type and protocol" {
  assert_like_strace -- "$PROGS/kinds"
}

@test "as strace: leak" {
  assert_like_strace -- "$PROGS/leak"
}

@test "as strace: many_sockets" {
  assert_like_strace -- "$PROGS/many_sockets" 1000
}

@test "as strace: no_sockets" {
  assert_like_strace -- "$PROGS/no_sockets"
}

@test "as strace: nonblock_connect" {
  assert_like_strace -- "$PROGS/nonblock_connect"
}

@test "as strace: scm_rights" {
  assert_like_strace -- "$PROGS/scm_rights"
}

@test "as strace: short_lived" {
  assert_like_strace -- "$PROGS/short_lived" 100
}

# bats test_tags=vm
@test "as strace: signals, restart" {
  assert_like_strace -- "$PROGS/signals" restart
}

@test "as strace: signals, eintr" {
  assert_like_strace -- "$PROGS/signals" eintr
}

@test "as strace: signals, timeout" {
  assert_like_strace -- "$PROGS/signals" timeout
}

@test "as strace: signals, stop" {
  assert_like_strace -- "$PROGS/signals" stop
}

@test "as strace: socketpair_use" {
  assert_like_strace -- "$PROGS/socketpair_use"
}

# bats test_tags=vm
@test "as strace: tcp_fork" {
  assert_like_strace -- "$PROGS/tcp_fork" 10
}

@test "as strace: tcp_pair" {
  assert_like_strace -- "$PROGS/tcp_pair" 20
}

@test "as strace: tcp_threads" {
  assert_like_strace -- "$PROGS/tcp_threads" 8 10
}

@test "as strace: thread_exec" {
  assert_like_strace -- "$PROGS/thread_exec"
}

@test "as strace: threads_race_close" {
  assert_like_strace -- "$PROGS/threads_race_close" 20
}

@test "as strace: udp" {
  assert_like_strace -- "$PROGS/udp"
}

@test "as strace: unix_stream" {
  assert_like_strace -- "$PROGS/unix_stream" "$BATS_TEST_TMPDIR"
}

@test "as strace: unshare_files" {
  assert_like_strace -- "$PROGS/unshare_files"
}

@test "as strace: vfork_exec" {
  assert_like_strace -- "$PROGS/vfork_exec"
}

@test "as strace: activate, whose command inherits a listener" {
  assert_like_strace -- "$PROGS/activate" "$PROGS/inherit"
}

@test "as strace: churn" {
  for way in tcp unix accept; do
    assert_like_strace -- "$PROGS/churn" $way 20 40
  done
}

@test "as strace: cloexec_child" {
  assert_like_strace -- "$PROGS/cloexec_child"
}

@test "as strace: close_together" {
  for way in processes dup; do
    assert_like_strace -- "$PROGS/close_together" $way 20
  done
}

@test "as strace: confined" {
  assert_like_strace -- "$PROGS/confined"
}

@test "as strace: demo_server with demo_client" {
  assert_like_strace -- "$PROGS/demo_server" "$PROGS/demo_client"
}

@test "as strace: task_calls" {
  assert_like_strace -- "$PROGS/task_calls" 3
}

# strace shows a call that the program's own filter refused as one that failed, and so do we.
@test "as strace: filter_answer, allow_list" {
  assert_like_strace -- "$PROGS/filter_answer" close errno
  assert_like_strace -- "$PROGS/filter_answer" listen errno
  assert_like_strace -- "$PROGS/allow_list" socket listen accept close
}

@test "as strace: own_eintr" {
  assert_like_strace -- "$PROGS/own_eintr"
}

@test "as strace: stacks_hard" {
  assert_like_strace -- "$PROGS/stacks_hard" alike
}

@test "as strace: direct_calls" {
  assert_like_strace -- "$PROGS/direct_calls"
}

@test "as strace: do_calls, a bit of each" {
  assert_like_strace -- "$PROGS/do_calls" serve tcp connect accept soerror close \
    bound tcp nonblock connect wait soerror fork tcp close
}

@test "as strace: effective_user" {
  assert_like_strace -- "$PROGS/effective_user"
}

@test "as strace: ends_open" {
  for way in child parent both killed; do
    assert_like_strace -- "$PROGS/ends_open" $way
  done
}

@test "as strace: fork_at_once" {
  assert_like_strace -- "$PROGS/fork_at_once" 20
}

@test "as strace: make_child" {
  for way in vfork clone clone3 parent parent3 top; do
    assert_like_strace -- "$PROGS/make_child" $way
  done
}

@test "as strace: many_threads" {
  assert_like_strace -- "$PROGS/many_threads" 50
}

@test "as strace: own_filter" {
  for way in errno notify continue late-errno late-notify late-continue; do
    assert_like_strace -- "$PROGS/own_filter" $way
  done
}

@test "as strace: parent_death" {
  assert_like_strace -- "$PROGS/parent_death" "$BATS_TEST_TMPDIR/said"
}

@test "as strace: pass_fd" {
  for way in child sibling flight kept lost orphan forgotten twice; do
    assert_like_strace -- "$PROGS/pass_fd" $way
  done
}

@test "as strace: restarts, accept" {
  for way in ignored often eintr timeout stop nested nested-restart jump jump-stack jump-nested exit kill; do
    assert_like_strace -- "$PROGS/restarts" accept $way
  done
}

@test "as strace: restarts, connect" {
  for way in ignored often eintr timeout stop nested nested-restart jump jump-stack jump-nested exit kill; do
    assert_like_strace -- "$PROGS/restarts" connect $way
  done
}

# Not with a thread that executes a program in a shared table: strace 6.1 loses the beginning of its call.
@test "as strace: tables" {
  for way in exec unshare range cloexec one; do
    assert_like_strace -- "$PROGS/tables" $way
  done
}

@test "as strace: take_fd" {
  for way in child left; do
    assert_like_strace -- "$PROGS/take_fd" $way
  done
}

@test "as strace: undumpable" {
  assert_like_strace -- "$PROGS/undumpable"
}

@test "as strace: connect_unasked, whose connect is reset" {
  assert_like_strace -- "$PROGS/connect_unasked" reset
}

@test "as strace: so_error, where that is all there is to know" {
  assert_like_strace -- "$PROGS/so_error" twice
}

@test "as strace: debugger" {
  assert_like_strace -- "$PROGS/debugger"
}

@test "as strace: event_client" {
  assert_like_strace -- "$PROGS/event_client"
}

@test "as strace: failed_connect" {
  assert_like_strace -- "$PROGS/failed_connect" refuse
}

@test "as strace: hostile, in what strace can tell" {
  local how
  for how in connect bind accept socketpair limits descriptors close-everything no-stdio socket-names; do
    assert_like_strace -- "$PROGS/hostile" $how
  done
}

@test "as strace: int80" {
  only_on x86_64 "int 0x80"
  assert_like_strace -- "$PROGS/int80"
}

@test "as strace: leak_sanitizer" {
  assert_like_strace -- "$PROGS/leak_sanitizer"
}

@test "as strace: stacks" {
  assert_like_strace -- "$PROGS/stacks" places 20
  assert_like_strace -- "$PROGS/stacks" cxx
}

@test "as strace: svc" {
  assert_like_strace -- "$PROGS/svc"
}

# Why a program is not among those above. Where the kernel's word settles a connect that the program never asks
# about, strace has nothing to go by.
@test "every program is compared with strace, or it is said here why not" {
  local -A why=(
    [attach_server]="is attached to, and does not end"
    [bench_loop]="is for measuring"
    [block]="never ends by itself"
    [busy_neighbours]="opens as many sockets as there is time for"
    [connect_mptcp]="does not ask how its connect ended"
    [fake_debuginfod]="is a library"
    [fork_chain]="forks deeper than the oracle's parents of parents"
    [give_kinds]="needs a socket as its stdin"
    [kill_children]="kills at random moments"
    [killed_exiting]="kills at random moments"
    [orphan]="needs to be let go"
    [refuse]="is a wrapper that refuses newer calls"
    [stress]="has a ledger of its own"
    [table_connect]="never asks how its connects ended"
    [timer_signals]="makes as many calls as there is time for"
    [uring_pair]="uses io_uring"
    [vfork_wait]="waits for somebody to write to it"
    [woken]="sees EINTR under strace where it has none untraced"
    [x32_call]="makes calls that are not decoded"
  )
  local program name missing=()
  for program in "$TESTS"/progs/*.c; do
    name=$(basename "$program" .c)
    # shellcheck disable=SC2016 # as it stands in this file
    if grep -qE "\"\\\$PROGS/$name\"" "$BATS_TEST_FILENAME"; then
      [ -z "${why[$name]-}" ] || fail "$name is compared, and said not to be"
    elif [ -z "${why[$name]-}" ]; then
      missing+=("$name")
    fi
    unset "why[$name]"
  done
  assert_equal "${missing[*]}" "" "programs that are neither compared nor explained"
  assert_equal "${!why[*]}" "" "explained, but there is no such program"
}

@test "as strace: bash with /dev/tcp" {
  start server "$PYTHON" -u -m http.server --bind 127.0.0.1 --directory "$BATS_TEST_TMPDIR" 0
  wait_for_output server "Serving"
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/server.out")
  # shellcheck disable=SC2016 # for the other bash
  assert_like_strace -- bash -c 'for i in 1 2 3; do exec 5<>"/dev/tcp/127.0.0.1/$1"; done' bash "$port"
}

# bats test_tags=vm
@test "as strace: curl" {
  requires curl
  start server "$PYTHON" -u -m http.server --bind 127.0.0.1 --directory "$BATS_TEST_TMPDIR" 0
  wait_for_output server "Serving"
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$BATS_TEST_TMPDIR/server.out")
  assert_like_strace -- curl -sS -o /dev/null "http://127.0.0.1:$port/" "http://localhost:$port/"
}

@test "as strace: python3 with subprocesses" {
  assert_like_strace -- "$PYTHON" -c 'import socket, subprocess
a, b = socket.socketpair()
s = socket.create_server(("127.0.0.1", 0))
subprocess.run(["true"], pass_fds=[a.fileno()])
c = socket.create_connection(s.getsockname())
s.accept()[0].close()
subprocess.run(["true"], close_fds=False)'
}

@test "as strace: socat" {
  requires socat
  port=$(free_port)
  start server socat -u "TCP4-LISTEN:$port,bind=127.0.0.1,fork" STDOUT
  wait_for is_listening "$port"
  assert_like_strace -- socat -u OPEN:/proc/self/status "TCP4:127.0.0.1:$port"
}

@test "as strace: redis-cli" {
  requires redis-server
  port=$(free_port)
  start server redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$BATS_TEST_TMPDIR"
  wait_for is_listening "$port"
  assert_like_strace -- redis-cli -h 127.0.0.1 -p "$port" ping
}

@test "as strace: node, client and server" {
  requires node
  cat >"$BATS_TEST_TMPDIR/echo.js" <<'END'
const net = require('net');
const server = net.createServer(c => c.pipe(c));
server.listen(0, '127.0.0.1', () => {
  const client = net.connect(server.address().port, '127.0.0.1', () => client.end('x'));
  client.on('data', () => {}).on('close', () => server.close());
});
END
  # How often the event loop finds nothing to accept depends on time.
  assert_like_strace --only opened,connected,listened,accepted,closed,connect_failed,accept_failed,adopted,inflight \
    -- node "$BATS_TEST_TMPDIR/echo.js"
}
