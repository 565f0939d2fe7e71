"""Open an uploaded table and read it in batches, with memory that does not grow with the file (C12, X4).

    with open_table(path, "customers.csv") as table:
        table.header
        for batch in table.batches():
            batch.rows, batch.refused, batch.checkpoint

A checkpoint is JSON. Stored in the transaction that wrote its batch and given to `open_table` later, it
continues with the next row: CSV seeks there, XLSX (one deflate stream) runs over the earlier rows.
"""

import os
from contextlib import ExitStack
from typing import IO

from contacts.files.csv_table import CsvTable
from contacts.files.reasons import FileProblem, FileRefused
from contacts.files.table import Batch, Checkpoint, RefusedRow, Table
from contacts.files.xlsx_table import XlsxTable

__all__ = ["Batch", "Checkpoint", "RefusedRow", "Table", "open_table"]

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Excel 97 and, with a password on it, any newer workbook
_ZIP = b"PK\x03\x04"
_BINARY = (_OLE, _ZIP, b"\x1f\x8b", b"%PDF", b"\x89PNG", b"\xfd7zXZ", b"Rar!", b"7z\xbc\xaf")


def open_table(
    source: str | os.PathLike[str] | IO[bytes], filename: str, checkpoint: Checkpoint | None = None
) -> Table:
    """Open `source`, a path or a seekable binary file, as the table that `filename` says it is.

    With a `checkpoint` of an earlier batch the rows after that batch follow. A file given by path is closed
    with the table; one given open stays the caller's. Raises FileRefused.
    """
    with ExitStack() as closing:
        file = closing.enter_context(open(source, "rb")) if isinstance(source, str | os.PathLike) else source
        table = _table(file, filename, checkpoint)
        table.closing.push(closing.pop_all())
    return table


def _table(file: IO[bytes], filename: str, checkpoint: Checkpoint | None) -> Table:
    extension = filename.rpartition(".")[2].casefold() if "." in filename else ""
    file.seek(0)
    start = file.read(8)
    if extension not in ("csv", "tsv", "txt", "xlsx"):
        raise FileRefused(FileProblem.UNSUPPORTED_TYPE)
    if not start:
        raise FileRefused(FileProblem.EMPTY)
    if extension == "xlsx":
        if start.startswith(_OLE):
            raise FileRefused(FileProblem.ENCRYPTED if _has_password(file) else FileProblem.WRONG_TYPE)
        if not start.startswith(_ZIP):
            raise FileRefused(FileProblem.WRONG_TYPE)
        return XlsxTable(file, checkpoint)
    if start.startswith(_BINARY):
        raise FileRefused(FileProblem.WRONG_TYPE)
    return CsvTable(file, checkpoint)


def _has_password(file: IO[bytes]) -> bool:
    """A workbook with a password is an OLE file with a stream of this name; an old .xls has none."""
    name = "EncryptedPackage".encode("utf-16-le")
    tail = b""
    while block := file.read(1 << 20):
        if name in tail + block:
            return True
        tail = block[-len(name) :]
    return False
