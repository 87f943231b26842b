#!/usr/bin/env bash
# Each way to ask for durability makes the daemon sync the backing files before it answers (R4). The daemon is watched
# by strace; that synced data survive a power cut is the matter of the crash tests.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=durability
command -v strace >/dev/null || { skip "all" "no strace"; finish; }

new_store durability || finish
mount_store -o flush-interval-ms=60000 || finish  # so that the timer does not sync for us
mkdir "$mountpoint/dir"
echo content >"$mountpoint/old"
sync "$mountpoint/old"

# watched COMMAND…: runs it and sets `calls` to the sync calls that the daemon made meanwhile, one a line.
watched() {
  local strace ready=$workspace/attached
  rm -f "$ready"
  mkfifo "$ready"
  strace -f -y -p "$(daemon)" -e trace=fsync,fdatasync,pwritev2,sync_file_range,syncfs -o "$workspace/calls" 2>"$ready" &
  strace=$!
  remember_process $strace
  grep -q -m 1 attached <"$ready" || { wait $strace; return 1; }
  "$@"
  kill -INT $strace
  wait $strace
  calls=$(grep -E 'f(data)?sync\(|DSYNC|syncfs' "$workspace/calls")
}

syncs() {  # NAME FILE_PATTERN COMMAND…
  local name=$1 pattern=$2
  shift 2
  if ! watched "$@" >"$workspace/output" 2>&1; then
    grep -qiE 'not permitted|ptrace' "$workspace/output" && { skip "$name" "strace may not attach"; return; }
  fi
  if grep -qE "$pattern" <<<"$calls"; then ok "$name"; else fail "$name" "expected a sync of /$pattern/" "$calls" "$(cat "$workspace/output")"; fi
}

python() { python3 -c "import os; d = '$mountpoint'; $1"; }
write_with() { dd if=/dev/zero of="$mountpoint/$1" bs=8k count=2 "${@:2}" 2>/dev/null; }

syncs "fsync of a file" '/backing/a[>)]' write_with a conv=fsync
syncs "fdatasync of a file" '/backing/a[>)]' write_with a conv=fdatasync,notrunc
syncs "fsync of a file that is open for reading" '/backing/old[>)]' sync "$mountpoint/old"
syncs "a write with O_DSYNC" '/backing/b[>)]' write_with b oflag=dsync
syncs "a write with O_DSYNC and O_DIRECT" '/backing/c[>)]' write_with c oflag=dsync,direct
syncs "a write with RWF_DSYNC" '/backing/d[>)]' \
  python "f = os.open(d + '/d', os.O_CREAT | os.O_RDWR); os.pwritev(f, [b'x' * 100], 0, os.RWF_DSYNC)"
syncs "msync" '/backing/e[>)]' \
  python "import mmap; f = os.open(d + '/e', os.O_CREAT | os.O_RDWR); os.ftruncate(f, 4096); m = mmap.mmap(f, 4096); m[0] = 1; m.flush()"
syncs "fsync of a directory" '/backing/dir[>)]' sync "$mountpoint/dir"
syncs "fsync of a new file flushes the dictionary" '/\.tdefs/file\.dict' write_with new conv=fsync
syncs "fsync of a directory after a rename flushes the dictionary" '/\.tdefs/file\.dict' \
  sh -c "mv '$mountpoint/new' '$mountpoint/dir/moved' && sync '$mountpoint/dir'"
syncs "a synchronous write to a new file flushes the dictionary" '/\.tdefs/file\.dict' write_with newer oflag=dsync,direct

watched write_with a conv=fsync,notrunc
same "an fsync in the steady state costs no flush of the dictionary" "" "$(grep 'file\.dict' <<<"$calls")"
unmount_store
check_store_exactly "after all"
finish
