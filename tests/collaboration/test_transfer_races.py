"""O6, O7, O8, X6 in real parallel transactions: each contact ends with exactly one taker, and each once."""

from collections import Counter
from functools import partial

import pytest
from django.db import connections

from collaboration.models import Transfer, TransferItem
from collaboration.services import transfers
from collaboration.services.transfers import settling, work
from common import clock
from common.errors import Refusal
from common.sql import execute
from common.tenancy import tenant
from contacts.models import Contact, Follow, Interaction
from enterprises.models import Enterprise, Member
from enterprises.services.members import resign_member
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run
from tests import crowd, factories
from tests.parallel import in_parallel, meet

pytestmark = pytest.mark.usefixtures("committed_db")
MANY = 240
NOON = factories.NOON


@pytest.fixture
def firm(committed_db) -> Enterprise:
    return factories.enterprise(verified=True)


def people(firm: Enterprise, count: int = 3, contacts: int = MANY) -> list[Member]:
    """The first has all the contacts."""
    with tenant(firm.pk):
        members = [factories.member(f"员工{number}") for number in range(count)]
        crowd.contacts(factories.super_admin(firm), contacts, owner=members[0], follower=members[0])
    return members


def leave(firm: Enterprise, member: Member) -> None:
    with tenant(firm.pk):
        resign_member(factories.super_admin(firm), member=member)


def order(firm: Enterprise, member: Member, *takers: Member, at=NOON) -> str:
    """Order a hand-over as a super admin; the id of the order, or the refusal's code."""
    try:
        with tenant(firm.pk), clock.at(at):
            plan = {"parts": [{"takers": [str(taker.pk) for taker in takers]}]}
            member = Member.objects.get(pk=member.pk)
            return str(transfers.order(factories.super_admin(firm), member=member, plan=plan).pk)
    except Refusal as refusal:
        return refusal.code


def work_off(firm: Enterprise, at=NOON) -> list[JobRun | None]:
    """All queued runs at the same moment."""
    with tenant(firm.pk):
        queued = list(JobRun.objects.filter(state="queued").values_list("pk", flat=True))

    def do(run) -> JobRun | None:
        with clock.at(at):
            return execute_run(firm.pk, run)

    return in_parallel([partial(do, run) for run in queued])


def outcome(firm: Enterprise) -> tuple[Counter, Counter]:
    """Whose the contacts are, and how many friends each has."""
    with tenant(firm.pk):
        friends = Counter(Follow.objects.filter(state="active").values_list("contact_id", flat=True))
        return Counter(Contact.objects.values_list("owner_id", flat=True)), Counter(friends.values())


def test_o8_two_admins_hand_the_same_contacts_to_different_takers(firm):
    """One of them gets all, the other is told; afterwards each contact has one owner, one friend, one entry."""
    giver, *takers = people(firm, 5)
    leave(firm, giver)
    answers = in_parallel([partial(order, firm, giver, taker) for taker in takers])
    assert answers.count("nothing_to_hand_over") == 3
    work_off(firm)
    owners, friends = outcome(firm)
    assert list(owners.values()) == [MANY] and set(owners) < {taker.pk for taker in takers}
    assert friends == {1: MANY}
    with tenant(firm.pk):
        assert Counter(TransferItem.objects.values_list("state", flat=True)) == {"done": MANY}
        assert Interaction.objects.filter(kind="owner_changed").count() == MANY
        assert Interaction.objects.filter(kind="handed_over").count() == MANY
        assert Transfer.objects.count() == 1


def test_o8_overlapping_orders_each_contact_with_exactly_one(firm):
    """The first asked for half of them: the others go to whom the second named, and nobody gets one twice."""
    giver, ann, bob = people(firm)
    with tenant(firm.pk):
        half = list(Contact.objects.order_by("id").values_list("pk", flat=True)[: MANY // 2])
        admin = factories.super_admin(firm)

    def some() -> str:
        try:
            with tenant(firm.pk), clock.at(NOON):
                plan = {"parts": [{"takers": [str(ann.pk)]}]}
                return str(transfers.order(admin, member=giver, plan=plan, ids=half).pk)
        except Refusal as refusal:
            return refusal.code

    asked_first = in_parallel([some, partial(order, firm, giver, bob)])[0] != "nothing_to_hand_over"
    work_off(firm)
    with tenant(firm.pk):
        waiting = TransferItem.objects.filter(state="waiting")
        assert waiting.count() == waiting.values("contact_id").distinct().count() == MANY
        failed = TransferItem.objects.filter(state="failed").values_list("reason", flat=True)
        assert list(failed) == ["in_transfer"] * (MANY // 2 if asked_first else 0)


def test_o8_negative_control_without_the_key_contacts_are_handed_over_twice(firm):
    giver, ann, bob = people(firm)
    leave(firm, giver)
    owner = connections["owner"]
    index = "transfer_contact_open_once"
    with owner.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [index])
        definition = cursor.fetchone()[0]
        cursor.execute(f"DROP INDEX {index}")
        # ON CONFLICT needs a key to infer; this one never conflicts.
        cursor.execute(
            f"CREATE UNIQUE INDEX {index}_off ON collaboration_transferitem"
            " (enterprise_id, member_id, contact_id, id) WHERE state = 'waiting' AND contact_id IS NOT NULL"
        )
    unkeyed = settling_without_key()
    try:
        with unkeyed:
            answers = in_parallel([partial(order, firm, giver, taker) for taker in (ann, bob)])
        with tenant(firm.pk):
            waiting = TransferItem.objects.filter(state="waiting")
            doubled = waiting.count() - waiting.values("contact_id").distinct().count()
        assert len(answers) == 2 and doubled == MANY
    finally:
        with owner.cursor() as cursor:
            cursor.execute("DELETE FROM collaboration_transferitem")
            cursor.execute(f"DROP INDEX {index}_off")
            cursor.execute(definition)
        owner.close()


def settling_without_key():
    """The inserts as they would be without the key: two meet before either commits."""
    from unittest.mock import patch

    from collaboration.services.transfers import choosing

    original = choosing.execute

    def unkeyed(statement, params=None):
        if "(enterprise_id, member_id, contact_id)" in statement:
            meet()
            statement = statement.replace(
                "ON CONFLICT (enterprise_id, member_id, contact_id) WHERE state = 'waiting' AND contact_id IS NOT NULL",
                "ON CONFLICT",
            )
        return original(statement, params)

    return patch.object(choosing, "execute", unkeyed)


def planned_apart(firm: Enterprise, givers: tuple[Member, ...], taker: Member) -> None:
    """Orders that were each planned while the taker had room for it."""
    for giver in givers:
        order(firm, giver, taker)
    with tenant(firm.pk):
        TransferItem.objects.update(state="waiting", reason="", settled_at=None)


def test_o7_takers_limit_is_exact_when_two_orders_meet(firm):
    """Together they give no more than the limit; without the taker's lock they would."""
    with tenant(firm.pk):
        factories.reset_policy({"taker_limit": 150})
        ann, bob, cleo = (factories.member() for _number in range(3))
        admin = factories.super_admin(firm)
        crowd.contacts(admin, 120, prefix="a", owner=ann, follower=ann)
        crowd.contacts(admin, 120, prefix="b", owner=bob, follower=bob)
    planned_apart(firm, (ann, bob), cleo)
    work_off(firm)
    with tenant(firm.pk):
        assert Counter(TransferItem.objects.values_list("state", flat=True)) == {"waiting": 150, "taker_full": 90}


def test_o7_negative_control_without_the_takers_lock_the_limit_is_passed(firm, monkeypatch):
    counted = work._room

    def unlocked(taker, limit):
        monkeypatch.setattr(work, "execute", lambda *_arguments: 0)
        room = counted(taker, limit)
        meet()  # both have counted, nobody has started
        monkeypatch.setattr(work, "execute", execute)
        meet()
        return room

    monkeypatch.setattr(work, "_room", unlocked)
    with tenant(firm.pk):
        factories.reset_policy({"taker_limit": 80})
        ann, bob, cleo = (factories.member() for _number in range(3))
        admin = factories.super_admin(firm)
        crowd.contacts(admin, 50, prefix="a", owner=ann, follower=ann)
        crowd.contacts(admin, 50, prefix="b", owner=bob, follower=bob)
    planned_apart(firm, (ann, bob), cleo)
    work_off(firm)
    with tenant(firm.pk):
        assert Counter(TransferItem.objects.values_list("state", flat=True)) == {"waiting": 100}


def test_x6_settling_twice_late_and_in_parallel_hands_over_each_once(firm):
    giver, ann, _bob = people(firm)
    order(firm, giver, ann)
    work_off(firm)
    late = NOON + 30 * (NOON - NOON.replace(hour=3))
    with tenant(firm.pk):
        enterprise = Enterprise.objects.get(pk=firm.pk)

    def settle() -> int:
        with clock.at(late), tenant(firm.pk):
            return transfers.settle_due(factories.super_admin(enterprise), most=70)

    rounds = [sum(in_parallel([settle] * 4)) for _round in range(3)]
    assert sum(rounds) == MANY and rounds[-1] == 0
    owners, friends = outcome(firm)
    assert owners == {ann.pk: MANY} and friends == {1: MANY}
    with tenant(firm.pk):
        assert Interaction.objects.filter(kind="handed_over").count() == MANY
        assert Transfer.objects.get().contacts == {"done": MANY}


def test_x6_two_runs_of_one_order_start_each_contact_once(firm):
    giver, ann, bob = people(firm)
    leave(firm, giver)
    transfer = order(firm, giver, ann, bob)
    with tenant(firm.pk):
        for _number in range(3):
            jobs.enqueue(factories.super_admin(firm), name="collaboration.transfer", params={"transfer": transfer})
    assert {run.state for run in work_off(firm)} == {"done"}
    owners, friends = outcome(firm)
    assert sorted(owners.values()) == [MANY // 2, MANY // 2] and friends == {1: MANY}
    with tenant(firm.pk):
        assert Interaction.objects.filter(kind="handed_over").count() == MANY
        assert Transfer.objects.get().contacts == {"done": MANY}


def test_x6_declining_and_settling_at_once_one_of_them(firm):
    giver, ann, _bob = people(firm, contacts=40)
    transfer = order(firm, giver, ann)
    work_off(firm)
    late = clock.now()
    with tenant(firm.pk):
        items = list(TransferItem.objects.values_list("pk", flat=True))

    def decline() -> int:
        with clock.at(late), tenant(firm.pk):
            results = [transfers.Result(item, settling.State.REFUSED) for item in items]
            return transfers.report_results(
                factories.super_admin(firm), transfer=Transfer.objects.get(pk=transfer), results=results
            )

    def settle() -> int:
        with clock.at(late), tenant(firm.pk):
            return transfers.settle_due(factories.super_admin(firm))

    declined, settled = in_parallel([decline, settle])
    assert declined + settled == 40
    with tenant(firm.pk):
        assert Contact.objects.filter(owner=ann).count() == settled
        states = Counter(TransferItem.objects.values_list("state", flat=True))
        assert (states["done"], states["refused"]) == (settled, declined)
