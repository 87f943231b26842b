#!/usr/bin/env bash
# SIGKILL of the daemon at random moments under a workload of all kinds of operations, while data keys rotate and the
# file dictionary is compacted; then it is mounted again and everything that was acknowledged must be there (R5).
# Some mounts are killed as well while they start and heal. Every twentieth round ends orderly, with a check of the
# store.
# usage: kill.sh TDEFS [PROGRAM_DIRECTORY] [--kills N] [--seed S]
kills=300 seed=$((SRANDOM % 1000000))
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --kills) kills=${2:?} && shift ;;
    --seed) seed=${2:?} && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
set -- "${arguments[@]}"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/rounds.sh"
suite=kill
rounds_of_a_store=40 rounds_between_checks=20 operations_max=600
RANDOM=$((seed % 32768))
killed=0 killed_mounts=0 operations=0 checks=0 stores=0 started=$SECONDS

# Rotates data keys for as long as the mount of this round lives, at most so often.
rotate_keys() {
  local turn
  for ((turn = 0; turn < 3; ++turn)); do "$tdefs" keys rotate "$mountpoint" || return; done
} >/dev/null 2>&1

# A mount that is killed while it starts or heals, at a random moment of its first tenth of a second.
kill_a_mount() {
  local status limit
  limit=0.$(printf %03d $((RANDOM % 100 + 1)))
  # In the foreground, timeout returns when the mount has ended and not before.
  timeout --foreground -s KILL "$limit" "$tdefs" mount -f -c "$config" "$store" "$mountpoint" >"$workspace/output" 2>&1
  status=$?
  case $status in
    124 | 137) killed_mounts=$((killed_mounts + 1)) ;;
    *) fail "round $round: a mount that was to be killed" "$(cat "$workspace/output")" && return 1 ;;
  esac
  detach
  return 0
}

# One life of the daemon, from the mount to its end by SIGKILL.
kill_round() {
  local output status rotation
  mount_crash_store || { fail "round $round: mounts again" "$(cat "$workspace/output")"; return 1; }
  if [ -f "$oracle" ]; then verify_round "round $round: what was acknowledged is there" || return 1; fi
  rotate_keys &
  rotation=$!
  output=$(run_workload $((seed + round)) --kill "$process" --after-ops $((RANDOM % operations_max)))
  status=$?
  if [ $status -ne 3 ]; then
    fail "round $round: the workload runs until the mount dies" "exit code $status" "$output"
    return 1
  fi
  wait $rotation
  detach
  killed=$((killed + 1)) operations=$((operations + ${output%% *}))
}

# An orderly end, with changes since the last killing that nothing will heal: the store must be in order.
check_round() {
  local report output
  mount_crash_store || { fail "round $round: mounts before a check" "$(cat "$workspace/output")"; return 1; }
  verify_round "round $round: what was acknowledged is there before a check" || return 1
  if ! output=$(run_workload $((seed + round + kills)) --ops 300); then
    fail "round $round: the workload" "$output"
    return 1
  fi
  unmount_store || return 1
  checks=$((checks + 1))
  report=$("$tdefs" check "$store" --key-file "$key" 2>&1) && grep -q ' 0 defects' <<<"$report" && return
  fail "round $round: the store is sound" "$report"
  return 1
}

for ((round = 1; round <= kills; ++round)); do
  if ((round % rounds_of_a_store == 1)); then
    [ $stores -eq 0 ] || rm -rf --one-file-system "$workspace/store$stores"
    stores=$((stores + 1))
    new_crash_store "store$stores" || break
  fi
  if ((RANDOM % 8 == 0)); then kill_a_mount || break; fi
  kill_round || break
  if ((round % rounds_between_checks == 0 || round == kills)); then check_round || break; fi
done
[ $failures -eq 0 ] || { keep_evidence "store$stores"; echo "    seed $seed, round $round"; }
what="$killed kills, $killed_mounts mounts killed, $operations operations, $checks checks, $stores stores, seed $seed"
[ $failures -ne 0 ] || ok "$what"
figure kill kills=$killed mounts-killed=$killed_mounts operations=$operations checks=$checks stores=$stores \
  seed=$seed failures=$failures seconds=$((SECONDS - started))
finish
