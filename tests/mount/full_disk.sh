#!/usr/bin/env bash
# A full disk below the store (R8): writes fail with ENOSPC at write(), the mount serves on, and the store stays sound.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite="full disk"

disk=$workspace/disk
mkdir "$disk"
truncate -s 64M "$workspace/image"
mkfs.ext4 -q -m 0 "$workspace/image"
mount -o loop "$workspace/image" "$disk" 2>"$workspace/output" || { skip "all" "no loop device: $(cat "$workspace/output")"; finish; }
store=$disk/backing mountpoint=$workspace/mount key=$workspace/key
mkdir "$store" "$mountpoint"
"$tdefs" genkey "$key" >/dev/null 2>&1
"$tdefs" init "$store" --key-file "$key" >/dev/null || { fail "init"; finish; }
mount_store || finish

echo "kept" >"$mountpoint/kept"
sync "$mountpoint/kept"
refused "a write on a full disk fails" 'no space' dd if=/dev/urandom of="$mountpoint/filler" bs=1M count=200
refused "fallocate on a full disk fails" 'no space' fallocate -l 100M "$mountpoint/more"
# Names need dictionary records too; their failure must be clean, whichever of the two runs out of space first.
created=0
for number in $(seq 3000); do { echo "file $number" >"$mountpoint/small$number"; } 2>/dev/null && created=$number; done
same "files from before are readable on the full disk" "kept" "$(cat "$mountpoint/kept")"
check "a file can be removed from the full disk" rm "$mountpoint/filler"
check "then there is space again" dd if=/dev/zero of="$mountpoint/again" bs=1M count=4 conv=fsync
unmount_store
check_store_exactly "after the full disk"
mount_store || finish
bad=""
for number in $(seq "$created"); do
  [ ! -s "$mountpoint/small$number" ] || [ "$(cat "$mountpoint/small$number")" = "file $number" ] || bad+="$number "
done
same "no file that was made meanwhile is damaged" "" "$bad"

# The same with a crash while the disk is full.
dd if=/dev/urandom of="$mountpoint/filler" bs=1M count=200 2>/dev/null
for number in $(seq 200); do { echo "late $number" >"$mountpoint/late$number"; } 2>/dev/null; done
crash_daemon
check "a full and unclean store mounts again" "$tdefs" mount "$store" "$mountpoint" --key-file "$key"
mountpoint -q "$mountpoint" || finish
same "and serves its files" "kept" "$(cat "$mountpoint/kept")"
check "every file is readable" find "$mountpoint" -type f -exec cat {} +
rm -f "$mountpoint/filler"
unmount_store
check_store_exactly "after the crash on a full disk"
finish
