"""Bulk work on contacts: archive, restore, tag, untag, delete, transfer; on a selection or a filter of any size (C5).

* `start` and `preview`: what console and API call. `actions`: what there is to do.
* `selection`: which contacts. `previews`: what would happen, in numbers. `work`: the job.
* `batch`, and the effects `places`, `taggings`, `relations`, `removal`: one step of the job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from common.ids import uuid7
from contacts.services.bulk import previews
from contacts.services.bulk.actions import ACTIONS, BY_JOB, Action, checked_options, find
from contacts.services.bulk.previews import Preview
from contacts.services.bulk.reasons import Reason
from contacts.services.bulk.selection import MAX_IDS, Selection, fix, fix_listed
from contacts.services.bulk.work import check_count
from enterprises.actors import Actor
from jobs import services as jobs
from jobs.models import JobRun

__all__ = [
    "ACTIONS",
    "MAX_IDS",
    "Action",
    "Preview",
    "Reason",
    "find",
    "preview",
    "preview_as",
    "preview_undo",
    "start",
    "start_listed",
    "survey",
]


def start(
    actor: Actor,
    *,
    action: str,
    ids: Sequence[Any] | None = None,
    filter: Mapping[str, Any] | None = None,
    params: dict[str, Any] | None = None,
) -> JobRun:
    """Queue bulk work on contacts chosen by ids (≤ 10 000) or by a filter, and return its job.

    `params`: restore {on_full: refuse | partial}, tag and untag {tags: [id]}, transfer {owner: member id},
    delete {count: as typed in}. Raises Invalid, Forbidden, and Conflict when the count is another one.
    """
    wanted, selection, options = _asked(actor, action, ids, filter, params)
    if "count" in options:
        expected = previews.preview(actor, action=wanted, selection=selection, options=options)
        check_count(options["count"], expected.affected)
    run_id = uuid7()
    stored: dict[str, Any] = {"options": options}
    stored |= {"filter": selection.filter} if selection.ids is None else {"ids": len(selection.ids)}
    run = jobs.enqueue(actor, name=wanted.job, params=stored, run_id=run_id)
    if selection.ids is not None:
        fix(actor, run_id, selection)
    return run


def start_listed(actor: Actor, *, action: str, source: str, params: dict[str, Any], count: int, **told: Any) -> JobRun:
    """Queue bulk work on the contacts whose ids a statement of ours yields: `count` of them, else Conflict.

    For lists that are no filter and may be longer than ids that somebody sends; `told` is kept with the job.
    """
    wanted = find(action)
    actor.require(wanted.permission)
    options = checked_options(actor, wanted, None)
    run = jobs.enqueue(actor, name=wanted.job, params={"options": options, "ids": count, **told})
    if fix_listed(run.pk, source, params) != count:
        raise Conflict(_("There are not as many contacts any more. Look at the list again."), code="list_changed")
    return run


def preview(
    actor: Actor,
    *,
    action: str,
    ids: Sequence[Any] | None = None,
    filter: Mapping[str, Any] | None = None,
    params: dict[str, Any] | None = None,
) -> Preview:
    """What `start` with the same arguments would do now, in numbers. `params.count` need not be given."""
    given = {"count": 0, **(params or {})} if action == "delete" else params
    wanted, selection, options = _asked(actor, action, ids, filter, given)
    return previews.preview(actor, action=wanted, selection=selection, options=options)


def survey(
    actor: Actor,
    *,
    action: str,
    ids: Sequence[Any] | None = None,
    filter: Mapping[str, Any] | None = None,
) -> Preview:
    """Who is chosen, while it is not decided yet which tags or which owner they get."""
    return preview_as(actor, action=replace(find(action), left_out="''", delta=0), ids=ids, filter=filter)


def preview_as(
    actor: Actor, *, action: Action, ids: Sequence[Any] | None = None, filter: Mapping[str, Any] | None = None
) -> Preview:
    """The numbers of an action without options that leaves out others than the one that people may ask for."""
    actor.require(action.permission)
    selection = Selection.of(actor, ids=ids, filter=filter)
    return previews.preview(actor, action=action, selection=selection, options={})


def preview_undo(actor: Actor, *, run: JobRun) -> Preview:
    """What taking a bulk job back would do now, in numbers. Raises Conflict for jobs that cannot be taken back."""
    action = BY_JOB.get(jobs.require_undoable(actor, run))
    if action is None:
        raise Conflict(_("This job cannot be undone."), code="not_undoable")
    actor.require(action.permission)
    return previews.preview_undo(actor, action=action, run=run)


def _asked(
    actor: Actor,
    action: str,
    ids: Sequence[Any] | None,
    filter: Mapping[str, Any] | None,
    params: dict[str, Any] | None,
) -> tuple[Action, Selection, dict[str, Any]]:
    wanted = find(action)
    actor.require(wanted.permission)
    selection = Selection.of(actor, ids=ids, filter=filter)
    return wanted, selection, checked_options(actor, wanted, params)
