#!/usr/bin/env bats
# What "make deps" asks the package managers for. They are stand-ins, which install a program at most: nothing is
# fetched, nobody becomes root, and this machine stays as it is.

# shellcheck disable=SC2154 # set by run and by the helpers

load helpers

# A machine that has everything but jq, and no package manager yet.
setup() {
  command -v gcc >/dev/null || skip "only on machines that have a compiler"
  machine=$BATS_TEST_TMPDIR/machine
  mkdir "$machine"
  local name path
  for name in $(sed -n 's/^\(test\|build\|lint\) *command:\([^ ]*\).*/\2/p' "$TESTS/deps.sh") \
    as bash cat cp cut env ld mktemp musl-gcc rm sed sort tr uname; do
    if path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$name"); then ln -s "$path" "$machine/$name"; fi
  done
  rm "$machine/jq"
  command_of id 'echo 1000'
}

command_of() { # command_of NAME SCRIPT
  printf '#!/bin/bash\n%s\n' "$2" >"$machine/$1"
  chmod 755 "$machine/$1"
}

# As sudo gives it.
become_root() {
  command_of id 'echo 0'
}

# What it was called with goes to the file "asked".
manager() { # manager NAME [SCRIPT]
  command_of "$1" "echo $1 \"\$@\" >>'$BATS_TEST_TMPDIR/asked'; ${2:-:}"
}

# The script of a manager that does what it is asked for.
brings_jq() {
  echo "cp '$machine/cat' '$machine/jq'"
}

deps() {
  attempt env PATH="$machine" "$TESTS/deps.sh" build test
}

@test "deps: with everything there it says and asks nothing" {
  cp "$machine/cat" "$machine/jq"
  manager apt-get
  deps
  assert_status 0
  assert_equal "$output" ""
  [ ! -e "$BATS_TEST_TMPDIR/asked" ] || fail "it asked: $(cat "$BATS_TEST_TMPDIR/asked")"
}

@test "deps: who is not root is told what to type, in the words of each package manager" {
  local row
  for row in "apk add 'cmd:jq'" "dnf install -y '/usr/bin/jq'" "apt-get install -y 'jq'"; do
    manager "${row%% *}" # the last one is taken
    deps
    assert_status 1
    assert_equal "$output" "deps: missing here; as root, run: $row"
  done
  [ ! -e "$BATS_TEST_TMPDIR/asked" ] || fail "it asked: $(cat "$BATS_TEST_TMPDIR/asked")"
}

@test "deps: dnf and apk install what is missing, and it is said" {
  become_root
  manager apk "$(brings_jq)"
  deps
  assert_status 0
  assert_equal "$output" "deps: apk installs cmd:jq"
  assert_equal "$(cat "$BATS_TEST_TMPDIR/asked")" "apk add --quiet cmd:jq"
  rm "$machine/jq" "$BATS_TEST_TMPDIR/asked"
  manager dnf "$(brings_jq)"
  deps
  assert_status 0
  assert_equal "$output" "deps: dnf installs /usr/bin/jq"
  assert_equal "$(cat "$BATS_TEST_TMPDIR/asked")" "dnf -q -y install /usr/bin/jq"
}

@test "deps: what is still missing afterwards is an error, and so is a package manager that fails" {
  become_root
  manager dnf
  deps
  assert_status 1
  assert_equal "$output" "deps: dnf installs /usr/bin/jq
deps: still missing after the installation:
command:jq"
  manager dnf "echo no such package; exit 3"
  deps
  assert_status 1
  assert_equal "$output" "deps: dnf installs /usr/bin/jq
no such package"
}

@test "deps: without a package manager that it knows it names what is missing" {
  deps
  assert_status 1
  assert_equal "$output" "deps: none of apt-get, dnf and apk is here; please install what gives:
command:jq"
}
