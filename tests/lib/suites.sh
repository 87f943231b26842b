# The suites of test.sh, what each of them needs built, and the counting. A suite's output is its result: lines that begin
# with "ok ", "FAIL " and "skipped: " count, and an end with an error but without a FAIL line counts as one failure.
. tests/lib/gtest_lines.sh
passed=0 failed=0 skipped=0 failures_seen=()

run_suite() {
  local name=$1 log=$workspace/suite.log status started=$SECONDS
  echo "== $name"
  ("suite_$name") 2>&1 </dev/null | tee "$log"
  status=${PIPESTATUS[0]}
  if [ "$status" -ne 0 ] && ! grep -q '^FAIL ' "$log"; then
    echo "FAIL $name: ended with exit code $status" | tee -a "$log"
  fi
  passed=$((passed + $(grep -c '^ok ' "$log")))
  failed=$((failed + $(grep -c '^FAIL ' "$log")))
  skipped=$((skipped + $(grep -c '^skipped: ' "$log")))
  mapfile -t -O "${#failures_seen[@]}" failures_seen < <(grep '^FAIL ' "$log")
  echo "== $name: $((SECONDS - started)) s"
}

# Prints the line that everything is about; the exit code says the same.
print_total() {
  [ ${#failures_seen[@]} -eq 0 ] || printf '%s\n' "" "${failures_seen[@]}"
  echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
  [ "$failed" -eq 0 ]
  exit
}

# build PRESET DIRECTORY TARGET…: configures and builds quietly; shows the end of the output if that fails.
build() {
  local preset=$1 directory=$2 log=$workspace/build.log extra_flags=""
  # Under TSan GCC 12 sees writes past the end of vectors that have just grown.
  [ "$preset" != tsan ] || extra_flags="-Wno-array-bounds -Wno-stringop-overflow"
  shift 2
  if cmake --preset "$preset" -B "$directory" -DTDEFS_TESTS=ON -DTDEFS_WERROR=ON -DTDEFS_BENCH=OFF \
    -DCMAKE_CXX_FLAGS="$extra_flags" \
    -DCMAKE_EXE_LINKER_FLAGS="$(command -v mold >/dev/null && echo -fuse-ld=mold)" >"$log" 2>&1 &&
    ninja -C "$directory" "$@" >>"$log" 2>&1; then
    echo "ok build: $preset: $*"
  else
    echo "FAIL build: $preset: $*"
    grep -E -A5 'error:|Error|^FAILED:' "$log" | head -n 60
    tail -n 10 "$log"
    return 1
  fi
}

release=build/test-release
build_release() { build release $release tdefs model_test posix_test crash_workload stress_workload offsets_probe; }
# The daemon whose system calls can be made to fail, and to end it.
build_failpoints() { build failpoints build/failpoints tdefs; }

# Runs a script of this tree with the release build.
on_release() { bash "$1" "$release/cli/tdefs" "$release/tests" "${@:2}"; }
fuse_is_here() { [ -c /dev/fuse ] || { echo "skipped: $1: no /dev/fuse"; return 1; }; }

suite_lint() {
  local status
  tests/lint/rules.sh
  status=$?
  tests/lint/docs.sh && return $status
}

suite_unit() {
  local folder
  build asan build/asan {base,crypto,config,keys,fs,fuzz}_test || return 1
  for folder in base crypto config keys fs fuzz; do
    ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TMPDIR=$workspace \
      gtest_lines "unit $folder" build/asan/tests/${folder}_test
  done
}

# What has threads, under ThreadSanitizer.
suite_threads() {
  local folder
  [ -z "$quick" ] || { echo "skipped: threads: --quick"; return 0; }
  build tsan build/tsan {base,keys,fs}_test || return 1
  for folder in base keys fs; do
    TSAN_OPTIONS=halt_on_error=0 TMPDIR=$workspace gtest_lines "threads $folder" build/tsan/tests/${folder}_test
  done
}

suite_cli() {
  build_release || return 1
  [ -f tests/cli/run.sh ] || { echo "FAIL cli: tests/cli/run.sh is missing"; return 1; }
  on_release tests/cli/run.sh
}

suite_mount() {
  local script
  fuse_is_here mount || return 0
  build_release || return 1
  for script in tests/mount/*.sh; do
    [ "$script" = tests/mount/model.sh ] || on_release "$script"
  done
}

# The daemon itself under ASan and UBSan, serving the same tests; its reports go to files that must not appear.
suite_sanitized() {
  local report found=0
  fuse_is_here sanitized || return 0
  build asan build/asan tdefs && build_release || return 1
  export ASAN_OPTIONS=log_path=$workspace/sanitizer UBSAN_OPTIONS=print_stacktrace=1:log_path=$workspace/sanitizer
  bash tests/mount/model.sh build/asan/cli/tdefs $release/tests $((quick ? 5000 : 20000)) 2 100
  bash tests/mount/posix.sh build/asan/cli/tdefs $release/tests
  for report in "$workspace"/sanitizer.*; do
    [ -s "$report" ] && { found=1; echo "FAIL sanitized: a report of the daemon"; head -n 40 "$report"; }
  done
  [ $found -eq 1 ] || echo "ok sanitized: the daemon left no report"
}

suite_model() {
  fuse_is_here model || return 0
  build_release || return 1
  on_release tests/mount/model.sh "$operations" "$seeds"
  on_release tests/mount/model.sh $((operations / 20)) 1 50 -o method=sm4-ctr
  on_release tests/mount/model.sh $((operations / 20)) 1 60 -o method=plaintext
  # With the write-back cache the kernel keeps the times, and a truncation to the same size does not move them.
  SKIP=utimens on_release tests/mount/model.sh $((operations / 10)) 1 70 -o writeback-cache
}

suite_databases() {
  local script
  fuse_is_here databases || return 0
  build_release || return 1
  for script in tests/databases/*.sh; do bash "$script" ${quick:+--quick} "$release/cli/tdefs"; done
}

# Ends of the daemon, at random and at each failpoint, then of the power; every loss is a failure.
suite_crash() {
  fuse_is_here crash || return 0
  build_release && build_failpoints || return 1
  on_release tests/crash/kill.sh --kills "$kills"
  bash tests/crash/failpoints.sh build/failpoints/cli/tdefs $release/tests
}

suite_power() {
  local filesystem
  fuse_is_here power || return 0
  build_release || return 1
  for filesystem in ext4 xfs; do on_release tests/crash/power.sh --cuts "$cuts" --fs $filesystem; done
  on_release tests/crash/power_databases.sh --cuts "$database_cuts"
}

suite_damage() {
  local script
  fuse_is_here damage || return 0
  build_release || return 1
  for script in tests/damage/*.sh; do [ ! -x "$script" ] || on_release "$script"; done
}

# Many threads, many files, far offsets, little memory, full disks.
suite_load() {
  local script
  fuse_is_here load || return 0
  build_release || return 1
  for script in tests/load/*.sh; do
    [ "$script" = tests/load/million.sh ] || [ ! -x "$script" ] || on_release "$script"
  done
  on_release tests/load/million.sh --files "$many_files"
}

suite_fuzz() { tests/fuzz/run.sh "$fuzz_seconds"; }
