"""Alerts of the scale (Q13): told once per line and period, at once or by the job, however often it runs (X6)."""

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from common import clock
from common.tenancy import tenant
from contacts.services.contacts import archive_contact
from enterprises.models import Department, Enterprise
from enterprises.services import update_policy
from jobs import notifications
from jobs.models import JobRun, Notification
from jobs.runner import execute_run
from quota import services, tasks
from quota.models import Account, Alert, Budget
from tests import factories, workers
from tests.parallel import in_parallel, meet

BEGINS = datetime(2026, 6, 15, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
ENDS = BEGINS.replace(year=2027)


def review(enterprise: Enterprise, served: int | None = None, at: datetime = BEGINS) -> dict[str, list[str]]:
    with clock.at(at), tenant(enterprise.pk):
        if served is not None:
            Account.objects.update(served=served)
        return services.review(enterprise)


def told(enterprise: Enterprise) -> list[str]:
    with tenant(enterprise.pk):
        return list(Notification.objects.order_by("id").values_list("kind", flat=True))


def buy(enterprise: Enterprise, at: datetime, tier: int = 5000, kind: str = "purchase") -> None:
    with clock.at(at), tenant(enterprise.pk):
        services.buy_package(factories.super_admin(enterprise), tier=tier, kind=kind)


@pytest.mark.django_db
def test_q13_each_threshold_is_told_once_until_it_was_calm(enterprise):
    assert review(enterprise, 1599) == {"raised": [], "cleared": []}
    assert review(enterprise, 1600) == {"raised": ["usage 80"], "cleared": []}
    for again in (1600, 1590, 1600, 1650):
        assert review(enterprise, again) == {"raised": [], "cleared": []}
    assert review(enterprise, 1559) == {"raised": [], "cleared": ["usage 80"]}
    assert review(enterprise, 1700) == {"raised": ["usage 80"], "cleared": []}
    assert told(enterprise) == ["quota.threshold", "quota.threshold"]
    with tenant(enterprise.pk):
        first = Notification.objects.order_by("id").first()
        assert "80%" in notifications.text(first) and "1600" in notifications.text(first)
        assert Alert.objects.filter(cleared_at=None).count() == 1 and Alert.objects.count() == 2


@pytest.mark.django_db
def test_q13_who_jumps_over_several_lines_is_told_of_the_last(enterprise):
    assert review(enterprise, 1950)["raised"] == ["usage 80", "usage 90", "usage 95"]
    assert review(enterprise, 2000)["raised"] == ["usage 100"]
    assert review(enterprise, 2001)["raised"] == ["over 0"]
    assert review(enterprise, 2000) == {"raised": [], "cleared": ["over 0"]}
    assert told(enterprise) == ["quota.threshold", "quota.at_capacity", "quota.over", "quota.fits_again"]


@pytest.mark.django_db
def test_q13_all_active_super_admins_are_told_and_nobody_else(enterprise):
    with tenant(enterprise.pk):
        second = factories.member("第二位", role="super_admin")
        factories.member("已离职", role="super_admin", status="resigned")
        factories.member("员工")
        first = factories.super_admin(enterprise).member
    review(enterprise, 1600)
    with tenant(enterprise.pk):
        assert set(Notification.objects.values_list("member_id", flat=True)) == {first.pk, second.pk}


@pytest.mark.django_db
def test_q13_days_before_the_package_ends_once_each():
    with clock.at(BEGINS):
        enterprise = factories.enterprise()
    buy(enterprise, BEGINS)
    looks = {days: review(enterprise, 100, ENDS - timedelta(days=days)) for days in (91, 90, 60, 30, 30, 6, 1, 0)}
    assert {days: look["raised"] for days, look in looks.items()} == {
        91: [],
        90: ["expiry 90"],
        60: [],
        30: [],  # the second look at this day: told already
        6: ["expiry 7"],
        1: ["expiry 1"],
        0: [],
    }
    assert looks[0]["cleared"] == ["expiry 1", "expiry 7", "expiry 30", "expiry 90"]
    assert told(enterprise) == ["quota.expiring"] * 4
    with tenant(enterprise.pk):
        notes = [row.data for row in Notification.objects.order_by("id")]
    assert [note["days"] for note in notes] == [90, 30, 6, 1]
    assert {note["capacity"] for note in notes} == {2000}


@pytest.mark.django_db
def test_q13_a_renewal_ahead_ends_the_alerts():
    with clock.at(BEGINS):
        enterprise = factories.enterprise()
    buy(enterprise, BEGINS)
    assert review(enterprise, 100, ENDS - timedelta(days=20))["raised"] == ["expiry 30", "expiry 90"]
    buy(enterprise, ENDS - timedelta(days=20), kind="renewal")
    assert review(enterprise, 100, ENDS - timedelta(days=19)) == {"raised": [], "cleared": ["expiry 30", "expiry 90"]}
    assert review(enterprise, 100, ENDS + timedelta(days=1)) == {"raised": [], "cleared": []}
    assert told(enterprise) == ["quota.expiring"]


@pytest.mark.django_db
def test_q13_q7_expiry_alone_raises_over_though_no_job_ran():
    with clock.at(BEGINS):
        enterprise = factories.enterprise()
    buy(enterprise, BEGINS)
    assert review(enterprise, 2500, ENDS - timedelta(days=100)) == {"raised": [], "cleared": []}
    assert "over 0" in review(enterprise, None, ENDS)["raised"]
    assert told(enterprise) == ["quota.over"]


@pytest.mark.django_db
def test_q13_thresholds_are_the_policy_s(enterprise):
    with tenant(enterprise.pk):
        update_policy(factories.super_admin(enterprise), values={"alert_thresholds": [50, 60], "alert_hysteresis": 10})
    assert review(enterprise, 1000)["raised"] == ["usage 50"]
    assert review(enterprise, 800) == {"raised": [], "cleared": []}
    assert review(enterprise, 799)["cleared"] == ["usage 50"]


# --- At once, without asking anything on the way of an admission ----------------------------------------------


@pytest.fixture
def nearly(committed_db) -> Enterprise:
    """10 places, 7 taken; the job has looked."""
    enterprise = factories.enterprise(verified=False)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        update_policy(actor, values={"free_unverified": 10})
        for _number in range(7):
            factories.contact(actor)
    with tenant(enterprise.pk):
        services.review(enterprise)
    empty_queue()
    return enterprise


def empty_queue() -> int:
    """Take all messages to workers out of the queue; how many told to look at alerts?"""
    from django.db import connection

    name = workers.queue(connection.settings_dict["NAME"])
    with workers.broker() as broker:
        found = broker.lrange(name, 0, -1)
        broker.delete(name)
    return sum(b"quota.watch" in message for message in found)


def test_q13_the_admission_that_crosses_calls_a_worker_and_no_other(nearly):
    with tenant(nearly.pk):
        account = Account.objects.get()
        assert (account.quiet_from, account.quiet_until) == (0, 8)
        made = factories.contact(factories.super_admin(nearly))
    assert empty_queue() == 1  # the 8th of 10
    tasks.watch(str(nearly.pk))
    assert told(nearly) == ["quota.threshold"]
    with tenant(nearly.pk):
        actor = factories.super_admin(nearly)
        archive_contact(actor, contact=made)
    assert empty_queue() == 1  # 70 % is calm again
    tasks.watch(str(nearly.pk))
    with tenant(nearly.pk):
        archive_contact(actor, contact=actor_contact())
        factories.contact(actor)
    assert empty_queue() == 0
    assert told(nearly) == ["quota.threshold"]


def actor_contact():
    from contacts.models import Contact

    return Contact.objects.filter(status="active").order_by("id").first()


def test_q13_bulk_work_calls_a_worker_once(nearly):
    with tenant(nearly.pk):
        actor = factories.super_admin(nearly)
        assert services.reserve_up_to(actor, 2, claimants=list).count == 2
    assert empty_queue() == 1
    tasks.watch(str(nearly.pk))
    with tenant(nearly.pk):
        services.give_back(1, claims=dict)
    assert empty_queue() == 1  # 8 of 10: 90 % is calm again
    tasks.watch(str(nearly.pk))
    with tenant(nearly.pk):
        assert [row.threshold for row in Alert.objects.filter(cleared_at=None)] == [80]
        services.reserve_up_to(actor, 0, claimants=list)
    assert empty_queue() == 0


def test_q13_a_refused_admission_calls_nobody(nearly):
    from quota.services import QuotaExceeded

    with pytest.raises(QuotaExceeded), tenant(nearly.pk):
        actor = factories.super_admin(nearly)
        for _number in range(4):
            factories.contact(actor)
    with tenant(nearly.pk):
        assert Account.objects.get().served == 7
    assert empty_queue() == 0


def test_q13_buying_and_verification_and_policy_call_a_worker(nearly):
    with tenant(nearly.pk):
        update_policy(factories.super_admin(nearly), values={"alert_thresholds": [70]})
    assert empty_queue() == 1
    tasks.watch(str(nearly.pk))
    assert told(nearly) == ["quota.threshold"]


def test_q13_a_suspended_enterprise_is_left_alone(nearly):
    Enterprise.objects.filter(pk=nearly.pk).update(status="suspended")
    with tenant(nearly.pk):
        Account.objects.update(served=9)
    tasks.watch(str(nearly.pk))
    assert told(nearly) == []


# --- X6: late, twice, at once -----------------------------------------------------------------------------------


def test_x6_q13_eight_jobs_at_once_tell_once(nearly):
    with tenant(nearly.pk):
        Account.objects.update(served=9)
        runs = [JobRun.objects.create(name="quota.notify") for _number in range(8)]

    def work(run: JobRun) -> dict:
        ended = execute_run(nearly.pk, run.pk)
        assert ended is not None and ended.state == "done", ended and ended.error
        return ended.result

    results = in_parallel([partial(work, run) for run in runs])
    assert sorted(len(result["raised"]) for result in results) == [0] * 7 + [2]
    assert told(nearly) == ["quota.threshold"]
    with tenant(nearly.pk):
        assert Alert.objects.count() == 2


def test_x6_without_the_lock_a_stale_look_tells_twice(nearly, monkeypatch):
    """The negative control: two looks that read before either writes; the table's own constraint stops the second."""
    from django.db import IntegrityError

    from quota.services import alerts

    monkeypatch.setattr(alerts, "lock", lambda _name: None)
    real = alerts._row

    def row(*arguments):
        meet()
        return real(*arguments)

    monkeypatch.setattr(alerts, "_row", row)
    with tenant(nearly.pk):
        update_policy(factories.super_admin(nearly), values={"alert_thresholds": [90]})
        Account.objects.update(served=9)

    def work() -> str:
        try:
            with tenant(nearly.pk):
                services.review(nearly)
        except IntegrityError:
            return "collided"
        return "told"

    assert sorted(in_parallel([work, work])) == ["collided", "told"]


def test_x6_q13_64_admissions_over_the_line_tell_once(nearly):
    """Whatever the order of commits and looks, the line is told once and stands once."""
    with tenant(nearly.pk):
        update_policy(factories.super_admin(nearly), values={"free_unverified": 100})
        actor = factories.super_admin(nearly)
    tasks.watch(str(nearly.pk))

    def add(number: int) -> None:
        with tenant(nearly.pk):
            factories.contact(actor, external_userid=f"new{number}")
        if number % 4 == 0:
            tasks.watch(str(nearly.pk))

    in_parallel([partial(add, number) for number in range(64)])
    for number in range(64, 73):
        add(number)
    tasks.watch(str(nearly.pk))
    assert told(nearly) == ["quota.threshold"]
    with tenant(nearly.pk):
        assert [(row.kind, row.threshold) for row in Alert.objects.all()] == [("usage", 80)]
        assert services.verify_counts()["ok"] and Account.objects.get().served == 80


# --- The API ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_q13_api_lists_alerts(enterprise, api):
    review(enterprise, 1800)
    review(enterprise, 1700)
    answer = api.get("/api/v1/quota/alerts").json()["results"]
    assert [(row["kind"], row["threshold"], row["served"], row["capacity"]) for row in answer] == [
        ("usage", 90, 1800, 2000),
        ("usage", 80, 1800, 2000),
    ]
    assert [row["threshold"] for row in api.get("/api/v1/quota/alerts?open=true").json()["results"]] == [80]
    assert api.get("/api/v1/quota/alerts?opn=true").status_code == 400


# --- Budgets of teams -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_q12_q13_a_budget_is_told_to_its_leader_and_the_admins_once(enterprise):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        leader = factories.member("组长")
        team = Department.objects.create(name="华南", leader=leader)
        Department.objects.create(name="华东", leader=factories.member("别组"))
        budget = services.create_budget(admin, department=team, places=10)
        Budget.objects.update(served=9)
    assert review(enterprise)["raised"] == ["budget 80", "budget 90"]
    assert review(enterprise) == {"raised": [], "cleared": []}
    with tenant(enterprise.pk):
        notes = Notification.objects.filter(kind="quota.budget_threshold")
        assert {note.member_id for note in notes} == {leader.pk, admin.member.pk}
        assert "华南" in notifications.text(notes[0]) and "90%" in notifications.text(notes[0])
        services.resize_budget(admin, budget=budget, places=20)
    assert review(enterprise) == {"raised": [], "cleared": ["budget 80", "budget 90"]}
    with tenant(enterprise.pk):
        Budget.objects.update(served=20)
    assert review(enterprise)["raised"] == ["budget 80", "budget 90", "budget 95", "budget 100"]
    with tenant(enterprise.pk):
        services.remove_budget(admin, budget=Budget.objects.get())
    assert len(review(enterprise)["cleared"]) == 4
    assert told(enterprise) == ["quota.budget_threshold"] * 4


@pytest.mark.django_db
def test_q12_q13_two_teams_and_the_scale_are_told_each_for_itself(enterprise):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        for name in ("一队", "二队"):
            services.create_budget(admin, department=Department.objects.create(name=name), places=10)
        Budget.objects.update(served=8)
    assert review(enterprise, 1600)["raised"] == ["budget 80", "budget 80", "usage 80"]
    assert sorted(told(enterprise)) == ["quota.budget_threshold"] * 2 + ["quota.threshold"]
