"""C1, C8: an objection to a clean-up survives the merge of two contacts that are one person, and its undo."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from common import clock
from common.tenancy import tenant
from contacts import cleanup_rounds
from contacts.models import CleanUpItem, Contact
from contacts.services import cleanups, merges, objections
from jobs.models import JobRun
from tests import factories
from tests.contacts.bulk import consistent, end_round, silent
from tests.factories import NOON


def state():
    """Of every item: whose it is, and who keeps it."""
    return dict(CleanUpItem.objects.values_list("contact__name", "kept_by__name"))


def named(actor, *names):
    return [silent(actor, name=name)[0] for name in names]


@pytest.fixture
def asked(team):
    """王小明 twice, Anna's and Bob's, in one open round; Bob keeps his."""
    [stays], [goes] = named(team.actors.anna, "王小明"), named(team.actors.bob, "小明")
    made = cleanups.announce(team.admin)
    assert cleanups.keep(team.actors.bob, clean_up=made, ids=[goes.pk]) == 1
    return made, stays, goes


def test_c8_who_is_kept_stays_kept_when_merged_into_one_that_is_not(team, asked):
    made, stays, goes = asked
    assert merges.preview(team.admin, contact=stays, gone=goes).keeps
    merge = merges.merge(team.admin, contact=stays, gone=goes)
    assert state() == {"王小明": "Bob", "小明": "Bob"}
    assert cleanup_rounds.figures(team.admin, [made]) == {made.pk: (1, 1)}
    assert [item.contact_id for item in cleanup_rounds.items(team.admin, made)] == [stays.pk]
    merges.undo(team.admin, merge=merge)
    assert state() == {"王小明": None, "小明": "Bob"}
    assert cleanup_rounds.figures(team.admin, [made]) == {made.pk: (2, 1)}


def test_c8_an_objection_taken_back_since_is_not_brought_back_by_the_undo(team, asked):
    made, stays, goes = asked
    merge = merges.merge(team.admin, contact=stays, gone=goes)
    assert cleanups.let_go(team.actors.anna, clean_up=made, ids=[stays.pk]) == 1
    assert cleanups.keep(team.actors.anna, clean_up=made, ids=[stays.pk]) == 1
    merges.undo(team.admin, merge=merge)
    assert state() == {"王小明": "Anna", "小明": "Bob"}


def test_c8_one_that_is_kept_and_stays_is_kept_whoever_goes_into_it(team, asked):
    _made, kept, unkept = asked[0], asked[2], asked[1]
    assert not merges.preview(team.admin, contact=kept, gone=unkept).keeps
    merge = merges.merge(team.admin, contact=kept, gone=unkept)
    assert state() == {"王小明": None, "小明": "Bob"}
    merges.undo(team.admin, merge=merge)
    assert state() == {"王小明": None, "小明": "Bob"}


def test_c8_an_objection_counts_in_the_round_that_asks_about_the_other(team):
    """Each is in a round of its own, and they are one person."""
    [stays], [goes] = named(team.actors.anna, "王小明"), named(team.actors.bob, "小明")
    cleanups.announce(team.admin, filter={"owner": str(team.anna.pk)})
    second = cleanups.announce(team.admin)
    cleanups.keep(team.actors.bob, clean_up=second)
    merge = merges.merge(team.admin, contact=stays, gone=goes)
    assert state() == {"王小明": "Bob", "小明": "Bob"}
    merges.undo(team.admin, merge=merge)
    assert state() == {"王小明": None, "小明": "Bob"}


def test_c8_an_objection_goes_over_to_one_that_is_in_no_round(team):
    """So no round is announced meanwhile that takes the person after all."""
    [goes] = named(team.actors.bob, "小明")
    made = cleanups.announce(team.admin)
    [stays] = named(team.actors.anna, "王小明")
    cleanups.keep(team.actors.bob, clean_up=made)
    assert merges.preview(team.admin, contact=stays, gone=goes).moves["contacts_cleanupitem"] == 1
    merge = merges.merge(team.admin, contact=stays, gone=goes)
    assert state() == {"王小明": "Bob"}
    assert cleanups.preview(team.admin).excluded == {"in_round": 1}
    merges.undo(team.admin, merge=merge)
    assert state() == {"小明": "Bob"}
    assert cleanups.preview(team.admin).affected == 1


def test_c8_who_was_not_asked_about_is_not_archived_for_who_goes_into_it(team):
    [goes] = named(team.actors.bob, "小明")
    cleanups.announce(team.admin)
    [stays] = named(team.actors.anna, "王小明")
    preview = merges.preview(team.admin, contact=stays, gone=goes)
    assert (preview.keeps, preview.moves["contacts_cleanupitem"]) == (False, 0)
    merges.merge(team.admin, contact=stays, gone=goes)
    assert state() == {"小明": None}


@pytest.mark.parametrize("end", ["cancelled", "archived"])
def test_c8_an_objection_in_a_round_that_is_over_says_nothing(team, asked, end):
    made, stays, goes = asked
    if end == "cancelled":
        cleanups.cancel(team.admin, clean_up=made)
    else:
        assert cleanups.carry_out(team.admin, now=made.due_at)["archived"] == 1
        JobRun.objects.filter(name="contacts.archive").update(finished_at=made.due_at)
    merges.merge(team.admin, contact=stays, gone=goes)
    assert state() == {"王小明": None, "小明": "Bob"}


@pytest.fixture
def committed(committed_db):
    """王小明 twice, in one open round, the one that goes kept; and how to end the round."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        actor = factories.super_admin(enterprise)
        stays, goes = named(actor, "王小明", "小明")
        made = cleanups.announce(actor)
        cleanups.keep(actor, clean_up=made, ids=[goes.pk])

    def carry_out():
        try:
            return end_round(enterprise, made)
        finally:
            connections.close_all()

    return enterprise, stays, goes, carry_out


def test_c8_a_merge_after_the_round_was_ended_and_before_its_job_keeps_the_person(committed):
    enterprise, stays, goes, carry_out = committed
    with tenant(enterprise.pk), clock.at(NOON):
        [made] = cleanup_rounds.visible_to(factories.super_admin(enterprise))
        cleanups.carry_out(factories.super_admin(enterprise), now=made.due_at)
    with tenant(enterprise.pk):
        merges.merge(factories.super_admin(enterprise), contact=stays, gone=goes)
    assert carry_out() == 0
    with tenant(enterprise.pk):
        assert JobRun.objects.get(name="contacts.archive").result["done"] == 0
        assert Contact.objects.get(pk=stays.pk).status == "active"


@pytest.mark.parametrize("locked", [True, False])
def test_c8_a_merge_at_the_last_moment_keeps_the_person(committed, locked, monkeypatch):
    """The round waits for the merge under way; without the lock it would archive whom somebody keeps."""
    enterprise, stays, goes, carry_out = committed
    if not locked:
        monkeypatch.setattr(objections, "hold", lambda contact, gone: None)
    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk), clock.at(NOON):
            merges.merge(factories.super_admin(enterprise), contact=stays, gone=goes)
            ended = pool.submit(carry_out)
            if locked:
                assert ended.result() == 0
            else:
                factories.wait_for_blocked()  # it has chosen whom it archives, and waits to write it
        assert ended.result() == (0 if locked else 1)
    if locked:
        assert carry_out() == 1
    with tenant(enterprise.pk):
        assert Contact.objects.get(pk=stays.pk).status == ("active" if locked else "archived")
    consistent(enterprise)


def test_c8_the_page_and_the_api_say_that_the_person_is_kept(browser, api, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        stays, goes = named(actor, "王小明", "小明")
        made = cleanups.announce(actor)
        cleanups.keep(actor, clean_up=made, ids=[goes.pk])
    asked = f"/e/{enterprise.code}/contacts/{{}}/merge/?with={{}}"
    told = "Somebody keeps the one that goes from an open clean-up"
    assert told in browser.get(asked.format(stays.pk, goes.pk)).content.decode()
    assert told not in browser.get(asked.format(goes.pk, stays.pk)).content.decode()
    path = f"/api/v1/contacts/{stays.pk}/merges/preview"
    assert api.post(path, {"gone": str(goes.pk)}, "application/json").json()["keeps"] is True
    with tenant(enterprise.pk):
        merges.merge(factories.super_admin(enterprise), contact=stays, gone=goes)
    page = browser.get(f"/e/{enterprise.code}/inactive/rounds/{made.pk}/").content.decode()
    assert str(stays.pk) in page and str(goes.pk) not in page
