"""The log of mails (Q13): what was to go out to whom, and what came of it."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from common.errors import Invalid
from common.ids import parse_uuid
from common.tenancy import TenantQuerySet
from enterprises.actors import Actor
from jobs.models import Delivery

FILTERS = ("state", "member")


def mails(actor: Actor, params: Mapping[str, str]) -> TenantQuerySet[Delivery]:
    """The mails that answer. Raises Invalid for values that make no sense."""
    actor.require("webhooks.manage")
    found = Delivery.objects.filter(webhook=None).select_related("notification__member")
    if state := params.get("state"):
        if state not in Delivery.State.values:
            raise Invalid({"state": [_("There is no such state.")]})
        found = found.filter(state=state)
    if member := params.get("member"):
        if (pk := parse_uuid(member)) is None:
            raise Invalid({"member": [_("There is nothing with this id.")]})
        found = found.filter(notification__member_id=pk)
    return found
