"""The daily history and the nightly forecast (Q15), made by the job."""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import pytest

from common import clock
from common.sql import execute
from common.tenancy import current_enterprise_id, tenant
from contacts.models import Contact
from contacts.services.contacts import archive_contact
from enterprises.models import Department
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.models import Forecast, HistoryDay, LedgerEntry, TeamDay
from quota.services import keep_history
from tests import crowd, factories
from tests.contacts.bulk import do
from tests.factories import NOON
from tests.parallel import in_parallel

TODAY = date(2026, 6, 15)
DAY = timedelta(days=1)


def run(enterprise, moment=NOON):
    """The job, done at once."""
    with clock.at(moment):
        with tenant(enterprise.pk):
            made = JobRun.objects.create(name="quota.forecast")
        ended = execute_run(enterprise.pk, made.pk)
    assert ended.state == "done", ended.error
    return ended.result


def kept():
    return list(HistoryDay.objects.order_by("day").values_list("day", "served", "arrived", "lost"))


def teams():
    return list(TeamDay.objects.order_by("day", "department_id").values_list("day", "department_id", "served"))


def add_up():
    """The teams of each day add up to the enterprise's row."""
    sums = {day: sum(one[2] for one in ones) for day, ones in groupby(teams(), key=lambda one: one[0])}
    assert {day: served for day, served, _arrived, _lost in kept() if served} == sums


@pytest.fixture
def past(enterprise):
    """Two of the south on the 10th (one archived on the 12th), one of the north on the 12th, one today."""
    with tenant(enterprise.pk):
        south, north = (Department.objects.create(name=name) for name in ("华南", "华北"))
        anna, bob = factories.member("Anna", department=south), factories.member("Bob", department=north)
        with clock.at(NOON - 5 * DAY):
            admin = factories.super_admin(enterprise)
            first = factories.contact(admin, follower=anna)
            factories.contact(admin, follower=anna)
        with clock.at(NOON - 3 * DAY):
            archive_contact(admin, contact=first)
            factories.contact(admin, follower=bob)
        with clock.at(NOON):
            factories.contact(admin, follower=bob)
    return south, north


@pytest.mark.django_db
def test_q15_the_first_run_writes_the_whole_past(enterprise, past):
    south, north = past
    assert run(enterprise)["history"] == 5
    with tenant(enterprise.pk):
        assert kept() == [
            (TODAY - 5 * DAY, 2, 2, 0),
            (TODAY - 4 * DAY, 2, 0, 0),
            (TODAY - 3 * DAY, 2, 1, 0),
            (TODAY - 2 * DAY, 2, 0, 0),
            (TODAY - 1 * DAY, 2, 0, 0),
        ]
        by_day = {}
        for day, department, served in teams():
            by_day.setdefault(day, {})[department] = served
        assert by_day[TODAY - 5 * DAY] == {south.pk: 2}
        assert by_day[TODAY - 3 * DAY] == by_day[TODAY - DAY] == {south.pk: 1, north.pk: 1}
        add_up()


@pytest.mark.django_db
def test_x6_a_second_run_and_a_late_one_change_nothing_that_stands(enterprise, past):
    _south, north = past
    run(enterprise)
    with tenant(enterprise.pk):
        before = kept(), teams()
    assert run(enterprise)["history"] == 0
    with tenant(enterprise.pk):
        assert (kept(), teams()) == before
        # Bob's people go to the south's Anna: days that were written stay the north's.
        Contact.objects.filter(owner__name="Bob").update(
            owner_id=Contact.objects.filter(owner__name="Anna")[0].owner_id
        )
    assert run(enterprise, NOON + 3 * DAY)["history"] == 3
    with tenant(enterprise.pk):
        assert (kept()[:5], [one for one in teams() if one[0] < TODAY]) == before
        assert kept()[5:] == [(TODAY, 3, 1, 0), (TODAY + DAY, 3, 0, 0), (TODAY + 2 * DAY, 3, 0, 0)]
        assert {one[1] for one in teams() if one[0] >= TODAY}.isdisjoint({north.pk})
        add_up()


@pytest.mark.django_db
def test_q15_an_import_brings_people_who_came_before_the_first_day(enterprise, past):
    run(enterprise)
    with tenant(enterprise.pk), clock.at(NOON):
        crowd.contacts(factories.super_admin(enterprise), 7, added_at=NOON - 30 * DAY)
    assert run(enterprise, NOON + DAY)["history"] == 25 + 1
    with tenant(enterprise.pk):
        rows = kept()
        assert rows[0] == (TODAY - 30 * DAY, 0, 7, 0) and rows[-1] == (TODAY, 10, 1, 0)
        assert len(rows) == 31 and rows[25][:2] == (TODAY - 5 * DAY, 2)
        add_up()


@pytest.mark.django_db
def test_q15_a_deleted_contact_has_come_all_the_same(enterprise, past):
    run(enterprise)
    with tenant(enterprise.pk):
        gone = Contact.objects.get(status="archived").pk
    assert do(enterprise, "delete", ids=[gone], params={"count": 1}).result["done"] == 1
    run(enterprise, NOON + DAY)
    with tenant(enterprise.pk):
        assert kept()[0] == (TODAY - 5 * DAY, 2, 2, 0)


@pytest.mark.django_db
def test_q15_days_are_those_of_the_enterprise(enterprise):
    with tenant(enterprise.pk), clock.at(datetime(2026, 6, 10, 16, 30, tzinfo=UTC)):  # the 11th in Shanghai
        factories.contact(factories.super_admin(enterprise))
    run(enterprise)
    with tenant(enterprise.pk):
        assert kept()[0] == (date(2026, 6, 11), 1, 1, 0)


@pytest.mark.django_db
def test_q15_history_is_as_the_ledger_says(enterprise, past):
    run(enterprise)
    with tenant(enterprise.pk):
        for day, served, _arrived, _lost in kept():
            end = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
            assert served == sum(LedgerEntry.objects.filter(at__lt=end).values_list("delta", flat=True))


@pytest.mark.django_db
def test_q15_without_contacts_there_is_no_history_and_no_forecast(enterprise):
    assert run(enterprise) == {"history": 0, "as_of": "2026-06-15", "days": 0, "enough": False}
    with tenant(enterprise.pk):
        assert Forecast.objects.get().gain == [] and not HistoryDay.objects.exists()


def test_x6_nights_that_overlap_write_each_day_once(committed_db):
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        crowd.contacts(factories.super_admin(enterprise), 60, added_at=NOON - 40 * DAY)
        execute(
            "UPDATE quota_ledgerentry SET at = at - number * interval '12 hours' WHERE enterprise_id = %(e)s",
            {"e": current_enterprise_id()},
        )

    def night():
        with clock.at(clock.real()), tenant(enterprise.pk):
            return keep_history(enterprise)

    made = in_parallel([night] * 6)
    assert sorted(made)[:5] == [0] * 5 and max(made) > 0
    with tenant(enterprise.pk):
        assert HistoryDay.objects.count() == max(made)
        add_up()


@pytest.mark.django_db
def test_q15_the_api_tells_the_teams_day_by_day_to_those_who_see_all(enterprise, other_enterprise, past):
    south, north = past
    run(enterprise)
    url = "/api/v1/quota/history/teams?days=4"
    with clock.at(NOON):
        answer = factories.api_client(enterprise).get(url).json()["results"]
        assert factories.api_client(other_enterprise).get(url).json() == {"results": []}
        with tenant(enterprise.pk):
            graded = factories.member(role="graded_admin", ranges=[south])
        assert factories.api_client(enterprise, graded).get(url).json()["code"] == "whole_enterprise_only"
    days = [str(TODAY - back * DAY) for back in (4, 3, 2, 1)]
    expected = {
        (str(south.pk), "华南"): [
            {"date": day, "served": served} for day, served in zip(days, (2, 1, 1, 1), strict=True)
        ],
        (str(north.pk), "华北"): [{"date": day, "served": 1} for day in days[1:]],
    }
    assert {(team["department"], team["name"]): team["history"] for team in answer} == expected
