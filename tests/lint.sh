#!/usr/bin/env bash
# Everything that is checked without running the program. Prints the problems and one closing line.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
shopt -s nullglob globstar

checks=0 problems=0
jobs=$(nproc)
sources=(cmd/**/*.[ch] trace/**/*.[ch] switch/**/*.[ch] report/**/*.[ch] tests/{progs,unit,fuzz,stress}/**/*.[ch] tests/progs/*.cc)
units=(cmd/*.c trace/**/*.c switch/*.c report/*.c tests/{progs,unit,fuzz}/*.c)
mapfile -t scripts < <(grep -lrE '^#!.*[ /](bash|sh)$' tests .ci)
output=$(mktemp)
trap 'rm -f "$output"' EXIT
trap 'exit 1' HUP INT TERM

# check TITLE COMMAND...: a COMMAND that fails is a problem, and what it printed is shown.
check() {
  local title=$1
  shift
  checks=$((checks + 1))
  "$@" >"$output" 2>&1 </dev/null && return
  problems=$((problems + 1))
  echo "== $title"
  cat "$output"
}

compile() { # compile COMPILER
  make --no-print-directory -k -j"$jobs" say=@: BUILD="build/lint-$1" CC="$1" WERROR=1 all progs units
}

each() { # each FILES-A-CALL COMMAND... -- FILE...
  local count=$1 command=()
  shift
  while [ "$1" != -- ]; do
    command+=("$1")
    shift
  done
  shift
  printf '%s\0' "$@" | xargs -0 -r -n "$count" -P "$jobs" "${command[@]}"
}

# clang-tidy prints what it found on stdout, and only on stderr how much it left out.
tidy() {
  local file=$1
  # shellcheck disable=SC2046 # flags are words
  clang-tidy --quiet "$file" -- -std=gnu17 -D_GNU_SOURCE -DSOCKTEST_VERSION='""' -I. \
    $(pkg-config --cflags libseccomp jansson smartcols libxml-2.0 libunwind-ptrace libdw cmocka) 2>/dev/null
}

# cppcheck 2.10 does not know _Noreturn.
run_cppcheck() {
  cppcheck --quiet -j "$jobs" --std=c11 -D_GNU_SOURCE -D__x86_64__ -I. --inline-suppr \
    '-D_Noreturn=__attribute__((noreturn))' --error-exitcode=1 \
    --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=unknownMacro "${units[@]}"
}

# bats and helpers.bash set variables for the tests, each test is a subshell of its own, and what bash -c is
# given is not to be expanded.
run_shellcheck() {
  local status=0
  shellcheck "${scripts[@]}" || status=1
  shellcheck -s bats -e SC2016,SC2030,SC2031,SC2154 tests/*.bats || status=1
  shellcheck -s bash tests/*.bash completions/*.bash || status=1
  return $status
}

# Each by its own shell, where that is here.
completions_parse() {
  local status=0
  bash -n completions/socktest.bash || status=1
  if command -v zsh >/dev/null; then zsh -f -n completions/_socktest || status=1; fi
  if command -v fish >/dev/null; then fish --no-execute completions/socktest.fish || status=1; fi
  return $status
}

# without_comments FILE: its lines, numbered as before, without comments.
without_comments() {
  gcc -fpreprocessed -dD -E "$1" 2>/dev/null | sed -e '/^# [0-9]* ".*"/d'
}

# gofmt(1) succeeds whatever it finds.
run_gofmt() {
  local found
  found=$(gofmt -d tests/progs/*.go) && [ -z "$found" ] && return
  printf '%s\n' "$found"
  return 1
}

# none_in REGEX WHY FILE...: no line of the code matches.
none_in() {
  local regex=$1 why=$2 file found=0
  shift 2
  for file in "$@"; do
    if without_comments "$file" | grep -E "$regex"; then
      echo "$file: $why"
      found=1
    fi
  done
  return $found
}

# others FILE...: the sources of the program but for these
others() {
  printf '%s\n' {cmd,trace,switch,report}/**/*.[ch] | grep -vxF "$(printf '%s\n' "$@")"
}

# shellcheck disable=SC2046 # no name has a blank
directions() {
  local status=0 architectures='x86_64|i386|amd64|aarch64|arm|riscv|powerpc|s390|mips|loongarch'
  none_in '#include "(trace|report|cmd|tests)/' 'switch/ includes nothing of the others' switch/*.[ch] || status=1
  none_in '#include "(report|cmd|tests)/' 'trace/ includes only trace/ and switch/' trace/**/*.[ch] || status=1
  none_in '#include "(trace|cmd|tests)/' 'report/ includes only report/ and switch/' report/*.[ch] || status=1
  none_in '#include [<"]libunwind' 'only trace/unwind.c uses libunwind' $(others trace/unwind.c) || status=1
  none_in '#include [<"](elfutils|dwarf)' 'only what reads symbols and unwinding information of files uses libdw' \
    $(others trace/symbols.c trace/symbol_table.h trace/unwind_table.c trace/debug_frame.c) || status=1
  none_in '\<ptrace\(' 'only trace/ calls ptrace' {cmd,switch,report}/*.[ch] || status=1
  none_in '\<exit\(' 'only cmd/ ends the program' {switch,report}/*.[ch] trace/**/*.[ch] || status=1
  none_in "^# *(if|ifdef|ifndef|elif)\\>.*\\<_*($architectures)" 'only trace/arch/ knows architectures' \
    {cmd,switch,report,trace}/*.[ch] || status=1
  return $status
}

# Every option that --help of any subcommand offers stands in a manual page, and those pages name no others.
documented() {
  local option subcommand status=0 pages offered
  pages=$(for page in man/*; do mandoc -T ascii "$page" | col -b; done) || return
  offered=$(for subcommand in '' trace ctl report doctor complete; do
    # shellcheck disable=SC2086 # none is no word
    build/lint-gcc/socktest $subcommand --help
  done | grep -oE -- '--[a-z][a-z-]*' | sort -u)
  for option in $offered; do
    grep -qE -- "$option([^a-z-]|\$)" <<<"$pages" && continue
    echo "no manual page names $option"
    status=1
  done
  while read -r option; do
    grep -qxF -- "$option" <<<"$offered" && continue
    echo "a manual page names $option, which is no option"
    status=1
  done < <(sed -nE 's/^\.It (Fl . , )?Fl Fl ([a-z-]+[a-z]).*/--\2/p' man/* | sort -u)
  return $status
}

export -f tidy
check 'gcc -Werror' compile gcc
check 'clang -Werror' compile clang
check 'include directions' directions
check clang-format clang-format --dry-run -Werror "${sources[@]}"
check gofmt run_gofmt
check clang-tidy each 1 bash -c "tidy \"\$1\"" tidy -- "${units[@]}"
check cppcheck run_cppcheck
check shellcheck run_shellcheck
check 'syntax of the completions' completions_parse
check mandoc mandoc -T lint -W warning man/*
check 'options in the manual pages' documented

echo "lint: $problems of $checks checks found problems"
[ $problems = 0 ]
