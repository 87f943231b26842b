# Power cuts: a filesystem of its own on a loop device, and a store on it. Sourced after store.sh.
#
# A cut is the filesystem's own shutdown ioctl without a flush of its log (XFS and ext4 have the same one): from then on
# it writes nothing any more, what was dirty in memory is dropped at unmount, and the next mount replays the journal as
# after a loss of power. The image's own pages are the content of the disk; they stay. A sync that is under way may
# return success because of the cut; what is acknowledged after it began does not count.
power_binaries=(losetup xfs_io)

# can_cut_power FS: whether this machine can; else says so as a skipped test.
can_cut_power() {
  local program
  for program in "${power_binaries[@]}" "mkfs.$1"; do
    command -v "$program" >/dev/null || { skip "$1" "no $program"; return 1; }
  done
  grep -qw "$1" /proc/filesystems || modprobe -q "$1" 2>/dev/null || { skip "$1" "the kernel has no $1"; return 1; }
  losetup -f >/dev/null 2>&1 || { skip "$1" "no loop devices"; return 1; }
}

# Makes a filesystem and mounts it. Sets `disk` (where it is mounted), `disk_image` and `disk_device`.
new_disk() {  # FS [SIZE]
  local options=(-q)
  [ "$1" = ext4 ] && options+=(-F -J size=16) || options+=(-f)
  disk=$workspace/disk.$1 disk_image=$workspace/$1.image
  mkdir -p "$disk" && rm -f "$disk_image" && truncate -s "${2:-512M}" "$disk_image" &&
    "mkfs.$1" "${options[@]}" "$disk_image" >"$workspace/output" 2>&1 &&
    disk_device=$(losetup -f --show "$disk_image") && mount "$disk_device" "$disk"
}

drop_disk() { umount "$disk" && losetup -d "$disk_device" && rm "$disk_image"; }

# A store on the disk, as new_store makes one elsewhere; its key is not on the disk.
new_store_on_disk() {  # [ARGUMENT…]
  store=$disk/backing mountpoint=$workspace/mount key=$workspace/key
  mkdir -p "$store" "$mountpoint"
  [ -f "$key" ] || "$tdefs" genkey "$key" >/dev/null 2>&1
  "$tdefs" init "$store" --key-file "$key" "$@" >"$workspace/output" 2>&1 && sync -f "$store" && return
  fail "init of $store" "$(cat "$workspace/output")"
  return 1
}

cut_power() { xfs_io -x -c shutdown "$disk"; }

# After the cut: the daemon, if there is one, ends as a machine does, and nothing uses the disk any more. Processes that
# use the mount see errors from here on; those that use the disk itself have to be ended before.
lose_machine() {
  local process
  if is_mounted; then
    process=$(daemon)
    [ -z "$process" ] || { kill -9 "$process" && await_end "$process"; }
    umount -l "$mountpoint"
  fi
  umount "$disk" || { fail "unmount of the cut filesystem" "$(fuser -vm "$disk" 2>&1)"; return 1; }
}

# The journal is replayed.
power_on() {
  mount "$disk_device" "$disk" 2>"$workspace/output" && return
  fail "mount of the filesystem after a cut" "$(cat "$workspace/output")"
  return 1
}

# The filesystem is sound by its own judgement, so that what is wrong above it is not its fault. It is unmounted for it.
check_disk() {  # NAME
  local checker=(xfs_repair -n)
  [ "$(findmnt -n -o FSTYPE "$disk")" = xfs ] || checker=(fsck.ext4 -f -n)
  umount "$disk" && check "$1" "${checker[@]}" "$disk_device"
  mount "$disk_device" "$disk"
}
