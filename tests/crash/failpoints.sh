#!/usr/bin/env bash
# SIGKILL of the daemon at each point where it touches the store, before the call, after it and, of writes, in the
# middle; each time the store must mount again, hold what was acknowledged (R5) and be in order.
# usage: failpoints.sh TDEFS_WITH_FAILPOINTS [PROGRAM_DIRECTORY] [--at NAME] [--seed S]
only="" seed=$((SRANDOM % 1000000)) arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --at) only=${2:?} && shift ;;
    --seed) seed=${2:?} && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
set -- "${arguments[@]}"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/rounds.sh"
suite=failpoints
RANDOM=$((seed % 32768))
killed=0 stores=0 round=0 started=$SECONDS
hits_max=40  # a point that is often hit is used at a random one of so many

mapfile -t points < <(TDEFS_FAILPOINTS=list "$tdefs" 2>/dev/null)
if [ ${#points[@]} -eq 0 ]; then fail "start" "$tdefs was built without failpoints"; finish; fi

# Runs a command of tdefs with a point armed: succeeds if the point ended it.
dies_at() {  # ARMED COMMAND…
  local armed=$1
  shift
  { TDEFS_FAILPOINTS=$armed "$tdefs" "$@"; } >"$workspace/output" 2>&1
  [ $? -eq 137 ]
} 2>/dev/null

# Mounts with a point armed. Fails if the daemon did not survive that.
mount_armed() {  # ARMED
  process=""
  TDEFS_FAILPOINTS=$1 mount_crash_store || return 1
}

# Is the daemon of the mount, which was killed or not, dead? A dead one is detached.
detach_if_dead() {
  kill -0 "$process" 2>/dev/null && stat "$mountpoint" >/dev/null 2>&1 && return 1
  [ -z "$process" ] || await_end "$process"
  detach
  return 0
}

# Ends a mount at which a point was not reached.
give_up_mount() {
  kill -9 "$process"
  await_end "$process"
  detach
  return 1
}

fresh_store() {
  [ $stores -eq 0 ] || rm -rf --one-file-system "$workspace/store$stores"
  stores=$((stores + 1))
  new_crash_store "store$stores"
}

# ---------------------------------------------------------------------------- stimuli: 0 if the point ended the daemon

# The workload, with keys rotating.
under_the_workload() {  # ARMED
  local status rotation
  if ! mount_armed "$1"; then detach; return 0; fi
  { for _ in 1 2 3 4 5; do "$tdefs" keys rotate "$mountpoint" || break; done; } >/dev/null 2>&1 &
  rotation=$!
  output=$(run_workload $((seed + round)) --ops 1500)
  status=$?
  wait $rotation
  case $status in
    0) detach_if_dead || give_up_mount ;;
    3) [ -z "$process" ] || await_end "$process"; detach ;;
    *)
      # The error that leads to this point may have met a file without a name, where nothing is undone.
      if [ "$name" = name.undo-create ]; then give_up_mount; fresh_store; return 1; fi
      fail "$name $action: the workload" "$output"
      give_up_mount
      ;;
  esac
}

# The same without the right to open files by their handles, where the daemon goes by paths and descriptors.
without_file_handles() {
  local launcher=(setpriv --bounding-set=-dac_read_search --inh-caps=-dac_read_search)
  under_the_workload "$1"
}

# Attributes and names of other kinds, which the workload does not touch.
under_attributes() {
  if ! mount_armed "$1"; then detach; return 0; fi
  local file=$mountpoint/attributes.$round
  {
    touch "$file"; chmod 600 "$file"; chown 1:1 "$file"
    setfattr -n user.note -v x "$file"; setfattr -x user.note "$file"
    mkdir "$file.directory"; mkfifo "$file.fifo"; ln -s "$file" "$file.link"
    rm -rf "$file" "$file.directory" "$file.fifo" "$file.link"
  } 2>/dev/null
  detach_if_dead || give_up_mount
}

# A file that grows from within a unit.
under_growth() {
  if ! mount_armed "$1"; then detach; return 0; fi
  { printf odd >"$mountpoint/odd.$round" && truncate -s 1001 "$mountpoint/odd.$round"; } 2>/dev/null
  detach_if_dead || give_up_mount
}

# Files of one byte: in one of 256 it is zero as ciphertext, which is noted.
write_ends_that_are_zero() {
  local number
  mkdir -p "$mountpoint/ends.$round"
  for ((number = 0; number < 2500; ++number)); do printf x >"$mountpoint/ends.$round/$number" || break; done
} 2>/dev/null

under_ends_that_are_zero() {
  if ! mount_armed "$1"; then detach; return 0; fi
  write_ends_that_are_zero
  detach_if_dead || give_up_mount
}

# The note is read when such a file is opened before the store is healed.
after_ends_that_are_zero() {
  mount_crash_store || return 0
  write_ends_that_are_zero
  give_up_mount
  if ! mount_armed "$1"; then detach; return 0; fi
  find "$mountpoint/ends.$round" -type f -exec cat {} + >/dev/null 2>&1
  detach_if_dead || give_up_mount
}

# Repair of a store with a lost tag, or with a damaged dictionary; killed meanwhile, it must be possible to do it again.
under_repair() {
  local file=$store/repaired.$round
  mount_crash_store || return 0
  echo content >"$mountpoint/repaired.$round"
  unmount_store || return 0
  case $name in
    repair.rename-file-dict) rm "$store/.tdefs/file.dict" && mkfifo "$store/.tdefs/file.dict" ;;
    repair.*file-dict) printf '\xff' | dd of="$store/.tdefs/file.dict" bs=1 seek=3 conv=notrunc status=none ;;
    *) setfattr -x user.tdefs "$file" ;;
  esac
  dies_at "$1" check -c "$config" --repair --yes --trust dictionary "$store"
  local died=$?
  "$tdefs" check -c "$config" --repair --yes --trust dictionary "$store" >"$workspace/output" 2>&1 ||
    fail "$name $action: the repair, again" "$(cat "$workspace/output")"
  return $died
}

# A mount that only starts and ends.
under_mount_and_umount() {
  if ! mount_armed "$1"; then detach; return 0; fi
  "$tdefs" umount "$mountpoint" >/dev/null 2>&1
  await_end "$process"
  detach
  "$tdefs" check "$store" --key-file "$key" 2>&1 | grep -q 'last shutdown orderly' && return 1
  return 0
}

# The mount of a store whose log ends in the middle of a record.
with_a_torn_tail() {
  head -c 20 /dev/zero >>"$store/.tdefs/file.dict"
  under_mount_and_umount "$1"
}

# The mount that wraps the root key under another master key.
under_a_new_master_key() {
  local old_key=$key
  key=$workspace/master.$round
  "$tdefs" genkey "$key" >/dev/null 2>&1
  {
    write_config 1h
    printf '[security.encryption.previous-master-key]\ntype = "file"\npath = "%s"\n' "$old_key"
  } >"$config"
  under_mount_and_umount "$1"
}

init_again() {  # [ARGUMENT…]
  "$tdefs" init -c "$config" "$store" "$@" >"$workspace/output" 2>&1 && return
  fail "$name $action: $stimulus again" "$(cat "$workspace/output")"
}

# Makes a store; killed meanwhile, it must be possible to make it again.
under_init() {
  store=$workspace/init.$round mountpoint=$workspace/init.$round.mount
  oracle=$store.oracle config=$store.toml
  write_config 1h >"$config"
  mkdir -p "$store" "$mountpoint"
  dies_at "$1" init -c "$config" "$store" || return 1
  if ! "$tdefs" info "$store" >/dev/null 2>&1 || [ ! -s "$store/.tdefs/key.dict" ]; then
    init_again
  fi
}

# Imports a directory with files; killed meanwhile, it must be possible to do it again, and the files stay readable.
under_import() {
  store=$workspace/import.$round mountpoint=$workspace/import.$round.mount
  oracle=$store.oracle config=$store.toml
  write_config 1h >"$config"
  mkdir -p "$store/below" "$mountpoint"
  echo imported | tee "$store/one" "$store/below/two" >/dev/null
  dies_at "$1" init -c "$config" --import "$store" || return 1
  rm -rf "$store/.tdefs"  # as the message of a failed import advises
  init_again --import
  mount_crash_store || return 0
  output=$(cat "$mountpoint/one" "$mountpoint/below/two" 2>&1)
  [ "$output" = $'imported\nimported' ] || fail "$name $action: imported files are readable" "$output"
  unmount_store
}

# The stimuli of a point.
stimuli_of() {  # NAME
  case $1 in
    init.*) echo under_init ;;
    import.*) echo under_import ;;
    lock.*) echo under_mount_and_umount ;;
    replace.*) echo under_init under_a_new_master_key under_the_workload ;;
    log.append | log.sync) echo under_the_workload under_mount_and_umount ;;
    log.cut-tail) echo with_a_torn_tail ;;
    attribute.* | name.mkdir | name.mknod | name.symlink) echo under_attributes ;;
    content.undo-growth) echo under_growth ;;
    content.note-tail) echo under_ends_that_are_zero ;;
    content.read-tail-note) echo after_ends_that_are_zero ;;
    close.*) echo under_mount_and_umount ;;
    repair.*) echo under_repair ;;
    inode.open | content.open) echo without_file_handles ;;
    file.write) echo under_genkey ;;
    *) echo under_the_workload ;;
  esac
}
# What is armed for the point at this hit. Some are reached only after another call has failed.
armed_at() {  # HIT
  case $name in
    log.cut-back) echo "log.append:ENOSPC@$1;$name:$action" ;;
    name.undo-create) echo "tag.write:EIO@$1;$name:$action" ;;
    content.undo-growth) echo "content.write-zeros:ENOSPC@2;$name:$action" ;;
    *) echo "$name:$action@$1" ;;
  esac
}

# The key file is whole or there is none that could be taken for one.
under_genkey() {
  dies_at "$1" genkey "$workspace/genkey.$round" || return 1
  rm -f "$workspace/genkey.$round"
}

# ---------------------------------------------------------------------------------------------------------- one round

# After the end: the store mounts without help and without failpoints, and is as it must be.
recover() {
  local after=kill report
  [ "$action" != kill-torn ] || after=torn-kill
  [ -d "$store/.tdefs" ] || return 0
  mount_crash_store || { fail "$name $action: the store mounts again" "$(cat "$workspace/output")"; return 1; }
  if [ -f "$oracle" ]; then verify_round "$name $action: what was acknowledged is there" $after || return 1; fi
  if ((RANDOM % 2)); then
    give_up_mount  # so that the next round's mount has something to heal
    return 0
  fi
  unmount_store || return 1
  report=$("$tdefs" check "$store" --key-file "$key" 2>&1) && grep -q ' 0 defects' <<<"$report" && return
  fail "$name $action: the store is sound" "$report"
  return 1
}

# Random hits to try in turn, at last the first. Keys are saved at the mount, and then while the workload runs.
hits_of() {  # STIMULUS
  case $1.$name in
    under_the_workload.replace.*) echo $((RANDOM % 3 + 2)) 2 1 ;;
    *) echo $((RANDOM % hits_max + 1)) $((RANDOM % 4 + 1)) 1 ;;
  esac
}

# A stimulus with the point armed at a random hit, at the first one if that one never came.
run_stimulus() {  # STIMULUS
  local hit
  for hit in $(hits_of "$1"); do
    round=$((round + 1))
    if "$1" "$(armed_at "$hit")"; then
      killed=$((killed + 1))
      recover && return
      keep_evidence "store$stores"
      fresh_store
      return 1
    fi
    [ $failures -eq $failures_before ] || { fresh_store; return 1; }
  done
  fail "$name $action: $1 never reached it"
  return 1
}

run_point() {  # NAME KIND
  local name=$1 stimulus action failures_before
  for action in kill-before kill-after $([ "$2" != write ] || echo kill-torn); do
    for stimulus in $(stimuli_of "$name"); do
      failures_before=$failures
      [ $stimulus = under_the_workload ] || [ $stimulus = under_attributes ] || fresh_store || return
      run_stimulus "$stimulus"
      case $stimulus in under_init | under_import | under_a_new_master_key) fresh_store || return ;; esac
    done
  done
}

fresh_store || finish
for point in "${points[@]}"; do
  [ -z "$only" ] || [ "$only" = "${point% *}" ] || continue
  before=$failures
  run_point $point
  [ $failures -ne $before ] || ok "${point% *}"
  ((round % 60)) || fresh_store || break
done
echo "    $killed kills at ${#points[@]} points, seed $seed"
figure failpoints kills=$killed points=${#points[@]} seed=$seed failures=$failures seconds=$((SECONDS - started))
finish
