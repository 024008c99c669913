#!/usr/bin/env bats
# What "socktest complete" offers, and what becomes of it in bash, zsh and fish.
# run sets what is used here; scripts in single quotes are for other shells.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load helpers

setup() {
  # Nothing of the user's own is read or written, and "socktest" is the one under test.
  export HOME=$BATS_TEST_TMPDIR ZDOTDIR=$BATS_TEST_TMPDIR PATH=$BUILD:$PATH
  export XDG_CONFIG_HOME=$HOME/config XDG_DATA_HOME=$HOME/data XDG_CACHE_HOME=$HOME/cache XDG_RUNTIME_DIR=$HOME/run
  export TERM=dumb
  cd "$BATS_TEST_TMPDIR" || return
  completions=$TESTS/../completions
}

# ask WORD...: all that is said goes to $output; it never fails and never complains
ask() {
  run --separate-stderr isolated timeout "$LIMIT" "$SOCKTEST" complete -- "$@"
  assert_status 0
  assert_equal "$stderr" "" "stderr of: $*"
}

# candidates WORD...: without their help
candidates() {
  ask "$@"
  assert_contains "$output" words
  tail -n +2 <<<"$output" | cut -f 1
}

# offers LIST WORD...: these candidates, with a blank between them, and no others
offers() {
  local list=$1
  shift
  ask "$@"
  [[ $output == words* ]] || fail "no words for: $*" "$output"
  assert_equal "$(tail -n +2 <<<"$output" | cut -f 1 | paste -s -d ' ')" "$list" "candidates of: $*"
}

# says LINE WORD...: the first line, and no candidates
says() {
  local line=$1
  shift
  ask "$@"
  assert_equal "$output" "$line" "answer to: $*"
}

has() { # has CANDIDATE WORD...
  local one=$1
  shift
  ask "$@"
  [[ $output == words* ]] || fail "no words for: $*" "$output"
  cut -f 1 <<<"$output" | grep -qxF -- "$one" || fail "no $one for: $*" "$output"
}

has_not() { # has_not CANDIDATE WORD...
  local one=$1
  shift
  ask "$@"
  [[ $output == words* ]] || fail "no words for: $*" "$output"
  if cut -f 1 <<<"$output" | grep -qxF -- "$one"; then fail "$one for: $*"; fi
}

# ---- what is offered ----

# bats test_tags=vm
@test "subcommands and the options before them are offered, with their help" {
  ask ""
  assert_equal "$output" "words
$("$SOCKTEST" --help | sed -n '/^ Subcommands:/,/^$/p' | sed -nE 's/^  ([a-z]+) +(.*)/\1\t\2/p' |
    awk '{ order = index(" trace ctl report doctor complete ", " " $1 " "); print order "\t" $0 }' | sort -n | cut -f 2-)"
  offers trace tr
  offers "--help --usage --version" --
  offers trace -- tr
}

# bats test_tags=vm
@test "all options of --help are offered, for every subcommand" {
  local subcommand
  for subcommand in '' trace report ctl doctor complete; do
    # shellcheck disable=SC2086 # none is no word
    assert_equal "$(candidates $subcommand - | sed 's/=$//' | sort -u)" \
      "$("$SOCKTEST" $subcommand --help | grep -oE '^ +(-., )?--[a-z][a-z-]*|^ +-.,' | grep -oE -- '--[a-z-]+|-[^-],' |
        tr -d , | sort -u)" "options of socktest $subcommand"
  done
}

@test "an option that takes an argument ends in =, and one that may take it is offered both ways" {
  offers "--format=" trace --form
  offers "--quiet" trace --qu
  offers "--events --events= --events-format=" trace --eve
}

@test "an option's help is on its line" {
  ask trace --no-f
  assert_equal "$output" $'words\n--no-follow\ttrace COMMAND and its threads only'
}

@test "no help is longer than fits beside its candidate, and every line has it" {
  ask trace --
  assert_equal "$(tail -n +2 <<<"$output" | awk -F '\t' 'NF != 2 || length($2) < 5 || length($2) > 72')" ""
}

@test "options that are one of some words offer those that the refusal names" {
  local option message
  for option in leak-check count color io-uring seccomp format events-format; do
    message=$("$SOCKTEST" trace "--$option=??????????" true 2>&1 || true)
    message=${message##*one of }
    offers "$(sed "s/, / /g; s/\([^ ]*\)/--$option=\1/g" <<<"$message")" trace "--$option="
    offers "${message//, / }" trace "--$option" ""
  done
  offers "--color=always" report --color=al
  offers "--format=json --format=junit" ctl path stats --format=j
}

@test "every errno that is known is offered, with what it means" {
  local name
  ask trace --fail-connect=ECONNREF
  assert_equal "$output" $'words nospace\n--fail-connect=ECONNREFUSED\tConnection refused'
  for name in $("$PYTHON" -c 'import errno; print(*errno.errorcode.values())') EWOULDBLOCK EOPNOTSUPP ENOTSUP; do
    echo "--so-error=$name"
  done | sort -u >known
  candidates trace --so-error= | sort >offered
  assert_equal "$(comm -23 known offered)" "" "errnos that are not offered"
  assert_equal "$(uniq -d offered)" "" "errnos that are offered twice"
}

@test "errnos go on after a comma, and stand in a word of their own too" {
  offers "--fail-connect=EIO,ECONNRESET --fail-connect=EIO,ECONNREFUSED" trace --fail-connect=EIO,ECONNRE
  offers "ECONNRESET ECONNREFUSED" trace --fail-connect ECONNRE
  offers "EIO,ECONNRESET" trace -q --after-accept EIO,ECONNRES
}

@test "ask is offered where it is taken" {
  has --fail-connect=ask trace --fail-connect=
  has_not --after-connect=ask trace --after-connect=
  has_not --so-error=ask trace --so-error=
  has_not --fail-connect=EIO,ask trace --fail-connect=EIO,
  has_not --fail-connect=ask:cycle trace --fail-connect=ask:
}

@test "all conditions of --help are offered, those with an argument with a =" {
  local conditions
  conditions=$("$SOCKTEST" trace --help | sed -n '/^Conditions/,/^$/p' | sed -nE 's/^  ([a-z]+=?).*/\1/p')
  assert_contains "$conditions" when=
  # Only accept(2) comes as several syscalls, and only connect(2) can be async.
  assert_equal "$({
    candidates trace --fail-connect=EIO:
    candidates trace --fail-accept=EIO:
  } | sed 's/^--fail-[a-z]*=EIO://' | sort -u)" "$(sort <<<"$conditions")"
}

@test "a condition that the call or the action does not have is not offered" {
  offers "--fail-socket=EIO:family=" trace --fail-socket=EIO:f
  has_not --fail-socket=EIO:to= trace --fail-socket=EIO:
  has_not --after-connect=EIO:async trace --after-connect=EIO:
  has_not --delay-close=1ms:delay= trace --delay-close=1ms:
  has --delay-close=1ms:to= trace --delay-close=1ms:
}

@test "a condition that is given is not offered again, unless it may be" {
  has_not --fail-close=EIO:fd=3:fd= trace --fail-close=EIO:fd=3:
  has_not --fail-close=EIO:cycle:cycle trace --fail-close=EIO:cycle:
  has --fail-close=EIO:stack=main:stack= trace --fail-close=EIO:stack=main:
}

@test "families, types and protocols are offered for their conditions" {
  offers "--fail-socket=EIO:family=inet --fail-socket=EIO:family=inet4 --fail-socket=EIO:family=inet6" \
    trace --fail-socket=EIO:family=inet
  offers "EIO:type=stream" trace --fail-socket EIO:type=st
  offers "--delay-close=1ms:proto=udp --delay-close=1ms:proto=udplite" trace --delay-close=1ms:proto=udp
  offers "" trace --fail-socket=EIO:when=
}

@test "colons of addresses and functions are told from those before conditions" {
  local all
  all=$(candidates trace --fail-connect=EIO:fd=3: | sed 's/.*:fd=3://')
  assert_contains "$all" family=
  offers "--fail-connect=EIO:to=:80:family=" trace --fail-connect=EIO:to=:80:fam
  offers "--fail-connect=EIO:to=[::1]:family=" trace "--fail-connect=EIO:to=[::1]:fam"
  offers "--fail-connect=EIO:to=/run/a:family=" trace --fail-connect=EIO:to=/run/a:fam
  offers "" trace "--fail-connect=EIO:to=[::fam"
  offers "" trace --fail-connect=EIO:to=10.0.0.1:80
  offers "" trace --fail-connect=EIO:stack=Pool::fam
  offers "--fail-connect=EIO:stack=Pool::open:family=" trace --fail-connect=EIO:stack=Pool::open:fam
}

@test "a filter that is wrong already is not completed" {
  offers "" trace --fail-connect=ENOSUCH:
  offers "" trace --fail-connect=EIO:famly=inet:
  offers "" trace --fail-connect=EIO::
  offers "" trace --fail-connect=EIO:famly=
  offers "" trace --delay-close=
  offers "" trace --delay-close=1x:
}

@test "an abbreviated option is completed as the whole one, an ambiguous one not" {
  offers "--form=json --form=junit" trace --form=j
  offers "" trace --fail-c=EI
  says files trace --outp ""
}

# bats test_tags=vm
@test "names of files are left to the shell, with what stands before them" {
  says "files" trace -o ""
  says "files -qo" trace -qox
  says "files --output=" trace --output=x
  says "files --suppressions=" trace --suppressions=
  says "files --events=" trace --events=
  says "files --format=tap:" trace --format=tap:x
  says "files tap:" trace --format tap:
  says "files" report ""
  says "files" report -o x --format=csv a b
  says "files" ctl ""
}

# bats test_tags=vm
@test "COMMAND and what is behind it are left to the shell, from that word on" {
  says "command 1" trace ""
  says "command 2" trace -- ""
  says "command 2" trace -- --fail
  says "command 4" trace -q -o x ls --fail
  says "command 2" trace --events x
  says "command 3" trace --format json ls -l -a
  says "command 2" -- trace ls
}

@test "the processes that run are offered to be attached to" {
  sleep 60 &
  local pid=$!
  wait_for grep -qx sleep "/proc/$pid/comm"
  ask trace -p ""
  kill $pid
  assert_contains "$output" $'\n'"$pid"$'\tsleep'
  has "1,$$" trace --attach "1,$$"
}

@test "requests of ctl and their arguments are offered" {
  assert_equal "$(candidates ctl path "")" \
    "$("$SOCKTEST" ctl --help | sed -n '/^Requests/,/^$/p' | sed -nE 's/^  ([a-z]+).*/\1/p')"
  offers "--connect-timeout=" ctl --c
  offers "--fail-accept=EMFILE:family=" ctl path set --fail-close=EIO --fail-accept=EMFILE:fam
  assert_equal "$(candidates ctl path set "" | sort)" \
    "$(candidates trace -- | grep -E -- '^--(fail|after|delay|so)-' | sort)" "options of set"
  offers "inet/stream" ctl path wait inet/st
  offers "accepted accept_failed" ctl path wait inet/stream acc
  offers "inet/stream" ctl --connect-timeout 1s path wait --timeout=1s inet/st
  offers "--timeout=" ctl path wait inet/stream 'accepted>=2' --ti
  offers "" ctl path list ""
  offers "" ctl path no-such-request ""
}

@test "expectations are completed: a cookie, then counters" {
  local counters
  counters=$(candidates trace "--expect=* " | sed 's/.* //')
  assert_contains "$counters" connect_failed
  assert_contains "$counters" injected.getsockopt
  offers "--expect=inet/stream/tcp" trace --expect=inet/stream/tc
  offers "* opened==accepted * opened==accept_failed" trace --expect "* opened==acc"
  offers "* opened==connected+closed * opened==connected+close_failed" trace --expect "* opened==connected+clos"
  offers "" trace --expect "* opened "
  offers "" trace --expect inet/stream/tcp/
}

# ---- what is not ----

# bats test_tags=vm
@test "complete without a word is refused with the usage" {
  local words
  for words in "complete" "complete --"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr "$SOCKTEST" $words
    assert_status 125
    assert_equal "$stderr" "socktest: complete: no WORD; usage: socktest complete -- WORD..."
    assert_equal "$output" ""
  done
}

@test "unknown subcommands, options and words have no candidates, and are no error" {
  offers "" no-such ""
  offers "" trace --no-such
  offers "" trace --no-such=
  offers "" trace -Z
  offers "" trace --quiet=
  offers "" trace -vZ
  offers "" doctor ""
  offers "" complete trace --fail
  says "command 3" trace --no-such -Z ""
}

@test "hostile words break neither the answer nor the program" {
  local long
  long=$(printf '%050000d' 0)
  offers "" "$(printf 'a\nb')"
  offers "" trace "$(printf -- '--fail-connect=EIO:comm=a\nwords:fam')"
  offers "" trace "$(printf -- '--fail-connect=EIO:comm=a\tb:fam')"
  says words trace "$(printf -- '--output=\e]0;x\a')"
  says words trace -o "$(printf 'x\ncommand 0')"
  offers "" trace "--$long"
  offers "" trace "--fail-connect=$long,Z"
  offers "" trace "--fail-connect=EIO:comm=$long:$long"
  offers "" trace "--fail-connect=EIO$(printf ':fd=%.0s' {1..500})"
  offers "" trace "--fail-connect=%s%n%s"
  offers "" trace "--=" "--="
  ask "$(printf '\xff\xfe')" "$(printf -- '--\x80')"
  ask trace "--output=$(printf '\xc3')"
  offers "" '' ''
  offers "" trace "--expect= "
}

@test "an answer that nobody reads is no message" {
  run timeout "$LIMIT" bash -c '"$1" complete -- trace -- >/dev/full' - "$SOCKTEST"
  assert_equal "$output" ""
  assert_status 125
}

# ---- in the shells ----

# The shell's own socktest answers completions, and shows the words that it would have run with.
readonly show='socktest() { if [ "$1" = complete ]; then command socktest "$@"; else printf "<%s>" "$@"; echo "<end>"; fi; }'

# in_shell KEYS COMMAND...: the words that became of the line "socktest KEYS", typed at an interactive shell
in_shell() {
  local keys=$1
  shift
  run isolated timeout "$LIMIT" "$PYTHON" "$TESTS/terminal.py" --columns 300 \
    --on 'ready> ' "$(printf 'socktest %b\nx' "$keys" | sed '$d')"$'\n' --on '<end>' $'exit\n' "$@"
  assert_status 0
  echo "$output" >shown
  grep -o '^<.*<end>' <<<"${output//$'\r'/}" || fail "nothing was run:" "$output"
}

in_bash() { # in_bash KEYS
  printf '%s\n' "PS1='ready> '" 'unset HISTFILE' "bind 'set enable-bracketed-paste off'" "bind 'set bell-style none'" \
    "source '$completions/socktest.bash'" "$show" >bashrc
  in_shell "$1" bash --noprofile --rcfile bashrc -i
}

in_zsh() { # in_zsh KEYS
  printf '%s\n' "fpath=('$completions' \$fpath)" 'autoload -Uz compinit && compinit -D -u' "PS1='ready> '" \
    'unset zle_bracketed_paste' 'unsetopt beep prompt_sp' "$show" >.zshrc
  in_shell "$1" zsh -d -i
}

in_fish() { # in_fish LINE: what fish offers for it
  isolated timeout "$LIMIT" fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$completions/socktest.fish" "$1"
}

# bash_completes WORD...: COMPREPLY, when bash has broken the line at = and : into these; POINT is the cursor's place
bash_completes() {
  # shellcheck disable=SC2086 # BREAKS may be empty
  bash --noprofile --norc -c 'source "$1"; shift
    COMP_LINE=$1 COMP_POINT=$2; shift 2
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _socktest socktest; printf "%s\n" "${COMPREPLY[@]}"' - "$completions/socktest.bash" "$@"
}

@test "bash: the function offers what is behind the last = or :" {
  assert_equal "$(bash_completes 'socktest trace --fail-connect=ECONNREF' 38 socktest trace --fail-connect = ECONNREF)" \
    ECONNREFUSED
  assert_equal "$(bash_completes 'socktest trace --fail-connect=' 30 socktest trace --fail-connect = | grep -x ask)" ask
  assert_equal "$(bash_completes 'socktest trace --fail-close=EIO:to=:80:fam' 42 socktest trace --fail-close = EIO : to =: 80 : fam)" \
    family=
  assert_equal "$(bash_completes 'socktest  trace   --fail-con' 28 socktest trace --fail-con)" --fail-connect=
  assert_equal "$(bash_completes 'socktest tr' 11 socktest tr)" trace
}

@test "bash: what is behind the cursor is not looked at" {
  assert_equal "$(bash_completes 'socktest trace --fail-connect=ECONNREFxyz true' 38 socktest trace --fail-connect = ECONNREFxyz)" \
    ECONNREFUSED
}

@test "bash: words that are not broken are completed as a whole" {
  run bash --noprofile --norc -c 'source "$1"; COMP_WORDBREAKS=$'"' \t\n'"'
    COMP_LINE="socktest trace --fail-connect=ECONNREF" COMP_POINT=38
    COMP_WORDS=(socktest trace --fail-connect=ECONNREF) COMP_CWORD=2
    _socktest socktest; printf "%s\n" "${COMPREPLY[@]}"' - "$completions/socktest.bash"
  assert_equal "$output" --fail-connect=ECONNREFUSED
}

@test "bash: a command is left to bash-completion where that is" {
  run bash --noprofile --norc -c 'source "$1"; _command_offset() { COMPREPLY=("offset $1"); }
    COMP_LINE="socktest trace --format=json -- git --vers" COMP_POINT=42
    COMP_WORDS=(socktest trace --format = json -- git --vers) COMP_CWORD=7
    _socktest socktest; printf "%s\n" "${COMPREPLY[@]}"' - "$completions/socktest.bash"
  assert_equal "$output" "offset 6"
}

@test "bash: a line is completed as it is typed" {
  assert_equal "$(in_bash 'tr\t--fail-con\tECONNREF\t:fam\tun\tx true')" \
    "<trace><--fail-connect=ECONNREFUSED:family=unx><true><end>"
  assert_equal "$(in_bash 'trace --format=js\t--fail-close EBAD\t')" "<trace><--format=json><--fail-close><EBAD><end>"
}

@test "bash: files and commands are completed by bash itself" {
  touch "rep 1.json"
  assert_equal "$(in_bash 'trace --output=re\tmkfif\trep\t')" "<trace><--output=rep 1.json><mkfifo><rep 1.json><end>"
  assert_equal "$(in_bash 'trace -ore\t--format=tap:re\t-- mkfif\t')" \
    "<trace><-orep 1.json><--format=tap:rep 1.json><--><mkfifo><end>"
}

@test "zsh: a line is completed as it is typed" {
  requires zsh
  assert_equal "$(in_zsh 'tr\t--fail-con\tECONNREF\t:fam\tunspe\t true')" \
    "<trace><--fail-connect=ECONNREFUSED:family=unspec><true><end>"
  assert_equal "$(in_zsh 'trace --format=js\t--fail-close EBADMS\t')" "<trace><--format=json><--fail-close><EBADMSG><end>"
}

@test "zsh: files and commands are completed by zsh itself" {
  requires zsh
  touch "rep 1.json"
  assert_equal "$(in_zsh 'trace --output=re\tmkfif\trep\t')" "<trace><--output=rep 1.json><mkfifo><rep 1.json><end>"
  assert_equal "$(in_zsh 'trace -ore\t--format=tap:re\t-- mkfif\t')" \
    "<trace><-orep 1.json><--format=tap:rep 1.json><--><mkfifo><end>"
}

@test "zsh: candidates are listed with their help" {
  requires zsh
  in_zsh 'trace --fail-connect=ECONNR\t\t' >words
  # Only a subshell has seen it all.
  assert_contains "$(<shown)" "Connection refused"
}

@test "fish: options, errnos and conditions are offered with their help" {
  requires fish
  assert_equal "$(in_fish 'socktest trace --fail-' | sort)" "$(ask trace --fail- && tail -n +2 <<<"$output" | sort)"
  assert_equal "$(in_fish 'socktest trace --fail-connect=ECONNREF')" $'--fail-connect=ECONNREFUSED\tConnection refused'
  assert_contains "$(in_fish 'socktest trace --fail-connect=EIO:to=:80:f')" "--fail-connect=EIO:to=:80:family="
  assert_contains "$(in_fish 'socktest trace --fail-connect ECONNREF')" ECONNREFUSED
  assert_contains "$(in_fish 'socktest ')" $'doctor\tsay what'
}

@test "fish: files and commands are completed by fish itself" {
  requires fish
  touch "rep 1.json"
  assert_equal "$(in_fish 'socktest trace --output=re')" "--output=rep 1.json"
  assert_equal "$(in_fish 'socktest trace -o re')" "rep 1.json"
  assert_equal "$(in_fish 'socktest report re')" "rep 1.json"
  assert_contains "$(in_fish 'socktest trace -q mkfif')" mkfifo
  assert_equal "$(in_fish 'socktest trace -q -- cat re')" "rep 1.json"
}

# ---- installed ----

@test "make install puts the completions where the shells look, and uninstall takes them away" {
  command -v make >/dev/null || skip "only on machines that build: make"
  # What is installed is built already, maybe with other flags.
  install_to_root() {
    run env -u MAKEFLAGS -u MAKELEVEL make -s -o all -C "$TESTS/.." BUILD="$BUILD" DESTDIR="$BATS_TEST_TMPDIR/root" "$@"
    assert_status 0
  }
  local prefix zsh
  for prefix in /usr /usr/local; do
    zsh=site-functions
    [ $prefix != /usr ] || zsh=vendor-completions
    install_to_root install PREFIX=$prefix
    cmp "root$prefix/share/bash-completion/completions/socktest" "$completions/socktest.bash"
    cmp "root$prefix/share/zsh/$zsh/_socktest" "$completions/_socktest"
    cmp "root$prefix/share/fish/vendor_completions.d/socktest.fish" "$completions/socktest.fish"
    install_to_root uninstall PREFIX=$prefix
    assert_equal "$(find root -type f)" "" "files that are left"
  done
}
