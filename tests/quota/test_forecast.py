"""The forecast (Q15): its statistics, the path from today's number, the day it fills, and what the API says."""

import os
import subprocess
import sys
from datetime import date, timedelta
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import forecast as backtest
from common import clock
from common.sql import execute
from common.tenancy import current_enterprise_id, tenant
from enterprises.policy import Policy
from jobs.models import JobRun
from jobs.runner import execute_run
from quota import outlook, rules, services
from quota.forecasting import project, usual
from quota.models import Account, Forecast
from tests import crowd, factories
from tests.factories import NOON

TODAY = date(2026, 6, 15)
DAY = timedelta(days=1)
URL = "/api/v1/quota/forecast"


def series(days=120, rate=12.0, growth=0.0, weekdays=(1.2, 1.1, 1.0, 1.0, 1.1, 0.6, 0.0), seed=1):
    """Arrivals with a weekday pattern and a trend, by chance."""
    random = Random(seed)
    expected = [rate * (1 + growth * day) * weekdays[day % 7] for day in range(days)]
    return [sum(random.random() < each / 40 for _trial in range(40)) for each in expected]


# --- The statistics ------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(st.lists(st.integers(0, 60), min_size=56, max_size=90), st.integers(0, 5), st.sampled_from((50, 80, 90, 99)))
def test_q15_the_interval_holds_the_point_and_widens(arrived, lost, confidence):
    found = project(arrived, [lost] * len(arrived), days=60, confidence=confidence)
    assert len(found.gain) == len(found.low) == len(found.high) == 60
    assert all(low <= gain <= high for low, gain, high in zip(found.low, found.gain, found.high, strict=True))
    widths = [high - gain for gain, high in zip(found.gain, found.high, strict=True)]
    assert all(after >= before - 0.01 for before, after in pairwise(widths))
    if not lost:
        assert all(after >= before for before, after in pairwise(found.gain)), "people come, none leave"
        assert min(found.low) >= 0
    narrow = project(arrived, [lost] * len(arrived), days=60, confidence=confidence - 10)
    assert narrow.gain == found.gain and narrow.high[-1] <= found.high[-1]


def test_q15_the_weekday_pattern_is_found():
    found = project(series(), [0] * 120, days=28, confidence=90, first_weekday=2)
    daily = [after - before for before, after in pairwise([0.0, *found.gain])]
    sundays = [daily[index] for index in range(28) if (120 + index) % 7 == 6]
    assert max(sundays) < 0.2 < 8 < sum(daily) / 28
    # The list of facts begins on Monday, and the first day of the series was a Wednesday.
    assert found.facts["weekdays"][(6 + 2) % 7] == 0.0


def test_q15_a_rising_rate_is_followed_with_restraint():
    flat = project(series(growth=0.0), [0] * 120, days=28, confidence=90).gain[-1]
    rising = project(series(growth=0.02), [0] * 120, days=28, confidence=90)
    assert rising.gain[-1] > 2 * flat
    assert rising.gain[-1] < 28 * 12 * (1 + 0.02 * 150), "not beyond the straight line"


def test_q15_an_import_of_thousands_is_no_rate():
    quiet = series()
    burst = [*quiet]
    burst[100] = 4000
    found = project(burst, [0] * 120, days=28, confidence=90)
    assert found.facts["bursts"] == 1
    assert found.gain[-1] < 1.6 * project(quiet, [0] * 120, days=28, confidence=90).gain[-1]
    lonely = np.array([0.0] * 30 + [7.0] + [0.0] * 30)
    assert list(usual(lonely)) == list(lonely)


def campaign_series(*starts, lift=3, days=200):
    """Twelve a day; in the five days of a campaign and the week after it `lift` times as many."""
    arrived = [12 + day % 3 for day in range(days)]
    for start in starts:
        for day in range(start, min(days, start + 12)):
            arrived[day] *= lift
    return arrived


def test_q15_past_campaigns_are_measured_and_taken_out_of_the_rate():
    """Growth after campaigns: known, they leave the rate as it is; unknown, they are mistaken for a trend."""
    arrived, nobody = campaign_series(190), [0] * 200
    known = project(arrived, nobody, days=28, confidence=90, campaigns=[(190, 194)])
    unknown = project(arrived, nobody, days=28, confidence=90)
    assert known.facts["lifts"] == [pytest.approx(3, abs=0.1)]
    # Two days of after-effect are still to come.
    assert known.gain[-1] == pytest.approx(28 * 13 + 2 * 2 * 13, rel=0.05)
    assert unknown.gain[-1] > 1.5 * known.gain[-1]


def test_q15_planned_campaigns_bring_what_past_ones_have_brought():
    arrived, nobody = campaign_series(60, 120), [0] * 200
    past = [(60, 64), (120, 124)]
    without = project(arrived, nobody, days=40, confidence=90, campaigns=past)
    planned = project(arrived, nobody, days=40, confidence=90, campaigns=[*past, (210, 214)])
    assert planned.facts["lifts"] == [pytest.approx(3, abs=0.1), pytest.approx(3, abs=0.1), None]
    assert planned.gain[9] == without.gain[9], "nothing before it begins"
    more = [after - before for before, after in zip(without.gain, planned.gain, strict=True)]
    assert more[21] == pytest.approx(12 * 13 * 2, rel=0.06) and more[-1] == pytest.approx(more[21], abs=1)
    assert planned.high[-1] - planned.gain[-1] > without.high[-1] - without.gain[-1], "and nobody knows exactly"


def test_q15_without_past_campaigns_a_planned_one_changes_nothing():
    arrived, nobody = campaign_series(), [0] * 200
    planned = project(arrived, nobody, days=40, confidence=90, campaigns=[(210, 214)])
    assert planned.gain == project(arrived, nobody, days=40, confidence=90).gain and planned.facts["lifts"] == [None]
    early = project(campaign_series(3), nobody, days=40, confidence=90, campaigns=[(3, 7), (-40, -30)])
    assert early.facts["lifts"] == [None, None], "nothing is known from before"


def test_q15_losses_are_taken_off():
    arrived = series()
    kept, losing = (project(arrived, [lost] * 120, days=28, confidence=90).gain[-1] for lost in (0, 3))
    assert losing == pytest.approx(kept - 28 * 3, abs=0.01)


def test_q15_it_tells_how_good_it_has_been():
    facts = project(series(days=200), [0] * 200, days=28, confidence=90).facts
    assert facts["tried"] >= 25 and facts["error"] < 0.3 * facts["came"] and 0.75 <= facts["held"] <= 1
    assert facts["days"] == 200 and facts["daily"] == pytest.approx(facts["daily_before"], rel=0.3)


def test_q15_the_same_past_gives_the_same_forecast():
    assert project(series(), [1] * 120, days=90, confidence=90) == project(series(), [1] * 120, days=90, confidence=90)


def test_q15_short_or_empty_histories_are_refused():
    policy = Policy()
    assert rules.enough([1] * 56, policy)
    assert not rules.enough([9] * 55, policy)
    assert not rules.enough([50] * 100 + [0] * 56, policy), "nobody came lately"
    assert not rules.enough([], policy)


def test_q15_on_a_real_retailers_arrivals_it_is_as_good_as_the_best_simple_forecast():
    """The figures of docs/benchmarks.md: `make backtest`."""
    if not backtest.DATA.exists():
        pytest.skip("the retailer's data is not part of the product")
    counts = backtest.curve()
    ours, *simple = (backtest.score(forecast, counts) for forecast in backtest.FORECASTS.values())
    assert ours.mape < min(one.mape for one in simple)
    assert ours.mae < 1.02 * min(one.mae for one in simple)
    assert ours.mae < 0.5 * min(one.mae for one in (simple[0], simple[2])), "those that look at the whole past"
    assert all(0.85 <= share <= 0.97 for share in backtest.coverage(counts, 12).values())


# --- From the growth to a path -------------------------------------------------------------------------------

GAIN, LOW, HIGH = [1.0, 3.0, 6.0, 10.0], [0.0, 1.0, 3.0, 6.0], [2.0, 5.0, 9.0, 14.0]


def walk(served=100, today=TODAY, left=1.0, as_of=TODAY):
    return rules.path(served, today, left, as_of, GAIN, LOW, HIGH)


def test_q15_the_path_starts_from_the_number_served_now():
    assert [(point.day, point.served, point.low, point.high) for point in walk()] == [
        (TODAY, 101, 100, 102),
        (TODAY + DAY, 103, 101, 105),
        (TODAY + 2 * DAY, 106, 103, 109),
        (TODAY + 3 * DAY, 110, 106, 114),
    ]
    assert [point.served for point in walk(left=0.0)] == [100, 102, 105, 109], "in the evening today has come"


def test_q15_a_forecast_of_yesterday_goes_on_from_today_and_an_old_one_ends():
    points = walk(today=TODAY + DAY)
    assert [point.served for point in points] == [102, 105, 109]
    assert [point.high - point.served for point in points] == [1, 2, 3], "as wide as on the same distance"
    assert walk(today=TODAY + 4 * DAY) == [] and walk(today=TODAY - DAY) == []


def test_q15_nobody_is_less_than_nobody():
    points = rules.path(1, TODAY, 1.0, TODAY, [-3.0], [-5.0], [-2.0])
    assert [(point.served, point.low, point.high) for point in points] == [(0, 0, 0)]


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.floats(0, 9), st.floats(0, 3)), min_size=1, max_size=40),
    st.integers(1, 300),
)
def test_q15_the_interval_of_the_day_holds_the_day(served, steps, capacity):
    gain, width, path = 0.0, 0.0, []
    for step, wider in steps:
        gain, width = gain + step, width + wider
        path.append((gain, gain - width, gain + width))
    points = rules.path(served, TODAY, 0.5, TODAY, *(list(numbers) for numbers in zip(*path, strict=True)))
    assert all(point.low <= point.served <= point.high for point in points)
    assert all(after.day - before.day == DAY for before, after in pairwise(points))
    found = rules.fill(served, TODAY, points, lambda day: capacity)
    far = date.max
    assert (found.earliest or far) <= (found.expected or far) <= (found.latest or far)
    if served >= capacity:
        assert found == rules.Fill(TODAY, TODAY, TODAY)


def test_q15_a_package_that_ends_may_fill_the_scale():
    ends = TODAY + 2 * DAY
    found = rules.fill(100, TODAY, walk(), lambda day: 200 if day < ends else 105)
    assert found == rules.Fill(ends, ends, TODAY + 3 * DAY)


# --- The job and the API -------------------------------------------------------------------------------------


@pytest.fixture
def year(enterprise):
    """Two hundred days with three or four new contacts a day."""
    with tenant(enterprise.pk), clock.at(NOON):
        crowd.contacts(factories.super_admin(enterprise), 700, added_at=NOON - DAY)
        execute(
            """
            WITH moved AS (
                UPDATE quota_ledgerentry SET at = at - ((700 - number) * 200 / 700) * interval '1 day'
                WHERE enterprise_id = %(e)s RETURNING contact_id, at
            )
            UPDATE contacts_contact AS contact SET added_at = moved.at - interval '1 day' FROM moved
            WHERE contact.enterprise_id = %(e)s AND contact.id = moved.contact_id
            """,
            {"e": current_enterprise_id()},
        )
        execute(
            "UPDATE quota_ledgerentry SET at = at - interval '1 day' WHERE enterprise_id = %(e)s",
            {"e": current_enterprise_id()},
        )


def night(enterprise, moment=NOON):
    with clock.at(moment):
        with tenant(enterprise.pk):
            run = JobRun.objects.create(name="quota.forecast")
        ended = execute_run(enterprise.pk, run.pk)
    assert ended.state == "done", ended.error
    return ended.result


@pytest.mark.django_db
def test_q15_the_api_tells_past_future_and_the_day_it_fills(api, enterprise, year):
    assert night(enterprise) == {"history": 200, "as_of": "2026-06-15", "days": 200, "enough": True}
    with clock.at(NOON):
        answer = api.get(f"{URL}?days=30").json()
    assert {name: answer[name] for name in ("as_of", "state", "served", "capacity", "full_on", "interval")} == {
        "as_of": "2026-06-15",
        "state": "ready",
        "served": 700,
        "capacity": 2000,
        "full_on": None,
        "interval": None,
    }
    assert len(answer["history"]) == 30 and answer["history"][-1] == {"date": "2026-06-15", "served": 700}
    assert len(answer["forecast"]) == 180 and answer["forecast"][0]["date"] == "2026-06-15"
    last = answer["forecast"][-1]
    assert 700 + 180 * 3 < last["served"] < 700 + 180 * 4 and last["low"] < last["served"] < last["high"]
    assert last["capacity"] == 2000
    # With fewer places it fills: the day is the first on which the path reaches them.
    with tenant(enterprise.pk), clock.at(NOON):
        factories.reset_policy({"free_verified": 1000})
        services.refresh_account(enterprise)
    with clock.at(NOON):
        answer = api.get(URL).json()
    reached = next(point["date"] for point in answer["forecast"] if point["served"] >= 1000)
    assert answer["full_on"] == reached and answer["interval"][0] < reached < answer["interval"][1]


@pytest.mark.django_db
def test_q15_decisions_since_the_night_move_the_start(enterprise, year):
    night(enterprise)
    with tenant(enterprise.pk), clock.at(NOON):
        before = outlook.outlook(enterprise).points
        Account.objects.update(served=300)
        after = outlook.outlook(enterprise).points
    assert {a.served - b.served for a, b in zip(before, after, strict=True)} == {400}


@pytest.mark.django_db
def test_q15_too_few_data_are_said_and_not_guessed_from(api, enterprise):
    with clock.at(NOON):
        answer = api.get(URL).json()
        assert (answer["state"], answer["computed_at"], answer["forecast"]) == ("not_computed", None, [])
    with tenant(enterprise.pk), clock.at(NOON):
        crowd.contacts(factories.super_admin(enterprise), 500, added_at=NOON - 20 * DAY)
    assert night(enterprise) == {"history": 20, "as_of": "2026-06-15", "days": 20, "enough": False}
    with clock.at(NOON):
        answer = api.get(URL).json()
    assert (answer["state"], answer["full_on"], answer["interval"], answer["forecast"]) == (
        "not_enough_data", None, None, []
    )  # fmt: skip
    assert [day["served"] for day in answer["history"]] == [0] * 89 + [500]


@pytest.mark.django_db
@pytest.mark.parametrize("days", ["0", "-3", "x", "2000", "1e3", "٣"])
def test_q15_impossible_numbers_of_days_are_refused(api, enterprise, days):
    answer = api.get(URL, {"days": days})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert api.get(URL, {"day": "3"}).json()["code"] == "unknown_filter"


@pytest.mark.django_db
def test_x2_each_enterprise_has_its_own_forecast(enterprise, other_enterprise, year):
    night(enterprise)
    with clock.at(NOON):
        other = factories.api_client(other_enterprise).get(URL).json()
    assert (other["served"], other["state"], other["computed_at"]) == (0, "not_computed", None)
    assert all(day["served"] == 0 for day in other["history"])
    with tenant(other_enterprise.pk):
        assert not Forecast.objects.exists()


@pytest.mark.django_db
def test_x6_the_same_night_twice_gives_the_same_and_a_late_one_goes_on(enterprise, year):
    night(enterprise)
    with tenant(enterprise.pk):
        first = Forecast.objects.get()
    night(enterprise)
    with tenant(enterprise.pk):
        again = Forecast.objects.get()
        assert (again.gain, again.low, again.high, again.facts) == (first.gain, first.low, first.high, first.facts)
    night(enterprise, NOON + 5 * DAY)
    with tenant(enterprise.pk):
        late = Forecast.objects.get()
        assert (late.as_of, late.facts["days"]) == (TODAY + 5 * DAY, 205)


@pytest.mark.django_db
def test_q15_three_years_cost_as_many_queries_as_a_month(api, enterprise, year):
    night(enterprise)
    counts = []
    with clock.at(NOON):
        api.get(URL)
    for days in (30, 1096):
        with clock.at(NOON), CaptureQueriesContext(connection) as captured:
            assert api.get(f"{URL}?days={days}").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 14


def test_the_web_does_not_load_the_statistics_library():
    """It takes a second and a hundred megabytes, which only the worker that forecasts needs."""
    code = (
        "import django, sys; django.setup(); import scrm.urls, console.urls, quota.tasks, contacts.api.urls;"
        "from jobs import registry; registry.load();"
        "sys.exit(any(name.split('.')[0] in ('statsmodels', 'pandas', 'scipy') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "DJANGO_SETTINGS_MODULE": "scrm.settings"}, check=False
    )
    assert done.returncode == 0
