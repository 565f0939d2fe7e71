"""Webhooks over real HTTP: signed, tried again, logged, once for each event; and what their owner can do (Q13)."""

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from common import clock
from common.ids import uuid7
from common.tenancy import tenant
from enterprises.models import AuditEntry, Enterprise
from jobs import notifications, services
from jobs.models import Delivery, JobRun, Notification, Webhook
from jobs.sending import outbox, worker
from jobs.sending.rules import MOST_TRIES
from tests import factories, workers
from tests.parallel import in_parallel, meet
from tests.receiver import Answer, Receiver, receiver

pytestmark = pytest.mark.usefixtures("committed_db")
URL = "/api/v1/webhooks"


@pytest.fixture(autouse=True)
def loopback(settings) -> None:
    """The operator of these tests lets webhooks reach 127.0.0.1."""
    settings.WEBHOOK_NETWORKS = [ipaddress.ip_network("127.0.0.1/32")]


@pytest.fixture
def firm() -> Enterprise:
    return factories.enterprise()


@pytest.fixture
def client(firm) -> Client:
    return factories.api_client(firm)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as started:
        yield started


def send(client: Client, method: str, path: str = "", body: Any = None, **headers: str) -> Any:
    call = getattr(client, method)
    return call(f"{URL}{path}", body or {}, content_type="application/json", headers=headers)


def create(client: Client, url: str, **fields: Any) -> dict[str, Any]:
    answer = send(client, "post", body={"name": "ERP", "url": url, **fields})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def tell(firm: Enterprise, key: str = "k", event: str = "quota.threshold", **data: Any) -> None:
    with tenant(firm.pk):
        outbox.emit(event, key=key, data={"percent": 80, **data})


def deliveries(firm: Enterprise) -> list[Delivery]:
    with tenant(firm.pk):
        return list(Delivery.objects.filter(channel="webhook").order_by("created_at", "id"))


def due(firm: Enterprise) -> None:
    """Let the time pass until the next try."""
    with tenant(firm.pk):
        Delivery.objects.filter(state="waiting").update(due_at=clock.real() - timedelta(seconds=1))


# --- What arrives -------------------------------------------------------------------------------------------------


def test_q13_an_alert_arrives_signed(firm, client, hook):
    made = create(client, hook.url)
    with tenant(firm.pk):
        notifications.notify([], kind="quota.threshold", key="a", data={"percent": 80, "served": 1600})
    assert worker.deliver(firm.pk) is False
    [got] = hook.received
    [row] = deliveries(firm)
    assert got.verified_by(made["secret"]) and not got.verified_by("whsec_" + "A" * 44)
    assert got.headers["webhook-id"] == str(row.pk)
    assert abs(int(got.headers["webhook-timestamp"]) - clock.real().timestamp()) < 60
    assert got.headers["content-type"] == "application/json" and got.headers["host"] == f"127.0.0.1:{hook.port}"
    assert got.json == {
        "type": "quota.threshold",
        "timestamp": got.json["timestamp"],
        "enterprise": str(firm.pk),
        "data": {"percent": 80, "served": 1600},
    }
    assert got.json["timestamp"].endswith("Z")
    assert (row.state, row.tries, row.attempts[0]["status"], row.attempts[0]["answer"]) == ("delivered", 1, 200, "ok")


def test_q13_each_event_once_and_only_where_it_is_wanted(firm, client):
    with receiver() as everything, receiver() as jobs, receiver() as off:
        create(client, everything.url, name="all")
        create(client, jobs.url, name="jobs", events=["job.done", "job.failed"])
        disabled = create(client, off.url, name="off")
        assert send(client, "patch", f"/{disabled['id']}", {"enabled": False}).status_code == 200
        tell(firm, "one")
        tell(firm, "one")
        tell(firm, "two", "job.done")
        worker.deliver(firm.pk)
        assert sorted(got.json["type"] for got in everything.received) == ["job.done", "quota.threshold"]
        assert [got.json["type"] for got in jobs.received] == ["job.done"]
        assert off.received == []


def test_a_job_that_ends_is_an_event_however_quick(firm, client, hook):
    create(client, hook.url)
    with tenant(firm.pk):
        run = JobRun.objects.create(
            name="contacts.archive", state="done", member=factories.super_admin(firm).member, finished_at=clock.now()
        )
        notifications.run_ended(run)
        assert not Notification.objects.exists()
    worker.deliver(firm.pk)
    assert hook.received[0].json["data"] == {"job": "contacts.archive", "run": str(run.pk)}


def test_what_was_rolled_back_is_not_told(firm, client, hook):
    create(client, hook.url)
    with pytest.raises(ZeroDivisionError), tenant(firm.pk):
        outbox.emit("quota.over", key="k", data={})
        raise ZeroDivisionError
    worker.deliver(firm.pk)
    assert hook.received == []


# --- What does not arrive -----------------------------------------------------------------------------------------


def test_it_is_tried_again_with_the_same_id_and_body_and_signed_anew(firm, client):
    with receiver(Answer(500, body=b"\x00oops\n"), Answer(503, {"Retry-After": "3600"}), Answer(204)) as hook:
        made = create(client, hook.url)
        tell(firm)
        before = clock.real()
        worker.deliver(firm.pk)
        [row] = deliveries(firm)
        assert (row.state, row.tries, row.attempts[0]["status"]) == ("waiting", 1, 500)
        assert row.attempts[0]["answer"] == "oops"
        assert timedelta(seconds=4) < row.due_at - before < timedelta(seconds=30)
        assert worker.deliver(firm.pk) is False and len(hook.received) == 1  # not due
        due(firm)
        worker.deliver(firm.pk)
        assert deliveries(firm)[0].due_at > clock.real() + timedelta(minutes=59)
        due(firm)
        worker.deliver(firm.pk)
        [row] = deliveries(firm)
        assert (row.state, row.tries, [line["status"] for line in row.attempts]) == ("delivered", 3, [500, 503, 204])
        assert len({got.headers["webhook-id"] for got in hook.received}) == 1
        assert len({got.body for got in hook.received}) == 1
        assert all(got.verified_by(made["secret"]) for got in hook.received)


def test_it_is_given_up_after_so_many_tries_and_the_admins_are_told_once_a_day(firm, client):
    with receiver(Answer(500)) as hook:
        create(client, hook.url)
        for key in ("a", "b"):
            tell(firm, key)
            for _try in range(MOST_TRIES + 2):
                due(firm)
                worker.deliver(firm.pk)
        assert len(hook.received) == 2 * MOST_TRIES
    assert [(row.state, row.tries, len(row.attempts)) for row in deliveries(firm)] == [
        ("failed", MOST_TRIES, MOST_TRIES)
    ] * 2
    with tenant(firm.pk):
        [note] = Notification.objects.filter(kind="webhook.failed")
        assert "ERP" in notifications.text(note)


def test_410_switches_it_off_for_good(firm, client):
    with receiver(Answer(410)) as hook:
        made = create(client, hook.url)
        tell(firm, "a")
        worker.deliver(firm.pk)
        tell(firm, "b")
        worker.deliver(firm.pk)
        assert len(hook.received) == 1
    assert client.get(f"{URL}/{made['id']}").json()["enabled"] is False
    with tenant(firm.pk):
        assert Notification.objects.filter(kind="webhook.gone").count() == 1
        assert AuditEntry.objects.filter(action="webhook.disabled").count() == 1
    refused = send(client, "post", f"/{made['id']}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")


def test_switching_off_drops_what_waits(firm, client):
    with receiver(Answer(500)) as hook:
        made = create(client, hook.url)
        tell(firm)
        worker.deliver(firm.pk)
        send(client, "patch", f"/{made['id']}", {"enabled": False})
        due(firm)
        worker.deliver(firm.pk)
        assert len(hook.received) == 1
    assert [row.state for row in deliveries(firm)] == ["cancelled"]


def test_nobody_listens(firm, client):
    with receiver() as hook:
        url = hook.url
    create(client, url)
    tell(firm)
    worker.deliver(firm.pk)
    assert [(row.state, row.attempts[0]["error"]) for row in deliveries(firm)] == [("waiting", "no_connection")]


# --- Exactly once, at least once ----------------------------------------------------------------------------------


def test_x6_eight_workers_at_once_deliver_each_message_once(firm, client, hook):
    create(client, hook.url)
    for number in range(20):
        tell(firm, str(number), number=number)
    in_parallel([partial(worker.deliver, firm.pk)] * 8)
    assert sorted(got.json["data"]["number"] for got in hook.received) == list(range(20))
    assert {(row.state, row.tries) for row in deliveries(firm)} == {("delivered", 1)}


def test_x6_without_the_claim_it_arrives_more_than_once(firm, client, hook, monkeypatch):
    """The negative control: workers that read what is due and do not claim it send the same message."""
    create(client, hook.url)
    tell(firm)

    def unguarded(enterprise_id: UUID) -> list[worker.Claimed]:
        with tenant(enterprise_id):
            enterprise = Enterprise.objects.get(pk=enterprise_id)
            found = Delivery.objects.select_related("webhook").filter(state="waiting")
            batch = [worker.Claimed(row.pk, uuid7(), 1, worker._prepare(row, enterprise)) for row in found]
        meet()
        return batch

    def work() -> None:
        worker.record(firm.pk, [(one, worker._send(one)) for one in unguarded(firm.pk)])

    in_parallel([work] * 4)
    assert len(hook.received) == 4


def test_x6_killed_between_claim_and_sending_it_goes_out_later_once(firm, client, hook):
    create(client, hook.url)
    tell(firm)
    assert len(worker.claim(firm.pk)) == 1  # and this worker is never heard of again
    assert worker.deliver(firm.pk) is False and hook.received == []
    due(firm)
    worker.deliver(firm.pk)
    assert len(hook.received) == 1
    assert [(row.state, row.tries) for row in deliveries(firm)] == [("delivered", 2)]


def test_x6_killed_after_sending_it_arrives_twice_under_one_id(firm, client, hook):
    create(client, hook.url)
    tell(firm)
    [claimed] = worker.claim(firm.pk)
    outcome = claimed.send()  # and killed before it is written down
    due(firm)
    worker.deliver(firm.pk)
    assert len({got.headers["webhook-id"] for got in hook.received}) == 1 and len(hook.received) == 2
    worker.record(firm.pk, [(claimed, outcome)])  # it was only slow: what it says is too late
    assert [(row.state, row.tries, len(row.attempts)) for row in deliveries(firm)] == [("delivered", 2, 1)]


def test_what_takes_its_worker_with_it_each_time_is_given_up(firm, client, hook):
    create(client, hook.url)
    tell(firm)
    for _death in range(MOST_TRIES):
        assert len(worker.claim(firm.pk)) == 1
        due(firm)
    assert worker.claim(firm.pk) == []
    assert [row.state for row in deliveries(firm)] == ["failed"]
    with tenant(firm.pk):
        assert Notification.objects.filter(kind="webhook.failed").count() == 1


def test_x4_the_sweeper_finds_what_no_message_announced(firm, client, hook, database_name):
    """A real worker, and no message: the one that this process sent is thrown away."""
    from jobs import tasks

    create(client, hook.url)
    tell(firm)
    with workers.broker() as broker:
        broker.delete(workers.queue(database_name))
    assert outbox.enterprises_waiting() == [firm.pk]
    with workers.worker(database_name):
        tasks.sweep.delay()
        workers.eventually(lambda: [row.tries for row in deliveries(firm)] == [1])
        workers.eventually(lambda: deliveries(firm)[0].attempts)
    # That process has its own settings: no private network is open there.
    assert deliveries(firm)[0].attempts[0]["error"] == "private_address" and hook.received == []
    assert outbox.enterprises_waiting() == []


def test_nothing_holds_a_transaction_while_the_receiver_thinks(firm, client, database_name):
    import psycopg

    from tests import services as database

    found: list[int] = []

    def look() -> None:
        with psycopg.connect(database.owner_conninfo(database_name), autocommit=True) as connection:
            found.append(
                connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state LIKE 'idle in transaction%'"
                ).fetchone()[0]
            )

    with receiver(on_request=look) as hook:
        create(client, hook.url)
        tell(firm)
        worker.deliver(firm.pk)
    assert found == [0]


# --- Secrets ------------------------------------------------------------------------------------------------------


def test_rotation_both_secrets_sign_until_the_overlap_ends(firm, client, hook):
    made = create(client, hook.url)
    rotated = send(client, "post", f"/{made['id']}/rotate").json()
    assert rotated["secret"] != made["secret"]
    tell(firm, "during")
    worker.deliver(firm.pk)
    assert hook.received[0].verified_by(made["secret"]) and hook.received[0].verified_by(rotated["secret"])
    again = send(client, "post", f"/{made['id']}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "rotation_under_way")
    with tenant(firm.pk):
        Webhook.objects.update(previous_until=clock.real())
    tell(firm, "after")
    worker.deliver(firm.pk)
    assert hook.received[1].verified_by(rotated["secret"]) and not hook.received[1].verified_by(made["secret"])
    assert send(client, "post", f"/{made['id']}/rotate").status_code == 200


def test_the_secret_is_shown_once_and_kept_nowhere(firm, client, hook, database_name):
    import psycopg

    from tests import services as database

    made = create(client, hook.url)
    shown = [client.get(URL), client.get(f"{URL}/{made['id']}"), client.get(f"{URL}/{made['id']}/deliveries")]
    assert all(made["secret"] not in answer.content.decode() for answer in shown)
    with tenant(firm.pk):
        assert not AuditEntry.objects.filter(after__icontains=made["secret"][6:]).exists()
    with psycopg.connect(database.owner_conninfo(database_name), autocommit=True) as connection:
        [row] = connection.execute("SELECT w::text FROM jobs_webhook w").fetchall()
    assert made["secret"][6:] not in row[0]


def test_two_webhooks_and_two_enterprises_never_share_a_secret(firm, client, hook):
    other = factories.api_client(factories.enterprise("别家"))
    secrets = {create(client, hook.url)["secret"], create(client, hook.url, name="2")["secret"]}
    assert len(secrets | {create(other, hook.url)["secret"]}) == 3


# --- Test button, log, redelivery ---------------------------------------------------------------------------------


def test_the_test_button_sends_now_whatever_it_listens_to(firm, client, hook):
    made = create(client, hook.url, events=["job.done"])
    answer = send(client, "post", f"/{made['id']}/test")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    worker.deliver(firm.pk)
    assert hook.received[0].json["type"] == "webhook.test" and hook.received[0].verified_by(made["secret"])
    log = client.get(f"{URL}/{made['id']}/deliveries/{answer.json()['id']}").json()
    assert (log["state"], log["next_try_at"], log["attempts"][0]["status"]) == ("delivered", None, 200)


def test_the_log_is_filtered_and_redelivery_sends_the_same_again(firm, client):
    with receiver(Answer(400), Answer(200)) as hook:
        made = create(client, hook.url)
        tell(firm, "a")
        worker.deliver(firm.pk)
        tell(firm, "b", "job.done")
        worker.deliver(firm.pk)
        log = f"/{made['id']}/deliveries"
        [waiting] = client.get(f"{URL}{log}?state=waiting").json()["results"]
        assert waiting["event"] == "quota.threshold" and waiting["next_try_at"]
        assert [row["event"] for row in client.get(f"{URL}{log}?event=job.done").json()["results"]] == ["job.done"]
        assert client.get(f"{URL}{log}?state=lost").status_code == 400
        again = send(client, "post", f"{log}/{waiting['id']}/redeliver")
        assert again.status_code == 202
        worker.deliver(firm.pk)
        assert [got.headers["webhook-id"] for got in hook.received].count(waiting["id"]) == 2
        assert {row["state"] for row in client.get(f"{URL}{log}").json()["results"]} == {"delivered"}
        assert send(client, "post", f"{log}/{uuid7()}/redeliver").status_code == 404


def test_what_is_being_sent_is_not_sent_again_by_hand(firm, client, hook):
    made = create(client, hook.url)
    tell(firm)
    worker.claim(firm.pk)
    [row] = deliveries(firm)
    refused = send(client, "post", f"/{made['id']}/deliveries/{row.pk}/redeliver")
    assert (refused.status_code, refused.json()["code"]) == (409, "being_sent")


# --- Their owner --------------------------------------------------------------------------------------------------


def test_create_change_delete(firm, client, hook):
    made = create(client, hook.url, events=["quota.over", "job.done", "job.done"])
    assert made["events"] == ["job.done", "quota.over"] and made["secret"].startswith("whsec_")
    assert client.get(f"{URL}/events").json()["results"][0] == {"name": "job.done", "label": "A job is done"}
    got = client.get(f"{URL}/{made['id']}")
    changed = send(client, "patch", f"/{made['id']}", {"name": " CRM  2 "}, **{"If-Match": got["ETag"]})
    assert (changed.status_code, changed.json()["name"]) == (200, "CRM 2")
    stale = send(client, "patch", f"/{made['id']}", {"name": "x"}, **{"If-Match": got["ETag"]})
    assert stale.status_code == 412
    tell(firm, "k", "job.done")
    assert send(client, "delete", f"/{made['id']}").status_code == 204
    assert deliveries(firm) == [] and worker.deliver(firm.pk) is False and hook.received == []
    with tenant(firm.pk):
        actions = AuditEntry.objects.filter(action__startswith="webhook.").order_by("id")
        assert [entry.action for entry in actions] == ["webhook.created", "webhook.changed", "webhook.deleted"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "url": "https://example.com/"}, "name"),
        ({"name": "x", "url": "ftp://example.com/"}, "url"),
        ({"name": "x", "url": "http://10.0.0.1/"}, "url"),
        ({"name": "x", "url": "https://u:p@example.com/"}, "url"),
        ({"name": "x", "url": "https://example.com/", "events": ["no.such"]}, "events"),
        ({"name": "x", "url": "https://example.com/", "secret": "mine"}, "secret"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_kept(firm, client, body, field):
    answer = send(client, "post", body=body)
    assert answer.status_code == 400 and field in answer.json()["errors"]
    with tenant(firm.pk):
        assert not Webhook.objects.exists() and not AuditEntry.objects.filter(action="webhook.created").exists()


def test_names_are_unique_and_there_are_20_at_most_however_many_ask_at_once(firm, client, hook):
    create(client, hook.url)
    taken = send(client, "post", body={"name": "ERP", "url": hook.url})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")

    def add(number: int) -> int:
        return send(client, "post", body={"name": f"n{number}", "url": hook.url}).status_code

    answers = in_parallel([partial(add, number) for number in range(30)])
    assert sorted(answers) == [201] * 19 + [409] * 11
    with tenant(firm.pk):
        assert Webhook.objects.count() == 20


def test_without_the_lock_there_would_be_more(firm, hook, monkeypatch):
    """The negative control of the limit."""
    from jobs.services import webhooks

    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    monkeypatch.setattr(webhooks, "lock", lambda _name: None)
    real = webhooks.insert

    def slow(*arguments: Any, **options: Any) -> bool:
        meet()
        return real(*arguments, **options)

    monkeypatch.setattr(webhooks, "insert", slow)

    def add(number: int) -> None:
        with tenant(firm.pk):
            services.create_webhook(factories.super_admin(firm), name=str(number), url=hook.url)

    in_parallel([partial(add, number) for number in range(4)])
    with tenant(firm.pk):
        assert Webhook.objects.count() == 4


def test_o5_another_enterprise_cannot_reach_it(firm, client, hook):
    """Every door to a webhook and its log, by its id: the answer of a random one; and events stay at home."""
    made = create(client, hook.url)
    tell(firm)
    [row] = deliveries(firm)
    stranger = factories.enterprise("别家")
    theirs = factories.api_client(stranger)

    def doors(webhook: Any, delivery: Any) -> list[tuple[str, str]]:
        one = f"/{webhook}"
        log = f"{one}/deliveries"
        return [
            ("get", one), ("patch", one), ("delete", one), ("post", f"{one}/rotate"), ("post", f"{one}/test"),
            ("get", log), ("get", f"{log}/{delivery}"), ("post", f"{log}/{delivery}/redeliver"),
        ]  # fmt: skip

    answers = [
        [(answer.status_code, answer.json()["detail"]) for answer in (send(theirs, *door) for door in found)]
        for found in (doors(made["id"], row.pk), doors(uuid7(), uuid7()))
    ]
    assert answers[0] == answers[1] and {status for status, _detail in answers[0]} == {404}
    tell(stranger)
    worker.deliver(stranger.pk)
    assert hook.received == [] and [one.state for one in deliveries(firm)] == ["waiting"]


def test_staff_and_graded_admins_have_no_part_in_it(firm, hook):
    with tenant(firm.pk):
        people = [factories.member(), factories.member(role="graded_admin")]
    for member in people:
        client = factories.api_client(firm, member)
        assert client.get(URL).status_code == 403
        assert send(client, "post", body={"name": "x", "url": hook.url}).status_code == 403
    with tenant(firm.pk):
        assert not Webhook.objects.exists()
