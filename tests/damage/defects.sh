# Stores with one defect each, for the scripts beside this one; to be sourced after tests/lib/store.sh.
tag=user.tdefs
declare -A text=([a]="content of a" [b]="content of b" [dir/c]="content of c" [dir/d]="content of d"
  [dir/sub/e]="content of e")
# Offsets of fields in key.dict and file.dict: docs/format.md.

# Makes the good store that the cases are copies of: three directories, a hard link, an empty and a sparse file.
make_good_store() {
  local name
  new_store good && mount_store || return 1
  mkdir -p "$mountpoint/dir/sub"
  for name in "${!text[@]}"; do echo "${text[$name]}" >"$mountpoint/$name"; done
  ln "$mountpoint/a" "$mountpoint/dir/link"
  : >"$mountpoint/empty"
  truncate -s 100000 "$mountpoint/sparse"
  unmount_store
  good=$store
  # An older generation of the file dictionary: before these two changes.
  mkdir "$workspace/older" && cp -a "$good/.tdefs/." "$workspace/older/"
  mount_store || return 1
  echo "content of new" >"$mountpoint/new" && mv "$mountpoint/sparse" "$mountpoint/dir/sparse"
  "$tdefs" keys rotate "$store" >/dev/null && echo "content of newer" >"$mountpoint/newer"
  unmount_store
  text[new]="content of new" text[newer]="content of newer"
  # Another store under the same master key.
  mkdir -p "$workspace/other" && "$tdefs" init "$workspace/other" --key-file "$key" >/dev/null 2>&1
}

# A fresh copy of the good store; sets `store`.
begin() {  # NAME
  store=$workspace/cases/$1 dict=$workspace/cases/$1/.tdefs
  rm -rf "$store"
  mkdir -p "$workspace/cases" && cp -a "$good" "$store"
}

# --- what is done to a file
byte_at() { od -An -tu1 -j "$2" -N1 "$1" | tr -d ' '; }  # FILE OFFSET
put_byte() {  # FILE OFFSET VALUE
  printf "\\x$(printf '%02x' "$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
flip() { put_byte "$1" "$2" $(($(byte_at "$1" "$2") ^ 1)); }  # FILE OFFSET
cut_to() { truncate -s "$2" "$1"; }                            # FILE SIZE
twice() { cat "$1" "$1" >"$1.two" && mv "$1.two" "$1"; }
remove_bytes() {  # FILE OFFSET COUNT
  { head -c "$2" "$1" && tail -c "+$(($2 + $3 + 1))" "$1"; } >"$1.less" && mv "$1.less" "$1"
}
size_of() { stat -c %s "$1"; }
tag_of() { getfattr --absolute-names --only-values -n "$tag" "$store/$1" | od -An -v -tx1 | tr -d ' \n'; }
set_tag() { setfattr -n "$tag" -v "0x$2" "$store/$1"; }  # FILE HEX
flip_tag() {  # FILE DIGIT
  local value digit
  value=$(tag_of "$1")
  digit=${value:$2:1}
  set_tag "$1" "${value:0:$2}$(printf '%x' $((0x$digit ^ 1)))${value:$(($2 + 1))}"
}
exchange() { mv "$store/$1" "$store/.t" && mv "$store/$2" "$store/$1" && mv "$store/.t" "$store/$2"; }

# Everything in the backing tree: names, types, modes, sizes, times, contents, extended attributes.
fingerprint() {
  (cd "$store" && {
    find . -printf '%P %y %m %s %T@ %C@ %l\n' | sort
    find . -type f -print0 | sort -z | xargs -0 -r sha256sum
    getfattr -R -d -m - -e hex . 2>/dev/null
  }) | sha256sum
}

# answers NAME EXIT PATTERN COMMAND…: the command must end with this code and say that. What it said is in $said.
answers() {
  local name=$1 code=$2 pattern=$3 status
  shift 3
  said=$("$@" 2>&1 </dev/null)
  status=$?
  if [ $status -eq "$code" ] && grep -qE -- "$pattern" <<<"$said"; then ok "$name"; else
    fail "$name" "exit code $status, expected $code and /$pattern/" "$said"
  fi
}
# says NAME PATTERN: the last answer said that, too.
says() { if grep -qE -- "$2" <<<"$said"; then ok "$1"; else fail "$1" "expected /$2/" "$said"; fi; }
