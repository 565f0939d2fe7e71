"""Team budgets and the reserve (Q12): set, change, remove; and what happens to them when people move.

Every function locks the account's row first (docs/architecture.md, "Lock order"): admissions wait for it, so budgets
and departments that they read after it are the ones that count.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Forbidden, Invalid, Refusal
from common.sql import row
from common.tenancy import current_enterprise_id
from enterprises import audit
from enterprises.actors import Actor
from enterprises.models import Department, Member, Role
from quota import rules
from quota.models import Account, Budget, Loan
from quota.services import teams
from quota.services.places import lock_account, settle

MOST_PLACES = 10_000_000


def create_budget(actor: Actor, *, department: Department, places: int) -> Budget:
    """Give a department a budget.

    It must fit the budget it lies in (or the scale) beside the others there, and hold those inside of it. What is
    served already does not matter: a team may be over its budget, it is shown so and gets no new place. Raises
    Refusal (`budget_too_large`, `budget_too_small`), Conflict (`budget_exists`), Invalid.
    """
    account = _begin(actor, places)
    if Budget.objects.filter(department=department).exists():
        raise Conflict(_("This department has a budget already."), code="budget_exists")
    _check_size(account, department.pk, places)
    budget = Budget.objects.create(department=department, places=places)
    Account.objects.update(budgeted=True)
    teams.recount()
    budget.refresh_from_db()
    audit.record(actor, "budget.set", budget, subject_label=department.name, after={"places": places})
    return budget


def resize_budget(actor: Actor, *, budget: Budget, places: int) -> Budget:
    """Give a budget another size, by the same rules. Raises as `create_budget` does."""
    account = _begin(actor, places)
    budget = Budget.objects.select_related("department").get(pk=budget.pk)
    _check_size(account, budget.department_id, places)
    before, after = audit.changes(budget, {"places": places})
    if after:
        budget.version += 1
        budget.save(update_fields=["places", "version"])
        audit.record(actor, "budget.set", budget, subject_label=budget.department.name, before=before, after=after)
    return budget


def remove_budget(actor: Actor, *, budget: Budget) -> None:
    """Take a budget away; the team then shares the room of what it lies in. Raises Conflict while places are lent."""
    _require_setter(actor)
    lock_account()
    budget = Budget.objects.select_related("department").get(pk=budget.pk)
    loans = Loan.objects.filter(Q(borrower=budget) | Q(lender=budget))
    if loans.filter(state__in=(Loan.State.REQUESTED, Loan.State.APPROVED)).exists():
        raise Conflict(_("Places of this budget are lent or asked for; settle that first."), code="budget_lent")
    loans.delete()
    audit.record(
        actor, "budget.removed", budget, subject_label=budget.department.name, before={"places": budget.places}
    )
    budget.delete()
    Account.objects.update(budgeted=Budget.objects.exists())


def set_reserve(
    actor: Actor, *, places: int, departments: Sequence[Department] = (), sources: Sequence[str] = ()
) -> Account:
    """Keep the last `places` of the scale for contacts of chosen teams or sources; a super admin may always use them.

    Paid places first for high-value customers: everybody else stops earlier. Raises Invalid, Refusal
    (`reserve_too_large`).
    """
    named = list(dict.fromkeys(source.strip() for source in sources if source.strip()))
    if len(named) > 50 or any(len(source) > 32 for source in named):
        raise Invalid({"sources": [_("At most 50 sources of 32 characters.")]})
    account = _begin(actor, places)
    if places > account.capacity and places > account.reserve:
        raise Refusal(
            _("The reserve cannot be larger than the scale."), code="reserve_too_large", capacity=account.capacity
        )
    values: dict[str, Any] = {
        "reserve": places,
        "reserve_departments": sorted({one.pk for one in departments}),
        "reserve_sources": named,
    }
    before, after = audit.changes(account, values)
    if after:
        account.save(update_fields=list(after))
        plain = [{key: _plain(value) for key, value in one.items()} for one in (before, after)]
        audit.record(actor, "reserve.set", account, subject_label=str(places), before=plain[0], after=plain[1])
    return account


def follow_people(members: QuerySet[Member], *, before: UUID | None, after: UUID | None) -> None:
    """Members went from below one department to below another: the places of their contacts go along (Q12).

    Who works where is a fact, so a full team refuses nobody; it is over its budget then, and shown so. Who they are is
    read under the lock: somebody who left the moving department a moment ago has taken their places along already.
    """
    if not lock_account().budgeted:
        return
    counted = row(
        "SELECT count(*) FROM contacts_contact"
        " WHERE enterprise_id = %(enterprise)s AND status = 'active' AND owner_id = ANY (%(members)s)",
        {"enterprise": current_enterprise_id(), "members": list(members.values_list("pk", flat=True))},
    )
    number = counted[0] if counted else 0
    if number:
        changes: dict[UUID | None, int] = {before: -number, after: number}
        teams.shift(changes, source=teams.DEPARTMENTS, fact=True)


def repair() -> int:
    """Count all budgets anew under the lock; returns how many had to be set right (Q14)."""
    lock_account()
    return teams.recount()


def resize(budget: Budget, change: int) -> None:
    """Add places to a budget, or take some away. For loans; the caller has checked that it may."""
    Budget.objects.filter(pk=budget.pk).update(places=F("places") + change, version=F("version") + 1)


def tree() -> rules.BudgetTree:
    """The departments and their budgets as they are now."""
    return rules.BudgetTree(
        parents=dict(Department.objects.values_list("pk", "parent_id")),
        places=dict(Budget.objects.values_list("department_id", "places")),
    )


def _begin(actor: Actor, places: int) -> Account:
    """Who sets budgets divides what belongs to all, so they see all; the account is locked from here on."""
    _require_setter(actor)
    if not 0 <= places <= MOST_PLACES:
        raise Invalid({"places": [_("Enter a number from 0 to 10 000 000.")]})
    return settle(actor.enterprise)


def _require_setter(actor: Actor) -> None:
    actor.require("quota.budgets")
    if actor.member is not None and actor.member.role.scope != Role.Scope.ALL:
        raise Forbidden(_("Only those who see the whole enterprise may do this."), code="whole_enterprise_only")


def _check_size(account: Account, department: UUID, places: int) -> None:
    refused = tree().check(department, places, account.capacity)
    if refused:
        raise Refusal(refused.detail, code=refused.code, **refused.extra)


def _plain(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, list) else value
