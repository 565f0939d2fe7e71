"""Reads of team budgets (Q12): the tree with how it stands, the reserve, and what teams ask of each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q, QuerySet

from common import clock
from enterprises.actors import Actor
from enterprises.authority import subtree
from enterprises.models import AdminRange, Department, Role
from quota import queries, rules
from quota.models import Account, Budget, Loan
from quota.services import loans, teams
from quota.services.budgets import tree


@dataclass
class Team:
    """A budget and how it stands. `parent`: the budget it lies in. `room`: what an admission has now, the smallest
    room of the budget, of all that it lies in, and of the scale."""

    budget: Budget
    level: int
    parent: UUID | None
    allocated: int
    room: int
    children: list["Team"] = field(default_factory=list)

    @property
    def department(self) -> Department:
        return self.budget.department

    @property
    def places(self) -> int:
        return self.budget.places

    @property
    def served(self) -> int:
        return self.budget.served

    @property
    def state(self) -> rules.State:
        return rules.state(self.served, self.places)

    @property
    def over_committed(self) -> bool:
        """More is given to the teams inside than there is."""
        return self.allocated > self.places

    @property
    def limited_from_above(self) -> bool:
        """Is there less room than its own budget says?"""
        return self.room < max(0, self.places - self.served)

    def walk(self) -> Iterator["Team"]:
        """The team and those inside of it, from the outside to the inside."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Board:
    """All budgets that somebody may see, and what they divide."""

    account: Account
    capacity: int
    roots: list[Team]
    allocated: int
    reserve_departments: list[Department]

    @property
    def served(self) -> int:
        return self.account.served

    @property
    def teams(self) -> list[Team]:
        """In the order of the tree."""
        return [team for root in self.roots for team in root.walk()]

    @property
    def unassigned(self) -> int:
        """Places given to no team; negative when more is given than there is."""
        return self.capacity - self.allocated

    @property
    def over_committed(self) -> int:
        """How much more is given to teams than the scale has: it fell, and admissions take the smaller room."""
        return max(0, -self.unassigned)


def visible_to(actor: Actor) -> QuerySet[Budget]:
    """The budgets that exist for somebody (O5): all; those in a graded admin's range; and of one's own departments."""
    found = Budget.objects.select_related("department__leader")
    member = actor.member
    if member is None or member.role.scope == Role.Scope.ALL:
        return found
    seen = set(teams.above([member.pk])[member.pk].departments)
    if member.role.scope == Role.Scope.DEPARTMENTS:
        seen |= subtree(AdminRange.objects.filter(member=member).values_list("department_id", flat=True))
    return found.filter(department_id__in=seen)


def board(actor: Actor) -> Board:
    """How the budgets stand, for somebody."""
    account = Account.objects.get()
    holds = account.holds(clock.now())
    capacity = account.capacity if holds else queries.position(actor.enterprise, account=account).capacity
    layout = tree()
    known = {one.department_id: one for one in Budget.objects.all()}
    shown = {one.department_id: one for one in visible_to(actor).order_by("department__position", "department__name")}
    made: dict[UUID, Team] = {}

    def team(department: UUID) -> Team:
        if department not in made:
            chain = [known[department]]
            while (outside := layout.outside(chain[-1].department_id)) is not None:
                chain.append(known[outside])
            outside = layout.outside(department)
            made[department] = Team(
                budget=shown[department],
                level=team(outside).level + 1 if outside in shown else 0,
                parent=known[outside].pk if outside else None,
                allocated=layout.allocated(department),
                room=max(0, min(capacity - account.served, *(one.places - one.served for one in chain))),
            )
        return made[department]

    roots = []
    for department in shown:
        outside = layout.outside(department)
        (team(outside).children if outside in shown else roots).append(team(department))
    return Board(
        account=account,
        capacity=capacity,
        roots=roots,
        allocated=layout.allocated(None),
        reserve_departments=list(Department.objects.filter(pk__in=account.reserve_departments)),
    )


def loans_visible_to(actor: Actor) -> QuerySet[Loan]:
    """The requests that concern budgets somebody may see."""
    found = Loan.objects.select_related(
        "borrower__department__leader", "lender__department__leader", "requested_by", "decided_by"
    )
    if actor.member is None or actor.member.role.scope == Role.Scope.ALL:
        return found
    seen = visible_to(actor).values("pk")
    return found.filter(Q(borrower__in=seen) | Q(lender__in=seen))


def borrowers(actor: Actor) -> list[Budget]:
    """The budgets for which somebody may ask for places."""
    return [one for one in visible_to(actor).order_by("department__name", "id") if loans.may_speak_for(actor, one)]


def lenders(borrower: Budget) -> QuerySet[Budget]:
    """The budgets beside one, which it may borrow from."""
    layout = tree()
    beside = layout.inside(layout.outside(borrower.department_id))
    found = Budget.objects.select_related("department").filter(department_id__in=beside)
    return found.exclude(pk=borrower.pk).order_by("department__name", "id")
