"""XLSX, streamed. Our own reader, because the ready ones either load the sheet whole (calamine: 476 MB for a
million rows of five cells; this one: 20 MB) or are slow (openpyxl: three times this), and neither tells a
formula from a value.

Formulas are never evaluated, and their cached results never taken: the cell becomes a `BadCell`, and a row that
needs it is refused. The person may see another value on the screen than the file holds, or none at all.
"""

from collections.abc import Iterator
from typing import IO

from contacts.files.reasons import BadCell, FileProblem, FileRefused, Reason
from contacts.files.safe_xml import MAX_DEPTH, SafeXml, local
from contacts.files.table import MAX_COLUMNS, Checkpoint, Table, clean_header
from contacts.files.xlsx_package import Package
from contacts.files.xlsx_strings import SharedStrings
from contacts.files.xlsx_values import date_text, is_date_format, number_text, unescape

_ROW_CHARACTERS = 256 << 10  # of one row; more is no row of such a table
_BUILT_IN_FORMATS = 164  # number formats from here on are defined in the file


class XlsxTable(Table):
    """The first visible sheet of a workbook."""

    def __init__(self, file: IO[bytes], checkpoint: Checkpoint | None = None) -> None:
        super().__init__()
        self._row = 0
        skip_to = int(checkpoint["row"]) if checkpoint else 0
        try:
            package = Package(file)
            self.closing.callback(package.close)
            workbook = _Workbook(package)
            strings = SharedStrings(package.chunks(workbook.strings) if workbook.strings else None)
            self.closing.callback(strings.close)
            sheet = _Sheet(strings, workbook.date_styles, epoch_1904=workbook.epoch_1904)
            rows = self._rows(package.chunks(workbook.sheet), sheet)
            for _line, cells, reason in rows:
                if header := clean_header(cells):
                    if reason:
                        raise FileRefused(FileProblem.NOT_TEXT)
                    self.header = header
                    break
            else:
                raise FileRefused(FileProblem.EMPTY)
        except BaseException:
            self.close()
            raise
        # What the parser has already seen is cheap to drop; what comes is not even taken apart.
        sheet.skip_to = skip_to
        self._rest = ((line, cells, reason) for line, cells, reason in rows if line > skip_to)

    def _records(self) -> Iterator[tuple[int, list[str], Reason | None]]:
        for line, cells, reason in self._rest:
            self._row = line
            yield line, cells, reason

    def _checkpoint(self) -> Checkpoint:
        return {"row": self._row}

    @staticmethod
    def _rows(chunks: Iterator[bytes], sheet: "_Sheet") -> Iterator[tuple[int, list[str], Reason | None]]:
        xml = SafeXml(sheet)
        for chunk in chunks:
            xml.feed(chunk)
            if sheet.rows:
                rows, sheet.rows = sheet.rows, []
                yield from rows
        xml.finish()
        yield from sheet.rows


class _Workbook:
    """Where the parts are, and which cell styles show dates."""

    def __init__(self, package: Package) -> None:
        roots = dict(package.relations("").values())
        name = roots.get("officeDocument", "xl/workbook.xml")
        if name not in package:
            raise FileRefused(FileProblem.WRONG_TYPE)
        relations = package.relations(name)
        self.epoch_1904 = False
        self.sheet = ""
        self.date_styles: frozenset[str] = frozenset()

        def workbook(tag: str, attributes: dict[str, str]) -> None:
            if (element := local(tag)) == "workbookPr":
                self.epoch_1904 = attributes.get("date1904") in ("1", "true")
            elif element == "sheet" and not self.sheet and attributes.get("state", "visible") == "visible":
                relation = next((value for key, value in attributes.items() if local(key) == "id"), "")
                kind, target = relations.get(relation, ("", ""))
                if kind == "worksheet":
                    self.sheet = target

        package.read_small(name, workbook)
        others = {kind: target for kind, target in relations.values() if target in package}
        self.strings = others.get("sharedStrings")
        if not self.sheet:
            raise FileRefused(FileProblem.CORRUPT)
        if "styles" in others:
            self._read_styles(package, others["styles"])

    def _read_styles(self, package: Package, name: str) -> None:
        codes: dict[int, str] = {}
        formats: list[int] = []
        inside = False  # of cellXfs; other lists have elements of the same name

        def styles(tag: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            element = local(tag)
            if element == "numFmt":
                codes[_whole(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
            elif element == "xf" and inside:
                formats.append(_whole(attributes.get("numFmtId")))
            elif element.endswith("s") and element != "numFmts":
                inside = element == "cellXfs"

        package.read_small(name, styles)
        self.date_styles = frozenset(
            str(style)
            for style, number in enumerate(formats)
            if is_date_format(number, codes.get(number, "" if number >= _BUILT_IN_FORMATS else None))
        )


class _Sheet:
    """The handler of a sheet's XML: collects complete rows in `rows`. Called for every tag, hence its haste."""

    def __init__(self, strings: SharedStrings, date_styles: frozenset[str], *, epoch_1904: bool) -> None:
        self.rows: list[tuple[int, list[str], Reason | None]] = []
        self.skip_to = 0  # rows up to here are not taken apart
        self._strings = strings
        self._date_styles = date_styles
        self._epoch_1904 = epoch_1904
        self._indexes: dict[str, int] = {}  # column letters → index
        self._c = self._v = self._t = ""  # the names of these elements with the prefix of this file
        self._depth = 0  # of elements other than these
        self._line = 0
        self._column = -1
        self._characters = 0
        self._reason: Reason | None = None
        self._phonetic = False
        self._cells: list[str] | None = None  # of the row that is being read and not skipped
        self._cell: dict[str, str] | None = None  # attributes of the cell that is being read
        self._text: list[str] = []
        self._formula: list[str] | None = None
        self._into: list[str] | None = None  # where text goes at this moment

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == self._c:
            if self._cell is not None:
                raise FileRefused(FileProblem.CORRUPT)
            self._cell = attributes
            self._text = []
            self._formula = None
        elif tag == self._v or tag == self._t:
            if self._into is not None:
                raise FileRefused(FileProblem.CORRUPT)
            self._into = [] if self._phonetic else self._text
        else:
            self._start_other(local(tag), attributes, tag)

    def end(self, tag: str) -> None:
        self._into = None
        if tag == self._c:
            self._end_cell()
        elif tag != self._v and tag != self._t:
            self._end_other(local(tag))

    def text(self, data: str) -> None:
        if self._into is not None and self._cells is not None:
            self._into.append(data)
            self._characters += len(data)
            if self._characters > _ROW_CHARACTERS:
                self._spoil()

    def _start_other(self, name: str, attributes: dict[str, str], tag: str) -> None:
        self._depth += 1
        if self._depth == 1:
            prefix = tag.removesuffix(name)
            self._c, self._v, self._t = prefix + "c", prefix + "v", prefix + "t"
        elif self._depth > MAX_DEPTH:
            raise FileRefused(FileProblem.UNSAFE)
        if name == "row":
            self._start_row(attributes)
        elif name == "f":
            self._into = self._formula = []
        elif name == "rPh":  # the phonetic guide is not the cell's text
            self._phonetic = True

    def _end_other(self, name: str) -> None:
        self._depth -= 1
        if name == "row" and self._cells is not None:
            self.rows.append((self._line, self._cells, self._reason))
            self._cells = None
        elif name == "rPh":
            self._phonetic = False

    def _start_row(self, attributes: dict[str, str]) -> None:
        line = _whole(attributes.get("r"), self._line + 1)
        if line <= self._line:
            raise FileRefused(FileProblem.CORRUPT)
        self._line = line
        self._reason = None
        self._characters = 0
        self._column = -1
        self._cell = None
        self._phonetic = False
        self._cells = [] if line > self.skip_to else None

    def _end_cell(self) -> None:
        cell, cells = self._cell, self._cells
        self._cell = None
        if cell is None or cells is None:
            return
        index = self._index(cell.get("r"))
        if index <= self._column:
            raise FileRefused(FileProblem.CORRUPT)
        self._column = index
        value = self._value(cell)
        if not value or self._reason is not None:
            return
        if index >= MAX_COLUMNS:
            self._reason = Reason.TOO_MANY_COLUMNS
            return
        while len(cells) < index:
            cells.append("")
        cells.append(value)

    def _index(self, reference: str | None) -> int:
        if not reference:
            return self._column + 1
        letters = reference.rstrip("0123456789")
        index = self._indexes.get(letters)
        if index is None:
            index = 0
            for letter in letters.upper():
                if not "A" <= letter <= "Z":
                    raise FileRefused(FileProblem.CORRUPT)
                index = index * 26 + ord(letter) - 64
            if not 1 <= index <= 16_384:
                raise FileRefused(FileProblem.CORRUPT)
            index -= 1
            self._indexes[letters] = index
        return index

    def _value(self, cell: dict[str, str]) -> str:
        text = "".join(self._text)
        if self._formula is not None:
            return BadCell("=" + "".join(self._formula), Reason.FORMULA_CELL)
        kind = cell.get("t", "n")
        if kind == "s":
            text = self._strings[_whole(text.strip(), -1)] if text else ""
            self._characters += len(text)
            if self._characters > _ROW_CHARACTERS:
                self._spoil()
            return text
        if kind == "n":
            text = text.strip()
            if not text:
                return ""
            if cell.get("s", "0") in self._date_styles:
                return date_text(text, epoch_1904=self._epoch_1904)
            return number_text(text)
        if kind == "b":
            return "TRUE" if text.strip() == "1" else "FALSE"
        if kind == "e":
            return BadCell(text, Reason.ERROR_CELL)
        return unescape(text)  # inlineStr, str, d

    def _spoil(self) -> None:
        """The row is too long: keep its beginning for the report, and no more of it."""
        if self._cells is not None:
            self._cells[:] = [cell[:100] for cell in self._cells]
        self._reason = Reason.LINE_TOO_LONG
        self._text = []
        self._formula = None
        self._into = None


def _whole(text: str | None, default: int = 0) -> int:
    """A whole number in an attribute. Refuses anything else."""
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FileRefused(FileProblem.CORRUPT)
    return int(text)
