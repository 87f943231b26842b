"""What the files of the power-cut tests hold, and the oracle of one of them.

Content is made of units of 16 bytes that say what they are: a magic, the file's number, the version and the unit's own
number. So a unit of another file, of a version that was never written there, or of keystream is recognised.
"""
import struct

UNIT = 16
_unit = struct.Struct('>HIIIH')


def content(file, version, size, start=0):
    """`size` bytes of a version of a file from offset `start`, a multiple of UNIT."""
    first, last = start // UNIT, (start + size + UNIT - 1) // UNIT
    check = file * 31 + version * 17
    units = (_unit.pack(0x5057, file, version, i, (check + i * 7) & 0xffff) for i in range(first, last))
    return b''.join(units)[:size]


def mixed(data, allowed):
    """The offset of the first byte that is that of none of the `allowed` texts (zeros follow a shorter one), or -1."""
    if any(data == text[:len(data)] for text in allowed):
        return -1
    for at in range(0, len(data), UNIT):
        piece = data[at:at + UNIT]
        wanted = {text[at:at + len(piece)].ljust(len(piece), b'\0') for text in allowed}
        if piece in wanted:
            continue
        for i, byte in enumerate(piece):
            if all(text[i] != byte for text in wanted):
                return at + i
    return -1


class Model:
    """A file that is written in place: what it may hold after a cut, given its operations and syncs in order."""

    def __init__(self):
        self.now = bytearray()   # as the program sees it
        self.synced = b''        # at the last sync that was acknowledged
        self.sizes = {0}         # since then
        self.states = {}         # unit → its texts since then; none for a unit that was not touched

    def _unit(self, data, unit):
        return bytes(data[unit * UNIT:(unit + 1) * UNIT]).ljust(UNIT, b'\0')

    def _touched(self, start, end, change):
        units = range(start // UNIT, (max(end, start) + UNIT - 1) // UNIT + 1)
        for unit in units:
            self.states.setdefault(unit, {self._unit(self.synced, unit)}).add(self._unit(self.now, unit))
        change()
        self.sizes.add(len(self.now))
        for unit in units:
            self.states[unit].add(self._unit(self.now, unit))

    def write(self, offset, data):
        def change():
            self.now.extend(bytes(max(0, offset + len(data) - len(self.now))))
            self.now[offset:offset + len(data)] = data
        self._touched(min(offset, len(self.now)), offset + len(data), change)

    def resize(self, size):
        old = len(self.now)

        def change():
            del self.now[size:]
            self.now.extend(bytes(max(0, size - len(self.now))))
        self._touched(min(old, size), max(old, size), change)

    def punch(self, offset, length):
        end = min(offset + length, len(self.now))

        def change():
            self.now[offset:end] = bytes(max(0, end - offset))
        self._touched(offset, max(offset, end), change)

    def sync(self):
        self.synced = bytes(self.now)
        self.sizes = {len(self.now)}
        self.states = {}

    def defect(self, data):
        """What is wrong with the content found after a cut, or nothing."""
        if not min(self.sizes) <= len(data) <= max(self.sizes):
            return f'size {len(data)}, expected {min(self.sizes)} to {max(self.sizes)}'
        for start in range(0, len(data), UNIT):
            unit, piece = start // UNIT, data[start:start + UNIT]
            allowed = self.states.get(unit) or {self._unit(self.synced, unit)}
            at = mixed(piece, allowed)
            if at >= 0:
                expected = ' or '.join(sorted(text.hex() for text in allowed))
                return f'offset {start + at}: found {piece.hex()}, expected {expected}'
        return None
