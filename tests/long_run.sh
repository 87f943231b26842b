#!/usr/bin/env bash
# The runs that prove reliability, with large counts, and their figures into docs/reliability.md. Hours.
#
#   sudo tests/long_run.sh [--kills N] [--cuts N] [--database-cuts N] [--fuzz SECONDS] [--only SUITE,…]
#
# Defaults: 10000 kills, 1000 power cuts on each filesystem, 100 below each database on each of them, 1000000
# files, an hour for each fuzz target; suites
# crash, power, load and fuzz. The figures of runs before stay in build/figures; delete it to begin anew.
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
mkdir -p build
export TDEFS_FIGURES=$PWD/build/figures
started=$SECONDS
./test.sh --kills 10000 --cuts 1000 --database-cuts 100 --files 1000000 --fuzz 3600 --only crash,power,load,fuzz "$@" | tee build/long_run.log
status=${PIPESTATUS[0]}
suite=long_run
. tests/lib/report.sh
figure long-run "hours=$(((SECONDS - started) / 3600))" "minutes=$(((SECONDS - started) / 60 % 60))" \
  "commit=$(git rev-parse --short HEAD)" "result=$(tail -n 1 build/long_run.log | tr ' ' '-')"
tests/lib/figures.py docs/reliability.md "$TDEFS_FIGURES"
exit "$status"
