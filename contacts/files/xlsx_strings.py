"""The shared strings of a workbook: the first ones in memory, the many others in a temporary file."""

import os
import tempfile
from array import array
from collections.abc import Iterable

from contacts.files.reasons import FileProblem, FileRefused
from contacts.files.safe_xml import MAX_DEPTH, SafeXml, local
from contacts.files.xlsx_values import unescape

MAX_CELL = 32_767  # characters, the limit of spreadsheets
_IN_MEMORY = 4 << 20  # characters


class SharedStrings:
    """Strings by index, read once from their part. Is the handler of its XML as well."""

    def __init__(self, chunks: Iterable[bytes] | None) -> None:
        self._first: list[str] = []
        self._room = _IN_MEMORY
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (see close)
        self._ends = array("Q", [0])
        self._depth = 0
        self._skipping = 0  # depth of the phonetic guide that is being passed over
        self._text: list[str] | None = None  # pieces of the string that is being read
        self._length = 0
        self._wanted = False
        try:
            if chunks is not None:
                self._read(chunks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def __getitem__(self, index: int) -> str:
        if 0 <= index < len(self._first):
            return self._first[index]
        index -= len(self._first)
        if not 0 <= index < len(self._ends) - 1:
            raise FileRefused(FileProblem.CORRUPT)
        start, end = self._ends[index], self._ends[index + 1]
        return os.pread(self._file.fileno(), end - start, start).decode("utf-8", "surrogatepass")

    def _read(self, chunks: Iterable[bytes]) -> None:
        xml = SafeXml(self)
        for chunk in chunks:
            xml.feed(chunk)
        xml.finish()
        self._file.flush()

    def _append(self, text: str) -> None:
        self._room -= len(text) + 50  # an empty string is not free either
        if self._room >= 0:
            self._first.append(text)
        else:
            data = text.encode("utf-8", "surrogatepass")
            self._file.write(data)
            self._ends.append(self._ends[-1] + len(data))

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FileRefused(FileProblem.UNSAFE)
        name = local(tag)
        if name == "si":
            self._text, self._length = [], 0
        elif name == "rPh" and not self._skipping:
            self._skipping = self._depth
        self._wanted = name == "t" and self._text is not None and not self._skipping

    def end(self, tag: str) -> None:
        if self._skipping == self._depth:
            self._skipping = 0
        self._depth -= 1
        self._wanted = False
        if self._text is not None and local(tag) == "si":
            self._append(unescape("".join(self._text)))
            self._text = None

    def text(self, data: str) -> None:
        if self._wanted and self._text is not None:
            self._length += len(data)
            if self._length > 8 * MAX_CELL:  # escapes take eight characters each
                raise FileRefused(FileProblem.UNSAFE)
            self._text.append(data)
