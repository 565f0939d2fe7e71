"""Write tables for people: CSV and XLSX by one interface, row by row, with memory that does not grow (C12).

    with open_writer("xlsx", file, zone=zone) as writer:
        writer.write_header(["姓名", "电话"])
        writer.write_rows(rows)

No text is ever a formula, a link or a number in the spreadsheet that opens it; numbers and dates stay what they
are. What is written here and read with `readers.open_table` comes back the same.
"""

import csv
import io
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import IO, Any, ClassVar, Self
from urllib.parse import quote

import xlsxwriter
from django.utils.translation import gettext_lazy as _

from common.formulas import looks_like_formula, neutralise
from contacts.files.reasons import RowRefused

SHEET_ROWS = 1_048_576  # of a spreadsheet, the header included
_SHEET_CELL = 32_767  # characters
_EXACT = 10**15  # spreadsheets keep 15 digits of a number
_FLUSH = 1 << 16  # characters
_NOT_IN_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


class TableWriter(ABC):
    """Writes one table into a binary stream. Values may be text, numbers, dates, lists of text, or None.

    Moments are written as local time of `zone`.
    """

    extension: ClassVar[str]
    content_type: ClassVar[str]

    def __init__(self, stream: IO[bytes], *, zone: tzinfo) -> None:
        self._stream = stream
        self._zone = zone

    @abstractmethod
    def write_header(self, cells: Iterable[object]) -> None:
        """The first row; call it once, before the others."""

    @abstractmethod
    def write_rows(self, rows: Iterable[Iterable[object]]) -> None:
        """Some more rows."""

    @abstractmethod
    def close(self) -> None:
        """Complete the file. The stream stays open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _plain(self, value: object) -> Any:
        """A value as text, number or naive local date, whichever it is."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).upper()
        if isinstance(value, datetime):
            return value.astimezone(self._zone).replace(tzinfo=None) if value.tzinfo else value
        if isinstance(value, int | float | Decimal):
            return value if -_EXACT < value < _EXACT else str(value)  # NaN and infinity are text as well
        if isinstance(value, date):
            return value
        if isinstance(value, list | tuple):
            return "; ".join(map(str, value))
        return str(value)


class CsvWriter(TableWriter):
    """UTF-8 with a byte order mark, without which Excel takes Chinese for something else."""

    extension = "csv"
    content_type = "text/csv; charset=utf-8"

    def __init__(self, stream: IO[bytes], *, zone: tzinfo) -> None:
        super().__init__(stream, zone=zone)
        self._buffer = io.StringIO(newline="")
        self._csv = csv.writer(self._buffer)
        stream.write(b"\xef\xbb\xbf")

    def write_header(self, cells: Iterable[object]) -> None:
        self.write_rows([cells])

    def write_rows(self, rows: Iterable[Iterable[object]]) -> None:
        for row in rows:
            self._csv.writerow([self._cell(value) for value in row])
            if self._buffer.tell() > _FLUSH:
                self._flush()
        self._flush()

    def close(self) -> None:
        self._flush()

    def _cell(self, value: object) -> str:
        if type(value) is not str:
            value = self._plain(value)
            if isinstance(value, int | float):
                return str(value)
            if isinstance(value, Decimal):
                return f"{value:f}"
            if isinstance(value, datetime):
                return value.isoformat(" ", "seconds")
        return neutralise(str(value))

    def _flush(self) -> None:
        self._stream.write(self._buffer.getvalue().encode("utf-8", "replace"))
        self._buffer.seek(0)
        self._buffer.truncate()


class XlsxWriter(TableWriter):
    """A workbook that begins another sheet, with the header again, when one is full."""

    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, stream: IO[bytes], *, zone: tzinfo, sheet_rows: int = SHEET_ROWS) -> None:
        super().__init__(stream, zone=zone)
        self._book = xlsxwriter.Workbook(stream, {"constant_memory": True})
        self._bold = self._book.add_format({"bold": True})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._money = self._book.add_format({"num_format": "0.00"})
        # What the apostrophe is that people type: text, also when the cell is edited.
        self._quoted = self._book.add_format({"quote_prefix": True})
        self._sheet_rows = sheet_rows
        self._header: list[str] = []
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._row = 0

    def write_header(self, cells: Iterable[object]) -> None:
        self._header = [str(self._plain(cell)) for cell in cells]
        self._sheet.freeze_panes(1, 0)
        for column, text in enumerate(self._header):
            self._sheet.set_column(column, column, min(max(12, len(text) * 2), 40))
            self._write_text(column, text, self._quoted if looks_like_formula(text) else self._bold)
        self._row += 1

    def write_rows(self, rows: Iterable[Iterable[object]]) -> None:
        for row in rows:
            if self._row >= self._sheet_rows:
                self._begin_sheet()
                self.write_header(self._header)
            for column, value in enumerate(row):
                self._write(column, value)
            self._row += 1

    def close(self) -> None:
        if not self._book.fileclosed:
            self._book.close()

    def _write(self, column: int, value: object) -> None:
        if type(value) is not str:
            value = self._plain(value)
            if isinstance(value, Decimal):
                self._sheet.write_number(self._row, column, float(value), self._money)
                return
            if isinstance(value, int | float):
                self._sheet.write_number(self._row, column, value)
                return
            if isinstance(value, datetime) and value.year >= 1900:
                self._sheet.write_datetime(self._row, column, value, self._moment)
                return
            if isinstance(value, date) and value.year >= 1900:
                self._sheet.write_datetime(self._row, column, value, self._day)
                return
        if text := str(value):
            self._write_text(column, text, self._quoted if looks_like_formula(text) else None)

    def _write_text(self, column: int, text: str, style: Any) -> None:
        if len(text) > _SHEET_CELL:
            text = text[: _SHEET_CELL - 1] + "…"
        self._sheet.write_string(self._row, column, _NOT_IN_XML.sub("\ufffd", text), style)


WRITERS: dict[str, type[TableWriter]] = {writer.extension: writer for writer in (CsvWriter, XlsxWriter)}


def open_writer(extension: str, stream: IO[bytes], *, zone: tzinfo) -> TableWriter:
    """A writer of `csv` or `xlsx`. Raises KeyError for anything else."""
    return WRITERS[extension](stream, zone=zone)


class RefusalReport:
    """The rows that were not imported, each with line, code and reason before what the file had.

    Texts are in the language that is active while writing. The person mends the rows and imports this very
    file: the columns in front mean nothing to an import.
    """

    def __init__(self, writer: TableWriter, header: Sequence[str]) -> None:
        self._writer = writer
        self.counts: Counter[str] = Counter()  # code → rows
        writer.write_header([_("Line"), _("Refusal code"), _("Refusal reason"), _("Refused column"), *header])

    def add(self, line: int, cells: Sequence[str], refusal: RowRefused) -> None:
        """Report one row: its line in the file, its cells as they were read, and why it was refused."""
        self.counts[refusal.code] += 1
        self._writer.write_rows([[line, refusal.code, refusal.detail, refusal.column, *cells]])


def content_disposition(filename: str) -> str:
    """The header that downloads a file by any name (RFC 6266): UTF-8, and plain ASCII for old clients."""
    name = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]+', "_", filename).strip(". ") or "download"
    stem, dot, extension = name.rpartition(".")
    plain = (stem or extension).encode("ascii", "ignore").decode().strip() or "download"
    if dot and stem:
        plain += dot + extension.encode("ascii", "ignore").decode()
    encoded = quote(_NOT_IN_XML.sub("", name), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
