"""Every route of this room against those it is not for: strangers, staff, former members, a suspended enterprise."""

import re
import uuid

import pytest

from common.tenancy import tenant
from enterprises.api import urlpatterns
from enterprises.models import AuditEntry, Department, Enterprise, Member, Role
from enterprises.services import set_status
from enterprises.tokens import create_token
from tests import factories

pytestmark = pytest.mark.django_db
JSON = "application/json"
RANDOM = str(uuid.UUID("019a0000-0000-7000-8000-000000000000"))

# Routes with an id, what they do to it, and a body that would be right for one's own.
BY_ID = [
    ("get", "departments/{department}", None),
    ("patch", "departments/{department}", {"name": "x"}),
    ("delete", "departments/{department}", None),
    ("get", "members/{member}", None),
    ("patch", "members/{member}", {"name": "x"}),
    ("post", "members/{member}/disable", {}),
    ("post", "members/{member}/enable", {}),
    ("post", "members/{member}/resign", {}),
    ("post", "members/{member}/invite", {}),
    ("get", "roles/{role}", None),
    ("patch", "roles/{role}", {"name": "x"}),
    ("delete", "roles/{role}", None),
    ("delete", "tokens/{token}", None),
]
# Fields and filters that take an id.
BY_FIELD = [
    ("post", "departments", {"name": "x", "parent": "{department}"}),
    ("post", "departments", {"name": "x", "leader": "{member}"}),
    ("post", "members", {"userid": "x", "name": "x", "department": "{department}"}),
    ("post", "members", {"userid": "x", "name": "x", "role": "{role}"}),
    ("post", "members", {"userid": "x", "name": "x", "ranges": ["{department}"]}),
    ("post", "tokens", {"name": "x", "member": "{member}"}),
    ("get", "departments?parent={department}", None),
    ("get", "members?department={department}", None),
    ("get", "members?role={role}", None),
    ("get", "tokens?member={member}", None),
    ("get", "audit?actor={member}", None),
    ("get", "audit?subject={member}", None),
]
ALL = [
    ("get", "enterprise", None),
    ("patch", "enterprise", {"name": "x"}),
    ("get", "enterprise/policy", None),
    ("patch", "enterprise/policy", {"inactive_days": 90}),
    ("post", "roles", {"name": "x", "scope": "all", "permissions": []}),
    ("get", "audit", None),
    ("get", "departments", None),
    ("get", "members", None),
    ("get", "roles", None),
    ("get", "tokens", None),
    ("post", "members/import", {}),
    ("post", "departments/import", {}),
    *BY_ID,
    *BY_FIELD,
]


def fill(value, ids):
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, dict):
        return {key: fill(item, ids) for key, item in value.items()}
    return [fill(item, ids) for item in value] if isinstance(value, list) else value


def call(client, method, path, body, ids=None, **kwargs):
    ids = ids or dict.fromkeys(("department", "member", "role", "token"), RANDOM)
    extra = {} if body is None else {"data": fill(body, ids), "content_type": JSON}
    answer = getattr(client, method)(f"/api/v1/{path.format(**ids)}", **extra, **kwargs)
    return answer.status_code, answer.content.replace(ids["member"].encode(), b"").replace(
        ids["department"].encode(), b""
    )


def test_no_route_is_forgotten():
    """A new route of this room needs its rows above."""
    known = {(method, re.sub(r"\{\w+\}", "<str:pk>", path.partition("?")[0])) for method, path, _body in ALL}
    served = {
        (method, str(one.pattern))
        for one in urlpatterns
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(one.callback.view_class, method)
    }
    assert served - known == {("post", "auth/token"), ("get", "me")}


@pytest.fixture
def theirs(other_enterprise) -> dict[str, str]:
    """Ids of another enterprise."""
    with tenant(other_enterprise.pk):
        actor = factories.super_admin(other_enterprise)
        token, _secret = create_token(actor, member=actor.member, name="x")
        return {
            "department": str(Department.objects.create(name="d").pk),
            "member": str(factories.member().pk),
            "role": str(Role.objects.get(builtin="staff").pk),
            "token": str(token.pk),
        }


@pytest.mark.parametrize(("method", "path", "body"), [*BY_ID, *BY_FIELD])
def test_o5_x2_ids_of_another_enterprise_are_like_random_ones(api, theirs, other_enterprise, method, path, body):
    with tenant(other_enterprise.pk):
        before = AuditEntry.objects.count()
    foreign = call(api, method, path, body, theirs)
    assert foreign == call(api, method, path, body)
    assert foreign[0] == (404 if (method, path, body) in BY_ID else 200 if method == "get" else 400)
    with tenant(other_enterprise.pk):
        assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_strangers_get_nothing(client, method, path, body):
    assert call(client, method, path, body)[0] == 401


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_staff_without_the_permission_are_refused(enterprise, method, path, body):
    with tenant(enterprise.pk):
        person = factories.member()
    status, _body = call(factories.api_client(enterprise, person), method, path, body)
    if (method, path) in {("get", "enterprise"), ("get", "enterprise/policy")} or (
        method == "get" and path.split("/")[0].split("?")[0] in {"departments", "members", "roles", "tokens"}
    ):
        assert status in (200, 404)
    elif path.startswith("tokens"):
        assert status in (400, 404)  # one's own only: others are not there
    else:
        assert status == 403


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_a_suspended_enterprise_is_closed_to_everybody(api, enterprise, client, method, path, body):
    with tenant(enterprise.pk):
        user = factories.super_admin(enterprise).member.user
        set_status(factories.operator(enterprise), enterprise=enterprise, status="suspended")
    status, answer = call(api, method, path, body)
    assert status == 403 and b"enterprise_suspended" in answer
    client.force_login(user)
    # By session it is no enterprise of theirs any more, unless they name it.
    status, answer = call(client, method, path, body, headers={"X-Enterprise": enterprise.code})
    assert status == 403 and b"enterprise_suspended" in answer


@pytest.mark.parametrize("status", [Member.Status.DISABLED, Member.Status.RESIGNED])
def test_a_former_members_token_is_not_valid(enterprise, status):
    with tenant(enterprise.pk):
        person = factories.member()
    api = factories.api_client(enterprise, person)
    with tenant(enterprise.pk):
        Member.objects.filter(pk=person.pk).update(status=status)
    assert api.get("/api/v1/me").status_code == 401


def test_o5_naming_a_foreign_enterprise_finds_nothing(client, enterprise, other_enterprise):
    person = factories.user()
    with tenant(enterprise.pk):
        factories.member(user=person)
    client.force_login(person)
    answers = [
        client.get("/api/v1/members", headers={"X-Enterprise": named})
        for named in (str(other_enterprise.pk), other_enterprise.code, RANDOM, "nosuch")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert client.get("/api/v1/members", headers={"X-Enterprise": enterprise.code}).status_code == 200


def test_a_token_of_another_enterprise_opens_only_its_own(api, other_enterprise):
    assert api.get("/api/v1/enterprise", headers={"X-Enterprise": str(other_enterprise.pk)}).json()["id"] != str(
        other_enterprise.pk
    )


def test_escalation_by_rest_is_refused_and_changes_nothing(enterprise):
    with tenant(enterprise.pk):
        codes = ("members.view", "members.manage", "roles.manage")
        person = factories.member(role=factories.role(*codes, scope="departments"))
        root = Role.objects.get(builtin="super_admin")
        boss = factories.super_admin(enterprise).member
        own = person.role
    api = factories.api_client(enterprise, person)
    for method, path, body in (
        ("patch", f"members/{person.pk}", {"role": str(root.pk)}),
        ("post", "members", {"userid": "x", "name": "x", "role": str(root.pk)}),
        ("patch", f"roles/{own.pk}", {"permissions": [*codes, "contacts.delete"]}),
        ("patch", f"roles/{own.pk}", {"scope": "all"}),
        ("post", "roles", {"name": "x", "scope": "all", "permissions": list(codes)}),
        ("post", "tokens", {"name": "x", "member": str(boss.pk)}),
        ("post", f"members/{boss.pk}/disable", {}),
        ("post", f"members/{boss.pk}/invite", {}),
        ("patch", f"members/{boss.pk}", {"email": "x@example.com"}),
    ):
        assert call(api, method, path, body)[0] == 403, (method, path)
    with tenant(enterprise.pk):
        assert Member.objects.get(pk=person.pk).role_id == own.pk
        assert Role.objects.get(pk=own.pk).permissions == list(codes)
        assert Member.objects.count() == 2
        assert not Enterprise.objects.exclude(pk=enterprise.pk).exists()
