"""REST of the enterprise and its people: shapes, filters, versions, query counts."""

import json

import pytest

from common.tenancy import tenant
from enterprises import audit
from enterprises.models import ApiToken, Department, Member, Role
from enterprises.services import members as people
from tests import factories

pytestmark = pytest.mark.django_db
JSON = "application/json"


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["name"] for row in answer.json()["results"]]


def test_a_department_from_creation_to_deletion(api):
    made = api.post("/api/v1/departments", {"name": "华南"}, content_type=JSON)
    assert made.status_code == 201 and made["ETag"] == '"1"'
    top = made.json()
    assert {key: top[key] for key in ("name", "parent", "leader", "position", "members")} == {
        "name": "华南",
        "parent": None,
        "leader": None,
        "position": 0,
        "members": 0,
    }
    team = api.post("/api/v1/departments", {"name": "深圳", "parent": top["id"]}, content_type=JSON).json()
    assert names(api.get(f"/api/v1/departments?parent={top['id']}")) == ["深圳"]
    assert names(api.get("/api/v1/departments?parent=none")) == ["华南"]
    assert names(api.get("/api/v1/departments?search=圳")) == ["深圳"]
    url = f"/api/v1/departments/{team['id']}"
    moved = api.patch(url, {"parent": None, "name": "深圳二组"}, content_type=JSON, headers={"If-Match": '"1"'})
    assert (moved.status_code, moved.json()["parent"], moved["ETag"]) == (200, None, '"2"')
    stale = api.patch(url, {"name": "x"}, content_type=JSON, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404


def test_a_member_from_creation_to_leaving(api, scope):
    with scope():
        team, graded = Department.objects.create(name="team"), Role.objects.get(builtin="graded_admin")
    made = api.post(
        "/api/v1/members",
        {
            "userid": "wang",
            "name": "王",
            "email": "wang@example.com",
            "department": str(team.pk),
            "role": str(graded.pk),
            "ranges": [str(team.pk)],
            "invite": True,
        },
        content_type=JSON,
    )
    assert made.status_code == 201, made.json()
    member = made.json()
    assert member["department"] == {"id": str(team.pk), "name": "team"}
    assert member["ranges"] == [{"id": str(team.pk), "name": "team"}]
    assert (member["status"], member["joined"], member["invited_at"] is not None) == ("active", False, True)
    assert member["role"] == {"id": str(graded.pk), "name": "Graded admin"}
    url = f"/api/v1/members/{member['id']}"
    changed = api.patch(url, {"name": "王小明", "ranges": []}, content_type=JSON)
    assert (changed.json()["name"], changed.json()["ranges"]) == ("王小明", [])
    for action, status in (("disable", "disabled"), ("enable", "active"), ("resign", "resigned")):
        answer = api.post(f"{url}/{action}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    refused = api.post(f"{url}/invite")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_active")
    assert api.get(f"/api/v1/audit?subject={member['id']}").json()["results"][0]["action"] == "member.resigned"


def test_filters_of_members(api, scope):
    with scope():
        south = Department.objects.create(name="south")
        team = Department.objects.create(name="team", parent=south)
        staff = Role.objects.get(builtin="staff")
        factories.member("陈一", department=south)
        factories.member("陈二", department=team)
        factories.member("林", status="disabled")
        Member.objects.create(name="not yet", userid="Not.Yet", role=staff)
    assert names(api.get("/api/v1/members?search=陈")) == ["陈一", "陈二"]
    assert names(api.get("/api/v1/members?search=not.y")) == ["not yet"]
    assert names(api.get(f"/api/v1/members?department={south.pk}")) == ["陈一", "陈二"]
    assert names(api.get(f"/api/v1/members?department={team.pk}")) == ["陈二"]
    assert names(api.get(f"/api/v1/members?department=none&role={staff.pk}")) == ["not yet", "林"]
    assert names(api.get("/api/v1/members?status=disabled")) == ["林"]
    assert names(api.get("/api/v1/members?joined=false")) == ["not yet"]
    assert api.get("/api/v1/members?count=1").json()["count"] == {"value": 5, "exact": True}
    for wrong in ("status=gone", "joined=maybe", "role=x", "department=x", "colour=red", "ordering=email"):
        assert api.get(f"/api/v1/members?{wrong}").status_code == 400, wrong


def test_bodies_are_checked(api):
    for body in (
        {},
        {"userid": "a"},
        {"userid": "a", "name": "a", "email": "nonsense"},
        {"userid": "a", "name": "a", "colour": "red"},
        {"userid": "a", "name": "a", "role": "019a0000-0000-7000-8000-000000000000"},
        {"userid": "a b", "name": "a"},
    ):
        answer = api.post("/api/v1/members", body, content_type=JSON)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), body
        assert answer.json()["errors"]
    taken = {"userid": "a", "name": "a"}
    assert api.post("/api/v1/members", taken, content_type=JSON).status_code == 201
    again = api.post("/api/v1/members", taken, content_type=JSON)
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "userid_taken", "userid")


def test_roles(api):
    made = api.post(
        "/api/v1/roles",
        {"name": "客服", "scope": "related", "permissions": ["quota.view", "contacts.view"]},
        content_type=JSON,
    )
    assert made.status_code == 201
    role = made.json()
    assert (role["permissions"], role["members"], role["builtin"]) == (["contacts.view", "quota.view"], 0, "")
    url = f"/api/v1/roles/{role['id']}"
    assert api.patch(url, {"scope": "all"}, content_type=JSON).json()["scope"] == "all"
    assert api.delete(url).status_code == 204
    listed = api.get("/api/v1/roles").json()["results"]
    assert {row["builtin"]: row["members"] for row in listed} == {"super_admin": 1, "graded_admin": 0, "staff": 0}
    root = next(row for row in listed if row["builtin"] == "super_admin")
    protected = api.patch(f"/api/v1/roles/{root['id']}", {"permissions": []}, content_type=JSON)
    assert (protected.status_code, protected.json()["code"]) == (403, "role_protected")


def test_the_enterprise_and_its_policy(api, enterprise):
    changed = api.patch("/api/v1/enterprise", {"name": "新名"}, content_type=JSON)
    assert (changed.status_code, changed.json()["name"], changed["ETag"]) == (200, "新名", '"2"')
    assert changed.json()["timezone"] == "Asia/Shanghai"
    assert api.patch("/api/v1/enterprise", {"timezone": "Mars/Base"}, content_type=JSON).status_code == 400
    assert api.patch("/api/v1/enterprise", {"verified": True}, content_type=JSON).status_code == 400
    policy = api.get("/api/v1/enterprise/policy").json()
    assert (policy["values"]["inactive_days"], policy["changed"]) == (180, [])
    answer = api.patch(
        "/api/v1/enterprise/policy", {"inactive_days": 90, "grade_high": "8000.00"}, content_type=JSON
    ).json()
    assert (answer["values"]["inactive_days"], answer["values"]["grade_high"]) == (90, "8000.00")
    assert (answer["changed"], answer["defaults"]["inactive_days"]) == (["grade_high", "inactive_days"], 180)
    back = api.patch("/api/v1/enterprise/policy", {"inactive_days": None}, content_type=JSON).json()
    assert (back["values"]["inactive_days"], back["changed"]) == (180, ["grade_high"])
    wrong = api.patch("/api/v1/enterprise/policy", {"inactive_days": 0, "colour": None}, content_type=JSON)
    assert wrong.status_code == 400 and set(wrong.json()["errors"]) == {"inactive_days", "colour"}
    entry = api.get("/api/v1/audit?action=policy.changed").json()["results"][0]
    assert entry["before"] == {"grade_high": "8000.00", "inactive_days": 90}
    assert entry["after"] == {"grade_high": "8000.00"}
    setting = next(one for one in policy["settings"] if one["name"] == "inactive_days")
    assert (setting["minimum"], setting["maximum"], setting["group"]) == ("1.00", "3650.00", "silence")


def test_tokens(api, enterprise):
    made = api.post("/api/v1/tokens", {"name": "导出", "days": 7}, content_type=JSON).json()
    assert made["token"].startswith(f"scrm_{enterprise.code}_") and made["token"].endswith(made["hint"])
    listed = api.get("/api/v1/tokens").json()["results"]
    assert [row["name"] for row in listed] == ["导出", "tests"] and "token" not in listed[0]
    assert api.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert api.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
    for body in ({"name": " "}, {"name": "x", "days": 0}, {"name": "x", "days": 366}):
        assert api.post("/api/v1/tokens", body, content_type=JSON).status_code == 400
    assert api.patch("/api/v1/enterprise/policy", {"token_days": 5}, content_type=JSON).status_code == 200
    assert api.post("/api/v1/tokens", {"name": "x", "days": 6}, content_type=JSON).status_code == 400
    default = api.post("/api/v1/tokens", {"name": "x"}, content_type=JSON)
    assert default.status_code == 201


def test_staff_see_and_make_only_their_own_tokens(api, enterprise, scope):
    with scope():
        person, other = factories.member(), factories.member()
    own = factories.api_client(enterprise, person)
    assert [row["member"]["id"] for row in own.get("/api/v1/tokens").json()["results"]] == [str(person.pk)]
    refused = own.post("/api/v1/tokens", {"name": "x", "member": str(other.pk)}, content_type=JSON)
    assert refused.status_code == 403
    root_token = next(
        row["id"] for row in api.get("/api/v1/tokens").json()["results"] if row["member"]["id"] != str(person.pk)
    )
    assert own.delete(f"/api/v1/tokens/{root_token}").status_code == 404
    given = api.post("/api/v1/tokens", {"name": "x", "member": str(other.pk)}, content_type=JSON)
    assert (given.status_code, given.json()["member"]["id"]) == (201, str(other.pk))


def test_audit_filters_and_pages(api, enterprise, scope):
    with scope():
        actor = factories.super_admin(enterprise)
        for name in ("a", "b", "c"):
            people.create_member(actor, userid=name, name=name)
        start = enterprise.created_at.isoformat().replace("+00:00", "Z")
    found = api.get("/api/v1/audit?action=member.&page_size=2").json()
    assert [row["subject"]["name"] for row in found["results"]] == ["c", "b"]
    row = found["results"][0]
    assert row["at"].endswith("Z")
    assert (row["action"], row["label"], row["actor"]["kind"]) == ("member.created", "Member created", "member")
    assert row["actor"]["id"] == str(actor.member_id) and row["before"] == {} and row["after"]["userid"] == "c"
    assert [row["subject"]["name"] for row in api.get(found["next"]).json()["results"]] == ["a"]
    assert api.get(f"/api/v1/audit?to={start}").json()["results"] == []
    everything = api.get(f"/api/v1/audit?from={start}&actor={actor.member_id}").json()["results"]
    assert {row["action"] for row in everything} == {"enterprise.created", "token.created", "member.created"}
    for wrong in ("actor=x", "from=yesterday", "to=2026-13-01T00:00:00Z", "from=2026-01-01T00:00:00"):
        assert api.get(f"/api/v1/audit?{wrong}").status_code == 400, wrong


def test_o5_a_graded_admin_sees_the_trail_of_their_people(enterprise, scope):
    with scope():
        south, north = Department.objects.create(name="s"), Department.objects.create(name="n")
        admin = factories.member(role="graded_admin", ranges=[south])
        mine, theirs = factories.member(department=south), factories.member(department=north)
        for member in (mine, theirs):
            contact = factories.contact(factories.acting(enterprise, member), name=f"contact of {member.userid}")
        hidden = factories.contact(factories.acting(enterprise, mine), name="handed over", follower=mine)
        type(contact).objects.filter(pk=hidden.pk).update(owner=theirs)
    api = factories.api_client(enterprise, admin)
    found = api.get("/api/v1/audit").json()["results"]
    assert [row["subject"]["name"] for row in found] == ["tests", f"contact of {mine.userid}"]


def test_me_names_what_the_role_gives(api):
    from enterprises import permissions

    me = api.get("/api/v1/me").json()
    assert me["permissions"] == sorted(permissions.ALL)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("path", "queries"),
    [("departments", 6), ("members", 7), ("roles", 6), ("tokens", 6), ("audit", 6)],
)
def test_lists_cost_the_same_for_one_row_and_three(enterprise, django_assert_num_queries, path, queries, rows):
    """Four open and close the scope; the token, the list (and its ranges)."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        team = Department.objects.create(name="top")
        for number in range(rows):
            Department.objects.create(name=f"d{number}", leader=actor.member)
            audit.record(actor, "member.changed", actor.member)
            factories.member(role=Role.objects.get(builtin="graded_admin"), department=team, ranges=[team])
            ApiToken.objects.create(member=actor.member, name="x", digest=str(number), expires_at=enterprise.created_at)
    api = factories.api_client(enterprise)
    api.get("/api/v1/me")  # the token's last use is written once a minute
    with django_assert_num_queries(queries):
        answer = api.get(f"/api/v1/{path}")
    assert len(json.loads(answer.content)["results"]) >= rows
