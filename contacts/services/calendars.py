"""A member's calendar: a secret address at which calendar programs read what the member has planned (C14)."""

import hashlib
import secrets
from datetime import datetime, timedelta, tzinfo

from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event

from common import clock
from common.errors import Conflict
from contacts import agenda
from contacts.models import CalendarFeed, FollowUp
from contacts.rules import FollowUpKind
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import zone

PAST = timedelta(days=30)
AHEAD = timedelta(days=366)
MOST = 1000
LENGTH = timedelta(minutes=30)


def open_feed(actor: Actor) -> str:
    """Make the actor's address anew and return its secret, which is shown once; an earlier one ends."""
    actor.require("contacts.view")
    if actor.member is None:
        raise Conflict(_("Only a member has a calendar."), code="no_member")
    secret = secrets.token_urlsafe(32)
    CalendarFeed.objects.update_or_create(
        member=actor.member, defaults={"digest": _digest(secret), "created_at": clock.now()}
    )
    audit.record(actor, "calendar.opened", actor.member)
    return secret


def close_feed(actor: Actor) -> bool:
    """End the actor's address; was there one?"""
    closed = CalendarFeed.objects.filter(member=actor.member).delete()[0] > 0
    if closed:
        audit.record(actor, "calendar.closed", actor.member)
    return closed


def feed_of(actor: Actor) -> CalendarFeed | None:
    """The actor's address, without its secret."""
    return CalendarFeed.objects.filter(member_id=actor.member_id).first()


def reader(secret: str) -> Member | None:
    """The active member whose address this is; None for unknown, revoked and disabled ones alike."""
    found = CalendarFeed.objects.filter(
        digest=_digest(secret), member__status=Member.Status.ACTIVE, member__user__is_active=True
    )
    feed = found.select_related("member__role", "member__user").first()
    return feed.member if feed and "contacts.view" in feed.member.role.codes else None


def calendar(actor: Actor, *, address: str) -> bytes:
    """What the member has planned, as iCalendar. `address` is that of the enterprise's console."""
    now = clock.now()
    plans = agenda.planned(actor, {"mine": "true"}).filter(next_at__gte=now - PAST, next_at__lt=now + AHEAD)
    made = Calendar()
    made.add("prodid", "-//SCRM//Follow-ups//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-timezone", actor.enterprise.timezone)
    made.add("x-wr-calname", _("Follow-ups · %(enterprise)s") % {"enterprise": actor.enterprise.name})
    for plan in plans.select_related("contact").order_by("next_at", "id")[:MOST]:
        made.add_component(_event(plan, address, now, zone(actor.enterprise)))
    made.add_missing_timezones(first_date=(now - PAST).date(), last_date=(now + AHEAD).date())
    return made.to_ical()


def path_of(code: str, secret: str) -> str:
    """The path of a feed."""
    return f"/calendar/{code}/{secret}.ics"


def _event(plan: FollowUp, address: str, now: datetime, local: tzinfo) -> Event:
    event = Event()
    assert plan.next_at is not None
    event.add("uid", f"{plan.pk}@follow-ups")
    event.add("dtstamp", now)
    event.add("sequence", plan.version)
    event.add("dtstart", plan.next_at.astimezone(local))
    event.add("dtend", (plan.next_at + LENGTH).astimezone(local))
    event.add("summary", f"{plan.contact} · {FollowUpKind(plan.kind).label}")
    event.add("description", plan.text)
    event.add("url", f"{address}contacts/{plan.contact_id}/follow-ups/")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", str(plan.contact))
    alarm.add("trigger", timedelta(0))
    event.add_component(alarm)
    return event


def _digest(secret: str) -> str:
    """Of 256 random bits; there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
