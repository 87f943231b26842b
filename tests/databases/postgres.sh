#!/usr/bin/env bash
# An unmodified PostgreSQL on a mount: pgbench, kill -9 of the server, recovery, remount, check of every page and index,
# and no text of it in the files below.
#
#   postgres.sh [--quick] [--plain] TDEFS [DIR]
#
# DIR is where the store is made (default /var/tmp); --plain runs the same on DIR itself, without tdefs.
. "$(dirname "$(readlink -f "$0")")/../lib/subreaper.sh"
quick="" plain=""
while [[ ${1:-} == --* ]]; do declare "${1#--}=1" && shift; done
[ -z "${2:-}" ] || export TDEFS_TEST_DIR=$2
set -- "$1"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=postgres
seconds=$((quick ? 5 : 30)) scale=$((quick ? 2 : 10))
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ]; then skip "all" "PostgreSQL is not installed"; finish; fi

if [ -n "$plain" ]; then
  mountpoint=$workspace/plain
  mkdir "$mountpoint"
  remount_data() { sync; }
else
  new_store postgres && mount_store || finish
  remount_data() { remount_store; }
fi
data=$mountpoint/data socket=$workspace/socket marker=$(new_marker)
install -d -o postgres -m 700 "$data" "$socket"

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups env -C / "$@"; }
client() { as_postgres "$bin/$1" -h "$socket" "${@:2}"; }
sql() { client psql -XqAt -v ON_ERROR_STOP=1 -c "$1" postgres; }
start() {
  as_postgres "$bin/pg_ctl" -D "$data" -w -s -t 120 -l "$socket/log" \
    -o "-k $socket -c listen_addresses= -c max_wal_size=256MB -c wal_sync_method=${1:-fdatasync}" start
}
stop() { as_postgres "$bin/pg_ctl" -D "$data" -w -s -t 120 -m fast stop; }

# The server and everything that it started.
server_processes() {
  local server
  server=$(head -n 1 "$data/postmaster.pid") && echo "$server" && pgrep -P "$server"
}
kill_server() {
  local processes process
  kill -STOP "$(head -n 1 "$data/postmaster.pid")"  # so that it starts no more
  mapfile -t processes < <(server_processes)
  [ ${#processes[@]} -gt 1 ] || return 1
  kill -9 "${processes[@]}"
  for process in "${processes[@]}"; do await_end "$process" || return 1; done
}
# What the database holds, as one checksum a table.
summary() {
  sql "SELECT count(*), sum(abalance) FROM pgbench_accounts; SELECT sum(tbalance) FROM pgbench_tellers;
       SELECT sum(bbalance) FROM pgbench_branches; SELECT count(*), sum(delta) FROM pgbench_history; SELECT * FROM marked"
}
# pgbench's own invariant: every committed transaction moved the same sum everywhere (-n keeps its history whole).
balanced() {
  [ "$(sql "SELECT count(DISTINCT s) FROM (SELECT sum(abalance) s FROM pgbench_accounts UNION ALL
            SELECT sum(tbalance) FROM pgbench_tellers UNION ALL SELECT sum(bbalance) FROM pgbench_branches UNION ALL
            SELECT coalesce(sum(delta), 0) FROM pgbench_history) sums")" = 1 ]
}
finish_postgres() {
  [ ! -f "$data/postmaster.pid" ] || kill_server 2>/dev/null
  [ $failures -eq 0 ] || tail -n 20 "$socket/log"
  finish
}

remember_server() { remember_process "$(head -n 1 "$data/postmaster.pid")"; }

check "initdb" as_postgres "$bin/initdb" -D "$data" -A trust --data-checksums -N || finish_postgres
check "the server starts" start && remember_server || finish_postgres
check "pgbench fills $scale times 100,000 rows" client pgbench -i -q -s "$scale" postgres || finish_postgres
check "a marked row is written" sql "CREATE TABLE marked (t text); INSERT INTO marked VALUES ('$marker')"

check "pgbench runs for $seconds s" client pgbench -n -c 8 -j 2 -T "$seconds" postgres
client pgbench -n -c 8 -j 2 -T 600 postgres >/dev/null 2>&1 &
load=$!
remember_process $load
# The server is killed in the middle of the load: when its log of transactions has grown by some more megabytes.
check "the load writes" sql "DO \$\$ DECLARE first pg_lsn := pg_current_wal_insert_lsn(); BEGIN
  WHILE pg_current_wal_insert_lsn() - first < 4000000 LOOP PERFORM pg_stat_clear_snapshot(); END LOOP; END \$\$"
check "every server process is killed" kill_server || finish_postgres
wait $load 2>/dev/null
check "the server recovers" start || finish_postgres
check "after the recovery the sums agree" balanced
same "the marked row is there" "$marker" "$(sql 'SELECT t FROM marked')"
check "pg_amcheck finds nothing wrong" client pg_amcheck --all --install-missing --heapallindexed
check "pgbench runs on" client pgbench -n -c 4 -j 2 -t 200 postgres

before=$(summary)
check "the server stops" stop
check "pg_checksums finds nothing wrong" as_postgres "$bin/pg_checksums" -c -D "$data"
if [ -z "$plain" ]; then
  check "the daemon is killed after the server's end" crash_daemon
  mount_store || finish_postgres
fi
for method in open_datasync fsync; do
  check "the server starts after a remount, $method" start "$method" && remember_server || finish_postgres
  same "it holds what it held" "$before" "$(summary)"
  check "pgbench runs with $method" client pgbench -n -c 4 -j 2 -t 50 postgres
  before=$(summary)
  check "the server stops again" stop
  check "remount" remount_data || finish_postgres
done

if [ -z "$plain" ]; then
  unmount_store
  check_store_exactly "after PostgreSQL"
  not_below "after PostgreSQL" "$marker"
  not_below "after PostgreSQL, a table's name" "pgbench_accounts"
fi
finish_postgres
