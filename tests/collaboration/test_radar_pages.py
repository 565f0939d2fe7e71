"""Radar and team board in console and REST: shapes, numbers of queries, one click (O9, O10, X1)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from collaboration.models import Duplicate
from collaboration.services import duplicates
from collaboration.services.board import count_days
from common import clock
from contacts.models import Contact, Follow
from contacts.services.relations import add_follow
from tests import factories

pytestmark = pytest.mark.django_db


def share(firm, scene, count):
    """Contacts of Lea that Ann follows as well."""
    with scene(firm.lea) as lea:
        contacts = [factories.contact(lea, name=f"客户{number}") for number in range(count)]
    with scene(at=factories.NOON + timedelta(minutes=1)) as admin:
        for contact in contacts:
            add_follow(admin, contact=contact, member=firm.ann)
        duplicates.radar()
    return contacts


@pytest.fixture
def api(firm):
    return factories.api_client(firm.enterprise)


@pytest.fixture
def browser(firm, scene):
    with scene() as admin:
        user = admin.member.user
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    client.cookies["language"] = "en"
    return client


def post(client, path, body):
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def test_x1_o9_settle_and_undo_by_rest(firm, scene, api, work):
    [contact] = share(firm, scene, 1)
    [found] = api.get("/api/v1/duplicates").json()["results"]
    assert (found["contact"]["id"], found["present_owner"]["name"], found["suggested"]["name"]) == (
        str(contact.pk),
        "Lea",
        "Lea",
    )
    assert [one["member"]["name"] for one in found["followers"]] == ["Lea", "Ann"]
    answer = post(api, f"duplicates/{found['id']}/settle", {"owner": firm.ann.pk, "others": "end"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["owner"]["name"]) == ("settled", "Ann")
    again = post(api, f"duplicates/{found['id']}/settle", {"owner": firm.lea.pk})
    assert (again.status_code, again.json()["code"]) == (409, "already_settled")
    assert api.get("/api/v1/duplicates").json()["results"] == []
    assert len(api.get("/api/v1/duplicates?state=settled").json()["results"]) == 1
    assert post(api, f"duplicates/{found['id']}/undo", {}).json()["state"] == "open"
    with scene():
        assert Contact.objects.get().owner_id == firm.lea.pk
        assert Follow.objects.filter(state="active").count() == 2
    assert post(api, "duplicates/settle", {"by": "x"}).status_code == 400
    assert post(api, "duplicates/settle", {"by": "last"}).status_code == 202
    assert post(api, "duplicates/look", {}).status_code == 202
    assert {run.state for run in work()} == {"done"}
    assert api.get("/api/v1/duplicates?state=x").status_code == 400


def test_o9_console_one_click_and_undo(firm, scene, browser, work):
    share(firm, scene, 2)
    home = f"/e/{firm.enterprise.code}/radar/"
    page = browser.get(home).content.decode()
    assert page.count(">first</span>") == 2 and ">in touch last</span>" not in page
    with scene():
        row = Duplicate.objects.order_by("id").first()
    assert browser.post(f"{home}{row.pk}/settle/", {"owner": firm.ann.pk, "others": "keep"}).status_code == 302
    with scene():
        assert Contact.objects.get(pk=row.contact_id).owner_id == firm.ann.pk
    assert "Undo" in browser.get(f"{home}?state=settled").content.decode()
    assert browser.post(f"{home}{row.pk}/undo/").status_code == 302
    assert browser.post(home, {"by": "last", "others": "keep"}).status_code == 302
    assert [run.result for run in work()] == [{"done": 2}]


def test_o10_console_shows_teams_members_and_one_member(firm, scene, browser):
    share(firm, scene, 1)
    with scene() as admin:
        count_days(admin.enterprise)
    home = f"/e/{firm.enterprise.code}/team-board/"
    with clock.at(factories.NOON):
        page = browser.get(f"{home}?days=7").content.decode()
        one = browser.get(f"{home}?member={firm.lea.pk}").content.decode()
    assert "华南" in page and "Lea" in page and f"owner={firm.lea.pk}" in page
    assert "Lea" in one and "Ann" not in one
    file = browser.get(f"{home}?format=csv")
    assert file["Content-Type"].startswith("text/csv") and "Lea" in file.content.decode("utf-8-sig")
    assert browser.get(f"{home}?member=x").status_code == 400


@pytest.mark.parametrize("path", ["duplicates", "team-board"])
def test_lists_cost_the_same_with_one_and_three_rows(firm, scene, api, path):
    counts = []
    api.get("/api/v1/me")
    for number in (1, 3):
        share(firm, scene, number)
        for _one in range(number):
            with scene():
                factories.member(department=firm.south)
        with scene() as admin:
            count_days(admin.enterprise)
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"/api/v1/{path}").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
