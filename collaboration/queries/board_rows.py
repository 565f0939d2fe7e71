"""What stands behind a figure of the team board: the events of one member, each with its contact (O10).

The same definitions as `collaboration.services.board`, asked of one member's contacts; of contacts that whoever looks
may see (O5). Lost contacts have a list of their own (`contacts.losses`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from collaboration.queries.board import period
from collaboration.rules.board import ANEW
from common import clock
from common.choices import Choice
from common.errors import Invalid
from common.tenancy import TenantQuerySet
from contacts.models import Contact, Follow, Interaction
from contacts.rules import Kind
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy, zone

FILTERS = ("from", "to", "figure")


class Figure(Choice):
    """Which figure of the board the rows belong to."""

    ADDED = "added", _("New contacts")
    FOLLOW_UPS = "follow_ups", _("Follow-ups")
    ASKED = "asked", _("Waited for an answer")
    LATE = "late", _("Late or not answered")


_KINDS = {
    Figure.ADDED: (Kind.ADDED.value, Kind.RETURNED.value),
    Figure.FOLLOW_UPS: (Kind.FOLLOW_UP.value,),
    Figure.ASKED: (Kind.MESSAGE_IN.value,),
    Figure.LATE: (Kind.MESSAGE_IN.value,),
}


@dataclass(frozen=True)
class Asked:
    """A checked question: the days (both included), and which figure."""

    first: date
    last: date
    figure: Figure

    @classmethod
    def parse(cls, actor: Actor, params: Mapping[str, str]) -> "Asked":
        """From the parameters of an address. Raises Invalid."""
        first, last = period(actor, params.get("from"), params.get("to"))
        figure = params.get("figure") or Figure.ASKED.value
        if figure not in set(Figure):
            raise Invalid({"figure": [_("Choose one of the offered values.")]})
        return cls(first, last, Figure(figure))


def rows(actor: Actor, member: Member, asked: Asked) -> TenantQuerySet:
    """The member's events, with `answered_at` where somebody waited; of those that the actor may see."""
    local = zone(actor.enterprise)
    start = datetime.combine(asked.first, time(), local)
    end = datetime.combine(asked.last + timedelta(days=1), time(), local)
    found = (
        Interaction.objects.filter(contact__in=_contacts(actor, member, start))
        .filter(kind__in=_KINDS[asked.figure], at__gte=start, at__lt=end, at__lte=clock.now())
        .alias(whose=Coalesce("member_id", "contact__owner_id"))
        .filter(whose=member.pk)
        .select_related("contact", "contact__owner")
    )
    if asked.figure in (Figure.ASKED, Figure.LATE):
        found = _waited(found)
    if asked.figure is Figure.LATE:
        in_time = Q(answered_at__lte=F("at") + timedelta(hours=policy().answer_hours))
        found = found.filter(Q(answered_at=None) | ~in_time)
    return found


def _contacts(actor: Actor, member: Member, since: datetime) -> TenantQuerySet:
    """Those whom the member owns or was ever a friend of, and with whom anything happened since."""
    theirs = Q(owner=member) | Q(pk__in=Follow.objects.filter(member=member).values("contact_id"))
    return Contact.objects.visible_to(actor).filter(theirs, last_contact_at__gte=since)


def _waited(messages: TenantQuerySet) -> TenantQuerySet:
    """Messages that begin a wait: not behind another one of the last days that nobody had answered."""
    same = Interaction.objects.filter(contact_id=OuterRef("contact_id"))
    earlier = same.filter(
        Q(at__lt=OuterRef("at")) | Q(at=OuterRef("at"), id__lt=OuterRef("id")),
        at__gte=OuterRef("at") - ANEW,
        at__lte=OuterRef("at"),
        kind__in=(Kind.MESSAGE_IN.value, Kind.MESSAGE_OUT.value),
    )
    answers = same.filter(
        Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), id__gt=OuterRef("id")),
        at__gte=OuterRef("at"),
        at__lte=clock.now(),
        kind=Kind.MESSAGE_OUT.value,
    )
    return (
        messages.annotate(answered_at=Subquery(answers.order_by("at", "id").values("at")[:1]))
        .alias(previous=Coalesce(Subquery(earlier.order_by("-at", "-id").values("kind")[:1]), Value("")))
        .exclude(previous=Kind.MESSAGE_IN.value)
    )
