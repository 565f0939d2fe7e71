"""Take a file in, show what it says, queue its import."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.choices import Choice
from common.errors import Invalid, NotFound, Refusal
from common.ids import uuid7
from contacts.files.columns import COLUMNS, Column, ImportKind, guess, resolve
from contacts.files.readers import Table, open_table
from enterprises.actors import Actor
from jobs import services as jobs
from jobs.models import JobRun
from quota.ledger import require_whole_enterprise

JOB = "contacts.import"
PREVIEW_ROWS = 5
UPLOAD_SECONDS = 24 * 3600


class OnFull(Choice):
    """What an import wants when places run out (Q10)."""

    REFUSE = "refuse", _("All or nothing: import no new contact unless all of them fit")
    PARTIAL = "partial", _("As many as fit: report the others")


class TooLarge(Refusal):
    """The upload is larger than the installation allows."""

    status = 413
    code = "too_large"
    title = _("The file is too large")


@dataclass(frozen=True)
class Upload:
    """A file that was taken in and can be opened as a table; nothing of it is imported yet."""

    run_id: UUID
    input: str
    filename: str
    size: int

    def token(self, actor: Actor) -> str:
        """What a page carries to come back to the upload: signed, and good for nobody else."""
        return signing.dumps([str(self.run_id), self.input, self.filename, self.size], salt=_salt(actor))

    @classmethod
    def from_token(cls, actor: Actor, token: str) -> Self:
        """The upload of a token. Raises NotFound for another person's, a forged or an old one."""
        try:
            run_id, name, filename, size = signing.loads(token, salt=_salt(actor), max_age=UPLOAD_SECONDS)
        except signing.BadSignature as error:
            raise NotFound(_("This upload has expired. Choose the file again.")) from error
        return cls(UUID(run_id), name, filename, size)

    def open(self) -> Table:
        """The table in the file. Raises NotFound when the file is gone (imported, or cleaned up)."""
        if not default_storage.exists(self.input):
            raise NotFound(_("This upload has expired. Choose the file again."))
        file = default_storage.open(self.input)
        table = open_table(file, self.input)
        table.closing.callback(file.close)
        return table


def keep_upload(actor: Actor, *, file: UploadedFile) -> Upload:
    """Take a file in. What is wrong with it as a whole is refused here and now (FileRefused, TooLarge)."""
    actor.require("contacts.import")
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise TooLarge(
            format_lazy(_("A file may have at most {limit} MB."), limit=settings.UPLOAD_MAX_BYTES >> 20),
            limit=settings.UPLOAD_MAX_BYTES,
        )
    name = file.name or ""
    with open_table(file, name):
        pass
    file.seek(0)
    run_id = uuid7()
    kept = jobs.store_input(run_id, file, name.rpartition(".")[2].lower())
    return Upload(run_id, kept, name[-128:], file.size or 0)


def start_import(
    actor: Actor,
    *,
    upload: Upload,
    kind: str,
    on_full: str = OnFull.REFUSE,
    mapping: Mapping[str, str | None] | None = None,
    dry_run: bool = False,
) -> JobRun:
    """Queue the import of a file that was taken in.

    `mapping` overrides the guess: target column → header of the file; raises FileRefused when columns are
    missing. A dry run reports what would happen.
    """
    actor.require("contacts.import")
    _check_kind(actor, kind)
    with upload.open() as table:
        columns = resolve(table.header, kind, mapping)
    return jobs.enqueue(
        actor,
        name=JOB,
        run_id=None if JobRun.objects.filter(pk=upload.run_id).exists() else upload.run_id,
        input=upload.input,
        params={
            "kind": ImportKind(kind).value,
            # A list is taken as a whole: what is not in it any more leaves.
            "on_full": (OnFull.REFUSE if kind == ImportKind.SERVED else OnFull(on_full)).value,
            "columns": columns,
            "dry_run": dry_run,
            "filename": upload.filename,
            "size": upload.size,
        },
    )


def import_upload(actor: Actor, *, file: UploadedFile, **how: Any) -> JobRun:
    """Take a file in and queue its import at once; a refused one leaves nothing on disk."""
    upload = keep_upload(actor, file=file)
    try:
        return start_import(actor, upload=upload, **how)
    except Refusal:
        default_storage.delete(upload.input)
        raise


@dataclass(frozen=True)
class Preview:
    """The first rows of an upload, and which column of it goes where."""

    header: list[str]
    rows: list[list[str]]
    columns: list[tuple[Column, str]]


def preview(actor: Actor, *, upload: Upload, kind: str) -> Preview:
    """What the page shows that asks "is this right?": the guess, and some rows."""
    actor.require("contacts.import")
    _check_kind(actor, kind)
    with upload.open() as table:
        first = next(islice(table.batches(PREVIEW_ROWS), 1), None)
        found = {name: table.header[index] for name, index in guess(table.header, kind).items()}
        rows = [cells for _line, cells in first.rows] if first else []
        return Preview(
            table.header, rows, [(column, found.get(column.name, "")) for column in COLUMNS[ImportKind(kind)]]
        )


def _check_kind(actor: Actor, kind: str) -> None:
    if kind not in set(ImportKind):
        raise Invalid({"kind": [_("Choose one of the offered values.")]})
    if kind == ImportKind.SERVED:
        require_whole_enterprise(actor, "quota.buy")


def _salt(actor: Actor) -> str:
    return f"import:{actor.enterprise.pk}:{actor.member_id}"
