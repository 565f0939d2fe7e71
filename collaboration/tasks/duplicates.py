"""The jobs of the duplicate radar."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from collaboration.rules.duplicates import By
from collaboration.services import duplicates
from common import clock
from enterprises.services import policy
from jobs.registry import daily, job
from jobs.runner import JobContext

FIRST = UUID(int=0)
STEP = 500
UNDO = "collaboration.unsettle_duplicates"


@job(duplicates.RADAR, label=_("Look for duplicates"), window=daily)
def radar(context: JobContext) -> dict[str, Any]:
    """Contacts that several members follow (O9). Result: found (new ones), gone."""
    with context.step():
        seen = duplicates.radar()
    return {"found": seen.found, "gone": seen.gone}


@job(duplicates.JOB, label=_("Settle duplicates"), undo=UNDO, permission=duplicates.PERMISSION)
def settle(context: JobContext) -> dict[str, Any]:
    """All open ones that the actor sees, by one rule (O9)."""
    context.actor.require(duplicates.PERMISSION)
    by = By(context.params["by"])
    while context.cursor.get("after") is not None or not context.cursor:
        with context.step():
            settled, after = duplicates.settle_some(
                context.actor,
                by=by,
                others=context.params["others"],
                job=context.run_id,
                after=UUID(context.cursor.get("after", FIRST.hex)),
                most=STEP,
            )
            context.done += settled
            context.cursor = {"after": str(after) if after else None}
            if settled:
                context.updates["undo_until"] = clock.now() + timedelta(days=policy().undo_days)
    return {"done": context.done}


@job(UNDO, label=_("Undo: settle duplicates"), permission=duplicates.PERMISSION)
def unsettle(context: JobContext) -> dict[str, Any]:
    """Whom the contacts belonged to before, and the relations that ended by it."""
    context.actor.require(duplicates.PERMISSION)
    assert context.undoes_id is not None
    while context.cursor.get("after") is not None or not context.cursor:
        with context.step():
            reopened, after = duplicates.reopen_some(
                context.actor,
                undoes=context.undoes_id,
                after=UUID(context.cursor.get("after", FIRST.hex)),
                most=STEP,
            )
            context.done += reopened
            context.cursor = {"after": str(after) if after else None}
    return {"done": context.done}
