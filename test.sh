#!/usr/bin/env bash
# Installs what the tests need, builds with warnings as errors, runs every test that this machine can run.
#
#   sudo ./test.sh [OPTION…] [--only SUITE[,SUITE…]]
#
#   --quick            fewer of everything and no ThreadSanitizer: some minutes
#   --ops N            operations of the model test, over all its seeds (default 200000)
#   --seeds N          seeds of the model test (default 4)
#   --kills N          ends of the daemon at random (default 300)
#   --cuts N           power cuts on each of ext4 and XFS (default 50)
#   --database-cuts N  power cuts below each database on each of them (default 10)
#   --files N          files of the test with many (default 50000)
#   --fuzz SECONDS     for each fuzz target (default 60)
#   --only …           of: lint unit threads cli mount sanitized model databases crash power damage load fuzz
#
# The last line is "N passed, N failed" or "N passed, N failed, N skipped"; exit code 1 if anything failed.
cd "$(dirname "$(readlink -f "$0")")" || exit 1
export HOME="${HOME:-/root}" LC_ALL=C.UTF-8

quick="" only="" operations=200000 seeds=4 kills=300 cuts=50 database_cuts=10 many_files=50000 fuzz_seconds=60
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1 operations=40000 kills=40 cuts=10 database_cuts=3 many_files=5000 fuzz_seconds=10 ;;
    --ops) operations=${2:?} && shift ;;
    --seeds) seeds=${2:?} && shift ;;
    --kills) kills=${2:?} && shift ;;
    --cuts) cuts=${2:?} && shift ;;
    --database-cuts) database_cuts=${2:?} && shift ;;
    --files) many_files=${2:?} && shift ;;
    --fuzz) fuzz_seconds=${2:?} && shift ;;
    --only) only=${2:?} && shift ;;
    *) sed -n '2,/^$/{/^cd/d;s/^# \{0,1\}//p}' "$0" && exit 2 ;;
  esac
  shift
done
if [ "$(id -u)" -ne 0 ]; then echo "error: test.sh mounts and installs: run it as root, with sudo ./test.sh" && exit 2; fi

. tests/lib/workspace.sh
. tests/lib/packages.sh
. tests/lib/suites.sh
export TDEFS_TEST_DIR=$workspace

install_packages || exit 1
for suite in lint unit threads cli mount sanitized model databases crash power damage load fuzz; do
  [ -z "$only" ] || [[ ",$only," == *",$suite,"* ]] || continue
  run_suite "$suite"
done
print_total
