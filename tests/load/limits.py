# What tests/load/limits.sh does on a mount, by name: limits.py CASE DIRECTORY [NUMBER…]. Says what is wrong and exits 1.
import errno, os, sys

case, root = sys.argv[1], sys.argv[2]
numbers = [int(text) for text in sys.argv[3:]]


def wrong(text):
    print(text)
    sys.exit(1)


def write(name, content, dir_fd=None):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=dir_fd)
    os.write(fd, content.encode())
    os.close(fd)


def read(name, dir_fd=None):
    fd = os.open(name, os.O_RDONLY, dir_fd=dir_fd)
    text = os.read(fd, 1000).decode()
    os.close(fd)
    return text


# Opens more files than the daemon may: some opens fail with EMFILE or ENFILE and nothing else; what is open works on;
# after closing a part, all goes well again.
def open_files(make):
    wanted, held, refused = numbers[0], [], 0
    for number in range(wanted):
        try:
            held.append((number, make(number)))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE): wrong(f"file {number}: {error}")
            refused += 1
    if refused == 0: wrong(f"all {wanted} could be opened: there was no limit")
    for number, fd in held:
        check_open(number, fd)
    for _, fd in held:
        os.close(fd)
    for number in range(50):
        fd = make(wanted + number)
        check_open(wanted + number, fd)
        os.close(fd)
    print(f"{len(held)} open, {refused} refused")


def check_open(number, fd):
    if os.path.isdir(f"/proc/self/fd/{fd}"):
        os.listdir(fd)
        return
    os.pwrite(fd, b"%8d" % number, 0)
    os.fsync(fd)
    if os.pread(fd, 100, 0) != b"%8d" % number: wrong(f"file {number} holds something else")


def make_file(number):
    return os.open(f"{root}/file{number}", os.O_RDWR | os.O_CREAT, 0o644)


def make_directory(number):
    os.makedirs(f"{root}/dir{number}", exist_ok=True)
    return os.open(f"{root}/dir{number}", os.O_RDONLY | os.O_DIRECTORY)


# A listing shows each entry that is there all the time exactly once, whatever comes and goes meanwhile.
def listing():
    lasting = numbers[0]
    for number in range(lasting):
        os.mknod(f"{root}/lasting{number}")
    for number in range(1000):
        os.mknod(f"{root}/old{number}")
    for turn in range(3):
        seen, changes = {}, 0
        with os.scandir(root) as entries:
            for place, entry in enumerate(entries):
                seen[entry.name] = seen.get(entry.name, 0) + 1
                if place % 100 == 0:
                    os.mknod(f"{root}/new{turn}-{changes}")
                    if changes % 2: os.rename(f"{root}/new{turn}-{changes}", f"{root}/moved{turn}-{changes}")
                    if turn == 0 and changes < 1000: os.unlink(f"{root}/old{changes}")
                    changes += 1
        missing = sum(1 for number in range(lasting) if f"lasting{number}" not in seen)
        twice = sum(1 for name, count in seen.items() if count > 1 and name.startswith("lasting"))
        if missing or twice: wrong(f"turn {turn}: {missing} entries missing, {twice} twice, of {lasting}")


def make_links():
    write(f"{root}/link0", "one file")
    for number in range(1, numbers[0]):
        os.link(f"{root}/link{number - 1}", f"{root}/link{number}")


def check_links():
    first, count = numbers
    for number in range(first, count):
        if read(f"{root}/link{number}") != "one file": wrong(f"link{number} is another file")
    if os.stat(f"{root}/link{first}").st_nlink != count - first: wrong("wrong number of links")


def remove_links():
    for number in range(numbers[0]):
        os.unlink(f"{root}/link{number}")


# Goes down by names of 200 bytes, further than a path may be long, and writes a file at each level.
def deep(visit):
    levels, name = numbers[0], "d" * 200
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(levels):
        if visit == "make": os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
        if visit == "make": write("file", f"level {level}", dir_fd=fd)
        if read("file", dir_fd=fd) != f"level {level}": wrong(f"the file of level {level} holds something else")
    if visit == "make": os.fsync(fd)
    os.close(fd)


# Deeper than the dictionary can say: creating fails with ENAMETOOLONG, and all else goes on.
def too_deep():
    name, levels = "d" * 250, 0
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(140):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
        try:
            write("file", f"level {level}", dir_fd=fd)
            levels += 1
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG: wrong(f"level {level}: {error}")
            if "file" in os.listdir(fd): wrong(f"level {level}: the file that was refused is there")
    os.close(fd)
    if levels not in range(120, 130): wrong(f"files could be made on {levels} levels")


cases = {
    "open-files": lambda: open_files(make_file),
    "open-directories": lambda: open_files(make_directory),
    "listing": listing,
    "make-links": make_links,
    "check-links": check_links,
    "remove-links": remove_links,
    "make-deep": lambda: deep("make"),
    "check-deep": lambda: deep("check"),
    "too-deep": too_deep,
}
cases[case]()
