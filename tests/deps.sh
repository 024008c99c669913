#!/usr/bin/env bash
# deps.sh GROUP...: installs what the groups (build, test, lint) need and this machine lacks.
# Asks only the machine itself: with everything there it needs neither root nor a network.
set -euo pipefail

# group  how its presence is seen  Debian's package  Fedora's, where /usr/bin/NAME does not find it
read -r -d '' needs <<'END' || true
build  command:gcc              gcc
build  command:make             make
build  command:pkg-config       pkg-config
build  header:stdio.h           libc6-dev            glibc-devel
build  library:libseccomp       libseccomp-dev
build  library:jansson          libjansson-dev
build  library:smartcols        libsmartcols-dev
build  library:libxml-2.0       libxml2-dev
build  library:libunwind-ptrace libunwind-dev
build  library:libdw            libdw-dev
build  header:libiberty/demangle.h libiberty-dev     binutils-devel
build  header:uthash.h          uthash-dev           uthash-devel
build  header:argp.h            libc6-dev            glibc-devel
test   library:cmocka           libcmocka-dev
test   link:-static             libc6-dev            glibc-static
test   link:-fsanitize=address  gcc                  libasan
test   link:-fsanitize=undefined gcc                 libubsan
test   link:-fsanitize=leak     gcc                  liblsan
test   link:-m32                gcc-VERSION-multilib glibc-devel.i686,libgcc.i686
test   musl:gcc                 musl-tools           musl-gcc
test   command:g++              g++
test   command:go               golang-go
test   command:rustc            rustc
test   header:liburing.h        liburing-dev         liburing-devel
test   library:libevent_core    libevent-dev         libevent-devel
test   command:bats             bats
test   command:strace           strace
test   command:gdb              gdb
test   command:valgrind         valgrind
test   command:curl             curl
test   command:python3          python3
test   command:node             nodejs
test   command:ncat             ncat
test   command:socat            socat
test   command:redis-server     redis-server
test   command:redis-cli        redis-tools
test   command:nginx            nginx-light          nginx
test   command:ab               apache2-utils
test   command:wrk              wrk
test   command:jq               jq
test   command:zsh              zsh
test   command:fish             fish
test   command:xmllint          libxml2-utils
test   command:prove            perl
test   command:unshare          util-linux
test   command:pkill            procps
cross-aarch64 command:aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
cross-aarch64 command:aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
cross-aarch64 command:/usr/bin/rustc        rustc
cross-aarch64 aarch64-rust:std              libstd-rust-dev:arm64
cross-aarch64 command:arm-linux-gnueabihf-gcc gcc-arm-linux-gnueabihf
cross-aarch64 arm-library:c                 libc6-dev-armhf-cross
cross-aarch64 aarch64-library:c             libc6-dev:arm64
cross-aarch64 aarch64-library:seccomp       libseccomp-dev:arm64
cross-aarch64 aarch64-library:jansson       libjansson-dev:arm64
cross-aarch64 aarch64-library:smartcols     libsmartcols-dev:arm64
cross-aarch64 aarch64-library:xml2          libxml2-dev:arm64
cross-aarch64 aarch64-library:unwind-ptrace libunwind-dev:arm64
cross-aarch64 aarch64-library:dw            libdw-dev:arm64
cross-aarch64 aarch64-archive:iberty        libiberty-dev:arm64
cross-aarch64 aarch64-library:cmocka        libcmocka-dev:arm64
cross-aarch64 aarch64-library:uring         liburing-dev:arm64
vm-aarch64 command:qemu-system-aarch64 qemu-system-arm
vm-aarch64 command:cpio                cpio
vm-x86_64  command:qemu-system-x86_64  qemu-system-x86
vm-x86_64  command:cpio                cpio
lint   command:clang            clang
lint   fuzzer:clang             libclang-rt-dev       compiler-rt
lint   command:clang-format     clang-format
lint   command:clang-tidy       clang-tidy
lint   command:cppcheck         cppcheck
lint   command:shellcheck       shellcheck
lint   command:mandoc           mandoc
END

scratch=$(mktemp -d)
policy=
cleanup() {
  rm -rf "$scratch"
  [ -z "$policy" ] || rm -f "$policy"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

is_here() { # is_here KIND:NAME
  local name=${1#*:}
  case $1 in
    command:*) PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null ;;
    aarch64-library:*) [ -e "/usr/lib/aarch64-linux-gnu/lib$name.so" ] ;;
    aarch64-archive:*) [ -e "/usr/lib/aarch64-linux-gnu/lib$name.a" ] ;;
    aarch64-rust:*) compgen -G "/usr/lib/rustlib/aarch64-unknown-linux-gnu/lib/lib$name-*.rlib" >/dev/null ;;
    arm-library:*) [ -e "/usr/arm-linux-gnueabihf/lib/lib$name.a" ] ;;
    musl:*) command -v "musl-$name" >/dev/null || [[ $(gcc -dumpmachine 2>/dev/null) == *-musl ]] ;;
    library:*) pkg-config --exists "$name" 2>/dev/null ;;
    header:*) gcc -E -include "$name" -x c /dev/null >/dev/null 2>&1 ;;
    link:-m32) [ "$(uname -m)" != x86_64 ] || can_link -m32 ;;
    link:*) can_link "$name" ;;
    fuzzer:*) can_fuzz "$name" ;;
  esac
}

can_link() { # can_link FLAG
  echo 'int main(void) { return 0; }' | gcc "$1" -x c -o "$scratch/program" - 2>/dev/null
}

can_fuzz() { # can_fuzz COMPILER
  echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
    "$1" -fsanitize=fuzzer,address,undefined -x c -o "$scratch/program" - 2>/dev/null
}

missing() { # missing GROUP...: the rows of what is not here
  local group need debian fedora
  while read -r group need debian fedora; do
    [[ " $* " == *" $group "* ]] || continue
    is_here "$need" || echo "$need $debian $fedora"
  done <<<"$needs"
}

fedora_name() { # fedora_name KIND:NAME [PACKAGE,...]
  case $1 in
    *) [ -z "${2-}" ] || { tr , '\n' <<<"$2"; return; } ;;&
    command:*) echo "/usr/bin/${1#*:}" ;;
    library:*) echo "pkgconfig(${1#*:})" ;;
  esac
}

alpine_name() { # alpine_name KIND:NAME DEBIAN-PACKAGE
  case $1 in
    command:*) echo "cmd:${1#*:}" ;;
    library:*) echo "pc:${1#*:}" ;;
    header:stdio.h) echo musl-dev ;;
    header:argp.h) echo argp-standalone ;;
    header:*) echo "$2" ;;
    fuzzer:*) echo compiler-rt ;;
    link:*) echo gcc ;;
  esac
}

packages() { # packages MANAGER ROWS
  local need debian fedora
  while read -r need debian fedora; do
    case $1 in
      apt-get) echo "$debian" ;;
      dnf) fedora_name "$need" "$fedora" ;;
      apk) alpine_name "$need" "$debian" ;;
    esac
  done <<<"$2" | sort -u
}

quietly() { # quietly COMMAND...: its output only if it fails
  "$@" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    return 1
  }
}

install_apt() { # install_apt PACKAGE...
  export DEBIAN_FRONTEND=noninteractive
  # invoke-rc.d(8) and deb-systemd-invoke(1p) start nothing while this forbids it.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  if [[ " $* " == *:arm64\ * ]]; then dpkg --add-architecture arm64; fi
  apt-get -qq update || echo 'deps: apt-get update failed; trying with the lists that are here' >&2
  # gcc-multilib itself conflicts with compilers for other machines.
  local version
  version=$(apt-cache depends gcc | sed -n 's/^ *Depends: gcc-\([0-9]*\)$/\1/p')
  quietly apt-get -qq install -y --no-install-recommends "${@/gcc-VERSION-/gcc-$version-}"
  # Nor at the next boot, where it was we who brought the server.
  local service
  for service in redis-server nginx; do
    if [[ " $* " == *" $service"* ]]; then
      update-rc.d "$service" disable >/dev/null 2>&1 || true
    fi
  done
}

main() {
  local rows manager names
  rows=$(missing "$@")
  [ -n "$rows" ] || return 0

  if command -v apt-get >/dev/null; then
    manager=apt-get
  elif command -v dnf >/dev/null; then
    manager=dnf
  elif command -v apk >/dev/null; then
    manager=apk
  else
    printf 'deps: none of apt-get, dnf and apk is here; please install what gives:\n%s\n' "$(cut -d' ' -f1 <<<"$rows")" >&2
    return 1
  fi
  if [ $manager != apt-get ] && [[ " $*" == *" cross-"* || " $*" == *" vm-"* ]]; then
    echo "deps: other machines' libraries and virtual machines are made of Debian's packages; this is none" >&2
    return 1
  fi
  mapfile -t names < <(packages $manager "$rows")

  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null; then
      sudo "$0" "$@" && return
    fi
    local verb='install -y'
    [ $manager != apk ] || verb=add
    echo "deps: missing here; as root, run: $manager $verb ${names[*]@Q}" >&2
    return 1
  fi

  echo "deps: $manager installs ${names[*]}"
  if [ $manager = apt-get ]; then
    install_apt "${names[@]}" </dev/null
  elif [ $manager = dnf ]; then
    quietly dnf -q -y install "${names[@]}" </dev/null
  else
    quietly apk add --quiet "${names[@]}" </dev/null
  fi
  rows=$(missing "$@")
  if [ -n "$rows" ]; then
    printf 'deps: still missing after the installation:\n%s\n' "$(cut -d' ' -f1 <<<"$rows")" >&2
    return 1
  fi
}

main "$@"
