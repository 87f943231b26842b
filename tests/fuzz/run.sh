#!/usr/bin/env bash
# Builds all fuzz targets and runs each for a while from its corpus. Not part of test.sh, whose unit tests replay the
# corpora.
#
#   tests/fuzz/run.sh [SECONDS]      seconds for each target, default 60
#
# What is found stays in build/fuzz/found/ with the command that repeats it: fix it, add the input to the target's corpus
# and a test with its name. The last line is "N passed, N failed"; exit code 1 if anything failed.
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
seconds=${1:-60}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then sed -n '2,/^cd/{/^cd/d;s/^# \{0,1\}//p}' "$0" && exit 2; fi
command -v clang++-19 >/dev/null || { echo "skipped: fuzz: no clang++-19"; exit 0; }

build=${TDEFS_FUZZ_BUILD:-build/fuzz}
mkdir -p "$build"
linker=$(command -v mold >/dev/null && echo -fuse-ld=mold)
if ! { cmake --preset fuzz -B "$build" -DCMAKE_EXE_LINKER_FLAGS="$linker" && ninja -C "$build" fuzz; } >"$build/build.log" 2>&1
then
  tail -n 40 "$build/build.log" && echo "FAIL fuzz: the build"
  exit 1
fi

passed=0 failed=0
for source in tests/fuzz/*_fuzz.cc; do
  program=$(basename "$source" .cc) name=$(basename "$source" _fuzz.cc)
  found=$build/found/$name/
  mkdir -p "$build/corpus/$name" "$found"
  log=$build/found/$name.log
  # New inputs go to the first directory; the second is only read.
  if "$build/tests/$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found" "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    echo "ok fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
    passed=$((passed + 1))
  else
    echo "FAIL fuzz: $name: see $log"
    tail -n 30 "$log"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
