"""The partner's workbench: what a person of a partner sees by their personal link, without an account (U11, U6).

The link alone opens nothing: each device is asked once for the last four digits of the person's phone number, so a link
that was passed on is of no use. A new link ends the ones before; links expire and can be revoked. A person gets a new
one by mail themself, see services.relinking.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from icalendar import Calendar, Event

from common import clock, throttle
from common.errors import Conflict, Forbidden, NotFound
from common.tenancy import tenant
from enterprises import audit
from enterprises.access import enterprise_id_of
from enterprises.actors import Actor
from enterprises.models import Enterprise
from enterprises.services import policy
from upstream import queries
from upstream.models import Message, MessageDelivery, PartnerContact, Person, Share, SpaceChat, WorkbenchLink
from upstream.queries import messaging
from upstream.rules.visibility import decide
from upstream.services import people, shares

_SALT = "upstream.workbench"
_TRIES, _HOUR = 5, 3600
DIGITS = 4


def issue_link(actor: Actor, *, seat: PartnerContact) -> WorkbenchLink:
    """A new personal link for somebody; the ones before stop working. Raises Conflict `phone_missing`."""
    actor.require("spaces.share")
    if len(seat.person.phone) < DIGITS:
        raise Conflict(
            _("Enter the person's phone number first: its last digits protect the link."), code="phone_missing"
        )
    _end_links(seat)
    until = clock.now() + timedelta(days=policy().workbench_days)
    link = WorkbenchLink.objects.create(person=seat.person, expires_at=until)
    audit.record(actor, "workbench.issued", seat, after={"until": until.isoformat()})
    return link


def revoke_links(actor: Actor, *, seat: PartnerContact) -> None:
    """End the person's links at once."""
    actor.require("spaces.share")
    if _end_links(seat):
        audit.record(actor, "workbench.revoked", seat)


def _end_links(seat: PartnerContact) -> int:
    return WorkbenchLink.objects.filter(person=seat.person_id, revoked_at=None).update(revoked_at=clock.now())


SHOWN = 200  # rows of each list


@dataclass(frozen=True)
class Bench:
    """What the page shows: one of the spaces that the person is in, and nothing of any other partner.

    `cut`: the lists that have more than they show.
    """

    enterprise: Enterprise
    seat: PartnerContact
    seats: list[PartnerContact]
    shares: list[Share]
    ours: list[tuple[str, Any]]
    colleagues: list[PartnerContact]
    others: list[str]
    chats: list[str]
    inbox: list[MessageDelivery]
    cut: list[str]


def unlock(firm: str, code: str, *, digits: str) -> str:
    """The proof that a device keeps, for the right digits. Raises Forbidden, TooOften, NotFound."""
    with _door(firm, code) as (enterprise, link):
        throttle.consume("workbench", f"{enterprise.pk}:{link.pk}", limit=_TRIES, seconds=_HOUR)
        if not compare_digest(digits.strip().encode(), link.person.phone[-DIGITS:].encode()):
            raise Forbidden(_("These are not the last four digits."), code="wrong_digits")
        # One that came by mail ends those before only now: asking for it takes nobody's link away.
        before = WorkbenchLink.objects.filter(person=link.person_id, created_at__lt=link.created_at, revoked_at=None)
        before.update(revoked_at=clock.now())
        return signing.dumps(str(link.pk), salt=_SALT)


def bench(firm: str, code: str, *, proof: str, space: UUID | None = None) -> Bench:
    """The workbench. Raises NotFound for a link that does not work, Forbidden `locked` without the device's proof."""
    with _opened(firm, code, proof) as (enterprise, link):
        seats = list(
            PartnerContact.objects.filter(person=link.person_id)
            .select_related("space", "partner__space", "person")
            .order_by("joined_at", "id")
        )
        seat = next((one for one in seats if one.space_id == space), None if space else seats[0] if seats else None)
        if seat is None:
            raise _gone()
        WorkbenchLink.objects.filter(pk=link.pk, opened_at=None).update(opened_at=clock.now())
        known = queries.world(seat.space)
        me = known.partners[seat.partner_id]
        members = queries.members(seat.space).order_by("member__name", "id")
        ours = [
            (one.member.name, one.member.department)
            for one in members
            if one.member.is_active and decide(known, me, known.members[one.member_id]).visible
        ]
        colleagues = PartnerContact.objects.filter(partner=seat.partner_id).exclude(pk=seat.pk).select_related("person")
        open_to = [pk for pk, other in known.partners.items() if pk != me.partner and decide(known, me, other).visible]
        unread = messaging.unread(link.person_id)
        for one in seats:
            one.unread = unread.get(one.space_id, 0)  # type: ignore[attr-defined]
        others = seat.space.partners.filter(pk__in=open_to).order_by("name", "id").values_list("name", flat=True)
        long: dict[str, Any] = {
            "shares": shares.shared_with(seat.partner),
            "colleagues": colleagues.order_by("joined_at", "id"),
            "others": others,
            "inbox": messaging.inbox(link.person_id).filter(seat_id=seat.pk),
        }
        lists = {name: list(found[: SHOWN + 1]) for name, found in long.items()}
        return Bench(
            enterprise=enterprise,
            seat=seat,
            seats=seats,
            ours=ours,
            chats=list(
                SpaceChat.objects.filter(seats__person=seat).order_by("name", "id").values_list("name", flat=True)
            ),
            **{name: found[:SHOWN] for name, found in lists.items()},
            cut=[name for name, found in lists.items() if len(found) > SHOWN],
        )


def meeting(firm: str, code: str, *, proof: str, share: UUID) -> bytes:
    """A meeting that is shared with the person, as a calendar file. Raises NotFound for all else."""
    with _opened(firm, code, proof) as (enterprise, link):
        found = _shared(link, share)
        if found.kind != Share.Kind.MEETING or found.starts_at is None:
            raise _gone()
        event = Event()
        event.add("uid", f"{found.pk}@scrm")
        event.add("dtstamp", found.created_at)
        event.add("dtstart", found.starts_at.astimezone(UTC))
        event.add("summary", found.title)
        event.add("description", "\n".join(filter(None, (found.note, enterprise.name))))
        event.add("url", found.url)
        calendar = Calendar()
        calendar.add("prodid", "-//SCRM//Workbench//EN")
        calendar.add("version", "2.0")
        calendar.add_component(event)
        return calendar.to_ical()


def open_share(firm: str, code: str, *, proof: str, share: UUID) -> Share:
    """A share that one of the person's partners has; counts that it was opened. Raises NotFound for all others."""
    with _opened(firm, code, proof) as (_enterprise, link):
        found = _shared(link, share)
        shares.count_open(found, link.person)
        return found


def _shared(link: WorkbenchLink, share: UUID) -> Share:
    """A share that one of the person's partners has. Raises NotFound for all others."""
    for seat in PartnerContact.objects.filter(person=link.person_id).select_related("partner__space"):
        found = shares.shared_with(seat.partner).filter(pk=share).first()
        if found is not None:
            return found
    raise _gone()


def keep_address(firm: str, code: str, *, proof: str, email: str, ip: str | None = None) -> None:
    """The person says where new links may go (services.relinking). Once: what stands there, ours alone change.

    Raises Invalid, Conflict `email_known`, and what `bench` raises.
    """
    email = people.address(email)
    with _opened(firm, code, proof) as (enterprise, link):
        _keep_address(replace(Actor.system(enterprise, "console", label=link.person.name), ip=ip), link.person, email)


def _keep_address(actor: Actor, person: Person, email: str) -> None:
    if not Person.objects.filter(pk=person.pk, email="").update(email=email):
        raise Conflict(_("There is an address already. Please ask your contact to change it."), code="email_known")
    seat = PartnerContact.objects.filter(person=person).select_related("person").order_by("joined_at", "id")[0]
    audit.record(actor, "partner_contact.changed", seat, before={"email": ""}, after={"email": email})


def read_message(firm: str, code: str, *, proof: str, message: UUID) -> tuple[Enterprise, MessageDelivery]:
    """A message that reached this person; from now on they have opened it. Raises NotFound for all others."""
    with _opened(firm, code, proof) as (enterprise, link):
        return enterprise, _opened_now(_received(link, message))


def follow_message(firm: str, code: str, *, proof: str, message: UUID) -> Message:
    """Where the message leads, or its file; from now on they have clicked. Raises NotFound, also for mere text."""
    with _opened(firm, code, proof) as (_enterprise, link):
        delivery = _received(link, message)
        if not delivery.message.leads_somewhere:
            raise _gone()
        _opened_now(delivery)
        _reached(delivery, "clicked", clicked_at=None)
        return delivery.message


def _received(link: WorkbenchLink, message: UUID) -> MessageDelivery:
    found = messaging.inbox(link.person_id).filter(message=message).first()
    if found is None:
        raise _gone()
    return found


def _opened_now(delivery: MessageDelivery) -> MessageDelivery:
    _reached(delivery, "opened", opened_at=None)
    return delivery


def _reached(delivery: MessageDelivery, state: str, **not_yet: None) -> None:
    """The first time counts, however often and at however many devices at once."""
    [column] = not_yet
    first = MessageDelivery.objects.filter(pk=delivery.pk, **not_yet)
    if first.update(state=state, **{column: clock.now()}):
        Message.objects.filter(pk=delivery.message_id).update(**{state: F(state) + 1})


@contextmanager
def _opened(firm: str, code: str, proof: str) -> Iterator[tuple[Enterprise, WorkbenchLink]]:
    with _door(firm, code) as (enterprise, link):
        try:
            proved = signing.loads(proof, salt=_SALT) == str(link.pk)
        except signing.BadSignature:
            proved = False
        if not proved:
            raise Forbidden(_("Enter the last four digits of your phone number."), code="locked")
        yield enterprise, link


@contextmanager
def _door(firm: str, code: str) -> Iterator[tuple[Enterprise, WorkbenchLink]]:
    """The enterprise opened for a link that works; one answer for all that do not."""
    enterprise_id = enterprise_id_of(firm)
    if enterprise_id is None:
        raise _gone()
    with tenant(enterprise_id):
        enterprise = Enterprise.objects.filter(pk=enterprise_id, status=Enterprise.Status.ACTIVE).first()
        works = WorkbenchLink.objects.filter(code=code, revoked_at=None, expires_at__gt=clock.now())
        link = works.select_related("person").first()
        if enterprise is None or link is None:
            raise _gone()
        yield enterprise, link


def _gone() -> NotFound:
    return NotFound(_("This link does not work any more. Please ask your contact for a new one."), code="link_invalid")
