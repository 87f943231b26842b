# Stores and mounts for tests of a tdefs binary: each test script is `SCRIPT TDEFS [PROGRAM_DIRECTORY]`.
# Sets `tdefs` and `programs` (the directory of model_test and posix_test).
. "$(dirname "${BASH_SOURCE[0]}")/report.sh"
tdefs=$(readlink -f "${1:?usage: $0 TDEFS [PROGRAM_DIRECTORY]}")
programs=$(readlink -f "${2:-$(dirname "$tdefs")/../tests}")
. "$(dirname "${BASH_SOURCE[0]}")/workspace.sh"

[ -x "$tdefs" ] || { fail "start" "no tdefs binary at $1"; finish; }
if [ ! -c /dev/fuse ]; then skip "all" "no /dev/fuse"; finish; fi

# Makes a store and sets `store` (its directory), `mountpoint` and `key`. Further arguments go to `tdefs init`.
new_store() {  # NAME [ARGUMENT…]
  store=$workspace/$1/backing mountpoint=$workspace/$1/mount key=$workspace/$1/key
  shift
  mkdir -p "$store" "$mountpoint"
  [ -f "$key" ] || "$tdefs" genkey "$key" >/dev/null 2>&1
  "$tdefs" init "$store" --key-file "$key" "$@" >"$workspace/output" 2>&1 || { fail "init of $store" "$(cat "$workspace/output")"; return 1; }
}

mount_store() {  # [ARGUMENT…]
  "$tdefs" mount "$store" "$mountpoint" --key-file "$key" "$@" >"$workspace/output" 2>&1 && mountpoint -q "$mountpoint" && return
  fail "mount of $store $*" "$(cat "$workspace/output")"
  return 1
}

# True while the mount stands in the mount table, whether its daemon lives or not.
is_mounted() { findmnt -n "$mountpoint" >/dev/null; }

# The process that serves the current mount.
daemon() { processes_of "$tdefs" "$store" | head -n 1; }

# Returns when the mount is gone and its daemon has ended.
unmount_store() {
  local process
  process=$(daemon)
  "$tdefs" umount "$mountpoint" >"$workspace/output" 2>&1 || { fail "umount of $mountpoint" "$(cat "$workspace/output")"; return 1; }
  [ -z "$process" ] || await_end "$process" || { fail "end of the daemon" "process $process lives on"; return 1; }
  ! is_mounted || { fail "umount of $mountpoint" "it is still in the mount table"; return 1; }
}

remount_store() { unmount_store && mount_store "$@"; }

# Ends the daemon as a crash would, and detaches what is left of the mount.
crash_daemon() {
  local process
  process=$(daemon)
  [ -n "$process" ] || { fail "crash" "no daemon serves $store"; return 1; }
  kill -9 "$process"
  await_end "$process"
  umount -l "$mountpoint"
}

# check_store NAME: dictionary, tags and files of the unmounted store agree.
check_store() { check "$1: the store is sound" "$tdefs" check "$store"; }

# check_store_exactly NAME: and after this orderly unmount there is not even an entry without a file, so that a removal
# which was not recorded shows.
check_store_exactly() {
  local report
  report=$("$tdefs" check "$store" 2>&1)
  if grep -q ' 0 stale entries, 0 defects; last shutdown orderly' <<<"$report"; then
    ok "$1: the store is sound to the last entry"
  else
    fail "$1: the store is sound to the last entry" "$(tail -n 10 <<<"$report")"
  fi
}

# not_below NAME TEXT: no file of the store holds this text, not even its dictionaries. The store is unmounted or synced.
not_below() {
  local found
  found=$(grep -rlaF -- "$2" "$store")
  if [ -z "$found" ]; then ok "$1: the marker is nowhere in the backing files"; else fail "$1: the marker is nowhere in the backing files" "$found"; fi
}

# A text that occurs nowhere else.
new_marker() { printf 'marker-%s' "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"; }
