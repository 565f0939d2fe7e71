"""Clean-up rounds (C8): announce, object, carry out.

What is announced is fixed: only these contacts are archived, and of them only who is still silent when the time is
over and whom nobody kept. Archiving itself is the bulk job, with its progress, its report and its undo.

A contact is in one open round at most: who is in one is left out of the next, so an objection is an objection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Forbidden, Invalid, Refusal
from common.ids import uuid7
from common.sql import execute, lock, row, rows, subquery
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.cleanup_rounds import may_call_off
from contacts.filters import ContactFilter
from contacts.models import CleanUp, Contact
from contacts.rules import Right, Status
from contacts.services import bulk
from contacts.services.bulk.actions import ARCHIVE
from contacts.services.bulk.selection import COLUMNS
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import policy, zone
from jobs.notifications import declare, notify

SILENT = {"inactive": "true", "status": "active"}
State = CleanUp.State

declare(
    "contacts.clean_up",
    _("%(count)s of your silent contacts will be archived on %(day)s. Keep those that you need."),
    lambda data: f"inactive/rounds/{data['id']}/",
    label=_("Silent contacts of mine will be archived"),
    mail=True,
)


# Whom announcing leaves out, and why; the preview asks the same.
IN_ROUND = """EXISTS (SELECT FROM contacts_cleanupitem AS other
    JOIN contacts_cleanup AS announced
      ON announced.enterprise_id = other.enterprise_id AND announced.id = other.clean_up_id
    WHERE other.enterprise_id = contact.enterprise_id AND other.contact_id = contact.id
      AND announced.state = 'announced')"""
ANNOUNCE = replace(ARCHIVE, left_out=f"CASE WHEN {IN_ROUND} THEN 'in_round' ELSE {ARCHIVE.left_out} END")


def preview(actor: Actor, *, filter: Mapping[str, Any] | None = None) -> bulk.Preview:
    """What announcing the same now would do, in numbers. Raises Invalid for a filter that asks for others."""
    return bulk.preview_as(actor, action=ANNOUNCE, filter=_silent(actor, filter).params)


def announce(actor: Actor, *, filter: Mapping[str, Any] | None = None) -> CleanUp:
    """Announce that the silent contacts (among those of a filter) will be archived, and tell their owners.

    Who is in an open round already is left out; `left_out` says how many. Raises Conflict nothing_silent when there
    is nobody, all_announced when all are in open rounds, Invalid for a filter that asks for others than silent ones.
    """
    actor.require(Right.ARCHIVE.code)
    now = clock.now()
    asked = _silent(actor, filter)
    # Two at once would not see each other's contacts.
    lock(f"clean-ups:{current_enterprise_id()}")
    chosen, params = subquery(asked.queryset().values(*COLUMNS), "chosen")
    round_ = CleanUp(
        id=uuid7(),
        member=actor.member,
        announced_at=now,
        due_at=now + timedelta(days=policy().veto_days),
        contacts=0,
    )
    round_.save(force_insert=True)
    counted = row(
        f"""
        WITH known AS MATERIALIZED (SELECT contact.id, {ANNOUNCE.reason} AS reason FROM ({chosen}) AS contact),
        made AS (
            INSERT INTO contacts_cleanupitem (id, enterprise_id, clean_up_id, contact_id)
            SELECT uuid7(), %(enterprise)s, %(round)s, id FROM known WHERE reason = '' ORDER BY id
            RETURNING id)
        SELECT (SELECT count(*) FROM made), count(*) FROM known WHERE reason = 'in_round'
        """,  # noqa: S608 - a filter's own text, and names of ours
        {**params, **access.asking(actor), "enterprise": current_enterprise_id(), "round": round_.pk},
    )
    assert counted is not None
    round_.contacts, round_.left_out = counted
    if not round_.contacts and round_.left_out:
        raise Conflict(_("All silent contacts are in an open clean-up already."), code="all_announced")
    if not round_.contacts:
        raise Conflict(_("No contact is silent: there is nothing to clean up."), code="nothing_silent")
    round_.save(update_fields=["contacts", "left_out"])
    after = {"contacts": round_.contacts, "left_out": round_.left_out, "due_at": round_.due_at}
    audit.record(actor, "clean_up.announced", round_, subject_label=str(round_.contacts), after=after)
    if round_.due_at > now:
        _tell_owners(actor, round_)
    else:
        _archive(actor, round_)
    return round_


def _silent(actor: Actor, filter: Mapping[str, Any] | None) -> ContactFilter:
    """The silent ones among those of the filter. Raises Invalid when it says that it wants others."""
    given = ContactFilter.from_params(filter or {}, actor).params
    errors: dict[str, list[Any]] = {}
    if Status.ACTIVE.value not in given.get("status", [Status.ACTIVE.value]):
        errors["status"] = [_("A clean-up is of active contacts: leave the status out.")]
    if given.get("inactive") is False:
        errors["inactive"] = [_("A clean-up is of silent contacts: leave this out.")]
    if errors:
        raise Invalid(errors, code="not_silent")
    return ContactFilter.from_params({**given, **SILENT}, actor)


def keep(actor: Actor, *, clean_up: CleanUp, ids: Sequence[UUID] | None = None) -> int:
    """Object: these contacts (all of one's own when left out) stay. Returns how many were kept now.

    A contact is its owner's to keep, and admins'. Raises Conflict when the time is over, Invalid for too many ids.
    """
    return _mark(actor, clean_up, ids, keep=True)


def let_go(actor: Actor, *, clean_up: CleanUp, ids: Sequence[UUID]) -> int:
    """Take an objection back. Returns for how many contacts."""
    return _mark(actor, clean_up, ids, keep=False)


def cancel(actor: Actor, *, clean_up: CleanUp) -> CleanUp:
    """Call a round off. Raises Forbidden not_yours for a round of others' contacts, Conflict when it is over."""
    actor.require(Right.ARCHIVE.code)
    if not may_call_off(actor, clean_up):
        raise Forbidden(
            _("Others' contacts are in this clean-up: whoever announced it calls it off. Keep those that are yours."),
            code="not_yours",
        )
    clean_up = _open(clean_up)
    clean_up.state = State.CANCELLED
    clean_up.save(update_fields=["state"])
    audit.record(actor, "clean_up.cancelled", clean_up, subject_label=str(clean_up.contacts))
    return clean_up


def carry_out(actor: Actor, *, now: datetime) -> dict[str, int]:
    """Start the archiving of every round whose time is over, in the name of who announced it (X6).

    Who may not archive any more archives nothing: that round is called off.
    """
    counted = {"archived": 0, "cancelled": 0}
    due = CleanUp.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    for clean_up in due.filter(state=State.ANNOUNCED, due_at__lte=now).order_by("due_at", "id"):
        member = Member.objects.select_related("role", "user").filter(pk=clean_up.member_id).first()
        acting = Actor.of(actor.enterprise, member, "job") if member is not None and member.is_active else None
        try:
            if acting is None:
                raise Conflict(_("This member is not active."), code="not_active")
            _archive(acting, clean_up)
            counted["archived"] += 1
        except Refusal as refusal:
            clean_up.state = State.CANCELLED
            clean_up.save(update_fields=["state"])
            after = {"reason": refusal.code}
            audit.record(actor, "clean_up.cancelled", clean_up, subject_label=str(clean_up.contacts), after=after)
            counted["cancelled"] += 1
    return counted


def _archive(actor: Actor, clean_up: CleanUp) -> None:
    clean_up.job = bulk.start(actor, action="archive", filter={"clean_up": str(clean_up.pk)})
    clean_up.state = State.ARCHIVED
    clean_up.save(update_fields=["job", "state"])


def _mark(actor: Actor, clean_up: CleanUp, ids: Sequence[UUID] | None, *, keep: bool) -> int:
    actor.require("contacts.edit")
    if ids is not None and len(ids) > bulk.MAX_IDS:
        raise Invalid({"contacts": [_("Name at most %(many)s.") % {"many": bulk.MAX_IDS}]}, code="too_many")
    clean_up = _open(clean_up)
    if ids is not None and not ids:
        return 0
    seen = Contact.objects.visible_to(actor)
    if ids is None:
        seen = seen.filter(owner_id=actor.member_id)
    else:
        seen = seen.filter(pk__in=ids)
    chosen, params = subquery(seen.values("id", "enterprise_id", "owner_id"), "chosen")
    marked = execute(
        f"""
        UPDATE contacts_cleanupitem AS item SET kept_at = %(at)s, kept_by_id = %(by)s
        FROM ({chosen}) AS contact
        WHERE item.enterprise_id = %(enterprise)s AND item.clean_up_id = %(round)s AND item.contact_id = contact.id
          AND (item.kept_at IS NULL) = %(keep)s AND {access.permits(Right.ASSIGN)}
        """,  # noqa: S608 - a filter's own text, and names of ours
        {
            **params,
            **access.asking(actor),
            "enterprise": current_enterprise_id(),
            "round": clean_up.pk,
            "keep": keep,
            "at": clock.now() if keep else None,
            "by": actor.member_id if keep else None,
        },
    )
    if marked:
        action_after = {"contacts": marked}
        audit.record(
            actor,
            "clean_up.kept" if keep else "clean_up.let_go",
            clean_up,
            subject_label=str(clean_up.contacts),
            after=action_after,
        )
    return marked


def _open(clean_up: CleanUp) -> CleanUp:
    """The round, locked, while its owners may object. Raises Conflict round_over."""
    locked = CleanUp.objects.select_for_update(no_key=True, of=("self",)).get(pk=clean_up.pk)
    if locked.state != State.ANNOUNCED or locked.due_at <= clock.now():
        raise Conflict(_("The time to object is over."), code="round_over")
    return locked


def _tell_owners(actor: Actor, clean_up: CleanUp) -> None:
    counted = dict(
        rows(
            """
            SELECT contact.owner_id, count(*)
            FROM contacts_cleanupitem AS item
            JOIN contacts_contact AS contact
              ON contact.enterprise_id = item.enterprise_id AND contact.id = item.contact_id
            WHERE item.enterprise_id = %(enterprise)s AND item.clean_up_id = %(round)s
            GROUP BY contact.owner_id
            """,
            {"enterprise": current_enterprise_id(), "round": clean_up.pk},
        )
    )
    due = clean_up.due_at.astimezone(zone(actor.enterprise))
    members = Member.objects.filter(pk__in=[pk for pk in counted if pk], status=Member.Status.ACTIVE)
    for member in members.order_by("id"):
        data = {"count": counted[member.pk], "day": f"{due:%Y-%m-%d}", "id": str(clean_up.pk)}
        notify([member], kind="contacts.clean_up", key=f"clean-up:{clean_up.pk}", data=data)
