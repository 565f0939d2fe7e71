"""Whom a member sees, as lists ask it.

`Contact.objects.visible_to` gathers everybody somebody sees, which is right for work on all of them. A list wants the
first page in some order, of an enterprise of a million, for somebody who sees ten or fifty thousand. Two ways, each
bounded by something that is known before (docs/decisions/0015).
"""

from collections.abc import Callable
from typing import NamedTuple

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from common import paging
from common.sql import row
from contacts.models import Contact
from contacts.querysets import RELATED, related
from enterprises.actors import Actor
from enterprises.models import Member, Role

FEW = 10_000  # relations: an owner who is a friend as well has two with each
# By how many contacts a filter is expected to leave: so few are found first; with so few, a list may be walked
# farther, since most contacts on the way cost little.
VERY_SELECTIVE, SELECTIVE = 5_000, 50_000
NEAR, FARTHER = 4_000, 30_000

_RELATIONS = f"""SELECT count(*)
    FROM (SELECT FROM ({RELATED.replace("UNION", "UNION ALL")}) AS relation LIMIT %s) AS few"""  # noqa: S608
# An array is looked up by the primary key, however many the planner thinks they are.
_GATHERED = f"contacts_contact.id = ANY (ARRAY({RELATED}))"
# Scalar sub-selects are asked of each row; EXISTS may be answered by gathering all rows first.
_FOUND = "contacts_contact.id = ANY (ARRAY({}))"
_LOOKED_AT = """COALESCE((SELECT true FROM contacts_follow AS own WHERE own.enterprise_id = %s AND own.member_id = %s
        AND own.contact_id = contacts_contact.id AND own.state <> 'deleted_by_member'), false)
    OR COALESCE((SELECT true FROM contacts_grant AS held WHERE held.enterprise_id = %s AND held.member_id = %s
        AND held.contact_id = contacts_contact.id AND (held.expires_at IS NULL OR held.expires_at > %s)), false)"""


class Listed(NamedTuple):
    """The contacts of a list, and how its pages may be read sooner where they lie dense."""

    contacts: QuerySet[Contact]
    near: paging.Near | None = None


def listed(actor: Actor, narrow: Callable[[QuerySet], QuerySet]) -> Listed:
    """The contacts that `visible_to` finds and that `narrow` leaves, to be read in some order, a page at a time.

    Of somebody who sees few they are gathered. When the filter leaves few, these are found and looked at. Else the
    next contacts of the list are looked at, and when those fill no page, they are gathered.
    """
    member = actor.member
    if member is None or member.role.scope != Role.Scope.RELATED:
        return Listed(narrow(Contact.objects.visible_to(actor)))
    contacts = Contact.objects.filter(merged_into=None)
    gathered = narrow(contacts.filter(RawSQL(_GATHERED, related(member), BooleanField())))  # noqa: S611
    if _few(member):
        return Listed(gathered)
    own = RawSQL(_LOOKED_AT, related(member)[2:], BooleanField())  # noqa: S611
    looked_at = contacts.filter(Q(owner_id=member.pk) | Q(own))
    left = narrow(contacts)
    expected = paging.estimate(left)
    if expected <= VERY_SELECTIVE:
        text, params = left.order_by().values("id").query.sql_with_params()
        return Listed(looked_at.filter(RawSQL(_FOUND.format(text), params, BooleanField())))  # noqa: S611
    reach = FARTHER if expected <= SELECTIVE else NEAR
    return Listed(gathered, paging.Near(narrow(looked_at), reach))


def _few(member: Member) -> bool:
    found = row(_RELATIONS, (*related(member), FEW + 1))
    return found is not None and found[0] <= FEW
