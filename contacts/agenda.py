"""Reads of follow-ups: those of a contact, and what is planned by whom (C14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from common import clock
from common.asked import an_id, yes_or_no
from common.errors import Forbidden, Invalid
from common.tenancy import TenantQuerySet
from contacts import access
from contacts.models import Contact, FollowUp
from contacts.rules import Plan, Right, tomorrow
from enterprises.actors import Actor
from enterprises.models import Role
from enterprises.services import zone

FILTERS = ("mine", "state", "assignee")


def visible_to(actor: Actor) -> TenantQuerySet:
    """The follow-ups of the contacts that the actor sees, whoever wrote them (O5)."""
    member = actor.member
    if member is None or member.role.scope == Role.Scope.ALL:
        return FollowUp.objects.all()
    return FollowUp.objects.filter(contact__in=Contact.objects.visible_to(actor))


def of(contact: Contact) -> TenantQuerySet:
    """The follow-ups of one contact, the newest first, with all that is shown of them."""
    return full(FollowUp.objects.filter(contact=contact)).order_by("-at", "-id")


def full(follow_ups: TenantQuerySet) -> TenantQuerySet:
    """With what documents and pages show, in a constant number of queries."""
    return follow_ups.select_related("contact", "member", "assignee").prefetch_related("files")


def planned(actor: Actor, params: Mapping[str, str] | None = None) -> TenantQuerySet:
    """What is planned, by what lies in the address: mine, state (overdue, today, coming), assignee.

    Raises Invalid for values that make no sense.
    """
    params = params or {}
    found = visible_to(actor).filter(done_at=None, next_at__isnull=False)
    mine, state, assignee = (params.get(name) or "" for name in FILTERS)
    if mine and yes_or_no("mine", mine):
        found = found.filter(assignee_id=actor.member_id)
    if assignee:
        found = found.filter(assignee_id=an_id("assignee", assignee))
    if state:
        if state not in set(Plan):
            raise Invalid({"state": [_("Choose one of the offered values.")]})
        found = found.filter(_lies(Plan(state), clock.now(), tomorrow(clock.now(), zone(actor.enterprise))))
    return found


def may_change(actor: Actor, follow_up: FollowUp) -> bool:
    """Is it worth offering: one's own, or everybody's to those who change owners? `require_change` decides."""
    own = actor.member is not None and follow_up.member_id == actor.member_id
    return actor.may("contacts.edit") and (own or actor.may(Right.ASSIGN.code))


def require_change(actor: Actor, follow_up: FollowUp) -> None:
    """Raise Forbidden for who may not change this follow-up: its writer may, the contact's owner, and admins."""
    access.require(actor, follow_up.contact, Right.FOLLOW_UP)
    own = actor.member is not None and follow_up.member_id == actor.member_id
    if not own and Right.ASSIGN not in access.rights(actor, follow_up.contact):
        raise Forbidden(_("Somebody else wrote this follow-up."), code="not_the_writer")


@dataclass(frozen=True)
class Figures:
    """How much is planned, by where it lies."""

    overdue: int
    today: int
    coming: int


def figures(actor: Actor, params: Mapping[str, str] | None = None) -> Figures:
    """The numbers of `planned` without its state."""
    asked = {name: value for name, value in (params or {}).items() if name != "state"}
    now = clock.now()
    end = tomorrow(now, zone(actor.enterprise))
    return Figures(
        **planned(actor, asked)
        .order_by()
        .aggregate(**{state.value: Count("id", filter=_lies(state, now, end)) for state in Plan})
    )


def _lies(state: Plan, now: datetime, end: datetime) -> Q:
    if state is Plan.OVERDUE:
        return Q(next_at__lt=now)
    return Q(next_at__gte=now, next_at__lt=end) if state is Plan.TODAY else Q(next_at__gte=end)
