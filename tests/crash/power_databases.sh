#!/usr/bin/env bash
# PostgreSQL and SQLite under loss of power: after each cut they recover without help, are sound, and hold every commit
# that was acknowledged to a client.
#
#   power_databases.sh TDEFS [PROGRAM_DIRECTORY] [--cuts N] [--fs ext4|xfs] [--database postgres|sqlite] [--plain]
#
# --cuts is for each filesystem and database (default 10). --plain runs the same on the bare filesystem, as a control:
# what is lost there is the database's or the filesystem's own loss; it is printed as one and is no failure of tdefs.
. "$(dirname "$(readlink -f "$0")")/../lib/subreaper.sh"
cuts=10 filesystems="ext4 xfs" databases="sqlite postgres" plain="" seed=$(date +%s)
positional=()
while [ $# -gt 0 ]; do
  case $1 in
    --cuts) cuts=$2 && shift ;;
    --fs) filesystems=$2 && shift ;;
    --database) databases=$2 && shift ;;
    --seed) seed=$2 && shift ;;
    --plain) plain=1 ;;
    *) positional+=("$1") ;;
  esac
  shift
done
set -- "${positional[@]}"
here=$(dirname "$(readlink -f "$0")")
. "$here/../lib/store.sh"
. "$here/../lib/power.sh"
suite="power databases"
export PYTHONDONTWRITEBYTECODE=1
notes=$workspace/notes socket=$workspace/socket
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)

# lost NAME DETAIL…: a failure of tdefs, or a loss of the control.
lost() {
  losses=$((losses + 1))
  if [ -z "$plain" ]; then fail "$@"; else printf 'control loss: %s\n' "$@" | head -n 20; fi
}

# The next cut comes when so many more commits were acknowledged.
commits_to_go() { echo $((1 + RANDOM % 120)); }

# -- SQLite: prepare, run up to the cut, end what runs, and verify; the same four for PostgreSQL -----------------------

sqlite_prepare() { mkdir "$mountpoint/sqlite"; }
sqlite_start() { :; }
sqlite_load() {
  local said
  exec 7< <(python3 "$here/power_sqlite.py" run "$mountpoint/sqlite" "$notes" "$(commits_to_go)" 2>"$workspace/load")
  loader=$!
  remember_process $loader
  read -r said <&7
  [ "$said" = now ] || lost "$label: the load came to its end before the cut" "$said" "$(cat "$workspace/load")"
}
sqlite_end() { kill -9 "$loader" 2>/dev/null; await_end "$loader"; exec 7<&-; }
sqlite_verify() {
  local report
  report=$(python3 "$here/power_sqlite.py" verify "$mountpoint/sqlite" "$notes" 2>&1)
  commits=$(tail -n 1 <<<"$report" | cut -d ' ' -f 1)
  [ "$(wc -l <<<"$report")" -eq 1 ] || lost "$label: what was acknowledged is there" "$report"
}

# -- PostgreSQL --------------------------------------------------------------------------------------------------------

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups env -C / "$@"; }
sql() { as_postgres "$bin/psql" -h "$socket" -XqAt -v ON_ERROR_STOP=1 -d postgres "$@"; }
clients=4 methods=(fdatasync fsync open_datasync open_sync)

# One cluster is made and copied for each filesystem.
postgres_prepare() {
  local cluster=$workspace/cluster
  if [ ! -d "$cluster" ]; then
    install -d -o postgres -m 700 "$cluster" "$socket"
    as_postgres "$bin/initdb" -D "$cluster" -A trust --data-checksums -N >"$workspace/output" 2>&1 || return
  fi
  cp -a "$cluster" "$mountpoint/postgres" &&
    as_postgres "$bin/initdb" -D "$mountpoint/postgres" --sync-only >/dev/null && postgres_start &&
    sql -c 'CREATE TABLE a (id text PRIMARY KEY, body text); CREATE TABLE b (id text, body text);
      CREATE INDEX ON b (id)'
}
postgres_start() {
  local settings="-c listen_addresses= -c max_wal_size=64MB -c shared_buffers=16MB"
  as_postgres "$bin/pg_ctl" -D "$mountpoint/postgres" -w -s -t 120 -l "$socket/log" \
    -o "-k $socket $settings -c wal_sync_method=${methods[cut % 4]}" start >"$workspace/output" 2>&1 ||
    { lost "$label: the server recovers" "$(cat "$workspace/output")" "$(tail -n 15 "$socket/log")"; return 1; }
  postmaster=$(head -n 1 "$mountpoint/postgres/postmaster.pid")
  remember_process "$postmaster"
}
# A client's statements; each is one transaction, and what it returns is printed once it is committed.
statements() {  # CLIENT
  awk -v id="$cut.$1" -v q="'" 'BEGIN {for (n = 1; ; ++n) {
    row = q id "." n q ", repeat(md5(" q id "." n q "), " n * 7 % 60 ")"
    print "WITH x AS (INSERT INTO a VALUES (" row ")) INSERT INTO b VALUES (" row ") RETURNING id;"
    if (n % 40 == 0) print "CHECKPOINT;"}}' 2>/dev/null
}
postgres_load() {
  local client files=()
  loaders=()
  for ((client = 0; client < clients; ++client)); do
    files+=("$notes/$cut.$client")
    (statements $client | as_postgres stdbuf -oL "$bin/psql" -h "$socket" -XqAt -v ON_ERROR_STOP=1 -d postgres \
      >"$notes/$cut.$client" 2>>"$workspace/load") &
    loaders+=($!)
  done
  tail -q -n +1 -F "${files[@]}" 2>/dev/null | head -n "$(commits_to_go)" >/dev/null
}
postgres_end() {
  local processes process
  kill -STOP "$postmaster" 2>/dev/null  # so that it starts no more; it may have given up by itself
  mapfile -t processes < <(echo "$postmaster" && pgrep -P "$postmaster")
  kill -9 "${processes[@]}" 2>/dev/null
  for process in "${processes[@]}"; do await_end "$process"; done
  wait "${loaders[@]}" 2>/dev/null
}
postgres_verify() {
  local missing halves
  sort "$notes"/* >"$workspace/noted"
  commits=$(wc -l <"$workspace/noted")
  missing=$(comm -23 "$workspace/noted" <(sql -c 'SELECT id FROM a' | sort))
  [ -z "$missing" ] ||
    lost "$label: what was acknowledged is there" "$(wc -l <<<"$missing") commits are lost:" "$missing"
  halves=$(sql -c 'SELECT count(*) FROM a FULL JOIN b USING (id) WHERE a.body IS DISTINCT FROM b.body')
  [ "$halves" = 0 ] || lost "$label: transactions are whole" "$halves are there in part"
  [ $((cut % 5)) -ne 0 ] || as_postgres "$bin/pg_amcheck" -h "$socket" --all --install-missing --heapallindexed \
    >"$workspace/output" 2>&1 || lost "$label: pg_amcheck" "$(cat "$workspace/output")"
}
postgres_finish() {
  as_postgres "$bin/pg_ctl" -D "$mountpoint/postgres" -w -s -m fast stop &&
    as_postgres "$bin/pg_checksums" -c -D "$mountpoint/postgres" >"$workspace/output" 2>&1 ||
    lost "$label: pg_checksums" "$(cat "$workspace/output")"
}
sqlite_finish() { :; }

# ----------------------------------------------------------------------------------------------------------------------

begin() { [ -n "$plain" ] || mount_store; }

one_cut() {
  label="$database on $1, cut $cut"
  "${database}_load"
  # What is acknowledged from here on may be so because of the cut: a sync that is under way may return when all ends.
  rm -rf "$notes.before" && cp -r "$notes" "$notes.before"
  cut_power
  if [ -z "$plain" ]; then kill -9 "$daemon_process" && await_end "$daemon_process"; fi
  "${database}_end"
  rm -rf "$notes" && mv "$notes.before" "$notes"
  lose_machine && power_on && begin || return
  [ -n "$plain" ] || daemon_process=$(cat "$store/.tdefs/lock")
  "${database}_start" && "${database}_verify"
}

run_on() {  # FS
  local cut=0 cuts_done=0 commits=0 losses=0 started=$SECONDS label="$database on $1"
  can_cut_power "$1" || return
  new_disk "$1" 1G || { fail "$label: a disk" "$(cat "$workspace/output")"; return; }
  rm -rf "$notes" && mkdir -m 777 "$notes"
  if [ -n "$plain" ]; then mountpoint=$disk/plain && mkdir -p "$mountpoint"; else new_store_on_disk || return; fi
  begin || return
  [ -n "$plain" ] || daemon_process=$(cat "$store/.tdefs/lock")
  "${database}_prepare" || { fail "$label: made" "$(cat "$workspace/output")"; return; }
  for ((cut = 1; cut <= cuts; ++cut)); do one_cut "$1" && cuts_done=$((cuts_done + 1)) || break; done
  [ $cuts_done -lt "$cuts" ] || "${database}_finish"
  if [ -z "$plain" ]; then unmount_store && check_store "$label"; fi
  check_disk "$label: the filesystem itself is sound"
  if [ $losses -eq 0 ] && [ $cuts_done -eq "$cuts" ]; then
    ok "$label${plain:+, control}: $cuts_done cuts (seed $seed): all $commits acknowledged commits are there"
  else
    lost "$label: $cuts_done of $cuts cuts (seed $seed), $losses losses"
  fi
  figure power-cuts-database "database=$database" "fs=$1" "cuts=$cuts_done" "commits=$commits" "losses=$losses" \
    "seed=$seed" "plain=${plain:-0}" "seconds=$((SECONDS - started))"
  drop_disk
}

RANDOM=$((seed % 32768))
for database in $databases; do
  if [ "$database" = postgres ] && [ -z "$bin" ]; then skip "$database" "it is not installed"; continue; fi
  for filesystem in $filesystems; do run_on "$filesystem"; done
done
finish
