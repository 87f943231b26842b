#!/usr/bin/env bash
# An unmodified SQLite on a mount: rollback journals and WAL, memory mapping, several writers, a kill in the middle of a
# transaction, integrity_check, and no text of it in the files below.
#
#   sqlite.sh [--quick] [--plain] TDEFS [DIR]
quick="" plain=""
while [[ ${1:-} == --* ]]; do declare "${1#--}=1" && shift; done
[ -z "${2:-}" ] || export TDEFS_TEST_DIR=$2
set -- "$1"
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=sqlite
command -v sqlite3 >/dev/null || { skip "all" "sqlite3 is not installed"; finish; }
rows=$((quick ? 2000 : 20000))

if [ -n "$plain" ]; then
  mountpoint=$workspace/plain
  mkdir "$mountpoint"
  remount_data() { sync; }
else
  new_store sqlite && mount_store || finish
  remount_data() { remount_store; }
fi
marker=$(new_marker)

# sql DATABASE STATEMENTS: with the journal mode, synchronous and mmap settings of the current round.
sql() {
  sqlite3 -bail -batch "$1" <<TEXT
.timeout 60000
.output /dev/null
PRAGMA journal_mode=$journal;
PRAGMA synchronous=$synchronous;
PRAGMA mmap_size=$mapped;
.output
$2
TEXT
}
fill() {  # DATABASE FIRST LAST
  sql "$1" "WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i < $3)
    INSERT INTO t SELECT i, '$marker-' || i, randomblob(i % 700) FROM n;"
}
intact() { [ "$(sql "$1" 'PRAGMA integrity_check; PRAGMA foreign_key_check;')" = ok ]; }
content() { sql "$1" "SELECT count(*), sum(a), sum(length(b)), sum(length(c)) FROM t; SELECT a, b, hex(c) FROM t WHERE a % 97 = 0;" | md5sum; }

round() {  # JOURNAL SYNCHRONOUS MAPPED
  local journal=$1 synchronous=$2 mapped=$3 name="$1 mmap $3" database=$mountpoint/$1-$3.db before writer writers=()
  check "$name: rows are written" sql "$database" "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BLOB); CREATE INDEX ib ON t (b);" || return
  check "$name: $rows rows" fill "$database" 1 "$rows"
  for writer in 1 2 3; do
    (for part in 0 1 2 3 4; do fill "$database" $((rows * (writer + 1) + part * 50 + 1)) $((rows * (writer + 1) + part * 50 + 50)) || exit 1; done) &
    writers+=($!)
  done
  check "$name: updates beside other writers" sql "$database" "UPDATE t SET c = randomblob(300) WHERE a % 5 = 0; DELETE FROM t WHERE a % 7 = 0 AND a <= $rows;"
  for writer in "${writers[@]}"; do wait "$writer" || fail "$name: a second writer"; done
  check "$name: integrity_check" intact "$database"

  # A transaction that is cut off by SIGKILL must leave no trace.
  before=$(content "$database")
  mkfifo "$workspace/statements"
  sqlite3 -bail -batch "$database" <"$workspace/statements" >"$workspace/answers" 2>&1 &
  local process=$!
  exec 7>"$workspace/statements"
  printf 'PRAGMA journal_mode=%s;\nPRAGMA cache_size=5;\nBEGIN IMMEDIATE;\nUPDATE t SET b = b || b, c = randomblob(600);\nSELECT "half done";\n' "$journal" >&7
  timeout 60 tail -n +1 -f --pid=$process "$workspace/answers" 2>/dev/null | grep -q -m 1 'half done'
  kill -9 $process
  wait $process 2>/dev/null
  exec 7>&-
  rm "$workspace/statements"
  same "$name: a killed transaction is rolled back" "$before" "$(content "$database")"
  check "$name: integrity_check after the kill" intact "$database"
  check "$name: vacuum" sql "$database" "VACUUM;"
  before=$(content "$database")
  check "$name: remount" remount_data || return
  same "$name: the rows are the same after a remount" "$before" "$(content "$database")"
  check "$name: integrity_check after a remount" intact "$database"
}

round delete full 0
round truncate full 268435456
round persist extra 0
round wal full 268435456
round wal normal 0
if [ -z "$plain" ]; then
  unmount_store
  check_store_exactly "after SQLite"
  not_below "after SQLite" "$marker"
  not_below "after SQLite, its own words" "SQLite format 3"
fi
finish
