"""O5: lists of somebody who sees many: the same contacts in the same order, whichever way they are read."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import paging
from contacts import sight
from contacts.filters import ContactFilter
from contacts.models import Contact, Grant
from contacts.services import relations
from tests import factories

PEOPLE = 12


@pytest.fixture
def seen(team):
    """Anna owns some of twelve, follows others, collaborates on one; another was hers, another grant has expired."""
    contacts = []
    for number in range(PEOPLE):
        follower = team.anna if number % 4 == 0 else team.bob
        made = factories.contact(team.admin, name=f"王{number:02}", follower=follower, added_at=day(number))
        Contact.objects.filter(pk=made.pk).update(spend_365d=number)
        contacts.append(made)
    for number in (1, 5, 6):
        relations.add_follow(team.admin, contact=contacts[number], member=team.anna)
    relations.end_follow(team.admin, contact=contacts[6], member=team.anna, by="member")
    for number, until in ((2, None), (3, factories.NOON - timedelta(days=1))):
        Grant.objects.create(contact=contacts[number], member=team.anna, level="viewer", expires_at=until)
    return [contacts[number].name for number in (0, 1, 2, 4, 5, 8)]


def day(number):
    return factories.NOON - timedelta(days=40 - number)


def names(asked, *, ordering="added_at", size=2):
    """All pages forth, and back again."""
    forth, cursor = [], None
    while True:
        page = paging.keyset(asked.listed(), near=asked.near(), ordering=ordering, size=size, cursor=cursor)
        forth.append([contact.name for contact in page.rows])
        cursor = page.next
        if cursor is None:
            break
    back = [forth[-1]]
    while page.previous:
        page = paging.keyset(asked.listed(), near=asked.near(), ordering=ordering, size=size, cursor=page.previous)
        back.insert(0, [contact.name for contact in page.rows])
    assert back == forth
    return [name for page in forth for name in page]


@pytest.mark.parametrize("reach", [1, 4, 4_000])
@pytest.mark.parametrize("selective", [-1, 5_000])
@pytest.mark.parametrize("few", [-1, 10_000])
@pytest.mark.parametrize("asked", [{}, {"kind": "wechat"}, {"tag_none": ["01a21529-5826-7768-b1d3-d1b73d5096a9"]}])
def test_o5_pages_are_the_same_whichever_way_they_are_read(team, seen, monkeypatch, asked, few, selective, reach):
    monkeypatch.setattr(sight, "NEAR", reach)
    monkeypatch.setattr(sight, "FEW", few)
    monkeypatch.setattr(sight, "VERY_SELECTIVE", selective)
    monkeypatch.setattr(sight, "SELECTIVE", -1)
    made = ContactFilter.from_params(asked, team.actors.anna)
    assert (made.near() is not None) == (few < 0 and selective < 0)
    for ordering, expected in (
        ("added_at", seen),
        ("-added_at", seen[::-1]),
        ("name", seen),
        ("-spend_cents", seen[::-1]),
    ):
        assert names(made, ordering=ordering) == expected
    assert (made.count().value, made.count().exact) == (len(seen), True)


@pytest.mark.parametrize("text", ["王", "王0", "w", "nobody"])
def test_c11_o5_a_search_of_somebody_who_sees_many_finds_what_they_see(team, seen, monkeypatch, text):
    for most in (10_000, -1):
        monkeypatch.setattr(sight, "FEW", most)
        monkeypatch.setattr(sight, "VERY_SELECTIVE", -1)
        made = ContactFilter.from_params({"search": text}, team.actors.anna)
        assert made.near() is None
        expected = seen if text in "王w" else seen[:6] if text == "王0" else []
        assert names(made) == expected
        assert made.count().value == len(expected)


def test_o5_a_filter_that_leaves_few_lets_a_list_be_walked_farther(team, seen, monkeypatch):
    monkeypatch.setattr(sight, "FEW", -1)
    monkeypatch.setattr(sight, "VERY_SELECTIVE", -1)
    made = ContactFilter.from_params({"kind": "wechat"}, team.actors.anna)
    assert made.near().reach == sight.FARTHER
    monkeypatch.setattr(sight, "SELECTIVE", 0)
    assert ContactFilter.from_params({"kind": "wechat"}, team.actors.anna).near().reach == sight.NEAR


def test_o5_the_page_is_read_once_where_they_lie_dense_and_again_where_they_do_not(team, seen, monkeypatch):
    monkeypatch.setattr(sight, "FEW", -1)
    monkeypatch.setattr(sight, "VERY_SELECTIVE", -1)
    monkeypatch.setattr(sight, "SELECTIVE", -1)
    for reach, reads in ((12, 1), (2, 2)):
        monkeypatch.setattr(sight, "NEAR", reach)
        made = ContactFilter.from_params({}, team.actors.anna)
        asked = made.listed(), made.near()
        with CaptureQueriesContext(connection) as captured:
            page = paging.keyset(asked[0], near=asked[1], ordering="added_at", size=4)
        assert [contact.name for contact in page.rows] == seen[:4] and len(captured) == reads
