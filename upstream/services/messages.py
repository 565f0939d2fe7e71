"""Messages to the people of partners (U9): writing, scheduling, sending, stopping, resuming.

No member confirms anything, unlike with customers: partners are written to by the enterprise itself. They take no
place of the scale, so rule Q8 has nothing to say about them.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Invalid
from common.ids import parse_uuid, uuid7
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Enterprise
from jobs import notifications
from jobs import services as jobs
from jobs.models import JobRun
from upstream.models import Message, Partner, PartnerContact, Person, Series, Space, Subgroup
from upstream.queries import audiences
from upstream.rules import names
from upstream.rules.audience import MOST, WORDS, Audience
from upstream.services import attachments, channels
from upstream.services.shares import is_address

JOB = "upstream.send_message"
LONGEST_TEXT = 4000
# Documents, pictures, sound, video and archives; nothing that runs.
_DOCUMENTS = ("pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "wps", "et", "dps", "ofd", "csv", "txt", "md")
_MEDIA = ("png", "jpg", "jpeg", "gif", "webp", "mp3", "m4a", "wav", "mp4", "mov")
FILES = frozenset((*_DOCUMENTS, *_MEDIA, "zip", "rar", "7z"))
State = Message.State
Kind = Message.Kind
_AT_ONCE = 100


def _sent_page(data: dict[str, Any]) -> str:
    return f"space-messages/{data['message']}/"


notifications.declare(
    "space_message.sent",
    _("“%(title)s” was sent to %(people)s people of partners."),
    _sent_page,
    label=_("A message to partners is sent"),
    event=True,
)
notifications.declare(
    "space_message.not_sent",
    _("“%(title)s” was not sent at its time: nobody is left to get it, or its sender may not send it any more."),
    _sent_page,
    label=_("A scheduled message to partners was not sent"),
    mail=True,
)


# --- Writing ----------------------------------------------------------------------------------------------


def create_message(
    actor: Actor,
    *,
    title: str,
    kind: str = Kind.TEXT,
    text: str = "",
    url: str = "",
    file: File | None = None,
    audience: Mapping[str, Any] | None = None,
    channel: str = "workbench",
) -> Message:
    """Begin a draft. What is missing may be added until it is sent. Raises Invalid."""
    actor.require("spaces.message")
    message = Message(id=uuid7(), created_by=actor.member)
    given = {"title": title, "kind": kind, "text": text, "url": url, "channel": channel, "audience": audience or {}}
    _write(actor, message, given, file)
    message.save(force_insert=True)
    audit.record(actor, "space_message.created", message, after={"kind": message.kind, "audience": message.audience})
    return message


def edit_message(actor: Actor, *, message: Message, changes: dict[str, Any]) -> Message:
    """Change a draft. Raises Invalid, Conflict `not_a_draft`."""
    actor.require("spaces.message")
    message = _draft(message)
    before = _told(message)
    values = dict(changes)
    file = values.pop("file", None)
    _write(actor, message, values, file)
    after = _told(message)
    if changed := {name for name in after if after[name] != before[name]}:
        message.save()
        old, new = ({name: told[name] for name in sorted(changed)} for told in (before, after))
        audit.record(actor, "space_message.changed", message, before=old, after=new)
    return message


def delete_draft(actor: Actor, *, message: Message) -> None:
    """A draft that is not wanted is gone, with its file. Raises Conflict `not_a_draft`."""
    actor.require("spaces.message")
    message = _draft(message)
    pk, label = message.pk, message.title
    _forget_file(message.file)
    Message.objects.filter(pk=pk).delete()
    audit.record(actor, "space_message.deleted", subject_type="message", subject_id=pk, subject_label=label)


def audience_of(actor: Actor, data: Mapping[str, Any]) -> Audience:
    """The audience that was sent, of what the actor sees. Raises Invalid for everything else, by field."""
    errors: dict[str, list[Any]] = {}
    found: dict[str, Any] = {"leaders": bool(data.get("leaders"))}
    for name, seen in _sources(actor).items():
        asked = list(data.get(name) or ())
        ids = {parse_uuid(str(one)) for one in asked}
        if len(asked) > MOST:
            errors[name] = [_("At most %(number)s at once.") % {"number": MOST}]
        elif None in ids or (ids and seen.filter(pk__in=ids).count() != len(ids)):
            errors[name] = [_("There is no such thing here.")]
        found[name] = ids
    for name in WORDS:
        found[name] = {names.tidy(str(one)) for one in data.get(name) or ()} - {""}
    if not found["kinds"] <= set(Partner.Kind.values):
        errors["kinds"] = [_("Choose one of the offered values.")]
    if len(found["regions"]) > MOST:
        errors["regions"] = [_("At most %(number)s at once.") % {"number": MOST}]
    if errors:
        raise Invalid(errors)
    return Audience.of(found)


def preview(actor: Actor, *, audience: Audience) -> audiences.Preview:
    """How many people would get it now, and why not the others."""
    actor.require("spaces.message")
    return audiences.preview(actor, audience)


def sender(enterprise: Enterprise, message: Message) -> Actor:
    """Whose sight the audience is a matter of, whoever presses the button: the author's."""
    if message.created_by is None:
        return Actor.system(enterprise)
    return Actor.of(enterprise, message.created_by, "job")


# --- Sending ----------------------------------------------------------------------------------------------


def send(actor: Actor, *, message: Message, at: datetime | None = None) -> Message:
    """Send a draft now, or at a moment to come. Raises Invalid while something is missing, Conflict `not_a_draft`, and
    `nobody` when the audience is empty."""
    actor.require("spaces.message")
    message = _draft(message)
    if message.kind == Kind.TEXT and not message.text:
        raise Invalid({"text": [_("Write something.")]})
    if message.kind == Kind.FILE and not message.file:
        raise Invalid({"file": [_("Choose a file.")]})
    if message.kind in (Kind.LINK, Kind.MINI_PROGRAM) and not message.url:
        raise Invalid({"url": [_("Enter an address such as https://…")]})
    if at is not None and at <= clock.now():
        raise Invalid({"due_at": [_("This moment is over.")]})
    _check_exclusions(sender(actor.enterprise, message), message)
    if not _people(actor.enterprise, message):
        raise Conflict(_("Nobody would get it. Choose whom it goes to."), code="nobody")
    if at is None:
        _start(actor, message)
        audit.record(actor, "space_message.started", message)
        return message
    message.state, message.due_at = State.SCHEDULED, at
    message.save(update_fields=["state", "due_at"])
    audit.record(actor, "space_message.scheduled", message, after={"due_at": at.isoformat()})
    return message


def stop(actor: Actor, *, message: Message) -> Message:
    """A scheduled message is a draft again; one on its way stops after the present batch. Who has it keeps it, unless
    it is withdrawn.

    Raises Conflict `not_under_way`.
    """
    actor.require("spaces.message")
    message = _locked(message)
    if message.state == State.SCHEDULED:
        message.state, message.due_at = State.DRAFT, None
    elif message.state == State.SENDING:
        message.state, message.ended_at = State.STOPPED, clock.now()
    else:
        raise Conflict(_("It is not on its way."), code="not_under_way")
    message.save(update_fields=["state", "due_at", "ended_at"])
    audit.record(actor, "space_message.stopped", message, after={"state": message.state})
    return message


def resume(actor: Actor, *, message: Message) -> Message:
    """Go on with those who have not got it yet, after it was stopped or its job ended half-way.

    Raises Conflict `not_stopped`, `withdrawn`; `still_stopping` while the old job is in its last batch, so that no two
    send it.
    """
    actor.require("spaces.message")
    message = _locked(message)
    if message.withdrawn_at is not None:
        raise Conflict(_("It was withdrawn."), code="withdrawn")
    run = JobRun.objects.filter(pk=message.run_id).first() if message.run_id else None
    at_work = run is not None and run.is_open
    if message.state != State.STOPPED and (message.state != State.SENDING or at_work):
        raise Conflict(_("It was not stopped."), code="not_stopped")
    if at_work:
        raise Conflict(_("It is just stopping. Try again in a moment."), code="still_stopping")
    _check_exclusions(sender(actor.enterprise, message), message)
    _start(actor, message)
    audit.record(actor, "space_message.resumed", message)
    return message


def withdraw(actor: Actor, *, message: Message) -> Message:
    """It disappears from every workbench at once, and stops if it is on its way; its rows and numbers stay.

    Twice changes nothing. Raises Conflict `not_sent` for what nobody can have yet.
    """
    actor.require("spaces.message")
    message = _locked(message)
    if message.state in (State.DRAFT, State.SCHEDULED):
        raise Conflict(_("It was not sent yet."), code="not_sent")
    if message.withdrawn_at is None:
        message.withdrawn_at = clock.now()
        if message.state == State.SENDING:
            message.state, message.ended_at = State.STOPPED, message.withdrawn_at
        message.save(update_fields=["withdrawn_at", "state", "ended_at"])
        audit.record(actor, "space_message.withdrawn", message, after={"delivered": message.delivered})
    return message


def send_due(actor: Actor, *, now: datetime) -> dict[str, int]:
    """Begin to send what was scheduled for now or before; the job of every minute. Each is started once."""
    due = Message.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).filter(
        state=State.SCHEDULED, due_at__lte=now
    )
    result = {"started": 0, "not_sent": 0}
    for message in due.select_related("created_by__role", "created_by__user").order_by("due_at", "id")[:_AT_ONCE]:
        author = sender(actor.enterprise, message)
        present = author.member is None or author.member.is_active
        if present and _can_still(author, message):
            _start(author, message)
            audit.record(actor, "space_message.started", message)
            result["started"] += 1
            continue
        message.state, message.ended_at = State.STOPPED, now
        message.save(update_fields=["state", "ended_at"])
        audit.record(actor, "space_message.stopped", message, after={"state": message.state})
        told = [author.member] if present and author.member else notifications.super_admins()
        data = {"title": message.title, "message": str(message.pk)}
        notifications.notify(told, kind="space_message.not_sent", key=f"{message.pk}:{now.isoformat()}", data=data)
        result["not_sent"] += 1
    return result


# --- Steps ------------------------------------------------------------------------------------------------


def _start(actor: Actor, message: Message) -> None:
    """On its way, by a job of its own that only this start knows."""
    run = jobs.enqueue(actor, name=JOB, params={"message": str(message.pk)})
    message.state, message.run_id, message.ended_at = State.SENDING, run.pk, None
    message.begun_at = message.begun_at or clock.now()
    message.space_ids = audiences.spaces_of(message.to)
    message.save(update_fields=["state", "run_id", "ended_at", "begun_at", "space_ids"])


def _can_still(author: Actor, message: Message) -> bool:
    """May its author send it, as it was meant, to anybody at all?"""
    try:
        _check_exclusions(author, message)
    except Conflict:
        return False
    return author.may("spaces.message") and _people(author.enterprise, message) > 0


def _check_exclusions(author: Actor, message: Message) -> None:
    """Whom the author excluded must not get it because a subgroup was deleted, or a partner merged, meanwhile."""
    excluded = {name: ids for name, ids in message.audience.items() if name.startswith("but_")}
    try:
        audience_of(author, excluded)
    except Invalid as error:
        detail = _("Something that was excluded is not there any more. Check whom the message goes to.")
        raise Conflict(detail, code="exclusion_gone") from error


def _people(enterprise: Enterprise, message: Message) -> int:
    return audiences.preview(sender(enterprise, message), message.to).people


def _write(actor: Actor, message: Message, values: dict[str, Any], file: File | None) -> None:
    """Put the values into a draft. Raises Invalid."""
    errors: dict[str, list[Any]] = {}
    for name in ("title", "kind", "text", "url", "channel"):
        if name in values:
            setattr(message, name, values[name].strip())
    message.title = names.tidy(message.title)
    if not 1 <= len(message.title) <= 128:
        errors["title"] = [_("Give it a title of at most 128 characters.")]
    if message.kind not in Kind.values:
        errors["kind"] = [_("Choose one of the offered values.")]
    if message.channel not in dict(channels.choices()):
        errors["channel"] = [_("Choose one of the offered values.")]
    if len(message.text) > LONGEST_TEXT:
        errors["text"] = [_("At most %(number)s characters.") % {"number": LONGEST_TEXT}]
    if message.kind not in (Kind.LINK, Kind.MINI_PROGRAM):
        message.url = ""
    elif message.url and not is_address(message.url):
        errors["url"] = [_("Enter an address such as https://…")]
    if file is not None and message.kind != Kind.FILE:
        errors["file"] = [_("Only a message of the kind “file” has one.")]
    elif file is not None and (refused := _refused(file)) is not None:
        errors["file"] = [refused]
    try:
        if "audience" in values:
            audience = audience_of(actor, values["audience"])
            message.audience, message.space_ids = audience.data(), audiences.spaces_of(audience)
    except Invalid as refusal:
        errors |= refusal.errors  # type: ignore[arg-type]
    if errors:
        raise Invalid(errors)
    if message.kind != Kind.FILE:
        _take_file_off(message)
    elif file is not None:
        _take_file_off(message)
        kept = attachments.keep(file, folder="messages", owner=message.pk)
        message.file, message.file_name, message.size = kept.file, kept.file_name, kept.size


def _refused(file: File) -> Any:
    """Why this file is not sent to anybody."""
    if attachments.extension(file) not in FILES:
        return _("Files of this sort are not sent. Documents, pictures, sound, video and archives are.")
    return attachments.too_large(file)


def _take_file_off(message: Message) -> None:
    _forget_file(message.file)
    message.file, message.file_name, message.size = "", "", 0


def _forget_file(name: str) -> None:
    if name:
        transaction.on_commit(partial(default_storage.delete, name), robust=True)


def _sources(actor: Actor) -> dict[str, QuerySet[Model]]:
    """What the ids of an audience may name."""
    spaces = Space.objects.visible_to(actor)
    subgroups = Subgroup.objects.filter(space__in=spaces.values("id"))
    partners = Partner.objects.visible_to(actor)
    return {
        "spaces": spaces,
        "series": Series.objects.filter(pk__in=spaces.exclude(series=None).values("series")),
        "subgroups": subgroups,
        "partners": partners,
        "but_subgroups": subgroups,
        "but_partners": partners,
        "but_persons": Person.objects.filter(pk__in=PartnerContact.objects.visible_to(actor).values("person")),
    }


def _told(message: Message) -> dict[str, Any]:
    """What an audit entry tells of it."""
    return {name: getattr(message, name) for name in ("title", "kind", "text", "url", "file_name", "audience")}


def _draft(message: Message) -> Message:
    message = _locked(message)
    if message.state != State.DRAFT:
        raise Conflict(_("It is not a draft any more."), code="not_a_draft")
    return message


def _locked(message: Message) -> Message:
    locked = Message.objects.select_for_update(no_key=True, of=("self",))
    found = locked.select_related("created_by__role", "created_by__user").filter(pk=message.pk).first()
    if found is None:
        raise Conflict(_("Somebody else deleted it meanwhile."))
    return found
