"""Telling members what they should know. Kinds are declared where they are sent; texts are made for the reader."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Text
from common.tenancy import TenantQuerySet
from enterprises.actors import Actor
from enterprises.models import Member
from jobs import registry
from jobs.models import JobRun, Notification

# Work that was over sooner is still on the screen of whoever asked for it.
WORTH_TELLING = timedelta(seconds=20)


@dataclass(frozen=True)
class Kind:
    """What a notification says (`text` with the names of its data) and the console page it leads to."""

    text: Text
    page: Callable[[dict[str, Any]], str] | None = None


KINDS: dict[str, Kind] = {}


def declare(name: str, text: Text, page: Callable[[dict[str, Any]], str] | None = None) -> None:
    """Make a kind known: `declare("quota.alert", _("The scale is %(percent)s%% full"))`.

    `page` gives the path behind /e/<code>/ to what it is about.
    """
    KINDS[name] = Kind(text, page)


def notify(members: Iterable[Member], *, kind: str, key: str, data: dict[str, Any] | None = None) -> None:
    """Tell members something once: the same `key` again tells nobody a second time."""
    if kind not in KINDS:
        raise ValueError(f"No kind of notification is called {kind}.")
    now = clock.now()
    Notification.objects.bulk_create(
        [Notification(member=member, kind=kind, key=key, data=data or {}, created_at=now) for member in members],
        ignore_conflicts=True,
    )


def of(actor: Actor) -> TenantQuerySet:
    """The actor's own notifications; the system has none."""
    return Notification.objects.filter(member_id=actor.member_id) if actor.member else Notification.objects.none()


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
    """Tell whoever asked for a run that it ended, when they will hardly be waiting for it any more, or it failed."""
    if run.member is None or run.state not in (JobRun.State.DONE, JobRun.State.FAILED):
        return
    started = run.started_at or run.created_at
    if run.state == JobRun.State.DONE and clock.now() - started < WORTH_TELLING:
        return
    data = {"job": run.name, "run": str(run.pk)}
    notify([run.member], kind=f"job.{run.state}", key=f"job:{run.pk}", data=data)


def _run_page(data: dict[str, Any]) -> str:
    return f"jobs/{data['run']}/"


declare("job.done", _("Done: %(job)s"), _run_page)
declare("job.failed", _("Failed: %(job)s"), _run_page)
