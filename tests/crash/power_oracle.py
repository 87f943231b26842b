"""The oracle of one case: a log of what may be and what must be there, written as the case goes, read after the cut.

A line is a word and its arguments, separated by spaces; names are relative to the case's directory.
  may NAME VALUE     from here on the name may show this as well
  must NAME VALUE    acknowledged: the name shows this and nothing else
  one NAME NAME      at least one of the names is there, until a "must" of either
  content NAME FILE  the name is written in place: its file number; then its operations, each before it is done:
  write NAME OFFSET SIZE VERSION · resize NAME SIZE · punch NAME OFFSET SIZE
  synced NAME        acknowledged: all operations so far are durable
A value is FILE.VERSION.SIZE for a whole file, ~FILE.VERSION.SIZE for one that need not be all there, and - for none.
"""
import errno
import os
import stat

from power_content import Model, content, mixed


class Oracle:
    """Writes the log. A line is handed to the kernel at once, since the process may be ended at any time."""

    def __init__(self, path, steps):
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._steps = steps

    def note(self, *words):
        os.write(self._file, (' '.join(map(str, words)) + '\n').encode())

    def may(self, name, value):
        self.note('may', name, value)

    def must(self, *pairs):
        """One step that was acknowledged; `pairs` are (name, value)."""
        self._acknowledged(*(('must', name, value) for name, value in pairs))

    def synced(self, name):
        self._acknowledged(('synced', name))

    def _acknowledged(self, *lines):
        if self._steps.closed:
            raise OSError(errno.EIO, 'after the cut')
        for line in lines:
            self.note(*line)
        self._steps()


def value(file, version, size, whole=True):
    return f'{"" if whole else "~"}{file}.{version}.{size}'


class Result:
    def __init__(self):
        self.defects, self.acknowledged, self.files = [], 0, 0


class Expectation:
    """The log, replayed."""

    def __init__(self):
        self.values = {}   # name → the values it may show
        self.pairs = []    # (name, name) of which one is there
        self.models = {}   # name → Model
        self.numbers = {}  # name → file number
        self.acknowledged = 0

    def replay(self, path):
        with open(path, encoding='ascii') as log:
            for line in log:
                word, *arguments = line.split()
                getattr(self, word)(*arguments)

    def ended(self, _error):
        pass

    def may(self, name, text):
        self.values.setdefault(name, {'-'}).add(text)

    def must(self, name, text):
        self.values[name] = {text}
        self.pairs = [pair for pair in self.pairs if name not in pair]
        self.acknowledged += 1

    def one(self, first, second):
        self.pairs.append((first, second))

    def content(self, name, number):
        self.models[name], self.numbers[name] = Model(), int(number)

    def write(self, name, offset, size, version):
        start = int(offset) // 16 * 16
        data = content(self.numbers[name], int(version), int(offset) - start + int(size), start)
        self.models[name].write(int(offset), data[int(offset) - start:])

    def resize(self, name, size):
        self.models[name].resize(int(size))

    def punch(self, name, offset, size):
        self.models[name].punch(int(offset), int(size))

    def synced(self, name):
        self.models[name].sync()
        self.values[name] = {'in place'}
        self.acknowledged += 1


def fits(data, text):
    """Whether a file's content is that of a value; an empty text if so."""
    number, version, size = map(int, text.lstrip('~').split('.'))
    whole = content(number, version, size)
    if not text.startswith('~'):
        return data == whole
    return len(data) <= size and mixed(data, {whole, bytes(size)}) < 0


def names_of(directory):
    for parent, _, names in os.walk(directory):
        for name in names:
            yield os.path.relpath(os.path.join(parent, name), directory)


def verify_case(directory, log):
    result, expected = Result(), Expectation()
    expected.replay(log)
    result.acknowledged = expected.acknowledged
    found = {}
    for name in names_of(directory):
        path = os.path.join(directory, name)
        result.files += 1
        try:
            with open(path, 'rb') as file:
                found[name] = file.read()
                if len(found[name]) != os.fstat(file.fileno()).st_size:
                    result.defects.append(f'{name}: shorter than its size')
        except OSError as error:
            found[name] = None
            result.defects.append(f'{name}: {error.strerror}')
        if stat.S_ISREG(os.lstat(path).st_mode) and name not in expected.values and name not in expected.models:
            result.defects.append(f'{name}: nobody made this')
    for name in sorted(set(expected.values) | set(expected.models)):
        if name in found and found[name] is None:
            continue
        defect = judge(expected, name, found.get(name))
        if defect:
            result.defects.append(f'{name}: {defect}')
    for first, second in expected.pairs:
        if first not in found and second not in found:
            result.defects.append(f'{first}, {second}: neither is there')
    return result


def judge(expected, name, data):
    values = expected.values.get(name, {'-'})
    if name in expected.models:
        if data is not None:
            return expected.models[name].defect(data)
        return None if '-' in values else 'lost'
    if data is None:
        return None if '-' in values else f'lost, expected {" or ".join(sorted(values))}'
    if any(text != '-' and fits(data, text) for text in values):
        return None
    return f'{len(data)} bytes beginning {data[:32].hex()}, expected {" or ".join(sorted(values))}'
