"""O5: lists of somebody who sees many: the same contacts in the same order, whichever way they are read."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from common import paging
from common.tenancy import tenant
from contacts import sight
from contacts.filters import ContactFilter
from contacts.models import Contact, Follow, Grant
from contacts.services import merges, relations
from tests import factories
from tests.parallel import in_parallel, meet

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


def page_of(asked, **place):
    return paging.keyset(asked.queryset(), ways=asked.ways, **place)


def names(asked, *, ordering="added_at", size=2):
    """All pages forth, back again, and by number."""
    forth, numbered, cursor = [], [], None
    while True:
        page = page_of(asked, ordering=ordering, size=size, cursor=cursor)
        forth.append([contact.name for contact in page.rows])
        page_by_number = page_of(asked, ordering=ordering, size=size, start=len(numbered) * size)
        numbered.append([contact.name for contact in page_by_number.rows])
        assert (page.next, page.previous) == (page_by_number.next, page_by_number.previous)
        cursor = page.next
        if cursor is None:
            break
    back = [forth[-1]]
    while page.previous:
        page = page_of(asked, ordering=ordering, size=size, cursor=page.previous)
        back.insert(0, [contact.name for contact in page.rows])
    assert back == forth == numbered
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
    for ordering, expected in (
        ("added_at", seen),
        ("-added_at", seen[::-1]),
        ("name", seen),
        ("-spend_cents", seen[::-1]),
    ):
        assert names(made, ordering=ordering) == expected
    assert (made.count().value, made.count().exact) == (len(seen), True)


def read_by(made, ordering, **place):
    """The page's names and the statements it took."""
    with CaptureQueriesContext(connection) as captured:
        page = page_of(made, ordering=ordering, **place)
    return [contact.name for contact in page.rows], [one["sql"] for one in captured]


@pytest.mark.parametrize("few", [-1, 10_000])
def test_o5_a_page_by_date_is_one_statement_however_many_somebody_sees(team, seen, monkeypatch, few):
    monkeypatch.setattr(sight, "FEW", few)
    made = ContactFilter.from_params({"kind": "wechat"}, team.actors.anna)
    for size, expected in ((2, seen[:2]), (20, seen)):
        found, statements = read_by(made, "added_at", size=size)
        assert (found, len(statements)) == (expected, 1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"added_after": day(2).isoformat()}, slice(2, None)),
        ({"added_before": day(2).isoformat()}, slice(0, 2)),
        ({"last_contact_before": day(2).isoformat()}, slice(0, 1)),  # the second was befriended later
        ({"known_days": "36"}, slice(0, 4)),
        ({"silent_days": "36"}, slice(0, 4)),
    ],
)
def test_o5_a_filter_by_date_bounds_what_is_read_of_each_index(team, seen, asked, expected):
    made = ContactFilter.from_params(asked, team.actors.anna)
    found, [statement] = read_by(made, "added_at", size=20)
    assert found == seen[expected]
    bound = ">=" if "added_after" in asked else "<"
    for column in ('"contacts_contact"."added_at"', '"contacts_follow"."contact_added_at"'):
        assert f"{column} {bound}" in statement
    assert f'"contacts_grant"."contact_added_at" {bound}' in statement


@pytest.mark.parametrize("text", ["王", "王0", "w", "nobody"])
def test_c11_o5_a_search_of_somebody_who_sees_many_finds_what_they_see(team, seen, monkeypatch, text):
    for most in (10_000, -1):
        monkeypatch.setattr(sight, "FEW", most)
        monkeypatch.setattr(sight, "VERY_SELECTIVE", -1)
        made = ContactFilter.from_params({"search": text}, team.actors.anna)
        expected = seen if text in "王w" else seen[:6] if text == "王0" else []
        assert names(made) == expected
        assert made.count().value == len(expected)


def test_o5_a_filter_that_leaves_few_lets_a_list_be_walked_farther(team, seen, monkeypatch):
    monkeypatch.setattr(sight, "FEW", -1)
    monkeypatch.setattr(sight, "VERY_SELECTIVE", -1)
    monkeypatch.setattr(sight, "NEAR", 2)
    for selective, reads in ((50_000, 1), (0, 2)):
        monkeypatch.setattr(sight, "SELECTIVE", selective)
        made = ContactFilter.from_params({"kind": "wechat"}, team.actors.anna)
        assert made.count().value == len(seen)  # what is expected is known by now
        found, statements = read_by(made, "name", size=4)
        assert (found, len([one for one in statements if "EXPLAIN" not in one])) == (seen[:4], reads)


def test_o5_the_page_is_read_once_where_they_lie_dense_and_again_where_they_do_not(team, seen, monkeypatch):
    monkeypatch.setattr(sight, "FEW", -1)
    monkeypatch.setattr(sight, "VERY_SELECTIVE", -1)
    monkeypatch.setattr(sight, "SELECTIVE", -1)
    for reach, reads in ((12, 1), (2, 2)):
        monkeypatch.setattr(sight, "NEAR", reach)
        made = ContactFilter.from_params({}, team.actors.anna)
        assert made.count().value == len(seen)
        found, statements = read_by(made, "name", size=4)
        assert (found, len([one for one in statements if "EXPLAIN" not in one])) == (seen[:4], reads)


# --- Who sees all -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reach", [1, 4_000])
@pytest.mark.parametrize("selective", [-1, 5_000])
@pytest.mark.parametrize("who", ["admin", "graded"])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"kind": "wechat"}, range(12)),
        ({"relation": "friend"}, range(12)),
        ({"came_by": "none", "added_before": day(4).isoformat()}, range(4)),
        ({"relation": "group_only"}, ()),
        ({"inactive": "false", "tag_none": ["01a21529-5826-7768-b1d3-d1b73d5096a9"], "known_days": "36"}, range(5)),
    ],
)
def test_o4_pages_of_an_admin_are_the_same_whichever_way(
    team, seen, monkeypatch, asked, expected, who, selective, reach
):
    monkeypatch.setattr(sight, "NEAR", reach)
    monkeypatch.setattr(sight, "VERY_SELECTIVE", selective)
    actor = team.admin if who == "admin" else team.actors.graded
    visible = set(Contact.objects.visible_to(actor).values_list("name", flat=True))
    assert who == "graded" or len(visible) == PEOPLE
    inside = [f"王{number:02}" for number in expected if f"王{number:02}" in visible]
    made = ContactFilter.from_params(asked, actor)
    for ordering in ("added_at", "-added_at", "name", "-spend_cents"):
        wanted = inside[::-1] if ordering.startswith("-") else inside
        if wanted:
            assert names(made, ordering=ordering) == wanted
        else:
            assert page_of(made, ordering=ordering, size=2).rows == []


def test_o4_what_leaves_few_is_gathered_before_it_is_put_in_order(team, seen, monkeypatch):
    """An index in that order may have all of them at its end. By date filters have indexes of their own."""
    made = ContactFilter.from_params({"inactive": "false"}, team.admin)
    for ordering, selective, gathered in (("name", 5_000, True), ("name", -1, False), ("added_at", 5_000, False)):
        monkeypatch.setattr(sight, "VERY_SELECTIVE", selective)
        found, statements = read_by(made, ordering, size=4)
        assert found == ["王00", "王01", "王02", "王03"]
        assert ("= ANY (ARRAY(" in statements[-1]) == gathered


@pytest.mark.parametrize("reach", [2, 4_000])
def test_q1_who_has_no_friend_is_sought_nearby_and_then_gathered(team, seen, monkeypatch, reach):
    """Statistics do not tell how many they are: walking on would look at everybody where there are none."""
    monkeypatch.setattr(sight, "NEAR", reach)
    for number in (0, 1, 9):
        Follow.objects.filter(contact__name=f"王{number:02}").update(state=Follow.State.DELETED_BY_MEMBER)
    made = ContactFilter.from_params({"relation": "group_only"}, team.admin)
    for size, near in ((2, reach == 4_000), (3, False)):
        found, statements = read_by(made, "added_at", size=size)
        assert found == ["王00", "王01", "王09"][:size]
        assert ("= ANY (ARRAY(" in statements[-1], len(statements)) == (not near, 1 if near else 2)


# --- When the contact was added, in its relations ---------------------------------------------------------


def dates_agree():
    """Does every relation say when its contact was added? At least one of each kind is there."""
    for relation in (Follow, Grant):
        assert relation.objects.exists()
        assert not relation.objects.exclude(contact_added_at=F("contact__added_at")).exists()


def test_c1_o5_relations_know_when_their_contact_was_added_whatever_becomes_of_it(team):
    kept = factories.contact(team.admin, follower=team.anna, added_at=day(20))
    gone = factories.contact(team.admin, follower=team.bob, added_at=day(3))
    for contact, member in ((kept, team.bob), (gone, team.carl)):
        Grant.objects.create(contact=contact, member=member, level="viewer")
    dates_agree()
    made = merges.merge(team.admin, contact=kept, gone=gone)
    assert set(Follow.objects.filter(contact=kept).values_list("contact_added_at", flat=True)) == {day(3)}
    dates_agree()
    merges.undo(team.admin, merge=made)
    assert set(Follow.objects.filter(contact=kept).values_list("contact_added_at", flat=True)) == {day(20)}
    dates_agree()
    Contact.objects.update(added_at=day(1))
    Contact.objects.filter(pk=gone.pk).update(added_at=day(2))
    Follow.objects.update(contact=gone)
    dates_agree()


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("first", ["merge", "follow"])
def test_c1_o5_who_befriends_a_contact_during_a_merge_waits_for_it_and_it_for_them(first):
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        kept = factories.contact(actor, added_at=day(20))
        gone = factories.contact(actor, added_at=day(3))
        member = factories.member()

    def merging():
        with tenant(enterprise.pk):
            if first == "follow":
                meet()
            merges.merge(factories.super_admin(enterprise), contact=kept, gone=gone)
            if first == "merge":
                meet()
                factories.wait_for_blocked()

    def befriending():
        with tenant(enterprise.pk):
            if first == "merge":
                meet()
            Follow.objects.create(contact=kept, member=member, added_at=factories.NOON)
            if first == "follow":
                meet()
                factories.wait_for_blocked()

    in_parallel([merging, befriending])
    with tenant(enterprise.pk):
        follows = Follow.objects.filter(contact=kept)
        assert follows.filter(member=member).exists()
        assert set(follows.values_list("contact_added_at", flat=True)) == {day(3)}
