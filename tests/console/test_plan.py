"""The plan's page (Q16): three cards, the list with reasons, one click, undo."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import clock
from common.middleware import LANGUAGE_COOKIE
from common.tenancy import tenant
from contacts.models import Contact
from contacts.plan import reading
from enterprises.services import GRADED_ADMIN
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.services import refresh_account
from tests import crowd, factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon():
    with clock.at(NOON):
        yield


@pytest.fixture
def admin(client, enterprise):
    with tenant(enterprise.pk):
        client.force_login(factories.super_admin(enterprise).member.user)
    client.cookies[LANGUAGE_COOKIE] = "en"
    return client


@pytest.fixture
def url(enterprise):
    return f"/e/{enterprise.code}/scale/plan/"


@pytest.fixture
def full(enterprise):
    """Sixty contacts and room for five: fifty-five must go, or a package is bought."""
    with tenant(enterprise.pk):
        ids = crowd.contacts(factories.super_admin(enterprise), 60)
        Contact.objects.filter(pk=ids[7]).update(spend_365d=Decimal("1234.50"), last_customer_at=NOON, grade="middle")
        factories.reset_policy({"free_unverified": 5, "free_verified": 5})
        refresh_account(enterprise)
    return ids


def text(answer, status=200):
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_q16_three_cards_and_the_list_with_reasons(admin, url, full):
    page = text(admin.get(url))
    assert "60 are served now, the scale is 5. Reckoned for 60 places. 60 could be archived" in page
    assert "<dt>People archived</dt><dd>55</dd>" in page and "Archive 55…" in page
    assert "No smaller tier comes into question." in page and "¥500.00" in page
    assert "55 to archive for a scale of 5" in page and "Rows 1 to 50 of 55" in page
    assert page.count("Nothing spent and nothing heard in 365 days.") == 50
    second = text(admin.get(f"{url}?count=55&page=2"))
    assert "Rows 51 to 55 of 55" in second and second.count("Nothing spent and nothing heard") == 5
    for nonsense in ("?count=7", "?page=-1", "?page=999999999999", "?count=x&basis=y"):
        assert "55 to archive" in text(admin.get(url + nonsense))


def test_q16_one_click_archives_and_the_page_offers_undo(admin, url, enterprise, full):
    answer = admin.post(url, {"count": "55", "with_follow_ups": "false"})
    with tenant(enterprise.pk):
        run = JobRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/e/{enterprise.code}/jobs/{run.pk}/")
    execute_run(enterprise.pk, run.pk)
    with tenant(enterprise.pk):
        assert Contact.objects.filter(status="active").count() == 5
        assert Contact.objects.get(pk=full[7]).status == "active", "the one who buys stays"
    page = text(admin.get(url))
    assert "Everybody fits the free scale." in page and f"/jobs/{run.pk}/undo/" in page and ">55<" in page


@pytest.mark.parametrize("count", ["0", "-1", "x", "", "61", "99999999999"])
def test_q16_nonsense_is_refused_and_nothing_happens(admin, url, enterprise, full, count):
    assert admin.post(url, {"count": count}).status_code == 302
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


def test_o5_graded_admins_and_staff_have_no_plan(client, url, enterprise, full):
    for role in (GRADED_ADMIN, "staff"):
        with tenant(enterprise.pk):
            client.force_login(factories.member(role=role).user)
        page = text(client.get(url), 403)
        assert "People archived" not in page and "60 are served" not in page
        assert client.post(url, {"count": "1"}).status_code == 302
        assert f'href="{url}"' not in text(client.get(f"/e/{enterprise.code}/scale/"))
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


def test_q16_a_large_enterprises_page_comes_at_once_and_the_plan_follows(admin, url, full, monkeypatch):
    monkeypatch.setattr(reading, "LIVE", 10)
    page = text(admin.get(url))
    assert "takes some seconds" in page and 'hx-trigger="load"' in page and "People archived" not in page
    fragment = text(admin.get(url, headers={"HX-Request": "true"}))
    assert "People archived" in fragment and "<html" not in fragment
    assert "People archived" in text(admin.get(url)), "kept for some minutes"


def test_q16_the_overview_fetches_the_three_cards(admin, client, url, enterprise, full):
    overview = text(admin.get(f"/e/{enterprise.code}/scale/"))
    assert f'hx-get="{url}?cards"' in overview and "People archived" not in overview
    cards = text(admin.get(f"{url}?cards", headers={"HX-Request": "true"}))
    assert "People archived" in cards and "Archive 55…" in cards and "55 to archive for a scale" not in cards
    assert 'id="carry-out-archive"' in cards and "<html" not in cards
    with tenant(enterprise.pk):
        client.force_login(factories.member().user)
    assert f'hx-get="{url}?cards"' not in text(client.get(f"/e/{enterprise.code}/scale/"))


def test_q16_a_plan_for_the_forecast_needs_one(admin, url, full):
    assert "There is no forecast to plan for yet." in text(admin.get(f"{url}?basis=forecast"))


def test_the_page_costs_the_same_with_more_rows(admin, url, enterprise, full):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            text(admin.get(url))
        return len([one for one in captured if "SAVEPOINT" not in one["sql"] and not one["sql"].endswith("_id = ''")])

    cost()
    before = cost()
    with tenant(enterprise.pk):
        crowd.contacts(factories.super_admin(enterprise), 30, prefix="more")
    assert cost() == before <= 15
