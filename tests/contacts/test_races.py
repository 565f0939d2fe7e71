"""C1, Q10 with real threads and real commits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from common.errors import Refusal
from common.tenancy import tenant
from contacts.filters import ContactFilter
from contacts.models import Contact, Follow, Interaction, Purchase
from contacts.services.contacts import add_contact, edit_contact
from contacts.services.history import record_interaction, record_purchase
from contacts.services.relations import add_follow
from contacts.services.search_entries import index
from enterprises.actors import Actor
from enterprises.models import Enterprise, Member
from quota.models import Account, LedgerEntry
from quota.services import refresh_account, verify_counts
from tests import factories

pytestmark = pytest.mark.usefixtures("committed_db")
MANY = 8


@pytest.fixture
def crowd(committed_db):
    """An enterprise with one place left, and members."""
    enterprise = factories.enterprise(verified=True)
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 2, "free_verified": 2})
        refresh_account(enterprise)
        factories.contact(factories.super_admin(enterprise), external_userid="wm0")
        members = [factories.member() for _number in range(MANY)]
    return enterprise, members


def at_once(enterprise: Enterprise, calls: list) -> list:
    """Run every call in a thread, a connection and a transaction of its own; what each returned, or its code."""
    barrier = threading.Barrier(len(calls))
    results: list = [None] * len(calls)

    def run(number, call):
        try:
            barrier.wait()
            with tenant(enterprise.pk):
                results[number] = call()
        except Refusal as refusal:
            results[number] = refusal.code
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def befriend_all(contact: Contact, members: list[Member]) -> None:
    """Everybody's friend: so they may record what happens."""
    Follow.objects.bulk_create(Follow(contact=contact, member=one, added_at=factories.NOON) for one in members)


def actor(enterprise: Enterprise, member: Member) -> Actor:
    return factories.actor(enterprise, member)


def test_c1_q10_all_add_the_same_person_at_the_last_place(crowd):
    enterprise, members = crowd
    calls = [
        lambda member=member: add_contact(actor(enterprise, member), external_userid="wm1", name="x")[1]
        for member in members
    ]
    results = at_once(enterprise, calls)
    assert sorted(results) == [False] * (MANY - 1) + [True]
    with tenant(enterprise.pk):
        contact = Contact.objects.get(external_userid="wm1")
        assert Follow.objects.filter(contact=contact).count() == MANY
        assert contact.owner_id in {member.pk for member in members}
        assert Account.objects.get().served == LedgerEntry.objects.count() == 2
        assert verify_counts()["ok"]


def test_c11_all_who_add_somebody_at_once_make_them_found_by_their_remarks(crowd):
    enterprise, members = crowd
    with tenant(enterprise.pk):
        [contact] = Contact.objects.all()
    names = "赵钱孙李周吴郑王"[:MANY]
    calls = [
        lambda member=member, name=name: add_follow(actor(enterprise, member), contact=contact, remark=f"老{name}")
        for member, name in zip(members, names, strict=True)
    ]
    assert at_once(enterprise, calls) == [True] * MANY
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        for name in names:
            assert ContactFilter.from_params({"search": f"老{name}"}, admin).queryset().get() == contact
        assert index([contact.pk]) == 0


def test_q10_all_add_somebody_else_at_the_last_place(crowd):
    enterprise, members = crowd
    calls = [
        lambda number=number, member=member: add_contact(
            actor(enterprise, member), external_userid=f"wm{number}", name="x"
        )[1]
        for number, member in enumerate(members, start=1)
    ]
    results = at_once(enterprise, calls)
    assert sorted(map(str, results)) == ["True"] + ["quota_exceeded"] * (MANY - 1)
    with tenant(enterprise.pk):
        assert Contact.objects.count() == Account.objects.get().served == 2
        assert Follow.objects.count() == Interaction.objects.count() == LedgerEntry.objects.count() == 2
        assert verify_counts()["ok"]


def test_the_same_order_and_the_same_key_at_once_happen_once(crowd):
    enterprise, members = crowd
    with tenant(enterprise.pk):
        contact = Contact.objects.get(external_userid="wm0")
        befriend_all(contact, members)
    results = at_once(
        enterprise,
        [
            lambda member=member: record_purchase(
                actor(enterprise, member), contact=contact, order_no="A", paid_at=factories.NOON, amount=600
            )[1]
            for member in members
        ]
        + [
            lambda member=member: record_interaction(
                actor(enterprise, member), contact=contact, kind="message_in", at=factories.NOON, key="k"
            )[1]
            for member in members
        ],
    )
    assert results[:MANY].count(True) == results[MANY:].count(True) == 1
    assert results.count(False) == 2 * (MANY - 1)
    with tenant(enterprise.pk):
        assert Purchase.objects.count() == 1
        assert Interaction.objects.filter(key="k").count() == 1
        assert Contact.objects.get(pk=contact.pk).spend_365d in (0, 600)  # by the wall clock NOON may lie long ago


def test_c9_purchases_at_once_are_all_counted(crowd):
    enterprise, members = crowd
    with tenant(enterprise.pk):
        contact = Contact.objects.get(external_userid="wm0")
        befriend_all(contact, members)
    calls = [
        lambda number=number, member=member: record_purchase(
            actor(enterprise, member), contact=contact, order_no=str(number), amount=625
        )[1]
        for number, member in enumerate(members)
    ]
    assert at_once(enterprise, calls) == [True] * MANY
    with tenant(enterprise.pk):
        contact.refresh_from_db()
        assert (contact.spend_365d, contact.grade, contact.activity) == (5000, "high", "frequent")


def test_an_edit_of_a_version_that_somebody_changes_at_that_moment_is_refused():
    """If-Match is asked behind the lock: it waits for the other edit, and does not write over it."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        contact = factories.contact(factories.super_admin(enterprise))
    client = factories.api_client(enterprise)

    def patch():
        try:
            return client.patch(
                f"/api/v1/contacts/{contact.pk}",
                {"remark": "second"},
                "application/json",
                headers={"If-Match": f'"{contact.version}"'},
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk):
            edit_contact(factories.super_admin(enterprise), contact=contact, remark="first")
            running = pool.submit(patch)
            factories.wait_for_blocked()
        answer = running.result()
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    with tenant(enterprise.pk):
        contact.refresh_from_db()
        assert (contact.remark, contact.version) == ("first", 2)
