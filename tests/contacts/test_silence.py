"""C7: what SQL tags in a whole enterprise is what the rules say of each contact."""

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
from contacts.services import silence
from enterprises.policy import CustomerKind
from enterprises.services import policy
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import crowd, factories

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
DECEMBER = datetime(2011, 12, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
SLOW = settings(max_examples=40)

ages = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=400)),
    st.sampled_from([timedelta(days=180), timedelta(days=180, microseconds=-1), timedelta(days=60)]),
)
events = st.lists(st.tuples(st.sampled_from(CustomerKind), ages), max_size=5)
people = st.lists(
    st.tuples(events, ages, st.sampled_from(rules.Status), st.booleans()),
    min_size=1,
    max_size=8,
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "inactive_days": st.sampled_from([30, 60, 180, 365]),
        "inactive_kinds": st.lists(st.sampled_from([kind.value for kind in CustomerKind]), min_size=1, unique=True),
    },
)


def make(people: Sequence) -> None:
    """Contacts with what came from them, as (events, age, status, tagged before)."""
    for model in (Interaction, Purchase, Contact):
        model.objects.all().delete()
    for number, (events, age, status, tagged) in enumerate(people):
        contact = Contact.objects.create(
            external_userid=f"wm{number}",
            name=f"n{number}",
            added_at=NOW - age,
            last_contact_at=NOW,
            last_customer_at=max((NOW - event_age for _kind, event_age in events), default=None),
            status=status,
            inactive=tagged,
        )
        for nth, (kind, event_age) in enumerate(events):
            happen(contact, kind, NOW - event_age, f"{number}-{nth}")


def happen(contact: Contact, kind: str, at: datetime, key: str) -> None:
    """Purchases and refunds have a table of their own."""
    if kind in ("purchase", "refund"):
        amount = Decimal(1 if kind == "purchase" else -1)
        Purchase.objects.create(contact=contact, order_no=key, paid_at=at, amount=amount)
    else:
        Interaction.objects.create(contact=contact, kind=kind, side="customer", at=at, key=key)


def expected(contact: Contact) -> bool:
    """What the rules say; lost contacts are never tagged."""
    numbers = policy()
    times = [one.at for one in contact.interactions.all() if rules.is_sign_of_life(one.kind, numbers)]
    for one in contact.purchases.all():
        if rules.is_sign_of_life("refund" if one.amount < 0 else "purchase", numbers):
            times.append(one.paid_at)
    silent = rules.inactive(contact.added_at, max(times, default=None), NOW, numbers)
    return silent and contact.status != rules.Status.LOST


@pytest.mark.django_db
@given(people=people, numbers=policies)
@SLOW
def test_c7_sql_gives_what_the_rules_give(enterprise, people, numbers):
    with tenant(enterprise.pk):
        factories.reset_policy(numbers)
        make(people)
        before = {contact.pk: contact.inactive for contact in Contact.objects.all()}
        wanted = {contact.pk: expected(contact) for contact in Contact.objects.all()}
        changed = silence.tag_inactive(NOW)
        assert {contact.pk: contact.inactive for contact in Contact.objects.all()} == wanted
        assert changed.tagged == sum(wanted[pk] and not before[pk] for pk in wanted)
        assert changed.untagged == sum(before[pk] and not wanted[pk] for pk in wanted)
        assert silence.tag_inactive(NOW) == silence.Tagged(0, 0), "a second time nothing is written (X6)"


@pytest.mark.django_db
def test_c7_nightly_job_on_the_retailer(enterprise):
    """The case: 865 of 4 372 are inactive as of 2011-12-10."""
    with tenant(enterprise.pk):
        crowd.retailer(factories.super_admin(enterprise))
        run = JobRun.objects.create(name="contacts.tag_inactive")
    with clock.at(DECEMBER):
        ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.result) == ("done", {"tagged": 865, "untagged": 0, "inactive": 865})
    with tenant(enterprise.pk):
        assert Contact.objects.filter(inactive=True).count() == 865


@pytest.mark.parametrize("kinds", [list(CustomerKind), ["message_in", "purchase"]])
def test_c7_a_message_during_the_nightly_run_is_heard(committed_db, kinds):
    """The nightly statement began before the message came; it must not tag the contact for its old silence."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        factories.reset_policy({"inactive_kinds": [str(kind) for kind in kinds]})
        make([([], timedelta(days=300), rules.Status.ACTIVE, False)])
        contact = Contact.objects.get()
    outcome: list[silence.Tagged] = []

    def nightly() -> None:
        try:
            with tenant(enterprise.pk):
                outcome.append(silence.tag_inactive(NOW))
        finally:
            connections.close_all()

    thread = threading.Thread(target=nightly)
    with tenant(enterprise.pk):
        happen(contact, "message_in", NOW, "new")
        Contact.objects.filter(pk=contact.pk).update(last_customer_at=NOW)
        thread.start()
        factories.wait_for_blocked()
    thread.join()
    assert outcome == [silence.Tagged(0, 0)]
    with tenant(enterprise.pk):
        assert Contact.objects.get().inactive is False
