# read_daemon_figures PROCESS NAME: sets NAME_fds, NAME_threads and NAME_kib (resident memory), and NAME to all in words.
read_daemon_figures() {
  local process=$1 name=$2 fds threads kib
  fds=$(find "/proc/$process/fd" -mindepth 1 2>/dev/null | wc -l)
  threads=$(awk '/^Threads:/ {print $2}' "/proc/$process/status")
  kib=$(awk '/^VmRSS:/ {print $2}' "/proc/$process/status")
  printf -v "${name}_fds" %s "${fds:-0}"
  printf -v "${name}_threads" %s "${threads:-0}"
  printf -v "${name}_kib" %s "${kib:-0}"
  printf -v "$name" '%s: %s descriptors, %s threads, %s KiB' "$name" "$fds" "$threads" "$kib"
}

# show_stacks PROCESS: what each of its threads waits for in the kernel, and its own stacks where there is a debugger.
show_stacks() {
  local task
  for task in "/proc/$1/task"/*; do
    echo "$(cat "$task/comm") ${task##*/}: $(cat "$task/wchan") $(tr '\n' ' ' <"$task/stack")"
  done
  if command -v gdb >/dev/null; then gdb -p "$1" -batch -nx -ex 'thread apply all bt 12' 2>/dev/null; fi
}
