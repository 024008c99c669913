#!/usr/bin/env bash
# boot.sh GUEST TREE COMMAND...: runs the command in a virtual machine of one processor, in a copy of the tree
# at the same place; prints what it prints and gives back its status. 125: the machine gave none within
# VM_SECONDS; the end of its console is shown then.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)

guest=$1 tree=$(realpath "$2")
shift 2
seconds=${VM_SECONDS:-1800}
memory=${VM_MEMORY:-3072} # MiB

case $guest in
  aarch64)
    # The cheapest processor to emulate. The second line is a PCI device, of a name without the kernel's help.
    machine=(qemu-system-aarch64 -M virt -cpu cortex-a72)
    lines=(-serial "file:CONSOLE" -device "pci-serial,chardev=output")
    console=ttyAMA0 line=ttyS0
    ;;
  x86_64)
    machine=(qemu-system-x86_64 -M q35 -cpu max)
    lines=(-serial "file:CONSOLE" -serial chardev:output)
    console=ttyS0 line=ttyS1
    ;;
  *)
    echo "usage: $0 aarch64|x86_64 TREE COMMAND..." >&2
    exit 2
    ;;
esac

image=$("$here/image.sh" "$guest")
scratch=$(mktemp -d)
running=
# shellcheck disable=SC2317 # the trap calls it
finish() {
  if [ -n "$running" ]; then kill "$running" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
lines=("${lines[@]/CONSOLE/$scratch/console}")

# A second archive behind the image's: the tree, less what was only needed to build it, and the job.
overlay() {
  local folder=$tree
  while folder=$(dirname "$folder") && [ "$folder" != / ]; do echo "$folder"; done | tac
  find "$tree" \( -name .git -o -name go-cache -o -name '*.o' -o -name '*.d' \) -prune -o -print
}
cp "$here/init" "$scratch/init"
chmod 755 "$scratch/init"
printf 'cd %q && exec %s\n' "$tree" "${*@Q}" >"$scratch/job"
{
  cat "$image/rootfs.cpio"
  overlay | cpio --quiet -o -H newc -R 0:0
  (cd "$scratch" && printf '%s\n' init job | cpio --quiet -o -H newc -R 0:0)
} >"$scratch/initrd"

mkfifo "$scratch/pipe"
tee "$scratch/output" <"$scratch/pipe" | sed -u -e '/^@status [0-9]*$/d' -e 's/@status [0-9]*$//' &
printer=$!
# Speed: no mitigations, no page table isolation, no pages zeroed in advance.
timeout -k 5 "$seconds" "${machine[@]}" -smp 1 -m "$memory" -accel tcg -display none -nodefaults -no-reboot \
  -chardev stdio,id=output,signal=off "${lines[@]}" -kernel "$image/vmlinuz" -initrd "$scratch/initrd" \
  -append "console=$console panic=-1 quiet mitigations=off nokaslr kpti=off init_on_alloc=0 socktest.line=$line" \
  </dev/null 2>"$scratch/errors" >"$scratch/pipe" &
running=$!
wait $running || true
running=
wait $printer || true

status=$(sed -n 's/.*@status \([0-9]*\)$/\1/p' "$scratch/output" | tail -n 1)
if [ -z "$status" ]; then
  {
    echo "vm: the $guest guest died or took longer than $seconds seconds; its console ended with:"
    cat "$scratch/errors"
    tail -n 25 "$scratch/console"
  } >&2 2>/dev/null || true
  status=125
fi
exit "$status"
