"""Files that partners get: checked, kept apart from the web, served only by a view that asks who it is (U9, U11)."""

from dataclasses import dataclass
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy as _

from common.errors import Text
from common.tenancy import current_enterprise_id

MOST_BYTES = 20 << 20
LONGEST_EXTENSION = 12


@dataclass(frozen=True)
class Kept:
    """A file in the store: where, what it was called, and its size."""

    file: str
    file_name: str
    size: int


def too_large(file: File) -> Text | None:
    """Why the file is not taken, if it is too large."""
    return _("The file is larger than 20 MB.") if (file.size or 0) > MOST_BYTES else None


def extension(file: File) -> str:
    """The letters and digits after the last dot of the name that it came with, in small letters."""
    ending = (file.name or "").rpartition(".")[2]
    return "".join(one for one in ending if one.isascii() and one.isalnum())[:LONGEST_EXTENSION].lower()


def keep(file: File, *, folder: str, owner: UUID) -> Kept:
    """Store it. Nothing of the path comes from outside but a harmless ending, and nothing is served by address."""
    place = f"{folder}/{current_enterprise_id()}/{owner}/file.{extension(file) or 'bin'}"
    name = (file.name or "file").rpartition("/")[2][-128:]
    return Kept(default_storage.save(place, file), name, file.size or 0)
