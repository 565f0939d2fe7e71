"""contacts.filters: each question, their combinations, and what a filter refuses."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Invalid
from common.ids import uuid7
from common.sql import execute
from common.tenancy import tenant
from contacts.filters import NAMES, ContactFilter
from contacts.models import Contact, Follow, FollowTag, GroupChat, GroupMember, Tag, TagGroup
from contacts.services.search_entries import index_one
from enterprises.models import Department
from tests import factories
from tests.contacts.lists import listed

pytestmark = pytest.mark.django_db


def names(actor, **params):
    return sorted(ContactFilter.from_params(params, actor).queryset().values_list("name", flat=True))


def test_every_filter_of_the_api_document_exists():
    assert {
        "search", "owner", "member", "grade", "status", "inactive", "tag_any", "tag_all", "tag_none", "added_after",
        "added_before", "last_contact_after", "last_contact_before", "department", "group", "activity",
    } <= set(NAMES)  # fmt: skip


def test_unknown_names_and_nonsense_are_refused(inside):
    with pytest.raises(Invalid) as refused:
        ContactFilter.from_params({"colour": "red", "grade": "high"}, inside)
    assert refused.value.code == "unknown_filter" and set(refused.value.errors) == {"colour"}
    nonsense = {
        "grade": "gold",
        "owner": "nobody",
        "inactive": "perhaps",
        "added_after": "yesterday",
        "added_before": "2026-02-30",
        "tag_any": ",".join(str(uuid7()) for _ in range(51)),
        "search": "x" * 129,
        "status": ["active", "asleep"],
        "source": ["link", "group"],
        "came_by": {"link": True},
    }
    with pytest.raises(Invalid) as refused:
        ContactFilter.from_params(nonsense, inside)
    assert set(refused.value.errors) == set(nonsense)
    with pytest.raises(Invalid):
        ContactFilter.from_params({"search": "a\0b"}, inside)


def test_a_filter_is_json_and_comes_back_from_it(inside):
    owner = inside.member_id
    query = QueryDict(f"grade=high,low&grade=middle&owner={owner}&inactive=1&added_after=2026-06-01&search=&tag_any=")
    made = ContactFilter.from_params(query, inside)
    assert made.params == {
        "grade": ["high", "low", "middle"],
        "owner": [str(owner)],
        "inactive": True,
        "added_after": "2026-06-01",
    }
    again = ContactFilter.from_params(json.loads(json.dumps(made.params)), inside)
    assert again.params == made.params
    assert str(again.queryset().query) == str(made.queryset().query)
    assert ContactFilter.from_params({}, inside).params == {}


def test_owner_member_department_and_group(inside, enterprise):
    china = Department.objects.create(name="中国")
    south = Department.objects.create(name="华南", parent=china)
    north = Department.objects.create(name="华北", parent=china)
    anna, bob = factories.member(department=south), factories.member(department=north)
    one = factories.contact(inside, name="one", follower=anna)
    two = factories.contact(inside, name="two", follower=bob)
    factories.contact(inside, name="three")
    Follow.objects.create(contact=two, member=anna, added_at=factories.NOON)
    Contact.objects.filter(name="three").update(owner=None)
    assert names(inside, owner=[str(anna.pk)]) == ["one"]
    assert names(inside, owner=f"{anna.pk},{bob.pk}") == ["one", "two"]
    assert names(inside, owner="none") == ["three"]
    assert names(inside, owner=["none", str(bob.pk)]) == ["three", "two"]
    assert names(inside, member=str(anna.pk)) == ["one", "two"]
    Follow.objects.filter(contact=two, member=anna).update(state=Follow.State.DELETED_BY_CONTACT)
    assert names(inside, member=str(anna.pk)) == ["one"]
    assert names(inside, member="me") == ["three"]
    assert names(inside, department=str(china.pk)) == ["one", "two"]
    assert names(inside, department=str(south.pk)) == ["one"]
    assert names(inside, department=[str(south.pk), str(north.pk)]) == ["one", "two"]
    group = GroupChat.objects.create(chat_id="g", name="群", owner=anna)
    GroupMember.objects.create(group=group, contact=one)
    GroupMember.objects.create(group=group, contact=two, left_at=factories.NOON)
    assert names(inside, group=str(group.pk)) == ["one"]
    assert names(inside, group=str(uuid7())) == names(inside, owner=str(uuid7())) == []


def test_grade_status_inactive_activity_kind_source(inside):
    factories.contact(inside, name="one", kind="wecom", source="qr")
    factories.contact(inside, name="two")
    Contact.objects.filter(name="one").update(grade="high", inactive=True, activity="frequent", status="archived")
    for params in ({"grade": "high"}, {"status": "archived"}, {"inactive": "true"}, {"activity": "frequent"}):
        assert names(inside, **params) == ["one"], params
    assert names(inside, kind="wecom") == names(inside, source="qr") == ["one"]
    assert names(inside, inactive=False) == ["two"]
    assert names(inside, grade="high,low") == ["one", "two"]
    assert names(inside, grade="high", status="active") == []


def test_days_are_those_of_the_enterprise_and_both_ends_count(inside):
    day = datetime(2026, 3, 1, tzinfo=UTC) - timedelta(hours=8)  # midnight in Shanghai
    moments = {
        "before": day - timedelta(microseconds=1),
        "first": day,
        "last": day + timedelta(days=1) - timedelta(microseconds=1),
        "after": day + timedelta(days=1),
    }
    for name, moment in moments.items():
        factories.contact(inside, name=name, added_at=moment)
    assert names(inside, added_after="2026-03-01", added_before="2026-03-01") == ["first", "last"]
    assert names(inside, last_contact_after="2026-03-02") == ["after"]
    assert names(inside, last_contact_before="2026-02-28") == ["before"]
    assert names(inside, added_after="2026-02-28T16:00:00Z", added_before="2026-03-01T16:00:00Z") == ["first", "last"]
    assert names(inside, added_after="2026-03-01T00:00:00 08:00", added_before="2026-03-02T00:00:00") == [
        "first",
        "last",
    ]


TAGS = "abcd"
subsets = st.sets(st.sampled_from(TAGS))


@settings(max_examples=60)
@given(data=st.lists(st.lists(subsets, max_size=2), min_size=1, max_size=5), asked=st.tuples(subsets, subsets, subsets))
def test_tag_any_all_none_are_what_sets_say(enterprise, data, asked):
    """C13 and the class of bugs where one tag filter silently removed another filter."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        FollowTag.objects.all().delete()
        Follow.objects.all().delete()
        Contact.objects.update(status="lost")
        group, _made = TagGroup.objects.get_or_create(name="g")
        tags = {name: Tag.objects.get_or_create(group=group, name=name)[0] for name in TAGS}
        members = [factories.member(), factories.member()]
        people = {}
        for follows in data:
            contact = Contact.objects.create(
                external_userid=str(uuid7()), name="x", added_at=factories.NOON, last_contact_at=factories.NOON
            )
            people[contact.pk] = set().union(*follows)
            for member, worn in zip(members, follows, strict=False):
                follow = Follow.objects.create(contact=contact, member=member, added_at=factories.NOON)
                FollowTag.objects.bulk_create(FollowTag(follow=follow, contact=contact, tag=tags[t]) for t in worn)
        some, every, none = asked
        params = {"tag_any": some, "tag_all": every, "tag_none": none}
        params = {name: [str(tags[t].pk) for t in sorted(chosen)] for name, chosen in params.items()}
        found = ContactFilter.from_params({**params, "status": "active"}, actor).queryset()
        expected = {
            pk for pk, worn in people.items() if (not some or worn & some) and every <= worn and not worn & none
        }
        assert set(found.values_list("pk", flat=True)) == expected


NAMES_OF_PEOPLE = ("王小明", "王芳", "李四", "Anna")
MOMENTS = [factories.NOON - timedelta(days=days) for days in (0, 3, 200)]
WORDS = {"wang": {"王小明", "王芳"}, "小": {"王小明"}, "lisi": {"李四"}, "a": {"Anna"}, "王 明": {"王小明"}}
some = st.sets(st.sampled_from(("high", "middle", "low")))
person = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES_OF_PEOPLE),
        "grade": st.sampled_from(("high", "middle", "low")),
        "status": st.sampled_from(("active", "archived", "lost")),
        "kind": st.sampled_from(("wechat", "wecom")),
        "activity": st.sampled_from(("frequent", "occasional", "never")),
        "inactive": st.booleans(),
        "owner": st.sampled_from((None, 0, 1)),
        "added_at": st.sampled_from(MOMENTS),
        "tags": subsets,
        "source": st.sampled_from(("", "qr")),
    }
)
# Each question with the same question in plain Python, of a person as drawn above.
QUESTIONS = {
    "grade": (some, lambda given, one: not given or one["grade"] in given),
    "status": (
        st.sets(st.sampled_from(("active", "archived", "lost"))),
        lambda given, one: not given or one["status"] in given,
    ),
    "kind": (st.sampled_from(("wechat", "wecom")), lambda given, one: one["kind"] == given),
    "activity": (
        st.sets(st.sampled_from(("frequent", "never"))),
        lambda given, one: not given or one["activity"] in given,
    ),
    "inactive": (st.booleans(), lambda given, one: one["inactive"] is given),
    "owner": (
        st.sets(st.sampled_from((None, 0, 1))),
        lambda given, one: not given or one["owner"] in given,
    ),
    "added_after": (st.sampled_from(MOMENTS), lambda given, one: one["added_at"] >= given),
    "added_before": (st.sampled_from(MOMENTS), lambda given, one: one["added_at"] < given),
    "tag_any": (subsets, lambda given, one: not given or bool(one["tags"] & given)),
    "tag_all": (subsets, lambda given, one: given <= one["tags"]),
    "tag_none": (subsets, lambda given, one: not one["tags"] & given),
    "source": (st.just("qr"), lambda given, one: one["source"] == given),
    "search": (st.sampled_from(sorted(WORDS)), lambda given, one: one["name"] in WORDS[given]),
}


@settings(max_examples=50)
@given(
    people=st.lists(person, min_size=1, max_size=6),
    asked=st.fixed_dictionaries({}, optional={name: given for name, (given, _test) in QUESTIONS.items()}),
)
def test_filters_combine_freely_and_are_what_plain_python_says(enterprise, people, asked):
    """All of them with each other; the list, the set and the count agree (O5, C11, C13)."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        execute("DELETE FROM contacts_searchentry; DELETE FROM contacts_followtag; DELETE FROM contacts_follow")
        execute("DELETE FROM contacts_contact")
        group, _made = TagGroup.objects.get_or_create(name="g")
        tags = {name: Tag.objects.get_or_create(group=group, name=name)[0] for name in TAGS}
        owners = [actor.member, factories.member()]
        keys = {}
        for number, one in enumerate(people):
            contact = Contact.objects.create(
                external_userid=str(number),
                last_contact_at=one["added_at"],
                owner=None if one["owner"] is None else owners[one["owner"]],
                **{name: value for name, value in one.items() if name not in ("owner", "tags", "source")},
            )
            index_one(contact)
            follow = Follow.objects.create(
                contact=contact, member=owners[1], added_at=factories.NOON, source=one["source"]
            )
            FollowTag.objects.bulk_create(FollowTag(follow=follow, contact=contact, tag=tags[t]) for t in one["tags"])
            keys[contact.pk] = one
        params = {}
        for name, given in asked.items():
            if name.startswith("tag_"):
                params[name] = [str(tags[t].pk) for t in given]
            elif name == "owner":
                params[name] = ["none" if owner is None else str(owners[owner].pk) for owner in given]
            else:
                params[name] = sorted(given) if isinstance(given, set) else given
        made = ContactFilter.from_params(params, actor)
        made = ContactFilter.from_params(json.loads(json.dumps(made.params)), actor)
        expected = {
            pk for pk, one in keys.items() if all(QUESTIONS[name][1](given, one) for name, given in asked.items())
        }
        assert set(made.queryset().values_list("pk", flat=True)) == expected
        assert {contact.pk for contact in listed(made)} == expected
        assert (made.count().value, made.count().exact) == (len(expected), True)


def test_o5_a_filter_never_shows_more_than_the_actor_sees(inside, enterprise):
    anna, bob = factories.member(), factories.member()
    factories.contact(inside, name="hers", follower=anna)
    factories.contact(inside, name="his", follower=bob)
    from enterprises.actors import Actor

    staff = Actor.of(enterprise, anna, "api")
    assert names(staff) == names(staff, search="h") == ["hers"]
    assert names(staff, owner=str(bob.pk)) == names(staff, search="his") == []
    assert names(staff, owner="me") == ["hers"]
