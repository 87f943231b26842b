#!/usr/bin/env bash
# Long random runs on a mount beside a plain directory (model_test), with remounts in between.
# usage: [SKIP=OP,OP…] model.sh TDEFS PROGRAM_DIRECTORY [OPERATIONS [SEEDS [FIRST_SEED [MOUNT_ARGUMENT…]]]]
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite="model${6:+ ${*:6}}"
operations=${3:-200000} seeds=${4:-4} first_seed=${5:-1}

# Takes the mount down and up again; run by model_test with this script's own arguments.
remount=$workspace/remount.sh
cat >"$remount" <<TEXT
set -e
"$tdefs" umount "\$1"
exec "$tdefs" mount "\$2" "\$1" --key-file "\$3" ${*:6}
TEXT

for ((seed = first_seed; seed < first_seed + seeds; ++seed)); do
  new_store "seed$seed" && mount_store "${@:6}" || continue
  plain=$workspace/seed$seed/plain
  mkdir -p "$plain"
  "$programs/model_test" --mount "$mountpoint" --plain "$plain" --seed "$seed" --ops $((operations / seeds)) --skip "${SKIP:-}" \
    --remount-cmd "bash '$remount' '$mountpoint' '$store' '$key'" || failures=$((failures + 1))
  unmount_store && check_store_exactly "seed $seed"
  [ -n "${TDEFS_KEEP:-}" ] || rm -rf --one-file-system "$plain" "$store"
done
finish
