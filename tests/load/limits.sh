#!/usr/bin/env bash
# Limits: more files and directories open than the daemon has descriptors for, listings of very many entries while they
# change, very many links, paths longer than the kernel takes, and many mounts at once, of different stores and of one.
#
#   limits.sh TDEFS [PROGRAMS] [--entries N] [--mounts N]
entries=100000 mounts=100 arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --entries) entries=${2:?} && shift ;;
    --mounts) mounts=${2:?} && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
set -- "${arguments[@]}"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/daemon.sh"
suite="load limits"
here=$(dirname "$(readlink -f "$0")")

# in_mount CASE [NUMBER…]: in a directory of its own.
in_mount() {
  mkdir -p "$mountpoint/$1" && python3 "$here/limits.py" "$1" "$mountpoint/$1" "${@:2}"
}

few_descriptors() {
  new_store few || return
  (ulimit -n 200 && mount_store) || { fail "mount with 200 descriptors"; return; }
  local process
  process=$(daemon)
  check "with 200 descriptors, 600 open files get clean errors and all goes on" in_mount open-files 600
  check "with 200 descriptors, 600 open directories too" in_mount open-directories 600
  check "10000 files can be made and listed one after the other" in_mount listing 10000
  same "it is still the same daemon" "$process" "$(daemon)"
  unmount_store
  check_store_exactly "after running out of descriptors"
}

names_and_links() {
  new_store names && mount_store || return
  check "a listing of $entries entries that change shows each lasting one once" in_mount listing "$entries"
  check "1000 links of a file" in_mount make-links 1000
  check "a path of 8000 bytes" in_mount make-deep 40
  check "a path longer than the dictionary takes is refused" in_mount too-deep
  remount_store || return
  check "1000 links are one file after mounting again" python3 "$here/limits.py" check-links "$mountpoint/make-links" 0 1000
  check "half of them are removed" python3 "$here/limits.py" remove-links "$mountpoint/make-links" 500
  mv "$mountpoint/make-deep" "$mountpoint/moved-deep"
  check "the deep file is the same below another directory" python3 "$here/limits.py" check-deep "$mountpoint/moved-deep" 40
  remount_store || return
  check "the other half is one file" python3 "$here/limits.py" check-links "$mountpoint/make-links" 500 1000
  check "the deep file is the same after mounting again" python3 "$here/limits.py" check-deep "$mountpoint/moved-deep" 40
  check "everything can be removed" rm -rf "$mountpoint/moved-deep" "$mountpoint/too-deep" "$mountpoint/listing" \
    "$mountpoint/make-links"
  read_daemon_figures "$(daemon)" removed
  echo "figures: ${removed:?}"
  unmount_store
  check_store_exactly "after long lists and paths"
}

many_stores() {
  local number failed
  "$tdefs" genkey "$workspace/many.key" >/dev/null 2>&1
  for number in $(seq "$mounts"); do
    mkdir -p "$workspace/many/$number/backing" "$workspace/many/$number/mount"
  done
  # each COMMAND_TEXT: for every store at once, with its directory as $0; the numbers of those that failed.
  each() {
    seq "$mounts" | xargs -P "$mounts" -I{} bash -c "{ $1; } >\"\$0/output\" 2>&1 || echo {}" "$workspace/many/{}" | sort -n
  }
  export tdefs workspace
  failed=$(each '"$tdefs" init "$0/backing" --key-file "$workspace/many.key"')
  same "$mounts stores are made at once" "" "$failed"
  failed=$(each '"$tdefs" mount "$0/backing" "$0/mount" --key-file "$workspace/many.key" && echo "$0" >"$0/mount/name"')
  same "and mounted and written at once" "" "$failed"
  same "all of them are listed" "$mounts" "$("$tdefs" status --json | jq -r '.mounts[].mount_point' | grep -c "^$workspace/many/")"
  failed=$(each '[ "$(cat "$0/mount/name")" = "$0" ] && "$tdefs" umount "$0/mount"')
  same "each holds its own, and they are unmounted at once" "" "$failed"
  failed=$(each '"$tdefs" check "$0/backing" | grep -q "0 defects; last shutdown orderly"')
  same "and all are sound" "" "$failed"
}

# Of many who mount one store, or unmount it, at the same time one wins and the others are told.
one_store_for_many() {
  local turn won told wanted=20
  new_store one || return
  for turn in 1 2 3; do
    for number in $(seq $wanted); do mkdir -p "$workspace/one/mount$number"; done
    seq $wanted | xargs -P $wanted -I{} bash -c \
      '"$0" mount "$1/backing" "$1/mount{}" --key-file "$1/key" >"$1/answer{}" 2>&1 && echo {}' \
      "$tdefs" "$workspace/one" >"$workspace/won"
    won=$(cat "$workspace/won")
    same "turn $turn: one of $wanted mounts of a store wins" 1 "$(wc -w <<<"$won")"
    told=$(grep -l 'in use\|already mounted\|is mounted' "$workspace"/one/answer* | wc -l)
    same "turn $turn: the others are told that it is in use" $((wanted - 1)) "$told"
    mountpoint=$workspace/one/mount$won
    echo "turn $turn" >"$mountpoint/turn$turn"
    local process
    process=$(daemon)
    seq 5 | xargs -P 5 -I{} bash -c '"$0" umount "$1" >/dev/null 2>&1' "$tdefs" "$mountpoint" || true
    check "turn $turn: five who unmount at once end the daemon once" await_end "$process"
    check_store_exactly "turn $turn"
  done
  same "and no descriptor of a loser harmed it" "turn 1 turn 2 turn 3" \
    "$(mount_store && cat "$mountpoint"/turn* | xargs && unmount_store)"
}

few_descriptors
names_and_links
many_stores
one_store_for_many
finish
