"""C11, O1: a contact's remark is its owner's word for it; the owner, as a friend, has no other one."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connections

from common.tenancy import tenant
from contacts import search
from contacts.models import Contact, Follow, Interaction
from contacts.services import contacts, groups, merges, relations
from contacts.services.imports import remarks
from contacts.services.steps import lock_all
from enterprises.models import AuditEntry
from tests import factories
from tests.contacts.bulk import do, undo
from tests.contacts.entries import stale
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture


def said(contact):
    """What the contact is called, and what its friends call it."""
    contact = Contact.objects.get(pk=contact.pk)
    assert stale() == 0
    friends = dict(Follow.objects.filter(contact=contact).values_list("member__name", "remark"))
    if contact.owner is not None:
        assert friends.get(contact.owner.name, "") in ("", contact.remark)
    return contact.remark, friends


def friend_of(actor, remark, key="wmA", **fields):
    return contacts.add_contact(actor, external_userid=key, name="王小明", remark=remark, **fields)[0]


@pytest.fixture
def shared(team):
    """Anna's, who calls them 大客户; Carl is a friend and says 老李, Bob is one and says nothing."""
    contact = friend_of(team.actors.anna, "大客户")
    friend_of(team.actors.carl, "老李")
    friend_of(team.actors.bob, "")
    return contact


# --- Editing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("editor", ["anna", "admin", "carl"])
def test_c11_an_edited_remark_is_the_owners_whoever_writes_it(team, shared, editor):
    actor = team.admin if editor == "admin" else getattr(team.actors, editor)
    contacts.edit_contact(actor, contact=shared, remark="甲方")
    assert said(shared) == ("甲方", {"Anna": "甲方", "Carl": "老李", "Bob": ""})
    # Lists do not say of the owner's own old word that a friend calls them so.
    assert search.suggestions(team.admin, "大客户") == []
    assert [one.called for one in search.suggestions(team.admin, "甲方")] == [""]
    assert [one.called for one in search.suggestions(team.admin, "老李")] == ["老李"]


def test_c11_a_remark_that_is_taken_away_is_taken_from_the_owner_too(team, shared):
    contacts.edit_contact(team.actors.anna, contact=shared, remark="")
    assert said(shared) == ("", {"Anna": "", "Carl": "老李", "Bob": ""})


def test_c11_other_edits_leave_remarks_alone(team, shared):
    Follow.objects.filter(member=team.anna).update(remark="")
    contacts.edit_contact(team.actors.anna, contact=shared, company="鹏城", remark="大客户")
    assert said(shared) == ("大客户", {"Anna": "", "Carl": "老李", "Bob": ""})


def test_c11_x1_the_api_says_one_remark_of_the_owner(api, enterprise):
    with tenant(enterprise.pk):
        anna = factories.member("Anna")
        contact = friend_of(factories.actor(enterprise, anna), "大客户")
    path = f"/api/v1/contacts/{contact.pk}"
    assert api.patch(path, {"remark": "甲方"}, "application/json").status_code == 200
    document = api.get(path).json()
    assert (document["remark"], [one["remark"] for one in document["followers"]]) == ("甲方", ["甲方"])
    assert api.get("/api/v1/contacts/search?q=大客户").json()["results"] == []


# --- Another owner ----------------------------------------------------------------------------------------------


def test_c11_a_new_owner_who_has_a_word_is_heard_and_nothing_is_lost(team, shared):
    relations.change_owner(team.admin, contact=shared, owner=team.carl)
    assert said(shared) == ("老李", {"Anna": "大客户", "Carl": "老李", "Bob": ""})
    entry = AuditEntry.objects.get(action="contact.owner_changed")
    assert (entry.before, entry.after) == (
        {"owner": "Anna", "remark": "大客户"},
        {"owner": "Carl", "remark": "老李"},
    )
    assert Interaction.objects.get(kind="owner_changed").data["remark"] == "大客户"
    relations.change_owner(team.admin, contact=shared, owner=team.anna)
    assert said(shared)[0] == "大客户"


@pytest.mark.parametrize("name", ["Bob", "Dora"])
def test_c11_a_new_owner_without_a_word_takes_the_contact_as_it_is_called(team, shared, name):
    """Bob is a friend who says nothing, Dora none at all; what Bob writes then is his own."""
    owner = team.bob if name == "Bob" else factories.member("Dora")
    relations.change_owner(team.admin, contact=shared, owner=owner)
    assert said(shared) == ("大客户", {"Anna": "大客户", "Carl": "老李", "Bob": ""})
    assert "remark" not in Interaction.objects.get(kind="owner_changed").data
    contacts.edit_contact(factories.actor(team.admin.enterprise, owner), contact=shared, remark="甲方")
    assert said(shared) == ("甲方", {"Anna": "大客户", "Carl": "老李", "Bob": "甲方" if name == "Bob" else ""})


def test_c11_an_owner_who_becomes_a_friend_has_one_word(team, shared):
    dora = factories.member("Dora")
    relations.change_owner(team.admin, contact=shared, owner=dora)
    version = Contact.objects.get(pk=shared.pk).version
    actor = factories.actor(team.admin.enterprise, dora)
    friend_of(actor, "甲方")
    assert said(shared)[0] == "甲方"
    assert Contact.objects.get(pk=shared.pk).version == version + 1
    entry = AuditEntry.objects.filter(action="contact.edited").get()
    assert (entry.before, entry.after) == ({"remark": "大客户"}, {"remark": "甲方"})
    # Ended and renewed, with a word and without.
    relations.end_follow(actor, contact=shared, member=dora, by="member")
    friend_of(actor, "")
    assert said(shared)[0] == "甲方"
    relations.end_follow(actor, contact=shared, member=dora, by="member")
    friend_of(actor, "乙方")
    assert said(shared)[0] == said(shared)[1]["Dora"] == "乙方"


def test_c3_c11_the_first_to_add_somebody_without_an_owner_names_them(team):
    groups.invite(team.admin, group=groups.create_group(team.admin, name="群"), people=[groups.Person("wmA", "王小明")])
    contact = Contact.objects.get(external_userid="wmA")
    Contact.objects.filter(pk=contact.pk).update(owner=None)
    friend_of(team.actors.anna, "大客户")
    assert said(contact) == ("大客户", {"Anna": "大客户"})


@pytest.mark.parametrize("whose", ["anna", "nobody"])
def test_c5_c11_an_undone_transfer_brings_the_remark_back(enterprise, whose):
    """Also when nobody but the contact itself had it: the former owner is no friend."""
    with tenant(enterprise.pk):
        admin, anna, carl = factories.super_admin(enterprise), factories.member("Anna"), factories.member("Carl")
        contact = friend_of(factories.actor(enterprise, anna), "")
        friend_of(factories.actor(enterprise, carl), "老李")
        if whose == "nobody":
            Follow.objects.filter(member=anna).delete()
            contacts.edit_contact(admin, contact=contact, remark="大客户")
        before = said(contact)
    run = do(enterprise, "transfer", ids=[contact.pk], params={"owner": str(carl.pk)})
    with tenant(enterprise.pk):
        assert said(contact)[0] == "老李"
    undo(enterprise, run)
    with tenant(enterprise.pk):
        assert said(contact) == before
        assert Contact.objects.get().owner_id == anna.pk


def test_c5_c11_an_undone_transfer_keeps_what_was_written_since(enterprise):
    with tenant(enterprise.pk):
        admin, anna, carl = factories.super_admin(enterprise), factories.member("Anna"), factories.member("Carl")
        contact = friend_of(factories.actor(enterprise, anna), "")
        friend_of(factories.actor(enterprise, carl), "老李")
    run = do(enterprise, "transfer", ids=[contact.pk], params={"owner": str(carl.pk)})
    with tenant(enterprise.pk):
        contacts.edit_contact(admin, contact=contact, remark="甲方")
    undo(enterprise, run)
    with tenant(enterprise.pk):
        assert said(contact) == ("甲方", {"Anna": "", "Carl": "甲方"})


# --- Merges -----------------------------------------------------------------------------------------------------


def test_c1_c11_a_merge_calls_the_person_what_the_owner_does_and_goes_back(team, shared):
    """Who stays has an owner who is a friend of the other one only."""
    stays = friend_of(team.actors.bob, "", key="wmB")
    Contact.objects.filter(pk=stays.pk).update(remark="小王")
    Follow.objects.filter(contact=stays).delete()
    stays = relations.change_owner(team.admin, contact=Contact.objects.get(pk=stays.pk), owner=team.carl)
    assert merges.preview(team.admin, contact=stays, gone=shared).changes["remark"] == ("小王", "老李")
    merge = merges.merge(team.admin, contact=stays, gone=shared)
    assert said(stays) == ("老李", {"Anna": "大客户", "Carl": "老李", "Bob": ""})
    merges.undo(team.admin, merge=merge)
    assert (said(stays), said(shared)[0]) == (("小王", {}), "大客户")


def test_c1_c11_what_the_owner_wrote_after_a_merge_is_theirs_after_its_undo(team):
    goes = friend_of(team.actors.anna, "大客户")
    stays = friend_of(team.actors.bob, "", key="wmB")
    Contact.objects.filter(pk=stays.pk).update(owner=None)
    merge = merges.merge(team.admin, contact=stays, gone=goes)
    assert said(stays) == ("大客户", {"Anna": "大客户", "Bob": ""})
    contacts.edit_contact(team.actors.anna, contact=stays, remark="甲方")
    merges.undo(team.admin, merge=merge)
    assert said(goes) == ("甲方", {"Anna": "甲方"})


# --- Files ------------------------------------------------------------------------------------------------------


def test_c3_c11_the_first_member_that_a_file_names_is_heard(enterprise, run_import):  # noqa: F811
    with tenant(enterprise.pk):
        anna = factories.member("Anna")
        contact = friend_of(factories.super_admin(enterprise), "")
        Follow.objects.all().delete()
        Contact.objects.update(owner=None)
    header = ("external_userid", "remark", "owner")
    for _again in range(2):
        run_import(as_csv(header, ("wmA", "大客户", anna.userid)))
        with tenant(enterprise.pk):
            assert said(contact) == ("大客户", {"Anna": "大客户"})
            assert search.suggestions(factories.super_admin(enterprise), "大客户")[0].called == ""


@pytest.mark.parametrize("named", [True, False])
def test_c12_c11_a_file_writes_the_owners_word_once(enterprise, run_import, named):  # noqa: F811
    with tenant(enterprise.pk):
        anna = factories.member("Anna")
        contact = friend_of(factories.actor(enterprise, anna), "大客户")
    file = as_csv(("external_userid", "remark", "owner"), ("wmA", "甲方", anna.userid if named else ""))
    assert [run_import(file).result["updated"] for _again in range(2)] == [1, 0]
    with tenant(enterprise.pk):
        assert said(contact) == ("甲方", {"Anna": "甲方"})


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("locked", [True, False])
def test_c11_a_file_and_an_edit_at_once_leave_one_word(tmp_path, settings, monkeypatch, caplog, locked):
    """Both lock the contact before its friends; else each would wait for what the other holds, and one would break
    (the step of the job is done again, the edit is not)."""
    from tests.contacts.imports.conftest import run_import as importing

    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.actor(enterprise, factories.member("Anna"))
        contact = friend_of(actor, "大客户")
    run = importing.__wrapped__(enterprise, tmp_path, settings)
    if not locked:
        monkeypatch.setattr(remarks, "lock_all", lambda contacts: None)

    def load():
        try:
            return run(as_csv(("external_userid", "remark"), ("wmA", "乙方"))).state
        finally:
            connections.close_all()

    broken = False
    with ThreadPoolExecutor(1) as pool:
        try:
            with tenant(enterprise.pk):
                lock_all([contact.pk])
                running = pool.submit(load)
                factories.wait_for_blocked()
                contacts.edit_contact(actor, contact=contact, remark="甲方")
        except OperationalError:
            broken = True
        assert running.result() == "done"
    assert (broken or "deadlock detected" in caplog.text) is not locked
    with tenant(enterprise.pk):
        assert said(contact) == ("乙方", {"Anna": "乙方"})
