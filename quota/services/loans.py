"""Borrowing between teams (Q12): asked for, decided, given back. What moves is the size of two budgets.

A team borrows from a team beside it (both lie in the same budget), or from what is not given to anybody there.
So what lies above them never changes, and whoever gives can give only what it has free.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from common import clock
from common.errors import Conflict, Forbidden, Invalid, Refusal
from enterprises import audit
from enterprises.actors import Actor
from enterprises.authority import managed_departments
from quota import notices
from quota.models import Account, Budget, Loan
from quota.services.budgets import resize, tree
from quota.services.places import lock_account, settle

State = Loan.State


def request_loan(actor: Actor, *, borrower: Budget, lender: Budget | None, places: int, reason: str = "") -> Loan:
    """Ask for places for a team: of another team, or (None) of what nobody was given.

    For who leads the team or manages its department. Raises Invalid, Forbidden.
    """
    actor.require("quota.view")
    if not may_speak_for(actor, borrower):
        raise Forbidden(_("Ask the leader or admin of this team."), code="out_of_range")
    if not 1 <= places <= 10_000_000:
        raise Invalid({"places": [_("Enter how many places, at least one.")]})
    if len(reason) > 256:
        raise Invalid({"reason": [_("At most %(limit)s characters.") % {"limit": 256}]})
    lock_account()
    _require_beside(borrower, lender)
    loan = Loan.objects.create(
        borrower=borrower,
        lender=lender,
        places=places,
        reason=reason.strip(),
        requested_by=actor.member,
        requested_at=clock.now(),
    )
    audit.record(actor, "loan.requested", loan, subject_label=_label(loan), after=_facts(loan))
    notices.loan_requested(loan)
    return loan


def approve_loan(actor: Actor, *, loan: Loan, answer: str = "") -> Loan:
    """Give the places: the lender's budget shrinks, the borrower's grows.

    Raises Conflict (`not_open`), Forbidden, Refusal (`nothing_to_lend`) when the lender has not so many free.
    """
    account = settle(actor.enterprise)
    loan = _open(actor, loan)
    _require_beside(loan.borrower, loan.lender)
    free = _free(account, loan)
    if loan.places > free:
        raise Refusal(
            _("Only %(free)s places are free there.") % {"free": f"{free:,}"}, code="nothing_to_lend", free=free
        )
    if loan.lender is not None:
        resize(loan.lender, -loan.places)
    resize(loan.borrower, loan.places)
    _decide(actor, loan, State.APPROVED, answer)
    audit.record(actor, "loan.approved", loan, subject_label=_label(loan), after=_facts(loan))
    return loan


def refuse_loan(actor: Actor, *, loan: Loan, answer: str = "") -> Loan:
    """Say no. Raises Conflict (`not_open`), Forbidden."""
    lock_account()
    loan = _open(actor, loan)
    _decide(actor, loan, State.REFUSED, answer)
    audit.record(actor, "loan.refused", loan, subject_label=_label(loan), after=_facts(loan))
    return loan


def withdraw_loan(actor: Actor, *, loan: Loan) -> Loan:
    """Take the request back. Raises Conflict (`not_open`), Forbidden."""
    lock_account()
    loan = _current(loan, State.REQUESTED)
    if not may_speak_for(actor, loan.borrower):
        raise Forbidden(_("Ask the leader or admin of this team."), code="out_of_range")
    loan.state = State.WITHDRAWN
    loan.save(update_fields=["state"])
    audit.record(actor, "loan.withdrawn", loan, subject_label=_label(loan), after=_facts(loan))
    return loan


def return_loan(actor: Actor, *, loan: Loan) -> Loan:
    """Give the places back, by the borrower or by who may decide.

    What the borrower has taken with them stays served: it may be over its budget then, and shown so. Raises Conflict
    (`not_lent`, `already_smaller` when the borrower's budget has become smaller than that).
    """
    lock_account()
    loan = _current(loan, State.APPROVED)
    if not (may_speak_for(actor, loan.borrower) or may_decide(actor, loan)):
        raise Forbidden(_("Ask the leader or admin of this team."), code="out_of_range")
    if loan.borrower.places < loan.places:
        raise Conflict(_("The budget of the team is smaller than what it borrowed."), code="already_smaller")
    resize(loan.borrower, -loan.places)
    if loan.lender is not None:
        resize(loan.lender, loan.places)
    loan.state, loan.returned_at = State.RETURNED, clock.now()
    loan.save(update_fields=["state", "returned_at"])
    audit.record(actor, "loan.returned", loan, subject_label=_label(loan), after=_facts(loan))
    return loan


def may_speak_for(actor: Actor, budget: Budget) -> bool:
    """Is this the actor's team: do they lead it, manage its department, or set budgets?"""
    if actor.may("quota.budgets") or actor.member is None:
        return True
    if budget.department.leader_id == actor.member_id:
        return True
    managed = managed_departments(actor)
    return managed is None or budget.department_id in managed


def may_decide(actor: Actor, loan: Loan) -> bool:
    """Who sets budgets decides; and the leader or admin of the team that would lend."""
    if actor.may("quota.budgets"):
        return True
    return loan.lender is not None and may_speak_for(actor, loan.lender)


def _open(actor: Actor, loan: Loan) -> Loan:
    loan = _current(loan, State.REQUESTED)
    if not may_decide(actor, loan):
        raise Forbidden(_("The lending team or a super admin decides."), code="out_of_range")
    return loan


def _current(loan: Loan, wanted: State) -> Loan:
    """The loan as it is under the account's lock."""
    found = Loan.objects.select_related("borrower__department", "lender__department").get(pk=loan.pk)
    if found.state != wanted:
        code = "not_open" if wanted == State.REQUESTED else "not_lent"
        raise Conflict(_("This request is settled already."), code=code, state=found.state)
    return found


def _decide(actor: Actor, loan: Loan, state: State, answer: str) -> None:
    if len(answer) > 256:
        raise Invalid({"answer": [_("At most %(limit)s characters.") % {"limit": 256}]})
    loan.state, loan.answer = state, answer.strip()
    loan.decided_by, loan.decided_at = actor.member, clock.now()
    loan.save(update_fields=["state", "answer", "decided_by", "decided_at"])
    notices.loan_decided(loan)


def _require_beside(borrower: Budget, lender: Budget | None) -> None:
    """Raise Invalid unless both lie in the same budget (or the scale)."""
    if lender is None:
        return
    layout = tree()
    beside = layout.outside(borrower.department_id) == layout.outside(lender.department_id)
    if not beside or lender.pk == borrower.pk:
        raise Invalid({"lender": [_("Choose a team beside this one, in the same budget.")]})


def _free(account: Account, loan: Loan) -> int:
    """How many places there are to lend: not taken and not given to teams inside; or given to nobody."""
    layout = tree()
    if loan.lender is not None:
        return max(0, loan.lender.places - max(loan.lender.served, layout.allocated(loan.lender.department_id)))
    outside = layout.outside(loan.borrower.department_id)
    above = account.capacity if outside is None else layout.places[outside]
    return max(0, above - layout.allocated(outside))


def _label(loan: Loan) -> str:
    return f"{loan.borrower.department}: {loan.places}"


def _facts(loan: Loan) -> dict[str, Any]:
    return {
        "borrower": loan.borrower.department.name,
        "lender": loan.lender.department.name if loan.lender else None,
        "places": loan.places,
        "reason": loan.reason,
        "answer": loan.answer,
    }
