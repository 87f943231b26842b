#!/usr/bin/env bash
# Loss of power under a working store, again and again: the filesystem below is cut off without a flush of its log, its
# journal is replayed, and the store mounts without help, is sound, and holds what was acknowledged (R1 to R5, R10).
#
#   power.sh TDEFS [PROGRAM_DIRECTORY] [--cuts N] [--fs ext4|xfs] [--seed S] [--mode MODE] [--plain]
#
# --cuts is for each filesystem (default 50); --plain runs the same on the bare filesystem, as a control: what is lost
# there is not tdefs's to keep. The modes follow one another: the load alone, with compactions all the time, with data
# keys that rotate, with the kernel's write-back cache, a cut while the mount after a cut heals, and a cut right after
# an orderly unmount. power_files.py has the load and the oracle; where PROGRAM_DIRECTORY has crash_workload, its mix of
# all operations follows as one more mode, on one tree over all its cuts.
cuts=50 filesystems="ext4 xfs" seed=$(date +%s) plain="" only_mode=""
positional=()
while [ $# -gt 0 ]; do
  case $1 in
    --cuts) cuts=$2 && shift ;;
    --fs) filesystems=$2 && shift ;;
    --seed) seed=$2 && shift ;;
    --mode) only_mode=$2 && shift ;;
    --plain) plain=1 ;;
    *) positional+=("$1") ;;
  esac
  shift
done
set -- "${positional[@]}"
here=$(dirname "$(readlink -f "$0")")
. "$here/../lib/store.sh"
. "$here/../lib/power.sh"
suite=power${plain:+ (control)}
modes=(load compaction rotation writeback healing unmounted)
[ ! -x "$programs/crash_workload" ] || modes+=(mixed)
[ -z "$plain" ] || modes=(load unmounted)
[ -z "$only_mode" ] || modes=("$only_mode")
kept_rounds=3  # so many rounds stay and are held against their oracles again after each cut
export PYTHONDONTWRITEBYTECODE=1

files() { python3 "$here/power_files.py" "$@"; }
random_below() { echo $((RANDOM * 32768 + RANDOM)) | awk -v n="$1" '{print $1 % n}'; }

# Mounts the store, or what stands in its place as a control.
begin() {  # MODE
  local settings=$workspace/settings.toml options=()
  printf '[log]\nfile = "%s"\nredact-paths = false\n' "$workspace/daemon.log" >"$settings"
  case $1 in
    compaction) printf '[security.encryption]\nfile-dictionary-rewrite-threshold = %d\n' $((cut % 4 * 20)) ;;
    writeback) options=(-o writeback-cache) ;;
    healing) options=(-o flush-interval-ms=60000) ;;
  esac >>"$settings"
  [ -n "$plain" ] || mount_store -c "$settings" "${options[@]}"
}

# While a compaction of a large log would be rare, one of each change is all the time.
rotate_keys() { while "$tdefs" keys rotate "$mountpoint"; do :; done >/dev/null 2>&1; }

# Runs the load until so many steps were acknowledged, and cuts it off. Sets `loader`.
load_and_cut() {  # MODE DIRECTORY ORACLES
  local mode=$1 cases=() rotation="" said
  # Steps are counted over all cases; the first cuts come while directories and files are made.
  local steps=$((1 + $(random_below $((1 + $(random_below 400))))))
  [ "$mode" != healing ] || cases=(--cases unsynced,tree,link) steps=$((1 + steps / 4))
  [ "$mode" != compaction ] || cases=(--cases create,directory_sync,replace,rewrite,link,unlink,tree,append)
  [ "$mode" != unmounted ] || cases=(--cases unsynced,append,sparse,tree)
  [ "$mode" = unmounted ] || cases+=(--cut)
  exec 7< <(files run "$2" "$3" "$seed.$cut" --stop-after "$steps" --below "$disk" "${cases[@]}" 2>&1)
  loader=$!
  remember_process $loader
  if [ "$mode" = rotation ]; then rotate_keys & rotation=$!; fi
  read -r said <&7
  if [ "$said" = cut ]; then read -r said <&7 || said=now; fi
  [ "$said" = now ] ||
    fail "$label: the load came to its end before the cut" "$said" "$(cat <&7)" "$(tail -n 1 -q "$3"/*)"
  if [ "$mode" = unmounted ]; then
    stop_load
    if [ -n "$plain" ]; then sync -f "$disk"; else unmount_store; fi
    cut_power
  fi
  [ -z "$rotation" ] || { kill $rotation; wait $rotation; } 2>/dev/null
  lose
}

# Ends the load; what it did last is neither acknowledged nor waited for.
stop_load() { kill -9 "$loader" 2>/dev/null; await_end "$loader"; exec 7<&-; }

lose() {
  if ! is_mounted; then stop_load 2>/dev/null; lose_machine; return; fi
  local process=$daemon_process
  kill -9 "$process" && await_end "$process"
  stop_load
  lose_machine
}

# The mount after a cut meets the next cut while it heals: after so many names were looked up.
cut_while_healing() {
  local names
  names=$(random_below 60)
  begin healing || return
  daemon_process=$(cat "$store/.tdefs/lock")
  find "$mountpoint" -type f 2>/dev/null | head -n "$names" >/dev/null
  cut_power
  lose && power_on
}

said_by_daemon() { grep -v ' info ' "$workspace/daemon.log" | uniq -f 1 | tail -n 10; }

verify_rounds() {
  local round report
  for round in "$workspace"/oracles/*; do
    report=$(files verify "$mountpoint/$(basename "$round")" "$round" 2>&1)
    [ "${round##*/}" -ne "$cut" ] || acknowledged=$((acknowledged + $(tail -n 1 <<<"$report" | cut -d ' ' -f 1)))
    [ "$(wc -l <<<"$report")" -gt 1 ] || continue
    fail "$label: round ${round##*/} after the cut" "$report" "$(said_by_daemon)"
    rm -r "$round"  # told once
  done
}

# crash_workload cuts by itself, in the middle of its operations.
mixed_cut() {
  local status oracle=$workspace/mixed
  "$programs/crash_workload" run --dir "$mountpoint/mixed" --oracle "$oracle" --seed "$seed$cut" --cut "$disk" \
    --after-ops "$(random_below 600)" >"$workspace/mixed.output" 2>&1
  status=$?
  [ $status -eq 3 ] || fail "$label: crash_workload ended with exit code $status" "$(cat "$workspace/mixed.output")"
  kill -9 "$daemon_process" && await_end "$daemon_process"
  lose_machine
}
mixed_verify() {
  "$programs/crash_workload" verify --dir "$mountpoint/mixed" --oracle "$workspace/mixed" --after power-cut \
    >"$workspace/mixed.output" 2>&1 && return
  fail "$label: crash_workload" "$(cat "$workspace/mixed.output")" "$(said_by_daemon)"
  rm -rf "$workspace/mixed" "$mountpoint/mixed"  # told once
}

# An offline check of a store that was cut tells nothing that the next mount does not mend.
check_quietly() {
  "$tdefs" check "$store" >"$workspace/check" 2>&1 || fail "$label: check $1" "$(cat "$workspace/check")"
}

one_cut() {  # FS
  local mode=${modes[cut % ${#modes[@]}]} round
  label="$1, cut $cut of seed $seed, $mode"
  : >"$workspace/daemon.log"
  begin "$mode" || return
  [ -n "$plain" ] || daemon_process=$(cat "$store/.tdefs/lock")
  mkdir "$mountpoint/$cut" "$workspace/oracles/$cut"
  # Old rounds go while the new one works.
  ls "$workspace/oracles" | sort -n | head -n -$kept_rounds | while read -r round; do
    rm -rf "$workspace/oracles/$round" "$mountpoint/$round" 2>/dev/null &
  done
  if [ "$mode" = mixed ]; then mixed_cut; else load_and_cut "$mode" "$mountpoint/$cut" "$workspace/oracles/$cut"; fi &&
    power_on || return
  [ "$mode" != healing ] || cut_while_healing || return
  [ -n "$plain" ] || check_quietly "before the mount"
  begin load || return
  verify_rounds
  [ "$mode" != mixed ] || mixed_verify
  [ -n "$plain" ] || { unmount_store && check_quietly "after an orderly unmount"; } || return
  cuts_done=$((cuts_done + 1))
}

run_on() {  # FS
  local cut label="" cuts_done=0 acknowledged=0 failures_before=$failures started=$SECONDS
  can_cut_power "$1" || return
  new_disk "$1" || { fail "$1: a disk" "$(cat "$workspace/output")"; return; }
  rm -rf "$workspace/oracles" "$workspace/mixed" && mkdir "$workspace/oracles"
  if [ -n "$plain" ]; then mountpoint=$disk/backing && mkdir "$mountpoint"; else new_store_on_disk || return; fi
  RANDOM=$((seed % 32768))
  for ((cut = 1; cut <= cuts; ++cut)); do one_cut "$1" || break; done
  check_disk "$1: the filesystem itself is sound"
  if [ $failures -eq $failures_before ] && [ $cuts_done -eq "$cuts" ]; then
    ok "$1: $cuts_done cuts (seed $seed): $acknowledged acknowledged steps found, every store mounted and sound"
  else
    fail "$1: $cuts_done of $cuts cuts (seed $seed) passed, $((failures - failures_before)) failures"
  fi
  figure power-cuts "fs=$1" "cuts=$cuts_done" "acknowledged=$acknowledged" "failures=$((failures - failures_before))" \
    "seed=$seed" "plain=${plain:-0}" "seconds=$((SECONDS - started))"
  drop_disk
}

for filesystem in $filesystems; do run_on "$filesystem"; done
finish
