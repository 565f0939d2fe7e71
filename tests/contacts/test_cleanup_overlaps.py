"""C8: a contact is in one open round at most, and what is previewed is what is announced."""

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, unquote

import pytest
from django.db import connections, transaction
from django.test import Client

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from common.tenancy import tenant
from contacts import cleanup_rounds
from contacts.filters import ContactFilter
from contacts.models import CleanUp, CleanUpItem, Contact
from contacts.services import cleanups
from contacts.services.contacts import archive_contact
from enterprises.models import AuditEntry
from jobs.models import Notification
from tests import factories
from tests.contacts.bulk import do, silent
from tests.factories import NOON


def both(actor, filter=None):
    """How many the preview counts, and leaves out as being in a round; the same of announcing."""
    seen = cleanups.preview(actor, filter=filter)
    made = cleanups.announce(actor, filter=filter)
    assert (seen.affected, seen.excluded.get("in_round", 0)) == (made.contacts, made.left_out)
    assert made.items.count() == made.contacts
    return made


def test_c8_who_is_in_an_open_round_is_not_taken_into_another(team):
    """An owner who keeps a contact keeps it: there is no second round that they did not object to."""
    mine, new = silent(team.actors.anna, 2), []
    first = both(team.admin, {"owner": str(team.anna.pk)})
    cleanups.keep(team.actors.anna, clean_up=first, ids=[mine[0].pk])
    new = silent(team.actors.bob, 3)
    Notification.objects.all().delete()
    second = both(team.admin)
    assert (second.contacts, second.left_out) == (3, 2)
    assert set(second.items.values_list("contact_id", flat=True)) == {one.pk for one in new}
    assert list(Notification.objects.values_list("member__name", "data__count")) == [("Bob", 3)]
    entry = AuditEntry.objects.filter(action="clean_up.announced").order_by("-id")[0]
    assert (entry.after["contacts"], entry.after["left_out"]) == (3, 2)
    assert cleanups.preview(team.admin).excluded == {"in_round": 5}


def test_c8_when_all_are_in_open_rounds_nothing_is_announced(team):
    silent(team.actors.anna, 2)
    both(team.admin)
    before = CleanUp.objects.count(), CleanUpItem.objects.count(), AuditEntry.objects.count()
    with pytest.raises(Conflict) as refused, transaction.atomic():
        cleanups.announce(team.actors.graded)
    assert refused.value.code == "all_announced"
    assert (CleanUp.objects.count(), CleanUpItem.objects.count(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize("end", ["cancelled", "archived"])
def test_c8_who_was_in_a_round_that_is_over_may_be_asked_about_again(team, end):
    silent(team.actors.anna, 2)
    made = both(team.admin)
    cleanups.keep(team.actors.anna, clean_up=made)
    if end == "cancelled":
        cleanups.cancel(team.admin, clean_up=made)
    else:
        assert cleanups.carry_out(team.admin, now=made.due_at)["archived"] == 1
    again = both(team.admin)
    assert (again.contacts, again.left_out) == (2, 0)
    assert not again.items.exclude(kept_at=None).exists()


def test_c8_a_round_without_a_time_to_object_spares_whom_another_asks_about(team):
    asked, other = silent(team.actors.anna)[0], silent(team.actors.bob)[0]
    both(team.admin, {"owner": str(team.anna.pk)})
    factories.reset_policy({"veto_days": 0})
    made = both(team.admin)
    assert (made.state, made.left_out) == ("archived", 1)
    assert made.items.get().contact_id == other.pk != asked.pk


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"status": ["archived"]}, "status"),
        ({"status": "lost,archived"}, "status"),
        ({"inactive": "false"}, "inactive"),
    ],
)
def test_c8_a_filter_that_asks_for_others_than_silent_ones_is_refused(team, filter, field):
    """It was answered with active ones before: whoever asked for the archived ones had others archived."""
    silent(team.actors.anna, 2)
    archive_contact(team.admin, contact=silent(team.actors.anna)[0])
    for attempt in (cleanups.preview, cleanups.announce):
        with pytest.raises(Invalid) as refused:
            attempt(team.admin, filter=filter)
        assert (refused.value.code, set(refused.value.errors)) == ("not_silent", {field})
    assert not CleanUp.objects.exists()


@pytest.mark.parametrize(
    "filter", [{}, {"status": ["active"]}, {"status": "archived,active"}, {"inactive": "true"}, {"grade": "low"}]
)
def test_c8_a_filter_is_narrowed_to_its_silent_ones_and_previewed_alike(team, filter):
    silent(team.actors.anna, 2)
    archive_contact(team.admin, contact=silent(team.actors.anna)[0])
    factories.contact(team.actors.bob)
    assert both(team.admin, filter).contacts == 2


def test_c8_x2_an_open_round_of_another_enterprise_holds_nobody(enterprise, other_enterprise):
    for one in (other_enterprise, enterprise):
        with tenant(one.pk), clock.at(NOON):
            actor = factories.super_admin(one)
            silent(actor, 2)
            assert both(actor).contacts == 2


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("locked", [True, False])
def test_c8_of_two_announced_at_once_one_has_the_contact(locked, monkeypatch):
    """The second waits for the first; without the lock both would hold the same contact."""
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        contact = silent(factories.super_admin(enterprise))[0]
    if not locked:
        monkeypatch.setattr(cleanups, "lock", lambda name: None)

    def elsewhere():
        try:
            with tenant(enterprise.pk), clock.at(NOON):
                return cleanups.announce(factories.super_admin(enterprise)).contacts
        except Conflict as refused:
            return refused.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk), clock.at(NOON):
            cleanups.announce(factories.super_admin(enterprise))
            second = pool.submit(elsewhere)
            if locked:
                factories.wait_for_blocked()
            else:
                assert second.result() == 1
        assert second.result() == ("all_announced" if locked else 1)
    with tenant(enterprise.pk):
        assert CleanUp.objects.count() == CleanUpItem.objects.filter(contact=contact).count() == (1 if locked else 2)


# --- Pages and API --------------------------------------------------------------------------------------------


def test_c8_the_console_says_how_many_were_left_out_and_to_whom_it_matters(browser, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        silent(actor, 2)
        cleanups.announce(actor)
    page = f"/e/{enterprise.code}/inactive/announce/"
    shown = browser.get(page).content.decode()
    assert (
        "All silent contacts are in an open clean-up already." in shown
        and '<button class="btn btn-primary">' not in shown
    )
    assert "in an open clean-up already" in browser.post(page, follow=True).content.decode()
    with tenant(enterprise.pk):
        anna = factories.member("Anna")
        [contact] = silent(factories.actor(enterprise, anna))
    shown = browser.get(page).content.decode()
    assert "The contact is in an open clean-up already." in shown and "Announce (1)" in shown
    answer = browser.post(page, follow=True)
    assert "2 contacts were left out: they are in an open clean-up already." in answer.content.decode()
    assert "left out, in another clean-up" in answer.content.decode()
    with tenant(enterprise.pk):
        made = CleanUp.objects.get(items__contact=contact)
    staff = Client()
    staff.force_login(anna.user)
    assert "left out" not in staff.get(f"/e/{enterprise.code}/inactive/rounds/{made.pk}/").content.decode()
    assert factories.api_client(enterprise, anna).get(f"/api/v1/clean-ups/{made.pk}").json()["left_out"] is None


def test_c8_x1_the_api_previews_what_it_announces(api, enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        silent(actor, 2)
        cleanups.announce(actor)
        silent(actor, 3)

    def post(path, body):
        return api.post(f"/api/v1/{path}", body, "application/json")

    seen = post("clean-ups/preview", {"filter": {"grade": ["low"]}}).json()
    assert (seen["action"], seen["total"], seen["affected"], seen["excluded"]) == ("archive", 5, 3, {"in_round": 2})
    refused = post("clean-ups/preview", {"filter": {"status": ["archived"]}})
    assert (refused.status_code, refused.json()["code"]) == (400, "not_silent")
    assert post("clean-ups", {"filter": {"status": ["archived"]}}).json() == refused.json()
    made = post("clean-ups", {"filter": {"grade": ["low"]}}).json()
    assert (made["contacts"], made["left_out"]) == (3, 2)
    assert post("clean-ups", {}).json()["code"] == "all_announced"
    with tenant(enterprise.pk):
        assert Contact.objects.filter(status="active").count() == 5


def test_c8_nothing_on_the_page_goes_past_an_open_round(browser, enterprise):
    """Archiving at once spares whom owners were asked about; they are counted and listed apart."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        asked, other = silent(actor)[0], factories.contact(actor)
        made = cleanups.announce(actor)
        cleanups.keep(actor, clean_up=made)
    page = browser.get(f"/e/{enterprise.code}/inactive/").content.decode()
    assert "In an open clean-up:" in page and "Announce…" not in page and "Archive at once" not in page
    with tenant(enterprise.pk):
        [new] = silent(actor)
    page = browser.get(f"/e/{enterprise.code}/inactive/").content.decode()
    query = re.search(r"bulk/archive/\?filter=([^\"&]+)", page).group(1)
    given = dict(parse_qsl(unquote(query)))
    run = do(enterprise, "archive", filter=given)
    assert run.result["done"] == 1
    with tenant(enterprise.pk):
        states = dict(Contact.objects.values_list("pk", "status"))
        assert states == {asked.pk: "active", other.pk: "active", new.pk: "archived"}


def test_c8_the_filter_tells_who_is_in_an_open_round(team):
    mine, other = silent(team.actors.anna)[0], factories.contact(team.admin)

    def found(value):
        return set(ContactFilter.from_params({"announced": value}, team.admin).queryset())

    assert (found("true"), found("false")) == (set(), {mine, other})
    made = cleanups.announce(team.admin)
    assert (found("true"), found("false")) == ({mine}, {other})
    cleanups.cancel(team.admin, clean_up=made)
    assert (found("true"), found("false")) == (set(), {mine, other})


def test_c8_every_open_round_is_on_the_page(browser, enterprise):
    """Also when it is older than the latest few."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        silent(actor)
        old = cleanups.announce(actor)
        ended = []
        for _n in range(6):
            silent(actor)
            ended.append(cleanups.announce(actor))
            cleanups.cancel(actor, clean_up=ended[-1])
            Contact.objects.exclude(pk__in=old.items.values("contact")).update(inactive=False)
        assert list(cleanup_rounds.shown(actor, recent=5)) == [*reversed(ended[1:]), old]
    assert str(old.pk) in browser.get(f"/e/{enterprise.code}/inactive/").content.decode()


def test_c8_more_contacts_than_can_be_named_are_refused_and_not_cut_off(team):
    silent(team.actors.anna)
    made = cleanups.announce(team.admin)
    with pytest.raises(Invalid) as refused:
        cleanups.keep(team.admin, clean_up=made, ids=[uuid7() for _n in range(10_001)])
    assert refused.value.code == "too_many"
