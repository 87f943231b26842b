"""Makes the kernel forget cached pages, names and inodes, where that is allowed."""
import os
import sys

_warned = False


def forget():
    """Drops the caches of the whole machine; without the right to do so it says once that reads are warm."""
    global _warned
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as control:
            control.write("3")
    except OSError as error:
        if not _warned:
            print(f"# the caches stay warm: {error.strerror}", file=sys.stderr)
        _warned = True
