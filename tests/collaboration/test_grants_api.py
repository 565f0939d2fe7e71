"""REST of collaborators: from the invitation to the end; shapes; what lists cost (O1-O3, O5, X1)."""

from datetime import timedelta

import pytest

from collaboration.services import grants
from common import clock
from common.tenancy import tenant
from contacts.models import Grant
from enterprises.models import Role
from tests import factories

pytestmark = pytest.mark.django_db
ROOT = "/api/v1"
JSON = {"content_type": "application/json"}


@pytest.fixture
def people(enterprise):
    with tenant(enterprise.pk):
        return {name: factories.member(name) for name in ("Anna", "Bob", "Carl", "Dora")}


@pytest.fixture
def clients(enterprise, people):
    return {name: factories.api_client(enterprise, member) for name, member in people.items()}


@pytest.fixture
def contact(clients):
    body = {"external_userid": "wm1", "name": "王小明"}
    return clients["Anna"].post(f"{ROOT}/contacts", body, **JSON).json()


def post(client, path, body=None):
    return client.post(f"{ROOT}/{path}", body or {}, **JSON)


def test_o1_o2_from_the_invitation_to_the_end(clients, people, contact):
    anna, bob = clients["Anna"], clients["Bob"]
    path = f"contacts/{contact['id']}"
    until = (clock.now() + timedelta(days=30)).isoformat()
    body = {"member": str(people["Bob"].pk), "level": "editor", "expires_at": until, "message": "帮忙跟进"}
    made = post(anna, f"{path}/collaborators", body)
    assert made.status_code == 201
    assert made.json()["state"] == "invited" and made.json()["by"]["name"] == "Anna"
    assert anna.get(f"{ROOT}/{path}").json()["collaborators"] == []  # not in force yet
    assert bob.get(f"{ROOT}/{path}").status_code == 404
    assert bob.get(f"{ROOT}/contacts?count=1").json()["count"]["value"] == 0
    [offer] = bob.get(f"{ROOT}/collaborations/invitations").json()["results"]
    assert (offer["contact"], offer["level"], offer["message"]) == ("王小明", "editor", "帮忙跟进")
    accepted = post(bob, f"collaborations/invitations/{offer['id']}/accept")
    assert accepted.status_code == 200 and accepted.json()["contact"]["id"] == contact["id"]
    [inside] = bob.get(f"{ROOT}/{path}").json()["collaborators"]
    assert inside["member"]["name"] == "Bob" and inside["level"] == "editor" and inside["expires_at"] is not None
    [listed] = bob.get(f"{ROOT}/contacts?collaborator=me").json()["results"]
    assert listed["id"] == contact["id"] and listed["collaborators"] == [inside]
    assert bob.patch(f"{ROOT}/{path}", {"remark": "老客户"}, **JSON).status_code == 200
    denied = bob.patch(f"{ROOT}/{path}", {"remark": "x", "name": "y", "tags": []}, **JSON)
    assert denied.status_code == 403 and list(denied.json()["errors"]) == ["name", "tags"]
    assert post(bob, f"{path}/archive").json()["code"] == "forbidden"
    assert [row["contact"]["name"] for row in bob.get(f"{ROOT}/collaborations").json()["results"]] == ["王小明"]
    member_path = f"{ROOT}/{path}/collaborators/{people['Bob'].pk}"
    changed = anna.patch(member_path, {"level": "viewer", "expires_at": None}, **JSON).json()
    assert (changed["level"], changed["expires_at"], changed["state"]) == ("viewer", None, "active")
    assert bob.patch(f"{ROOT}/{path}", {"remark": "z"}, **JSON).status_code == 403
    assert bob.delete(member_path).status_code == 204  # leaves
    assert bob.get(f"{ROOT}/{path}").status_code == 404
    assert anna.delete(member_path).status_code == 404
    assert anna.get(f"{ROOT}/{path}/collaborators").json()["results"] == []


def test_declining_and_bad_input(clients, people, contact):
    anna, bob = clients["Anna"], clients["Bob"]
    path = f"contacts/{contact['id']}/collaborators"
    for body in (
        {"member": str(people["Bob"].pk), "level": "owner"},
        {"member": str(people["Bob"].pk)},
        {"member": contact["id"], "level": "viewer"},
        {"member": str(people["Bob"].pk), "level": "viewer", "expires_at": "2020-01-01T00:00:00Z"},
        {"member": str(people["Bob"].pk), "level": "viewer", "until": "2099-01-01"},
    ):
        assert post(anna, path, body).status_code == 400, body
    assert post(anna, path, {"member": str(people["Bob"].pk), "level": "viewer"}).status_code == 201
    again = post(anna, path, {"member": str(people["Bob"].pk), "level": "viewer"})
    assert (again.status_code, again.json()["code"]) == (409, "already_invited")
    [offer] = bob.get(f"{ROOT}/collaborations/invitations").json()["results"]
    assert post(clients["Carl"], f"collaborations/invitations/{offer['id']}/accept").status_code == 404
    assert post(bob, f"collaborations/invitations/{offer['id']}/decline").status_code == 204
    assert post(bob, f"collaborations/invitations/{offer['id']}/decline").status_code == 404


def test_o3_rules_by_rest(api, clients, people, contact, enterprise):
    with tenant(enterprise.pk):
        staff = Role.objects.get(builtin="staff")
    rules = {one["role"]["id"]: one for one in api.get(f"{ROOT}/collaborations/rules").json()["results"]}
    assert rules[str(staff.pk)] == {
        "role": {"id": str(staff.pk), "name": "Staff"},
        "invites": True,
        "highest": "editor",
        "most": 3,
        "own_number": False,
        "asks": True,
    }
    changed = api.patch(
        f"{ROOT}/collaborations/rules/{staff.pk}", {"most": 1, "asks": False, "highest": "viewer"}, **JSON
    )
    assert changed.json()["most"] == 1 and changed.json()["own_number"] is True
    path = f"contacts/{contact['id']}/collaborators"
    refused = post(clients["Anna"], path, {"member": str(people["Bob"].pk), "level": "editor"})
    assert (refused.status_code, refused.json()["code"]) == (403, "exceeds_own_rights")
    at_once = post(clients["Anna"], path, {"member": str(people["Bob"].pk), "level": "viewer"})
    assert at_once.json()["state"] == "active"
    full = post(clients["Anna"], path, {"member": str(people["Carl"].pk), "level": "viewer"})
    assert (full.status_code, full.json()["code"], full.json()["limit"]) == (409, "collaborator_limit", 1)
    for body in ({"most": 101}, {"highest": "owner"}, {"colour": "red"}):
        assert api.patch(f"{ROOT}/collaborations/rules/{staff.pk}", body, **JSON).status_code == 400


def test_o5_who_can_see_this_and_what_somebody_sees(api, clients, people, contact, enterprise):
    with tenant(enterprise.pk):
        Grant.objects.create(contact_id=contact["id"], member=people["Bob"], level="viewer")
    found = {
        one["member"]["name"]: one for one in api.get(f"{ROOT}/contacts/{contact['id']}/visibility").json()["results"]
    }
    assert found["Anna"]["rules"] == ["owner", "follower"] and found["Anna"]["level"] is None
    assert (found["Bob"]["rules"], found["Bob"]["level"]) == (["collaborator"], "viewer")
    reach = api.get(f"{ROOT}/members/{people['Bob'].pk}/visibility").json()
    assert {one["rule"]: one["contacts"] for one in reach["results"]} == {"owner": 0, "follower": 0, "collaborator": 1}
    # The asker counts only what they see themselves.
    theirs = clients["Carl"].get(f"{ROOT}/members/{people['Bob'].pk}/visibility").json()
    assert {one["rule"]: one["contacts"] for one in theirs["results"]} == {"owner": 0, "follower": 0, "collaborator": 0}
    everything = clients["Carl"].get(f"{ROOT}/members/{_admin(enterprise)}/visibility").json()
    assert [(one["rule"], one["contacts"]) for one in everything["results"]] == [("everything", 0)]


def _admin(enterprise):
    with tenant(enterprise.pk):
        return factories.super_admin(enterprise).member.pk


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_a_list_with_its_grants_is_a_constant_number_of_queries(
    enterprise, api, people, clients, rows, django_assert_num_queries
):
    with tenant(enterprise.pk):
        anna = factories.actor(enterprise, people["Anna"])
        for _number in range(rows):
            made = factories.contact(anna)
            Grant.objects.create(contact=made, member=people["Bob"], level="viewer")
            Grant.objects.create(contact=made, member=people["Carl"], level="editor")
    for client in (api, clients["Bob"]):
        client.get(f"{ROOT}/contacts")
        with django_assert_num_queries(6):
            answer = client.get(f"{ROOT}/contacts")
        listed = answer.json()["results"]
        assert len(listed) == rows
        assert all([one["level"] for one in row["collaborators"]] == ["viewer", "editor"] for row in listed)


@pytest.mark.parametrize("rows", [1, 3])
def test_what_ones_own_lists_cost(enterprise, people, clients, rows, django_assert_num_queries):
    with tenant(enterprise.pk):
        anna = factories.actor(enterprise, people["Anna"])
        for _number in range(rows):
            grants.invite(anna, contact=factories.contact(anna), member=people["Bob"], level="viewer")
            Grant.objects.create(contact=factories.contact(anna), member=people["Bob"], level="viewer")
    for path in ("collaborations", "collaborations/invitations"):
        clients["Bob"].get(f"{ROOT}/{path}")
        with django_assert_num_queries(6):
            answer = clients["Bob"].get(f"{ROOT}/{path}")
        assert len(answer.json()["results"]) == rows
