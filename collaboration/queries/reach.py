"""What a member sees, and why: the visibility of contacts from the member's side (O5)."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from common import paging
from contacts.models import Contact, Follow, Grant
from contacts.queries import Rule
from enterprises.actors import Actor
from enterprises.authority import members_in_range
from enterprises.models import AdminRange, Member, Role


@dataclass(frozen=True)
class Reach:
    """How many contacts a member sees by each rule, of those that the asker sees; `departments`: given to them.

    Empty for who sees none: not active, or of a role that gives no contacts.view.
    """

    rules: list[tuple[Rule, paging.Count]]
    departments: list[str]


def reach(actor: Actor, member: Member) -> Reach:
    """Count what `member` sees, rule by rule. A contact may count under several.

    The asker counts only what they see themselves: nobody learns here how much there is beyond.
    """
    if not member.is_active or "contacts.view" not in member.role.codes:
        return Reach([], [])
    seen = Contact.objects.visible_to(actor)
    given = AdminRange.objects.filter(member=member).order_by("department__name", "id")
    graded = member.role.scope == Role.Scope.DEPARTMENTS
    return Reach(
        [(rule, paging.count(contacts)) for rule, contacts in _by_rule(seen, member)],
        list(given.values_list("department__name", flat=True)) if graded else [],
    )


def _by_rule(seen: QuerySet, member: Member) -> list[tuple[Rule, QuerySet]]:
    if member.role.scope == Role.Scope.ALL:
        return [(Rule.EVERYTHING, seen)]
    if member.role.scope == Role.Scope.DEPARTMENTS:
        return [(Rule.RANGE, seen.filter(owner_id__in=members_in_range(member).values("id")))]
    here = {"contact_id": OuterRef("pk"), "member_id": member.pk}
    follows = Follow.objects.filter(**here).exclude(state=Follow.State.DELETED_BY_MEMBER)
    return [
        (Rule.OWNER, seen.filter(owner_id=member.pk)),
        (Rule.FOLLOWER, seen.filter(Exists(follows))),
        (Rule.COLLABORATOR, seen.filter(Exists(Grant.objects.in_force().filter(**here)))),
    ]
