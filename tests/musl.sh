#!/usr/bin/env bash
# musl.sh FOLDER: compiles all sources with musl's headers, and runs the unit tests of switch/ with musl; what it makes
# goes to the folder. Debian has the libraries for glibc only: of them there are just the headers, which name no libc,
# so that socktest itself cannot be linked, and cmocka has a stand-in.
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob

folder=$1
passed=0 failed=0

# Nothing else of glibc's own folder is seen.
rm -rf "$folder"
mkdir -p "$folder/include"
for header in seccomp.h seccomp-syscalls.h jansson.h jansson_config.h uthash.h utlist.h linux asm-generic \
  libsmartcols/libsmartcols.h libxml2/libxml unicode dwarf.h elfutils libelf.h gelf.h libiberty; do
  ln -s "/usr/include/$header" "$folder/include"
done
for header in libunwind-common.h libunwind-dynamic.h libunwind-ptrace.h "libunwind-$(uname -m).h" libunwind.h; do
  path=$(find /usr/include -name "$header" -print -quit)
  [ -z "$path" ] || ln -s "$path" "$folder/include"
done
ln -s "/usr/include/$(gcc -print-multiarch)/asm" "$folder/include"

compile() { # compile ARGUMENT...
  musl-gcc -std=gnu17 -D_GNU_SOURCE -DSOCKTEST_VERSION='""' -I. -O2 -Wall -Wextra -Werror "$@" \
    -isystem "$folder/include" >"$folder/log" 2>&1
}

compile_all() { # compile_all FILE...
  local file left_out=()
  for file in "$@"; do
    if compile -c -o /dev/null "$file"; then
      passed=$((passed + 1))
    elif grep -qF 'argp.h: No such file' "$folder/log"; then
      left_out+=("$file")
    else
      failed=$((failed + 1))
      cat "$folder/log"
    fi
  done
  [ ${#left_out[@]} = 0 ] || echo "left out, because argp.h is not there: ${left_out[*]}"
}

run_units() { # run_units FILE...
  local file program status
  for file in "$@"; do
    program=$folder/$(basename "$file" .c)
    status=0
    if compile -Itests/musl -static -o "$program" "$file" switch/*.c; then
      timeout -k 5 60 "$program" >"$folder/log" 2>&1 || status=$?
    else
      status=1
    fi
    passed=$((passed + $(grep -c '^ok' "$folder/log" || true)))
    if [ $status != 0 ]; then
      failed=$((failed + 1))
      echo "$program ended with status $status:"
      grep -v '^ok' "$folder/log" || true
    fi
  done
}

compile_all {cmd,trace,trace/arch,switch,report}/*.c
# That of the reports needs jansson and libsmartcols.
run_units tests/unit/test_{address,cookie,fdtable,filter,names,switch}.c
echo "$passed passed, $failed failed"
[ $failed = 0 ]
