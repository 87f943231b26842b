#!/usr/bin/env bash
# tdefs check --repair: for each defect that can be decided, the repair leaves a store that a check finds sound, that
# mounts, and in which every file reads as before; for the others it says why it leaves them. And consent, the lock, the
# copy.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/defects.sh"
suite=repair
repairs=0

make_good_store || finish

repair() { "$tdefs" check --repair --yes --key-file "$key" "$@" "$store"; }

# Each file of the good store, by the paths it has now: PATH or PATH=WAS for one that was moved.
readable() {  # NAME PATH…
  local name=$1 path bad=""
  shift
  mount_store || return
  for path; do
    [ "$(cat "$mountpoint/${path%=*}" 2>&1)" = "${text[${path#*=}]}" ] || bad+="$path "
  done
  [ "$(stat -c %s "$mountpoint"/{empty,dir/sparse} | tr '\n' ' ')" = "0 100000 " ] || bad+="empty or dir/sparse "
  cmp -s "$mountpoint/a" "$mountpoint/dir/link" || bad+="dir/link "
  echo more >>"$mountpoint/a" || bad+="appending to a "
  unmount_store
  if [ -z "$bad" ]; then ok "$name: every file is readable"; else fail "$name: every file is readable" "$bad"; fi
}
all=(a b dir/c dir/d dir/sub/e new newer)

# The repair does this, a check is content, a second repair finds nothing to do, all files are readable.
mended() {  # NAME PATTERN [OPTION…] -- PATH…
  local name=$1 pattern=$2 options=() before
  shift 2
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  repairs=$((repairs + 1))
  answers "$name: repaired" 0 "$pattern" repair "${options[@]}"
  answers "$name: the check is content" 0 ' 0 stale entries, 0 defects; last shutdown orderly' "$tdefs" check "$store"
  before=$(fingerprint)
  answers "$name: then there is nothing to do" 0 'plan: nothing to do' repair
  same "$name: and nothing is written" "$before" "$(fingerprint)"
  readable "$name" "$@"
}

# The repair leaves the defect, says why, and writes nothing.
left() {  # NAME PATTERN [OPTION…]
  local name=$1 pattern=$2 before
  shift 2
  before=$(fingerprint)
  answers "$name: left alone, with the reason" 19 "$pattern" repair "$@"
  same "$name: nothing is written" "$before" "$(fingerprint)"
}
# The repair cannot begin: this exit code and text, and nothing is written.
refusal() {  # NAME EXIT PATTERN
  local before
  before=$(fingerprint)
  answers "$1: refused" "$2" "$3" repair
  same "$1: nothing is written" "$before" "$(fingerprint)"
}

# --- the file dictionary
rebuilt='plan: 1 rebuild-dictionary, [0-9]+ adopt'
begin file-missing && rm "$dict/file.dict" && mended "file.dict missing" "$rebuilt" -- "${all[@]}"
for damage in "magic:3" "store id:20" "salt:50" "MAC:80" "first record:130" "a record in the middle:300"; do
  begin "file-${damage%:*}" && flip "$dict/file.dict" "${damage#*:}" && cp "$dict/file.dict" "$workspace/damaged"
  mended "file.dict damaged in its ${damage%:*}" "$rebuilt" -- "${all[@]}"
  check "file.dict damaged in its ${damage%:*}: the damaged one is kept" cmp "$workspace/damaged" \
    "$dict"/repair-*/file.dict
done
begin file-short && cut_to "$dict/file.dict" 60 && mended "file.dict cut in its header" "$rebuilt" -- "${all[@]}"
begin file-empty && cut_to "$dict/file.dict" 0 && mended "file.dict empty" 'plan: [0-9]+ adopt' -- "${all[@]}"
begin file-twice && twice "$dict/file.dict" && mended "file.dict twice" "$rebuilt" -- "${all[@]}"
begin file-other && cp "$workspace/other/.tdefs/file.dict" "$dict/" &&
  mended "another store's file.dict" "$rebuilt" -- "${all[@]}"
begin file-fifo && rm "$dict/file.dict" && mkfifo "$dict/file.dict" &&
  mended "a FIFO as file.dict" "$rebuilt" -- "${all[@]}"
begin file-torn && cut_to "$dict/file.dict" $(($(size_of "$dict/file.dict") - 7)) &&
  mended "a torn tail" 'plan: 1 cut-tail;' -- "${all[@]}"
begin file-zeros && cut_to "$dict/file.dict" $(($(size_of "$dict/file.dict") + 8192)) &&
  mended "a zero-filled tail" 'plan: 1 cut-tail;' -- "${all[@]}"
begin file-older && cp "$workspace/older/file.dict" "$dict/" &&
  mended "an older file.dict" 'plan: 3 adopt, 1 drop-entry;' -- "${all[@]}"
begin file-version && flip "$dict/file.dict" 11 && refusal "file.dict of another version" 10 'format 0 at offset 8'

# --- the key dictionary cannot be made anew
begin key-missing && rm "$dict/key.dict" && refusal "key.dict missing" 11 'key.dict is missing'
begin key-payload && flip "$dict/key.dict" $(($(size_of "$dict/key.dict") - 5)) &&
  refusal "key.dict damaged" 9 'do not verify'
begin key-other && cp "$workspace/other/.tdefs/key.dict" "$dict/" &&
  refusal "another store's key.dict" 14 'none of the [0-9]+ tags verifies under this key.dict'
begin key-older && cp "$workspace/older/key.dict" "$dict/" &&
  left "an older key.dict" 'left: data-key-missing +/newer .*newer key.dict'

# --- tags
begin tag-removed && setfattr -x "$tag" "$store/b" && mended "a tag removed" 'restore-tag +/b ' -- "${all[@]}"
check "a tag removed: the copy tells" grep -qx '# file: b' "$dict"/repair-*/tags
begin tag-changed && flip_tag b 40 && before=$(tag_of b)
mended "a tag changed" 'restore-tag +/b ' -- "${all[@]}"
check "a tag changed: the copy can be put back" env -C "$store" setfattr --restore="$(echo "$dict"/repair-*/tags)"
same "a tag changed: and then it is as before" "$before" "$(tag_of b)"
begin tag-short && set_tag dir/c 01 && mended "a tag cut" 'restore-tag +/dir/c ' -- "${all[@]}"
begin tag-link && setfattr -x "$tag" "$store/a" &&
  mended "the tag of a file with two names removed" 'plan: 2 restore-tag' -- "${all[@]}"
begin tag-copied && set_tag b "$(tag_of dir/c)" &&
  left "another file's tag" 'left: mismatch +/b .*--trust tags or --trust dictionary'
mended "another file's tag, the dictionary trusted" 'restore-tag +/b ' --trust dictionary -- "${all[@]}"
begin tag-lost && setfattr -x "$tag" "$store/b" && rm "$dict/file.dict"
answers "tag and dictionary lost: said" 19 'left: foreign +/b .*the dictionary that could tell its record is lost' \
  repair
readable "tag and dictionary lost: the others" a dir/c dir/d dir/sub/e new newer

# --- backing files
begin renamed && mv "$store/b" "$store/dir/moved" &&
  mended "a file renamed" 'adopt +/dir/moved .*it was /b' -- dir/moved=b a dir/c
begin directory && mv "$store/dir/sub" "$store/moved" &&
  mended "a directory renamed" 'plan: 1 adopt, 1 drop-entry' -- moved/e=dir/sub/e a b
begin linked && ln "$store/b" "$store/dir/second" &&
  mended "a hard link added" 'adopt +/dir/second .*a hard link of /b' -- b dir/second=b
begin deleted && rm "$store/b" && mended "a file deleted" 'drop-entry +/b ' -- a dir/c
begin replaced && rm "$store/b" && mkdir "$store/b" &&
  mended "a directory in place of a file" 'drop-entry +/b ' -- a dir/c
begin swapped && exchange b dir/c && left "two files swapped" 'left: mismatch +/dir/c'
mended "two files swapped, tags trusted" 'plan: 2 set-entry' --trust tags -- b=dir/c dir/c=b a
begin added && echo planted >"$store/dir/planted" &&
  left "a file added" 'left: foreign +/dir/planted .*copy it in through the mount'
begin copied && cp -a "$store/b" "$store/copy" &&
  left "a file copied" 'left: entry-missing +/copy .*/b has the same tag'
mended "a file copied, tags trusted" 'adopt +/copy' --trust tags -- copy=b "${all[@]}"

# --- after a crash tags decide, as at a mount
begin killed && mount_store && echo "content of killed" >"$mountpoint/killed" && crash_daemon
text[killed]="content of killed"
answers "killed: nothing to do" 0 'plan: nothing to do' repair
setfattr -x "$tag" "$store/b" && left "killed, and a tag removed" 'left: tag-missing +/b .*not orderly'
mended "killed, and a tag removed, the dictionary trusted" 'restore-tag +/b ' --trust dictionary -- "${all[@]}" killed

# --- a subtree on a filesystem that is not mounted
begin elsewhere
truncate -s 16M "$workspace/elsewhere.img" && mkfs.ext4 -qF "$workspace/elsewhere.img" >/dev/null 2>&1
if mkdir "$store/far" && mount -o loop "$workspace/elsewhere.img" "$store/far" 2>/dev/null; then
  mount_store && mkdir "$mountpoint/far/sub" && echo "content of far" >"$mountpoint/far/sub/file"
  unmount_store
  umount "$store/far"
  answers "a filesystem not mounted keeps its entries" 0 'kept: 1 entries below /far: .*--drop-missing /far' repair
  rm "$dict/file.dict"
  answers "the dictionary is made anew without it" 0 "$rebuilt" repair
  mount -o loop "$workspace/elsewhere.img" "$store/far"
  text[far/sub/file]="content of far"
  mended "the filesystem mounted again" 'adopt +/far/sub/file' -- far/sub/file "${all[@]}"
  umount "$store/far"
  answers "--drop-missing drops them" 0 'drop-entry +/far/sub/file .*--drop-missing names /far' repair \
    --drop-missing /far
  check_store_exactly "--drop-missing"
else
  skip "a filesystem that is not mounted" "no loop device"
fi

# --- consent, the lock
begin consent && setfattr -x "$tag" "$store/b" && before=$(fingerprint)
answers "without a terminal the plan is shown, not done" 26 'plan: 1 restore-tag' "$tdefs" check --repair "$store"
says "and --yes is named" 'hint: .*--yes'
json=$("$tdefs" check --repair --json "$store" 2>/dev/null)
same "the plan as JSON" 'restore-tag /b False' "$(python3 -c 'import json, sys
report = json.load(sys.stdin)
print(report["plan"]["actions"][0]["action"], report["plan"]["actions"][0]["path"], report["done"])' <<<"$json")"
said=$(script -qec "$tdefs check --repair $store" /dev/null <<<n 2>&1)
says "on a terminal it asks" 'Do this'
same "none of that wrote anything" "$before" "$(fingerprint)"
said=$(script -qec "$tdefs check --repair $store" /dev/null <<<y 2>&1)
says "on a terminal y is consent" ' 0 defects'
for words in "--yes" "--trust tags" "--drop-missing /x"; do
  answers "check $words needs --repair" 2 'go with --repair' "$tdefs" check $words "$store"
done
answers "--trust luck is refused" 2 'expected tags or dictionary' repair --trust luck

mount_store || finish
for words in "" "--repair --yes"; do
  answers "check $words of a mounted store names process and mount point" 8 \
    "in use by process $(daemon), mounted at $mountpoint" "$tdefs" check $words "$store"
  answers "check $words of a mount point" 8 "in use by process" "$tdefs" check $words "$mountpoint"
done
same "and the mount serves on" "${text[a]}" "$(cat "$mountpoint/a")"
unmount_store

figure repair repairs=$repairs
finish
