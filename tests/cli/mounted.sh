# Part of run.sh: what needs FUSE. Uses the store and the key of offline.sh.
mnt=$workspace/mnt
mkdir "$mnt"
is_mounted() { mountpoint -q "$mnt"; }
options() { findmnt -n -o OPTIONS --mountpoint "$mnt"; }

check "mount returns when the mount answers" t mount "$store" "$mnt" --key-file "$key"
same "mount: source and type" "$store fuse.tdefs" "$(findmnt -n -o SOURCE,FSTYPE --mountpoint "$mnt" | tr -s ' ')"
pid=$(t status "$mnt" --json | value 'd["pid"]')
exits "a second mount is refused with the holder's pid" 8 "process $pid" t mount "$store" "$workspace/inside" --key-file "$key"
echo hello >"$mnt/file" && mkdir "$mnt/dir" && echo other >"$mnt/dir/second"

json "live status" 'd["state"] == "mounted" and d["health"] == "healthy" and d["dictionary"]["names"] >= 2' t status "$mnt" --json
json "live status by the backing directory" "d['mount_point'] == '$mnt'" t status "$store" --json
json "status lists the mount" "'$mnt' in [m['mount_point'] for m in d['mounts']]" t status --json
json "live keys list" 'len(d["keys"]) == 2' t keys list "$mnt" --json
json "live keys rotate" 'd["key_id"]' t keys rotate "$mnt" --json
json "live keys list after it" 'len(d["keys"]) == 3' t keys list "$mnt" --json
json "live files" '{f["path"]: f["method"] for f in d["files"]} == {"/file": "aes256-ctr", "/dir/second": "aes256-ctr"}' \
  t files "$mnt" --json
json "files --path of a directory" '[f["path"] for f in d["files"]] == ["/dir/second"]' t files "$mnt" --path /dir --json
json "files --path of a file" '[f["path"] for f in d["files"]] == ["/file"]' t files "$store" --path /file --json
json "info of a file in the mount" 'd["state"] == "encrypted" and d["path"] == "/file" and d["size_bytes"] == 6' \
  t info "$mnt/file" --json
json "info of a file in the backing directory" 'd["state"] == "encrypted" and d["path"] == "/dir/second"' \
  t info "$store/dir/second" --json
json "info of a directory" 'd["kind"] == "directory"' t info "$mnt/dir" --json
json "info of the mount" "d['kind'] == 'store' and d['mount_point'] == '$mnt'" t info "$mnt" --json
for words in "status $mnt" status "keys list $mnt" "files $mnt" "info $mnt/file"; do check "live: $words" t $words; done
exits "check: not while mounted" 8 "in use by process [0-9]+, mounted at" t check "$store"
same "control socket: mode 0600" 600 "$(stat -c %a "$store/.tdefs/control.sock")"

# --- unmounting
exec 7<"$mnt/file"
exits "umount: busy" 1 "hint: .*fuser" t umount "$mnt"
exec 7<&-
check "umount" t umount "$mnt"
if kill -0 "$pid" 2>/dev/null && ! flock --nonblock "$store/.tdefs/lock" true; then fail "umount waits for the daemon"; fi
check "umount has waited: the store is free" t keys rotate "$store"
json "info without a mount" 'd["state"] == "encrypted"' t info "$store/file" --json
json "check after an orderly end" 'd["clean_shutdown"] and d["defects"] == 0' t check "$store" --json

# --- everything in one file
printf '[store]\nbacking-dir = "%s"\nmount-point = "%s"\n[security.encryption.master-key]\ntype = "file"\npath = "%s"\n' \
  "$store" "$mnt" "$key" >"$toml"
check "mount -c FILE alone" t mount -c "$toml"
same "its content" hello "$(cat "$mnt/file")"

# --- a dead mount is cleared
pid=$(t status "$mnt" --json | value 'd["pid"]')
kill -9 "$pid" && await_end "$pid"
json "status of a dead mount" 'd["state"] == "dead"' t status "$mnt" --json
exits "keys list of a dead mount" 18 "daemon is gone" t keys list "$mnt"
check "mount detaches the dead mount" t mount -c "$toml"
same "its content after the crash" hello "$(cat "$mnt/file")"
same "nothing stays below the new mount" 1 "$(grep -cF " $mnt " /proc/self/mountinfo)"
check "umount after the crash" t umount "$store"

# --- the foreground
"$tdefs" mount -f -c "$toml" </dev/null >"$workspace/foreground" 2>&1 &
foreground=$!
remember_process "$foreground"
until is_mounted || ! kill -0 "$foreground" 2>/dev/null; do :; done
if is_mounted; then ok "mount -f serves"; else fail "mount -f serves" "$(cat "$workspace/foreground")"; fi
check "umount of a foreground mount" t umount "$mnt"
if wait "$foreground"; then ok "mount -f ends with the mount"; else fail "mount -f ends with the mount" "exit code $?"; fi
cat "$workspace/foreground" >>"$transcript"

# --- mount(8); the helper is found in /sbin
helper=/sbin/mount.fuse.tdefs
if [ -e "$helper" ] && [ "$(readlink -f "$helper")" != "$tdefs" ]; then
  skip "mount -t fuse.tdefs" "$helper belongs to another build"
else
  made_helper=""
  [ -e "$helper" ] || { ln -s "$tdefs" "$helper" && made_helper=yes; }
  check "mount -t fuse.tdefs" mount -t fuse.tdefs "$store" "$mnt" -o "key-file=$key,noexec,x-test,nofail"
  same "its content through mount(8)" hello "$(cat "$mnt/file")"
  if [[ ,$(options), == *,noexec,* ]]; then ok "mount(8): noexec"; else fail "mount(8): noexec" "$(options)"; fi
  check "mount -o remount,ro" mount -o remount,ro "$mnt"
  if [[ $(options) == ro* ]] && ! touch "$mnt/refused" 2>/dev/null; then ok "remounted read-only"; else fail "remounted read-only" "$(options)"; fi
  if [[ ,$(options), == *,noexec,* ]]; then ok "remount keeps noexec"; else fail "remount keeps noexec" "$(options)"; fi
  check "mount -o remount,rw" mount -o remount,rw "$mnt"
  if [[ $(options) == rw* ]] && touch "$mnt/accepted"; then ok "remounted read-write"; else fail "remounted read-write" "$(options)"; fi
  exits "mount(8): unknown option" 3 "did you mean .threads." mount -t fuse.tdefs "$store" "$workspace/inside" -o treads=3
  check "umount of what mount(8) mounted" t umount "$mnt"
  check "mount -t fuse.tdefs -o ro" mount -t fuse.tdefs "$store" "$mnt" -o "ro,key-file=$key"
  if ! touch "$mnt/refused" 2>/dev/null; then ok "mounted read-only"; else fail "mounted read-only" "$(options)"; fi
  check "umount of a read-only mount" t umount "$mnt"
  [ -z "$made_helper" ] || rm "$helper"
fi
exits "remount of nothing" 18 "" bash -c "exec -a mount.fuse.tdefs '$tdefs' '$store' '$mnt' -o remount,ro"
