"""Who may do what with one contact: `contacts.rules.Right` asked of the database (O1, O2, O4).

`visible_to` says what exists for somebody; this says what they may do with it. Asked under the lock of the contact,
the answer holds until the end of the transaction: owners and grants change under the same lock.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from common import clock
from common.errors import Forbidden, NotFound, Text
from common.sql import row, rows
from common.tenancy import current_enterprise_id
from contacts.models import Contact
from contacts.rules import RIGHT_OF, Level, Right
from enterprises.actors import Actor
from enterprises.models import Role

_ADMIN = frozenset({Level.ADMIN})
_OWNER = frozenset({Level.OWNER})
_NOBODY: frozenset[Level] = frozenset()

# A friend whom the contact deleted keeps what there was to read, and no more.
_RELATIONS = """
SELECT (SELECT CASE follow.state WHEN 'active' THEN 'follower' ELSE 'viewer' END FROM contacts_follow AS follow
        WHERE follow.enterprise_id = %(enterprise)s AND follow.contact_id = %(contact)s
          AND follow.member_id = %(member)s AND follow.state <> 'deleted_by_member'),
       (SELECT level FROM contacts_grant AS held
        WHERE held.enterprise_id = %(enterprise)s AND held.contact_id = %(contact)s AND held.member_id = %(member)s
          AND (held.expires_at IS NULL OR held.expires_at > %(now)s))
"""

# What a level means in SQL over `contact`, for people who see what they are related to; %(actor)s is their id.
_HELD = {
    Level.OWNER: "contact.owner_id = %(actor)s",
    Level.FOLLOWER: """EXISTS (SELECT FROM contacts_follow AS own WHERE own.enterprise_id = contact.enterprise_id
        AND own.contact_id = contact.id AND own.member_id = %(actor)s AND own.state = 'active')""",
    Level.EDITOR: """EXISTS (SELECT FROM contacts_grant AS held WHERE held.enterprise_id = contact.enterprise_id
        AND held.contact_id = contact.id AND held.member_id = %(actor)s AND held.level = 'editor'
        AND (held.expires_at IS NULL OR held.expires_at > %(now)s))""",
}


def levels(actor: Actor, contact: Contact) -> frozenset[Level]:
    """What the actor is to this contact; empty when it does not exist for them (O5)."""
    member = actor.member
    if member is None or member.role.scope == Role.Scope.ALL:
        return _ADMIN
    if member.role.scope == Role.Scope.DEPARTMENTS:
        return _ADMIN if Contact.objects.visible_to(actor).filter(pk=contact.pk).exists() else _NOBODY
    if contact.owner_id == member.pk:
        return _OWNER  # gives everything that the others give
    asked = {"enterprise": member.enterprise_id, "contact": contact.pk, "member": member.pk, "now": clock.now()}
    found = row(_RELATIONS, asked)
    return frozenset(Level(level) for level in found or () if level is not None)


def rights(actor: Actor, contact: Contact) -> frozenset[Right]:
    """Everything that the actor may do with this contact, by role and by level."""
    held = levels(actor, contact)
    return frozenset(right for right in Right if actor.may(right.code) and right.given_by(held))


def require(actor: Actor, contact: Contact, right: Right) -> None:
    """Raise Forbidden unless role and level allow it, NotFound when the contact does not exist for the actor."""
    actor.require(right.code)
    held = levels(actor, contact)
    if not held:
        raise NotFound()
    if not right.given_by(held):
        raise Forbidden(_denied(right), right=right.value)


def require_fields(actor: Actor, contact: Contact, fields: Iterable[str]) -> None:
    """Raise Forbidden, naming each field, when the actor's level does not let them change one; others are not judged.

    Fields that are changed elsewhere (`tags`, `owner`) are judged as well: a level that may not has no use for the
    advice where to send them.
    """
    held = levels(actor, contact)
    if not held:
        raise NotFound()
    denied = [field for field in fields if field in RIGHT_OF and not RIGHT_OF[field].given_by(held)]
    if denied:
        text = ngettext_lazy(
            "This field is not yours to change: %(fields)s.", "These fields are not yours to change: %(fields)s.",
            len(denied),
        )  # fmt: skip
        errors = {field: [_denied(RIGHT_OF[field])] for field in denied}
        raise Forbidden(text % {"fields": ", ".join(denied)}, code="field_forbidden", errors=errors)


def asking(actor: Actor) -> dict[str, Any]:
    """What the SQL of `permits` asks about the actor."""
    member = actor.member
    staff = member is not None and member.role.scope == Role.Scope.RELATED
    return {"actor": actor.member_id, "staff": staff, "now": clock.now()}


def permits(right: Right) -> str:
    """The same question as SQL over `contact`, with what `asking` gives; of contacts that the actor sees."""
    if Level.VIEWER in right.levels:
        return "true"  # whoever sees it
    held = [condition for level, condition in _HELD.items() if level in right.levels]
    return f"(NOT %(staff)s OR {' OR '.join(held)})"


def permitted(actor: Actor, right: Right, contacts: Collection[UUID]) -> frozenset[UUID]:
    """Of contacts that the actor sees, those on which they have this right: what to offer in a list."""
    if not contacts or not actor.may(right.code):
        return frozenset()
    found = rows(
        f"""SELECT contact.id FROM contacts_contact AS contact
        WHERE contact.enterprise_id = %(enterprise)s AND contact.id = ANY(%(contacts)s) AND {permits(right)}""",  # noqa: S608
        {**asking(actor), "enterprise": current_enterprise_id(), "contacts": list(contacts)},
    )
    return frozenset(pk for (pk,) in found)


def _denied(right: Right) -> Text:
    if right.levels == frozenset({Level.ADMIN, Level.OWNER}):
        return _("Only the owner and admins may do this.")
    return _("Your level at this contact does not allow this.")
