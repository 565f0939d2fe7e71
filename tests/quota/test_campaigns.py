"""Campaigns (Q15): written down by those who manage the scale; the forecast follows."""

from datetime import date, timedelta

import pytest

from common import clock
from common.tenancy import tenant
from enterprises.models import AuditEntry
from jobs.models import JobRun
from quota.models import Campaign
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

URL = "/api/v1/quota/campaigns"
JSON = "application/json"
TODAY = date(2026, 6, 15)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _noon():
    with clock.at(NOON):
        yield


def body(**changes):
    return {"name": "618", "starts_on": "2026-06-16", "ends_on": "2026-06-18", **changes}


def test_q15_a_campaign_is_noted_listed_and_forgotten_and_the_forecast_follows(api, enterprise):
    made = api.post(URL, body(), content_type=JSON)
    assert made.status_code == 201
    assert api.get(URL).json()["results"] == [body(id=made.json()["id"])]
    with tenant(enterprise.pk):
        assert JobRun.objects.get().name == "quota.forecast"
    assert api.delete(f"{URL}/{made.json()['id']}").status_code == 204
    assert api.get(URL).json()["results"] == []
    with tenant(enterprise.pk):
        assert JobRun.objects.count() == 2
        actions = AuditEntry.objects.filter(action__startswith="campaign.").order_by("at", "id")
        assert [entry.action for entry in actions] == ["campaign.added", "campaign.deleted"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"ends_on": "2026-06-15"}, "ends_on"),
        ({"ends_on": "2026-08-15"}, "ends_on"),
        ({"starts_on": "2020-01-01", "ends_on": "2020-01-02"}, "starts_on"),
        ({"starts_on": "2030-01-01", "ends_on": "2030-01-02"}, "starts_on"),
        ({"starts_on": "soon"}, "starts_on"),
    ],
)
def test_q15_impossible_campaigns_are_refused(api, enterprise, changes, field):
    answer = api.post(URL, body(**changes), content_type=JSON)
    assert answer.status_code == 400 and field in answer.json()["errors"]
    with tenant(enterprise.pk):
        assert not Campaign.objects.exists() and not JobRun.objects.exists()


def test_x2_campaigns_of_others_do_not_exist(api, other_enterprise):
    theirs = factories.api_client(other_enterprise).post(URL, body(), content_type=JSON).json()["id"]
    missing = api.delete(f"{URL}/01a21460-9405-73c0-8186-aff80f6ed32a")
    answer = api.delete(f"{URL}/{theirs}")
    found = [(one.status_code, one.json()["code"]) for one in (answer, missing)]
    assert found == [(404, "not_found")] * 2
    assert api.get(URL).json()["results"] == []
    with tenant(other_enterprise.pk):
        assert Campaign.objects.count() == 1


def test_q15_the_page_notes_and_forgets_them(client, enterprise):
    with tenant(enterprise.pk):
        client.force_login(factories.super_admin(enterprise).member.user)
    url = f"/e/{enterprise.code}/scale/forecast/"
    assert client.post(url, body()).status_code == 302
    assert "618" in client.get(url).content.decode()
    refused = client.post(url, body(name="双十一", ends_on="2026-06-01"))
    assert refused.status_code == 400 and "双十一" in refused.content.decode()
    with tenant(enterprise.pk):
        pk = Campaign.objects.get().pk
    assert client.post(f"{url}campaigns/{pk}/delete/").status_code == 302
    with tenant(enterprise.pk):
        assert not Campaign.objects.exists()
