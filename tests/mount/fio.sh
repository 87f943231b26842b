#!/usr/bin/env bash
# Each way of doing I/O that databases use, with many requests in flight; fio verifies every block it wrote, once from
# the caches and once after a remount.
. "$(dirname "$(readlink -f "$0")")/../lib/store.sh"
suite=fio
command -v fio >/dev/null || { skip "all" "no fio"; finish; }

new_store fio || finish
mount_store || finish

job() {  # NAME FIO_ARGUMENT…
  fio --name="$1" --directory="$mountpoint" --filename="$1" --size=24M --verify=crc32c --verify_fatal=1 \
    --verify_state_save=0 --fallocate=none --thread --randrepeat=1 --output="$workspace/fio.log" "${@:2}" >/dev/null 2>&1 ||
    { tail -n 15 "$workspace/fio.log"; return 1; }
}
jobs=(
  "buffered --rw=randwrite --bs=8k --ioengine=psync"
  "odd --rw=randwrite --bsrange=500-9000 --bs_unaligned --ioengine=psync"
  "direct --rw=randwrite --bs=16k --ioengine=libaio --iodepth=16 --direct=1"
  "uring --rw=randwrite --bs=4k --ioengine=io_uring --iodepth=16"
  "uring-direct --rw=randwrite --bs=4k --ioengine=io_uring --iodepth=16 --direct=1"
  "mapped --rw=randwrite --bs=4k --ioengine=mmap"
  "vectored --rw=write --bs=64k --ioengine=pvsync2"
  "datasync --rw=write --bs=8k --size=4M --ioengine=psync --fdatasync=1"
  "odsync --rw=write --bs=8k --size=4M --ioengine=psync --sync=dsync"
  "preallocated --rw=randwrite --bs=8k --ioengine=psync --fallocate=posix"
  "mixed --rw=randrw --bs=4k --ioengine=libaio --iodepth=8 --direct=1"
)
for line in "${jobs[@]}"; do
  read -ra words <<<"$line"
  check "${words[0]}: what is written is read back" job "${words[@]}"
done
remount_store || finish
for line in "${jobs[@]}"; do
  read -ra words <<<"$line"
  [[ ${words[0]} == odd || ${words[0]} == mixed ]] && continue  # their block sequence cannot be verified alone
  check "${words[0]}: it is still there after a remount" job "${words[@]}" --verify_only
done
unmount_store
check_store_exactly "after all jobs"
finish
