"""How long interactions stay (the policy's `interaction_days`), and how the old ones go.

What the system noted (added, archived, owner changed) stays: it is the contact's history (C2). Purchases are no
interactions. The contact's own last times and its segment stay as they are: they are what was known (C6).
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from common import clock
from common.sql import execute
from common.tenancy import current_enterprise_id
from contacts.models import Contact
from contacts.rules import Side
from enterprises import audit
from enterprises.services import policy
from jobs.runner import JobContext

JOB = "contacts.forget"
STEP = 5_000


def forget_old(context: JobContext) -> dict[str, Any]:
    """The nightly job: deletes what is older than the policy keeps, a step of contacts at a time.

    By contact, so that the index of the timeline finds what is old; none on time alone is needed, which at a
    hundred million rows would be the largest of all.
    """
    with context.step():
        days = policy().interaction_days
        total: int = context.cursor.get("deleted", 0)
    if not days:
        return {"deleted": 0}
    before = clock.now() - timedelta(days=days)
    after: UUID | None = UUID(context.cursor.get("after", str(UUID(int=0))))
    while after is not None:
        with context.step():
            ids = list(Contact.objects.filter(pk__gt=after).order_by("id").values_list("pk", flat=True)[:STEP])
            total += _delete(ids, before)
            context.done += len(ids)
            after = ids[-1] if len(ids) == STEP else None
            context.cursor = {"after": str(ids[-1] if ids else UUID(int=0)), "deleted": total}
    result = {"deleted": total}
    with context.step():
        if total:
            audit.record(context.actor, "contacts.interactions_forgotten", subject_type="contact", after=result)
    return result


def _delete(contact_ids: list[UUID], before: datetime) -> int:
    return execute(
        """
        DELETE FROM contacts_interaction
        WHERE enterprise_id = %(enterprise)s AND contact_id = ANY (%(contacts)s) AND at < %(before)s
          AND side <> %(system)s
        """,
        {
            "enterprise": current_enterprise_id(),
            "contacts": contact_ids,
            "before": before,
            "system": Side.SYSTEM.value,
        },
    )
