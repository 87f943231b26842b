# How a test script reports. Every suite prints lines that begin with "ok ", "FAIL " or "skipped: ", and anything else it
# likes between them; test.sh counts these three. `suite` is the name in front of each test.
suite=${suite:-$(basename "$0" .sh)}
failures=0

ok() { printf 'ok %s: %s\n' "$suite" "$1"; }
fail() {  # NAME [DETAIL…]
  failures=$((failures + 1))
  printf 'FAIL %s: %s\n' "$suite" "$1"
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" | head -n 40 | sed 's/^/    /'
}
skip() { printf 'skipped: %s: %s: %s\n' "$suite" "$1" "$2"; }

# check NAME COMMAND…: the command must succeed.
check() {
  local name=$1 output status
  shift
  output=$("$@" 2>&1 </dev/null | tr -d '\0'; exit "${PIPESTATUS[0]}")
  status=$?
  if [ $status -eq 0 ]; then ok "$name"; else fail "$name" "exit code $status: $*" "$output"; fi
  return $status
}

# refused NAME PATTERN COMMAND…: the command must fail and say something that matches the pattern.
refused() {
  local name=$1 pattern=$2 output status
  shift 2
  output=$("$@" 2>&1 </dev/null | tr -d '\0'; exit "${PIPESTATUS[0]}")
  status=$?
  if [ $status -eq 0 ]; then fail "$name" "succeeded: $*" "$output"
  elif [ $status -ge 126 ]; then fail "$name" "exit code $status: $*" "$output"
  elif grep -qiE "$pattern" <<<"$output"; then ok "$name"
  else fail "$name" "expected /$pattern/, exit code $status: $*" "$output"; fi
}

# same NAME EXPECTED FOUND: the two texts must be equal.
same() {
  if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3"))"; fi
}

# figure KIND KEY=VALUE…: notes the figures of a run, with the time, in the file that TDEFS_FIGURES names, if any.
# docs/reliability.md is made from these lines.
figure() { [ -z "${TDEFS_FIGURES:-}" ] || printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$TDEFS_FIGURES"; }

# The exit code of a script: 1 if anything failed.
finish() { [ "$failures" -eq 0 ]; exit $?; }
