"""Files of follow-ups: what may be kept, where it stands, and how it leaves.

They stand in Django's default storage under attachments/<enterprise>/<day>/, outside the web root. A file is served
by a view that has checked who sees the contact, always as a download. Rows go with their contact; files go when that
is committed, and what a transaction that was rolled back left behind is found by `sweep`.
"""

import struct
import unicodedata
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import PurePath
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid, NotFound
from common.ids import made_at, parse_uuid, uuid7
from common.tenancy import current_enterprise_id
from contacts import agenda
from contacts.models import FollowUp, FollowUpFile
from enterprises import audit
from enterprises.actors import Actor
from enterprises.services import policy

# Extension → media type and how such a file begins (nothing: it is text).
KINDS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "pdf": ("application/pdf", (b"%PDF-",)),
    "png": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    "jpg": ("image/jpeg", (b"\xff\xd8\xff",)),
    "jpeg": ("image/jpeg", (b"\xff\xd8\xff",)),
    "gif": ("image/gif", (b"GIF87a", b"GIF89a")),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", (b"PK\x03\x04",)),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (b"PK\x03\x04",)),
    "pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", (b"PK\x03\x04",)),
    "mp3": ("audio/mpeg", (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    "amr": ("audio/amr", (b"#!AMR",)),
    "txt": ("text/plain", ()),
    "csv": ("text/csv", ()),
}
_OFFICE = {"docx", "xlsx", "pptx"}
# All that `zipfile` raises on what is none: of a later version, with names that are no text, or broken elsewhere.
_DAMAGED = (zipfile.BadZipFile, struct.error, OverflowError, RuntimeError, ValueError)
_LOOK = 65536  # bytes of a text that are looked at
_DAY_SECONDS = 86400
_CHUNK = 1000
# Turn the direction of writing, so that a name seems to end otherwise than it does.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class UnsupportedFile(Invalid):
    """The file is of a kind that is not taken."""

    status = 415
    code = "unsupported_file"
    title = _("This kind of file is not taken")


class FileTooLarge(Invalid):
    """The file is larger than the policy allows."""

    status = 413
    code = "too_large"
    title = _("Too large")


def attach(actor: Actor, *, follow_up: FollowUp, file: File) -> FollowUpFile:
    """Keep a file of a follow-up. What it is called and what it holds must agree; raises Invalid, Conflict."""
    # As it stands now, locked: the number of files is exact, and they belong to whom the follow-up belongs to.
    locked = FollowUp.objects.select_for_update(no_key=True, of=("self",)).select_related("contact")
    found = locked.filter(pk=follow_up.pk).first()
    if found is None:
        raise NotFound()
    follow_up = found
    agenda.require_change(actor, follow_up)
    limits = policy()
    if FollowUpFile.objects.filter(follow_up=follow_up).count() >= limits.attachments:
        raise Conflict(
            _("A follow-up has at most %(limit)s files.") % {"limit": limits.attachments},
            code="too_many_files",
            limit=limits.attachments,
        )
    name, extension = _name(file.name or "")
    _check(file, extension, limits.attachment_mb)
    kept = FollowUpFile(
        id=uuid7(),
        follow_up=follow_up,
        contact_id=follow_up.contact_id,
        name=name,
        extension=extension,
        size=file.size,
        created_at=clock.now(),
    )
    file.seek(0)
    if default_storage.save(place(kept), file) != place(kept):
        raise RuntimeError("Two files have one id.")
    kept.save(force_insert=True)
    audit.record(actor, "follow_up.file_added", follow_up.contact, after={"file": name, "size": kept.size})
    return kept


def remove(actor: Actor, *, file: FollowUpFile) -> None:
    """Take a file off its follow-up for good."""
    agenda.require_change(actor, file.follow_up)
    FollowUpFile.objects.filter(pk=file.pk).delete()
    erase_later([place(file)])
    audit.record(actor, "follow_up.file_removed", file.contact, before={"file": file.name, "size": file.size})


def download(file: FollowUpFile) -> FileResponse:
    """The file as a download. The caller has checked who sees the contact. NotFound when it is gone."""
    try:
        stored = default_storage.open(place(file), "rb")
    except FileNotFoundError as error:
        raise NotFound() from error
    response = FileResponse(stored, as_attachment=True, filename=file.name, content_type=KINDS[file.extension][0])
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def place(file: FollowUpFile) -> str:
    """Where a file stands: follows from its id."""
    return f"{_folder()}/{made_at(file.pk):%Y%m%d}/{file.pk}.{file.extension}"


def place_of(pk: UUID, extension: str) -> str:
    """The same, of a row that is not loaded."""
    return place(FollowUpFile(pk=pk, extension=extension))


def erase_later(places: Iterable[str]) -> None:
    """Delete files once the present transaction is committed."""
    for one in places:
        transaction.on_commit(partial(default_storage.delete, one), robust=True)


def sweep() -> int:
    """Delete files that no row knows and that are older than a day; returns how many."""
    gone = 0
    for day in _listed(_folder())[0]:
        found = {
            pk: name
            for name in _listed(f"{_folder()}/{day}")[1]
            if (pk := parse_uuid(PurePath(name).stem)) is not None
            and (clock.real() - made_at(pk)).total_seconds() > _DAY_SECONDS
        }
        for start in range(0, len(found), _CHUNK):
            some = list(found)[start : start + _CHUNK]
            known = set(FollowUpFile.objects.filter(pk__in=some).values_list("pk", flat=True))
            orphans = [f"{_folder()}/{day}/{found[pk]}" for pk in some if pk not in known]
            erase_later(orphans)
            gone += len(orphans)
    return gone


def _folder() -> str:
    return f"attachments/{current_enterprise_id()}"


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []


def _name(given: str) -> tuple[str, str]:
    """The name that people see, without a path and control characters, and its extension in small letters."""
    base = PurePath(given.replace("\\", "/")).name
    clean = "".join(letter for letter in base if unicodedata.category(letter) != "Cc" and letter not in _TURNS).strip()
    stem, _dot, extension = clean.rpartition(".")
    extension = extension.lower()
    if not stem or extension not in KINDS:
        raise UnsupportedFile(
            {"file": [format_lazy(_("Only these kinds of files are taken: {kinds}."), kinds=", ".join(KINDS))]},
            kinds=list(KINDS),
        )
    return f"{stem[: 127 - len(extension)]}.{extension}", extension


def _check(file: File, extension: str, most_mb: int) -> None:
    if file.size > most_mb << 20:
        text = format_lazy(_("A file may have at most {limit} MB."), limit=most_mb)
        raise FileTooLarge({"file": [text]}, limit=most_mb << 20)
    if not file.size:
        raise Invalid({"file": [_("The file is empty.")]})
    file.seek(0)
    head = file.read(_LOOK)
    starts = KINDS[extension][1]
    fits = head.startswith(starts) if starts else _is_text(head)
    if fits and extension in _OFFICE:
        fits = _is_office(file)
    if not fits:
        raise UnsupportedFile({"file": [_("What is in the file is not what its name says.")]})


def _is_text(head: bytes) -> bool:
    """No control characters but line ends and tabs."""
    return not any(byte < 32 and byte not in (9, 10, 12, 13) for byte in head)


def _is_office(file: File) -> bool:
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as parts:
            return "[Content_Types].xml" in parts.namelist()
    except _DAMAGED:
        return False
