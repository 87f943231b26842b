#!/usr/bin/env bash
# Builds all fuzz targets and runs each for a while from its corpus, as many at a time as there are processors. The unit
# tests replay the corpora; this looks for what is not in them yet.
#
#   tests/fuzz/run.sh [SECONDS]      seconds for each target, default 60
#
# Debian: clang-19 libclang-rt-19-dev, beside what building needs. What is found stays in build/fuzz/found/TARGET, and
# `build/fuzz/tests/TARGET_fuzz FILE` repeats it: mend it, add the input to the corpus and a test with its name.
# New inputs are kept in build/fuzz/corpus/TARGET; to choose from them:
#   TARGET_fuzz -merge=1 NEW_DIRECTORY tests/fuzz/corpus/TARGET build/fuzz/corpus/TARGET
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
seconds=${1:-60}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then sed -n '2,/^cd/{/^cd/d;s/^# \{0,1\}//p}' "$0" && exit 2; fi
suite=fuzz
. tests/lib/report.sh

command -v clang++-19 >/dev/null || { skip "all" "no clang++-19 (Debian: clang-19)"; finish; }
[ -n "$(find "$(clang++-19 -print-resource-dir)/lib" -name 'libclang_rt.fuzzer*.a' -print -quit)" ] ||
  { skip "all" "no libFuzzer for clang 19 (Debian: libclang-rt-19-dev)"; finish; }

build=$(realpath -m "${TDEFS_FUZZ_BUILD:-build/fuzz}")
mkdir -p "$build/found"
linker=$(command -v mold >/dev/null && echo -fuse-ld=mold)
make_all() { cmake --preset fuzz -B "$build" -DCMAKE_EXE_LINKER_FLAGS="$linker" && ninja -C "$build" fuzz; }
if ! make_all >"$build/build.log" 2>&1; then
  fail "build" "$(tail -n 40 "$build/build.log")"
  finish
fi

# The longest inputs that mean anything to a target, and long ones from the start where they are operations in a row.
options_of() {
  case $1 in
    open_file) echo "-max_len=601 -len_control=0" ;;
    volume) echo "-max_len=448 -len_control=0" ;;
    control_request) echo "-max_len=512" ;;
    file_dictionary) echo "-max_len=2048" ;;
    tag) echo "-max_len=64" ;;
    key_file) echo "-max_len=160" ;;
    *) echo "-max_len=4096" ;;
  esac
}

# New inputs go to the first directory; the second is only read.
run_target() {
  local name=$1 begun=$SECONDS
  mkdir -p "$build/corpus/$name" "$build/found/$name"
  # shellcheck disable=SC2046
  "$build/tests/${name}_fuzz" $(options_of "$name") -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$build/found/$name/" "$build/corpus/$name" "tests/fuzz/corpus/$name" \
    >"$build/found/$name.log" 2>&1
  echo "$? $((SECONDS - begun))" >"$build/found/$name.end"
}

targets=()
for source in tests/fuzz/*_fuzz.cc; do targets+=("$(basename "$source" _fuzz.cc)"); done
for name in "${targets[@]}"; do
  [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
  run_target "$name" &
done
wait

for name in "${targets[@]}"; do
  read -r status took <"$build/found/$name.end"
  log=$build/found/$name.log
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  if [ "$status" -eq 0 ] && [ -n "$runs" ]; then
    ok "$name: nothing found"
  else
    fail "$name: see $log" "$(tail -n 30 "$log")"
  fi
  figure fuzz target="$name" runs="${runs:-0}" seconds="$took" status="$status"
  printf '    %s runs in %s s\n' "${runs:-?}" "$took"
done
finish
