"""CSV, record by record, so that one broken row stays one broken row and every record has a byte offset."""

import codecs
import csv
from collections.abc import Iterator
from typing import IO

from common.formulas import restore
from contacts.files.encodings import as_byte_lines, detect_delimiter, detect_encoding
from contacts.files.reasons import FileProblem, FileRefused, Reason
from contacts.files.table import Checkpoint, Table, clean_header

MAX_RECORD = 128 << 10  # bytes; also the csv module's limit of a field
_EXCERPT = 200  # bytes of a row that could not be taken apart
_REREAD = 64 << 20  # bytes that may be read again because of quotation marks that are never closed


class CsvTable(Table):
    """A CSV file. `csv` takes the records apart; it is fed line by line, and so `_offset` is always the end
    of the record that it gave last."""

    def __init__(self, file: IO[bytes], checkpoint: Checkpoint | None = None) -> None:
        """Find encoding, delimiter and header; stand behind the header, or where `checkpoint` says."""
        super().__init__()
        self._file = as_byte_lines(file)
        if self._file is not file:
            self.closing.callback(self._file.close)
        try:
            self._encoding = str(checkpoint["encoding"]) if checkpoint else detect_encoding(self._file)
            self._delimiter = str(checkpoint["delimiter"]) if checkpoint else self._sniff()
            self._go_to(self._start(), 0)
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise
        if checkpoint:
            self._go_to(int(checkpoint["offset"]), int(checkpoint["line"]))

    def _start(self) -> int:
        self._file.seek(0)
        return len(codecs.BOM_UTF8) if self._file.read(3) == codecs.BOM_UTF8 else 0

    def _sniff(self) -> str:
        self._file.seek(self._start())
        return detect_delimiter(self._file.read(MAX_RECORD).decode(self._encoding, "replace"))

    def _go_to(self, offset: int, line: int) -> None:
        self._file.seek(offset)
        self._offset = self._record_start = offset
        self._line = line  # lines before the offset
        self._undecodable = self._apostrophes = False
        self._reread = 0

    def _read_header(self) -> list[str]:
        for _line, cells, reason in self._records():
            if reason or any("\0" in cell for cell in cells):
                raise FileRefused(FileProblem.NOT_TEXT)
            if header := clean_header(cells):
                return header
        raise FileRefused(FileProblem.EMPTY)

    def _checkpoint(self) -> Checkpoint:
        return {
            "offset": self._offset,
            "line": self._line,
            "encoding": self._encoding,
            "delimiter": self._delimiter,
        }

    def _lines(self) -> Iterator[str]:
        """Decoded physical lines for the csv module, which asks for one only while its record is not complete."""
        readline, encoding = self._file.readline, self._encoding
        while raw := readline(MAX_RECORD + 1):
            self._offset += len(raw)
            self._line += 1
            if self._offset - self._record_start > MAX_RECORD:
                raise csv.Error("record too long")
            if b"'" in raw:
                self._apostrophes = True
            try:
                line = raw.decode(encoding)
            except UnicodeDecodeError:
                self._undecodable = True
                line = raw.decode(encoding, "replace")
            yield line

    def _records(self) -> Iterator[tuple[int, list[str], Reason | None]]:
        while True:
            line, self._record_start = self._line, self._offset
            try:
                # Strict, because a quotation mark that is never closed must not swallow the rows after it.
                for cells in csv.reader(self._lines(), delimiter=self._delimiter, strict=True):
                    reason = None
                    if self._undecodable:
                        reason, self._undecodable = Reason.BAD_ENCODING, False
                    if self._apostrophes:
                        cells, self._apostrophes = [restore(cell) for cell in cells], False
                    yield line + 1, cells, reason
                    line, self._record_start = self._line, self._offset
                return
            except csv.Error:
                yield self._broken(line)

    def _broken(self, line: int) -> tuple[int, list[str], Reason]:
        """Refuse the first line of a record that cannot be taken apart, and go on with the next line.

        The lines after it may well be good rows. But reading them again and again is what a hostile file
        would like, so that there is an end to it: then the whole record is refused.
        """
        seen, seen_line = self._offset, self._line
        start = self._record_start
        end = self._end_of_line(start)
        self._file.seek(start)
        excerpt = self._file.read(min(end - start, _EXCERPT)).decode(self._encoding, "replace")
        reread = self._reread + max(0, seen - end)
        if reread <= _REREAD:
            self._go_to(end, line + 1)
        else:
            self._go_to(self._end_of_line(seen - 1), seen_line)
        self._reread = reread
        reason = Reason.LINE_TOO_LONG if end - start > MAX_RECORD else Reason.MALFORMED
        return line + 1, [excerpt.rstrip("\r\n")], reason

    def _end_of_line(self, offset: int) -> int:
        self._file.seek(offset)
        while (part := self._file.readline(MAX_RECORD)) and not part.endswith(b"\n"):
            pass
        return self._file.tell()
