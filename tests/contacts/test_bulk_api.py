"""X1: bulk work through REST, with the console's rules and errors."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.tenancy import tenant
from contacts.models import Contact, Tag, TagGroup
from contacts.services.contacts import restore_contact
from jobs.models import JobRun
from tests import crowd, factories
from tests.contacts.bulk import finish

pytestmark = pytest.mark.django_db
URL = "/api/v1/contacts/bulk"


def post(client, url=URL, **body):
    return client.post(url, body, content_type="application/json")


def test_c5_start_follow_and_undo(api, enterprise):
    with tenant(enterprise.pk):
        crowd.contacts(factories.super_admin(enterprise), 5)
    answer = post(api, action="archive", filter={"status": "active"})
    assert answer.status_code == 202, answer.json()
    assert list(answer.json()) == ["job"]
    with tenant(enterprise.pk):
        run = JobRun.objects.get(pk=answer.json()["job"])
        assert run.params == {"options": {}, "filter": {"status": ["active"]}}
    assert finish(enterprise, run).result["freed"] == 5


def test_c5_preview_in_numbers(api, enterprise):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        ids = crowd.contacts(admin, 3, owner=admin.member)
    answer = post(api, f"{URL}/preview", action="archive", ids=[*map(str, ids), str(uuid4())])
    assert answer.status_code == 200
    assert answer.json() == {
        "action": "archive",
        "total": 4,
        "affected": 3,
        "excluded": {"not_found": 1},
        "by_status": {"active": 3},
        "by_grade": {"low": 3},
        "by_owner": [{"owner": str(admin.member_id), "name": admin.member.name, "contacts": 3}],
        "other_owners": 0,
        "frees": 3,
        "needs": 0,
        "free_places": None,
        "over_budget": 0,
    }
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


def test_tags_owner_and_count_are_parameters(api, enterprise):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        crowd.contacts(admin, 2, status="archived", follower=admin.member)
        tag = Tag.objects.create(group=TagGroup.objects.create(name="g"), name="t")
    for action, params in (
        ("tag", {"tags": [str(tag.pk)]}),
        ("untag", {"tags": [str(tag.pk)]}),
        ("transfer", {"owner": str(admin.member_id)}),
        ("restore", {"on_full": "partial"}),
        ("archive", {}),
        ("delete", {"count": 2}),
    ):
        answer = post(api, action=action, filter={}, params=params)
        assert answer.status_code == 202, answer.json()
        with tenant(enterprise.pk):
            run = JobRun.objects.get(pk=answer.json()["job"])
        assert finish(enterprise, run).result["done"] == 2
    with tenant(enterprise.pk):
        assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"action": "explode", "filter": {}}, 400, "invalid"),
        ({"action": "archive"}, 400, "invalid"),
        ({"action": "archive", "filter": {}, "ids": [str(uuid4())]}, 400, "invalid"),
        ({"action": "archive", "ids": ["x"]}, 400, "invalid"),
        ({"action": "archive", "ids": [str(uuid4()) for _number in range(10_001)]}, 400, "too_many"),
        ({"action": "archive", "filter": {"colour": "red"}}, 400, "unknown_filter"),
        ({"action": "archive", "filter": {}, "params": {"speed": 1}}, 400, "unknown_param"),
        ({"action": "archive", "filter": {}, "params": {"count": 1}}, 400, "unknown_param"),
    ],
)
@pytest.mark.parametrize("url", [URL, f"{URL}/preview"])
def test_wrong_input_is_a_problem_document(api, enterprise, body, status, code, url):
    answer = post(api, url, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


def test_c8_deleting_needs_the_count_its_preview_does_not(api, enterprise):
    assert post(api, action="delete", filter={}).status_code == 400
    wrong = post(api, action="delete", filter={}, params={"count": 7})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["count"]) == (409, "count", 0)
    assert post(api, f"{URL}/preview", action="delete", filter={}).json()["affected"] == 0
    with tenant(enterprise.pk):
        assert not JobRun.objects.exists()


@pytest.mark.parametrize("action", ["archive", "restore", "transfer", "delete"])
def test_x1_a_role_without_the_permission_is_forbidden(enterprise, action):
    with tenant(enterprise.pk):
        staff = factories.member(role=factories.role("contacts.view", scope="related"))
    client = factories.api_client(enterprise, staff)
    for url in (URL, f"{URL}/preview"):
        answer = post(client, url, action=action, filter={})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_o5_foreign_ids_read_as_random_ones(api, enterprise, other_enterprise):
    with tenant(other_enterprise.pk):
        foreign = crowd.contacts(factories.super_admin(other_enterprise), 2)
    random = post(api, f"{URL}/preview", action="archive", ids=[str(uuid4()), str(uuid4())])
    theirs = post(api, f"{URL}/preview", action="archive", ids=[str(one) for one in foreign])
    assert random.content == theirs.content and random.json()["excluded"] == {"not_found": 2}


def test_preview_asks_a_constant_number_of_queries(enterprise, api):
    asked = []
    for number in (1, 200):
        with tenant(enterprise.pk):
            crowd.contacts(factories.super_admin(enterprise), number, prefix=f"n{number}")
        post(api, f"{URL}/preview", action="restore", filter={})
        with CaptureQueriesContext(connection) as queries:
            assert post(api, f"{URL}/preview", action="restore", filter={}).status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 16


def test_c5_x1_taking_back_is_previewed(api, enterprise):
    """As the console does: what changed since, in numbers, and the refusals of the undo itself."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        crowd.contacts(admin, 3)
    asked = post(api, action="archive", filter={}).json()["job"]
    with tenant(enterprise.pk):
        run = JobRun.objects.get(pk=asked)
    url = f"/api/v1/jobs/{run.pk}/undo"
    waiting = api.get(f"{url}/preview")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "not_undoable")
    finish(enterprise, run)
    with tenant(enterprise.pk):
        restore_contact(admin, contact=Contact.objects.order_by("pk").first())
    seen = api.get(f"{url}/preview").json()
    assert (seen["action"], seen["affected"], seen["excluded"]) == ("unarchive", 2, {"changed_since": 1})
    assert (seen["needs"], seen["free_places"]) == (2, 1999)
    asked = api.post(url).json()["job"]
    with tenant(enterprise.pk):
        undoing = JobRun.objects.get(pk=asked)
    finish(enterprise, undoing)
    for again in (api.get(f"{url}/preview"), api.post(url)):
        assert (again.status_code, again.json()["code"]) == (409, "already_undone")
