"""Team budgets (Q12): their sizes, what an admission needs, what moves places, the reserve, borrowing."""

from functools import partial

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Refusal
from common.tenancy import tenant
from contacts.models import Contact, Follow, Interaction
from contacts.services.contacts import archive_contact, report_contact, restore_contact
from contacts.services.groups import Person, create_group, invite
from contacts.services.relations import add_follow, change_owner, end_follow
from enterprises.models import AuditEntry, Member
from enterprises.services import GRADED_ADMIN, builtin_role
from enterprises.services.departments import delete_department, update_department
from enterprises.services.members import update_member
from jobs.models import Notification
from quota import budgets, services
from quota.models import Account, Budget, LedgerEntry, Loan
from quota.rules import BudgetTree
from tests import factories
from tests.quota.teams import assert_true, budget, served, tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(enterprise):
    with tenant(enterprise.pk):
        yield tree(enterprise)


@pytest.fixture
def scale(team, enterprise):
    """Call it to set the scale."""

    def resize(places: int) -> None:
        factories.reset_policy({"free_unverified": places, "free_verified": places})
        services.refresh_account(enterprise)

    return resize


def everything() -> tuple:
    """What an admission writes."""
    models = (Contact, Follow, Interaction, AuditEntry, LedgerEntry)
    return (*(model.objects.count() for model in models), Account.objects.get().served, served())


def refused(code: str, work) -> Refusal:
    """The refusal of a piece of work that must change nothing."""
    before = everything()
    with pytest.raises(Refusal) as caught, transaction.atomic():
        work()
    assert caught.value.code == code
    assert everything() == before
    return caught.value


# --- Sizes ------------------------------------------------------------------------------------------------


def test_q12_the_sum_of_budgets_is_at_most_the_scale(team, scale):
    scale(100)
    budget(team.admin, team.south, 60)
    refusal = refused("budget_too_large", lambda: budget(team.admin, team.north, 41))
    assert refusal.extra == {"available": 40, "allocated": 60, "above": 100}
    budget(team.admin, team.north, 40)


def test_q12_budgets_inside_fit_the_one_they_lie_in(team, scale):
    scale(100)
    south = budget(team.admin, team.south, 60)
    budget(team.admin, team.shenzhen, 40)
    assert refused("budget_too_large", lambda: budget(team.admin, team.canton, 21)).extra["available"] == 20
    budget(team.admin, team.canton, 20)
    too_small = lambda: services.resize_budget(team.admin, budget=south, places=59)
    assert refused("budget_too_small", too_small).extra == {"allocated": 60}
    services.resize_budget(team.admin, budget=south, places=90)
    assert Budget.objects.get(pk=south.pk).places == 90


def test_q12_a_budget_between_two_must_hold_the_inner_one(team, scale):
    scale(100)
    budget(team.admin, team.shenzhen, 40)
    assert refused("budget_too_small", lambda: budget(team.admin, team.south, 39)).extra == {"allocated": 40}
    budget(team.admin, team.south, 100)  # the inner one lies in it now, not beside it


def test_q12_what_is_too_much_after_the_scale_fell_may_shrink_but_not_grow(team, scale):
    """Over-committed budgets are shown, and admissions take the smaller room."""
    scale(100)
    south, _north = budget(team.admin, team.south, 60), budget(team.admin, team.north, 40)
    scale(50)
    board = budgets.board(team.admin)
    assert (board.allocated, board.unassigned, board.over_committed) == (100, -50, 50)
    assert [one.room for one in board.teams] == [40, 50]  # north, south: never more than the scale has
    assert refused("budget_too_large", lambda: services.resize_budget(team.admin, budget=south, places=61))
    services.resize_budget(team.admin, budget=south, places=55)
    scale(1)
    factories.contact(team.as_sue)
    refused("quota_exceeded", lambda: factories.contact(team.as_ned))


@pytest.mark.parametrize("places", [-1, 10_000_001])
def test_q12_impossible_sizes(team, places):
    refused("invalid", lambda: budget(team.admin, team.south, places))
    refused("invalid", lambda: services.set_reserve(team.admin, places=places))


def test_q12_a_department_has_one_budget_and_keeps_its_department(team):
    budget(team.admin, team.shenzhen, 5)
    refused("budget_exists", lambda: budget(team.admin, team.shenzhen, 6))
    Member.objects.filter(department=team.shenzhen).update(department=team.south)
    refused("department_in_use", lambda: delete_department(team.admin, department=team.shenzhen))


def test_q12_only_who_sets_budgets(team, enterprise):
    role = factories.role("quota.view", "quota.budgets", scope="departments")
    graded = factories.actor(enterprise, factories.member(role=role, ranges=[team.south]))
    for actor in (team.as_sue, graded):
        code = "forbidden" if actor is team.as_sue else "whole_enterprise_only"
        refused(code, partial(budget, actor, team.south, 1))


def test_q12_x3_setting_and_removing_is_audited(team):
    made = budget(team.admin, team.south, 5)
    services.resize_budget(team.admin, budget=made, places=7)
    services.remove_budget(team.admin, budget=made)
    entries = AuditEntry.objects.filter(action__startswith="budget.").order_by("at", "id")
    assert [(one.action, one.before, one.after) for one in entries] == [
        ("budget.set", {}, {"places": 5}),
        ("budget.set", {"places": 5}, {"places": 7}),
        ("budget.removed", {"places": 7}, {}),
    ]
    assert not Account.objects.get().budgeted


@given(st.data())
def test_q12_budgets_set_one_after_the_other_never_give_more_than_there_is(data):
    """Whatever is tried: what is accepted keeps every sum within what it divides."""
    names = range(6)
    parents = {name: data.draw(st.sampled_from([None, *range(name)])) for name in names}
    places: dict = {}
    for _step in range(12):
        department, wanted = data.draw(st.sampled_from(names)), data.draw(st.integers(0, 30))
        layout = BudgetTree(parents, places)
        if layout.check(department, wanted, 40) is None:
            places = {**places, department: wanted}
        layout = BudgetTree(parents, places)
        assert layout.allocated(None) <= 40
        assert all(layout.allocated(one) <= places[one] for one in places)


# --- Admission --------------------------------------------------------------------------------------------


def test_q12_a_new_budget_counts_what_is_served_already(team):
    for actor in (team.as_sue, team.as_sam, team.as_sam, team.as_ned):
        factories.contact(actor)
    archive_contact(team.admin, contact=factories.contact(team.as_sam))
    budget(team.admin, team.south, 2)  # smaller than that: it is over, and shown so
    budget(team.admin, team.shenzhen, 2)
    assert served() == {"华南": 3, "深圳": 2}
    assert [str(one.state) for one in budgets.board(team.admin).teams] == ["over", "at_capacity"]
    assert_true()


def test_q12_an_admission_must_fit_the_team_and_all_above_it(team):
    budget(team.admin, team.south, 2)
    budget(team.admin, team.shenzhen, 1)
    factories.contact(team.as_sam)
    refusal = refused("budget_exceeded", lambda: factories.contact(team.as_sam))
    assert refusal.status == 409
    assert (refusal.extra["department"]["name"], refusal.extra["places"], refusal.extra["served"]) == ("深圳", 1, 1)
    assert refusal.extra["remedies"] == [{"kind": "archive", "count": 1}, {"kind": "borrow", "count": 1}]
    factories.contact(team.as_cal)
    assert refused("budget_exceeded", lambda: factories.contact(team.as_cal)).extra["department"]["name"] == "华南"
    factories.contact(team.as_ned)  # a team without a budget shares what the scale has
    assert served() == {"华南": 2, "深圳": 1}
    assert_true()


def test_q12_the_future_owner_counts_not_who_adds(team):
    budget(team.admin, team.south, 0)
    refused("budget_exceeded", lambda: factories.contact(team.admin, follower=team.sue))
    factories.contact(team.admin, follower=team.ned)
    assert_true()


def test_q12_people_in_a_group_are_of_the_groups_owner(team):
    budget(team.admin, team.south, 1)
    group = create_group(team.admin, name="群", owner=team.sue)
    people = [Person("wm-a", "甲"), Person("wm-b", "乙")]
    refused("budget_exceeded", lambda: invite(team.admin, group=group, people=people))
    invite(team.admin, group=group, people=people[:1])
    assert served() == {"华南": 1}
    assert_true()


def test_q11_q12_facts_are_never_refused(team):
    budget(team.admin, team.south, 0)
    report_contact(team.admin, external_userid="wm-fact", name="事实", follower=team.sue)
    assert served() == {"华南": 1}
    assert_true()


def test_q12_releasing_gives_back_and_restoring_takes_again(team):
    budget(team.admin, team.south, 1)
    contact = factories.contact(team.as_sue)
    archive_contact(team.admin, contact=contact)
    other = factories.contact(team.as_sue)
    refused("budget_exceeded", lambda: restore_contact(team.admin, contact=contact))
    end_follow(team.admin, contact=other, member=team.sue, by="contact")  # lost
    assert served() == {"华南": 0}
    restore_contact(team.admin, contact=contact)
    assert served() == {"华南": 1}
    assert_true()


def test_q12_an_enterprise_without_budgets_pays_nothing(team):
    with CaptureQueriesContext(connection) as captured:
        contact = factories.contact(team.as_sue)
        archive_contact(team.admin, contact=contact)
    assert not [query["sql"] for query in captured if "quota_budget" in query["sql"]]
    decisions = [query["sql"] for query in captured if query["sql"].lstrip().startswith("UPDATE quota_account")]
    assert len(decisions) == 2  # taking and giving back, a statement each


# --- What moves places ------------------------------------------------------------------------------------


def test_q12_another_owner_moves_the_place(team):
    budget(team.admin, team.south, 5)
    budget(team.admin, team.north, 1)
    first, second = factories.contact(team.as_sue), factories.contact(team.as_sue)
    change_owner(team.admin, contact=first, owner=team.ned)
    assert served() == {"华南": 1, "华北": 1}
    refused("budget_exceeded", lambda: change_owner(team.admin, contact=second, owner=team.ned))
    archive_contact(team.admin, contact=second)
    change_owner(team.admin, contact=second, owner=team.ned)  # not served: no place to move
    assert served() == {"华南": 0, "华北": 1}
    assert_true()


def test_q12_a_move_inside_of_a_full_budget_needs_no_room_there(team):
    budget(team.admin, team.south, 1)
    budget(team.admin, team.shenzhen, 1)
    contact = factories.contact(team.as_sam)
    change_owner(team.admin, contact=contact, owner=team.cal)
    assert served() == {"华南": 1, "深圳": 0}
    assert_true()


def test_q12_somebody_becomes_the_owner_of_who_had_none(team):
    budget(team.admin, team.south, 1)
    contact, _new = report_contact(team.admin, external_userid="wm-nobody", name="无主")
    assert served() == {"华南": 0}
    add_follow(team.admin, contact=contact, member=team.sue)
    assert served() == {"华南": 1}
    again, _new = report_contact(team.admin, external_userid="wm-nobody2", name="无主")
    refused("budget_exceeded", lambda: add_follow(team.admin, contact=again, member=team.sue))
    report_contact(team.admin, external_userid="wm-nobody2", name="无主", follower=team.sue)  # a fact
    assert served() == {"华南": 2}
    assert_true()


def test_q12_a_member_takes_the_places_along(team):
    """Who works where is a fact: it may put a team over its budget."""
    budget(team.admin, team.south, 5)
    budget(team.admin, team.shenzhen, 5)
    budget(team.admin, team.north, 1)
    for actor in (team.as_sam, team.as_sam, team.as_ned):
        factories.contact(actor)
    archive_contact(team.admin, contact=factories.contact(team.as_sam))
    update_member(team.admin, member=team.sam, changes={"department": team.north})
    assert served() == {"华南": 0, "深圳": 0, "华北": 3}
    update_member(team.admin, member=team.sam, changes={"department": None})
    assert served() == {"华南": 0, "深圳": 0, "华北": 1}
    update_member(team.admin, member=team.sam, changes={"department": team.shenzhen})
    assert served() == {"华南": 2, "深圳": 2, "华北": 1}
    assert_true()


def test_q12_a_department_takes_the_places_along(team):
    budget(team.admin, team.south, 5)
    budget(team.admin, team.shenzhen, 5)
    budget(team.admin, team.north, 1)
    for actor in (team.as_sam, team.as_sam, team.as_sue):
        factories.contact(actor)
    update_department(team.admin, department=team.shenzhen, changes={"parent": team.north})
    assert served() == {"华南": 1, "深圳": 2, "华北": 2}
    update_department(team.admin, department=team.shenzhen, changes={"parent": None})
    assert served() == {"华南": 1, "深圳": 2, "华北": 0}
    assert_true()


def test_q14_the_nightly_check_finds_and_repairs_a_wrong_budget(team, enterprise):
    budget(team.admin, team.south, 5)
    factories.contact(team.as_sue)
    Budget.objects.update(served=3)
    wrong = [{"department": "华南", "counter": 3, "contacts": 1}]
    assert services.verify_and_report(enterprise)["budgets"] == wrong
    assert Notification.objects.filter(kind="quota.differs").count() == 1
    assert_true()


# --- The reserve ------------------------------------------------------------------------------------------


def test_q12_the_reserve_is_for_chosen_teams_and_sources_and_super_admins(team, scale):
    scale(3)
    services.set_reserve(team.admin, places=2, departments=[team.south], sources=["展会"])
    factories.contact(team.as_ned)
    refusal = refused("quota_exceeded", lambda: factories.contact(team.as_ned))
    assert refusal.extra["reserve"] == 2 and (refusal.extra["served"], refusal.extra["capacity"]) == (1, 3)
    assert refusal.extra["remedies"][0] == {"kind": "archive", "count": 1}
    archive_contact(team.admin, contact=factories.contact(team.as_sam))  # Shenzhen lies in the south
    archive_contact(team.admin, contact=factories.contact(team.as_ned, source="展会"))
    factories.contact(team.admin)
    factories.contact(team.as_sue)
    for actor in (team.as_sue, team.admin):
        refused("quota_exceeded", partial(factories.contact, actor))  # full is full
    assert_true()


def test_q12_the_reserve_fits_the_scale_and_is_audited(team, scale):
    scale(10)
    assert refused("reserve_too_large", lambda: services.set_reserve(team.admin, places=11)).extra == {"capacity": 10}
    services.set_reserve(team.admin, places=10, sources=["a", "a", " "])
    account = Account.objects.get()
    assert (account.reserve, account.reserve_sources) == (10, ["a"])
    assert AuditEntry.objects.get(action="reserve.set").after == {"reserve": 10, "reserve_sources": ["a"]}
    refused("quota_exceeded", lambda: factories.contact(team.as_ned))


# --- Borrowing --------------------------------------------------------------------------------------------


@pytest.fixture
def two(team, scale):
    """Shenzhen with 3 and Canton with 5 of the south's 10; their leaders speak for them."""
    scale(20)
    for department, leader in ((team.shenzhen, team.sam), (team.canton, team.cal)):
        update_department(team.admin, department=department, changes={"leader": leader})
    team.big = budget(team.admin, team.south, 10)
    team.borrower = budget(team.admin, team.shenzhen, 3)
    team.lender = budget(team.admin, team.canton, 5)
    return team


def places() -> dict[str, int]:
    return dict(Budget.objects.values_list("department__name", "places"))


def test_q12_borrowing_is_asked_for_decided_and_given_back(two):
    loan = services.request_loan(two.as_sam, borrower=two.borrower, lender=two.lender, places=2, reason="展会")
    assert places() == {"华南": 10, "深圳": 3, "广州": 5}
    told = set(Notification.objects.filter(kind="quota.loan_requested").values_list("member_id", flat=True))
    assert told == {two.cal.pk, two.admin.member_id}
    services.approve_loan(two.as_cal, loan=loan, answer="好")
    assert places() == {"华南": 10, "深圳": 5, "广州": 3}
    assert Notification.objects.get(kind="quota.loan_approved").member_id == two.sam.pk
    refused("not_open", lambda: services.approve_loan(two.admin, loan=loan))
    services.return_loan(two.as_sam, loan=loan)
    assert places() == {"华南": 10, "深圳": 3, "广州": 5}
    refused("not_lent", lambda: services.return_loan(two.admin, loan=loan))
    actions = (
        AuditEntry.objects.filter(action__startswith="loan.").order_by("at", "id").values_list("action", flat=True)
    )
    assert list(actions) == ["loan.requested", "loan.approved", "loan.returned"]


def test_q12_nobody_lends_what_is_taken(two):
    for _number in range(4):
        factories.contact(two.as_cal)
    loan = services.request_loan(two.as_sam, borrower=two.borrower, lender=two.lender, places=2)
    assert refused("nothing_to_lend", lambda: services.approve_loan(two.admin, loan=loan)).extra == {"free": 1}
    services.refuse_loan(two.as_cal, loan=loan, answer="不够")
    assert Loan.objects.get().state == "refused" and places()["深圳"] == 3


def test_q12_borrowing_what_nobody_was_given(two):
    """The south has 10, of which 8 are given; the scale 20, of which 10 are."""
    inner = services.request_loan(two.as_sam, borrower=two.borrower, lender=None, places=3)
    refused("out_of_range", lambda: services.approve_loan(two.as_cal, loan=inner))
    assert refused("nothing_to_lend", lambda: services.approve_loan(two.admin, loan=inner)).extra == {"free": 2}
    outer = services.request_loan(two.admin, borrower=two.big, lender=None, places=10)
    services.approve_loan(two.admin, loan=outer)
    services.approve_loan(two.admin, loan=inner)
    assert places() == {"华南": 20, "深圳": 6, "广州": 5}


def test_q12_who_may_ask_and_of_whom(two, enterprise):
    refused("out_of_range", lambda: services.request_loan(two.as_ned, borrower=two.borrower, lender=None, places=1))
    graded = factories.actor(enterprise, factories.member(role=builtin_role(GRADED_ADMIN), ranges=[two.south]))
    loan = services.request_loan(graded, borrower=two.borrower, lender=two.lender, places=1)
    refused("out_of_range", lambda: services.withdraw_loan(two.as_ned, loan=loan))
    services.withdraw_loan(two.as_sam, loan=loan)
    north = budget(two.admin, two.north, 5)
    wrong = (
        {"lender": north, "places": 1},  # not beside it
        {"lender": two.borrower, "places": 1},
        {"lender": None, "places": 0},
        {"lender": None, "places": 1, "reason": "x" * 257},
    )
    for asked in wrong:
        refused("invalid", partial(services.request_loan, two.admin, borrower=two.borrower, **asked))


def test_q12_a_budget_with_an_open_loan_stays(two):
    loan = services.request_loan(two.as_sam, borrower=two.borrower, lender=two.lender, places=1)
    for one in (two.borrower, two.lender):
        refused("budget_lent", partial(services.remove_budget, two.admin, budget=one))
    services.approve_loan(two.admin, loan=loan)
    refused("budget_lent", lambda: services.remove_budget(two.admin, budget=two.lender))
    services.return_loan(two.admin, loan=loan)
    services.remove_budget(two.admin, budget=two.lender)
    assert not Loan.objects.exists()
