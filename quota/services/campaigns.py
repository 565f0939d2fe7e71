"""Campaigns (Q15): when people are asked to come. The forecast is reckoned anew whenever they change."""

from datetime import date, timedelta

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Invalid
from enterprises import audit
from enterprises.actors import Actor
from jobs import services as jobs
from quota import queries
from quota.models import Campaign
from quota.services.history import KEPT_DAYS

LONGEST = 60  # days: what lasts longer is how things are
AHEAD = 400


def add_campaign(actor: Actor, *, name: str, starts_on: date, ends_on: date) -> Campaign:
    """Write down a campaign, past or planned. Raises Invalid for what ends before it starts, is too long, or lies
    where neither history nor forecast reach."""
    actor.require("quota.buy")
    today = queries.today(actor.enterprise, clock.now())
    if not name.strip():
        raise Invalid({"name": [_("Give the campaign a name.")]})
    if ends_on < starts_on:
        raise Invalid({"ends_on": [_("The last day is before the first.")]})
    if ends_on - starts_on >= timedelta(days=LONGEST):
        raise Invalid({"ends_on": [_("A campaign lasts 60 days at most.")]})
    if not today - timedelta(days=KEPT_DAYS) <= starts_on <= today + timedelta(days=AHEAD):
        raise Invalid({"starts_on": [_("Choose a day within the last three years or the next 400 days.")]})
    made = Campaign.objects.create(name=name.strip()[:64], starts_on=starts_on, ends_on=ends_on)
    audit.record(actor, "campaign.added", made, after={"starts_on": starts_on, "ends_on": ends_on})
    jobs.enqueue(actor, name="quota.forecast")
    return made


def delete_campaign(actor: Actor, *, campaign: Campaign) -> None:
    """Forget a campaign."""
    actor.require("quota.buy")
    before = {"starts_on": campaign.starts_on, "ends_on": campaign.ends_on}
    audit.record(actor, "campaign.deleted", campaign, before=before)
    campaign.delete()
    jobs.enqueue(actor, name="quota.forecast")
