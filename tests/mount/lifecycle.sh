#!/usr/bin/env bash
# The mount as the system sees it: its type and source, options, remounting, and who is kept out.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=lifecycle

new_store one || finish
mount_store || finish
same "the mount has the type fuse.tdefs" fuse.tdefs "$(findmnt -n -o FSTYPE "$mountpoint")"
same "the mount shows the backing directory as its source" "$store" "$(findmnt -n -o SOURCE "$mountpoint")"
echo "first text" >"$mountpoint/file"
check "df works" df "$mountpoint"

mkdir "$workspace/second"
refused "a second mount of the store is refused with the holder's pid" "$(daemon)" \
  "$tdefs" mount "$store" "$workspace/second" --key-file "$key"
refused "a second mount on the same mount point is refused" . "$tdefs" mount "$store" "$mountpoint" --key-file "$key"
same "after the refusals the first mount serves on" "first text" "$(cat "$mountpoint/file")"

check "mount -o remount,ro works" mount -i -o remount,ro "$mountpoint"
refused "then writing is refused" 'read-only' touch "$mountpoint/new"
check "mount -o remount,rw works" mount -i -o remount,rw "$mountpoint"
check "then writing works" touch "$mountpoint/new"

unmount_store
check "after the unmount the store is not reachable there" test ! -e "$mountpoint/file"
check_store_exactly "after the unmount"
before=$(find "$store" -printf '%P %s %T@\n' | sort)
mount_store -o ro || finish
same "a read-only mount shows the files" "first text" "$(cat "$mountpoint/file")"
refused "a read-only mount refuses writing" 'read-only' sh -c "echo x >>'$mountpoint/file'"
unmount_store
same "a read-only mount changes no file" "$(grep -v '^\.tdefs' <<<"$before")" \
  "$(find "$store" -printf '%P %s %T@\n' | sort | grep -v '^\.tdefs')"

# Through mount(8), as fstab does it.
helper=$workspace/helper
mkdir -p "$helper"
ln -s "$tdefs" "$helper/mount.fuse.tdefs"
check "mount.fuse.tdefs takes mount(8)'s arguments" "$helper/mount.fuse.tdefs" "$store" "$mountpoint" -o "rw,key-file=$key,noatime"
same "and serves the store" "first text" "$(cat "$mountpoint/file")"
unmount_store

refused "a wrong key is refused" 'key' env -C "$workspace" sh -c \
  "'$tdefs' genkey wrong && '$tdefs' mount '$store' '$mountpoint' --key-file '$workspace/wrong'"
mount_store && same "after the refusal the right key opens the store" "first text" "$(cat "$mountpoint/file")"

# A busy mount: the unmount must not lose anything.
exec 9>"$mountpoint/held"
refused "umount of a busy mount is refused" 'busy' "$tdefs" umount "$mountpoint"
exec 9>&-
unmount_store && ok "umount works once the file is closed"

# SIGTERM is an orderly end.
mount_store || finish
echo "before the signal" >"$mountpoint/signal"
process=$(daemon)
kill -TERM "$process"
await_end "$process"
if is_mounted; then fail "SIGTERM unmounts" && umount -l "$mountpoint"; else ok "SIGTERM unmounts"; fi
same "SIGTERM leaves a clean store" "" "$("$tdefs" check "$store" 2>&1 | grep -i unclean)"
check_store_exactly "after SIGTERM"
mount_store && same "SIGTERM loses nothing" "before the signal" "$(cat "$mountpoint/signal")"

# What is open when the signal comes is served on until it is closed, by a daemon whose descriptors move meanwhile.
cat >"$workspace/hold.py" <<'PYTHON'
import os, sys
files = [os.open(f"{sys.argv[1]}/open{number}", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644) for number in range(20)]
print("open", flush=True)
input()
for block in range(100):
    for number, fd in enumerate(files):
        os.pwrite(fd, b"%16d" % (number * 1000 + block) * 256, block * 4096)
        if block % 25 == 0: os.fsync(fd)
for number, fd in enumerate(files):
    os.fsync(fd)
    text = os.pread(fd, 1 << 20, 0)
    assert text == b"".join(b"%16d" % (number * 1000 + block) * 256 for block in range(100)), number
PYTHON
process=$(daemon)
coproc holder { exec python3 "$workspace/hold.py" "$mountpoint" 2>"$workspace/hold_errors"; }
holder_process=$holder_PID
exec {to_holder}>&"${holder[1]}"
read -r _ <&"${holder[0]}"
kill -TERM "$process"
for _ in $(seq 5000); do is_mounted || break; done
echo >&"$to_holder"
await_end "$holder_process" 60 || kill -9 "$process"  # a request that nobody answers holds the program for good
wait "$holder_process" && ok "files that were open at SIGTERM can be written, synced and read" ||
  fail "files that were open at SIGTERM can be written, synced and read" "$(cat "$workspace/hold_errors")"
await_end "$process" || fail "SIGTERM ends a busy daemon once its files are closed"
check_store_exactly "after SIGTERM with open files"
mount_store && same "and what was written then is there" "$(for block in $(seq 7000 7099); do for _ in {1..256}; do echo "$block"; done; done | sha256sum)" \
  "$(grep -oE "[0-9]+" "$mountpoint/open7" | sha256sum)"
unmount_store
finish
