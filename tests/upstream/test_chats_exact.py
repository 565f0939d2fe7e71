"""U10, Q10, U6: group chats under real parallel transactions, and with the guards removed."""

from functools import partial

import pytest
from django.db import transaction

from common.tenancy import tenant
from enterprises.services import update_policy
from tests import factories
from tests.parallel import in_parallel, meet
from tests.upstream.conftest import make_partner, make_person, make_space
from upstream.models import ChatSeat, PartnerContact, SpaceChat
from upstream.services import chats, limits
from upstream.services.limits import LimitReached


@pytest.fixture
def firm(committed_db):
    """An open space with 64 people of one partner, and a group chat with room for 10 of them."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        update_policy(admin, values={"space_chat_people": 11})
        space = make_space(admin)
        partner = make_partner(admin, space)
        seats = [make_person(admin, partner) for _ in range(64)]
        chats.create_chat(admin, space=space, name="群")
    return enterprise, [seat.pk for seat in seats]


def enter(enterprise, pk):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        try:
            with transaction.atomic():
                return chats.add(admin, chat=SpaceChat.objects.get(), people=[PartnerContact.objects.get(pk=pk)])
        except LimitReached:
            return 0


def test_u10_q10_64_people_and_10_places(firm):
    enterprise, seats = firm
    assert sum(in_parallel([partial(enter, enterprise, pk) for pk in seats])) == 10
    with tenant(enterprise.pk):
        assert SpaceChat.objects.get().people == ChatSeat.objects.count() == 11


def test_u10_q10_without_the_guards_everybody_gets_in(firm, monkeypatch):
    """The negative control: neither the chat's lock nor the conditional update."""
    enterprise, seats = firm

    def unguarded(model, pk, column, number, limit):
        fits = getattr(model.objects.get(pk=pk), column) + number <= limit
        meet()
        return fits

    monkeypatch.setattr(chats, "_living", lambda chat: SpaceChat.objects.select_related("space").get(pk=chat.pk))
    monkeypatch.setattr(limits, "_raise", unguarded)
    assert sum(in_parallel([partial(enter, enterprise, pk) for pk in seats[:12]])) == 12
    with tenant(enterprise.pk):
        assert ChatSeat.objects.count() == 13 > 11


def test_u6_u10_two_who_may_not_meet_and_come_at_once_do_not_both_get_in(committed_db):
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        space = make_space(admin)
        seats = [make_person(admin, make_partner(admin, space)).pk for _ in range(8)]
        chats.create_chat(admin, space=space, name="群")

    def come(pk):
        try:
            return enter(enterprise, pk)
        except chats.Unfitting:
            return 0

    assert sum(in_parallel([partial(come, pk) for pk in seats])) == 1
    with tenant(enterprise.pk):
        assert SpaceChat.objects.get().people == 2
