#!/usr/bin/env bash
# What programs expect of a filesystem (posix_test), on a mount, with and without the write-back cache.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
. "$(dirname "$(readlink -f "$0")")/../lib/gtest_lines.sh"
suite=posix

new_store posix || finish
mount_store || finish
gtest_lines posix "$programs/posix_test" --dir "$mountpoint" --backing "$store" "${@:3}" || failures=$((failures + 1))
unmount_store && check_store_exactly "after all tests"

suite="posix, write-back"  # with it the kernel calls a whole file data
mount_store -o writeback-cache || finish
gtest_lines "$suite" "$programs/posix_test" --dir "$mountpoint" --backing "$store" \
  --gtest_filter='IoTest.*:SpaceTest.*:DurabilityTest.*:TimesTest.*:OpenFilesTest.Unlinked*:-SpaceTest.HolesAreFound*' || failures=$((failures + 1))
unmount_store && check_store_exactly "after all tests"
finish
