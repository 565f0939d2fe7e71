"""U9, X4, X6: exactly once per person: fan-outs at once, a worker that is killed, and the guard removed."""

from functools import partial

import psycopg
import pytest

from common.sql import rows
from common.tenancy import tenant
from jobs import runner, tasks
from tests import factories, services, workers
from tests.parallel import in_parallel, meet
from tests.upstream.conftest import make_partner, make_space
from tests.upstream.messaging import consistent
from upstream.models import Message, MessageDelivery, PartnerContact, Person
from upstream.queries import audiences
from upstream.services import messages, workbench
from upstream.services.sending import FIRST, STEP

PARTNERS, EACH = 4, 2_000
TOTAL = PARTNERS * EACH


def crowd(admin, partners=PARTNERS, each=EACH):
    """A space with so many people; the scope must be open."""
    space = make_space(admin)
    for number in range(partners):
        partner = make_partner(admin, space)
        people = Person.objects.bulk_create(
            Person(name=f"人{number}-{one}", pinyin="", initials="") for one in range(each)
        )
        PartnerContact.objects.bulk_create(
            PartnerContact(space=space, partner=partner, person=person) for person in people
        )
        type(partner).objects.filter(pk=partner.pk).update(contact_count=each)
    return space


@pytest.fixture
def firm(committed_db):
    return factories.enterprise(verified=True)


def fan_out_at_once(enterprise, message, size):
    """Two fan-outs of one message, step by step side by side, each in its own transactions."""

    def work():
        after = FIRST
        while after is not None:
            meet()
            with tenant(enterprise.pk):
                admin = messages.sender(enterprise, Message.objects.get(pk=message.pk))
                _queued, after = audiences.fan_out(admin, message.to, message=message.pk, after=after, size=size)

    in_parallel([work, work])
    with tenant(enterprise.pk):
        return MessageDelivery.objects.filter(message=message).count()


def drafted(enterprise, **fields):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        space = crowd(admin, **fields)
        return messages.create_message(admin, title="通知", text="x", audience={"spaces": [space.pk]})


def test_u9_two_fan_outs_at_once_queue_everybody_once(firm):
    assert fan_out_at_once(firm, drafted(firm, partners=3, each=50), size=50) == 150


def test_u9_without_the_guard_two_fan_outs_queue_everybody_twice(firm, database_name):
    """The negative control: what keeps everybody from getting it twice is the constraint, and nothing else."""
    message = drafted(firm, partners=3, each=50)
    with psycopg.connect(services.owner_conninfo(database_name), autocommit=True) as owner:
        owner.execute("ALTER TABLE upstream_messagedelivery DROP CONSTRAINT message_delivery_once")
    try:
        assert fan_out_at_once(firm, message, size=50) == 300
    finally:
        with tenant(firm.pk):
            MessageDelivery.objects.all().delete()
        with psycopg.connect(services.owner_conninfo(database_name), autocommit=True) as owner:
            owner.execute(
                "ALTER TABLE upstream_messagedelivery ADD CONSTRAINT message_delivery_once"
                " UNIQUE (enterprise_id, message_id, person_id)"
            )


def queued_before(admin, message):
    """Everybody is queued already; returns a row of the second batch."""
    after, people = FIRST, 0
    while after is not None:
        queued, after = audiences.fan_out(admin, message.to, message=message.pk, after=after, size=STEP)
        people += queued
    Message.objects.filter(pk=message.pk).update(people=people)
    return MessageDelivery.objects.order_by("person_id")[STEP + 10]


@pytest.mark.parametrize("where", ["queueing", "delivering"])
def test_x4_u9_a_worker_killed_half_way_is_followed_by_one_that_does_the_rest_once(firm, database_name, where):
    message = drafted(firm)
    with tenant(firm.pk):
        admin = factories.super_admin(firm)
        message = messages.send(admin, message=message)
        if where == "queueing":
            blocking = Person.objects.order_by("id").last()
        else:
            blocking = queued_before(admin, message)
    with workers.worker(database_name) as first:
        with tenant(firm.pk):
            # The second step waits for this row: the worker is inside of it for sure.
            rows(f"SELECT FROM {blocking._meta.db_table} WHERE id = %(id)s FOR UPDATE", {"id": blocking.pk})
            tasks.run_job.delay(str(firm.pk), str(message.run_id))
            factories.wait_for_blocked()
            first.kill()
    with tenant(firm.pk):
        there = consistent(message)
        expected = {"queueing": (TOTAL - EACH, 0), "delivering": (TOTAL, STEP)}[where]
        assert (there.people, there.delivered) == expected, "the steps before stand, this one left nothing"
    ended = workers.taken_over(database_name, firm.pk, message.run_id)
    assert (ended.state, ended.done, ended.total) == ("done", TOTAL, TOTAL)
    with tenant(firm.pk):
        assert consistent(message).state == "sent"
        assert MessageDelivery.objects.filter(state="delivered").count() == MessageDelivery.objects.count() == TOTAL
        assert MessageDelivery.objects.values("person").distinct().count() == TOTAL


def test_u9_eight_devices_open_and_follow_at_once_and_one_counts(firm):
    message = drafted(firm, partners=1, each=1)
    with tenant(firm.pk):
        admin = factories.super_admin(firm)
        Person.objects.update(phone="13812345678")
        link = workbench.issue_link(admin, seat=PartnerContact.objects.select_related("person").get())
        messages.edit_message(admin, message=message, changes={"kind": "link", "url": "https://example.com/"})
        message = messages.send(admin, message=message)
    runner.execute_run(firm.pk, message.run_id)
    proof = workbench.unlock(firm.code, link.code, digits="5678")
    follow = partial(workbench.follow_message, firm.code, link.code, proof=proof, message=message.pk)
    assert {one.pk for one in in_parallel([follow] * 8)} == {message.pk}
    with tenant(firm.pk):
        assert (consistent(message).opened, message.clicked) == (1, 1)
