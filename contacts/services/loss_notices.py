"""What owners are told about losses (C4): at once when a contact deleted somebody, once a week who may be next."""

from datetime import datetime

from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from contacts import losses
from contacts.models import Contact, Follow
from contacts.rules import Risk
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import zone
from jobs.notifications import declare, notify

declare(
    "contacts.lost_friend",
    _("%(contact)s deleted %(member)s."),
    lambda data: f"contacts/{data['id']}/",
)
declare(
    "contacts.going_silent",
    _("%(count)s of your contacts are about to fall silent."),
    lambda _data: "losses/ahead/",
)


def contact_deleted_member(follow: Follow, contact: Contact) -> None:
    """Tell the owner and the member who was deleted."""
    told = {member.pk: member for member in (contact.owner, follow.member) if member is not None and member.is_active}
    data = {"contact": str(contact), "member": follow.member.name, "id": str(contact.pk)}
    notify(told.values(), kind="contacts.lost_friend", key=f"lost-friend:{follow.pk}:{follow.ended_at}", data=data)


def warn(actor: Actor, *, now: datetime) -> int:
    """Tell every active owner, once in a calendar week, who is about to fall silent; how many owners."""
    year, week, _weekday = now.astimezone(zone(actor.enterprise)).isocalendar()
    counted = (
        losses.at_risk(actor, Risk.SILENT_SOON)
        .filter(owner__status=Member.Status.ACTIVE)
        .order_by()
        .values_list("owner")
        .annotate(number=Count("id"))
    )
    numbers = dict(counted)
    for member in Member.objects.filter(pk__in=numbers).order_by("id"):
        key = f"going-silent:{year}-{week}"
        notify([member], kind="contacts.going_silent", key=key, data={"count": numbers[member.pk]})
    return len(numbers)
