"""Served contacts that go from owner to owner: the enterprise keeps their places, the teams exchange them (Q12)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from quota.models import Budget
from quota.services import teams
from quota.services.places import lock_account
from quota.services.teams import BudgetExceeded


def move(changes: Callable[[], Mapping[UUID | None, int]], *, must_fit: bool = False) -> None:
    """Served contacts went from some owners to others: their places go along, from team to team (Q12).

    `changes`: how many each owner gained or lost; asked for only when there are budgets. `must_fit`: a decision of
    somebody, which a full team refuses with BudgetExceeded; else a fact.
    """
    if lock_account().budgeted:
        teams.shift(changes(), fact=not must_fit)


@dataclass(frozen=True)
class TeamGain:
    """A team's budget that would gain places: of whose department, and how it stands before."""

    team: str
    places: int
    served: int
    gain: int

    @property
    def over(self) -> int:
        """How many more than the budget there would be by this."""
        return max(0, self.served + self.gain - max(self.places, self.served))


def comes_into(moves: Callable[[], Mapping[tuple[UUID | None, UUID], int]]) -> list[TeamGain]:
    """The budgets that gain when so many served contacts go from owner to owner; for previews (Q12).

    `moves` is asked for only when there are budgets. Those that get over their budget come first.
    """
    if not Budget.objects.exists():
        return []
    asked = moves()
    above = teams.above({owner for move in asked for owner in move})
    gains: Counter[UUID] = Counter()
    for (before, after), number in asked.items():
        gains.update(dict.fromkeys(above[after].budgets, number))
        gains.subtract(dict.fromkeys(above[before].budgets, number))
    found = Budget.objects.select_related("department").in_bulk([budget for budget in gains if gains[budget] > 0])
    told = [TeamGain(one.department.name, one.places, one.served, gains[one.pk]) for one in found.values()]
    return sorted(told, key=lambda one: (-one.over, -one.gain, one.team))


def over_budget(claims: Mapping[UUID | None, int], *, to: UUID | None = None) -> int:
    """How many of so many contacts of each owner find no room in the budgets of teams; for previews (Q12).

    They want to be served; or, with `to`, are served already and get this owner. Teams lie inside each other, so in
    whatever order they come, equally many find room.
    """
    room = teams.room()
    if not room:
        return 0
    above = teams.above({to, *claims})
    refused = 0
    for owner, number in claims.items():
        enters = set(above[owner if to is None else to].budgets)
        if to is not None:
            enters -= set(above[owner].budgets)
        fits = max(0, min(number, *(room[budget] for budget in enters))) if enters else number
        for budget in enters:
            room[budget] -= fits
        refused += number - fits
    return refused


def moves_that_do_not_fit(moves: Callable[[], Sequence[tuple[UUID | None, UUID | None]]]) -> dict[int, str]:
    """Which of many moves from owner to owner find the new owner's team full: position → reason (Q12).

    The account is locked from here on, so what is told to fit does fit when `move` is called. `moves` is asked for
    only when there are budgets.
    """
    if not lock_account().budgeted:
        return {}
    asked = moves()
    above = teams.above({owner for move in asked for owner in move})
    room = teams.room()
    refused: dict[int, str] = {}
    for position, (before, after) in enumerate(asked):
        leaves, enters = set(above[before].budgets), set(above[after].budgets)
        if any(room[budget] <= 0 for budget in enters - leaves):
            refused[position] = BudgetExceeded.code
            continue
        for budget in enters - leaves:
            room[budget] -= 1
        for budget in leaves - enters:
            room[budget] += 1
    return refused
