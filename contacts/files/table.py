"""What every table file is to its reader: a header, and batches of rows of exactly the header's width."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from contacts.files.reasons import FileProblem, FileRefused, Reason, RowRefused

MAX_COLUMNS = 500
_BATCH_CHARACTERS = 4 << 20  # a batch of very long rows ends early

Checkpoint = dict[str, int | str]


@dataclass(slots=True)
class RefusedRow:
    """A row that is not imported: line (of the file, from 1), its cells as far as they are known, and why."""

    line: int
    cells: list[str]
    refusal: RowRefused


@dataclass(slots=True)
class Batch:
    """Some consecutive rows, `(line, cells)` each, and the checkpoint that continues behind them."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    checkpoint: Checkpoint = field(default_factory=dict)


class Table(ABC):
    """An open table file. Close it, or use it as a context manager."""

    def __init__(self) -> None:
        self.header: list[str] = []
        self.closing = ExitStack()

    @abstractmethod
    def _records(self) -> Iterator[tuple[int, list[str], Reason | None]]:
        """Line, cells and what is wrong with the row as a whole, from where the table stands."""

    @abstractmethod
    def _checkpoint(self) -> Checkpoint:
        """Where the table stands, behind the record that `_records` gave last."""

    def batches(self, size: int = 5000) -> Iterator[Batch]:
        """The rows that are left, at most `size` per batch. Rows without any text are passed over."""
        width, batch, characters = len(self.header), Batch(), 0
        for line, cells, reason in self._records():
            if reason is None:
                if len(cells) != width:
                    reason = fit(cells, width)
                text = "".join(cells)
                if not text or text.isspace():
                    continue
                characters += len(text)
            if reason is None:
                batch.rows.append((line, cells))
            else:
                batch.refused.append(RefusedRow(line, cells, RowRefused(reason)))
            if len(batch.rows) + len(batch.refused) >= size or characters > _BATCH_CHARACTERS:
                batch.checkpoint = self._checkpoint()
                yield batch
                batch, characters = Batch(), 0
        if batch.rows or batch.refused:
            batch.checkpoint = self._checkpoint()
            yield batch

    def close(self) -> None:
        self.closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def clean_header(cells: list[str]) -> list[str]:
    """The header without empty cells at its end. Raises FileRefused when it is too wide."""
    header = [cell.strip().lstrip("\ufeff") for cell in cells]
    while header and not header[-1]:
        header.pop()
    if len(header) > MAX_COLUMNS:
        raise FileRefused(FileProblem.TOO_MANY_COLUMNS, limit=MAX_COLUMNS)
    return header


def fit(cells: list[str], width: int) -> Reason | None:
    """Make `cells` exactly `width` long; a reason when text would be lost by it."""
    if len(cells) < width:
        cells.extend([""] * (width - len(cells)))
    elif "".join(cells[width:]).strip():
        return Reason.TOO_MANY_COLUMNS
    else:
        del cells[width:]
    return None
