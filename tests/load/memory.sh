#!/usr/bin/env bash
# The daemon, databases and buffered writers of files larger than that, together in a memory cgroup of 256 MiB: nothing is
# killed for want of memory, nothing hangs, and all data is right; with and without the write-back cache.
#
#   memory.sh TDEFS [PROGRAMS] [--limit MIB] [--seconds N]
limit_mib=256 seconds=20 arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --limit) limit_mib=${2:?} && shift ;;
    --seconds) seconds=${2:?} && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
set -- "${arguments[@]}"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/daemon.sh"
suite="load memory"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
for program in fio sqlite3 "${bin:-postgres}/pgbench"; do
  command -v "$program" >/dev/null || [ -x "$program" ] || { skip "all" "no $program"; finish; }
done

# A group of version 2 where the memory controller is there, else of version 1.
make_group() {
  local bytes=$((limit_mib << 20))
  if grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
    group=/sys/fs/cgroup/tdefs-test-$$
    grep -qw memory /sys/fs/cgroup/cgroup.subtree_control || echo +memory >/sys/fs/cgroup/cgroup.subtree_control
    mkdir "$group" && echo "$bytes" >"$group/memory.max" && { echo 0 >"$group/memory.swap.max" || true; }
  else
    group=/sys/fs/cgroup/memory/tdefs-test-$$
    mkdir "$group" && echo "$bytes" >"$group/memory.limit_in_bytes"
  fi
} 2>/dev/null
make_group || { rmdir "$group" 2>/dev/null; skip "all" "no memory cgroup can be made here"; finish; }
trap 'status=$?; (exit $status); (clean_up); rmdir "$group"; exit $status' EXIT

in_group() { (echo "$BASHPID" >"$group/cgroup.procs" && exec "$@"); }
killed_for_memory() {
  cat "$group/memory.events" "$group/memory.oom_control" 2>/dev/null | awk '/^oom_kill / {print $2}'
}
most_bytes() { cat "$group/memory.peak" "$group/memory.max_usage_in_bytes" 2>/dev/null; }

fio_jobs() {  # NAME [ARGUMENT…]
  in_group fio --minimal --directory="$mountpoint" --size="${fio_mib}M" --bs=64k --ioengine=psync --end_fsync=1 \
    --verify=crc32c --randrepeat=1 --verify_fatal=1 --verify_state_save=0 --name="$@"
}
fill_sqlite() {
  local part
  for part in 0 1 2 3 4 5 6 7; do
    in_group sqlite3 -bail -batch "$mountpoint/data.sqlite" "PRAGMA journal_mode = $1; PRAGMA cache_size = -4000;
      CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b BLOB);
      WITH RECURSIVE n(i) AS (SELECT $part * 8000 UNION ALL SELECT i + 1 FROM n WHERE i < $part * 8000 + 7999)
        INSERT INTO t SELECT i, zeroblob(900) || i FROM n;" >/dev/null || return
  done
}
check_sqlite() {
  [ "$(sqlite3 "$mountpoint/data.sqlite" 'PRAGMA integrity_check; SELECT count(*), sum(b = zeroblob(900) || a) FROM t')" = \
    $'ok\n64000|64000' ]
}
as_postgres() { in_group setpriv --reuid=postgres --regid=postgres --init-groups env -C / "$@"; }
client() { as_postgres "$bin/$1" -h "$workspace/socket" "${@:2}"; }
start_postgres() {
  as_postgres "$bin/pg_ctl" -D "$mountpoint/data" -w -s -t 120 -l "$workspace/socket/log" \
    -o "-k $workspace/socket -c listen_addresses= -c shared_buffers=32MB -c max_wal_size=128MB" start
}
run_postgres() {
  as_postgres "$bin/initdb" -D "$mountpoint/data" -A trust --data-checksums -N >/dev/null && start_postgres || return
  remember_process "$(head -n 1 "$mountpoint/data/postmaster.pid")"
  client pgbench -i -q -s 8 postgres && client pgbench -n -c 6 -j 2 -T "$seconds" postgres && client psql -XqAt -c \
    "SELECT count(DISTINCT s) = 1 FROM (SELECT sum(abalance) s FROM pgbench_accounts UNION ALL
      SELECT sum(tbalance) FROM pgbench_tellers UNION ALL SELECT sum(bbalance) FROM pgbench_branches UNION ALL
      SELECT coalesce(sum(delta), 0) FROM pgbench_history) sums" postgres | grep -qx t &&
    as_postgres "$bin/pg_ctl" -D "$mountpoint/data" -w -s -t 120 -m fast stop
}

# All at once; whoever is not ready in ten minutes hangs.
jobs_at_once() {
  local names=("fio writes $fio_mib MiB in order" "fio writes $fio_mib MiB at random" sqlite postgres) processes=() number
  fio_jobs order --rw=write >"$workspace/job0" 2>&1 & processes+=($!)
  fio_jobs random --rw=randwrite --fsync=256 >"$workspace/job1" 2>&1 & processes+=($!)
  fill_sqlite "$1" >"$workspace/job2" 2>&1 & processes+=($!)
  run_postgres >"$workspace/job3" 2>&1 & processes+=($!)
  for number in "${!processes[@]}"; do
    if ! await_end "${processes[number]}" 600; then
      fail "$round: ${names[number]}" "hangs" "$(show_stacks "$process")"
      crash_daemon
      finish
    fi
    if wait "${processes[number]}"; then ok "$round: ${names[number]}"
    else fail "$round: ${names[number]}" "$(tail -n 15 "$workspace/job$number")"; fi
  done
}

run_round() {  # NAME JOURNAL_MODE [MOUNT_ARGUMENT…]
  local process round=$1 journal=$2
  shift 2
  new_store "${round// /-}" || return
  fio_mib=$((limit_mib * 2)) socket=$workspace/socket
  rm -rf "$socket"
  # The daemon comes to stand in the group, because whoever starts it does.
  (echo "$BASHPID" >"$group/cgroup.procs" && mount_store "$@") || { fail "$round: mount"; return; }
  process=$(daemon)
  install -d -o postgres -m 700 "$mountpoint/data" "$socket"
  check "$round: the daemon is in a group of $limit_mib MiB" grep -qx "$process" "$group/cgroup.procs"
  jobs_at_once "$journal"
  same "$round: nobody was killed for want of memory" 0 "$(killed_for_memory)"
  same "$round: it is still the same daemon" "$process" "$(daemon)"
  read_daemon_figures "$process" loaded
  echo "figures: $round: ${loaded:?}; the group at most $(most_bytes) bytes"
  options=${*:-none}
  figure load_memory options="${options// /_}" limit_mib="$limit_mib" rss_kib="${loaded_kib:?}" \
    group_bytes="$(most_bytes)" fds="${loaded_fds:?}"
  unmount_store
  check_store_exactly "$round"
  mount_store || return
  check "$round: after mounting again sqlite's data is right" check_sqlite
  check "$round: and fio's, in order" fio_jobs order --rw=write --verify_only
  check "$round: and fio's, at random" fio_jobs random --rw=randwrite --verify_only
  unmount_store
  rm -rf "$store"
}

run_round "write-through" WAL
run_round "write-back cache" DELETE -o writeback-cache
finish
