"""A partner's person gets a new workbench link by mail, by themself (U11).

Whoever asks learns nothing: the answer is the same for every address. The link goes to the mailbox that stands with the
person here already, so nobody can have it sent elsewhere; links that ended stay ended. Somebody whose links one of ours
ended by hand gets none this way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from common import clock, throttle
from common.errors import Conflict
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Enterprise
from enterprises.services import policy
from enterprises.tasks import on_commit
from upstream.models import JoinedSpace, PartnerContact, Person, WorkbenchLink
from upstream.services import people
from upstream.services.workbench import DIGITS

_A_MAILBOX, _A_CALLER, _HOUR = 3, 10, 3600
MOST = 5  # people of one mailbox
# A link made so recently is sent again instead of another one: whoever is impatient, and a mail server that is.
FRESH = timedelta(hours=1)


@dataclass(frozen=True)
class Letter:
    """What the mail says to one person."""

    name: str
    code: str


def ask(firm: str, *, email: str, ip: str | None) -> None:
    """Somebody asks for their link. Does the same for known and unknown addresses, and for unknown enterprises.

    Raises Invalid for what is no address, TooOften by caller and by address.
    """
    from upstream.tasks import mail_workbench_links  # the worker's side of the same coin

    email = people.address(email)
    throttle.consume("workbench-ask", str(ip), limit=_A_CALLER, seconds=_HOUR)
    throttle.consume("workbench-mailbox", f"{firm}:{email}", limit=_A_MAILBOX, seconds=_HOUR)
    on_commit(mail_workbench_links, firm, email, ip, translation.get_language())


def ask_as_member(actor: Actor, *, joined: JoinedSpace) -> str:
    """A member of an enterprise that joined a space asks for their own workbench there; returns where it may go.

    It goes to their own address, if that is one of a person there; else nowhere. Raises Conflict `ended`, TooOften.
    """
    actor.require("spaces.view")
    if joined.ended_at is not None:
        raise Conflict(_("This connection is ended."), code="ended")
    email = actor.member.email if actor.member else ""
    ask(joined.host.code, email=email, ip=actor.ip)
    return email


def letters(enterprise: Enterprise, *, email: str, ip: str | None) -> list[Letter]:
    """A working link for each person of this address in the enterprise in scope; none for unknown addresses."""
    return [Letter(person.name, _link(enterprise, person, ip).code) for person in _persons(email)]


def _persons(email: str) -> Iterator[Person]:
    known = Person.objects.filter(email=email, pk__in=PartnerContact.objects.values("person")).order_by("id")
    for person in known[:MOST]:
        newest = _newest(person)
        ended_by_hand = newest is not None and newest.revoked_at is not None
        if len(person.phone) >= DIGITS and not ended_by_hand:
            yield person


def _link(enterprise: Enterprise, person: Person, ip: str | None) -> WorkbenchLink:
    """The one before works on until this one is used: a stranger who types an address takes nobody's link away."""
    now, newest = clock.now(), _newest(person)
    if newest is not None and newest.created_at > now - FRESH and newest.expires_at > now:
        return newest
    until = now + timedelta(days=policy().workbench_days)
    link = WorkbenchLink.objects.create(person=person, expires_at=until)
    actor = replace(Actor.system(enterprise, "console", label=person.name), ip=ip)
    audit.record(actor, "workbench.mailed", _seat(person), after={"until": until.isoformat()})
    return link


def _newest(person: Person) -> WorkbenchLink | None:
    return WorkbenchLink.objects.filter(person=person).order_by("-created_at", "-id").first()


def _seat(person: Person) -> PartnerContact:
    return PartnerContact.objects.filter(person=person).select_related("person").order_by("joined_at", "id")[0]
