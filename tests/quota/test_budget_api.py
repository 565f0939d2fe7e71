"""REST of team budgets (Q12): shapes, who sees which, refusals."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.ids import uuid7
from common.tenancy import tenant
from enterprises.services import GRADED_ADMIN
from quota import budget_api, services
from quota.models import Budget
from tests import factories
from tests.quota.teams import budget, tree

pytestmark = pytest.mark.django_db
URL = "/api/v1/quota/budgets"


@pytest.fixture
def team(enterprise):
    with tenant(enterprise.pk):
        team = tree(enterprise)
        budget(team.admin, team.south, 60)
        budget(team.admin, team.shenzhen, 20)
        budget(team.admin, team.north, 30)
        for actor in (team.as_sam, team.as_sue, team.as_ned):
            factories.contact(actor)
        team.client = factories.api_client
    return team


@pytest.fixture
def client(enterprise, team):
    return factories.api_client(enterprise)


def post(client, path, **body):
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def test_q12_the_tree_with_how_it_stands(client, team):
    body = client.get(URL).json()
    assert {key: body[key] for key in ("capacity", "served", "allocated", "unassigned", "over_committed")} == {
        "capacity": 2000,
        "served": 3,
        "allocated": 90,
        "unassigned": 1910,
        "over_committed": 0,
    }
    assert body["reserve"] == {"places": 0, "departments": [], "sources": []}
    rows = {row["department"]["name"]: row for row in body["results"]}
    assert list(rows) == ["华北", "华南", "深圳"]  # those inside follow what they lie in
    assert set(rows["深圳"]) == set(budget_api.BudgetShape().fields)
    assert {name: (row["places"], row["served"], row["room"], row["allocated"]) for name, row in rows.items()} == {
        "华北": (30, 1, 29, 0),
        "华南": (60, 2, 58, 20),
        "深圳": (20, 1, 19, 0),
    }
    assert rows["深圳"]["parent"] == rows["华南"]["id"] and rows["华南"]["parent"] is None


def test_q12_setting_changing_and_removing(client, team):
    made = post(client, "quota/budgets", department=str(team.canton.pk), places=10)
    assert made.status_code == 201 and made["ETag"] == '"1"'
    one = f"{URL}/{made.json()['id']}"
    changed = client.patch(one, {"places": 40}, content_type="application/json", headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["places"]) == (200, 40)
    stale = client.patch(one, {"places": 5}, content_type="application/json", headers={"If-Match": '"1"'})
    assert (stale.status_code, client.get(one).json()["places"]) == (412, 40)
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"places": 41}, 409, "budget_too_large"),
        ({"places": -1}, 400, "invalid"),
        ({"places": 10**9}, 400, "invalid"),
        ({"places": "many"}, 400, "invalid"),
        ({}, 400, "invalid"),
        ({"places": 1, "department": "nonsense"}, 400, "invalid"),
        ({"places": 1, "department": str(uuid7())}, 400, "invalid"),
        ({"places": 1, "colour": "red"}, 400, "invalid"),
    ],
)
def test_q12_bad_input_is_refused_and_changes_nothing(client, team, enterprise, body, status, code):
    answer = post(client, "quota/budgets", **{"department": str(team.canton.pk), **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    with tenant(enterprise.pk):
        assert Budget.objects.count() == 3


def test_q12_o5_everybody_sees_their_own_teams(enterprise, team):
    with tenant(enterprise.pk):
        graded = factories.member(role=GRADED_ADMIN, department=team.north, ranges=[team.south])
        alone = factories.member()
    expected = {team.sam: ["华南", "深圳"], team.ned: ["华北"], graded: ["华北", "华南", "深圳"], alone: []}
    for member, seen in expected.items():
        body = factories.api_client(enterprise, member).get(URL).json()
        assert [row["department"]["name"] for row in body["results"]] == seen


def test_q12_an_addition_that_finds_the_team_full(enterprise, team):
    with tenant(enterprise.pk):
        services.resize_budget(team.admin, budget=Budget.objects.get(department=team.north), places=1)
    client = factories.api_client(enterprise, team.ned)
    answer = post(client, "contacts", external_userid="wm-new", name="新")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "budget_exceeded")
    assert problem["detail"] == "The budget of “华北” has no room: 1 of 1 places are taken, 1 more are needed."
    assert problem["department"]["name"] == "华北" and problem["remedies"][0] == {"kind": "archive", "count": 1}


def test_q12_the_reserve(client, team):
    body = {"places": 5, "departments": [str(team.south.pk)], "sources": ["展会"]}
    answer = client.put("/api/v1/quota/reserve", body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json() == {
        "places": 5,
        "departments": [{"id": str(team.south.pk), "name": "华南"}],
        "sources": ["展会"],
    }
    assert client.get("/api/v1/quota/reserve").json() == answer.json()
    too_much = client.put("/api/v1/quota/reserve", {"places": 2001}, content_type="application/json")
    assert (too_much.status_code, too_much.json()["code"]) == (409, "reserve_too_large")


def test_q12_borrowing(client, enterprise, team):
    with tenant(enterprise.pk):
        borrower, lender = (Budget.objects.get(department=one) for one in (team.south, team.north))
        inner = Budget.objects.get(department=team.shenzhen)
    asked = post(client, "quota/loans", borrower=str(borrower.pk), lender=str(lender.pk), places=9, reason="展会")
    assert asked.status_code == 201 and set(asked.json()) == set(budget_api.LoanShape().fields)
    loan = f"quota/loans/{asked.json()['id']}"
    assert post(client, f"{loan}/approve", answer="好").json()["state"] == "approved"
    assert client.get(f"{URL}/{borrower.pk}").json()["places"] == 69
    assert post(client, f"{loan}/refuse").json()["code"] == "not_open"
    assert post(client, f"{loan}/return").json()["state"] == "returned"
    assert [one["id"] for one in client.get("/api/v1/quota/loans").json()["results"]] == [asked.json()["id"]]
    outside = post(client, "quota/loans", borrower=str(inner.pk), lender=str(lender.pk), places=1)
    assert outside.status_code == 400 and "lender" in outside.json()["errors"]


def test_q12_the_number_of_queries_does_not_grow(client, team, enterprise):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(URL).status_code == 200
        return len(captured)

    queries()
    before = queries()
    with tenant(enterprise.pk):
        budget(team.admin, team.canton, 5)
    assert queries() == before <= 12
