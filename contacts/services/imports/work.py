"""The import job: batch by batch, refusals kept, safe to kill and to repeat (C12, X4, X6).

"As many as fit" commits a batch at a time. "All or nothing" and dry runs are one transaction; the account decides
at its end, so everything is in, or nothing is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any
from uuid import UUID

from django.core.files.storage import default_storage

from common import clock
from contacts.files.columns import ImportKind
from contacts.files.readers import Batch, RefusedRow, open_table
from contacts.files.reasons import Reason, RowRefused
from contacts.files.rows import Row, RowParser
from contacts.files.writers import CsvWriter, RefusalReport
from contacts.models import ImportRefusal
from contacts.services.imports.contacts import ContactLoader
from contacts.services.imports.interactions import InteractionLoader
from contacts.services.imports.purchases import PurchaseLoader
from contacts.services.imports.served import ServedLoader
from contacts.services.imports.staging import Loader
from contacts.services.imports.start import OnFull
from enterprises import audit
from enterprises.services import policy, zone
from jobs.runner import JobContext

BATCH = 5000
LOADERS: dict[str, type[Loader]] = {
    ImportKind.CONTACTS: ContactLoader,
    ImportKind.PURCHASES: PurchaseLoader,
    ImportKind.INTERACTIONS: InteractionLoader,
    ImportKind.SERVED: ServedLoader,
}


class _DryRun(Exception):
    """Ends a dry run's transaction without keeping anything of it."""


class Import:
    """One run of the job."""

    def __init__(self, context: JobContext) -> None:
        self.context = context
        context.actor.require("contacts.import")
        params = context.params
        self.dry_run: bool = params["dry_run"]
        self.partial = params["on_full"] == OnFull.PARTIAL and not self.dry_run
        self.now = clock.now()
        self.counts: Counter[str] = Counter(context.cursor.get("counts", {}))
        self.seen: set[int] = set()  # hashes of the keys met so far: 64 bits a row, whatever the row's size
        self.refusals: list[RefusedRow] = []
        with context.step():
            context.total = context.total or _lines(context.input)
            self.loader = LOADERS[params["kind"]](
                actor=context.actor,
                now=self.now,
                policy=policy(),
                partial=params["on_full"] == OnFull.PARTIAL,
                job_id=context.run_id,
            )
        self.parser = RowParser(params["kind"], params["columns"], zone=zone(context.enterprise), now=self.now)

    def run(self) -> dict[str, Any]:
        """Do it all and return the result."""
        if self.partial:
            self._by_batches()
        elif not self.context.cursor.get("written"):
            self._at_once()
        self._report()
        return self._result()

    def _by_batches(self) -> None:
        finished = self.context.cursor.get("batches", 0)
        for number, batch in enumerate(self._batches()):
            rows = self._parse(batch)
            if number < finished:  # done by a worker that died; only the keys are needed again
                self.refusals.clear()
                continue
            with self.context.step():
                self.loader.open_staging()
                self._load(batch, rows)
                self.loader.finish()
                self._keep()
                self.context.cursor = {"batches": number + 1, "counts": dict(self.counts)}
                self.context.done = self.counts["rows"]

    def _at_once(self) -> None:
        self.counts.clear()
        try:
            with self.context.step():
                self.loader.open_staging()
                for batch in self._batches():
                    self._load(batch, self._parse(batch))
                    self._keep()
                    self.context.progress(self.counts["rows"])
                if self.dry_run:
                    self.kept = list(ImportRefusal.objects.filter(job_id=self.context.run_id))
                    raise _DryRun
                self.loader.finish()
                self.context.cursor = {"written": True, "counts": dict(self.counts)}
                self.context.done = self.counts["rows"]
        except _DryRun:
            with self.context.step():
                ImportRefusal.objects.bulk_create(self.kept, batch_size=BATCH)
                self.context.cursor = {"written": True, "counts": dict(self.counts)}
                self.context.done = self.counts["rows"]

    def _batches(self) -> Iterator[Batch]:
        with default_storage.open(self.context.input) as file, open_table(file, self.context.input) as table:
            yield from table.batches(BATCH)

    def _parse(self, batch: Batch) -> list[tuple[int, Row]]:
        """The typed rows of a batch; refuses what is broken and what the file had before."""
        rows: list[tuple[int, Row]] = []
        for bad in batch.refused:
            self._refuse(bad.line, bad.cells, bad.refusal)
        for line, cells in batch.rows:
            try:
                row = self.parser(cells)
            except RowRefused as refusal:
                self._refuse(line, cells, refusal)
                continue
            key = hash(self.loader.key(row))
            if key in self.seen:
                self._refuse(line, cells, RowRefused(Reason.DUPLICATE_IN_FILE))
                continue
            self.seen.add(key)
            rows.append((line, row))
        return rows

    def _load(self, batch: Batch, rows: list[tuple[int, Row]]) -> None:
        self.counts["rows"] += len(batch.rows) + len(batch.refused)
        if not rows:
            return
        loaded = self.loader.load(rows)
        self.counts["created"] += loaded.created
        self.counts["updated"] += loaded.updated
        self.counts["unchanged"] += loaded.unchanged
        if loaded.refused:
            cells = dict(batch.rows)
            for line, reason, column in loaded.refused:
                self._refuse(line, cells[line], RowRefused(reason, column))

    def _refuse(self, line: int, cells: list[str], refusal: RowRefused) -> None:
        self.refusals.append(RefusedRow(line, cells, refusal))

    def _keep(self) -> None:
        """Store the refusals of the batch in its transaction."""
        self.counts["refused"] += len(self.refusals)
        self.counts.update(f"refused:{row.refusal.code}" for row in self.refusals)
        ImportRefusal.objects.bulk_create(
            [
                ImportRefusal(
                    job_id=self.context.run_id,
                    line=row.line,
                    code=row.refusal.code,
                    column=row.refusal.column or "",
                    cells=[cell.replace("\0", "") for cell in row.cells],
                )
                for row in self.refusals
            ],
            batch_size=1000,
        )
        self.refusals.clear()

    def _report(self) -> None:
        """Write the report of refused rows and the audit entry."""
        if self.counts["refused"]:
            stem = self.context.params["filename"].rpartition(".")[0] or self.context.params["filename"]
            with self.context.report(f"{stem}-refused.csv") as stream:
                self._write_report(stream)
        with self.context.step():
            self.context.total = self.context.done
            if not self.dry_run:
                audit.record(
                    self.context.actor,
                    "contacts.imported",
                    subject_type="job",
                    subject_id=self.context.run_id,
                    subject_label=self.context.params["filename"],
                    after=self._result(),
                )

    def _write_report(self, stream: IO[bytes]) -> None:
        with default_storage.open(self.context.input) as file, open_table(file, self.context.input) as table:
            header = table.header
        with self.context.step(), CsvWriter(stream, zone=zone(self.context.enterprise)) as writer:
            report = RefusalReport(writer, header)
            kept = ImportRefusal.objects.filter(job_id=self.context.run_id).order_by("line", "id")
            for refusal in kept.iterator(chunk_size=2000):
                report.add(refusal.line, refusal.cells, RowRefused(Reason(refusal.code), refusal.column or None))

    def _result(self) -> dict[str, Any]:
        refusals = {
            name.partition(":")[2]: count for name, count in sorted(self.counts.items()) if name.startswith("refused:")
        }
        names = ("rows", "created", "updated", "unchanged", "refused")
        return {**{name: self.counts[name] for name in names}, "refusals": refusals, "dry_run": self.dry_run}


def forget(jobs: Sequence[UUID]) -> int:
    """Delete the refused rows of jobs whose files are deleted: they hold what stood in the file."""
    return ImportRefusal.objects.filter(job_id__in=jobs)._raw_delete("default")


def _lines(name: str) -> int | None:
    """About how many rows a CSV has, for the progress bar; None for a workbook, which would have to be unpacked."""
    if name.endswith(".xlsx"):
        return None
    with default_storage.open(name) as file:
        return max(0, sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) - 1)
