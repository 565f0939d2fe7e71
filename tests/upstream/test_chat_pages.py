"""U10: a space's group chats in the console."""

import pytest
from django.test import Client

from tests import factories
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import ChatSeat, Invitation, SpaceChat
from upstream.services import spaces

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(enterprise, scope):
    with scope():
        admin = factories.super_admin(enterprise)
        space = make_space(admin, partners_open=True)
        seats = [make_person(admin, make_partner(admin, space, name), name) for name in ("博森", "海拓", "启明")]
    client = Client()
    client.force_login(admin.member.user)
    return {"admin": admin, "space": space, "seats": seats, "client": client}


def test_u10_make_a_group_chat_put_people_in_and_invite_by_its_link(enterprise, scope, world):
    client, page = world["client"], f"/e/{enterprise.code}/spaces/{world['space'].pk}/chats/"
    owner = str(world["admin"].member_id)
    made = client.post(f"{page}new/", {"name": "公告群", "owner": owner, "joins_space": "on"}, follow=True)
    chat = made.redirect_chain[-1][0]
    assert "博森" in made.content.decode()
    body = client.post(chat, {"people": [str(seat.pk) for seat in world["seats"][:2]]}, follow=True).content.decode()
    assert [body.count(f"/partners/{seat.partner_id}/") for seat in world["seats"]] == [1, 1, 0]
    with scope():
        seat = ChatSeat.objects.get(person=world["seats"][0])
        assert SpaceChat.objects.get().people == 3
    assert client.post(f"{chat}remove/", {"seat": str(seat.pk)}).status_code == 302
    invitation = client.post(f"{chat}link/", follow=True)
    assert "公告群" in invitation.content.decode()
    with scope():
        code = Invitation.objects.get(chat__name="公告群").code
    assert "公告群" in Client().get(f"/space/{enterprise.code}/{code}/").content.decode()
    assert client.post(f"{chat}dismiss/").status_code == 302
    assert chat not in client.get(page).content.decode()
    assert chat in client.get(f"{page}?dismissed=true").content.decode()


def test_u10_u6_a_refusal_stands_on_the_page_and_who_fits_no_more_is_marked(enterprise, scope, world):
    client, page = world["client"], f"/e/{enterprise.code}/spaces/{world['space'].pk}/chats/"
    owner = str(world["admin"].member_id)
    chat = client.post(f"{page}new/", {"name": "公告群", "owner": owner}, follow=True).redirect_chain[-1][0]
    client.post(chat, {"people": [str(seat.pk) for seat in world["seats"][:2]]})
    with scope():
        spaces.edit_space(world["admin"], space=world["space"], changes={"partners_open": False})
    assert client.get(chat).content.decode().count("请每家单独建群") == 1
    refused = client.post(chat, {"people": str(world["seats"][2].pk)})
    assert refused.status_code == 409
    assert refused.content.decode().count("请每家单独建群") == 2
    with scope():
        assert SpaceChat.objects.get().people == 3


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_of_a_group_chat_asks_as_often_for_many(enterprise, world, number, django_assert_max_num_queries):
    client, page = world["client"], f"/e/{enterprise.code}/spaces/{world['space'].pk}/chats/"
    owner = str(world["admin"].member_id)
    chat = client.post(f"{page}new/", {"name": "群", "owner": owner}, follow=True).redirect_chain[-1][0]
    client.post(chat, {"people": [str(seat.pk) for seat in world["seats"][:number]]})
    client.get(chat)
    with django_assert_max_num_queries(40) as asked:
        client.get(chat)
    QUERIES.add(len(asked))
    assert len(QUERIES) == 1


QUERIES: set[int] = set()
