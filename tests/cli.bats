#!/usr/bin/env bats
# The command line: what is taken, what is refused and how, where things go, and how it ends.
# run and share_build set what is used here; scripts in single quotes are for other shells.
# shellcheck disable=SC2154,SC2016

load helpers

setup() {
  mark=$BATS_TEST_TMPDIR/started
}

# refused LINE WORD...: this one line on stderr, 125, and nothing else
refused() {
  local line=$1
  shift
  run --separate-stderr isolated timeout "$LIMIT" "$SOCKTEST" "$@"
  assert_status 125
  assert_equal "$stderr" "socktest: $line" stderr
  assert_equal "$output" "" stdout
  [ ! -e "$mark" ] || fail "COMMAND was started: socktest $*"
}

# wrong LINE OPTION...: refused before a COMMAND that would leave a file
wrong() {
  local line=$1
  shift
  refused "$line" trace "$@" touch "$mark"
}

long_options() { # long_options SUBCOMMAND...
  "$SOCKTEST" "$@" --help | grep -oE '^ +(-., )?--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+$' | sort
}

# on_terminal COMMAND...: its stdin, stdout and stderr are a terminal that does not know its size
on_terminal() {
  isolated timeout "$LIMIT" "$PYTHON" -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@" </dev/null
}

# ---- wrong use ----

# bats test_tags=vm
@test "a misspelt option is refused with the nearest right one" {
  wrong '--fail-conect: no such option; did you mean --fail-connect?' --fail-conect=EIO
  wrong '--requird-fired: no such option; did you mean --require-fired?' --requird-fired
  wrong '-n: no such option; did you mean --no-follow?' -no-follow
}

@test "an option that is near to none is refused with where to look" {
  wrong '--zzzzzzzz: no such option; see socktest trace --help' --zzzzzzzz
  wrong '--=x: no such option; see socktest trace --help' --=x
  wrong '-g: no such option; see socktest trace --help' -g
  wrong '-g: no such option; see socktest trace --help' -qgv
  wrong '-g: no such option; see socktest trace --help' -o -q -vg
}

@test "an option that does not exist is found behind options with arguments" {
  wrong '-j: no such option; see socktest trace --help' -o -g --format json -q -j
  wrong '--zzzzzzzz: no such option; see socktest trace --help' --events --seed 3 --zzzzzzzz
}

@test "an ambiguous abbreviation is refused with what it may mean" {
  wrong '--fail-c: ambiguous: one of --fail-connect, --fail-close' --fail-c=EIO
}

@test "an abbreviation that is not ambiguous is taken" {
  run isolated "$SOCKTEST" trace --form=csv -q touch "$mark"
  assert_status 0
  [ -e "$mark" ]
}

@test "an option without its argument is refused" {
  refused '--format: needs an argument: --format=FORMAT[:FILE]' trace --format
  refused '--fail-connect: needs an argument: --fail-connect=ERRNO[,ERRNO...][:COND...]' trace --fail-connect
  refused '-o: needs an argument: -o FILE' trace -o
  refused '-o: needs an argument: -o FILE' trace -qo
}

@test "an argument for an option that takes none is refused" {
  wrong '--no-follow: takes no argument' --no-follow=1
  wrong '--quiet: takes no argument' --quiet=yes
}

@test "a word that is no choice is refused with the choices" {
  wrong '--format=jsn: must be one of table, json, csv, go, tap, junit; did you mean json?' --format=jsn
  wrong '--format=got: must be one of table, json, csv, go, tap, junit; did you mean go?' --format=got
  wrong '--format=xxxxxx: must be one of table, json, csv, go, tap, junit' --format=xxxxxx
  wrong '--format=tpa: must be one of table, json, csv, go, tap, junit; did you mean tap?' --format=tpa:file
  wrong '--count=sockest: must be one of socktest, go; did you mean socktest?' --count=sockest
  wrong '--seccomp=offf: must be one of auto, on, off; did you mean off?' --seccomp=offf
  wrong '--color=allways: must be one of auto, always, never; did you mean always?' --color=allways
  wrong '--color=: must be one of auto, always, never' --color=
}

@test "a number that is none or out of range is refused" {
  wrong '--error-exitcode=0: must be a number from 1 to 255' --error-exitcode=0
  wrong '--error-exitcode=256: must be a number from 1 to 255' --error-exitcode=256
  wrong '--error-exitcode=9x: must be a number from 1 to 255' --error-exitcode=9x
  wrong '--seed=-1: must be a number from 0 to 18446744073709551615' --seed=-1
  wrong '--seed=18446744073709551616: must be a number from 0 to 18446744073709551615' \
    --seed=18446744073709551616
  wrong '--seed=: must be a number from 0 to 18446744073709551615' --seed=
}

@test "a filter with a wrong errno is refused in one line that names the option" {
  run --separate-stderr isolated "$SOCKTEST" trace --fail-connect=ECONREFUSED touch "$mark"
  assert_status 125
  assert_equal "${#stderr_lines[@]}" 1 "lines on stderr"
  assert_contains "$stderr" "socktest: --fail-connect=ECONREFUSED: "
  assert_contains "$stderr" "did you mean ECONNREFUSED?"
  [ ! -e "$mark" ]
}

@test "what the user wrote cannot break the one line" {
  wrong '--format=a\n\x1b[31mb: must be one of table, json, csv, go, tap, junit' --format=$'a\n\e[31mb'
  wrong '--zzzzzz\nzz: no such option; see socktest trace --help' --zzzzzz$'\n'zz
}

@test "options that contradict each other are refused" {
  local why="not with --seccomp=on: whoever carries the seccomp filter and is not traced any more, or never \
was, has its calls fail"
  wrong "--no-follow: $why" --seccomp=on --no-follow
  wrong "--no-wait: $why" --no-wait --seccomp=on
  refused "--attach: $why" trace --attach=1 --seccomp=on
  wrong "--attach: not with a COMMAND (touch): either it is started or processes are attached to" -p 1
}

@test "a wrong list of processes is refused" {
  wrong '--attach=12x: "12x" is no process id; must be PID[,PID...]' -p 12x
  wrong '--attach=1,,2: "" is no process id; must be PID[,PID...]' --attach=1,,2
  wrong '--attach=0: "0" is no process id; must be PID[,PID...]' --attach=0
  wrong '--attach=99999999999999999999: "99999999999999999999" is no process id; must be PID[,PID...]' \
    --attach=99999999999999999999
}

@test "--io-uring: a wrong word is refused" {
  wrong '--io-uring=denny: must be one of warn, deny, allow; did you mean deny?' --io-uring=denny
}

@test "nothing to run is refused with the usage" {
  local usage='usage: socktest trace [OPTION...] [--] COMMAND [ARG...]'
  refused "no subcommand; $usage"
  refused "no subcommand; $usage" --
  refused "trace: no COMMAND; $usage, or -p PID" trace
  refused "trace: no COMMAND; $usage, or -p PID" trace -q --
}

@test "a misspelt subcommand is refused with the right one" {
  refused 'trcae: no such subcommand; did you mean trace?' trcae touch "$mark"
  refused 'tr: no such subcommand; did you mean trace?' tr touch "$mark"
  refused 'touch: no such subcommand; see socktest --help' touch "$mark"
  refused '--hlep: no such option; did you mean --help?' --hlep
  refused '-q: no such option; see socktest --help' -q trace touch "$mark"
}

# ---- where options end ----

@test "an option after COMMAND belongs to COMMAND" {
  run isolated "$SOCKTEST" trace -q echo --format=none -o "$mark" --help --
  assert_status 0
  assert_equal "$output" "--format=none -o $mark --help --"
  [ ! -e "$mark" ]
}

@test "-- ends the options" {
  run isolated "$SOCKTEST" trace -q -- touch "$mark"
  assert_status 0
  [ -e "$mark" ]
  run -127 isolated "$SOCKTEST" trace -q -- --help
}

@test "of an option given twice the last counts" {
  run isolated "$SOCKTEST" trace -o "$mark.1" -o "$mark.2" --format=json --format=csv --no-follow -f \
    --seccomp=off --seccomp=auto true
  assert_status 0
  [ ! -e "$mark.1" ]
  assert_contains "$(<"$mark.2")" "cookie,family,"
}

# ---- help ----

@test "help, usage and version go to stdout and exit with 0" {
  local words
  for words in --help '-?' --usage --version -V 'trace --help' 'trace -?' 'trace --usage' 'trace --version' \
    "trace -q --help touch $mark"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr "$SOCKTEST" $words
    assert_status 0
    assert_contains "$output" socktest
    assert_equal "$stderr" "" "stderr of $words"
  done
  [ ! -e "$mark" ]
}

@test "every group of trace --help has an example, and each of them can be run as it stands" {
  cd "$BATS_TEST_TMPDIR"
  local help group example count=0
  help=$("$SOCKTEST" trace --help)
  for group in Faults Checks Report Tracing; do
    assert_contains "$(grep -A1 "^ $group:$" <<<"$help")" "    socktest trace --"
  done
  while read -r example; do
    count=$((count + 1))
    [ ${#example} -le 70 ] || fail "too wide: $example"
    # A shell takes its quotes away, as it would the user's.
    PATH=$BUILD:$PATH run isolated timeout "$LIMIT" bash -c "${example/% -- .\/*/ -- true}"
    assert_status 0
  done < <(sed -n '/^Conditions/q; s/^ *\(socktest trace .* -- \.\/[a-z]*\)$/\1/p' <<<"$help")
  assert_equal $count 4 "number of examples"
}

@test "help that cannot be written is an error" {
  local words
  for words in --help --version 'trace --help'; do
    # shellcheck disable=SC2086 # words
    run timeout "$LIMIT" bash -c 'exec "$@" >/dev/full' - "$SOCKTEST" $words
    assert_status 125
    assert_equal "$output" "socktest: stdout: cannot write: No space left on device"
  done
}

@test "help and the manual page name the same options" {
  local page=$TESTS/../man/socktest.1
  assert_equal "$(grep -oE '(Fl Fl |--)[a-z][a-z-]*' "$page" | sed 's/Fl Fl /--/' | sort -u)" \
    "$(long_options trace)" "options in the manual page"
  assert_equal "$(sed -nE 's/^\.It Fl (.)(\\&)? .*/\1/p' "$page" | sort -u)" \
    "$("$SOCKTEST" trace --help | sed -nE 's/^ +-(.)(, --| ).*/\1/p' | sort)" "letters in the manual page"
}

@test "help's conditions and formats are in the manual page" {
  local names name
  names=$("$SOCKTEST" trace --help | sed -n '/^Conditions/,$p' | sed -nE 's/^  ([a-z]+).*/\1/p')
  assert_contains "$names" when
  assert_contains "$names" json
  for name in $names; do
    grep -qE "Cm ([a-z]+ ?[,|] )*$name( |\$)" "$TESTS"/../man/socktest* || fail "the manual pages lack $name"
  done
}

@test "every option of help can be used" {
  local -A use=(
    [--seed]=3 [--require-fired]='' [--expect]='* opened==0' [--leak-check]=error [--timeout]=5m
    [--error-exitcode]=3 [--output]=$BATS_TEST_TMPDIR/report
    [--format]=csv [--count]=go [--stack]='' [--events]=$BATS_TEST_TMPDIR/events [--color]=always
    [--quiet]='' [--verbose]='' [--follow-forks]='' [--no-follow]='' [--no-wait]='' [--io-uring]=deny [--seccomp]=off [--control]=$BATS_TEST_TMPDIR/control
  )
  local option value
  for option in $(long_options trace); do
    case $option in
      --help | --usage | --version) continue ;;
      --attach) continue ;; # it takes no COMMAND
      --suppressions) continue ;; # it takes --leak-check, see leaks.bats
      --events-format) continue ;; # goes with --events
      --fail-* | --after-* | --so-error) value=EIO:pid=1 ;;
      --delay-*) value=1ms:pid=1 ;;
      *) value=${use[$option]-unknown} ;;
    esac
    [ "$value" != unknown ] || fail "no use of $option is tested"
    rm -f "$mark"
    run isolated timeout "$LIMIT" "$SOCKTEST" trace "$option${value:+=$value}" touch "$mark"
    assert_status 0
    [ -e "$mark" ] || fail "COMMAND did not run with $option"
  done
}

# ---- where reports go ----

@test "the report goes to stderr, and the program's stdin and stdout are its own" {
  run --separate-stderr traced cat <<<"hello"
  assert_status 0
  assert_equal "$output" hello
  assert_contains "$stderr" "no sockets"
}

@test "the report goes to the file of -o alone" {
  run --separate-stderr traced -o "$BATS_TEST_TMPDIR/report" --format=json true
  assert_status 0
  assert_equal "$stderr" ""
  assert_equal "$(jq -r .schema "$BATS_TEST_TMPDIR/report")" socktest/1
}

@test "the file of -o is emptied first" {
  printf '%099999d' 0 >"$BATS_TEST_TMPDIR/report"
  run traced -o "$BATS_TEST_TMPDIR/report" --format=json true
  assert_status 0
  jq -e .schema "$BATS_TEST_TMPDIR/report"
}

@test "events go to stderr or to their file" {
  run --separate-stderr traced -q --events "$PROGS/tcp_pair" 1
  assert_status 0
  assert_contains "$stderr" "socket(inet"
  run --separate-stderr traced -q --events="$BATS_TEST_TMPDIR/events" "$PROGS/tcp_pair" 1
  assert_status 0
  assert_equal "$stderr" ""
  assert_contains "$(<"$BATS_TEST_TMPDIR/events")" "socket(inet"
}

@test "a file that cannot be opened is refused before COMMAND starts" {
  wrong "--output=$BATS_TEST_TMPDIR/none/report: No such file or directory" -o "$BATS_TEST_TMPDIR/none/report"
  wrong "--events=$BATS_TEST_TMPDIR/none/events: No such file or directory" \
    --events="$BATS_TEST_TMPDIR/none/events"
  wrong "--output=$BATS_TEST_TMPDIR: Is a directory" --output="$BATS_TEST_TMPDIR"
  wrong '--output=: No such file or directory' --output=
  wrong "--format=tap:$BATS_TEST_TMPDIR/none/tap: No such file or directory" --format=tap:"$BATS_TEST_TMPDIR/none/tap"
  wrong '--format=tap:: No such file or directory' --format=tap:
}

@test "a file without write permission is refused before COMMAND starts" {
  share_build
  mkdir -m 555 "$shared/sealed"
  run as_nobody "$shared/socktest" trace -o "$shared/sealed/report" touch "$shared/started"
  assert_status 125
  assert_equal "$output" "socktest: --output=$shared/sealed/report: Permission denied"
  [ ! -e "$shared/started" ]
}

@test "a refused run leaves the old report as it was" {
  echo old >"$BATS_TEST_TMPDIR/report"
  wrong "--events=$BATS_TEST_TMPDIR: Is a directory" -o "$BATS_TEST_TMPDIR/report" --events="$BATS_TEST_TMPDIR"
  assert_equal "$(<"$BATS_TEST_TMPDIR/report")" old
}

@test "report and events in the same file are refused, whatever it is called" {
  local file=$BATS_TEST_TMPDIR/both
  wrong "--events=$file: the report goes to the same file" -o "$file" --events="$file"
  ln -s both "$BATS_TEST_TMPDIR/link"
  wrong "--events=$BATS_TEST_TMPDIR/link: the report goes to the same file" -o "$file" \
    --events="$BATS_TEST_TMPDIR/link"
}

@test "two reports in the same file are refused" {
  local file=$BATS_TEST_TMPDIR/both
  wrong "--format=tap:$file: the report goes to the same file" -o "$file" --format=tap:"$file"
  wrong "--format=tap:$file: the report goes to the same file" --format=junit:"$file" --format=tap:"$file"
  wrong "--events=$file: the report goes to the same file" --format=junit:"$file" --events="$file"
}

@test "a report or events that cannot be written are an error after the run" {
  run --separate-stderr traced -o /dev/full touch "$mark"
  assert_status 125
  assert_equal "$stderr" "socktest: --output=/dev/full: cannot write: No space left on device"
  [ -e "$mark" ]
  run --separate-stderr traced -q --events=/dev/full "$PROGS/tcp_pair" 1
  assert_status 125
  assert_equal "$stderr" "socktest: --events=/dev/full: cannot write: No space left on device"
  run --separate-stderr traced -q --format=junit:/dev/full true
  assert_status 125
  assert_equal "$stderr" "socktest: --format=junit:/dev/full: cannot write: No space left on device"
}

@test "a file over the size limit is an error, not a death" {
  run --separate-stderr bash -c 'ulimit -f 16; exec "$@"' - timeout "$LIMIT" "$SOCKTEST" trace -q \
    --events="$BATS_TEST_TMPDIR/events" "$PROGS/tcp_pair" 300
  assert_status 125
  assert_equal "$stderr" "socktest: --events=$BATS_TEST_TMPDIR/events: cannot write: File too large"
}

@test "a report whose reader is gone is an error, not a death" {
  mkfifo "$BATS_TEST_TMPDIR/pipe"
  # The writing end opens as soon as a reader came, who leaves before COMMAND ends.
  run timeout "$LIMIT" bash -c 'exec 3<>"$1"; exec 4>"$1"; exec 3<&-; shift; exec "$@" 2>&4 4>&-' - \
    "$BATS_TEST_TMPDIR/pipe" "$SOCKTEST" trace touch "$mark"
  assert_status 125
  [ -e "$mark" ]
}

@test "a report that is more than a nonblocking stderr takes at once is written whole" {
  run timeout "$LIMIT" "$PYTHON" - "$SOCKTEST" <<'PYTHON'
import json, os, subprocess, sys
reader, writer = os.pipe()
os.set_blocking(writer, False)
program = subprocess.Popen([sys.argv[1], "trace", "--format=json", "true", "x" * 100000], stderr=writer)
os.close(writer)
text = open(reader, "rb").read()
assert program.wait(30) == 0, program.returncode
assert len(json.loads(text)["command"][1]) == 100000
PYTHON
  assert_status 0
}

@test "closed descriptors are closed for the program too, and no file of socktest's takes their place" {
  local script='for fd in 0 1 2; do [ ! -e /proc/$$/fd/$fd ] || exit 1$fd; done; touch "$1"'
  run timeout "$LIMIT" bash -c 'exec "$@" <&- >&- 2>&-' - "$SOCKTEST" trace -q -o "$BATS_TEST_TMPDIR/report" \
    --events="$BATS_TEST_TMPDIR/events" --format=json sh -c "$script" - "$mark"
  assert_status 0
  [ -e "$mark" ]
  assert_equal "$(jq -r .schema "$BATS_TEST_TMPDIR/report")" socktest/1
}

@test "what goes to a closed stderr does not get into a file of socktest's" {
  run timeout "$LIMIT" bash -c 'exec "$@" 2>&-' - "$SOCKTEST" trace -o "$BATS_TEST_TMPDIR/report" \
    --format=json --require-fired --fail-connect=EIO true
  assert_status 99
  jq -e .schema "$BATS_TEST_TMPDIR/report"
}

@test "a report that has only a closed stderr to go to is an error" {
  run timeout "$LIMIT" bash -c 'exec "$@" 2>&-' - "$SOCKTEST" trace touch "$mark"
  assert_status 125
  [ -e "$mark" ]
}

@test "the program inherits no descriptor and no signal disposition of socktest's" {
  # A pipe, because a shell may have descriptors of its own.
  local script='ls /proc/self/fd | wc -l; grep -E "^Sig(Blk|Ign)" /proc/self/status'
  run isolated sh -c "$script"
  local untraced=$output
  run traced -q -o "$BATS_TEST_TMPDIR/report" --events="$BATS_TEST_TMPDIR/events" sh -c "$script"
  assert_equal "$output" "$untraced"
}

# ---- quiet, verbose, colour ----

@test "-q leaves out the report and the warnings" {
  local format
  for format in table csv; do
    run --separate-stderr traced -q --format=$format --fail-connect=EIO true
    assert_status 0
    assert_equal "$stderr" ""
  done
}

@test "-q still says which check failed" {
  run --separate-stderr traced -q --require-fired --fail-connect=EIO true
  assert_status 99
  assert_equal "$stderr" "socktest: check require-fired failed: never fired: --fail-connect=EIO"
}

@test "-q still writes the file of -o" {
  run --separate-stderr traced -q -o "$BATS_TEST_TMPDIR/report" true
  assert_equal "$stderr" ""
  assert_contains "$(<"$BATS_TEST_TMPDIR/report")" "no sockets"
}

@test "of -q and -v the last counts" {
  run --separate-stderr traced -v -q true
  assert_equal "$stderr" ""
  run --separate-stderr traced -q -v true
  assert_contains "$stderr" "no sockets"
}

# A check that failed is coloured.
colored() { # colored OPTION...
  on_terminal "$SOCKTEST" trace "$@" --require-fired --fail-connect=EIO true
}

@test "colour is for terminals that want it" {
  local escape=$'\e['
  assert_contains "$(TERM=xterm colored || true)" "$escape"
  assert_contains_not "$(TERM=dumb colored || true)" "$escape"
  assert_contains_not "$(TERM=xterm NO_COLOR=1 colored || true)" "$escape"
  assert_contains "$(TERM=xterm NO_COLOR='' colored || true)" "$escape"
  assert_contains "$(TERM=dumb NO_COLOR=1 colored --color=always || true)" "$escape"
  assert_contains_not "$(TERM=xterm colored --color=never || true)" "$escape"
}

@test "there is no colour in a file or a pipe unless asked for" {
  run traced --require-fired --fail-connect=EIO true
  assert_contains_not "$output" $'\e['
  run traced --color=always --require-fired --fail-connect=EIO true
  assert_contains "$output" $'\e['
}

@test "the table is as wide as the terminal, or as COLUMNS where it does not know" {
  local words=("$SOCKTEST" trace --color=never "$PROGS/leak")
  local wide narrow
  wide=$(COLUMNS=200 on_terminal "${words[@]}" | tr -d '\r' | wc -L)
  narrow=$(COLUMNS=60 on_terminal "${words[@]}" | tr -d '\r' | wc -L)
  [ "$narrow" -lt "$wide" ] || fail "COLUMNS=60: $narrow, COLUMNS=200: $wide"
  narrow=$(COLUMNS=200 on_terminal sh -c 'stty cols 60; "$@"' - "${words[@]}" | tr -d '\r' | wc -L)
  [ "$narrow" -lt "$wide" ] || fail "60 columns: $narrow, COLUMNS=200: $wide"
}

@test "an empty time is said to be none" {
  wrong '--delay-close=:when=2: there is no time where one is due, as in 20ms' --delay-close=:when=2
}

@test "an output to a command has one" {
  wrong '--output=|: there is no command behind the |' -o '|'
  wrong '--events=! : there is no command behind the !' --events='! '
  wrong '--format=json:|: there is no command behind the |' --format='json:|'
}

# ---- filters that never fired, and the seed ----

@test "a filter that never fired is a warning" {
  run traced --fail-connect=EIO --delay-close=1ms:pid=1 true
  assert_status 0
  assert_contains "$output" "--fail-connect=EIO never fired"
  assert_contains "$output" "--delay-close=1ms:pid=1 never fired"
  run --separate-stderr traced --format=csv -o "$BATS_TEST_TMPDIR/report" --fail-connect=EIO true
  assert_equal "$stderr" "warning: --fail-connect=EIO never fired"
}

@test "a filter that fired is no warning and no failed check" {
  run traced --require-fired --fail-listen=EADDRINUSE "$PROGS/tcp_pair"
  [ "$status" != 99 ]
  assert_contains_not "$output" "never fired"
}

@test "--require-fired makes a filter that never fired a failed check" {
  run traced --require-fired --fail-connect=EIO true
  assert_status 99
  run traced --require-fired --error-exitcode=7 --fail-connect=EIO true
  assert_status 7
  socktest_json --require-fired --fail-connect=EIO --delay-close=1ms:pid=1 true
  assert_equal "$(json '.checks | tojson')" \
    '[{"check":"require-fired","ok":false,"detail":"never fired: --fail-connect=EIO --delay-close=1ms:pid=1"}]'
  assert_equal "$(json '.warnings | tojson')" '[]'
}

@test "a program that failed keeps its status when a check failed too" {
  run traced --require-fired --fail-connect=EIO "$PROGS/exit_code" 3
  assert_status 3
}

@test "-q: a seed that was drawn by chance is said all the same" {
  local fault=--fail-socket=EPERM:prob=50% steps=(tcp tcp tcp tcp tcp tcp tcp tcp) first
  run traced -q "$fault" "$PROGS/do_calls" "${steps[@]}"
  first=$output
  [[ ${lines[-1]} =~ ^"socktest: seed "([0-9]+)" (repeat with --seed="([0-9]+)")"$ ]] || fail "it said: $first"
  assert_equal "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  # A given seed is known.
  run traced -q "--seed=${BASH_REMATCH[1]}" "$fault" "$PROGS/do_calls" "${steps[@]}"
  assert_equal "$output" "$(head -n -1 <<<"$first")"
  run traced -qq "$fault" "$PROGS/do_calls" tcp
  assert_contains_not "$output" seed
  run traced -q --fail-socket=EPERM "$PROGS/do_calls" tcp
  assert_contains_not "$output" seed
}

@test "the seed is said where chance has a part, and only there" {
  socktest_json_ok --seed=18446744073709551615 --delay-close=1ns:prob=1 "$PROGS/tcp_pair"
  assert_equal "$(json '.warnings[]')" "seed 18446744073709551615 (repeat with --seed=18446744073709551615)"
  socktest_json_ok --delay-close=1ns:prob=1 "$PROGS/tcp_pair"
  local first
  first=$(json '.warnings[]')
  socktest_json_ok --delay-close=1ns:prob=1 "$PROGS/tcp_pair"
  [ "$(json '.warnings[]')" != "$first" ] || fail "the same seed twice: $first"
  socktest_json_ok --seed=1 --delay-close=1ns "$PROGS/tcp_pair"
  assert_equal "$(json '.warnings[]')" ""
}

# ---- how it ends ----

# bats test_tags=vm
@test "the exit status is the program's own" {
  local code
  for code in 0 1 99 125 126 255; do
    run traced -q "$PROGS/exit_code" $code
    assert_status $code
  done
}

# bats test_tags=vm
@test "socktest dies of the signal that killed the program, after its report and without a second core" {
  cd "$BATS_TEST_TMPDIR"
  run timeout "$LIMIT" "$PYTHON" - "$SOCKTEST" <<'PYTHON'
import os, resource, signal, subprocess, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
for number in signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT, signal.SIGRTMIN + 3:
    pid = os.posix_spawn(sys.argv[1], ["socktest", "trace", "-o", "report", "--format=json",
        "sh", "-c", f"kill -{int(number)} $$"], os.environ, setsigdef=[signal.SIGPIPE])
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status), (number, status)
    assert os.WTERMSIG(status) == number, (number, status)
    assert not os.WCOREDUMP(status), number
    text = open("report").read()
    assert '"signal"' in text, text
PYTHON
  assert_status 0
}

@test "a COMMAND that is not found is 127, one that is not executable 126" {
  run -127 traced "$BATS_TEST_TMPDIR/none"
  assert_equal "${#lines[@]}" 1 "lines of output"
  assert_contains "$output" "socktest: "
  assert_contains "$output" "$BATS_TEST_TMPDIR/none"
  run -127 traced no-such-command-anywhere
  echo text >"$BATS_TEST_TMPDIR/text"
  run traced "$BATS_TEST_TMPDIR/text"
  assert_status 126
  assert_equal "${#lines[@]}" 1 "lines of output"
  run traced "$BATS_TEST_TMPDIR"
  assert_status 126
}

@test "a COMMAND that is there and cannot be executed is 126, with the reason" {
  local command
  printf '#!/no/such/interpreter\n' >"$BATS_TEST_TMPDIR/no-interpreter"
  chmod +x "$BATS_TEST_TMPDIR/no-interpreter"
  for command in "$BATS_TEST_TMPDIR/no-interpreter" no-interpreter; do
    PATH=$PATH:$BATS_TEST_TMPDIR attempt traced "$command"
    assert_status 126
    assert_equal "$output" "socktest: $command: cannot be executed: the interpreter that it names does not exist"
  done
  attempt traced "$BATS_TEST_TMPDIR/no-interpreter/below"
  assert_status 126
  assert_contains "$output" "cannot be executed: Not a directory"
  ln -s circle "$BATS_TEST_TMPDIR/circle"
  attempt traced "$BATS_TEST_TMPDIR/circle"
  assert_status 126
  assert_contains "$output" "cannot be executed: Too many levels of symbolic links"
  attempt traced "$BATS_TEST_TMPDIR"
  assert_status 126
}

# One of each kind; what else is wrong with each is for the unit tests.
@test "a filter with a wrong part is refused in one line, and COMMAND is not started" {
  local option
  for option in --fail-connect=EIO:when=0 --fail-connect=EIO:prob=2 --fail-connect=EIO:to=1.2.3.4.5 \
    --fail-accept=EIO:on=:x --fail-close=EIO:fd=-1 --fail-close=EIO:pid=0 --fail-socket=EIO:family=innet \
    --fail-socket=EIO:type=strem --fail-socket=EIO:proto=tpc --delay-close=5 --delay-close=1s:async \
    --fail-socket=EIO:to=:80 --fail-listen=EIO:delay=x --fail-connect=99999 --fail-connect= --so-error=:cycle; do
    run --separate-stderr isolated "$SOCKTEST" trace "$option" touch "$mark"
    assert_status 125
    assert_equal "${#stderr_lines[@]}" 1 "lines for $option"
    assert_contains "$stderr" "socktest: $option: "
    [ ! -e "$mark" ] || fail "COMMAND was started: $option"
  done
}
