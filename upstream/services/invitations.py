"""Inviting people into spaces (U7): links for everybody, personal ones for customers, reminders."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.sql import execute, subquery
from common.tenancy import current_enterprise_id
from contacts.models import Contact
from contacts.services.bulk.selection import Selection
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy
from jobs.notifications import declare, notify
from upstream.models import CustomerLink, Invitation, Invitee, PartnerContact, Series, Space, SpaceChat, Subgroup
from upstream.rules import names

MOST_DAYS = 365
MOST_CUSTOMERS = 100_000

declare(
    "upstream.to_send", _("%(number)s invitations into “%(target)s” wait for you to send them"), lambda d: d["page"]
)
declare("upstream.remind", _("%(number)s customers have not answered their invitation yet"), lambda d: d["page"])


def create_link(
    actor: Actor,
    *,
    space: Space | None = None,
    series: Series | None = None,
    subgroup: Subgroup | None = None,
    chat: SpaceChat | None = None,
    source: str = "",
    approval: bool = False,
    days: int | None = None,
    max_uses: int | None = None,
) -> Invitation:
    """A link and QR code for everybody who gets it; with `chat` it leads into the group chat and its space (U10).

    Raises Invalid, Conflict `link_not_for_chat`.
    """
    actor.require("spaces.manage")
    if chat is not None:
        space, series, subgroup = _with_chat(chat, space, series)
    invitation = _new(actor, Invitation.Kind.OPEN, space, series, subgroup, source, approval, days)
    if max_uses is not None and not 1 <= max_uses <= 1_000_000:
        raise Invalid({"max_uses": [_("Between 1 and 1,000,000 uses.")]})
    invitation.max_uses, invitation.chat = max_uses, chat
    invitation.save(force_insert=True)
    _record(actor, invitation)
    return invitation


def revoke(actor: Actor, *, invitation: Invitation) -> Invitation:
    """End an invitation at once; nobody comes in by it any more. Twice changes nothing."""
    actor.require("spaces.invite")
    changed = Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=clock.now())
    if changed:
        Invitee.objects.filter(invitation=invitation, state__in=Invitee.OPEN).update(state=Invitee.State.EXPIRED)
        audit.record(actor, "invitation.revoked", invitation)
    invitation.refresh_from_db()
    return invitation


# --- Customers --------------------------------------------------------------------------------------------


def invited(actor: Actor, *, selection: Selection, target: Space | Series) -> tuple[QuerySet[Contact], dict[str, int]]:
    """The chosen customers who would get a personal link, and how many would not, by reason."""
    chosen = selection.contacts(actor)
    inside = Space.objects.filter(pk=target.pk) if isinstance(target, Space) else Space.objects.filter(series=target)
    seats = PartnerContact.objects.filter(space__in=inside.values("id")).values("person")
    there = Q(pk__in=CustomerLink.objects.filter(person__in=seats).values("contact"))
    column = "invitation__space" if isinstance(target, Space) else "invitation__series"
    running = Invitee.objects.filter(**{column: target}, state__in=Invitee.OPEN)
    asked = Q(pk__in=running.values("contact"))
    gone = Q(status="lost")
    left_out = {
        "lost": chosen.filter(gone).count(),
        "joined": chosen.filter(there & ~gone).count(),
        "invited": chosen.filter(asked & ~there & ~gone).count(),
    }
    return chosen.filter(~(there | asked | gone)), left_out


def invite_customers(
    actor: Actor,
    *,
    selection: Selection,
    space: Space | None = None,
    series: Series | None = None,
    subgroup: Subgroup | None = None,
    source: str = "",
    approval: bool = False,
    days: int | None = None,
) -> tuple[Invitation, int]:
    """A personal link for each chosen customer, to be sent by their owner (or the actor). Returns how many.

    Nobody is joined by this: each customer says so themselves. Raises Invalid when there is nobody to invite.
    """
    actor.require("spaces.invite")
    invitation = _new(actor, Invitation.Kind.PERSONAL, space, series, subgroup, source, approval, days)
    target = space or series
    assert target is not None
    chosen, left_out = invited(actor, selection=selection, target=target)
    contacts, params = subquery(chosen.values("id", "owner_id"), "chosen")
    invitation.save(force_insert=True)
    made = execute(
        f"""
        INSERT INTO upstream_invitee (id, enterprise_id, invitation_id, contact_id, inviter_id, code, state)
        SELECT uuid7(), %(enterprise)s, %(invitation)s, chosen.id, coalesce(owner.id, %(actor)s::uuid),
               replace(gen_random_uuid()::text, '-', ''), 'waiting'
        FROM ({contacts}) AS chosen
        LEFT JOIN enterprises_member AS owner
               ON owner.enterprise_id = %(enterprise)s AND owner.id = chosen.owner_id AND owner.status = 'active'
        LIMIT %(most)s
        """,  # noqa: S608 - the ORM's own text
        {
            **params,
            "enterprise": current_enterprise_id(),
            "invitation": invitation.pk,
            "actor": actor.member_id,
            "most": MOST_CUSTOMERS,
        },
    )
    if not made:
        raise Invalid(_("None of the chosen customers can be invited."), code="nobody_left", left_out=left_out)
    _record(actor, invitation, customers=made)
    _tell(invitation, kind="upstream.to_send", states=(Invitee.State.WAITING,), key="send")
    return invitation, made


def mark_sent(actor: Actor, *, invitees: Sequence[Invitee]) -> int:
    """Whoever sent the links says so. Those sent, or answered, already stay as they are."""
    actor.require("spaces.invite")
    waiting = Invitee.objects.filter(pk__in=[one.pk for one in invitees], state=Invitee.State.WAITING)
    sent = waiting.update(state=Invitee.State.SENT, sent_at=clock.now())
    if sent:
        audit.record(actor, "invitation.sent", invitees[0].invitation, after={"customers": sent})
    return sent


def remind(actor: Actor, *, invitation: Invitation) -> int:
    """Ask the inviters to remind the customers who have not answered. Returns how many customers those are."""
    actor.require("spaces.invite")
    found = Invitee.objects.visible_to(actor).filter(
        invitation=invitation, state__in=(Invitee.State.SENT, Invitee.State.OPENED)
    )
    number = Invitee.objects.filter(pk__in=found.values("pk")).update(reminded_at=clock.now())
    if number:
        day = clock.now().date().isoformat()
        _tell(
            invitation, kind="upstream.remind", states=(Invitee.State.SENT, Invitee.State.OPENED), key=f"remind:{day}"
        )
        audit.record(actor, "invitation.reminded", invitation, after={"customers": number})
    return number


def expire(moment: datetime) -> dict[str, int]:
    """The nightly work: personal links whose time is over are so called; inviters hear of unanswered ones, once.

    A link stops to work at its moment, whether this has run or not.
    """
    over = Invitation.objects.filter(expires_at__lte=moment).values("id")
    expired = Invitee.objects.filter(invitation__in=over, state__in=Invitee.OPEN).update(state=Invitee.State.EXPIRED)
    since = moment - timedelta(days=policy().invitation_reminder_days)
    silent = Invitee.objects.filter(
        invitation__revoked_at=None,
        state__in=(Invitee.State.SENT, Invitee.State.OPENED),
        sent_at__lte=since,
        reminded_at=None,
    )
    invitations = list(Invitation.objects.filter(pk__in=silent.values("invitation")))
    reminded = Invitee.objects.filter(pk__in=silent.values("pk")).update(reminded_at=moment)
    for invitation in invitations:
        _tell(invitation, kind="upstream.remind", states=(Invitee.State.SENT, Invitee.State.OPENED), key="unanswered")
    return {"expired": expired, "reminded": reminded}


# --- Steps ------------------------------------------------------------------------------------------------


def _new(
    actor: Actor,
    kind: str,
    space: Space | None,
    series: Series | None,
    subgroup: Subgroup | None,
    source: str,
    approval: bool,
    days: int | None,
) -> Invitation:
    if (space is None) == (series is None):
        raise Invalid({"space": [_("Say into which space or series.")]})
    if subgroup is not None and (space is None or subgroup.space_id != space.pk):
        raise Invalid({"subgroup": [_("This subgroup is in another space.")]})
    days = policy().space_invitation_days if days is None else days
    if not 1 <= days <= MOST_DAYS:
        raise Invalid({"days": [_("Between 1 and %(days)s days.") % {"days": MOST_DAYS}]})
    return Invitation(
        kind=kind,
        space=space,
        series=series,
        subgroup=subgroup,
        source=names.tidy(source)[:32],
        approval=approval,
        expires_at=clock.now() + timedelta(days=days),
        created_by=actor.member,
    )


def _with_chat(
    chat: SpaceChat, space: Space | None, series: Series | None
) -> tuple[Space, Series | None, Subgroup | None]:
    """Where the link of a group chat leads. Raises Invalid, Conflict."""
    if series is not None or (space is not None and space.pk != chat.space_id):
        raise Invalid({"chat": [_("This group chat is in another space.")]})
    if chat.dismissed_at is not None:
        raise Conflict(_("This group was dissolved."), code="group_dismissed")
    if not chat.joins_space:
        raise Conflict(_("Say of the group chat first that who joins it joins the space."), code="link_not_for_chat")
    if not chat.space.partners_open:
        raise Conflict(
            _("In this space partners do not see each other; a link for everybody would bring them together."),
            code="link_not_for_chat",
        )
    return chat.space, None, chat.subgroup


def _record(actor: Actor, invitation: Invitation, **numbers: Any) -> None:
    after = {
        "kind": invitation.kind,
        "subgroup": invitation.subgroup,
        "chat": invitation.chat,
        "source": invitation.source,
        "approval": invitation.approval,
        "expires_at": invitation.expires_at.isoformat(),
        "max_uses": invitation.max_uses,
        **numbers,
    }
    audit.record(actor, "invitation.created", invitation, after=after)


def _tell(invitation: Invitation, *, kind: str, states: Sequence[str], key: str) -> None:
    """Tell each inviter how many of their customers this concerns."""
    found = Invitee.objects.filter(invitation=invitation, state__in=states).exclude(inviter=None)
    counts: dict[Any, int] = {}
    for inviter in found.values_list("inviter_id", flat=True):
        counts[inviter] = counts.get(inviter, 0) + 1
    for member in Member.objects.filter(pk__in=counts, status=Member.Status.ACTIVE):
        data = {"number": counts[member.pk], "target": str(invitation), "page": f"invitations/{invitation.pk}/"}
        notify([member], kind=kind, key=f"{kind}:{invitation.pk}:{key}", data=data)
