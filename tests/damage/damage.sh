#!/usr/bin/env bash
# Stores with one defect each: what a mount answers, what a check answers and with which exit code, and that neither
# writes a byte. Exhaustive over bits and lengths: tests/unit/keys/store_damage_test.cc. What a repair makes of the same
# defects: repair.sh.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/defects.sh"
suite=damage
defects=0

# Mount and check both refuse the store with this exit code and this text, and nothing is written.
refusal() {  # NAME EXIT PATTERN
  local before
  before=$(fingerprint)
  defects=$((defects + 1))
  answers "mount: $1" "$2" "$3" "$tdefs" mount "$store" "$mountpoint" --key-file "$key"
  messages+="$(grep '^error: ' <<<"$said" | sed "s|$store||g")"$'\n'
  answers "check: $1" "$2" "$3" "$tdefs" check "$store" --key-file "$key"
  same "nothing is written: $1" "$before" "$(fingerprint)"
  is_mounted && unmount_store
}

# A check says this and ends with this exit code, without writing.
finding() {  # NAME EXIT PATTERN
  local before
  before=$(fingerprint)
  defects=$((defects + 1))
  answers "check: $1" "$2" "$3" "$tdefs" check "$store" --key-file "$key"
  same "nothing is written by a check: $1" "$before" "$(fingerprint)"
}
# The store mounts; FILE… cannot be read there, and another file can.
unreadable() {  # NAME FILE…
  local name=$1 file
  shift
  mount_store || return
  for file; do refused "mount: $name: $file is an I/O error" 'input/output' cat "$mountpoint/$file"; done
  same "mount: $name: other files are served" "${text[dir/sub/e]}" "$(cat "$mountpoint/dir/sub/e")"
  unmount_store
}

make_good_store || finish
messages=""

# --- key.dict
key_dict_field() { begin "key-$1" && flip "$dict/key.dict" "$2" && refusal "key.dict: $1" "$3" "/key\.dict: .*$4"; }
wrap_end=$(($(od -An -tu2 --endian=big -j 94 -N2 "$good/.tdefs/key.dict") + 96 + 2 + 2 + 60))
key_dict_field magic 3 9 'key dictionary: it is none: magic .*, expected'
key_dict_field "format version" 11 10 'key dictionary: format 0, this build reads 1'
key_dict_field "feature bits" 15 10 'unknown feature bit 0'
key_dict_field "store id" 20 9 'wrap of master key .* not of this store'
key_dict_field generation 39 9 'key dictionary: .*\(bytes 0 to [0-9]+\) do not verify'
key_dict_field "number of wraps" 41 9 '0 wraps, expected 1 to 16 \(read up to offset'
begin key-provider && flip "$dict/key.dict" 57 && refusal "key.dict: provider of a wrap" 12 'does not open this store'
key_dict_field "wrapped root key" $((wrap_end - 30)) 9 'wrap of master key .* it is damaged'
key_dict_field nonce $((wrap_end + 3)) 9 'do not verify'
key_dict_field "size of the payload" $((wrap_end + 15)) 9 'payload at offset [0-9]+ has [0-9]+ bytes, expected [0-9]+'
key_dict_field payload $((wrap_end + 40)) 9 'do not verify'
begin key-empty && cut_to "$dict/key.dict" 0 && refusal "key.dict: empty" 9 'key.dict: key dictionary: it is empty'
begin key-cut && cut_to "$dict/key.dict" 50 && refusal "key.dict: cut" 9 'it ends within its header, .*offset'
begin key-zeros && cut_to "$dict/key.dict" 4096 && refusal "key.dict: zero-filled tail" 9 'has [0-9]+ bytes, expected'
begin key-twice && twice "$dict/key.dict" && refusal "key.dict: twice" 9 'payload at offset'
begin key-other && cp "$workspace/other/.tdefs/key.dict" "$dict/" &&
  refusal "key.dict: another store's" 9 \
    'file.dict: file dictionary: store id at offset 16 is [0-9a-f]+, expected [0-9a-f]+'
begin key-missing && rm "$dict/key.dict" && refusal "key.dict: missing" 11 'key.dict is missing'
begin key-link && mv "$dict/key.dict" "$dict/k" && ln -s k "$dict/key.dict" &&
  refusal "key.dict: a symlink" 9 'not a regular file'
begin both-missing && rm "$dict/key.dict" "$dict/file.dict" && refusal "both dictionaries missing" 11 'holds neither'

# --- file.dict
file_dict_field() { begin "file-$1" && flip "$dict/file.dict" "$2" && refusal "file.dict: $1" "$3" "/file\.dict: .*$4"; }
file_dict_field magic 3 9 'not a file dictionary \(magic [0-9a-f]+ at offset 0, expected 74646566732e6664\)'
file_dict_field "format version" 11 10 'file dictionary: format 0 at offset 8, this build reads 1'
file_dict_field "feature bits" 15 10 'unknown feature bits 0x00000001 at offset 12'
file_dict_field "store id" 20 9 'store id at offset 16 is [0-9a-f]+, expected [0-9a-f]+'
file_dict_field generation 39 9 'header does not verify: the MAC at offset 72'
file_dict_field salt 50 9 'header does not verify'
file_dict_field MAC 80 9 'header does not verify'
for field in "length:107" "number:111" "durable:115" "nonce:120" "body:128" "tag:135"; do
  file_dict_field "first record's ${field%:*}" "${field#*:}" 9 'record 0 at offset 104: .*record 1 at offset 146 does'
done
begin file-length && put_byte "$dict/file.dict" 146 255 &&
  refusal "file.dict: a length that no record has" 9 'record 1 at offset 146: length [0-9]+, at most 65536'
begin file-short && cut_to "$dict/file.dict" 60 &&
  refusal "file.dict: cut in its header" 9 'header is 60 bytes, expected 104'
begin file-twice && twice "$dict/file.dict" && refusal "file.dict: twice" 9 'a second header'
begin file-less && remove_bytes "$dict/file.dict" 104 42 &&
  refusal "file.dict: without a record" 9 'record 0 at offset 104: number 1, expected 0'
begin file-other && cp "$workspace/other/.tdefs/file.dict" "$dict/" &&
  refusal "file.dict: another store's" 9 'store id at offset 16'
begin file-missing && rm "$dict/file.dict" && refusal "file.dict: missing" 11 'file.dict is missing'
begin file-fifo && rm "$dict/file.dict" && mkfifo "$dict/file.dict" &&
  refusal "file.dict: a FIFO" 9 'not a regular file'
says "the hint names the repair" 'check --repair'

# What only ends the log early opens: a torn tail.
begin file-torn && cut_to "$dict/file.dict" $(($(size_of "$dict/file.dict") - 7)) &&
  finding "file.dict: a torn tail" 0 \
    'torn-tail +.tdefs/file.dict +[0-9]+ bytes of an unfinished record at offset [0-9]+'
begin file-zeros && cut_to "$dict/file.dict" $(($(size_of "$dict/file.dict") + 8192)) &&
  finding "file.dict: a zero-filled tail" 0 'torn-tail +.tdefs/file.dict +8192 bytes'
mount_store && same "mount: a zero-filled tail: files are served" "${text[a]}" "$(cat "$mountpoint/a")"
unmount_store && check_store_exactly "after the mount cut the zeros off"
begin file-empty && cut_to "$dict/file.dict" 0 &&
  finding "file.dict: empty" 0 'entry-missing +/a .*the next mount mends this'
mount_store && same "mount: an empty file.dict: files are served" "${text[a]}" "$(cat "$mountpoint/a")"
unmount_store

# Older generations open, and what does not fit them is refused file by file.
begin file-older && cp "$workspace/older/file.dict" "$dict/" &&
  finding "file.dict: an older one" 19 'entry-missing +/new '
unreadable "an older file.dict" new newer
begin key-older && cp "$workspace/older/key.dict" "$dict/" &&
  finding "key.dict: an older one" 19 'data-key-missing +/newer +.*data key [0-9]+'
unreadable "an older key.dict" newer

# --- key file, lock
begin key-file && cp "$key" "$key.good" && rm "$key" && refusal "key file: missing" 4 'does not exist'
printf '%064x\n' 1 >"$key" && chmod 600 "$key" && refusal "key file: another key" 12 'does not open this store'
install -m 600 "$key.good" "$key" && cut_to "$key" 40 && refusal "key file: cut" 4 'key file'
install -m 600 "$key.good" "$key" && chmod 644 "$key" && refusal "key file: mode 0644" 4 '0?644'
install -m 600 "$key.good" "$key"
begin lock && printf '4\nrubbish' >"$dict/lock" && finding "lock: rubbish" 0 ' 0 defects'
mount_store && unmount_store && ok "mount: a lock with rubbish in it means nothing"
begin lock-missing && rm "$dict/lock" && finding "lock: missing" 0 ' 0 defects'
mount_store && unmount_store && ok "mount: a missing lock is made"
begin lock-directory && rm "$dict/lock" && mkdir "$dict/lock" &&
  finding "lock: a directory" 9 '/lock: is not a regular file'
refused "mount: lock: a directory" 'lock' "$tdefs" mount "$store" "$mountpoint" --key-file "$key"

# Each kind of damage of the two dictionaries has its own text.
alike='header does not verify|wrap of master key|does not open this store|do not verify|not a regular file|record 0 at offset 104'
same "distinct messages" "" \
  "$(grep -v '^$' <<<"$messages" | sort | uniq -d | grep -vE "$alike")"

# --- tags
begin tag-removed && setfattr -x "$tag" "$store/b" && finding "a tag removed" 19 'tag-missing +/b ' &&
  unreadable "a tag removed" b
for field in version:1 method:3 flags:7 domain:15 "data key":31 IV:40 MAC:70; do
  begin "tag-${field%:*}" && flip_tag b "${field#*:}" &&
    finding "a tag's ${field%:*} changed" 19 'tag-invalid +/b +tag: its MAC does not verify'
done
unreadable "a tag changed" b
begin tag-short && set_tag b 0102 && finding "a tag cut" 19 'tag-invalid +/b +tag: 2 bytes, expected 48' &&
  unreadable "a tag cut" b
begin tag-copied && set_tag b "$(tag_of a)" && finding "another file's tag" 19 'mismatch +/b +the tag says' &&
  unreadable "another file's tag" b
begin tag-foreign && echo 0123456789 >"$store/planted" && set_tag planted "$(tag_of a)" &&
  finding "a tag on a planted file" 19 'entry-missing +/planted' && unreadable "a tag on a planted file" planted

# --- backing files, behind our back
begin swapped && exchange b dir/c && finding "two files swapped" 19 'mismatch +/dir/c' &&
  unreadable "two files swapped" b dir/c
begin added && echo planted >"$store/dir/planted" &&
  finding "a file added" 19 'foreign +/dir/planted +8 bytes of content' &&
  unreadable "a file added" dir/planted
begin deleted && rm "$store/b" && finding "a file deleted" 0 'stale-entry +/b '
mount_store && refused "mount: a deleted file is not there" 'no such file' cat "$mountpoint/b"
unmount_store
begin renamed && mv "$store/b" "$store/dir/moved" && finding "a file renamed" 19 'entry-missing +/dir/moved' &&
  unreadable "a file renamed" dir/moved
begin linked && ln "$store/b" "$store/dir/second" && finding "a hard link added" 19 'entry-missing +/dir/second'
begin directory && mv "$store/dir/sub" "$store/moved" && finding "a directory renamed" 19 'entry-missing +/moved/e'
begin replaced && rm "$store/b" && mkdir "$store/b" && finding "a directory in place of a file" 0 'stale-entry +/b '

figure damage defects=$defects
finish
