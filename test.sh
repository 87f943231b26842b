#!/usr/bin/env bash
# Installs what the tests need, builds with warnings as errors, runs every test that this machine can run.
#
#   sudo ./test.sh [--quick] [--ops N] [--seeds N] [--only SUITE[,SUITE…]]
#
#   --quick       fewer operations and no ThreadSanitizer: a few minutes
#   --ops N       operations of the model test, over all its seeds (default 200000)
#   --seeds N     seeds of the model test (default 4)
#   --only …      of: lint unit threads cli mount sanitized model databases
#
# The last line is "N passed, N failed" or "N passed, N failed, N skipped"; exit code 1 if anything failed.
cd "$(dirname "$(readlink -f "$0")")" || exit 1
export HOME="${HOME:-/root}" LC_ALL=C.UTF-8

quick="" operations=200000 seeds=4 only=""
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1 operations=40000 ;;
    --ops) operations=${2:?} && shift ;;
    --seeds) seeds=${2:?} && shift ;;
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
for suite in lint unit threads cli mount sanitized model databases; do
  [ -z "$only" ] || [[ ",$only," == *",$suite,"* ]] || continue
  run_suite "$suite"
done
print_total
