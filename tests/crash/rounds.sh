# What the drivers of crash_workload share; sourced after tests/lib/store.sh.
workload=$programs/crash_workload
[ -x "$workload" ] || { fail "start" "no crash_workload in $programs"; finish; }

# A new store for the workload, with an oracle of its own. Data keys rotate each second and the dictionary is compacted
# after a few dozen changes, so that both happen in every round.
new_crash_store() {  # NAME
  new_store "$1" || return 1
  oracle=$workspace/$1/oracle config=$workspace/$1/config.toml
  write_config 1s >"$config"
}

write_config() {  # PERIOD [METHOD]
  cat <<TEXT
[mount]
flush-interval-ms = 50
[log]
file = "$workspace/log"
[security.encryption]
data-key-rotation-period = "$1"
file-dictionary-rewrite-threshold = 25
${2:+data-encryption-method = "$2"}
[security.encryption.master-key]
type = "file"
path = "$key"
TEXT
}

# Mounts and sets `process`, the daemon.
mount_crash_store() {
  (exec "${launcher[@]}" "$tdefs" mount -c "$config" "$store" "$mountpoint") >"$workspace/output" 2>&1 || return 1
  read -r process <"$store/.tdefs/lock"
}

detach() { umount -l "$mountpoint" 2>"$workspace/umount.output"; }

# What a round leaves behind, for whoever has to find out.
keep_evidence() {  # WHAT
  local evidence=${TDEFS_EVIDENCE:-}
  [ -n "$evidence" ] || return 0
  cp -a --reflink=auto "$workspace/$1" "$evidence/evidence-$1" 2>/dev/null && echo "    kept: $evidence/evidence-$1"
}

run_workload() {  # SEED ARGUMENT…
  "$workload" run --eio wrong --threads 3 --dir "$mountpoint/w" --oracle "$oracle" --seed "$@" 2>&1
}

# verify_round WHAT [AFTER]: what is found on the mount is legal. Code 3: the mount died meanwhile.
verify_round() {
  local output status
  output=$("$workload" verify --dir "$mountpoint/w" --oracle "$oracle" --after "${2:-kill}" 2>&1)
  status=$?
  [ $status -eq 0 ] || [ $status -eq 3 ] || fail "$1" "$output" "$(tail -n 5 "$workspace/log")"
  return $status
}
