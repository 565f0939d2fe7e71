"""The tags of a contact, merged over its follows, with whose they are (C13)."""

from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from contacts.models import Contact, FollowTag, TagRule
from contacts.rules import SYSTEM_TAG
from enterprises.models import Member


@dataclass(frozen=True)
class Worn:
    """A tag that a contact wears. `by`: whose relations wear it, and the rule that put it there, if one did.

    The system's own tag has no id: it follows from silence (C7) and is nobody's.
    """

    id: UUID | None
    name: str
    group: str
    colour: str
    system: bool = False
    by: list[tuple[Member, TagRule | None]] = field(default_factory=list)


def of(contact: Contact) -> list[Worn]:
    """All tags of the contact in the order of their groups, the system's own one first."""
    found: dict[UUID, Worn] = {}
    taggings = FollowTag.objects.filter(contact=contact).select_related("tag__group", "follow__member", "rule")
    for one in taggings.order_by(
        "tag__group__position", "tag__group__name", "tag__position", "tag__name", "follow__added_at", "id"
    ):
        tag = one.tag
        worn = found.setdefault(tag.pk, Worn(tag.pk, tag.name, tag.group.name, tag.group.colour))
        worn.by.append((one.follow.member, one.rule))
    own = [Worn(None, SYSTEM_TAG, _("System"), "orange", system=True)] if contact.inactive else []
    return [*own, *found.values()]
