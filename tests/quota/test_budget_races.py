"""Budgets are exact together with the scale (Q10, Q12): real parallel transactions, and the guard removed."""

from collections import Counter
from functools import partial

import pytest

from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services.contacts import add_contact, archive_contact
from contacts.services.relations import change_owner
from enterprises.actors import Actor
from enterprises.models import Department
from enterprises.services.departments import update_department
from enterprises.services.members import update_member
from quota import services
from quota.models import Account, Budget
from quota.services import places, teams
from tests import factories
from tests.parallel import in_parallel, meet
from tests.quota.teams import assert_true, budget, counted, served, tree

CLIENTS = 64


@pytest.fixture
def firm(committed_db):
    """South may take 10 of which Shenzhen 4; the scale ends after 25."""
    enterprise = factories.enterprise(verified=False)
    with tenant(enterprise.pk):
        team = tree(enterprise)
        team.enterprise = enterprise
        factories.reset_policy({"free_unverified": 25, "free_verified": 25})
        services.refresh_account(enterprise)
        budget(team.admin, team.south, 10)
        budget(team.admin, team.shenzhen, 4)
    return team


def attempt(firm, work) -> str:
    """The code of the refusal of a piece of work in a transaction of its own, or "done"."""
    try:
        with tenant(firm.enterprise.pk):
            work()
    except Refusal as refusal:
        return refusal.code
    return "done"


def add(firm, actor: Actor, number: int) -> str:
    return attempt(firm, lambda: add_contact(actor, external_userid=f"new{number}", name="新"))


def test_q10_q12_64_clients_and_two_teams(firm):
    """16 of each of four people: Shenzhen ends at 4, the south at 10, the scale at 25; nothing is lost."""
    people = [firm.as_sam, firm.as_sue, firm.as_cal, firm.as_ned] * 16
    answers = Counter(in_parallel([partial(add, firm, actor, number) for number, actor in enumerate(people)]))
    assert answers["done"] + answers["budget_exceeded"] + answers["quota_exceeded"] == CLIENTS
    with tenant(firm.enterprise.pk):
        assert_true()
        found = served()
        assert found["华南"] == 10 and found["深圳"] <= 4
        assert answers["done"] == Account.objects.get().served == 25
    # What is left of Shenzhen's four nobody may have: the south is full.
    assert add(firm, firm.as_sam, 1000) == "quota_exceeded"


def test_q10_q12_the_last_places_of_a_team(firm):
    """64 want into Shenzhen, which has 4."""
    answers = in_parallel([partial(add, firm, firm.as_sam, number) for number in range(CLIENTS)])
    assert Counter(answers) == {"done": 4, "budget_exceeded": CLIENTS - 4}
    with tenant(firm.enterprise.pk):
        assert_true()
        assert (served(), Account.objects.get().served) == ({"华南": 4, "深圳": 4}, 4)


def test_q12_the_guard_is_what_keeps_it_exact(firm, monkeypatch):
    """Negative control: everybody reads what is left, then writes. All 16 get into the four places."""

    def read_then_write(actor: Actor, wanted: int, *, claims) -> None:
        room = teams.room()
        above = teams.above({claimant.owner_id for claimant in claims()})
        fits = all(room[one] >= wanted for found in above.values() for one in found.budgets)
        meet()
        assert fits
        teams.shift({claimant.owner_id: number for claimant, number in claims().items()}, fact=True)
        places._change(wanted, +1, claims=dict)

    monkeypatch.setattr(places, "reserve", read_then_write)
    answers = in_parallel([partial(add, firm, firm.as_sam, number) for number in range(16)])
    assert answers == ["done"] * 16
    with tenant(firm.enterprise.pk):
        assert served()["深圳"] == 16 > 4


def test_q12_a_budget_set_while_contacts_are_added_counts_all_of_them(firm):
    """Whoever is not counted by the new budget counts in it by themselves."""

    def set_budget() -> str:
        return attempt(firm, lambda: budget(firm.admin, firm.north, 15))

    works = [partial(add, firm, firm.as_ned, number) for number in range(20)] + [set_budget]
    answers = in_parallel(works)
    assert answers[-1] == "done"
    with tenant(firm.enterprise.pk):
        assert_true()
        assert 15 <= served()["华北"] <= 20
    assert add(firm, firm.as_ned, 1000) in ("budget_exceeded", "quota_exceeded")


def test_q12_people_and_departments_move_while_contacts_come_go_and_change_owner(firm):
    """Everything that moves places at once: afterwards every counter is what a slow count says."""
    with tenant(firm.enterprise.pk):
        old = [factories.contact(actor) for actor in (firm.as_sam, firm.as_cal, firm.as_ned, firm.as_sue) * 2]

    works = [
        *(partial(add, firm, actor, n) for n, actor in enumerate([firm.as_sam, firm.as_cal, firm.as_ned] * 6)),
        *(partial(attempt, firm, partial(archive_contact, firm.admin, contact=one)) for one in old[:4]),
        *(partial(attempt, firm, partial(change_owner, firm.admin, contact=one, owner=firm.ned)) for one in old[4:]),
    ]
    for member, department in ((firm.sam, firm.north), (firm.cal, firm.shenzhen), (firm.ned, firm.canton)):
        change = partial(update_member, firm.admin, member=member, changes={"department": department})
        works.append(partial(attempt, firm, change))
    move = partial(update_department, firm.admin, department=firm.shenzhen, changes={"parent": firm.north})
    works.append(partial(attempt, firm, move))
    answers = in_parallel(works)
    assert set(answers) <= {"done", "budget_exceeded", "quota_exceeded"}
    assert answers[-4:] == ["done"] * 4
    with tenant(firm.enterprise.pk):
        assert served() == counted()
        assert_true()
        assert Contact.objects.filter(status="active").count() == Account.objects.get().served


def test_q12_two_loans_of_the_same_places(firm):
    """Of the six that nobody in the south was given only one of eight requests for four gets them."""
    with tenant(firm.enterprise.pk):
        borrower = Budget.objects.get(department=firm.shenzhen)
        loans = [services.request_loan(firm.admin, borrower=borrower, lender=None, places=4) for _number in range(8)]
    works = [partial(attempt, firm, partial(services.approve_loan, firm.admin, loan=one)) for one in loans]
    answers = in_parallel(works)
    assert Counter(answers) == {"done": 1, "nothing_to_lend": 7}
    with tenant(firm.enterprise.pk):
        assert Budget.objects.get(department=firm.shenzhen).places == 8


def test_q12_two_budgets_at_once_never_give_more_than_there_is(firm):
    """15 places are left: of two budgets of 10 one is refused."""
    with tenant(firm.enterprise.pk):
        east = Department.objects.create(name="华东")
    works = [partial(attempt, firm, partial(budget, firm.admin, one, 10)) for one in (east, firm.north)]
    assert Counter(in_parallel(works)) == {"done": 1, "budget_too_large": 1}
