#!/usr/bin/env bash
# Many threads create, write, sync, rename, link and remove while data keys rotate every second and the dictionary is
# compacted: no deadlock, no wrong content, each file under the key it was created with, and nothing leaks.
#
#   threads.sh TDEFS [PROGRAMS] [--seconds N] [--threads N] [--seed N] [-o MOUNT_OPTIONS]
#
# With a TDEFS that was built with ThreadSanitizer (TSAN_OPTIONS=log_path=…) its reports are failures.
seconds=120 threads=64 seed=$RANDOM options=() arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?} && shift ;;
    --threads) threads=${2:?} && shift ;;
    --seed) seed=${2:?} && shift ;;
    -o) options=(-o "${2:?}") && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
set -- "${arguments[@]}"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/daemon.sh"
suite="load threads${options[*]:+ ${options[*]}}"
stress=$programs/stress_workload
[ -x "$stress" ] || { fail "start" "no $stress"; finish; }
export TSAN_OPTIONS="log_path=$workspace/tsan halt_on_error=0 ${TSAN_OPTIONS:-}"

new_store stress || finish
config=$workspace/stress.toml rotations=$workspace/rotations answers=$workspace/answers
printf '[security.encryption]\nfile-dictionary-rewrite-threshold = 500\n' >"$config"
mount_store -c "$config" "${options[@]}" || finish
process=$(daemon)
read_daemon_figures "$process" before

# One line a key: when its making began, when it had ended, its id.
note_key() { printf '%s %s %s\n' "${1/./}" "${EPOCHREALTIME/./}" "$2" >>"$rotations"; }
note_key 0 "$("$tdefs" status "$mountpoint" --json | jq -r .current_key_id)"
rotate_key() {
  local begun=$EPOCHREALTIME id
  id=$("$tdefs" keys rotate "$mountpoint" --json 2>>"$workspace/rotate_errors" | jq -r .key_id)
  if [ -n "$id" ]; then note_key "$begun" "$id"; else echo "no key" >>"$workspace/rotate_errors"; fi
}

# What the load says, until it says a certain word; a key is made at each tick.
follow_load() {  # LAST_WORD
  local word rest
  while read -r word rest <&"$from_load"; do
    case $word in
      tick) [ -n "$stalled" ] || rotate_key ;;
      bad) bad+="$rest"$'\n' ;;
      stalled)
        stalled=$rest
        fail "the daemon serves on (seed $seed)" "deadlock: thread $rest"
        show_stacks "$process"
        crash_daemon ;;
      file) echo "$rest" >>"$answers" ;;
    esac
    [ "$word" != "$1" ] || { last_line=$rest && return 0; }
  done
  return 1
}

bad="" stalled="" last_line=""
coproc load { exec "$stress" "$mountpoint" "$threads" "$seconds" "$seed" 2>"$workspace/stress_errors"; }
load_process=$load_PID
remember_process "$load_process"
# Descriptors of our own: bash closes a coprocess's as soon as it has ended, whatever was not read yet.
exec {from_load}<&"${load[0]}" {to_load}>&"${load[1]}"
follow_load ended || bad+="the load ended early: $(cat "$workspace/stress_errors")"
[ -z "$stalled" ] || finish
read -r operations files <<<"$last_line"
same "$operations operations of $threads threads are answered as they must be (seed $seed)" "" "$bad"
same "every rotation of the data key succeeds: $(wc -l <"$rotations") keys" "" "$(cat "$workspace/rotate_errors")"
"$tdefs" status "$mountpoint" --json >"$workspace/status"
compactions=$(jq .dictionary.compactions "$workspace/status")
check "the dictionary was compacted meanwhile: $compactions times" [ "$compactions" -gt 0 ]
same "the daemon counts no failure" '0 0 0 "healthy"' \
  "$(jq -r '"\(.dictionary.failed_appends) \(.dictionary.failed_compactions) \(.failed_rotations) \(.health|tojson)"' \
    "$workspace/status")"
read_daemon_figures "$process" loaded

unmount_store
check_store_exactly "after the load"
mount_store -c "$config" "${options[@]}" || finish
process=$(daemon)
bad=""
echo "mounted again" >&"$to_load"
follow_load verified || bad+="the load ended early: $(cat "$workspace/stress_errors")"
same "after mounting again all $last_line files are there and hold what they must" "" "$bad"

# A file has a key that was current at some moment between the beginning and the end of its creation.
"$tdefs" files "$mountpoint" --json >"$workspace/listing"
keys_fit=$(python3 - "$rotations" "$answers" "$workspace/listing" <<'PYTHON'
import json, sys
keys, order = {}, []
for line in open(sys.argv[1]):
    begun, ended, key = line.split()
    if order: keys[order[-1]][1] = int(ended)
    keys[key] = [int(begun), 1 << 62]
    order.append(key)
text, found, at = open(sys.argv[3]).read(), {}, 0
decoder = json.JSONDecoder()
while text[at:].strip():
    at += len(text[at:]) - len(text[at:].lstrip())
    value, at = decoder.raw_decode(text, at)
    for entry in value.get("files", [value]) if isinstance(value, dict) else value:
        found[entry["path"]] = entry["key_id"]
used = set()
for line in open(sys.argv[2]):
    path, begun, ended = line.split()
    key = found.pop(path, None)
    if key not in keys: print(path, "has key", key)
    elif keys[key][0] > int(ended) or keys[key][1] < int(begun): print(path, "has a key of another time")
    else: used.add(key)
for path in found: print(path, "is only in the dictionary")
if len(used) < min(len(order), 3) - 1: print("only", len(used), "of", len(order), "keys are in use")
PYTHON
)
same "each file has the key that was current when it was made" "" "$(head -n 20 <<<"$keys_fit")"

# All is removed: what the daemon keeps for files that the kernel knows must go with them.
rm -rf "${mountpoint:?}"/*
read_daemon_figures "$process" after
echo "figures: $before; $loaded; $after"
check "descriptors do not leak" [ "${after_fds:?}" -le $((before_fds + 16)) ]
check "threads do not leak" [ "${after_threads:?}" -le $((before_threads + 2)) ]
check "memory is bounded" [ "${loaded_kib:?}" -le $((before_kib + ${RSS_KIB_MAX:-131072})) ]
unmount_store
check_store_exactly "after removing all"
reports=$(cat "$workspace"/tsan.* 2>/dev/null)
same "no report of a sanitizer" "" "$(head -n 60 <<<"$reports")"
figure load_threads seconds="$seconds" threads="$threads" operations="$operations" files="$files" \
  keys="$(wc -l <"$rotations")" compactions="$compactions" rss_kib="$loaded_kib" fds="$loaded_fds" seed="$seed"
finish
