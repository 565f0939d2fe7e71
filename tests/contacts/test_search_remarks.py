"""Remarks of friends are searched, and what they are found by follows every service that writes friends (C11)."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Refusal
from common.tenancy import tenant
from contacts import search
from contacts.filters import ContactFilter
from contacts.models import Contact, ContactMerge, Follow, SearchEntry
from contacts.services import contacts, merges, relations
from contacts.services.search_entries import index
from tests import factories
from tests.contacts.bulk import do
from tests.contacts.entries import stale
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture
from tests.contacts.lists import listed

pytestmark = pytest.mark.django_db

WRITES = re.compile(
    r"(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+contacts_follow\b|(?<!class )\bFollow\(\w|\bfollow\.save\("
    r"|\bFollow\.objects\.(create|bulk_|update|get_or|filter\([^\n]*\)\.(update|delete))|[\"']contacts_follow[\"'](?!:)"
)
# Who writes friends, and why no entry is stale after it. Whoever is new here says so, and gets a test below.
WRITERS = {
    "contacts/services/steps.py": "indexes when a remark is new",
    "contacts/services/contacts.py": "indexes what is edited",
    "contacts/services/relations.py": "only ends them: the remarks of former friends stay",
    "contacts/services/imports/contacts.py": "indexes each batch",
    "contacts/services/imports/remarks.py": "before the index of the batch",
    "contacts/services/merge_rows.py": "merges index both, there and back",
    "contacts/services/bulk/removal.py": "deletes the entry as well",
    "collaboration/services/transfers/settling.py": "a remark goes on to the heir of a friendship that keeps it",
    "collaboration/services/duplicates.py": "only ends them and takes that back",
}


def found(actor, text):
    asked = ContactFilter.from_params({"search": text}, actor)
    names = sorted(asked.queryset().values_list("name", flat=True))
    assert sorted(contact.name for contact in listed(asked)) == names
    return names


def suggested(actor, text):
    return [(one.contact.name, one.called) for one in search.suggestions(actor, text)]


def add(actor, remark, key="wmA", name="王小明", **fields):
    return contacts.add_contact(actor, external_userid=key, name=name, remark=remark, **fields)[0]


@pytest.fixture
def shared(team):
    """王小明, whom Anna calls 大客户 and Carl 老李; the contact's own remark is Anna's."""
    contact = add(team.actors.anna, "大客户")
    add(team.actors.carl, "老李")
    return contact


@pytest.mark.parametrize("few", [search.FEW, 0])
def test_c11_the_remark_of_every_friend_finds(team, shared, few, monkeypatch):
    monkeypatch.setattr(search, "FEW", few)
    for text in ("老李", "laoli", "ll", "老 li"):
        assert found(team.admin, text) == found(team.actors.anna, text) == ["王小明"]
    assert suggested(team.actors.anna, "老李") == suggested(team.admin, "lao") == [("王小明", "老李")]
    assert suggested(team.admin, "大客") == suggested(team.admin, "wxm") == [("王小明", "")]
    assert found(team.admin, "大李") == []


def test_o5_a_remark_finds_for_those_who_see_the_contact(team, shared):
    assert found(team.actors.bob, "老李") == suggested(team.actors.bob, "老李") == []
    assert found(team.actors.graded, "老李") == found(team.actors.carl, "大客户") == ["王小明"]


def test_c11_whoever_sees_a_contact_sees_the_remarks_of_its_friends(enterprise):
    """Why no more is asked of who is found: the page and the API show them, the page those of former friends too."""
    with tenant(enterprise.pk):
        anna, carl = factories.member("Anna"), factories.member("Carl")
        contact = add(factories.actor(enterprise, anna), "大客户")
        add(factories.actor(enterprise, carl), "老李")
    document = factories.api_client(enterprise, anna).get(f"/api/v1/contacts/{contact.pk}").json()
    assert [one["remark"] for one in document["followers"]] == ["大客户", "老李"]
    with tenant(enterprise.pk):
        relations.end_follow(factories.actor(enterprise, carl), contact=contact, member=carl, by="member")
    browser = Client()
    browser.force_login(anna.user)
    assert "老李" in browser.get(f"/e/{enterprise.code}/contacts/{contact.pk}/followers/").content.decode()
    with tenant(enterprise.pk):
        assert stale() == 0
        assert found(factories.actor(enterprise, anna), "老李") == ["王小明"]
        assert found(factories.actor(enterprise, carl), "老李") == []


def test_c11_names_and_remarks_of_friends_rank_before_companies(inside, team):
    factories.contact(inside, name="赵", company="老李公司")
    add(team.actors.anna, "老李", key="wmB", name="钱")
    add(team.actors.carl, "老李明", key="wmB", name="钱")
    add(team.actors.anna, "小张", key="wmC", name="孙")
    add(team.actors.carl, "老李明", key="wmC", name="孙")
    assert suggested(inside, "老李") == [("钱", ""), ("孙", "老李明"), ("赵", "")]


def test_c11_its_own_names_come_before_those_of_friends_and_those_before_parts(inside, team, django_assert_num_queries):
    add(inside, "", key="wmB", name="老李")
    add(inside, "老李", key="wmC", name="钱")
    for member, remark in ((team.actors.anna, "孙"), (team.actors.carl, "老李")):
        add(member, remark, key="wmD", name="孙")
    add(inside, "", key="wmE", name="老李明")
    assert suggested(inside, "老李") == suggested(inside, "laoli") == [
        ("钱", ""), ("老李", ""), ("孙", "老李"), ("老李明", ""),
    ]  # fmt: skip
    # Friends are not asked where they could not change who is shown.
    with django_assert_num_queries(2):
        assert [one.contact.name for one in search.suggestions(inside, "老李", size=2)] == ["钱", "老李"]
    with django_assert_num_queries(3):
        assert [one.contact.name for one in search.suggestions(inside, "老李", size=3)] == ["钱", "老李", "孙"]


def test_c11_a_remark_that_is_renewed_replaces_the_old_one(team, shared):
    relations.end_follow(team.actors.carl, contact=shared, member=team.carl, by="contact")
    assert relations.add_follow(team.actors.carl, contact=shared, remark="赵工")
    assert (stale(), found(team.admin, "老李"), found(team.admin, "赵工")) == (0, [], ["王小明"])
    relations.end_follow(team.actors.carl, contact=shared, member=team.carl, by="contact")
    assert relations.add_follow(team.actors.carl, contact=shared)
    assert (stale(), found(team.admin, "赵工")) == (0, ["王小明"])
    # The contact's own remark: nobody's alone any more.
    relations.end_follow(team.actors.carl, contact=shared, member=team.carl, by="contact")
    contacts.report_contact(team.admin, external_userid="wmA", name="x", follower=team.carl, remark="大客户")
    assert (stale(), found(team.admin, "赵工"), found(team.admin, "大客户")) == (0, [], ["王小明"])


def test_c11_an_edited_contact_keeps_what_its_other_friends_call_it(team, shared):
    """The remark is its owner's word, whoever edits it: their old one finds nobody any more."""
    contacts.edit_contact(team.actors.anna, contact=shared, remark="甲方")
    assert stale() == 0
    assert [found(team.admin, text) for text in ("甲方", "大客户", "老李")] == [["王小明"], [], ["王小明"]]


def test_c11_a_merge_takes_remarks_along_and_brings_them_back(team, shared):
    other = add(team.actors.bob, "老王", key="wmB", name="王明")
    merge = merges.merge(team.admin, contact=other, gone=shared)
    assert (stale(), found(team.admin, "老李"), found(team.admin, "老王")) == (0, ["王明"], ["王明"])
    merges.undo(team.admin, merge=merge)
    assert (stale(), found(team.admin, "老李"), found(team.admin, "老王")) == (0, ["王小明"], ["王明"])


def test_c11_imports_keep_entries_of_friends(enterprise, run_import):  # noqa: F811
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        friend = factories.member(name="李四")
    header = ("external_userid", "name", "remark", "owner")
    for row in (("wm1", "王小明", "大客户", ""), ("wm1", "", "老李", friend.userid), ("wm1", "", "甲方", "")):
        run_import(as_csv(header, row))
        with tenant(enterprise.pk):
            assert stale() == 0
    with tenant(enterprise.pk):
        assert [found(actor, text) for text in ("大客户", "老李", "甲方")] == [[], ["王小明"], ["王小明"]]


def test_c11_bulk_deletion_leaves_no_entry(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        contact = add(actor, "老李")
        contacts.archive_contact(actor, contact=contact)
    do(enterprise, "delete", ids=[contact.pk], params={"count": 1})
    with tenant(enterprise.pk):
        assert not SearchEntry.objects.exists() and not Follow.objects.exists()


def test_c11_remarks_changed_past_the_services_are_noticed(team, shared):
    Follow.objects.filter(member=team.carl).update(remark="孙总")
    assert found(team.admin, "孙总") == [] and stale() == 1
    assert (index([shared.pk]), index([shared.pk])) == (1, 0)
    assert found(team.admin, "孙总") == ["王小明"] and found(team.admin, "老李") == []


def test_c11_whoever_writes_friends_is_known():
    root = Path(django_settings.BASE_DIR)
    apps = ("common", "enterprises", "jobs", "quota", "contacts", "collaboration", "upstream", "console", "scrm")
    files = [path for app in apps for path in (root / app).rglob("*.py") if "migrations" not in path.parts]
    writers = {str(path.relative_to(root)) for path in files if WRITES.search(path.read_text())}
    assert writers == set(WRITERS)


# --- Any order of services -------------------------------------------------------------------------------------

REMARKS = ("", "阿宝", "老客", "大叔")
PEOPLE = ("anna", "bob", "carl")
KEYS = ("wmA", "wmB")
steps = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(PEOPLE), st.sampled_from(KEYS), st.sampled_from(REMARKS)),
    st.tuples(st.just("end"), st.sampled_from(PEOPLE), st.sampled_from(KEYS), st.sampled_from(("contact", "member"))),
    st.tuples(st.just("edit"), st.just("admin"), st.sampled_from(KEYS), st.sampled_from(REMARKS)),
    st.tuples(st.just("own"), st.sampled_from(PEOPLE), st.sampled_from(KEYS), st.just("")),
    st.tuples(st.sampled_from(("merge", "undo")), st.just("admin"), st.sampled_from(KEYS), st.just("")),
)


def take(team, what, who, key, text):
    """One step; what is refused changes nothing."""
    actor = team.admin if who == "admin" else getattr(team.actors, who)
    contact = Contact.objects.filter(external_userid=key).first()
    if what == "add":
        add(actor, text, key=key, name=key)
    elif contact is None:
        return
    elif what == "end":
        relations.end_follow(actor, contact=contact, member=actor.member, by=text)
    elif what == "own":
        relations.change_owner(team.admin, contact=contact, owner=actor.member)
    elif what == "edit":
        contacts.edit_contact(actor, contact=contact, remark=text)
    elif what == "merge":
        for other in Contact.objects.exclude(pk=contact.pk):
            merges.merge(actor, contact=contact, gone=other)
    else:
        for merge in ContactMerge.objects.filter(undone_at=None):
            merges.undo(actor, merge=merge)


@settings(max_examples=40)
@given(taken=st.lists(steps, min_size=1, max_size=8))
def test_c11_after_any_services_the_index_is_what_plain_python_says(team, taken):
    for step in taken:
        try:
            with transaction.atomic():
                take(team, *step)
        except Refusal:
            continue
    assert stale() == 0
    there = Contact.objects.filter(merged_into=None).prefetch_related("follows")
    for contact in Contact.objects.prefetch_related("follows"):  # who is merged comes back
        said = {one.remark for one in contact.follows.all() if one.member_id == contact.owner_id}
        assert said <= {"", contact.remark}, "two remarks of one owner"
    for text in REMARKS[1:]:
        called = {one.name for one in there if text in (one.remark, *(each.remark for each in one.follows.all()))}
        assert set(found(team.admin, text)) == called
