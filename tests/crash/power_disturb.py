"""What goes on below a store while it works: a disk that is busy with others."""
import os

PAGE = 4096


def disturb(below, random, stopped):
    """Commits the journal of the filesystem at random by syncing a file beside the store, and has pages of backing
    files, the store's own too, written in no order. Ends with the filesystem."""
    neighbour = os.open(os.path.join(below, 'neighbour'), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while not stopped.is_set():
            push_pages(below, random)
            os.pwrite(neighbour, b'x', 0)
            os.fsync(neighbour)
    except OSError:
        pass


def push_pages(below, random):
    for directory, _, names in os.walk(os.path.join(below, 'backing')):
        for name in random.sample(names, min(len(names), 3)):
            try:
                file = os.open(os.path.join(directory, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                continue  # a socket, or gone
            pages = os.fstat(file).st_size // PAGE + 1
            first = random.randrange(pages)
            # Starts the writing of the dirty pages in the range, and waits for none.
            os.posix_fadvise(file, first * PAGE, random.randint(1, 3) * PAGE, os.POSIX_FADV_DONTNEED)
            os.close(file)
