"""What an ELF file of 64 bits says of itself: its segments, its dynamic section, the names it links to."""
import struct
from pathlib import Path

LOAD, DYNAMIC, GNU_STACK, GNU_RELRO = 1, 2, 0x6474e551, 0x6474e552
EXECUTABLE, WRITABLE = 1, 2
SHARED_OBJECT = 3  # e_type of what is loaded at any address
_NULL, _NEEDED, _TEXTREL, _RPATH, _RUNPATH, _FLAGS, _FLAGS_1 = 0, 1, 22, 15, 29, 30, 0x6ffffffb
_BIND_NOW, _NOW, _PIE = 0x8, 0x1, 0x08000000
_DYNAMIC_SYMBOLS = 11  # type of a section


class Elf:
    """One file, read at once."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        assert self.data[:6] == b"\x7fELF\2\1", f"{path} is no ELF file of 64 bits, least octet first"
        self.kind, = struct.unpack_from("<H", self.data, 16)
        self.machine, = struct.unpack_from("<H", self.data, 18)
        at, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        #: (type, flags, offset, octets in the file), one each.
        self.segments = []
        for i in range(count):
            kind, flags, offset, _, _, length = struct.unpack_from("<IIQQQQ", self.data, at + i * size)
            self.segments.append((kind, flags, offset, length))
        self.dynamic = self._dynamic()

    def flags_of(self, kind):
        """The flags of each segment of this type."""
        return [flags for each, flags, _, _ in self.segments if each == kind]

    def _dynamic(self):
        """The dynamic section: tag to values."""
        (offset, length), = [(offset, length) for kind, _, offset, length in self.segments if kind == DYNAMIC]
        found = {}
        for tag, value in struct.iter_unpack("<QQ", self.data[offset:offset + length]):
            if tag == _NULL:
                break
            found.setdefault(tag, []).append(value)
        return found

    def _has(self, tag, bit):
        return any(value & bit for value in self.dynamic.get(tag, []))

    @property
    def is_static(self):
        return _NEEDED not in self.dynamic

    @property
    def is_pie(self):
        return self.kind == SHARED_OBJECT and self._has(_FLAGS_1, _PIE)

    @property
    def binds_at_start(self):
        """Every address of a library's function is known before main, so that their table is sealed."""
        return self._has(_FLAGS, _BIND_NOW) or self._has(_FLAGS_1, _NOW)

    @property
    def writes_into_code(self):
        return _TEXTREL in self.dynamic

    @property
    def searches_elsewhere(self):
        """For libraries, by a path of its own."""
        return bool({_RPATH, _RUNPATH} & set(self.dynamic))

    def count_in_code(self, octets):
        return sum(self.data[offset:offset + length].count(octets)
                   for kind, flags, offset, length in self.segments if kind == LOAD and flags & EXECUTABLE)

    def dynamic_symbols(self):
        """(imported, exported): the names that it links to libraries by."""
        at, = struct.unpack_from("<Q", self.data, 40)
        size, count = struct.unpack_from("<HH", self.data, 58)
        sections = [struct.unpack_from("<IIQQQQII", self.data, at + i * size) for i in range(count)]
        imported, exported = set(), set()
        for _, kind, _, _, offset, length, names, _ in sections:
            if kind != _DYNAMIC_SYMBOLS:
                continue
            text = sections[names][4]
            for symbol in range(offset + 24, offset + length, 24):
                name, _, _, section = struct.unpack_from("<IBBH", self.data, symbol)
                begin = text + name
                word = self.data[begin:self.data.index(b"\0", begin)].decode()
                (exported if section else imported).add(word)
        return imported, exported
