"""What a hand-over would do, in numbers: asks what the order will ask (choosing.Choice)."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from collaboration.rules.transfers import Reason
from collaboration.services.transfers.choosing import Choice, moves
from common.sql import rows
from contacts.rules import Grade
from enterprises.models import Member
from quota import services as quota


@dataclass
class Share:
    """What one taker would get, and how much room that leaves."""

    member: Member
    contacts: int = 0
    groups: int = 0
    room: int = 0


@dataclass
class Preview:
    """What a hand-over would do now. `total` contacts chosen, `ready` of them handed over; the others left out.

    `blocked`: from which day how many may be handed over again; `unmatched` fit no part; `full` find no room.
    `owners`: who gives how many, the most first. `teams`: budgets that gain by it (Q12).
    """

    total: int
    ready: int
    excluded: dict[str, int]
    blocked: list[tuple[date, int]]
    unmatched: int
    full: int
    groups: int
    by_grade: dict[str, int]
    shares: list[Share] = field(default_factory=list)
    owners: list[tuple[Member, int]] = field(default_factory=list)
    teams: list[quota.TeamGain] = field(default_factory=list)

    @property
    def grades(self) -> list[tuple[str, int]]:
        """From high to low."""
        return [(grade.value, self.by_grade[grade]) for grade in Grade if grade in self.by_grade]

    @property
    def reasons(self) -> list[tuple[Reason, int]]:
        """Why how many are left out, the most first."""
        return [(Reason(code), number) for code, number in Counter(self.excluded).most_common()]

    @property
    def anything(self) -> bool:
        """Is there anything to hand over?"""
        return bool(self.ready or self.groups)


def preview(choice: Choice) -> Preview:
    """Count what `insert` would write."""
    statement, params = choice.chosen()
    counted = rows(
        f"""SELECT part, reason, until, grade, giver, count(*)
        FROM ({statement}) AS chosen GROUP BY 1, 2, 3, 4, 5 ORDER BY 3""",  # noqa: S608
        params,
    )
    parts: Counter[int] = Counter()
    excluded: Counter[str] = Counter()
    blocked: Counter[date] = Counter()
    by_grade: Counter[str] = Counter()
    by_owner: Counter[UUID] = Counter()
    unmatched = 0
    for part, reason, until, grade, giver, number in counted:
        if part is None:
            unmatched += number
        elif reason:
            excluded[reason] += number
            if until is not None and reason == Reason.TOO_OFTEN:
                blocked[until] += number
        else:
            parts[part] += number
            by_grade[grade] += number
            by_owner[giver] += number
    if choice.selection is not None and choice.member is None:
        excluded[Reason.NOT_FOUND] += choice.selection.missing(parts.total() + excluded.total() + unmatched)
    rooms = choice.rooms()
    given: dict[UUID, Share] = {}
    spread = choice.spread(parts, rooms)
    for takers, numbers in zip(choice.takers, spread, strict=True):
        for taker, number in zip(takers, numbers, strict=True):
            share = given.setdefault(taker.pk, Share(taker, room=rooms[taker.pk]))
            share.contacts += number
    groups = choice.groups().count()
    everybody = list(given.values())
    for number, share in enumerate(everybody):
        share.groups = groups // len(everybody) + (number < groups % len(everybody))
    ready = sum(share.contacts for share in everybody)
    return Preview(
        total=parts.total() + excluded.total() + unmatched,
        ready=ready,
        excluded={str(reason): number for reason, number in excluded.items() if number},
        blocked=sorted(blocked.items()),
        unmatched=unmatched,
        full=parts.total() - ready,
        groups=groups,
        by_grade=dict(by_grade),
        shares=everybody,
        owners=_by_owner(by_owner),
        teams=quota.comes_into(lambda: moves(choice, spread)),
    )


def _by_owner(counted: Counter[UUID]) -> list[tuple[Member, int]]:
    members = Member.objects.in_bulk(list(counted))
    found = [(members[owner], number) for owner, number in counted.items()]
    return sorted(found, key=lambda one: (-one[1], one[0].name, one[0].pk))
