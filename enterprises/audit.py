"""The audit trail (X3): services write their entry inside the transaction of the change."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from common import clock
from common.sql import insert
from enterprises import authority
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Role

SECRET = {"password", "digest", "token", "secret"}

_guards: dict[str, Callable[[Actor], QuerySet]] = {}


def guard(subject_type: str, visible_to: Callable[[Actor], QuerySet]) -> None:
    """Entries about this kind of thing are shown only to who sees the thing itself (O5).

    Rooms above register what they own: `guard("contact", lambda actor: Contact.objects.visible_to(actor))`.
    """
    _guards[subject_type] = visible_to


def visible_to(actor: Actor) -> QuerySet[AuditEntry]:
    """The entries that exist for this actor: all; or one's own and those of the members in one's departments.

    The latter without what is about things that the actor does not see.
    """
    entries = AuditEntry.objects.all()
    member = actor.member
    if member is None or member.role.scope == Role.Scope.ALL:
        return entries
    theirs = Q(actor_id=member.pk)
    if member.role.scope == Role.Scope.DEPARTMENTS:
        theirs |= Q(actor_id__in=authority.members_in_range(member).values("id"))
    entries = entries.filter(theirs)
    for subject_type, visible in _guards.items():
        entries = entries.filter(~Q(subject_type=subject_type) | Q(subject_id__in=visible(actor).values("id")))
    return entries


def record(
    actor: Actor,
    action: str,
    subject: Model | None = None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    subject_type: str = "",
    subject_id: UUID | None = None,
    subject_label: str = "",
) -> AuditEntry:
    """Write who did `action` ("contact.archived") to what. A bulk is one entry with its numbers in `after`.

    Every action stands in `enterprises.audit_actions`, with the words that people read.
    """
    if subject is not None:
        subject_type = subject_type or subject._meta.model_name or ""
        subject_id = subject_id or subject.pk
        subject_label = subject_label or str(subject)
    entry = AuditEntry(
        at=clock.now(),
        action=action,
        actor_kind=actor.kind,
        actor=actor.member,
        actor_label=actor.label[:128],
        via=actor.via,
        ip=actor.ip,
        request_id=actor.request_id or str(actor.job_id or ""),
        subject_type=subject_type,
        subject_id=subject_id,
        subject_label=subject_label[:128],
        before=_plain(before or {}),
        after=_plain(after or {}),
    )
    insert(entry)
    return entry


def changes(instance: Model, new: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set `new` on the instance and return what differed, before and after."""
    before = {}
    after = {}
    for name, value in new.items():
        old = getattr(instance, name)
        if old != value:
            before[name], after[name] = old, value
            setattr(instance, name, value)
    return before, after


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: "***" if key in SECRET else value if isinstance(value, (int, list, dict, type(None))) else str(value)
        for key, value in values.items()
    }
