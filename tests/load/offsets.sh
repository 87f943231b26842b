#!/usr/bin/env bash
# Far offsets: a sparse file of 1 TiB, offsets past 64 GiB (where a counter of 32 bits starts anew), and the largest size
# of a file. The mount must answer as the filesystem below it does: ext4 (16 TiB) and XFS (2^63-1).
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite="load offsets"
probe=$programs/offsets_probe
[ -x "$probe" ] || { fail "start" "no $probe"; finish; }

# lseek to 2^63-1 never reaches a FUSE filesystem: the kernel allows it on each, ext4 and XFS allow less or as much.
comparable() { grep -v '^seek at 9223372036854775807' "$1"; }

# offsets_on NAME DIRECTORY: the answers of a mount whose backing directory is there, beside those of that directory.
offsets_on() {
  local name=$1 directory=$2 limit
  store=$directory/backing mountpoint=$workspace/$1/mount key=$workspace/$1/key
  mkdir -p "$store" "$mountpoint" "$directory/native"
  "$tdefs" genkey "$key" >/dev/null 2>&1
  "$tdefs" init "$store" --key-file "$key" >/dev/null || { fail "$name: init"; return; }
  mount_store || return
  "$probe" "$directory/native" "$directory" >"$workspace/$name.native" 2>&1
  "$probe" "$mountpoint" "$directory" >"$workspace/$name.mount" 2>&1
  limit=$(sed -n 's/^the largest size: //p' "$workspace/$name.native")
  if grep -q 'neither written nor zeros' "$workspace/$name.mount"; then
    fail "$name: nothing is read that was not written" "$(grep -B2 'neither' "$workspace/$name.mount")"
  else
    ok "$name: nothing is read that was not written"
  fi
  same "$name: files up to $limit bytes behave as on the backing filesystem" \
    "$(comparable "$workspace/$name.native")" "$(comparable "$workspace/$name.mount")"
  same "$name: and are as long below as above" "$(cd "$mountpoint" && stat -c '%n %s' -- *)" \
    "$(cd "$store" && stat -c '%n %s' -- *)"
  "$probe" "$mountpoint" "$directory" >"$workspace/$name.again" 2>&1
  same "$name: a second run answers the same" "$(cat "$workspace/$name.mount")" "$(cat "$workspace/$name.again")"
  sum=$(cd "$mountpoint" && tail -c 5000 sparse | sha256sum)
  unmount_store
  check_store_exactly "$name"
  mount_store || return
  same "$name: the end of the sparse file is the same after mounting again" "$sum" \
    "$(cd "$mountpoint" && tail -c 5000 sparse | sha256sum)"
  unmount_store
  figure load_offsets filesystem="$name" largest_bytes="$limit"
}

# on_image FILESYSTEM MKFS…: in a small image of this filesystem.
on_image() {
  local filesystem=$1 disk=$workspace/$1-disk
  shift
  if ! command -v "$1" >/dev/null; then skip "$filesystem" "no $1"; return; fi
  truncate -s 400M "$workspace/$filesystem.image"
  mkdir "$disk"
  if ! "$@" "$workspace/$filesystem.image" >"$workspace/output" 2>&1 ||
    ! mount -o loop "$workspace/$filesystem.image" "$disk" 2>"$workspace/output"; then
    skip "$filesystem" "$(tail -n 1 "$workspace/output")"
    return
  fi
  offsets_on "$filesystem" "$disk"
}

on_image ext4 mkfs.ext4 -q -b 4096
on_image xfs mkfs.xfs -q
finish
