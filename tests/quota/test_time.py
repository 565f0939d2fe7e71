"""Capacity follows the clock, not the jobs (Q7); the job only records and tells, however often it runs (X6)."""

import threading
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from common import clock
from common.tenancy import tenant
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Enterprise, Member
from enterprises.services import set_verified, update_policy
from jobs import notifications
from jobs.models import JobRun, Notification
from jobs.runner import execute_run
from quota import queries, services
from quota.models import Account, LedgerEntry, Package
from quota.services import QuotaExceeded, places
from tests import factories
from tests.parallel import in_parallel

SECOND = timedelta(seconds=1)


def moment(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def scale(enterprise: Enterprise, at: datetime) -> int:
    """The capacity that pages and API tell at a moment; nothing is written."""
    with clock.at(at), tenant(enterprise.pk):
        return queries.overview(enterprise).position.capacity


def room(enterprise: Enterprise, at: datetime, wanted: int) -> bool:
    """Would an admission of so many be granted at a moment? Nothing is kept."""
    try:
        with clock.at(at), tenant(enterprise.pk):
            services.reserve(Actor.system(enterprise), wanted, claims=dict)
            raise Undone
    except Undone:
        return True
    except QuotaExceeded:
        return False


class Undone(Exception):
    pass


def buy(enterprise: Enterprise, at: datetime, tier: int = 5000, kind: str = "purchase") -> Package:
    with clock.at(at), tenant(enterprise.pk):
        return services.buy_package(factories.super_admin(enterprise), tier=tier, kind=kind)


# --- Boundaries --------------------------------------------------------------------------------------------

ZONES = ["Asia/Shanghai", "America/New_York", "UTC", "Asia/Kathmandu"]
STARTS = {
    "2027-03-01T09:30:00": "2028-03-01T09:30:00",  # a leap day lies in between
    "2028-02-28T23:59:59": "2029-02-28T23:59:59",
    "2028-02-29T00:00:00": "2029-03-01T00:00:00",  # 29 February → 1 March (Q4)
    "2028-02-29T23:59:59": "2029-03-01T23:59:59",
    "2027-12-31T00:00:00": "2028-12-31T00:00:00",
}


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("start", "end"), STARTS.items())
def test_q4_q7_a_second_before_at_and_after_each_boundary(start, end, zone):
    begins, ends = moment(start, zone), moment(end, zone)
    with clock.at(begins - SECOND):
        enterprise = factories.enterprise(timezone=zone)
    package = buy(enterprise, begins)
    assert (package.starts_at, package.ends_at) == (begins, ends)
    assert scale(enterprise, begins - SECOND) == 2000
    assert scale(enterprise, begins) == 5000
    assert scale(enterprise, ends - SECOND) == 5000
    assert scale(enterprise, ends) == 2000
    assert scale(enterprise, ends + SECOND) == 2000
    # Admission says the same, in any order of looking, and no job has run.
    for at, wanted, granted in (
        (ends, 2001, False),
        (ends - SECOND, 5000, True),
        (ends - SECOND, 5001, False),
        (begins - SECOND, 2001, False),
        (begins, 5000, True),
        (ends + SECOND, 2000, True),
    ):
        assert room(enterprise, at, wanted) is granted, (at, wanted)
    with tenant(enterprise.pk):
        assert not Package.objects.exclude(expired_at=None).exists()


@pytest.mark.django_db
def test_q5_a_renewal_starts_where_the_old_one_ends_and_capacity_follows():
    begins, ends = moment("2026-06-15T12:00:00"), moment("2027-06-15T12:00:00")
    with clock.at(begins):
        enterprise = factories.enterprise()
    buy(enterprise, begins, 20000)
    renewal = buy(enterprise, ends - timedelta(days=30), 5000, "renewal")
    assert (renewal.starts_at, renewal.ends_at) == (ends, moment("2028-06-15T12:00:00"))
    assert scale(enterprise, ends - SECOND) == 20000
    assert scale(enterprise, ends) == 5000
    assert scale(enterprise, renewal.ends_at - SECOND) == 5000
    assert scale(enterprise, renewal.ends_at) == 2000
    assert room(enterprise, ends - SECOND, 20000) and not room(enterprise, ends, 5001) and room(enterprise, ends, 5000)


@pytest.mark.django_db
def test_q3_verification_and_policy_are_effective_at_once(enterprise):
    now = factories.NOON
    buy(enterprise, now)
    with clock.at(now), tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        enterprise.refresh_from_db()
        set_verified(actor, enterprise=enterprise, verified=False)
    assert scale(enterprise, now) == 100 and not room(enterprise, now, 101) and room(enterprise, now, 100)
    with clock.at(now), tenant(enterprise.pk):
        update_policy(actor, values={"free_unverified": 7})
    assert scale(enterprise, now) == 7 and not room(enterprise, now, 8) and room(enterprise, now, 7)
    with clock.at(now), tenant(enterprise.pk):
        enterprise.refresh_from_db()
        set_verified(actor, enterprise=enterprise, verified=True)
    assert scale(enterprise, now) == 5000 and room(enterprise, now, 5000)


@pytest.mark.django_db
def test_an_actor_whose_enterprise_is_stale_is_not_trusted(enterprise):
    """A long job holds the enterprise as it was: refusals and checks tell what is true now."""
    with tenant(enterprise.pk):
        stale = factories.super_admin(Enterprise.objects.get(pk=enterprise.pk))
        set_verified(factories.super_admin(enterprise), enterprise=enterprise, verified=False)
        assert stale.enterprise.verified is True
        with pytest.raises(QuotaExceeded) as refused:
            services.admit(stale, places=[services.Place(stale.member.pk, "x")] * 101, reason="added")
    assert refused.value.extra["capacity"] == 100
    assert "verify" in {remedy["kind"] for remedy in refused.value.extra["remedies"]}


# --- Waiting over the boundary -----------------------------------------------------------------------------


def test_q10_who_waited_for_the_row_decides_by_the_time_after_it(committed_db):
    """The package ends while an admission waits for the account's row: it must not get the old capacity."""
    begins, ends = moment("2026-06-15T12:00:00"), moment("2027-06-15T12:00:00")
    with clock.at(begins):
        enterprise = factories.enterprise()
        with tenant(enterprise.pk):
            update_policy(factories.super_admin(enterprise), values={"free_verified": 100})
            Account.objects.update(served=100)
    buy(enterprise, begins)
    time = {"now": ends - SECOND}
    waiting = threading.Event()

    def admission() -> str:
        waiting.wait(60)
        with clock.at(ends - SECOND), tenant(enterprise.pk):
            answer = []

            def ticking():
                return time["now"]

            original, clock.now = clock.now, ticking
            try:
                services.reserve(Actor.system(enterprise), 1, claims=dict)
                answer.append("admitted")
            except QuotaExceeded:
                answer.append("refused")
            finally:
                clock.now = original
            return answer[0]

    def holder() -> None:
        with tenant(enterprise.pk):
            Account.objects.select_for_update(no_key=True).get()
            waiting.set()
            with connection.cursor() as cursor:
                while True:  # until the other one really waits for this row
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    if cursor.fetchone()[0]:
                        break
            time["now"] = ends

    assert in_parallel([holder, admission])[1] == "refused"


def test_q7_q10_buying_adding_archiving_and_expiry_at_the_boundary_second(committed_db):
    """64 threads on both sides of the end, in any order: no admission past the capacity of its own second."""
    begins, ends = moment("2026-06-15T12:00:00"), moment("2027-06-15T12:00:00")
    with clock.at(begins):
        enterprise = factories.enterprise()
        with tenant(enterprise.pk):
            actor = factories.super_admin(enterprise)
            update_policy(actor, values={"free_verified": 100})
        buy(enterprise, begins)
    with clock.at(begins), tenant(enterprise.pk):
        made = [factories.contact(actor) for _number in range(95)]

    def add(at: datetime) -> tuple[str, datetime]:
        try:
            with clock.at(at), tenant(enterprise.pk):
                factories.contact(actor)
        except QuotaExceeded:
            return "refused", at
        return "added", at

    def archive(number: int) -> tuple[str, datetime]:
        from contacts.services.contacts import archive_contact

        with clock.at(ends), tenant(enterprise.pk):
            archive_contact(actor, contact=made[number])
        return "archived", ends

    def expire() -> tuple[str, datetime]:
        with clock.at(ends), tenant(enterprise.pk):
            services.record_expiry(actor)
        return "expired", ends

    def renew() -> tuple[str, datetime]:
        with clock.at(ends - SECOND), tenant(enterprise.pk):
            services.buy_package(actor, tier=5000, kind="renewal")
        return "renewed", ends

    works = [partial(add, ends) for _number in range(30)] + [partial(add, ends - SECOND) for _number in range(10)]
    works += [partial(archive, number) for number in range(3)] + [expire] * 4
    answers = Counter(answer for answer, _at in in_parallel(works))
    assert answers["archived"] == 3 and answers["expired"] == 4
    with tenant(enterprise.pk):
        assert_no_admission_past_capacity(ends)
        assert services.verify_counts()["ok"]
        assert AuditEntry.objects.filter(action="package.expired").count() == 1
    in_parallel([renew, *[partial(add, ends)] * 8])
    with tenant(enterprise.pk):
        assert_no_admission_past_capacity(ends)
        assert services.verify_counts()["ok"]
    assert scale(enterprise, ends) == 5000


def assert_no_admission_past_capacity(ends: datetime) -> None:
    """Every +1 of the ledger fits the capacity of its own moment (free 100, package 5 000 or its renewal)."""
    renewed = Package.objects.filter(kind="renewal").exists()
    for entry in LedgerEntry.objects.filter(delta=1):
        capacity = 5000 if entry.at < ends or renewed else 100
        assert entry.served_after <= capacity, (entry.number, entry.at, entry.served_after)


# --- The job -----------------------------------------------------------------------------------------------


def told(kind: str) -> int:
    return Notification.objects.filter(kind=kind).count()


@pytest.mark.django_db
def test_q7_x6_the_job_records_and_tells_once_however_late_or_often():
    begins, ends = moment("2026-06-15T12:00:00"), moment("2027-06-15T12:00:00")
    with clock.at(begins):
        enterprise = factories.enterprise()
    buy(enterprise, begins)
    with tenant(enterprise.pk):
        Account.objects.update(served=2500)
        actor = factories.super_admin(enterprise)
        second = factories.member("第二位", role="super_admin")
        factories.member("已离职", role="super_admin", status=Member.Status.RESIGNED)
        factories.member("员工")
    for at, expired in ((ends - SECOND, 0), (ends + timedelta(days=3), 1), (ends + timedelta(days=4), 1)):
        with clock.at(at), tenant(enterprise.pk):
            services.record_expiry(actor)
            assert AuditEntry.objects.filter(action="package.expired").count() == expired
            assert told("quota.expired") == 2 * expired
    with tenant(enterprise.pk):
        assert Package.objects.get().expired_at == ends + timedelta(days=3)
        note = Notification.objects.get(kind="quota.expired", member=second)
        assert "2,000" in notifications.text(note) or "2000" in notifications.text(note)
        assert Notification.objects.count() == 2


def test_x6_many_expiry_jobs_at_once_record_it_once(committed_db):
    begins, ends = moment("2026-06-15T12:00:00"), moment("2027-06-15T12:00:00")
    with clock.at(begins):
        enterprise = factories.enterprise()
    buy(enterprise, begins)

    def run() -> list[str]:
        with tenant(enterprise.pk):
            made = JobRun.objects.create(name="quota.expire")
        with clock.at(ends):
            ended = execute_run(enterprise.pk, made.pk)
        assert ended is not None and ended.state == "done"
        return ended.result["expired"]

    results = in_parallel([run] * 8)
    assert sorted(len(result) for result in results) == [0] * 7 + [1]
    with tenant(enterprise.pk):
        assert AuditEntry.objects.filter(action="package.expired").count() == 1
        assert told("quota.expired") == 1


@pytest.mark.django_db
def test_q14_a_difference_is_reported(enterprise):
    with tenant(enterprise.pk):
        factories.contact(factories.super_admin(enterprise))
        run = JobRun.objects.create(name="quota.verify")
    assert execute_run(enterprise.pk, run.pk).result["ok"] is True
    with tenant(enterprise.pk):
        assert told("quota.differs") == 0
        Account.objects.update(served=5)
        runs = [JobRun.objects.create(name="quota.verify") for _number in range(2)]
    for run in runs:
        result = execute_run(enterprise.pk, run.pk).result
        assert result == {"ledger": 1, "counter": 5, "contacts": 1, "ok": False}
    with tenant(enterprise.pk):
        assert told("quota.differs") == 1  # once a day
        note = Notification.objects.get()
        assert notifications.text(note).count("1") == 2 and "5" in notifications.text(note)


@pytest.mark.django_db
def test_the_ledger_refuses_a_wrong_count(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        with pytest.raises(RuntimeError, match="2 places were changed, but the ledger would get 1 rows"):
            places.write_ledger_from(
                actor, source="SELECT uuid7(), 'x'", params={}, count=2, reason="imported", delta=1
            )
