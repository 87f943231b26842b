#!/usr/bin/env bash
# A mount whose daemon was killed: programs get ENOTCONN, every command says what is the matter and none of them hangs,
# and the next mount or umount clears it, also while programs still hold files open there.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/defects.sh"
suite=dead_mount

new_store one && mount_store || finish
echo "first text" >"$mountpoint/file"

# Ends the daemon and leaves the mount standing.
kill_daemon() {
  local process
  process=$(daemon)
  kill -9 "$process" && await_end "$process"
}
served() { same "$1: the store is served again" "first text" "$(cat "$mountpoint/file")"; }

# A program that stays in the mount with a file open.
holder() {
  exec 8>"$mountpoint/held" && cd "$mountpoint"
}

kill_daemon
refused "reading is ENOTCONN" 'transport endpoint' cat "$mountpoint/file"
refused "writing is ENOTCONN" 'transport endpoint' sh -c "echo x >'$mountpoint/new'"
for place in "$mountpoint" "$store"; do
  where=$(basename "$place")
  answers "status of $where says dead" 0 'state +dead' "$tdefs" status "$place"
  answers "status of $where as JSON" 0 '"state": "dead"' "$tdefs" status --json "$place"
  answers "keys list of $where says how to go on" 18 'hint: .*tdefs umount MOUNTPOINT' "$tdefs" keys list "$place"
  answers "check of $where looks at the store" 0 ' 0 defects; last shutdown not orderly' "$tdefs" check "$place"
done
answers "status of all mounts names it" 0 "mount point +$mountpoint" "$tdefs" status
answers "umount clears it" 0 'its daemon was gone' "$tdefs" umount "$mountpoint"
if is_mounted; then fail "then it is no mount any more"; else ok "then it is no mount any more"; fi
mount_store && served "after umount"

kill_daemon
answers "umount takes the backing directory as well" 0 'its daemon was gone' "$tdefs" umount "$store"
mount_store && served "after umount of the backing directory"

kill_daemon
answers "the next mount clears it" 0 'detaching a mount whose daemon is gone' "$tdefs" mount "$store" "$mountpoint" \
  --key-file "$key"
served "after the next mount"

# A mount point with a program in it is busy, but there is nothing to wait for.
hold() { exec 8>"$mountpoint/held" && cd "$mountpoint" || fail "holding the mount"; }
let_go() { cd / && exec 8>&-; }
hold
kill_daemon
answers "umount clears a dead mount that is in use" 0 'its daemon was gone' "$tdefs" umount "$mountpoint"
if is_mounted; then fail "it is gone from the mount table"; else ok "it is gone from the mount table"; fi
mount_store && served "beside a program that holds the dead mount"
let_go
hold
kill_daemon
mount_store && served "over a dead mount that is in use"
let_go

# A live mount that is in use stays.
exec 9>"$mountpoint/held"
answers "umount of a live mount that is in use is refused" 1 'busy' "$tdefs" umount "$mountpoint"
exec 9>&-
unmount_store
check_store "after all of it"

# Two dead mounts on one mount point.
mount_store || finish
kill_daemon
mkdir "$workspace/second" && "$tdefs" init "$workspace/second" --key-file "$key" >/dev/null 2>&1
umount -l "$mountpoint" && mount_store && kill_daemon
answers "another store mounts over a dead one" 0 'detaching' "$tdefs" mount "$workspace/second" "$mountpoint" \
  --key-file "$key"
same "and it is that one" "$workspace/second" "$(findmnt -n -o SOURCE "$mountpoint")"
store=$workspace/second
unmount_store
finish
