"""C9, C10: what SQL does to a whole enterprise is what the rules say of each contact."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from common import clock
from common.tenancy import tenant
from contacts import rules
from contacts.models import Contact, Interaction, Purchase
from contacts.services import grading
from enterprises.models import AuditEntry
from enterprises.services import policy, update_policy
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import crowd, factories

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DECEMBER = datetime(2011, 12, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
SLOW = settings(max_examples=40)

amounts = st.sampled_from(["0.00", "0.01", "-0.01", "999.99", "1000", "4999.99", "5000", "-1000", "-4000"])
ages = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=800)),
    st.sampled_from([timedelta(days=365), timedelta(days=365, microseconds=1), timedelta(days=90)]),
)
purchases = st.lists(st.tuples(amounts, ages), max_size=7)
people = st.lists(
    st.tuples(purchases, st.booleans(), st.sampled_from(rules.Grade), st.sampled_from(rules.GradeSource)),
    min_size=1,
    max_size=8,
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "spend_window_days": st.sampled_from([30, 90, 365, 700]),
        "grade_high": st.sampled_from(["1000.01", "5000", "4999.99"]),
        "grade_middle": st.sampled_from(["0.01", "500", "1000"]),
        "frequent_purchases": st.integers(1, 6),
    },
)


def make(people: Sequence) -> None:
    """Contacts with purchases, as (purchases, interacted, grade, grade source)."""
    Purchase.objects.all().delete()
    Contact.objects.all().delete()
    for number, (bought, interacted, grade, source) in enumerate(people):
        times = [NOW - age for _amount, age in bought] + ([NOW - timedelta(days=900)] if interacted else [])
        contact = Contact.objects.create(
            external_userid=f"wm{number}",
            name=f"n{number}",
            added_at=NOW,
            last_contact_at=NOW,
            last_customer_at=max(times, default=None),
            grade=grade,
            grade_source=source,
        )
        Purchase.objects.bulk_create(
            Purchase(contact=contact, order_no=f"{number}-{nth}", paid_at=NOW - age, amount=Decimal(amount))
            for nth, (amount, age) in enumerate(bought)
        )


def expected(contact: Contact) -> tuple[Decimal, str, str]:
    """What the rules say."""
    numbers = policy()
    since = rules.spend_since(NOW, numbers)
    counted = [one for one in contact.purchases.all() if one.paid_at >= since]
    spend = sum((one.amount for one in counted), Decimal(0))
    bought = sum(one.amount >= 0 for one in counted)
    grade = contact.grade if contact.grade_source == "manual" else rules.grade(spend, numbers)
    return spend, grade, rules.activity(bought, contact.last_customer_at is not None, numbers)


def found(contact: Contact) -> tuple[Decimal, str, str]:
    return contact.spend_365d, contact.grade, contact.activity


@pytest.mark.django_db
@given(people=people, numbers=policies)
@SLOW
def test_c9_c10_sql_gives_what_the_rules_give(enterprise, people, numbers):
    with tenant(enterprise.pk):
        factories.reset_policy(numbers)
        make(people)
        wanted = {contact.pk: expected(contact) for contact in Contact.objects.all()}
        grading.grade_all(NOW)
        assert {contact.pk: found(contact) for contact in Contact.objects.all()} == wanted
        assert grading.grade_all(NOW) == 0, "a second time nothing is written (X6)"
        Contact.objects.update(spend_365d=-1, activity="never")
        Contact.objects.filter(grade_source="auto").update(grade="low")
        grading.regrade(list(wanted), NOW)
        assert {contact.pk: found(contact) for contact in Contact.objects.all()} == wanted


@pytest.mark.django_db
def test_c9_only_the_named_contacts_and_only_changes(enterprise):
    with tenant(enterprise.pk):
        bought = [("5000", timedelta(days=1))]
        make([(bought, False, rules.Grade.LOW, rules.GradeSource.AUTO)] * 3)
        one, two, _three = Contact.objects.order_by("external_userid")
        Contact.objects.filter(pk=two.pk).update(spend_365d=5000, grade="high", activity="occasional")
        assert grading.regrade([one.pk, two.pk], NOW) == 1
        grades = dict(Contact.objects.values_list("external_userid", "grade"))
        assert grades == {"wm0": "high", "wm1": "high", "wm2": "low"}
        assert grading.regrade([], NOW) == 0
        assert set(Contact.objects.values_list("version", flat=True)) == {1}, "nobody's edit is disturbed"
        assert not Interaction.objects.exists()


@pytest.mark.django_db
def test_c9_other_enterprises_are_not_touched(enterprise, other_enterprise):
    for one in (enterprise, other_enterprise):
        with tenant(one.pk):
            make([([("5000", timedelta(days=1))], False, rules.Grade.LOW, rules.GradeSource.AUTO)])
    with tenant(enterprise.pk):
        assert grading.grade_all(NOW) == 1
    with tenant(other_enterprise.pk):
        assert Contact.objects.get().grade == "low"


@pytest.mark.django_db
def test_c9_nightly_job_on_the_retailer(enterprise):
    """The case: 253 high, 1 342 middle, 2 777 low as of 2011-12-10."""
    with tenant(enterprise.pk):
        crowd.retailer(factories.super_admin(enterprise))
        run = JobRun.objects.create(name="contacts.grade")
    with clock.at(DECEMBER):
        ended = execute_run(enterprise.pk, run.pk)
    assert ended.state == "done"
    assert ended.result["grades"] == {"high": 253, "middle": 1342, "low": 2777}
    assert ended.result["contacts"] == ended.done == ended.total == 4372
    with tenant(enterprise.pk):
        [entry] = AuditEntry.objects.filter(action="contacts.graded")
        assert entry.actor_kind == "system" and entry.after["changed"] == ended.result["changed"]


def test_c9_a_purchase_during_the_nightly_run_is_not_lost(committed_db):
    """The nightly statement read the purchases before this one came; it must not write its sum over the new one."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        make([([("100", timedelta(days=1))], False, rules.Grade.LOW, rules.GradeSource.AUTO)])
        contact = Contact.objects.get()
    outcome: list[int] = []

    def nightly() -> None:
        try:
            with tenant(enterprise.pk):
                outcome.append(grading.grade_all(NOW))
        finally:
            connections.close_all()

    thread = threading.Thread(target=nightly)
    with tenant(enterprise.pk):
        Purchase.objects.create(contact=contact, order_no="new", paid_at=NOW, amount=Decimal(5000))
        assert grading.regrade([contact.pk], NOW) == 1
        thread.start()
        factories.wait_for_blocked()
    thread.join()
    assert outcome == [0]
    with tenant(enterprise.pk):
        assert (Contact.objects.get().spend_365d, Contact.objects.get().grade) == (Decimal(5100), "high")


def test_c9_two_purchases_at_once_both_count(committed_db):
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        make([([], False, rules.Grade.LOW, rules.GradeSource.AUTO)])
        contact = Contact.objects.get()

    def buy() -> None:
        try:
            with tenant(enterprise.pk):
                Purchase.objects.create(contact=contact, order_no="two", paid_at=NOW, amount=Decimal(3000))
                grading.regrade([contact.pk], NOW)
        finally:
            connections.close_all()

    thread = threading.Thread(target=buy)
    with tenant(enterprise.pk):
        Purchase.objects.create(contact=contact, order_no="one", paid_at=NOW, amount=Decimal(2000))
        grading.regrade([contact.pk], NOW)
        thread.start()
        factories.wait_for_blocked()
    thread.join()
    with tenant(enterprise.pk):
        assert (Contact.objects.get().spend_365d, Contact.objects.get().grade) == (Decimal(5000), "high")


@pytest.mark.django_db
def test_c9_the_thresholds_are_policy(enterprise):
    with tenant(enterprise.pk):
        make([([("600", timedelta(days=1))], False, rules.Grade.LOW, rules.GradeSource.AUTO)])
        update_policy(factories.super_admin(enterprise), values={"grade_middle": "500"})
        grading.grade_all(NOW)
        assert Contact.objects.get().grade == "middle"
