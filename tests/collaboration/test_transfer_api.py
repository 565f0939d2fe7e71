"""Hand-over through REST and console: shapes, refusals, numbers of queries (O6, O7, O8, X1)."""

import re
import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext

from collaboration.models import InheritanceRule, Transfer
from collaboration.services import transfers
from contacts.models import Contact
from enterprises.services.members import resign_member
from quota.services import refresh_account
from tests import crowd, factories

pytestmark = pytest.mark.django_db


def customers(firm, count, owner=None):
    actor = factories.acting(firm.enterprise, owner or firm.lea)
    return [factories.contact(actor, name=f"客户{number}") for number in range(count)]


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


def body(firm, *takers, **more):
    return {"member": firm.lea.pk, "plan": {"parts": [{"takers": [taker.pk for taker in takers]}]}, **more}


def test_x1_o6_a_resignation_from_start_to_end(firm, scene, work, api):
    with scene():
        mine = customers(firm, 2)
    post(api, f"members/{firm.lea.pk}/resign", {})
    [leaver] = api.get("/api/v1/transfers/pool").json()["results"]
    assert (leaver["member"]["name"], leaver["contacts"], leaver["department"]["name"]) == ("Lea", 2, "深圳")
    seen = post(api, "transfers/preview", body(firm, firm.ann, firm.bob)).json()
    assert (seen["total"], seen["ready"], [one["contacts"] for one in seen["shares"]]) == (2, 2, [1, 1])
    made = post(api, "transfers", body(firm, firm.ann, firm.bob))
    assert made.status_code == 201
    transfer = made.json()
    assert (transfer["kind"], transfer["contacts"], transfer["finished_at"]) == ("resigned", {"waiting": 2}, None)
    work()
    found = api.get(f"/api/v1/transfers/{transfer['id']}").json()
    assert found["contacts"] == {"done": 2} and found["finished_at"]
    items = api.get(f"/api/v1/transfers/{transfer['id']}/items?state=done").json()["results"]
    assert {item["contact"]["id"] for item in items} == {str(one.pk) for one in mine}
    assert {item["taker"]["name"] for item in items} == {"Ann", "Bob"}
    assert api.get("/api/v1/transfers?finished=true&kind=resigned").json()["results"][0]["id"] == transfer["id"]
    assert api.get("/api/v1/transfers?finished=false").json()["results"] == []
    assert api.get("/api/v1/transfers/pool").json() == {"results": []}


def test_x1_o8_the_items_of_a_hand_over_are_walked_to_the_end(firm, scene, work, api):
    with scene():
        mine = customers(firm, 5)
    post(api, f"members/{firm.lea.pk}/resign", {})
    transfer = post(api, "transfers", body(firm, firm.ann)).json()["id"]
    work()
    found, url = [], f"/api/v1/transfers/{transfer}/items?page_size=2"
    while url:
        page = api.get(url).json()
        found += [item["contact"]["id"] for item in page["results"]]
        url = page["next"]
    assert len(found) == 5 and set(found) == {str(one.pk) for one in mine}


def test_o7_declining_and_trying_again(firm, scene, work, api):
    with scene():
        customers(firm, 1)
    transfer = post(api, "transfers", body(firm, firm.ann, message="您好")).json()["id"]
    work()
    [item] = api.get(f"/api/v1/transfers/{transfer}/items").json()["results"]
    assert item["state"] == "waiting" and item["due_at"] == "2026-06-16T04:00:00Z"
    report = {"results": [{"item": item["id"], "state": "refused"}]}
    assert post(api, f"transfers/{transfer}/results", report).json() == {"recorded": 1}
    assert post(api, f"transfers/{transfer}/results", report).json() == {"recorded": 0}
    [item] = api.get(f"/api/v1/transfers/{transfer}/items").json()["results"]
    assert (item["state"], item["detail"]) == ("refused", "The contact declined.")
    again = post(api, f"transfers/{transfer}/retry", {"taker": firm.bob.pk})
    assert again.json()["contacts"] == {"waiting": 1}
    assert post(api, f"transfers/{transfer}/cancel", {}).json()["contacts"] == {"failed": 1}
    refused = post(api, f"transfers/{transfer}/cancel", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_waiting")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"plan": {"parts": []}}, "plan"),
        ({"plan": {"parts": [{"takers": []}]}}, "takers"),
        ({"member": "019a0000-0000-7000-8000-000000000000"}, "member"),
        ({"message": "x" * 201}, "message"),
        ({"ids": []}, "ids"),
        ({"plan": {"parts": [{"tag": "019a0000-0000-7000-8000-000000000000"}]}}, "takers"),
    ],
)
def test_o6_bad_orders_name_the_field_and_change_nothing(firm, scene, api, change, field):
    with scene():
        customers(firm, 1)
    answer = post(api, "transfers", body(firm, firm.ann) | change)
    assert answer.status_code == 400 and (field in answer.json()["errors"] or field == "plan")
    with scene():
        assert not Transfer.objects.exists()


def test_o4_o5_graded_admins_see_and_save_what_is_theirs(firm, scene, work):
    with scene() as admin:
        customers(firm, 1)
        customers(firm, 1, owner=firm.nora)
        plan = {"parts": [{"takers": [str(firm.ann.pk)]}]}
        theirs = transfers.order(admin, member=firm.nora, plan=plan)
        ours = transfers.order(admin, member=firm.lea, plan=plan)
        transfers.save_rule(admin, department=None, plan=plan)
    graded = factories.api_client(firm.enterprise, firm.graded)
    assert [one["id"] for one in graded.get("/api/v1/transfers").json()["results"]] == [str(ours.pk)]
    assert graded.get(f"/api/v1/transfers/{theirs.pk}").status_code == 404
    assert graded.get(f"/api/v1/transfers/{theirs.pk}/items").status_code == 404
    assert graded.get("/api/v1/transfers/rules").json() == {"results": []}
    saved = post(graded, "transfers/rules", {"department": firm.south.pk, "plan": plan})
    assert saved.status_code == 200 and saved.json()["department"]["name"] == "华南"
    elsewhere = post(graded, "transfers/rules", {"department": firm.north.pk, "plan": plan})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "out_of_range")
    assert graded.delete(f"/api/v1/transfers/rules/{saved.json()['id']}").status_code == 204
    with scene():
        assert InheritanceRule.objects.count() == 1


def test_o6_console_plans_and_orders(firm, scene, work, browser):
    with scene() as admin:
        customers(firm, 3)
        resign_member(admin, member=firm.lea)
    home = f"/e/{firm.enterprise.code}/transfers/"
    page = browser.get(home).content.decode()
    assert "Lea" in page and f"plan/?member={firm.lea.pk}" in page
    address = f"{home}plan/?member={firm.lea.pk}"
    for how, field in (("one", "taker"), ("grade", "taker_high"), ("tag", "tag_1"), ("department", "department")):
        assert f'name="{field}"' in browser.get(f"{address}&how={how}").content.decode()
    chosen = f"{address}&how=even&takers={firm.ann.pk}&takers={firm.bob.pk}&groups=on"
    shown = browser.get(chosen).content.decode()
    assert re.search(r"Ann.*2.*Bob.*1", shown, re.S)
    answer = browser.post(address, {"how": "even", "takers": [firm.ann.pk, firm.bob.pk], "groups": "on"})
    assert answer.status_code == 302
    work()
    page = browser.get(answer["Location"]).content.decode()
    assert 'data-transfer="done"' in page and "After leaving" in page
    with scene():
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.ann.pk, firm.bob.pk}
    assert "Nothing waits for a successor" in browser.get(home).content.decode()
    assert "Lea" in browser.get(f"{home}?tab=finished").content.decode()


def test_o6_console_form_keeps_what_was_wrong(firm, scene, browser):
    with scene():
        customers(firm, 1)
    address = f"/e/{firm.enterprise.code}/transfers/plan/?member={firm.lea.pk}"
    answer = browser.post(address, {"how": "one", "taker": ""})
    assert answer.status_code == 400 and b"is-invalid" in answer.content
    with scene():
        assert not Transfer.objects.exists()


def test_o7_console_declines_and_tries_again(firm, scene, work, browser):
    with scene() as admin:
        customers(firm, 2)
        plan = {"parts": [{"takers": [str(firm.ann.pk)]}]}
        transfer = transfers.order(admin, member=firm.lea, plan=plan)
    work()
    home = f"/e/{firm.enterprise.code}/transfers/{transfer.pk}/"
    with scene():
        item = transfer.items.order_by("id").first()
    assert browser.post(f"{home}decline/", {"item": item.pk}).status_code == 302
    assert 'data-transfer="refused"' in browser.get(f"{home}?state=refused").content.decode()
    assert browser.post(home, {"taker": firm.bob.pk}).status_code == 302
    with scene():
        item.refresh_from_db()
        assert (item.state, item.taker_id, item.attempt) == ("waiting", firm.bob.pk, 2)
    assert browser.post(f"{home}cancel/").status_code == 302


@pytest.mark.parametrize("path", ["transfers", "transfers/{}/items", "transfers/pool"])
def test_lists_cost_the_same_with_one_and_three_rows(firm, scene, api, path):
    counts = []
    api.get("/api/v1/me")  # the first call notes that the token was used
    for number in (1, 3):
        with scene() as admin:
            givers = [factories.member(f"G{number}{one}", department=firm.south) for one in range(number)]
            for giver in givers:
                customers(firm, number, owner=giver)
                plan = {"parts": [{"takers": [str(firm.ann.pk)]}]}
                transfer = transfers.order(admin, member=giver, plan=plan)
                if path.endswith("pool"):
                    resign_member(admin, member=giver)
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(f"/api/v1/{path.format(transfer.pk)}")
        assert answer.status_code == 200 and len(answer.json()["results"]) >= number
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_x4_the_statements_of_a_batch_do_not_depend_on_its_size(firm, scene, work):
    counts = []
    for number in (5, 95):
        with scene() as admin:
            crowd.contacts(admin, number, prefix=f"c{number}", owner=firm.lea, follower=firm.lea)
            plan = {"parts": [{"takers": [str(firm.ann.pk)]}]}
            with CaptureQueriesContext(connection) as queries:
                transfers.order(admin, member=firm.lea, plan=plan)
        ordered = len(queries)
        with CaptureQueriesContext(connection) as queries:
            [run] = work()
        assert run.state == "done"
        with CaptureQueriesContext(connection) as settled:
            with scene(at=factories.NOON + timedelta(days=1)) as admin:
                assert transfers.settle_due(admin) == number
        counts.append((ordered, len(queries), len(settled)))
    assert counts[0] == counts[1]


def test_x4_5_000_contacts_with_progress_and_flat_memory(firm, scene, work):
    with scene() as admin:
        factories.reset_policy({"taker_limit": 100_000, "free_verified": 100_000})
        refresh_account(firm.enterprise)
        crowd.contacts(admin, 5_000, owner=firm.lea, follower=firm.lea)
        resign_member(admin, member=firm.lea)
        plan = {"parts": [{"takers": [str(firm.ann.pk), str(firm.bob.pk)]}]}
        tracemalloc.start()
        transfer = transfers.order(admin, member=firm.lea, plan=plan)
    [run] = work()
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (run.state, run.done, run.total) == ("done", 5_000, 5_000)
    assert peak < 4_000_000
    with scene():
        transfer.refresh_from_db()
        assert (transfer.batches, transfer.contacts) == (50, {"done": 5_000})
        owned = Contact.objects.values_list("owner_id").annotate(number=Count("*")).order_by()
        assert dict(owned) == {firm.ann.pk: 2_500, firm.bob.pk: 2_500}
