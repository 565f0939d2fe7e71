"""What somebody asks in an address: a value that makes no sense is refused, and does not pass for another one."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from common.ids import parse_uuid


def an_id(name: str, value: object) -> UUID:
    """The id that `value` spells; Invalid for anything else."""
    found = parse_uuid(value)
    if found is None:
        raise Invalid({name: [_("This is not an id.")]})
    return found


def yes_or_no(name: str, value: str) -> bool:
    """true, false, 1 or 0; Invalid for anything else."""
    if value not in ("1", "true", "0", "false"):
        raise Invalid({name: [_("Say true or false.")]})
    return value in ("1", "true")
