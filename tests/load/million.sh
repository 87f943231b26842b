#!/usr/bin/env bash
# Very many small files: made, mounted again, listed, looked at one by one, read in samples and removed. What the store
# and the daemon need for each is bounded, and their descriptors are too.
#
#   million.sh TDEFS [PROGRAMS] [--files N]
files=200000 arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --files) files=${2:?} && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
set -- "${arguments[@]}"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/daemon.sh"
suite="load $files files"

inodes_free=$(df --output=iavail "$workspace" | tail -n 1)
if [ "$inodes_free" -gt 0 ] && [ "$inodes_free" -lt $((files + 10000)) ]; then
  skip "all" "only $inodes_free inodes free"
  finish
fi

# timed NAME COMMAND…: as check, and notes how long it took in `times`.
times=()
timed() {
  local name=$1 begun=$EPOCHREALTIME status
  check "$@"
  status=$?
  times+=("${name// /_}_s=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')")
  return $status
}
in_status() { jq ".dictionary.$1" <<<"$status"; }

# A file's content is its number; 1000 files a directory.
cat >"$workspace/make.py" <<'PYTHON'
import os, sys
root, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(first, last):
    directory = f"{root}/{number // 1000:06}"
    if number % 1000 == 0 or number == first: os.makedirs(directory, exist_ok=True)
    fd = os.open(f"{directory}/file-{number:09}.sst", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, b"%16d" % number)
    os.close(fd)
PYTHON
make_all() {
  local half=$((files / 2000 * 1000)) other status
  python3 "$workspace/make.py" "$mountpoint" 0 "$half" &
  other=$!
  python3 "$workspace/make.py" "$mountpoint" "$half" "$files"
  status=$?
  wait "$other" && return "$status"
}
list_all() { [ "$(find "$mountpoint" -type f | wc -l)" -eq "$files" ]; }
stat_all() { [ "$(find "$mountpoint" -type f -size 16c -perm 644 | wc -l)" -eq "$files" ]; }
read_some() {
  python3 - "$mountpoint" "$files" <<'PYTHON'
import sys
root, files = sys.argv[1], int(sys.argv[2])
for number in range(0, files, 97):
    with open(f"{root}/{number // 1000:06}/file-{number:09}.sst", "rb") as file:
        found = file.read()
    if found != b"%16d" % number: sys.exit(f"file {number} holds {found!r}")
PYTHON
}
remove_all() { rm -r "${mountpoint:?}"/*; }

new_store many || finish
mount_store || finish
read_daemon_figures "$(daemon)" empty
timed "create" make_all || finish
read_daemon_figures "$(daemon)" created
timed "unmount" unmount_store
check_store_exactly "with all files"
timed "mount" mount_store || finish
read_daemon_figures "$(daemon)" mounted
status=$("$tdefs" status "$mountpoint" --json)
same "the dictionary holds every file" "$files" "$(in_status names)"
log_bytes=$(stat -c %s "$store/.tdefs/file.dict") memory_bytes=$(in_status memory_bytes)
timed "find" list_all
timed "stat" stat_all
read_daemon_figures "$(daemon)" listed
timed "read of every 97th file" read_some
timed "rm" remove_all
read_daemon_figures "$(daemon)" removed
same "then the mount is empty" "" "$(ls -A "$mountpoint")"
check "and the dictionary holds no name" [ "$("$tdefs" status "$mountpoint" --json | jq .dictionary.names)" -eq 0 ]

echo "figures: $empty; ${created:?}; ${mounted:?}; ${listed:?}; ${removed:?}"
echo "figures: ${times[*]} log_bytes=$log_bytes memory_bytes=$memory_bytes"
# Bounds are generous: names here are 33 bytes long with their directory.
check "the log takes $((log_bytes / files)) bytes a file" [ "$log_bytes" -le $((files * 160)) ]
check "the dictionary takes $((memory_bytes / files)) bytes of memory a file" [ "$memory_bytes" -le $((files * 150)) ]
check "a mount needs $(((mounted_kib - empty_kib) * 1024 / files)) bytes of memory a file" \
  [ $((mounted_kib - empty_kib)) -le $((65536 + files * 300 / 1024)) ]
check "what the kernel remembers needs $(((listed_kib - mounted_kib) * 1024 / files)) bytes of memory a file" \
  [ $((listed_kib - mounted_kib)) -le $((65536 + files * 1000 / 1024)) ]
check "descriptors are bounded" [ "${listed_fds:?}" -le $((empty_fds + 8192 + 256)) ]
check "threads are bounded" [ "${listed_threads:?}" -le $((empty_threads + 4)) ]
unmount_store
check_store_exactly "after removing all"
figure load_files files="$files" "${times[@]}" log_bytes="$log_bytes" dictionary_memory_bytes="$memory_bytes" \
  mounted_kib="$mounted_kib" listed_kib="$listed_kib" removed_kib="$removed_kib" fds="$listed_fds"
finish
