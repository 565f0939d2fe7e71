"""U10: the two kinds of group chats are kept apart; who is in a space's group chat sees all the others (U6)."""

from functools import partial
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Conflict, Forbidden, Invalid
from contacts.services import groups
from enterprises.models import AuditEntry
from enterprises.policy import Policy
from enterprises.services import update_policy
from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import ChatSeat, Invitation, Partner, SpaceChat
from upstream.queries import chats as queries
from upstream.rules.chats import RULES, ChatKind, Misfit, Unfit, misfits
from upstream.rules.visibility import Ours, Rule, Theirs, World, decide
from upstream.services import chats, invitations, joining, members, partners, people, spaces, subgroups

A, B, C = (uuid4() for _ in range(3))
OURS, OTHERS = uuid4(), uuid4()
GROUP = uuid4()


# --- Rules ------------------------------------------------------------------------------------------------


def test_u10_the_kinds_differ_in_what_matters():
    facts = ("befriend", "private_chat", "wechat_users", "joining_joins_space", "read_receipts", "mass_messages")
    told = {kind: [getattr(rules, fact) for fact in facts] for kind, rules in RULES.items()}
    assert told == {
        ChatKind.CUSTOMER: [True, True, True, False, False, True],
        ChatKind.SPACE: [False, False, False, True, True, False],
    }
    assert [rules.people(Policy()) for rules in RULES.values()] == [500, 2000]
    assert [rules.served for rules in RULES.values()] == [True, False]
    assert all(rules.source for rules in RULES.values())


def world_of(*partners, open=False, rules=()):
    ours = {OURS: Ours(OURS), OTHERS: Ours(OTHERS)}
    return World(ours, {one.partner: one for one in partners}, tuple(rules), open)


@pytest.mark.parametrize(
    ("world", "ours", "theirs", "subgroup", "expected"),
    [
        (world_of(Theirs(A)), [OURS], [A], None, []),
        (world_of(Theirs(A), Theirs(B)), [OURS], [A, B], None, [Misfit(B, Unfit.CLOSED)]),
        (world_of(Theirs(A), Theirs(B), open=True), [OURS, OTHERS], [A, B], None, []),
        (world_of(Theirs(A)), [C], [B], None, [Misfit(C, Unfit.NOT_IN_SPACE), Misfit(B, Unfit.NOT_IN_SPACE)]),
        (
            world_of(Theirs(A), Theirs(B, frozenset({GROUP})), open=True),
            [OURS],
            [A, B],
            GROUP,
            [Misfit(A, Unfit.OTHER_SUBGROUP)],
        ),
        (
            world_of(Theirs(A), rules=[Rule(uuid4(), members=frozenset({OTHERS}), partners=frozenset({A}))]),
            [OTHERS, OURS],
            [A],
            None,
            [Misfit(A, Unfit.NO_CONTACT)],
        ),
    ],
    ids=["one", "closed", "open", "strangers", "subgroup", "rule"],
)
def test_u10_u6_who_goes_together(world, ours, theirs, subgroup, expected):
    assert misfits(world, ours, theirs, subgroup) == expected


IDS, STAFF = [uuid4() for _ in range(4)], [uuid4() for _ in range(3)]
some_staff, some_ids = st.frozensets(st.sampled_from(STAFF)), st.frozensets(st.sampled_from(IDS))


@given(
    st.lists(st.builds(Rule, st.just(GROUP), members=some_staff, partners=some_ids), max_size=2),
    st.booleans(),
    some_staff,
    st.permutations(IDS),
)
def test_u6_u10_nobody_is_let_in_who_does_not_see_everybody(rules, is_open, ours, theirs):
    world = World({pk: Ours(pk) for pk in STAFF}, {pk: Theirs(pk) for pk in IDS}, tuple(rules), is_open)
    out = {one.who for one in misfits(world, ours, theirs)}
    kept = [pk for pk in theirs if pk not in out]
    everybody = [world.members[pk] for pk in ours] + [world.partners[pk] for pk in kept]
    assert all(decide(world, one, other).visible for one in everybody for other in everybody)
    assert misfits(world, ours, kept) == []
    for pk in out:  # nor is anybody kept out who does
        others = [one for one in everybody if decide(world, one, world.partners[pk]).visible]
        assert len(others) < len(everybody)


# --- Services ---------------------------------------------------------------------------------------------


@pytest.fixture
def built(enterprise, scope):
    """An open space with two partners of a person each, and a group chat of the admin."""
    with scope():
        admin = factories.super_admin(enterprise)
        space = make_space(admin, partners_open=True)
        one, other = (make_partner(admin, space, name) for name in ("博森", "海拓"))
        seats = [make_person(admin, one, "王小明"), make_person(admin, other, "韩梅梅")]
        with transaction.atomic():
            chat = chats.create_chat(admin, space=space, name=" 新品 通知 ")
        return {"admin": admin, "space": space, "one": one, "other": other, "seats": seats, "chat": chat}


@pytest.fixture
def world(built, scope):
    """The same, with the scope open."""
    with scope():
        yield built


def inside(chat) -> set[str]:
    seats = ChatSeat.objects.filter(chat=chat).select_related("member", "person__person")
    names = {seat.member.name if seat.member else seat.person.person.name for seat in seats}
    assert SpaceChat.objects.get(pk=chat.pk).people == len(seats) == len(names)
    return names


pytestmark = pytest.mark.django_db


def test_u10_a_group_chat_has_its_owner_in_it_and_takes_people_of_the_space(world):
    admin, chat = world["admin"], world["chat"]
    assert (chat.name, chat.owner, inside(chat)) == ("新品 通知", admin.member, {admin.member.name})
    assert chats.add(admin, chat=chat, people=world["seats"]) == 2
    assert chats.add(admin, chat=chat, people=world["seats"], members=[admin.member]) == 0
    assert inside(chat) == {admin.member.name, "王小明", "韩梅梅"}
    assert chats.remove(admin, chat=chat, people=world["seats"][:1]) == 1
    assert inside(chat) == {admin.member.name, "韩梅梅"}
    actions = AuditEntry.objects.filter(action__startswith="space_chat").values_list("action", flat=True)
    assert sorted(actions) == ["space_chat.created", "space_chat.joined", "space_chat.left"]


def test_u6_u10_who_may_not_see_the_others_is_not_put_in(world):
    admin, chat, space = world["admin"], world["chat"], world["space"]
    spaces.edit_space(admin, space=space, changes={"partners_open": False})
    assert chats.add(admin, chat=chat, people=world["seats"][:1]) == 1
    with pytest.raises(chats.Unfitting) as refused, transaction.atomic():
        chats.add(admin, chat=chat, people=world["seats"][1:])
    assert (refused.value.extra["reason"], refused.value.extra["who"]) == ("closed", [str(world["other"].pk)])
    stranger = factories.member(name="周敏")
    with pytest.raises(chats.Unfitting) as refused, transaction.atomic():
        chats.add(admin, chat=chat, members=[stranger])
    assert refused.value.extra["reason"] == "not_in_space"
    assert inside(chat) == {admin.member.name, "王小明"}


def test_u10_a_group_chat_of_a_subgroup_takes_its_partners_and_those_below(world):
    admin, space = world["admin"], world["space"]
    above = subgroups.create_subgroup(admin, space=space, name="华南")
    below = subgroups.create_subgroup(admin, space=space, name="深圳", parent=above)
    partners.edit_partner(admin, partner=world["one"], changes={"subgroups": [below]})
    chat = chats.create_chat(admin, space=space, name="华南", subgroup=above)
    assert chats.add(admin, chat=chat, people=world["seats"][:1]) == 1
    with pytest.raises(chats.Unfitting) as refused, transaction.atomic():
        chats.add(admin, chat=chat, people=world["seats"][1:])
    assert refused.value.extra["reason"] == "other_subgroup"
    with pytest.raises(Conflict), transaction.atomic():
        subgroups.delete_subgroup(admin, subgroup=above)
    partners.edit_partner(admin, partner=world["one"], changes={"subgroups": []})
    assert [(one.who, one.why) for one in chats.unfitting(chat)] == [(world["one"].pk, Unfit.OTHER_SUBGROUP)]


def post(client, path, body):
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def test_u10_customers_and_partners_are_kept_apart_and_told_where_they_belong(enterprise, built, scope):
    admin, chat, seat = built["admin"], built["chat"], built["seats"][0]
    client = factories.api_client(enterprise)
    path = f"spaces/{built['space'].pk}/group-chats/{chat.pk}/members"
    with scope():
        customer = factories.contact(admin, name="李雷")
    answer = post(client, path, {"people": [str(customer.pk)]})
    assert (answer.status_code, answer.json()["code"]) == (409, "other_kind_of_chat")
    assert (answer.json()["kind"], answer.json()["contact"]) == ("customer", None)
    with scope():
        people.link_customer(admin, seat=seat, contact=customer)
    assert post(client, path, {"people": [str(customer.pk)]}).json()["contact"] == str(seat.pk)
    assert post(client, path, {"people": [str(uuid4())]}).status_code == 400
    with scope():
        assert inside(chat) == {admin.member.name}

    group = post(client, "groups", {"name": "客户群"}).json()
    answer = post(client, f"groups/{group['id']}/members", {"contacts": [str(seat.pk)]})
    assert (answer.status_code, answer.json()["code"]) == (409, "other_kind_of_chat")
    assert (answer.json()["kind"], answer.json()["space"]) == ("space", str(built["space"].pk))
    assert post(client, f"groups/{group['id']}/members", {"contacts": [str(uuid4())]}).status_code == 400
    assert client.get(f"/api/v1/groups/{group['id']}").json()["size"] == 0


def test_o5_who_does_not_see_the_person_is_told_of_nobody(enterprise, built, scope):
    with scope():
        role = factories.role("spaces.view", "spaces.edit", "contacts.view", "groups.manage", scope="own")
        staff = factories.member(name="周敏", role=role)
        members.add_members(built["admin"], space=built["space"], members=[staff])
        mine = chats.create_chat(factories.acting(enterprise, staff), space=built["space"], name="我的群")
        group = groups.create_group(factories.acting(enterprise, staff), name="客户群")
        customer = factories.contact(built["admin"], name="别人的客户")
        elsewhere = make_person(built["admin"], make_partner(built["admin"], make_space(built["admin"])))
    client = factories.api_client(enterprise, staff)
    path = f"spaces/{built['space'].pk}/group-chats"
    answers = [post(client, f"{path}/{mine.pk}/members", {"people": [str(pk)]}) for pk in (customer.pk, uuid4())]
    answers += [post(client, f"groups/{group.pk}/members", {"contacts": [str(pk)]}) for pk in (elsewhere.pk, uuid4())]
    assert [answer.status_code for answer in answers] == [400] * 4
    told = [answer.json()["errors"] for answer in answers]
    assert (told[0], told[2]) == (told[1], told[3])
    found = client.get(f"/api/v1/{path}").json()["results"]
    assert [one["id"] for one in found] == [str(mine.pk)], "the others' do not exist"
    assert client.get(f"/api/v1/{path}/{built['chat'].pk}").status_code == 404


def test_u10_the_owner_is_of_the_space_and_stays(enterprise, world):
    admin, space, chat = world["admin"], world["space"], world["chat"]
    staff = factories.member(name="周敏")
    with pytest.raises(Invalid), transaction.atomic():
        chats.edit_chat(admin, chat=chat, changes={"owner": staff})
    (seat,) = members.add_members(admin, space=space, members=[staff])
    with pytest.raises(Conflict) as refused, transaction.atomic():
        chats.remove(admin, chat=chat, members=[admin.member])
    assert refused.value.code == "owner_stays"
    chats.edit_chat(admin, chat=chat, changes={"owner": staff})
    assert inside(chat) == {admin.member.name, "周敏"}
    with pytest.raises(Conflict) as refused, transaction.atomic():
        members.remove_member(admin, seat=seat)
    assert refused.value.code == "owns_chats"
    chats.edit_chat(admin, chat=chat, changes={"owner": admin.member})
    members.remove_member(admin, seat=seat)
    assert inside(chat) == {admin.member.name}
    editor = factories.member(name="编辑", role=factories.role("spaces.view", "spaces.edit", scope="own"))
    members.add_members(admin, space=space, members=[editor])
    with pytest.raises(Forbidden), transaction.atomic():
        chats.create_chat(factories.acting(enterprise, editor), space=space, name="群", owner=admin.member)


@pytest.mark.parametrize("way", ["person", "partner", "move", "space"])
def test_u10_who_leaves_the_space_leaves_its_group_chats(world, way):
    admin, chat, seat = world["admin"], world["chat"], world["seats"][0]
    chats.add(admin, chat=chat, people=world["seats"])
    if way == "person":
        people.remove_person(admin, seat=seat)
    elif way == "partner":
        partners.remove_partner(admin, partner=world["one"])
    elif way == "move":
        partners.move_partner(admin, partner=world["one"], space=make_space(admin))
    else:
        for partner in (world["one"], world["other"]):
            partners.remove_partner(admin, partner=partner)
        spaces.delete_space(admin, space=world["space"])
        assert not SpaceChat.objects.exists() and not ChatSeat.objects.exists()
        return
    assert inside(chat) == {admin.member.name, "韩梅梅"}


def test_u10_a_dissolved_group_chat_is_empty_and_takes_nobody(world):
    admin, chat = world["admin"], world["chat"]
    chats.add(admin, chat=chat, people=world["seats"])
    chats.dismiss(admin, chat=chat)
    assert inside(chat) == set()
    for act in (partial(chats.add, people=world["seats"]), chats.dismiss, partial(chats.edit_chat, changes={})):
        with pytest.raises(Conflict) as refused, transaction.atomic():
            act(admin, chat=chat)
        assert refused.value.code == "group_dismissed"
    assert list(queries.chats(admin, world["space"], {"dismissed": "false"})) == []


# --- Joining by a link ------------------------------------------------------------------------------------


def join(enterprise, link, number=1):
    values = {"company": f"新公司{number}", "name": f"新人{number}", "phone": f"1390000{number:04}"}
    return joining.join(enterprise.code, link.code, **values)


def test_u10_u7_joining_the_group_chat_joins_the_space(enterprise, built, scope):
    admin, space = built["admin"], built["space"]
    with scope():
        chat = chats.create_chat(admin, space=space, name="公告群", joins_space=True)
        link = invitations.create_link(admin, chat=chat)
    assert joining.look(enterprise.code, link.code).chat == "公告群"
    assert join(enterprise, link).state == "joined"
    with scope():
        assert inside(chat) == {admin.member.name, "新人1"}
        assert Partner.objects.get(name="新公司1").space == space
        spaces.edit_space(admin, space=space, changes={"partners_open": False})
    waiting = join(enterprise, link, 2)
    assert (waiting.state, waiting.reason) == ("pending", "chat")
    with scope():
        assert not Partner.objects.filter(name="新公司2").exists(), "half of it is not done"
        chats.edit_chat(admin, chat=chat, changes={"joins_space": False})
        assert Invitation.objects.get(pk=link.pk).works is False


def test_u10_a_link_leads_only_into_group_chats_that_are_open_for_it(world):
    admin, space = world["admin"], world["space"]
    with pytest.raises(Conflict) as refused, transaction.atomic():
        invitations.create_link(admin, chat=world["chat"])
    assert refused.value.code == "link_not_for_chat"
    chats.edit_chat(admin, chat=world["chat"], changes={"joins_space": True})
    spaces.edit_space(admin, space=space, changes={"partners_open": False})
    chat = SpaceChat.objects.select_related("space").get()
    with pytest.raises(Conflict) as refused, transaction.atomic():
        invitations.create_link(admin, chat=chat)
    assert refused.value.code == "link_not_for_chat"
    with pytest.raises(Invalid), transaction.atomic():
        invitations.create_link(admin, chat=chat, space=make_space(admin))
    assert not Invitation.objects.exists()


def test_u10_u1_a_full_group_chat_lets_the_person_wait(enterprise, built, scope):
    admin, space = built["admin"], built["space"]
    with scope():
        chat = chats.create_chat(admin, space=space, name="公告群", joins_space=True)
        link = invitations.create_link(admin, chat=chat)
        update_policy(admin, values={"space_chat_people": 2})
    assert join(enterprise, link).state == "joined"
    waiting = join(enterprise, link, 2)
    assert (waiting.state, waiting.reason) == ("pending", "full")
    with scope():
        assert inside(chat) == {admin.member.name, "新人1"}
        assert Partner.objects.count() == 3


# --- API --------------------------------------------------------------------------------------------------


def test_u10_api(enterprise, built):
    client = factories.api_client(enterprise)
    path = f"/api/v1/spaces/{built['space'].pk}/group-chats"
    made = client.post(path, {"name": "公告", "joins_space": True}, content_type="application/json").json()
    assert (made["people"], made["unfitting"]) == ({"used": 1, "limit": 2000}, 0)
    one = f"{path}/{made['id']}"
    body = {"people": [str(seat.pk) for seat in built["seats"]]}
    assert client.post(f"{one}/members", body, content_type="application/json").json()["people"]["used"] == 3
    people_in = client.get(f"{one}/members").json()["results"]
    assert [(row["contact"] or row["member"])["name"] for row in people_in][1:] == ["王小明", "韩梅梅"]
    changed = client.patch(one, {"name": "通知"}, content_type="application/json", headers={"If-Match": '"1"'})
    assert changed.json()["name"] == "通知"
    stale = client.patch(one, {"name": "旧"}, content_type="application/json", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    link = {"chat": made["id"]}
    made_link = client.post("/api/v1/invitations", link, content_type="application/json").json()
    assert (made_link["chat"]["name"], made_link["space"]["id"]) == ("通知", str(built["space"].pk))
    assert [one["kind"] for one in client.get("/api/v1/group-chat-kinds").json()] == ["customer", "space"]
    assert client.delete(one).status_code == 204
    assert [row["id"] for row in client.get(f"{path}?dismissed=true").json()["results"]] == [made["id"]]
