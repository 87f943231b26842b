# One directory for everything that a test script leaves behind, and its removal whatever happens.
# Sets `workspace`. At exit: what is mounted below it is lazily unmounted, the processes that were noted with
# `remember_process` are ended, loop devices of images below it go, then the directory.
workspace=$(mktemp -d "${TDEFS_TEST_DIR:-/var/tmp}/tdefs-test.XXXXXX") || exit 1
chmod 755 "$workspace"  # other users work on the mounts below
# A process is remembered with the time of its start, because its number may be given to another one once it has ended.
remembered_processes=()
remember_process() { remembered_processes+=("$1 $(started_at "$1")"); }
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

end_process() {  # PROCESS
  kill "$1" 2>/dev/null && { await_end "$1" 10 || kill -9 "$1"; }
}

# The mounts below the workspace, the innermost first.
mounts_below_workspace() { awk -v below="$workspace/" 'index($5, below) == 1 {print $5}' /proc/self/mountinfo | sort -r; }

# The live processes that run this program with this text in their arguments.
processes_of() {  # PROGRAM TEXT
  local program link
  program=$(readlink -f "$1")
  # One find for all: a readlink for each process of the machine takes longer than what is tested.
  find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/exe' \( -lname "$program" -o -lname "$program (deleted)" \) 2>/dev/null |
    while read -r link; do
      tr '\0' '\n' 2>/dev/null <"${link%exe}cmdline" | grep -qF -- "$2" && basename "${link%/exe}"
    done
}

# Waits until a process has ended, at most so many seconds. One that only waits to be reaped has ended.
await_end() {  # PROCESS [SECONDS]
  python3 -c 'import os, select, sys
try: process = os.pidfd_open(int(sys.argv[1]))
except ProcessLookupError: sys.exit(0)
sys.exit(0 if select.select([process], [], [], float(sys.argv[2]))[0] else 1)' "$1" "${2:-60}"
}

clean_up() {
  local status=$? mount process start
  trap - EXIT
  cd /
  for mount in $(mounts_below_workspace); do umount -l "$mount" 2>/dev/null; done
  for process in "${remembered_processes[@]}"; do
    read -r process start <<<"$process"
    [ -n "$start" ] && [ "$(started_at "$process")" = "$start" ] && end_process "$process"
  done
  for process in ${tdefs:+$(processes_of "$tdefs" "$workspace/")}; do end_process "$process"; done
  losetup -l -n -O NAME,BACK-FILE 2>/dev/null | awk -v below="$workspace/" 'index($2, below) == 1 {print $1}' |
    xargs -r -n 1 losetup -d
  if [ -n "${TDEFS_KEEP:-}" ]; then echo "kept: $workspace"; else rm -rf --one-file-system "$workspace"; fi
  exit $status
}
trap clean_up EXIT
for signal in INT TERM HUP; do trap "echo 'interrupted by SIG$signal'; exit 130" $signal; done
