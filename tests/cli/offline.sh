# Part of run.sh: everything that needs no mount.
key=$workspace/good.key store=$workspace/store
mkdir "$store"

# --- genkey
check "genkey makes a key" t genkey "$key"
same "genkey: mode 0600" 600 "$(stat -c %a "$key")"
same "genkey: 64 hexadecimal digits and a newline" "65 1" "$(wc -c <"$key") $(grep -cxE '[0-9a-f]{64}' "$key")"
before=$(sha256sum "$key")
exits "genkey never overwrites" 4 "exist" t genkey "$key"
same "genkey left the key alone" "$before" "$(sha256sum "$key")"

# --- each defect of a key file has its own text
digits=$(printf 'a1%.0s' {1..32})
bad=$workspace/bad
mkdir -m 700 "$bad"
defect() {  # NAME PATTERN, after making $bad/key
  exits "key file: $1" 4 "$2" t init "$store" --key-file "$bad/key"
  t init "$store" --key-file "$bad/key" 2>&1 | grep '^error: ' >>"$workspace/defects"
  rm -rf "$bad/key"
}
content() { printf "$1" >"$bad/key" && chmod 600 "$bad/key"; }
defect "missing" "o such file|missing|does not exist|not there"
mkdir -m 600 "$bad/key"; defect "directory" "directory"
mkfifo -m 600 "$bad/key"; defect "FIFO" "FIFO|pipe"
ln -s "$key" "$bad/key"; defect "symlink" "symlink|symbolic"
content "$digits\n"; chmod 644 "$bad/key"; defect "mode 0644" "0?644"
content "$digits\n"; chmod 640 "$bad/key"; defect "mode 0640" "0?640"
content "$digits\n"; chown 1 "$bad/key"; defect "another's file" "own"
content ""; defect "empty" "empty"
content "${digits:1}\n"; defect "63 digits" "63"
content "${digits}a\n"; defect "65 digits" "65"
content "$digits\r\n"; defect "CRLF" "CR|carriage"
content "$digits"; defect "no newline" "newline"
content "${digits:0:63}g\n"; defect "not hexadecimal" "hex"
content "$(printf '0%.0s' {1..64})\n"; defect "all zeros" "zero"
same "key file: each defect has a text of its own" "" "$(sort "$workspace/defects" | uniq -d)"

# --- init
unset -f defect content
exits "init: relative directory" 5 "absolute" t init relative --key-file "$key"
exits "init: relative key file" 5 "absolute" t init "$store" --key-file good.key
exits "init: no directory" 1 "No such file" t init "$workspace/none" --key-file "$key"
exits "init: nothing named" 2 "backing directory" t init
exits "init: no master key" 20 "" t init "$store"
exits "init: unknown method" 3 "expected one of.*sm4-ctr" t init "$store" --key-file "$key" --method aes
same "init: refusals leave the directory empty" "" "$(ls -A "$store")"
mkdir "$workspace/full" && echo content >"$workspace/full/file"
exits "init: files are there" 7 "not empty.*file" t init "$workspace/full" --key-file "$key"
mkdir "$workspace/inside" && cp -p "$key" "$workspace/inside/key"
exits "init: key file inside the store" 5 "inside" t init "$workspace/inside" --import --key-file "$workspace/inside/key"
check "init makes a store" t init "$store" --key-file "$key"
exits "init: a store is there" 7 "already" t init "$store" --key-file "$key"
exits "init --import: a store is there" 7 "already" t init "$store" --key-file "$key" --import
check "init --import takes files in" t init "$workspace/full" --import --key-file "$key"
json "files: an imported file is plaintext" \
  '[(f["path"], f["method"], f["key_id"]) for f in d["files"]] == [("/file", "plaintext", None)]' \
  t files "$workspace/full" --json
json "info: an imported file is plaintext" 'd["state"] == "plaintext" and d["size_bytes"] == 8' \
  t info "$workspace/full/file" --json
mkdir "$workspace/plain"
check "init --method plaintext needs no key" t init "$workspace/plain" --method plaintext

# --- documents of a store that is not mounted
json "status" 'd["state"] == "unmounted" and d["master_keys"][0]["provider"] == "file"' t status "$store" --json
json "info of a store" 'd["kind"] == "store" and len(d["store_id"]) == 32' t info "$store" --json
json "keys list" 'len(d["keys"]) == 1 and d["keys"][0]["method"] == "aes256-ctr" and d["keys"][0]["current"]' \
  t keys list "$store" --json
first=$(t keys list "$store" --json | value 'd["current_key_id"]')
json "keys rotate" "d['key_id'] != '$first'" t keys rotate "$store" --json
json "keys list after it" "len(d['keys']) == 2 and d['current_key_id'] != '$first'" t keys list "$store" --json
json "files of an empty store" 'd["files"] == []' t files "$store" --json
json "check of an empty store" 'd["defects"] == 0 and d["findings"] == []' t check "$store" --json
json "version" 'd["formats"]["key.dict"] == 1 and "OpenSSL" in d["libraries"]["crypto"]' t version --json
json "status of all mounts" 'isinstance(d["mounts"], list)' t status --json
for words in "status $store" "info $store" "keys list $store" "files $store" "check $store" version; do
  check "$words" t $words
done

# --- check finds what is wrong
echo stranger >"$store/stranger"
exits "check: a foreign file, exit code 19" 19 "stranger" t check "$store"
rm "$store/stranger"

# --- wrong keys, other directories
check "another key" t genkey "$workspace/other.key"
exits "wrong key" 12 "" t keys list "$store" --key-file "$workspace/other.key"
exits "not a store" 6 "" t keys list "$workspace/bad"
exits "info: outside any store" 6 "" t info "$key"
exits "umount: no mount" 18 "no tdefs mount" t umount "$store"
exits "status: no such path" 1 "No such file" t status "$workspace/none"

# --- damage
cp -a "$store" "$workspace/damaged"
rm "$workspace/damaged/.tdefs/file.dict"
exits "a dictionary is missing" 11 "file.dict" t keys list "$workspace/damaged"
cp "$store/.tdefs/file.dict" "$workspace/damaged/.tdefs/" && printf 'X' | dd of="$workspace/damaged/.tdefs/key.dict" conv=notrunc status=none
exits "key.dict is damaged" 9 "key.dict" t keys list "$workspace/damaged"

# --- configuration
toml=$workspace/tdefs.toml
printf '[mount]\ntreads = 4\n' >"$toml"
exits "configuration: unknown key" 3 "tdefs.toml:2:1: treads: unknown key in \[mount\]; did you mean .threads." t mount -c "$toml"
printf '[store]\nbacking-dir = "store"\n' >"$toml"
exits "configuration: relative path" 3 "tdefs.toml:2:1: backing-dir.*absolute" t mount -c "$toml"
printf '[security.encryption.master-key]\ntype = "kms"\n' >"$toml"
exits "configuration: kms" 3 "not in this build yet" t mount -c "$toml"
exits "configuration: missing file" 3 "No such file" t mount -c "$workspace/none.toml"
exits "mount option: unknown" 3 "did you mean .threads." t mount "$store" "$workspace" -o treads=4
exits "mount: no mount point" 2 "mount-point" t mount "$store"
exits "mount: point inside the store" 5 "inside" t mount "$store" "$store/.tdefs"
exits "mount: point contains the store" 5 "contains" t mount "$store" "$workspace"
exits "mount: point is the store" 5 "same" t mount "$store" "$store"
exits "mount: relative directories" 5 "absolute" t mount store mount

# --- usage and exit codes
exits "usage: no command" 2 "hint: tdefs --help" t
exits "usage: unknown command" 2 "" t frobnicate
exits "usage: unknown option" 2 "" t status --frobnicate
for command in "" genkey init mount umount status keys "keys list" files info check speed version; do
  check "help of ${command:-tdefs}" t $command --help
done
table_in_source=$(sed -n 's/^ *{"\([a-z_]*\)", E[A-Z]*, \([0-9]*\), ".*/\2 \1/p' "$here/../../base/error.cc")
same "help exit-codes is the table of the source" "0 ok
$table_in_source" "$(t help exit-codes | awk '{print $1, $2}')"
