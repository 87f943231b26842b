#!/usr/bin/env bash
# Changes made behind the back of an unmounted store (R2, R6): reported as EIO, never served, never guessed away.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=tampering
tag=user.tdefs

# Every case begins with a clean store of three files.
begin() {
  new_store "$1" && mount_store || return 1
  for name in a b c; do echo "content of $name" >"$mountpoint/$name"; done
  unmount_store
}
tag_of() { getfattr --absolute-names --only-values -n "$tag" "$store/$1" | od -An -v -tx1 | tr -d ' \n'; }
unreadable() { refused "$1 is an I/O error" 'input/output' cat "$mountpoint/$2"; }
served() { same "other files are served: $1" "content of c" "$(cat "$mountpoint/c")"; }
reported() { unmount_store; refused "check reports: $1" . "$tdefs" check "$store"; }

if begin foreign; then
  echo "planted from below" >"$store/planted"
  mount_store && unreadable "a file planted from below" planted && served "beside a planted file"
  reported "a file planted from below"
fi
if begin untagged; then
  setfattr -x "$tag" "$store/a"
  mount_store && unreadable "a file without its tag" a && served "beside a file without its tag"
  reported "a file without its tag"
fi
if begin forged; then
  value=$(tag_of a)
  setfattr -n "$tag" -v "0x${value%??}$(printf '%02x' $((0x${value: -2} ^ 1)))" "$store/a"
  mount_store && unreadable "a file with a damaged tag" a
  reported "a file with a damaged tag"
fi
if begin borrowed; then
  setfattr -n "$tag" -v "0x$(tag_of b)" "$store/a"
  mount_store && unreadable "a file with another file's tag" a
  reported "a file with another file's tag"
fi
if begin swapped; then
  mv "$store/a" "$store/t" && mv "$store/b" "$store/a" && mv "$store/t" "$store/b"
  mount_store && { unreadable "the first of two swapped files" a; unreadable "the second of two swapped files" b; }
  reported "two swapped files"
fi
for dictionary in key.dict file.dict; do
  if begin "flipped-$dictionary"; then
    size=$(stat -c %s "$store/.tdefs/$dictionary")
    byte=$(od -An -tu1 -j $((size / 2)) -N1 "$store/.tdefs/$dictionary" | tr -d ' ')
    printf "\\x$(printf '%02x' $((byte ^ 4)))" | dd of="$store/.tdefs/$dictionary" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
    refused "a flipped bit in $dictionary is refused at the mount" "${dictionary%.dict}|damage|corrupt|verif" \
      "$tdefs" mount "$store" "$mountpoint" --key-file "$key"
    mountpoint -q "$mountpoint" && unmount_store
  fi
  if begin "missing-$dictionary"; then
    mv "$store/.tdefs/$dictionary" "$workspace/"
    before=$(ls -A "$store/.tdefs" | grep -v lock)
    refused "a missing $dictionary is refused at the mount" "${dictionary}|missing" \
      "$tdefs" mount "$store" "$mountpoint" --key-file "$key"
    same "and nothing is written in its place: $dictionary" "$before" "$(ls -A "$store/.tdefs" | grep -v lock)"
    mountpoint -q "$mountpoint" && unmount_store
  fi
done
finish
