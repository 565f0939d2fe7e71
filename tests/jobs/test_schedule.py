"""From the clock to runs: once per window, spread, caught up, one statement for all enterprises (X6)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import tests.jobs.handlers  # noqa: F401
from common import clock
from common.tenancy import tenant
from enterprises.models import Enterprise
from jobs import lease, registry, schedule
from jobs.models import JobRun
from scrm.schedule import JOBS, SCHEDULE, WAITING
from tests import factories

pytestmark = pytest.mark.django_db
SHANGHAI = ZoneInfo("Asia/Shanghai")
TWO_HOURS = timedelta(hours=2)


def runs(enterprise):
    with tenant(enterprise.pk):
        return list(JobRun.objects.filter(name="tests.scheduled").order_by("key").values_list("key", flat=True))


def tick(moment, spread=timedelta(seconds=1)):
    with clock.at(moment):
        return schedule.fan_out("tests.scheduled", at="02:11", spread=spread)


@pytest.mark.parametrize(
    ("local", "share"),
    [("02:10", 0.0), ("02:11", 1 / 120), ("03:10", 0.5), ("04:11", 1.0), ("23:59", 1.0), ("00:00", 0.0)],
)
def test_share_of_a_daily_job(local, share):
    moment = datetime.fromisoformat(f"2026-06-15T{local}").replace(tzinfo=SHANGHAI)
    assert schedule.share_due(moment, SHANGHAI, "02:11", TWO_HOURS) == pytest.approx(share)


def test_share_of_an_hourly_job():
    moment = datetime(2026, 6, 15, 9, 27, tzinfo=UTC)
    assert schedule.share_due(moment, SHANGHAI, ":07", timedelta(minutes=42)) == pytest.approx(0.5)
    assert schedule.share_due(moment.replace(minute=6), SHANGHAI, ":07", timedelta(minutes=42)) == 0


def test_x6_one_run_a_day_in_the_time_zone_of_the_enterprise(enterprise):
    far = factories.enterprise("Los Angeles", timezone="America/Los_Angeles")
    early = datetime(2026, 6, 15, 2, 12, tzinfo=SHANGHAI)
    assert tick(early) == 2  # 11:12 of the 14th there: late, but in time
    assert tick(early + timedelta(minutes=5)) == 0
    assert (runs(enterprise), runs(far)) == (["2026-06-15"], ["2026-06-14"])
    assert tick(early + timedelta(hours=16)) == 1
    assert (runs(enterprise), runs(far)) == (["2026-06-15"], ["2026-06-14", "2026-06-15"])


def test_a_missed_night_is_made_up_on_the_same_day(enterprise):
    assert tick(datetime(2026, 6, 15, 1, 0, tzinfo=SHANGHAI)) == 0
    assert tick(datetime(2026, 6, 15, 19, 0, tzinfo=SHANGHAI)) == 1


def test_enterprises_are_spread_and_each_keeps_its_moment(enterprise):
    firms = [factories.enterprise(f"第{number}家") for number in range(12)] + [enterprise]
    start = datetime(2026, 6, 15, 2, 11, tzinfo=SHANGHAI)

    def order(day):
        found = []
        for minute in range(0, 130, 5):
            tick(start + timedelta(days=day, minutes=minute), TWO_HOURS)
            key = (start + timedelta(days=day)).strftime("%Y-%m-%d")
            new = [firm.pk for firm in firms if firm.pk not in dict(found) and key in runs(firm)]
            found += [(pk, minute) for pk in new]
        return found

    first = order(0)
    assert len(first) == 13 and len({minute for _pk, minute in first}) >= 5
    assert order(1) == first


def test_suspended_enterprises_have_no_scheduled_work(enterprise):
    Enterprise.objects.filter(pk=enterprise.pk).update(status="suspended")
    assert tick(datetime(2026, 6, 15, 9, 0, tzinfo=SHANGHAI)) == 0


def test_one_enterprise_that_fails_does_not_keep_the_others(enterprise, monkeypatch, caplog):
    second = factories.enterprise("第二家")
    real = schedule.services.enqueue_scheduled

    def fails_for_one(firm, *, name):
        if firm.pk == enterprise.pk:
            raise RuntimeError("broken")
        return real(firm, name=name)

    monkeypatch.setattr(schedule.services, "enqueue_scheduled", fails_for_one)
    assert tick(datetime(2026, 6, 15, 9, 0, tzinfo=SHANGHAI)) == 1
    assert (runs(enterprise), len(runs(second))) == ([], 1)
    assert "could not be queued" in caplog.text


def test_sweeping_many_enterprises_is_one_statement(enterprise, django_assert_num_queries):
    for number in range(5):
        factories.enterprise(f"第{number}家")
    with django_assert_num_queries(1):
        assert lease.stale_runs() == []


def test_ticking_many_enterprises_is_a_statement_per_time_zone(enterprise, django_assert_num_queries):
    for number in range(5):
        factories.enterprise(f"第{number}家")
    tick(datetime(2026, 6, 15, 9, 0, tzinfo=SHANGHAI))
    with django_assert_num_queries(2):
        assert tick(datetime(2026, 6, 15, 9, 5, tzinfo=SHANGHAI)) == 0


def test_due_enterprises_come_in_chunks(enterprise, monkeypatch):
    monkeypatch.setattr(schedule, "CHUNK", 2)
    for number in range(4):
        factories.enterprise(f"第{number}家")
    assert tick(datetime(2026, 6, 15, 9, 0, tzinfo=SHANGHAI)) == 5


def test_the_schedule_names_jobs_that_exist_and_avoids_the_full_hour():
    for name, at, spread in JOBS:
        assert registry.JOBS[name].window is not None
        assert not at.endswith(":00")
        assert 0 < spread <= 180
    scheduled = {name for name, job in registry.JOBS.items() if job.window and not name.startswith("tests.")}
    assert scheduled == {*(name for name, _at, _spread in JOBS), *WAITING}
    assert all(registry.JOBS[name].waiting for name in WAITING)
    assert {entry["task"] for entry in SCHEDULE.values()} == {"jobs.sweep", "jobs.fan_out", "jobs.fan_out_waiting"}
