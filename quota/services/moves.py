"""Served contacts that go from owner to owner: the enterprise keeps their places, the teams exchange them (Q12)."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

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
