"""REST of contacts, groups and tags: shapes, errors, O5, and what a list costs."""

import base64
import json
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from common import clock
from common.ids import uuid7
from common.tenancy import tenant
from contacts.models import Contact, Tag
from contacts.services import groups, tags
from contacts.services.groups import Person
from contacts.services.history import record_interaction
from enterprises.models import Enterprise
from enterprises.services import GRADED_ADMIN
from tests import factories
from tests.contacts.unchanged import state

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
ROOT = "/api/v1"


@pytest.fixture
def people(enterprise):
    with tenant(enterprise.pk):
        return {name: factories.member(name) for name in ("Anna", "Bob")}


@pytest.fixture
def anna(enterprise, people):
    return factories.api_client(enterprise, people["Anna"])


@pytest.fixture
def bob(enterprise, people):
    return factories.api_client(enterprise, people["Bob"])


def post(client, path, body=None, **headers):
    return client.post(f"{ROOT}/{path}", body or {}, **JSON, headers=headers)


def made(client, number=1, **fields):
    answer = post(client, "contacts", {"external_userid": f"wm{number}", "name": f"客户{number}", **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_the_document_is_the_one_of_the_api_document(anna, enterprise, people):
    document = made(anna, remark="老客户", company="公司", phones=["13800138000"], source="qr")
    assert anna.get(f"{ROOT}/contacts/{document['id']}").json() == document
    listed = anna.get(f"{ROOT}/contacts").json()["results"]
    assert document.pop("description") == "" and document.pop("lost_at") is None
    assert listed == [document]
    with tenant(enterprise.pk):
        contact = Contact.objects.get()
    moment = contact.added_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    whom = {"id": str(people["Anna"].pk), "name": "Anna"}
    assert document == {
        "id": str(contact.pk),
        "external_userid": "wm1",
        "unionid": "",
        "name": "客户1",
        "remark": "老客户",
        "kind": "wechat",
        "company": "公司",
        "phones": ["13800138000"],
        "status": "active",
        "owner": whom,
        "followers": [{"member": whom, "added_at": moment, "remark": "老客户", "source": "qr"}],
        "collaborators": [],
        "grade": "low",
        "grade_source": "auto",
        "spend_365d": "0.00",
        "activity": "never",
        "inactive": False,
        "last_contact_at": moment,
        "last_customer_at": None,
        "added_at": moment,
        "archived_at": None,
        "tags": [],
        "spaces": [],
    }


def test_texts_of_any_kind_survive_in_documents(anna):
    nasty = "\"'\\{}%s %(x)s </script>\u2028😀"
    made(anna, name=nasty, remark=nasty)
    [row] = anna.get(f"{ROOT}/contacts").json()["results"]
    assert row["name"] == row["remark"] == nasty


@pytest.mark.parametrize("ordering", ["added_at", "-added_at", "last_contact_at", "-spend", "spend", "name", "-name"])
def test_pages_of_every_ordering_show_everybody_once_forth_and_back(api, enterprise, ordering):
    for number in range(7):
        made(api, number, name=f"n{number % 3}")
    with tenant(enterprise.pk):
        Contact.objects.filter(name="n1").update(spend_365d=5)
    pages, url = [], f"{ROOT}/contacts?page_size=3&ordering={ordering}"
    while url:
        pages.append(api.get(url).json())
        url = pages[-1]["next"]
    ids = [row["id"] for page in pages for row in page["results"]]
    assert len(ids) == len(set(ids)) == 7
    column = {"spend": "spend_365d"}.get(ordering.strip("-"), ordering.strip("-"))
    values = [row[column] for page in pages for row in page["results"]]
    assert values == sorted(values, reverse=ordering.startswith("-"))
    assert api.get(pages[2]["previous"]).json()["results"] == pages[1]["results"]
    other = api.get(pages[0]["next"].replace(f"ordering={ordering}", "ordering=-name,x"))
    assert other.status_code == 400


def test_list_refuses_what_it_does_not_know(api):
    for query in ("colour=red", "ordering=phones", "page_size=201", "cursor=x", "grade=gold", "added_after=x"):
        answer = api.get(f"{ROOT}/contacts?{query}")
        assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json", query
    assert api.get(f"{ROOT}/contacts?search=客&grade=low&grade=high&count=1").status_code == 200


NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("ordering", "made"),
    [
        ("name", ["name", 0, "\0", NOBODY]),
        ("name", ["name", 0, "\ud800", NOBODY]),
        ("name", ["name", 0, "王", "\0"]),
        ("name", ["-name", 0, "王", NOBODY]),
        ("-added_at", ["-added_at", 0, "infinity", NOBODY]),
        ("-added_at", ["-added_at", 0, [], NOBODY]),
        ("spend", ["spend_cents", 0, "much", NOBODY]),
        ("spend", ["spend_cents", 0, float("inf"), NOBODY]),
        ("name", {"name": 1}),
    ],
)
def test_a_cursor_that_somebody_made_up_is_refused(api, people, ordering, made):
    cursor = base64.urlsafe_b64encode(json.dumps(made).encode()).decode().rstrip("=")
    answer = api.get(f"{ROOT}/contacts?ordering={ordering}&cursor={cursor}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["cursor"])


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("query", ["", "?search=客&status=active&tag_none=01920000-0000-7000-8000-000000000000"])
def test_a_list_costs_the_same_however_long_it_is(enterprise, api, people, rows, query, django_assert_num_queries):
    """Savepoint, scope, token, list, end of the scope, savepoint: in production begin and commit, not savepoints."""
    with tenant(enterprise.pk):
        actor = factories.actor(enterprise, people["Anna"])
        group = tags.create_tag_group(factories.super_admin(enterprise), name="g", tags=["a", "b"])
        for _number in range(rows):
            contact = factories.contact(actor)
            tags.tag_contact(actor, contact=contact, add=list(Tag.objects.filter(group=group)))
    api.get(f"{ROOT}/contacts")
    with django_assert_num_queries(7 if "search" in query else 6):  # one more looks whom the words find
        answer = api.get(f"{ROOT}/contacts{query}")
    assert len(answer.json()["results"]) == rows


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_of_a_graded_admin_and_of_staff_costs_no_more(enterprise, people, rows, django_assert_num_queries):
    with tenant(enterprise.pk):
        for _number in range(rows):
            factories.contact(factories.actor(enterprise, people["Anna"]))
        graded = factories.member(role=GRADED_ADMIN)
    for member, seen in ((graded, 0), (people["Anna"], rows)):
        client = factories.api_client(enterprise, member)
        client.get(f"{ROOT}/contacts")
        with django_assert_num_queries(6):
            answer = client.get(f"{ROOT}/contacts")
        assert len(answer.json()["results"]) == seen


def test_edit_honours_if_match_and_refuses_unknown_fields(anna, enterprise):
    contact = made(anna)
    path = f"{ROOT}/contacts/{contact['id']}"
    tag = anna.get(path)["ETag"]
    answer = anna.patch(path, {"name": "新名"}, **JSON, headers={"If-Match": tag})
    assert answer.status_code == 200 and answer.json()["name"] == "新名" and answer["ETag"] != tag
    stale = anna.patch(path, {"name": "旧名"}, **JSON, headers={"If-Match": tag})
    assert stale.status_code == 412 and stale.json()["code"] == "precondition_failed"
    for body in ({"owner": "x"}, {"name": ""}, {"name": "x", "grade": "high"}, {"phones": "1"}):
        assert anna.patch(path, body, **JSON).status_code == 400, body
    assert anna.get(path).json()["name"] == "新名"


def test_o2_a_denied_field_in_a_patch_refuses_the_whole_request_and_is_named(anna, enterprise, people):
    """Also a field that is changed elsewhere: who may not change it is not told where."""
    contact = made(anna)
    path = f"{ROOT}/contacts/{contact['id']}"
    bob = factories.api_client(enterprise, people["Bob"])
    assert post(bob, "contacts", {"external_userid": contact["external_userid"], "name": "x"}).status_code == 200
    before = anna.get(path).json()
    for body in ({"remark": "x", "name": "y"}, {"remark": "x", "grade": "high"}, {"owner": "x"}, {"phones": []}):
        refused = bob.patch(path, body, **JSON)
        assert refused.status_code == 403 and refused["Content-Type"] == "application/problem+json"
        problem = refused.json()
        assert problem["code"] == "field_forbidden" and list(problem["errors"]) == [list(body)[-1]]
    assert anna.get(path).json() == before
    assert bob.patch(path, {"remark": "x", "description": "y"}, **JSON).json()["remark"] == "x"


def test_the_life_of_a_contact(api, enterprise, people):
    contact = made(api)
    path = f"contacts/{contact['id']}"
    assert post(api, f"{path}/archive").json()["status"] == "archived"
    again = post(api, f"{path}/archive")
    assert again.status_code == 409 and again.json()["code"] == "not_active"
    assert post(api, f"{path}/restore").json()["status"] == "active"
    assert post(api, f"{path}/grade", {"grade": "high"}).json()["grade_source"] == "manual"
    assert post(api, f"{path}/grade", {"grade": None}).json()["grade_source"] == "auto"
    assert post(api, f"{path}/grade").status_code == 400
    owner = post(api, f"{path}/owner", {"owner": str(people["Bob"].pk)})
    assert owner.json()["owner"]["name"] == "Bob"
    assert post(api, f"{path}/owner", {"owner": str(uuid7())}).json()["errors"]["owner"]
    follow = post(api, f"{path}/follows", {"member": str(people["Anna"].pk), "remark": "x"})
    assert follow.status_code == 201 and len(follow.json()["followers"]) == 2
    assert post(api, f"{path}/follows", {"member": str(people["Anna"].pk)}).status_code == 200
    ended = api.delete(f"{ROOT}/{path}/follows/{people['Anna'].pk}?by=contact")
    assert ended.status_code == 204
    assert len(api.get(f"{ROOT}/{path}").json()["followers"]) == 1
    bought = post(api, f"{path}/purchases", {"order_no": "A", "amount": "5000.00", "paid_at": "2026-01-01T00:00:00Z"})
    assert bought.status_code == 201 and bought.json()["refund"] is False
    same = post(api, f"{path}/purchases", {"order_no": "A", "amount": "5000.00", "paid_at": "2026-01-01T00:00:00Z"})
    assert same.status_code == 200 and same.json() == bought.json()
    said = post(api, f"{path}/interactions", {"kind": "message_in", "key": "k", "data": {"text": "你好"}})
    assert said.status_code == 201 and said.json()["side"] == "customer"
    assert post(api, f"{path}/interactions", {"kind": "message_in", "key": "k"}).status_code == 200
    assert post(api, f"{path}/interactions", {"kind": "lost"}).status_code == 400
    events = api.get(f"{ROOT}/{path}/timeline").json()
    assert next(event["kind"] for event in events["results"]) == "message_in"
    assert "purchase" in {event["kind"] for event in events["results"]}
    first = api.get(f"{ROOT}/{path}/timeline?kinds=purchase,message_in&page_size=1").json()
    second = api.get(first["next"]).json()
    assert [first["results"][0]["kind"], second["results"][0]["kind"]] == ["message_in", "purchase"]
    assert api.get(second["previous"]).json()["results"] == first["results"]
    assert api.get(f"{ROOT}/{path}/timeline?kinds=x").status_code == 400


def test_tags_by_rest(api, anna):
    group = post(api, "tag-groups", {"name": "意向", "tags": ["高", "低"]}).json()
    high, low = (tag["id"] for tag in group["tags"])
    contact = made(anna)
    path = f"contacts/{contact['id']}/tags"
    tagged = post(anna, path, {"add": [high]}).json()["tags"]
    assert tagged == [{"id": high, "name": "高", "group": "意向"}]
    assert [tag["name"] for tag in post(anna, path, {"add": [low], "remove": [high]}).json()["tags"]] == ["低"]
    assert post(anna, path, {"add": [str(uuid7())]}).status_code == 400
    assert post(anna, "tags", {"group": group["id"], "name": "x"}).status_code == 403
    assert post(api, "tags", {"group": group["id"], "name": "高"}).json()["code"] == "name_taken"
    middle = post(api, "tags", {"group": group["id"], "name": "中"}).json()
    assert api.patch(f"{ROOT}/tags/{middle['id']}", {"name": "中等"}, **JSON).json()["name"] == "中等"
    assert len(anna.get(f"{ROOT}/contacts?tag_any={low}").json()["results"]) == 1
    assert api.delete(f"{ROOT}/tags/{low}").status_code == 204
    assert anna.get(f"{ROOT}/contacts/{contact['id']}").json()["tags"] == []
    assert [g["name"] for g in anna.get(f"{ROOT}/tag-groups").json()["results"]] == ["意向"]
    assert api.delete(f"{ROOT}/tag-groups/{group['id']}").status_code == 204
    assert anna.get(f"{ROOT}/tags").json()["results"] == []


def test_groups_by_rest(api, anna, people):
    group = post(api, "groups", {"name": "群", "owner": str(people["Anna"].pk)}).json()
    known = made(anna)
    body = {"people": [{"external_userid": "wmX", "name": "新人"}], "contacts": [known["id"]]}
    path = f"groups/{group['id']}"
    assert post(api, f"{path}/members", body).json()["size"] == 2
    inside = anna.get(f"{ROOT}/{path}/members").json()["results"]
    assert {row["contact"]["name"] for row in inside} == {"客户1", "新人"}
    assert len(anna.get(f"{ROOT}/contacts?group={group['id']}").json()["results"]) == 2
    assert post(anna, f"{path}/members", body).status_code == 403
    left = api.delete(f"{ROOT}/{path}/members", {"contacts": [known["id"]]}, **JSON)
    assert left.json()["size"] == 1
    renamed = api.patch(f"{ROOT}/{path}", {"name": "新群"}, **JSON, headers={"If-Match": '"1"'})
    assert renamed.json()["name"] == "新群"
    assert api.patch(f"{ROOT}/{path}", {"name": "x"}, **JSON, headers={"If-Match": '"1"'}).status_code == 412
    assert [row["name"] for row in anna.get(f"{ROOT}/groups?search=新").json()["results"]] == ["新群"]
    assert api.delete(f"{ROOT}/{path}").status_code == 204
    assert anna.get(f"{ROOT}/groups?dismissed=0").json()["results"] == []


def test_q10_a_refused_addition_says_what_helps_and_leaves_nothing(api, enterprise):
    with tenant(enterprise.pk):
        factories.reset_policy({"free_unverified": 1, "free_verified": 1})
        from quota.services import refresh_account

        refresh_account(enterprise)
    made(api)
    with tenant(enterprise.pk):
        before = state()
    answer = post(api, "contacts", {"external_userid": "wm2", "name": "x"})
    problem = answer.json()
    assert answer.status_code == 409 and problem["code"] == "quota_exceeded"
    assert (problem["served"], problem["capacity"]) == (1, 1) and problem["remedies"]
    with tenant(enterprise.pk):
        assert state() == before


ROUTES = [
    ("get", "contacts/{contact}", None),
    ("patch", "contacts/{contact}", {"name": "x"}),
    ("post", "contacts/{contact}/archive", {}),
    ("post", "contacts/{contact}/restore", {}),
    ("post", "contacts/{contact}/grade", {"grade": "high"}),
    ("post", "contacts/{contact}/owner", {"owner": "{me}"}),
    ("post", "contacts/{contact}/tags", {"add": [], "remove": []}),
    ("post", "contacts/{contact}/follows", {}),
    ("delete", "contacts/{contact}/follows/{me}", None),
    ("post", "contacts/{contact}/interactions", {"kind": "call"}),
    ("post", "contacts/{contact}/purchases", {"order_no": "A", "amount": "1"}),
    ("get", "contacts/{contact}/timeline", None),
    ("get", "contacts/{contact}/visibility", None),
    ("get", "groups/{group}", None),
    ("patch", "groups/{group}", {"name": "x"}),
    ("delete", "groups/{group}", None),
    ("get", "groups/{group}/members", None),
    ("post", "groups/{group}/members", {"people": [{"external_userid": "wmZ", "name": "z"}]}),
    ("post", "groups/{own}/members", {"contacts": ["{contact}"]}),
    ("delete", "groups/{own}/members", {"contacts": ["{contact}"]}),
]


def filled(value, names):
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    return {key: filled(one, names) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=[f"{method} {path}" for method, path, _b in ROUTES])
@pytest.mark.parametrize("whose", ["another enterprise", "invisible"])
def test_o5_what_one_may_not_see_answers_as_a_random_id(enterprise, other_enterprise, whose, method, path, body):
    where = enterprise if whose == "invisible" else other_enterprise
    with tenant(where.pk):
        admin = factories.super_admin(where)
        contact = factories.contact(admin)
        group = groups.create_group(admin, name="群")
        groups.invite(admin, group=group, people=[Person(contact.external_userid)])
        record_interaction(admin, contact=contact, kind="call")
    with tenant(enterprise.pk):
        mine = factories.super_admin(enterprise).member
        if whose == "invisible":
            mine = factories.member(role=GRADED_ADMIN)
        own = groups.create_group(factories.super_admin(enterprise), name="own", owner=mine)
        if whose == "invisible":
            mine.role.scope = "related"  # sees little, but holds every code
            mine.role.save()
        before = state()
    client = factories.api_client(enterprise, mine)
    names = {"me": str(mine.pk), "own": str(own.pk)}
    answers = []
    for ids in ({"contact": str(contact.pk), "group": str(group.pk)}, {"contact": str(uuid7()), "group": str(uuid7())}):
        call = getattr(client, method)
        extra = {} if body is None else {"data": filled(body, names | ids), **JSON}
        answer = call(f"{ROOT}/{path.format(**names, **ids)}", **extra)
        answers.append((answer.status_code, answer["Content-Type"], answer.json()))
    assert answers[0] == answers[1]
    assert answers[0][0] == (400 if "{own}" in path else 404)
    with tenant(enterprise.pk):
        after = state()
        assert {**after, "AuditEntry": []} == {**before, "AuditEntry": []}  # making the token is audited


def test_o5_lists_counts_and_searches_show_nothing_of_others(anna, bob, api, other_enterprise):
    made(anna, 1, name="秘密", phones=["13800138000"])
    stranger = factories.api_client(other_enterprise)
    for query in ("", "search=秘", "search=wm1", "search=13800138000", "owner=none", "status=active"):
        for client in (bob, stranger):
            answer = client.get(f"{ROOT}/contacts?count=1&{query}").json()
            assert answer["results"] == [] and answer["count"] == {"value": 0, "exact": True}
    assert api.get(f"{ROOT}/contacts?count=1").json()["count"]["value"] == 1
    with_own = made(bob, 2)
    assert [row["id"] for row in bob.get(f"{ROOT}/contacts").json()["results"]] == [with_own["id"]]


def test_visibility_says_who_and_why(anna, people):
    contact = made(anna)
    found = anna.get(f"{ROOT}/contacts/{contact['id']}/visibility").json()["results"]
    rules = {row["member"]["name"]: row["rules"] for row in found}
    assert rules.pop("Anna") == ["owner", "follower"]
    assert list(rules.values()) == [["everything"]]


def test_schema_has_no_warnings_and_every_route(client):
    schema = client.get(f"{ROOT}/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    for path in (
        "contacts",
        "contacts/{id}",
        "contacts/{id}/timeline",
        "tags",
        "tag-groups/{id}",
        "groups/{id}/members",
    ):
        assert f"/api/v1/{path}" in schema["paths"], sorted(schema["paths"])


def test_the_caller_is_read_as_it_is_stored(enterprise, people):
    """One statement, few columns: the objects equal those that the ORM reads; the rest is read when asked for."""
    from enterprises.models import ApiToken, Enterprise, Member
    from enterprises.tokens import create_token, find_token

    with tenant(enterprise.pk):
        actor = factories.actor(enterprise, people["Anna"])
        _token, secret = create_token(actor, member=actor.member, name="x")
        token, known = find_token(secret)
        member = Member.objects.select_related("role", "user").get(pk=people["Anna"].pk)
        pairs = [
            (token, ApiToken.objects.get(pk=token.pk)),
            (known, Enterprise.objects.get(pk=enterprise.pk)),
            (token.member, member),
            (token.member.role, member.role),
            (token.member.user, member.user),
        ]
        for read, stored in pairs:
            for field in stored._meta.concrete_fields:
                assert getattr(read, field.attname) == getattr(stored, field.attname), field


def test_c14_x1_times_without_an_offset_are_those_of_the_enterprise(enterprise):
    """On the night before the clocks change in Berlin, and on the day after."""
    Enterprise.objects.filter(pk=enterprise.pk).update(timezone="Europe/Berlin")
    api = factories.api_client(enterprise)
    with clock.at(datetime(2026, 3, 29, 20, tzinfo=UTC)):
        contact = post(api, "contacts", {"external_userid": "wm1", "name": "王小明"}).json()["id"]
        path = f"contacts/{contact}"
        for at, told in (("2026-03-29T01:30", "2026-03-29T00:30:00Z"), ("2026-03-29T03:30", "2026-03-29T01:30:00Z")):
            said = post(api, f"{path}/interactions", {"kind": "message_in", "at": at})
            assert said.json()["at"] == told
        bought = post(api, f"{path}/purchases", {"order_no": "A", "amount": "1", "paid_at": "2026-03-28T10:00:00"})
        assert bought.json()["paid_at"] == "2026-03-28T09:00:00Z"
        plan = post(api, f"{path}/follow-ups", {"text": "x", "next_at": "2026-07-01T10:00:00"})
        assert plan.json()["next_at"] == "2026-07-01T08:00:00Z"
        never = post(api, f"{path}/interactions", {"kind": "message_in", "at": "2026-03-29T02:30:00"})
        assert never.json()["at"] == "2026-03-29T01:30:00Z", "the clocks went from two to three"
        for year in ("0001-01-01", "9999-12-31T23:59:59"):
            beyond = post(api, f"{path}/follow-ups", {"text": "x", "next_at": year})
            assert (beyond.status_code, list(beyond.json()["errors"])) == (400, ["next_at"])
        offset = post(api, f"{path}/interactions", {"kind": "message_in", "at": "2026-03-29T02:30:00+08:00"})
        assert offset.json()["at"] == "2026-03-28T18:30:00Z"
    assert timezone.get_current_timezone_name() == "Asia/Shanghai", "nothing stays"
