"""Reads about collaborators: who they are, what may be given, what is mine."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from collaboration.models import CollaborationRule, Invitation
from collaboration.rules.grants import UNBOUND, Terms
from common.errors import Text
from contacts.models import Contact, Grant
from contacts.rules import Level
from enterprises.actors import Actor
from enterprises.models import Member, Role
from enterprises.policy import Policy
from enterprises.services import policy

# What the levels mean, for whoever gives them.
DESCRIBED: dict[Level, Text] = {
    Level.VIEWER: _("Viewer: sees the profile, the conversation and the follow-ups"),
    Level.EDITOR: _("Editor: also writes follow-ups, remark and description"),
}


@dataclass(frozen=True)
class Collaborator:
    """Somebody at a contact: a collaborator, or (`invited`) one who has not answered yet."""

    member: Member
    level: str
    invited: bool
    since: datetime
    by: Member | None
    expires_at: datetime | None
    message: str = ""


def collaborators(contact: Contact) -> list[Collaborator]:
    """The collaborators and the open invitations of a contact, in the order in which they came.

    An owner who was a collaborator before is no collaborator while they own it.
    """
    invitations = Invitation.objects.open().filter(contact=contact).order_by("invited_at", "id")
    found = [
        Collaborator(grant.member, grant.level, False, grant.granted_at, grant.granted_by, grant.expires_at)
        for grant in Grant.objects.in_force()
        .filter(contact=contact)
        .select_related("member__department", "member__role", "granted_by")
        if grant.member_id != contact.owner_id
    ]
    found += [
        Collaborator(one.member, one.level, True, one.invited_at, one.invited_by, one.expires_at, one.message)
        for one in invitations.select_related("member__department", "member__role", "invited_by")
        if one.member_id != contact.owner_id
    ]
    return found


def collaborator(contact: Contact, member: Member) -> Collaborator | None:
    """One of them."""
    return next((one for one in collaborators(contact) if one.member.pk == member.pk), None)


# --- What may be given ------------------------------------------------------------------------------------


def terms(actor: Actor) -> Terms:
    """What the actor may give (O3)."""
    if actor.member is None:
        return UNBOUND
    return terms_of(CollaborationRule.objects.filter(role=actor.member.role_id).first(), policy())


def terms_of(rule: CollaborationRule | None, numbers: Policy) -> Terms:
    """The terms of a role: its rule where it has one, else the defaults."""
    if rule is None:
        rule = CollaborationRule()
    most = numbers.collaborators_max if rule.most is None else rule.most
    return Terms(highest=Level(rule.highest), most=most, asks=rule.asks)


def rules() -> list[tuple[Role, CollaborationRule | None, Terms]]:
    """Every role with its rule and its terms, by name."""
    known = {rule.role_id: rule for rule in CollaborationRule.objects.all()}
    numbers = policy()
    return [(role, known.get(role.pk), terms_of(known.get(role.pk), numbers)) for role in Role.objects.all()]


def why_not(member: Member) -> Text | None:
    """Why this member cannot be a collaborator of anything; None when they can.

    A grant adds to what somebody is related to. Who sees by range or all sees nothing by it (O4).
    """
    if member.role.scope == Role.Scope.ALL:
        return _("This member sees the whole enterprise.")
    if member.role.scope == Role.Scope.DEPARTMENTS:
        return _("This member sees contacts by departments. Give them the department instead.")
    if "contacts.view" not in member.role.codes:
        return _("The role of this member does not let them see contacts.")
    return None


def invitable(contact: Contact) -> QuerySet[Member]:
    """The members who can be asked to collaborate on this contact, by name."""
    there = Q(pk__in=Grant.objects.in_force().filter(contact=contact).values("member_id"))
    there |= Q(pk__in=Invitation.objects.open().filter(contact=contact).values("member_id"))
    people = Member.objects.filter(
        status=Member.Status.ACTIVE, role__scope=Role.Scope.RELATED, role__permissions__contains=["contacts.view"]
    )
    return people.exclude(there).exclude(pk=contact.owner_id).select_related("department").order_by("name", "id")


# --- Mine -------------------------------------------------------------------------------------------------


def invitations(actor: Actor) -> QuerySet[Invitation]:
    """The open invitations to the actor, the newest first."""
    return Invitation.objects.to(actor).select_related("contact", "invited_by")


def mine(actor: Actor) -> QuerySet[Grant]:
    """What the actor collaborates on: grants of who sees by range or all lie idle (O4)."""
    if actor.member is None or actor.member.role.scope != Role.Scope.RELATED:
        return Grant.objects.none()
    held = Grant.objects.in_force().filter(member=actor.member)
    return held.select_related("contact__owner", "granted_by")


def represent(one: Collaborator) -> dict[str, Any]:
    """A collaborator as the API shows it."""
    return {
        "member": {"id": one.member.pk, "name": one.member.name},
        "level": one.level,
        "state": "invited" if one.invited else "active",
        "since": one.since,
        "by": {"id": one.by.pk, "name": one.by.name} if one.by else None,
        "expires_at": one.expires_at,
        "message": one.message,
    }
