#!/usr/bin/env bash
# Disks that are full, out of inodes, or full for one user by a quota (R8): what is there can be read, emptied and removed,
# keys can be rotated or say why not, the dictionary can be compacted or goes on as it is; once there is space again all
# goes on without a mount; and the store mounts and is sound, after an orderly end and after a crash.
#
#   no_space.sh TDEFS [PROGRAMS]
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"

# on_image MEBIBYTES MOUNT_OPTIONS MKFS…: a store on a small filesystem of its own, with a low threshold of compaction.
on_image() {
  local filler mebibytes=$1 options=$2 disk=$workspace/${suite// /-}/disk image=$workspace/${suite// /-}/image
  shift 2
  command -v "$1" >/dev/null || { skip "all" "no $1"; return 1; }
  mkdir -p "$disk" "${disk%/*}/mount"
  truncate -s "${mebibytes}M" "$image"
  if ! "$@" "$image" >"$workspace/output" 2>&1 || ! mount -o "loop$options" "$image" "$disk" 2>"$workspace/output"; then
    skip "all" "$(tail -n 1 "$workspace/output")"
    return 1
  fi
  # 16 MiB of space are left.
  filler=$(($(df --output=avail -B 1M "$disk" | tail -n 1) - 16))
  fallocate -l "${filler}M" "$disk/filler" || return
  store=$disk/backing mountpoint=${disk%/*}/mount key=${disk%/*}/key config=${disk%/*}/config
  mkdir "$store"
  printf '[security.encryption]\nfile-dictionary-rewrite-threshold = 300\n' >"$config"
  "$tdefs" genkey "$key" >/dev/null 2>&1
  "$tdefs" init "$store" --key-file "$key" >/dev/null && mount_store -c "$config"
}
as_user() { if [ -n "${user:-}" ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }

# on_full DIRECTORY VERB: the programs. "make" writes small files until one fails, twenty times; "loop" empties and writes
# each file anew; "keep" compares. Says what is wrong.
cat >"$workspace/on_full.py" <<'PYTHON'
import errno, os, sys
root, verb = sys.argv[1], sys.argv[2]
full = (errno.ENOSPC, errno.EDQUOT)
def content(number): return (b"%15d\n" % number) * (1 + number % 300)
def write(name, number, flags):
    fd = os.open(name, os.O_WRONLY | flags, 0o644)
    try:
        text = content(number)
        if os.write(fd, text) != len(text): raise OSError(errno.ENOSPC, "short")
    finally: os.close(fd)
names = sorted(os.listdir(root), key=int) if os.path.isdir(root) else []
if verb == "make":
    os.makedirs(root, exist_ok=True)
    failed, number = 0, int(names[-1]) + 1 if names else 0
    while failed < 20:
        try: write(f"{root}/{number}", number, os.O_CREAT | os.O_EXCL)
        except OSError as error:
            if error.errno not in full: sys.exit(f"{number}: {error}")
            failed += 1
        number += 1
    print(number)
elif verb == "loop":
    done = refused = 0
    for name in names[:int(sys.argv[3])]:
        try:
            write(f"{root}/{name}", int(name), os.O_TRUNC)
            done += 1
        except OSError as error:
            if error.errno not in full: sys.exit(f"{name}: {error}")
            refused += 1
    print(done, refused)
    if "all" in sys.argv and refused: sys.exit("some were refused")
elif verb == "keep":
    for name in names:
        with open(f"{root}/{name}", "rb") as file: found = file.read()
        if not content(int(name)).startswith(found): sys.exit(f"{name} holds something else")
PYTHON
on_full() { as_user python3 "$workspace/on_full.py" "$mountpoint/files" "$@"; }
status_of() { "$tdefs" status "$mountpoint" --json | jq -r ".$1"; }

# Either it works, or the error names a reason and the old key stays.
rotate_key() {
  local before answer
  before=$(status_of current_key_id)
  if answer=$("$tdefs" keys rotate "$mountpoint" 2>&1); then [ "$(status_of current_key_id)" != "$before" ]
  else grep -qi 'no space\|quota' <<<"$answer" && [ "$(status_of current_key_id)" = "$before" ]; fi
}

# The disk is as full as it gets. Requires: the mount is on, as is `user`.
while_full() {
  local loop made
  made=$(on_full make) && ok "files are made until it is full: $made" || { fail "files are made until it is full" "$made"; return; }
  check "what was written is right" on_full keep
  loop=$(on_full loop 100) && ok "emptying and writing anew gives clean errors: done and refused $loop" ||
    fail "emptying and writing anew gives clean errors" "$loop"
  check "a rotation of the key works or says why not" rotate_key
  check "renaming works" as_user mv "$mountpoint/files/1" "$mountpoint/files/999999" &&
    as_user mv "$mountpoint/files/999999" "$mountpoint/files/1"
  crash_daemon
  mount_store -c "$config" || return
  check "after a crash what was written is right" on_full keep
  check "half of it can be removed" as_user find "$mountpoint/files" -name '*[02468]' -delete
  check "then there is space again without mounting" on_full loop 20 all
  # A disk that was full at the mount may have had no room for the control socket.
  remount_store -c "$config" || return
  check "and a key can be made" "$tdefs" keys rotate "$mountpoint"
  on_full make >/dev/null || fail "it is filled again"
  unmount_store && mount_store -c "$config" || return
  check "full and mounted again, what was written is right" on_full keep
  check "all can be removed" as_user rm -r "$mountpoint/files"
  same "and nothing is left" "" "$(ls -A "$mountpoint")"
  echo "figures: $suite: made $made; failed appends $(status_of dictionary.failed_appends)," \
    "compactions $(status_of dictionary.compactions), failed $(status_of dictionary.failed_compactions)"
  # Without room for a control socket there is no status; what was not recorded would also show in the check below.
  same "every removal was recorded" 0 "$(status_of 'dictionary.failed_appends // 0')"
  check "everything works again, until it is full" on_full make
  unmount_store
  check_store_exactly "at the end"
  figure load_no_space filesystem="${suite// /_}" made="$made"
}

suite="load full ext4"
on_image 48 "" mkfs.ext4 -q -m 0 -N 10000 && while_full
suite="load no inodes ext4"
on_image 48 "" mkfs.ext4 -q -m 0 -N 400 && while_full
suite="load full xfs"
on_image 320 "" mkfs.xfs -q && while_full
suite="load quota xfs"
if on_image 320 ",uquota" mkfs.xfs -q -L quota; then
  user=nobody
  xfs_quota -x -c 'limit -u bhard=4m ihard=3000 nobody' "${store%/*}"
  chown nobody "$mountpoint" && chmod 711 "$store"
  while_full
  user=""
fi
finish
