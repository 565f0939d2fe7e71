"""The zip file around a workbook, opened with suspicion: nothing is unpacked that could hurt.

Sizes, ratios and the number of parts are checked in the directory before anything is unpacked, and enforced
while reading; XML with a document type (and so with entities) is refused.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from posixpath import dirname, join, normpath
from typing import IO

from contacts.files.reasons import FileProblem, FileRefused
from contacts.files.safe_xml import CHUNK, MAX_DEPTH, SafeXml, local

MAX_UNPACKED = 1 << 30  # bytes, all parts together; a million rows of ten columns take half of it
MAX_RATIO = 200  # of a part's unpacked to its packed size; sheets have 10 to 50
MAX_PARTS = 2000
MAX_DIRECTORY = 1 << 20  # bytes that may be read at once from the zip file
MAX_SMALL_PART = 8 << 20  # bytes of the parts that are kept in memory: workbook, relations, styles
_FREE_RATIO = 1 << 20  # bytes up to which the ratio says nothing
# All that `zipfile` raises on damaged files.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class _Cautious:
    """A file that does not let `zipfile` read a directory of millions of entries into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, MAX_DIRECTORY + 1) if size >= 0 else MAX_DIRECTORY + 1)
        if len(data) > MAX_DIRECTORY:
            raise FileRefused(FileProblem.TOO_LARGE_INSIDE)
        return data


class Package:
    """The parts of a workbook by name. Raises FileRefused for whatever is wrong with them."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(_Cautious(file))
        except _DAMAGED as error:
            raise FileRefused(FileProblem.CORRUPT) from error
        self._left = MAX_UNPACKED
        parts = self._zip.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise FileRefused(FileProblem.TOO_LARGE_INSIDE)
        for part in parts:
            if part.file_size > max(part.compress_size * MAX_RATIO, _FREE_RATIO):
                raise FileRefused(FileProblem.TOO_LARGE_INSIDE)
            if part.flag_bits & 0x1:
                raise FileRefused(FileProblem.ENCRYPTED)
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FileRefused(FileProblem.CORRUPT)
        self._parts = {part.filename.lstrip("/").casefold(): part for part in parts}

    def close(self) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._parts

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a part, piece by piece."""
        info = self._parts.get(name.casefold())
        if info is None:
            raise FileRefused(FileProblem.CORRUPT)
        try:
            with self._zip.open(info) as part:
                while chunk := part.read(CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise FileRefused(FileProblem.TOO_LARGE_INSIDE)
                    yield chunk
        except _DAMAGED as error:
            raise FileRefused(FileProblem.CORRUPT) from error

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """What a part refers to: relation id → (last word of its type, name of the other part)."""
        path = join(dirname(name), "_rels", name.rpartition("/")[2] + ".rels")
        found: dict[str, tuple[str, str]] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if local(tag) == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                target = target[1:] if target.startswith("/") else normpath(join(dirname(name), target))
                found[attributes.get("Id", "")] = attributes.get("Type", "").rpartition("/")[2], target

        if path in self:
            self.read_small(path, start)
        return found

    def read_small(self, name: str, start: Callable[[str, dict[str, str]], None]) -> None:
        """Call `start` with each element of a part that is small or else refused."""
        if name in self and self._parts[name.casefold()].file_size > MAX_SMALL_PART:
            raise FileRefused(FileProblem.TOO_LARGE_INSIDE)
        xml = SafeXml(_Elements(start))
        for chunk in self.chunks(name):
            xml.feed(chunk)
        xml.finish()


class _Elements:
    """Hands each element's start to a function."""

    def __init__(self, function: Callable[[str, dict[str, str]], None]) -> None:
        self._function = function
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FileRefused(FileProblem.UNSAFE)
        self._function(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1

    def text(self, data: str) -> None:
        pass
