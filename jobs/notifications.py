"""Telling members what they should know, in the way each of them chose; and the same to webhooks.

Kinds are declared where they are sent; texts are made for the reader. There is one way to tell: `notify`. Bell, mail
and webhook follow from the kind and from what the member chose.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Text
from common.tenancy import TenantQuerySet
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import SUPER_ADMIN
from jobs import registry
from jobs.models import JobRun, Notification, NotificationPreference, Webhook
from jobs.sending import outbox

# Work that was over sooner is still on the screen of whoever asked for it.
WORTH_TELLING = timedelta(seconds=20)


@dataclass(frozen=True)
class Kind:
    """What a notification says (`text` with the names of its data) and the console page it leads to.

    `label`: what people call this kind. `mail`: mailed unless a member says otherwise. `event`: webhooks get it, too.
    `admins`: only super admins are ever told.
    """

    text: Text
    page: Callable[[dict[str, Any]], str] | None = None
    label: Text = ""
    mail: bool = False
    event: bool = False
    admins: bool = False

    @property
    def ways(self) -> dict[str, bool]:
        """How a member is told who has not chosen."""
        return {"bell": True, "mail": self.mail}

    @property
    def name(self) -> str:
        """The label, or else the text with its gaps left open."""
        return str(self.label or str(self.text) % _Gaps())


KINDS: dict[str, Kind] = {}


def declare(
    name: str,
    text: Text,
    page: Callable[[dict[str, Any]], str] | None = None,
    *,
    label: Text = "",
    mail: bool = False,
    event: bool = False,
    admins: bool = False,
) -> None:
    """Make a kind known, in one line: `declare("quota.alert", _("The scale is %(percent)s%% full"), event=True)`.

    `page` gives the path behind /e/<code>/ to what it is about; the rest is described at `Kind`.
    """
    KINDS[name] = Kind(text, page, label, mail, event, admins)


def events() -> dict[str, str]:
    """Every event that a webhook can ask for, with its label."""
    return {name: kind.name for name, kind in sorted(KINDS.items()) if kind.event}


def label(name: str) -> str:
    """What a kind is called."""
    return KINDS[name].name if name in KINDS else name


def notify(members: Iterable[Member], *, kind: str, key: str, data: dict[str, Any] | None = None) -> None:
    """Tell members something once, each in the way they chose: the same `key` again tells nobody a second time.

    Webhooks get it as well when the kind is an event, whoever is told.
    """
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"No kind of notification is called {kind}.")
    data, now = data or {}, clock.now()
    if people := list(members):
        ways = _ways(people, kind, known)
        notes = [
            Notification(member=member, kind=kind, key=key, data=data, created_at=now, bell=ways[member.pk]["bell"])
            for member in people
        ]
        Notification.objects.bulk_create(notes, ignore_conflicts=True)
        if mailed := [note.pk for note in notes if ways[note.member_id]["mail"]]:
            outbox.queue_mails(mailed)
    if known.event:
        outbox.emit(kind, key=f"{kind}:{key}"[:128], data=data)


def _ways(members: list[Member], kind: str, known: Kind) -> dict[UUID, dict[str, bool]]:
    """How each of these members is told of a kind."""
    chosen = NotificationPreference.objects.filter(kind=kind, member__in=[member.pk for member in members])
    own = {row.member_id: {"bell": row.bell, "mail": row.mail} for row in chosen}
    return {member.pk: own.get(member.pk, known.ways) for member in members}


@dataclass(frozen=True)
class Way:
    """A kind and how one member is told of it."""

    kind: str
    label: str
    ways: dict[str, bool]
    default: dict[str, bool]


def choices(actor: Actor) -> list[Way]:
    """Every kind that the actor may be told of, with what they chose."""
    if actor.member is None:
        return []
    chosen = {row.kind: row for row in NotificationPreference.objects.filter(member=actor.member)}
    admin = actor.member.role.builtin == SUPER_ADMIN
    return [
        Way(
            name,
            kind.name,
            {"bell": chosen[name].bell, "mail": chosen[name].mail} if name in chosen else kind.ways,
            kind.ways,
        )
        for name, kind in sorted(KINDS.items())
        if admin or not kind.admins
    ]


def of(actor: Actor) -> TenantQuerySet:
    """The actor's own notifications that the console shows; the system has none."""
    if actor.member is None:
        return Notification.objects.none()
    return Notification.objects.filter(member_id=actor.member_id, bell=True)


def text(notification: Notification) -> str:
    """What it says, in the language of the moment."""
    kind = KINDS.get(notification.kind)
    if kind is None:
        return notification.kind
    data = dict(notification.data)
    if (job := registry.JOBS.get(data.get("job", ""))) is not None:
        data["job"] = job.label
    return str(kind.text) % _Known(data)


class _Known(dict[str, Any]):
    """What is not among the data of an old notification is a dash."""

    def __missing__(self, key: str) -> str:
        return "—"


class _Gaps(dict[str, Any]):
    """Stands for any data."""

    def __missing__(self, key: str) -> str:
        return "…"


def page(notification: Notification) -> str:
    """The path behind /e/<code>/ to what it is about; empty when there is none."""
    kind = KINDS.get(notification.kind)
    return kind.page(notification.data) if kind and kind.page else ""


def mark_read(actor: Actor, *, notification: Notification | None = None) -> int:
    """Mark one of the actor's notifications, or all of them, as read; returns how many were not yet."""
    unread = of(actor).filter(read_at=None)
    if notification is not None:
        unread = unread.filter(pk=notification.pk)
    return unread.update(read_at=clock.now())


def run_ended(run: JobRun) -> None:
    """Tell whoever asked for a run that it ended, when they will hardly be waiting for it any more, or it failed.

    Webhooks are told of every run that somebody asked for.
    """
    if run.member is None or run.state not in (JobRun.State.DONE, JobRun.State.FAILED):
        return
    quick = run.state == JobRun.State.DONE and clock.now() - (run.started_at or run.created_at) < WORTH_TELLING
    data = {"job": run.name, "run": str(run.pk)}
    notify([] if quick else [run.member], kind=f"job.{run.state}", key=f"job:{run.pk}", data=data)


def super_admins() -> Iterable[Member]:
    """Those who are told what concerns the enterprise as a whole."""
    return Member.objects.filter(role__builtin=SUPER_ADMIN, status=Member.Status.ACTIVE).order_by("id")


def webhook_failed(webhook: Webhook, *, key: str) -> None:
    """A delivery was given up."""
    data = {"name": webhook.name, "webhook": str(webhook.pk)}
    notify(super_admins(), kind="webhook.failed", key=key, data=data)


def webhook_gone(webhook: Webhook, *, key: str) -> None:
    """The receiver wants nothing any more (410)."""
    data = {"name": webhook.name, "webhook": str(webhook.pk)}
    notify(super_admins(), kind="webhook.gone", key=key, data=data)


def _run_page(data: dict[str, Any]) -> str:
    return f"jobs/{data['run']}/"


def _webhook_page(data: dict[str, Any]) -> str:
    return f"alerts/webhooks/{data['webhook']}/"


declare("job.done", _("Done: %(job)s"), _run_page, label=_("A job is done"), event=True)
declare("job.failed", _("Failed: %(job)s"), _run_page, label=_("A job failed"), event=True)
declare(
    "webhook.failed",
    _("The webhook “%(name)s” could not be reached; a message to it was given up."),
    _webhook_page,
    label=_("A webhook cannot be reached"),
    mail=True,
    admins=True,
)
declare(
    "webhook.gone",
    _("The webhook “%(name)s” was switched off: its receiver wants nothing any more (410)."),
    _webhook_page,
    label=_("A webhook was switched off"),
    mail=True,
    admins=True,
)
