"""The job: fix the selection, then step by step lock, decide and change; at the end the report (C5, X4, X6).

Each step is one transaction. Locks: contacts in the order of their ids, then the account of the scale. The items
say what was done with every contact and keep what an undo needs.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from common import clock
from common.errors import Conflict
from common.sql import row, rows, subquery
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.files.writers import open_writer
from contacts.models import Contact
from contacts.services.bulk.actions import BY_JOB, Action
from contacts.services.bulk.batch import FIRST, ITEMS, LAST, Batch
from contacts.services.bulk.reasons import REFUSED, Reason
from contacts.services.bulk.selection import COLUMNS, Selection, fix, fix_undo
from enterprises.services import policy, zone
from jobs.models import JobRun
from jobs.runner import JobContext

STEP = 5_000


def run(context: JobContext) -> dict[str, Any]:
    """The handler of all bulk jobs; goes on from the cursor. Result: total, done, skipped, refused, reasons, and
    freed or taken places."""
    action = BY_JOB[context.name]
    context.actor.require(action.permission)
    if "after" not in context.cursor:
        _fix(context, action)
    context.result = _result(context, action)
    while context.cursor["after"] != str(LAST):
        with context.step():
            _step(context, action)
        context.result = _result(context, action)
    if context.result["skipped"] or context.result["refused"]:
        _report(context)
    return context.result


def _fix(context: JobContext, action: Action) -> None:
    """The first step: from here on it is known which contacts, and what was previewed is what happens."""
    with context.step():
        if context.undoes_id is not None:
            total = fix_undo(context.run_id, context.undoes_id)
        elif context.params.get("filter") is not None:
            selection = Selection(filter=context.params["filter"])
            total = fix(context.actor, context.run_id, selection)
        else:
            total = context.params["ids"]  # were fixed when the job was asked for
        context.total = total
        context.cursor = {"after": str(FIRST if total else LAST), "tally": []}
        if "count" in _options(context):
            _same_count(context, action)


def _step(context: JobContext, action: Action) -> None:
    options = _options(context)
    action.check(options)
    batch = Batch.next(
        context.actor,
        context.run_id,
        context.undoes_id,
        options,
        after=UUID(context.cursor["after"]),
        size=context.total or 1 if _at_once(action, options) else STEP,
    )
    _lock(batch, action)
    _decide(batch, action)
    action.apply(batch)
    counted = rows(
        f"SELECT state, reason, count(*) FROM contacts_bulkitem AS item WHERE {ITEMS} GROUP BY state, reason",
        batch.params,
    )
    context.done += sum(number for _state, _reason, number in counted)
    context.cursor = {"after": str(batch.upto), "tally": _add(context.cursor["tally"], counted)}
    if action.undo and any(state == "done" for state, _reason, _number in counted):
        context.updates["undo_until"] = clock.now() + timedelta(days=policy().undo_days)


def _at_once(action: Action, options: dict[str, Any]) -> bool:
    """All or nothing is one step, however many (Q10)."""
    return action.delta > 0 and options.get("on_full") != "partial"


def _options(context: JobContext) -> dict[str, Any]:
    """The options of the job; an undo has those of the job that it takes back, but for how places are taken."""
    if context.undoes_id is None:
        return context.params["options"]
    undone = JobRun.objects.only("params").get(pk=context.undoes_id)
    return {name: value for name, value in undone.params["options"].items() if name != "on_full"}


def _lock(batch: Batch, action: Action) -> None:
    batch.execute(
        f"""
        SELECT FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id IN (
            SELECT item.contact_id FROM contacts_bulkitem AS item WHERE {ITEMS} AND item.state = 'pending')
        ORDER BY id FOR {action.lock}
        """
    )


def _decide(batch: Batch, action: Action) -> None:
    """Say of every item whether the action is carried out; asked after the lock, of what the actor sees now."""
    visible, params = subquery(Contact.objects.visible_to(batch.actor).values(*COLUMNS), "visible")
    batch.execute(
        f"""
        UPDATE contacts_bulkitem AS target
        SET state = CASE WHEN decided.reason = '' THEN 'done'
                         WHEN decided.reason = ANY (%(refused)s) THEN 'refused' ELSE 'skipped' END,
            reason = decided.reason,
            before = CASE WHEN decided.reason = '' THEN decided.before ELSE target.before END
        FROM (
            SELECT item.id, {action.before} AS before, {action.reason} AS reason
            FROM contacts_bulkitem AS item LEFT JOIN ({visible}) AS contact ON contact.id = item.contact_id
            WHERE {ITEMS} AND item.state = 'pending'
            OFFSET 0  -- decide once for each item, not wherever the reason is named
        ) AS decided
        WHERE target.enterprise_id = %(enterprise)s AND target.id = decided.id
        """,
        **params,
        refused=REFUSED,
    )


def _same_count(context: JobContext, action: Action) -> None:
    """Deleting for good: as many as were typed in, or none (C8)."""
    visible, params = subquery(Contact.objects.visible_to(context.actor).values(*COLUMNS), "visible")
    found = row(
        f"""
        SELECT count(*) FROM contacts_bulkitem AS item JOIN ({visible}) AS contact ON contact.id = item.contact_id
        WHERE item.enterprise_id = %(enterprise)s AND item.job_id = %(job)s AND ({action.reason}) = ''
        """,
        {**params, **access.asking(context.actor), "enterprise": current_enterprise_id(), "job": context.run_id},
    )
    assert found is not None
    check_count(_options(context)["count"], found[0])


def check_count(typed: int, found: int) -> None:
    """Raise Conflict unless the number that was typed in is the number of contacts that would be deleted."""
    if typed != found:
        raise Conflict(_("The number of contacts is another one now. Nothing was deleted."), code="count", count=found)


# --- The outcome ----------------------------------------------------------------------------------------------


def _add(tally: list[list[Any]], counted: list[tuple[Any, ...]]) -> list[list[Any]]:
    numbers = {(state, reason): number for state, reason, number in tally}
    for state, reason, number in counted:
        numbers[state, reason] = numbers.get((state, reason), 0) + number
    return [[state, reason, number] for (state, reason), number in sorted(numbers.items())]


def _result(context: JobContext, action: Action) -> dict[str, Any]:
    result: dict[str, Any] = {"total": context.total, "done": 0, "skipped": 0, "refused": 0, "reasons": {}}
    for state, reason, number in context.cursor["tally"]:
        result[state] += number
        if reason:
            result["reasons"][reason] = result["reasons"].get(reason, 0) + number
    if action.delta:
        result["taken" if action.delta > 0 else "freed"] = result["done"]
    return result


def _report(context: JobContext) -> None:
    """A CSV of the contacts that were left out, each with its reason, in the language of who asked."""
    header = [_("Contact"), _("External user id"), _("Name"), _("Outcome"), _("Reason"), _("Explanation")]
    with context.report("left_out.csv") as file, open_writer("csv", file, zone=zone(context.enterprise)) as writer:
        writer.write_header(header)
        after: UUID | None = FIRST
        while after is not None:
            with context.step():
                left_out, after = _left_out(context, after)
            writer.write_rows(left_out)


def _left_out(context: JobContext, after: UUID) -> tuple[list[list[Any]], UUID | None]:
    """One page of the report, and where the next begins. Names only what the actor may see."""
    visible, params = subquery(Contact.objects.visible_to(context.actor).values(*COLUMNS), "visible")
    found = rows(
        f"""
        SELECT item.contact_id, contact.external_userid, coalesce(nullif(contact.remark, ''), contact.name),
               item.state, item.reason
        FROM contacts_bulkitem AS item LEFT JOIN ({visible}) AS contact ON contact.id = item.contact_id
        WHERE item.enterprise_id = %(enterprise)s AND item.job_id = %(job)s AND item.contact_id > %(after)s
          AND item.state IN ('skipped', 'refused')
        ORDER BY item.contact_id LIMIT %(size)s
        """,
        {**params, "enterprise": current_enterprise_id(), "job": context.run_id, "after": after, "size": STEP},
    )
    outcomes = {"skipped": _("Skipped"), "refused": _("Refused")}
    page = [
        [str(contact), userid, name, outcomes[state], reason, str(Reason(reason).label)]
        for contact, userid, name, state, reason in found
    ]
    return page, found[-1][0] if len(found) == STEP else None
