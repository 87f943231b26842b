#!/usr/bin/env bash
# Facts of docs/parity.md that no other script shows: what happens behind the mount's back without harm, one key for
# several stores, a store whose key is not there, and that no key or IV gets into a log at its most talkative.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=parity

# A file that was removed below the mount leaves an entry that harms nobody.
new_store stale && mount_store || finish
echo gone >"$mountpoint/gone" && echo kept >"$mountpoint/kept"
unmount_store
rm "$store/gone"
same "check calls an entry without its file stale" 1 "$("$tdefs" check "$store" | grep -c '^stale-entry')"
check_store "with a stale entry"
mount_store
same "beside a stale entry the other files are served" "kept" "$(cat "$mountpoint/kept")"
echo again >"$mountpoint/gone"
remount_store
same "a stale name can be used again" "again" "$(cat "$mountpoint/gone")"

# A subtree that is not there during a mount comes back with its entries.
mkdir "$mountpoint/tree" && echo leaf >"$mountpoint/tree/leaf"
unmount_store
mv "$store/tree" "$workspace/elsewhere"
mount_store && unmount_store
mv "$workspace/elsewhere" "$store/tree"
mount_store
same "a subtree that was away during a mount is readable again" "leaf" "$(cat "$mountpoint/tree/leaf")"
check "a file can be moved out of it" mv "$mountpoint/tree/leaf" "$mountpoint/leaf"
unmount_store
check_store "after the subtree came back"

# One master key for two stores.
first_store=$store first_mountpoint=$mountpoint shared_key=$key
mkdir -p "$workspace/second" && ln "$shared_key" "$workspace/second/key"
new_store second && mount_store || finish
echo second >"$mountpoint/file"
check "a second store of the same key is mounted beside the first" \
  "$tdefs" mount "$first_store" "$first_mountpoint" --key-file "$shared_key"
same "each serves its own" "again second" "$(cat "$first_mountpoint/gone" "$mountpoint/file" | tr '\n' ' ' | sed 's/ $//')"
"$tdefs" umount "$first_mountpoint"
unmount_store

# Without its key a store stays closed, and as it is.
mv "$key" "$key.away"
before=$(find "$store" -type f -exec sha256sum {} +)
refused "a store whose key file is gone is refused, and the file is named" "$key.*does not exist" \
  "$tdefs" mount "$store" "$mountpoint"
same "the refusal changed no file" "$before" "$(find "$store" -type f -exec sha256sum {} +)"
mv "$key.away" "$key"

# At level debug, with names: still no key and no IV.
log=$workspace/debug.log
printf '[log]\nlevel = "debug"\nfile = "%s"\nredact-paths = false\n' "$log" >"$workspace/debug.toml"
mount_store -c "$workspace/debug.toml" || finish
echo one >"$mountpoint/one"
"$tdefs" keys rotate "$mountpoint" >/dev/null
echo two >"$mountpoint/two"
crash_daemon
mount_store -c "$workspace/debug.toml" && cat "$mountpoint"/* >/dev/null
unmount_store
secrets=$(tr -d '\n' <"$key"; for file in one two file; do echo; getfattr --only-values -n user.tdefs "$store/$file" 2>/dev/null |
  od -An -v -tx1 -j16 -N16 | tr -d ' \n'; done)
same "there are four secrets to look for" 4 "$(grep -cE '^[0-9a-f]{32,64}$' <<<"$secrets")"
if [ -s "$log" ] && ! grep -qiF -- "$secrets" "$log"; then ok "a debug log holds neither keys nor IVs"; else fail "a debug log holds neither keys nor IVs" "$(wc -c "$log")"; fi
finish
