#!/usr/bin/env bash
# The five methods on live data: all 25 transitions, files that stay readable, key rotation, and plaintext that was there
# before tdefs (import).
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=methods
methods=(plaintext aes128-ctr aes192-ctr aes256-ctr sm4-ctr)
marker=$(new_marker)

# content NUMBER: what the file of this number holds.
content() { printf '%s of file %s\n' "$marker" "$1"; seq "$1" $(($1 + 3000)); }

# method_of NAME: what tdefs says about a file of the mount.
method_of() { "$tdefs" files "$mountpoint" --path "/$1" | awk -F'\t' '{print $2}'; }

new_store transitions --method aes256-ctr || finish
number=0
for from in "${methods[@]}"; do
  for to in "${methods[@]}"; do
    name=$from-$to
    mount_store -o "method=$from" || continue
    content $((++number)) >"$mountpoint/$name"
    remount_store -o "method=$to" || continue
    first=$(method_of "$name")
    printf 'appended\n' >>"$mountpoint/$name"
    content $number >"$mountpoint/$name.new"
    second=$(method_of "$name.new")
    unmount_store && mount_store || continue
    if cmp -s "$mountpoint/$name" <(content $number; echo appended) && cmp -s "$mountpoint/$name.new" <(content $number) &&
      [ "$first" = "$from" ] && [ "$second" = "$to" ]; then
      ok "$from → $to"
    else
      fail "$from → $to" "old file is $first, new file is $second"
    fi
    unmount_store
  done
done
mount_store || finish
number=0 bad=""
for from in "${methods[@]}"; do
  for to in "${methods[@]}"; do
    number=$((number + 1))
    cmp -s "$mountpoint/$from-$to" <(content $number; echo appended) || bad+="$from-$to "
  done
done
same "after all 25 transitions every file is whole" "" "$bad"

mkdir "$workspace/plain"
content 7 >"$mountpoint/turned"
check "a key is rotated while files are open" "$tdefs" keys rotate "$mountpoint"
content 8 >"$mountpoint/after-rotation"
key_of() { "$tdefs" files "$mountpoint" --path "/$1" --json | grep -oE '"key_id": *"?[0-9a-f]+' | head -n 1; }
if [ "$(key_of turned)" != "$(key_of after-rotation)" ]; then ok "new files take the new key"; else fail "new files take the new key" "$(key_of turned)"; fi
remount_store
check "files of the old key stay readable" cmp "$mountpoint/turned" <(content 7)
check "files of the new key are readable" cmp "$mountpoint/after-rotation" <(content 8)

rm -rf "${mountpoint:?}"/*
for from in "${methods[@]:1}"; do
  remount_store -o "method=$from"
  content 1 >"$mountpoint/$from"
done
unmount_store
not_below "the four encrypting methods" "$marker"
check_store_exactly "after all"

# A directory that held files before.
suite=import
store=$workspace/import/backing
mkdir -p "$store/dir"
content 1 >"$store/dir/old"
cp -p "$store/dir/old" "$store/dir/linked.tmp" && ln "$store/dir/old" "$store/dir/linked"
ln -s dir/old "$store/symlink"
: >"$store/empty"
"$tdefs" genkey "$workspace/import/key" >/dev/null 2>&1
refused "init refuses a directory with files" 'import' "$tdefs" init "$store" --key-file "$workspace/import/key"
new_store import --import || finish
mount_store || finish
check "imported files are readable" cmp "$mountpoint/symlink" <(content 1)
same "imported files are called plaintext" plaintext "$(method_of dir/old)"
content 2 >"$mountpoint/new"
same "new files are encrypted" aes256-ctr "$(method_of new)"
echo more >>"$mountpoint/dir/old"
check "imported files take writes" cmp "$mountpoint/dir/linked" <(content 1; echo more)
content 3 >"$mountpoint/dir/old"
same "truncated files are encrypted from then on" aes256-ctr "$(method_of dir/old)"
remount_store
check "all of it survives a remount" cmp "$mountpoint/dir/linked" <(content 3)
rm "$mountpoint/dir/linked.tmp"
unmount_store
check_store_exactly "after the import"
not_below "once every imported file is rewritten" "$marker"
finish
