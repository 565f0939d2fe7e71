"""What a bulk job would do, in numbers (C5): shown before it is started, by console and API alike."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from common.ids import parse_uuid
from common.sql import rows, subquery
from common.tenancy import current_enterprise_id
from contacts import access
from contacts.models import Contact
from contacts.rules import Grade, Status
from contacts.services.bulk.actions import Action
from contacts.services.bulk.reasons import Reason
from contacts.services.bulk.selection import COLUMNS, Selection
from enterprises.actors import Actor
from enterprises.models import Member
from jobs.models import JobRun
from quota import queries
from quota import services as quota

TOP_OWNERS = 10


@dataclass(frozen=True)
class Preview:
    """`total` chosen, `affected` of them changed, the others left out, by reason. Grades and owners are those of
    the affected ones; `owners`: (member or None, number), the most first, `other_owners`: what is not listed.
    `frees` and `needs` are places, `free_places` those that there are now (None when none are needed); `over_budget`:
    for how many the budget of their (new) owner's team has no room (Q12)."""

    action: Action
    total: int
    affected: int
    excluded: dict[str, int]
    by_status: dict[str, int]
    by_grade: dict[str, int]
    owners: list[tuple[Member | None, int]]
    other_owners: int
    frees: int
    needs: int
    free_places: int | None = None
    over_budget: int = 0

    @property
    def reasons(self) -> list[tuple[Reason, int]]:
        """Why how many are left out, the most first."""
        return [(Reason(code), number) for code, number in Counter(self.excluded).most_common()]

    @property
    def left_out(self) -> int:
        return self.total - self.affected

    @property
    def grades(self) -> list[tuple[str, int]]:
        """From high to low."""
        return [(grade.value, self.by_grade[grade]) for grade in Grade if grade in self.by_grade]

    @property
    def statuses(self) -> list[tuple[str, int]]:
        return [(status.value, self.by_status[status]) for status in Status if status in self.by_status]

    @property
    def fits(self) -> bool:
        """Is there a place for everybody who needs one?"""
        return self.free_places is None or self.needs <= self.free_places


def preview(actor: Actor, *, action: Action, selection: Selection, options: dict[str, Any]) -> Preview:
    """What starting the action now would do. Asks the same SQL that the job asks of each contact."""
    contacts, params = subquery(selection.contacts(actor).values(*COLUMNS), "chosen")
    counted = _count(actor, f"({contacts}) AS contact", action, {**params, **options})
    counted[Reason.NOT_FOUND.value, None, None, None] = selection.missing(sum(counted.values()))
    return _summary(actor, action, counted, to=parse_uuid(options.get("owner")))


def preview_undo(actor: Actor, *, action: Action, run: JobRun) -> Preview:
    """What taking `run` back would do now; `action` is the one that undoes it."""
    visible, params = subquery(Contact.objects.visible_to(actor).values(*COLUMNS), "visible")
    source = f"""contacts_bulkitem AS item LEFT JOIN ({visible}) AS contact ON contact.id = item.contact_id
        WHERE item.enterprise_id = %(enterprise)s AND item.job_id = %(undoes)s AND item.state = 'done'"""
    return _summary(
        actor, action, _count(actor, source, action, {**params, **run.params.get("options", {}), "undoes": run.pk})
    )


Key = tuple[str, str | None, str | None, UUID | None]


def _count(actor: Actor, source: str, action: Action, params: dict[str, Any]) -> Counter[Key]:
    """How many contacts of which reason ('' when affected), status, grade and owner."""
    counted = rows(
        f"""
        SELECT {action.reason} AS reason, contact.status, contact.grade, contact.owner_id, count(*)
        FROM {source}
        GROUP BY 1, 2, 3, 4
        """,
        {**params, **access.asking(actor), "enterprise": current_enterprise_id()},
    )
    return Counter({(reason, status, grade, owner): number for reason, status, grade, owner, number in counted})


def _summary(actor: Actor, action: Action, counted: Counter[Key], *, to: UUID | None = None) -> Preview:
    by_reason: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    by_grade: Counter[str] = Counter()
    by_owner: Counter[UUID | None] = Counter()
    served: Counter[UUID | None] = Counter()
    for (reason, status, grade, owner), number in counted.items():
        by_reason[reason] += number
        if status is not None:
            by_status[status] += number
        if reason == "" and grade is not None:
            by_grade[grade] += number
            by_owner[owner] += number
            served[owner] += number if status == Status.ACTIVE else 0
    affected = by_reason.pop("", 0)
    most = by_owner.most_common(TOP_OWNERS)
    owners = Member.objects.in_bulk([owner for owner, _number in most if owner is not None])
    free, over = None, 0
    if to is not None:
        over = quota.over_budget(served, to=to)
    if action.delta > 0:
        over = quota.over_budget(by_owner)
        standing = queries.position(actor.enterprise)
        free = max(0, standing.capacity - standing.served)
    return Preview(
        action=action,
        total=affected + by_reason.total(),
        affected=affected,
        excluded={reason: number for reason, number in sorted(by_reason.items()) if number},
        by_status=dict(by_status),
        by_grade=dict(by_grade),
        owners=[(owners[owner] if owner else None, number) for owner, number in most],
        other_owners=affected - sum(number for _owner, number in most),
        frees=affected if action.delta < 0 else 0,
        needs=affected if action.delta > 0 else 0,
        free_places=free,
        over_budget=over,
    )
