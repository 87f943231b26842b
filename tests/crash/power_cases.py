"""The cases of the power-cut tests: each works for ever in its own directory until the filesystem fails, and tells its
oracle before what may happen and after what was acknowledged (power_oracle.py)."""
import ctypes
import itertools
import mmap
import os

from power_content import content
from power_oracle import value

_libc = ctypes.CDLL(None, use_errno=True)
_PUNCH_HOLE_KEEP_SIZE = 3


def sync_directory(path):
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_file(path, data, flags=os.O_CREAT, sync=True):
    file = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        for start in range(0, len(data), 5000):
            os.pwrite(file, data[start:start + 5000], start)
        if sync:
            os.fsync(file)
    finally:
        os.close(file)


def size_of(random):
    return random.choice((random.randint(1, 200), random.randint(1, 9000), random.randint(1, 40000)))


# -- One file, written in place --------------------------------------------------------------------------------------

def in_place(directory, oracle, flags, change):
    """Opens the case's file and lets `change` work on it for each version."""
    oracle.note('content', 'file', 1)
    file = os.open(os.path.join(directory, 'file'), os.O_CREAT | os.O_RDWR | flags, 0o600)
    sync_directory(directory)
    try:
        for version in itertools.count(1):
            change(file, version)
    finally:
        os.close(file)


def overwrite(file, version, oracle, random, unit=16, size=48 << 10):
    offset = random.randrange(size // unit) * unit
    length = random.randint(1, 12000) if unit == 16 else unit * random.randint(1, 3)
    oracle.note('write', 'file', offset, length, version)
    data = content(1, version, length, offset)
    if unit == 16:
        os.pwrite(file, data, offset)
        return
    with mmap.mmap(-1, length) as aligned:
        aligned[:] = data
        os.pwritev(file, [aligned], offset)


def synced_by(sync):
    def case(directory, oracle, random):
        def change(file, version):
            overwrite(file, version, oracle, random)
            if random.random() < 0.6:
                sync(file)
                oracle.synced('file')
        in_place(directory, oracle, 0, change)
    return case


fsync, fdatasync = synced_by(os.fsync), synced_by(os.fdatasync)
fsync.__name__, fdatasync.__name__ = 'fsync', 'fdatasync'


def dsync(directory, oracle, random):
    def change(file, version):
        overwrite(file, version, oracle, random)
        oracle.synced('file')
    in_place(directory, oracle, os.O_DSYNC, change)


def direct_dsync(directory, oracle, random):
    def change(file, version):
        overwrite(file, version, oracle, random, 4096)
        oracle.synced('file')
    in_place(directory, oracle, os.O_DSYNC | os.O_DIRECT, change)


def msync(directory, oracle, random):
    size = 32 << 10

    def change(file, version):
        if version == 1:
            oracle.note('resize', 'file', size)
            os.ftruncate(file, size)
        with mmap.mmap(file, size) as memory:
            for _ in range(3):
                offset, length = random.randrange(size // 16) * 16, random.randint(1, 6000)
                length = min(length, size - offset)
                oracle.note('write', 'file', offset, length, version)
                memory[offset:offset + length] = content(1, version, length, offset)
            memory.flush()
        oracle.synced('file')
    in_place(directory, oracle, 0, change)


def append(directory, oracle, random):
    """A log: records of any length, each behind the last, synced now and then."""
    end = 0

    def change(file, _version):
        nonlocal end
        length = random.randint(1, 300)
        start = end // 16 * 16
        oracle.note('write', 'file', end, length, 1)
        os.pwrite(file, content(1, 1, end - start + length, start)[end - start:], end)
        end += length
        if random.random() < 0.2:
            os.fdatasync(file)
            oracle.synced('file')
    in_place(directory, oracle, 0, change)


def sparse(directory, oracle, random):
    """Holes: writes, punches and sizes anywhere."""
    def change(file, version):
        kind = random.random()
        if kind < 0.5:
            overwrite(file, version, oracle, random)
        elif kind < 0.75:
            size = random.choice((random.randint(1, 60000), random.randint(1, 3000) * 16))
            oracle.note('resize', 'file', size)
            os.ftruncate(file, size)
        else:
            offset, length = random.randint(0, 50000), random.randint(1, 20000)
            oracle.note('punch', 'file', offset, length)
            if _libc.fallocate(file, _PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
                raise OSError(ctypes.get_errno(), 'fallocate')
        if random.random() < 0.3:
            os.fsync(file)
            oracle.synced('file')
    in_place(directory, oracle, 0, change)


# -- Names ------------------------------------------------------------------------------------------------------------

def create(directory, oracle, random):
    """A new file and its fsync; on ext4 and XFS that makes its name durable too."""
    for number in itertools.count(1):
        name, size = f'f{number}', size_of(random)
        oracle.may(name, value(number, 1, size, False))
        write_file(os.path.join(directory, name), content(number, 1, size))
        if random.random() < 0.5:
            sync_directory(directory)
        oracle.must((name, value(number, 1, size)))


def directory_sync(directory, oracle, random):
    """Names of files are durable with the fsync of their directory; their content only with their own."""
    for number in itertools.count(1):
        parent = f'd{number}'
        os.mkdir(os.path.join(directory, parent))
        made = []
        for i in range(random.randint(1, 12)):
            name, size, sync = f'{parent}/{i}', size_of(random) // 4 + 1, random.random() < 0.3
            oracle.may(name, value(number * 100 + i, 1, size, False))
            write_file(os.path.join(directory, name), content(number * 100 + i, 1, size), sync=sync)
            made.append((name, value(number * 100 + i, 1, size, sync)))
        sync_directory(os.path.join(directory, parent))
        sync_directory(directory)
        oracle.must(*made)


def replace(directory, oracle, random):
    """Write a temporary file, fsync, rename over the old one, fsync of the directory: the old or the new one, whole."""
    for number in itertools.count(1):
        target, size = f'target{number % 3}', size_of(random)
        temporary = target + '.tmp'
        whole = value(number, 1, size)
        oracle.may(temporary, value(number, 1, size, False))
        write_file(os.path.join(directory, temporary), content(number, 1, size))
        oracle.may(target, whole)
        os.rename(os.path.join(directory, temporary), os.path.join(directory, target))
        if random.random() < 0.8:
            sync_directory(directory)
            oracle.must((target, whole), (temporary, '-'))


def rewrite(directory, oracle, random):
    """O_TRUNC, write, fsync: the old content, a part of the new, or after the fsync all of the new."""
    for version in itertools.count(1):
        number, size = version % 3 + 1, size_of(random)
        name = f'file{number}'
        oracle.may(name, value(number, version, size, False))
        write_file(os.path.join(directory, name), content(number, version, size), os.O_CREAT | os.O_TRUNC)
        if version <= 3:
            sync_directory(directory)
        oracle.must((name, value(number, version, size)))


def link(directory, oracle, random):
    for number in itertools.count(1):
        first, second, size = f'a{number}', f'b{number}', size_of(random)
        whole = value(number, 1, size)
        path, other = os.path.join(directory, first), os.path.join(directory, second)
        oracle.may(first, value(number, 1, size, False))
        write_file(path, content(number, 1, size))
        oracle.must((first, whole))
        oracle.may(second, whole)
        os.link(path, other)
        sync_directory(directory)
        oracle.must((second, whole))
        if random.random() < 0.7:
            oracle.may(first, '-')
            oracle.note('one', first, second)
            os.unlink(path)
            sync_directory(directory)
            oracle.must((first, '-'))


def unlink(directory, oracle, random):
    """Files are made, made durable, and removed."""
    for number in itertools.count(1):
        names = [f'{number}.{i}' for i in range(random.randint(1, 6))]
        values = [value(number * 10 + i, 1, 50 + i * 700) for i in range(len(names))]
        for i, name in enumerate(names):
            oracle.may(name, '~' + values[i])
            write_file(os.path.join(directory, name), content(number * 10 + i, 1, 50 + i * 700))
        sync_directory(directory)
        oracle.must(*zip(names, values))
        removed = random.sample(names, random.randint(1, len(names)))
        for name in removed:
            oracle.may(name, '-')
            os.unlink(os.path.join(directory, name))
        sync_directory(directory)
        oracle.must(*((name, '-') for name in removed))


def tree(directory, oracle, random):
    """A directory with files is renamed, again and again; they are under the old name or the new one."""
    for number in itertools.count(1):
        parent = f'd{number}.0'
        os.mkdir(os.path.join(directory, parent))
        values = {str(i): value(number * 100 + i, 1, 30 + i * 900) for i in range(random.randint(1, 5))}
        for i, text in values.items():
            oracle.may(f'{parent}/{i}', '~' + text)
            write_file(os.path.join(directory, parent, i), content(number * 100 + int(i), 1, 30 + int(i) * 900))
        sync_directory(os.path.join(directory, parent))
        oracle.must(*((f'{parent}/{i}', text) for i, text in values.items()))
        for move in range(1, random.randint(2, 5)):
            moved = f'd{number}.{move}'
            for i, text in values.items():
                oracle.may(f'{moved}/{i}', text)
                oracle.may(f'{parent}/{i}', '-')
                oracle.note('one', f'{parent}/{i}', f'{moved}/{i}')
            os.rename(os.path.join(directory, parent), os.path.join(directory, moved))
            sync_directory(directory)
            for i, text in values.items():
                oracle.must((f'{moved}/{i}', text), (f'{parent}/{i}', '-'))
            parent = moved


def unsynced(directory, oracle, random):
    """Many files and renames that nobody asks to be durable: what a journal commits of them before the dictionary's log
    was flushed has to be healed."""
    for number in itertools.count(1):
        name, other, size = f'{number}', f'moved{number}', random.randint(0, 900)
        oracle.may(name, value(number, 1, size, False))
        write_file(os.path.join(directory, name), content(number, 1, size), sync=False)
        if number % 3 == 0:
            oracle.may(other, value(number, 1, size, False))
            os.rename(os.path.join(directory, name), os.path.join(directory, other))
        if number % 16 == 0:
            oracle.must()


ALL = [fsync, fdatasync, dsync, direct_dsync, msync, append, sparse, create, directory_sync, replace, rewrite, link,
       unlink, tree, unsynced]
