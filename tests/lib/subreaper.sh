# Sourced first of all: the script starts anew as a process that its orphaned grandchildren become children of, so that
# they are reaped at once. A database server that was killed and is not yet reaped by a slow init would be taken for a
# running one by the next.
if [ -z "${TDEFS_SUBREAPER:-}" ]; then
  export TDEFS_SUBREAPER=1
  exec python3 -c 'import ctypes, os, sys; PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); os.execvp("bash", sys.argv[1:])' bash "$0" "$@"
fi
unset TDEFS_SUBREAPER
