#!/usr/bin/env bash
# image.sh GUEST: prints the folder with the guest's kernel and initial file system, and makes them if they
# are not there: Debian's own kernel, and Debian's packages unpacked, no maintainer script run.
# Nothing of the tree under test is in it, so it is made once; SOCKTEST_VM_CACHE names another place for it.
set -euo pipefail
shopt -s inherit_errexit

guest=${1-}
case $guest in
  aarch64) debian=arm64 ;;
  x86_64) debian=amd64 ;;
  *)
    echo "usage: $0 aarch64|x86_64" >&2
    exit 2
    ;;
esac

# What a bare system needs, what socktest links, and what the tests use (tests/deps.sh).
packages=(
  base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip hostname
  iproute2 libc-bin login mawk mount passwd procps sed tar util-linux
  libjansson4 libseccomp2 libsmartcols1 libxml2 libunwind8 libdw1 libcmocka0 liblsan0 liburing2 libevent-core-2.1-7
  apache2-utils bats curl fish gdb jq ncat nginx-light nodejs perl python3 redis-server redis-tools socat strace
  valgrind wrk zsh
)
# Programs of another ABI that the kernel runs too.
case $guest in
  x86_64) packages+=(libc6-i386) ;;
esac

made_by=$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
cache=${SOCKTEST_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/socktest}/$guest-$made_by
if [ -e "$cache/complete" ]; then
  echo "$cache"
  exit
fi

# Another that makes it at the same time has one of its own until the last step.
mkdir -p "$(dirname "$cache")"
new=$(mktemp -d "$cache.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
root=$new/root
mkdir -p "$new/packages/partial" "$root"

# A system of its own, that has nothing installed yet.
: >"$new/status"
apt=(apt-get -q -y
  -o "APT::Architecture=$debian" -o "APT::Architectures::=$debian" -o "Dir::State::status=$new/status"
  -o "Dir::Cache::archives=$new/packages" -o APT::Sandbox::User= -o Debug::NoLocking=1)
quietly() {
  "$@" >"$new/log" 2>&1 || {
    cat "$new/log" >&2
    exit 1
  }
}

kernel() {
  apt-cache depends "linux-image-cloud-$debian:$debian" | sed -n 's/^ *Depends: \(linux-image-[^:]*\).*/\1/p'
}

echo "vm: makes the $guest guest, once" >&2
if [ -z "$(kernel)" ]; then quietly apt-get -q update; fi
quietly "${apt[@]}" --download-only --no-install-recommends install "${packages[@]}"
mkdir "$new/kernel"
(cd "$new/kernel" && quietly apt-get -q -o APT::Sandbox::User= download "$(kernel):$debian")
dpkg-deb --extract "$new"/kernel/*.deb "$new/kernel"
mv "$new"/kernel/boot/vmlinuz-* "$new/vmlinuz"

# The packages share their folders by these links (usrmerge).
mkdir -p "$root"/usr/{bin,sbin,lib,lib32,lib64,libx32}
for folder in bin sbin lib lib32 lib64 libx32; do ln -s "usr/$folder" "$root/$folder"; done
for package in "$new"/packages/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -p --keep-directory-symlink -C "$root"
done

# What their scripts would have done.
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
echo '127.0.0.1 localhost guest' >"$root/etc/hosts"
ln -sf mawk "$root/usr/bin/awk"
mkdir -p "$root"/{dev,proc,sys,run,tmp,root}
chmod 1777 "$root/tmp"
PATH=$PATH:/usr/sbin:/sbin ldconfig -r "$root"
rm -rf "$root"/usr/share/{doc,man,info,locale,i18n,perl,icu} "$root"/usr/lib/*/gconv "$root"/var/{cache,lib}/apt

(cd "$root" && find . -print0 | cpio --quiet --null -o -H newc -R 0:0) >"$new/rootfs.cpio"
rm -rf "$root" "$new/kernel" "$new/packages" "$new/status" "$new/log"
: >"$new/complete"
if ! mv -T "$new" "$cache" 2>/dev/null; then
  [ -e "$cache/complete" ] || exit 1 # another was quicker
fi
echo "$cache"
