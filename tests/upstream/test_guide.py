"""U10: customer or partner, and which kind of group chat? The criteria as tables, and the page that asks them."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from enterprises.policy import Policy
from tests import factories
from upstream.rules import guide
from upstream.rules.chats import RULES, ChatKind
from upstream.rules.guide import Purpose, Relation, WhyChat, WhyRelation

CUSTOMER, SPACE = ChatKind.CUSTOMER, ChatKind.SPACE


@pytest.mark.parametrize(
    ("company", "wecom", "several", "expected"),
    [
        (False, False, False, (Relation.CUSTOMER, WhyRelation.CONSUMER)),
        (False, False, True, (Relation.CUSTOMER, WhyRelation.CONSUMER)),
        (False, True, False, (Relation.CUSTOMER, WhyRelation.CONSUMER)),
        (False, True, True, (Relation.CUSTOMER, WhyRelation.CONSUMER)),
        (True, False, False, (Relation.CUSTOMER, WhyRelation.NO_WECOM)),
        (True, False, True, (Relation.CUSTOMER, WhyRelation.NO_WECOM)),
        (True, True, False, (Relation.BOTH, WhyRelation.ONE_CONTACT)),
        (True, True, True, (Relation.PARTNER, WhyRelation.COMPANY)),
    ],
)
def test_u10_customer_or_partner(company, wecom, several, expected):
    assert guide.relation(company=company, wecom=wecom, several=several) == expected


@pytest.mark.parametrize(
    ("purpose", "people", "wechat", "kind", "why", "mind"),
    [
        (Purpose.TALK, 20, False, CUSTOMER, WhyChat.FRIENDS, ()),
        (Purpose.TALK, 500, False, CUSTOMER, WhyChat.FRIENDS, ()),
        (Purpose.TALK, 501, False, SPACE, WhyChat.LARGE, (WhyChat.NO_FRIENDS,)),
        (Purpose.TALK, 2001, False, SPACE, WhyChat.LARGE, (WhyChat.NO_FRIENDS, WhyChat.SEVERAL)),
        (Purpose.TALK, 501, True, CUSTOMER, WhyChat.WECHAT, (WhyChat.SEVERAL,)),
        (Purpose.ANNOUNCE, 20, False, SPACE, WhyChat.CLOSED, ()),
        (Purpose.ANNOUNCE, 2000, False, SPACE, WhyChat.CLOSED, ()),
        (Purpose.ANNOUNCE, 2001, False, SPACE, WhyChat.CLOSED, (WhyChat.SEVERAL,)),
        (Purpose.ANNOUNCE, 20, True, CUSTOMER, WhyChat.WECHAT, (WhyChat.NOT_APART,)),
        (Purpose.ANNOUNCE, 501, True, CUSTOMER, WhyChat.WECHAT, (WhyChat.NOT_APART, WhyChat.SEVERAL)),
    ],
)
def test_u10_which_kind_of_group_chat(purpose, people, wechat, kind, why, mind):
    assert guide.chat(Policy(), purpose=purpose, people=people, wechat=wechat) == guide.Advice(kind, why, mind)


@given(st.sampled_from(Purpose), st.integers(2, 5000), st.booleans(), st.integers(3, 800), st.integers(3, 3000))
def test_u10_the_advice_never_puts_wechat_users_where_they_cannot_be(purpose, people, wechat, small, large):
    policy = Policy.from_overrides({"customer_chat_people": small, "space_chat_people": large})
    advice = guide.chat(policy, purpose=purpose, people=people, wechat=wechat)
    assert RULES[advice.kind].wechat_users or not wechat
    assert (WhyChat.SEVERAL in advice.mind) == (people > RULES[advice.kind].people(policy))
    assert (WhyChat.NOT_APART in advice.mind) == (purpose == Purpose.ANNOUNCE and RULES[advice.kind].befriend)


@pytest.mark.django_db
def test_u10_the_guide_answers_by_its_address(enterprise, scope):
    client = Client()
    with scope():
        client.force_login(factories.super_admin(enterprise).member.user)
    page = f"/e/{enterprise.code}/spaces/guide/"
    assert "data-answer" not in client.get(page).content.decode()
    relation = client.get(page, {"ask": "relation", "company": "yes", "wecom": "yes", "several": "no"})
    assert relation.status_code == 200
    assert 'data-answer="both"' in relation.content.decode()
    chat = client.get(page, {"ask": "chat", "purpose": "announce", "people": "800", "wechat": "no"}).content.decode()
    assert 'data-answer="space"' in chat
    for wrong in ({"people": "1"}, {"people": "x"}, {"purpose": "other"}, {"wechat": ""}):
        asked = {"ask": "chat", "purpose": "talk", "people": "20", "wechat": "no", **wrong}
        answer = client.get(page, asked)
        assert answer.status_code == 400
        assert "data-answer" not in answer.content.decode()
