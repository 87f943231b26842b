#!/usr/bin/env bash
# SIGKILL of the daemon under load: programs see ENOTCONN, the store mounts again without help, what was acknowledged is
# there (the backing page cache survives the daemon), and nothing reads as garbage (R5).
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=crash

new_store killed || finish
mount_store || finish
marker=$(new_marker)

# Writes numbered files, renames half of them, and notes each step once it is acknowledged.
load() {  # DIRECTORY LOG
  local number
  for ((number = 0; ; ++number)); do
    { printf '%s %d\n' "$marker" "$number"; head -c $((number * 37 % 9000)) /dev/zero; } >"$1/$number" || return
    if ((number % 2)); then mv "$1/$number" "$1/moved$number" || return; fi
    echo "$number" >>"$2"
  done 2>/dev/null
}

verify() {  # NAME DIRECTORY LOG
  local number file count=0 bad=""
  while read -r number; do
    file=$2/$number
    ((number % 2)) && file=$2/moved$number
    count=$((count + 1))
    cmp -s "$file" <({ printf '%s %d\n' "$marker" "$number"; head -c $((number * 37 % 9000)) /dev/zero; }) || bad+="$file "
  done <"$3"
  if [ "$count" -gt 0 ] && [ -z "$bad" ]; then ok "$1: $count acknowledged files are whole"; else fail "$1: acknowledged files are whole" "$count files, bad: $bad"; fi
}

for round in 1 2 3; do
  mkdir "$mountpoint/round$round"
  load "$mountpoint/round$round" "$workspace/log$round" &
  loader=$!
  # The load itself says when enough is done.
  tail -n +1 -F "$workspace/log$round" 2>/dev/null | head -n $((round * 150)) >/dev/null
  process=$(daemon)
  kill -9 "$process"
  await_end "$process"
  refused "round $round: programs are told that the daemon is gone" 'transport endpoint' ls "$mountpoint"
  await_end $loader
  umount -l "$mountpoint"
  mount_store || finish
  verify "round $round" "$mountpoint/round$round" "$workspace/log$round"
done
check "every file of an unclean store is readable" find "$mountpoint" -type f -exec cat {} +
unmount_store
check_store_exactly "after three crashes"
not_below "after three crashes" "$marker"

mount_store || finish
crash_daemon
check "a mount over a dead mount works by itself" "$tdefs" mount "$store" "$mountpoint" --key-file "$key"
mountpoint -q "$mountpoint" && unmount_store
finish
