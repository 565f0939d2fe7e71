"""What a member wants to be told, and how."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from common.errors import Invalid, NotFound
from enterprises import audit
from enterprises.actors import Actor
from jobs import notifications
from jobs.models import NotificationPreference


def choose(actor: Actor, *, wanted: Mapping[str, Mapping[str, bool]]) -> None:
    """Set how the actor is told of some kinds: `{"quota.threshold": {"bell": True, "mail": False}}`.

    What is left out stays. Kept is only what differs from the kind's default, so a better default reaches everybody
    who left it alone. Raises Invalid for a kind that this member is never told of.
    """
    if actor.member is None:
        raise NotFound()
    before = {choice.kind: choice.ways for choice in notifications.choices(actor)}
    if unknown := sorted(set(wanted) - set(before)):
        raise Invalid({name: [_("There is no such kind of notification.")] for name in unknown})
    changed = {}
    for kind, ways in wanted.items():
        if unfit := sorted(set(ways) - {"bell", "mail"}):
            raise Invalid({kind: [_("A notification can be shown (bell) and mailed (mail).")]}, fields=unfit)
        new = {**before[kind], **ways}
        if new == before[kind]:
            continue
        changed[kind] = new
        if new == notifications.KINDS[kind].ways:
            NotificationPreference.objects.filter(member=actor.member, kind=kind).delete()
        else:
            NotificationPreference.objects.update_or_create(member=actor.member, kind=kind, defaults=new)
    if changed:
        audit.record(
            actor,
            "preferences.changed",
            actor.member,
            before={kind: before[kind] for kind in changed},
            after=changed,
        )
