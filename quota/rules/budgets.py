"""Team budgets (Q12): the tree they form, and how large one may be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from quota.rules.packages import Refused


@dataclass(frozen=True)
class BudgetTree:
    """Departments with what is above each, and the places of those that have a budget.

    A budget lies inside of that of the next department above that has one, or else of the scale (None).
    """

    parents: Mapping[UUID, UUID | None]
    places: Mapping[UUID, int]

    def outside(self, department: UUID) -> UUID | None:
        """The department whose budget this one lies in."""
        above = self.parents.get(department)
        while above is not None and above not in self.places:
            above = self.parents.get(above)
        return above

    def inside(self, department: UUID | None) -> list[UUID]:
        """The departments whose budgets lie directly in this one's, or in the scale."""
        return [one for one in self.places if self.outside(one) == department]

    def allocated(self, department: UUID | None) -> int:
        """How many places are given to those directly inside."""
        return sum(self.places[one] for one in self.inside(department))

    def check(self, department: UUID, places: int, capacity: int) -> Refused | None:
        """May this department have so many places, or why not?

        It must fit what it lies in beside the others there, and hold those inside of it. What is too much already,
        because the scale fell or departments were moved, may shrink step by step; it may not grow.
        """
        before = self.places.get(department)
        after = replace(self, places={**self.places, department: places})
        outside = after.outside(department)
        above = capacity if outside is None else after.places[outside]
        others = after.allocated(outside) - places
        if places > (before or 0) and others + places > above:
            detail = _("At most {available} places can be given here: {others} of {above} are given to others.")
            available = max(0, above - others)
            return Refused(
                "budget_too_large",
                format_lazy(detail, available=f"{available:,}", others=f"{others:,}", above=f"{above:,}"),
                {"available": available, "allocated": others, "above": above},
            )
        inside = after.allocated(department)
        if places < inside and (before is None or places < before):
            detail = _("{inside} places are given to teams inside of this one; lower those first.")
            return Refused("budget_too_small", format_lazy(detail, inside=f"{inside:,}"), {"allocated": inside})
        return None
