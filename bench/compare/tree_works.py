"""Work on many small files: create, stat, read, append, rename, unlink, each in operations a second."""
import os
import shutil
import time

from page_cache import forget

DIRECTORIES = 20
FILE_BYTES = 4096
RECORD = b"a log record of a hundred bytes, or nearly so: it is appended again and again to one file, unsynced\n"
COLD = {"stat", "read"}


def _create(paths):
    for path in paths:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        os.write(descriptor, b"x" * FILE_BYTES)
        os.close(descriptor)


def _read(paths):
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.read(descriptor, FILE_BYTES)
        os.close(descriptor)


def _append(paths):
    descriptor = os.open(paths[0], os.O_WRONLY | os.O_APPEND)
    for _ in paths:
        os.write(descriptor, RECORD)
    os.close(descriptor)


def _rename(paths):
    for path in paths:
        os.rename(path, path + ".renamed")


def _unlink(paths):
    for path in paths:
        os.unlink(path + ".renamed")


def _stat(paths):
    for path in paths:
        os.stat(path)


TREE_WORKS = {"create": _create, "stat": _stat, "read": _read, "append": _append, "rename": _rename, "unlink": _unlink}


def run_tree(directory, settings):
    """Does all of them once, in this order; returns {name: operations a second}."""
    top = os.path.join(directory, "compare.tree")
    shutil.rmtree(top, ignore_errors=True)
    for number in range(DIRECTORIES):
        os.makedirs(os.path.join(top, str(number)))
    paths = [os.path.join(top, str(number % DIRECTORIES), f"file{number}") for number in range(settings.files)]
    rates = {}
    for name, work in TREE_WORKS.items():
        if name in COLD:
            forget()
        begin = time.monotonic()
        work(paths)
        rates[name] = len(paths) / (time.monotonic() - begin)
    shutil.rmtree(top)
    return rates
