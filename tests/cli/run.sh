#!/usr/bin/env bash
# The command line as scripts see it: texts, exit codes, JSON, the mount helper.  run.sh TDEFS
# Needs root and python3; without /dev/fuse the mounted part is skipped.
here=$(dirname "$(readlink -f "$0")")
suite=cli
. "$here/../lib/report.sh"
tdefs=$(readlink -f "${1:?usage: $0 TDEFS}")
. "$here/../lib/workspace.sh"
[ -x "$tdefs" ] || { fail "start" "no tdefs binary at $1"; finish; }

passed=0
eval "plain_$(declare -f ok)"
ok() { passed=$((passed + 1)) && plain_ok "$@"; }

# t ARGUMENT…: runs tdefs and keeps all it says in the transcript, where no secret may appear.
transcript=$workspace/transcript
t() {
  local status
  "$tdefs" "$@" >"$workspace/stdout" 2>"$workspace/stderr" </dev/null
  status=$?
  cat "$workspace/stdout" "$workspace/stderr" >>"$transcript"
  cat "$workspace/stdout"
  cat "$workspace/stderr" >&2
  return $status
}

# exits NAME CODE PATTERN COMMAND…: this exit code, an `error:` line, and something that matches the pattern.
exits() {
  local name=$1 code=$2 pattern=$3 output status
  shift 3
  output=$("$@" 2>&1)
  status=$?
  if [ "$status" -ne "$code" ]; then fail "$name" "exit code $status, expected $code: $*" "$output"
  elif ! grep -q '^error: ' <<<"$output"; then fail "$name" "no error: line" "$output"
  elif ! grep -qE -- "$pattern" <<<"$output"; then fail "$name" "expected /$pattern/" "$output"
  else ok "$name"; fi
}

# json NAME EXPRESSION COMMAND…: the output is one JSON document with a schema version, and the Python expression on it
# (as d) is true.
json() {
  local name=$1 expression=$2 output
  shift 2
  output=$("$@" 2>&1) || { fail "$name" "exit code $?: $*" "$output"; return; }
  if python3 -c '
import json, sys
d = json.load(sys.stdin)
assert d["schema_version"] == 1, "schema_version"
assert eval(sys.argv[1]), "not true: " + sys.argv[1]' "$expression" <<<"$output" 2>"$workspace/python"; then ok "$name"
  else fail "$name" "$(tail -n 1 "$workspace/python")" "$output"; fi
}
value() { python3 -c 'import json,sys; print(eval(sys.argv[1], {"d": json.load(sys.stdin)}))' "$1"; }

. "$here/offline.sh"
if [ -c /dev/fuse ]; then . "$here/mounted.sh"; else skip "mounted" "no /dev/fuse"; fi

# Last: what was said above held no key.
leaks=""
for key in "$workspace"/*.key; do
  digits=$(tr -d '\n' <"$key")
  if [ ${#digits} -eq 64 ] && grep -qiF -- "$digits" "$transcript"; then leaks+="$key "; fi
done
if [ -z "$leaks" ] && [ -s "$transcript" ]; then ok "no key in any output"; else fail "no key in any output" "$leaks"; fi

echo "$passed passed, $failures failed"
finish
