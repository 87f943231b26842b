#!/usr/bin/env bash
# Makes a store with a fixed example key and prints its bytes, each field with its offset, as docs/format.md shows one run.
# Reads the store with od and openssl alone, so that what the page says is enough to decrypt a store is seen to be enough;
# fails if a MAC or a content does not come out.
#
#   docs/format-example.sh TDEFS        needs root or a user who may mount, /dev/fuse, openssl, getfattr
set -euo pipefail
tdefs=$(readlink -f "${1:?usage: $0 TDEFS}")
work=$(mktemp -d /var/tmp/tdefs-format.XXXXXX)
clean_up() { umount -l "$work/mount" 2>/dev/null || true; rm -rf "$work"; }
trap clean_up EXIT

master_key=$(printf '%02x' {0..31})
kinds=(- insert link remove rename exchange update mark directory "listed file" "shared file" "shared name")

hex() { od -An -v -tx1 | tr -d ' \n'; }
unhex() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }
must() { if [ "$2" = "$3" ]; then echo "$1: as expected"; else echo "$1: found $3, expected $2" && exit 1; fi; }

# hkdf KEY SALT LABEL SIZE: HKDF-SHA256, in and out in hexadecimal, SALT may be empty.
hkdf() {
  openssl kdf -binary -keylen "$4" -kdfopt digest:SHA256 -kdfopt "hexkey:$1" ${2:+-kdfopt "hexsalt:$2"} \
    -kdfopt "hexinfo:$(printf %s "$3" | hex)" HKDF | hex
}
# hmac KEY DATA: HMAC-SHA256.
hmac() { unhex "$2" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary | hex; }
# gcm_open KEY NONCE CIPHERTEXT: what AES-256-GCM encrypted. Its content is counter mode from nonce ‖ 2; the openssl
# program cannot check the tag.
gcm_open() { unhex "$3" | openssl enc -d -aes-256-ctr -K "$1" -iv "${2}00000002" | hex; }

# A cursor over bytes in hexadecimal: `begin` sets it up, `field` prints and takes the next bytes into `value`.
begin() { input=$1 at=0 indent=${2:-}; }
left() { echo $((${#input} / 2 - at)); }
field() {  # SIZE NAME
  local size=$1 name=$2 line
  value=${input:$((2 * at)):$((2 * size))}
  for ((line = 0; line < size; line += 16)); do
    printf '%s%6d  %-48s%s\n' "$indent" $((at + line)) "$(sed 's/../& /g' <<<"${value:$((2 * line)):32}")" "$name" | sed "s/ *$//"
    name=""
  done
  at=$((at + size))
}
number() { printf '%u' "0x$value"; }
blob() {  # BYTES_OF_LENGTH NAME: a length and so many bytes
  field "$1" "length of $2"
  field "$(number)" "$2"
}
text() { blob "$1" "$2"; echo "$indent        $2: \"$(unhex "$value")\""; }

print_key_dictionary() {
  local nonce wraps wrapped key_id i
  begin "$(hex <"$store/.tdefs/key.dict")"
  field 8 'magic "tdefskey"'; field 4 "format version"; field 4 "feature bits"; field 16 "store id"; store_id=$value
  field 8 "generation"; field 2 "number of wraps"; wraps=$(number)
  for ((i = 0; i < wraps; ++i)); do
    field 4 "wrap: key domain"; field 8 "created: $(printf '%(%F %TZ)T' "0x${input:$((2 * at)):16}")"
    text 2 provider; text 2 "key id"; key_id=$(unhex "$value"); text 2 URI; text 2 "key version"
    blob 2 "wrapped root key"; wrapped=$value
  done
  must "key id" "$(hkdf "$master_key" "" "tdefs key id" 16)" "$key_id"
  root_key=$(gcm_open "$(hkdf "$master_key" "" "tdefs wrap 1" 32)" "${wrapped:0:24}" "${wrapped:24:64}")
  field 12 nonce; nonce=$value; field 4 "size of the sealed payload"; field "$(number)" "sealed payload, its last 16 bytes the tag"
  echo "the payload, opened:"
  begin "$(gcm_open "$(hkdf "$root_key" "$store_id" "tdefs key dictionary 1" 32)" "$nonce" "${value:0:-32}")" "  "
  field 8 "current data key id"; field 4 settings; field 32 "dictionary key"; dictionary_key=$value
  field 32 "tag MAC key"; tag_mac_key=$value; field 4 "number of data keys"
  field 8 "data key: id"; field 1 method; field 1 flags; field 4 "key domain"; field 8 created; field "$(left)" key; data_key=$value
}

print_file_record() { field 1 "method"; field 8 "data key id"; field 1 "length of the IV"; [ "$(number)" = 0 ] || field 16 IV; }
print_change() {
  local kind
  field 1 "kind: ${kinds[0x${input:$((2 * at)):2}]}"; kind=$(number)
  case $kind in
    1 | 6) text 2 path; print_file_record ;;
    2 | 4 | 5) text 2 path; text 2 path ;;
    3) text 2 path ;;
    7) field 1 state ;;
    8) field 4 "parent directory"; text 1 name ;;
    9 | 10) field 4 directory; text 1 name; print_file_record ;;
    11) field 4 directory; text 1 name; field 4 "shared file" ;;
  esac
}
print_file_dictionary() {
  local salt nonce length log log_at
  begin "$(hex <"$store/.tdefs/file.dict")"
  field 8 'magic "tdefs.fd"'; field 4 "format version"; field 4 "feature bits"; field 16 "store id"; field 8 generation
  field 32 salt; salt=$value; field 32 "HMAC of bytes 0-71"
  must "header MAC" "$(hmac "$(hkdf "$dictionary_key" "$salt" "tdefs file.dict header 1" 32)" "${input:0:144}")" "$value"
  while [ "$(left)" -gt 0 ]; do
    field 4 "record: length of the body"; length=$(number); field 4 "number"; field 4 "durable"; field 12 nonce; nonce=$value
    field "$length" "body, sealed"; log=$input log_at=$((at))
    begin "$(gcm_open "$(hkdf "$dictionary_key" "$salt" "tdefs file.dict records 1" 32)" "$nonce" "$value")" "                "
    while [ "$(left)" -gt 0 ]; do print_change; done
    begin "$log"; at=$log_at; field 16 tag
  done
}
# print_file NAME CONTENT: its tag, its stored bytes, and whether they decrypt to the content (in hexadecimal).
print_file() {
  local iv stored unit clear=""
  echo "tag:"
  begin "$(getfattr --absolute-names --only-values -n user.tdefs "$store/$1" | hex)" "  "
  field 1 "format version"; field 1 method; field 2 flags; field 4 "key domain"; field 8 "data key id"; field 16 IV; iv=$value
  field 16 MAC
  must "tag's MAC" "$(hmac "$tag_mac_key" "$(printf 'tdefs tag 1' | hex)$store_id${input:0:64}" | head -c 32)" "$value"
  echo "content:"
  stored=$(hex <"$store/$1")
  begin "$stored" "  "
  while [ "$(left)" -gt 0 ]; do
    unit=${input:$((2 * at)):32}
    if [ "$unit" = "$(printf '%032d' 0)" ]; then field 16 "a hole: reads as zeros"; else field $((${#unit} / 2)) "ciphertext"; fi
  done
  clear=$(unhex "$stored" | openssl enc -d -aes-256-ctr -K "$data_key" -iv "$iv" | hex)
  for ((unit = 0; unit + 32 <= ${#stored}; unit += 32)); do
    [ "${stored:$unit:32}" != "$(printf '%032d' 0)" ] || clear=${clear:0:$unit}$(printf '%032d' 0)${clear:$((unit + 32))}
  done
  must "decrypted content" "$2" "$clear"
}

mkdir "$work/store" "$work/mount"
store=$work/store
(umask 077 && echo "$master_key" >"$work/example.key")
"$tdefs" init "$store" --key-file "$work/example.key" >/dev/null
"$tdefs" mount "$store" "$work/mount"
printf 'hello, world\n' >"$work/mount/hello"
mkdir "$work/mount/d"
truncate -s 36 "$work/mount/d/sparse"
printf 'ab' | dd of="$work/mount/d/sparse" bs=1 seek=20 conv=notrunc status=none
ln "$work/mount/hello" "$work/mount/d/link"
mv "$work/mount/d" "$work/mount/e"
"$tdefs" umount "$work/mount"

echo "== .tdefs"; stat -c '%A %6s  %n' "$store"/.tdefs "$store"/.tdefs/* | sed "s|$store/||"
echo "== .tdefs/key.dict"; print_key_dictionary
echo "== .tdefs/file.dict"; print_file_dictionary
echo "== hello"; print_file hello "$(printf 'hello, world\n' | hex)"
echo "== e/sparse"; print_file e/sparse "$(printf '%040d6162%028d' 0 0)"
