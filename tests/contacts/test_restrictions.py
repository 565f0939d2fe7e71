"""Whom one may still answer (Q9), and the rehearsal with whom it meets (Q8): rules, REST, console."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common import clock
from common.ids import uuid7
from common.middleware import LANGUAGE_COOKIE
from common.tenancy import tenant
from contacts import rehearsal, replies
from contacts.services.contacts import archive_contact
from contacts.services.groups import create_group
from contacts.services.history import record_interaction
from enterprises.services.members import resign_member
from quota import services as quota
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)


def wrote(team, contact, member, ago: timedelta) -> None:
    record_interaction(team.admin, contact=contact, kind="message_in", at=clock.now() - ago, member=member)


def open_windows(actor, **params) -> set:
    found = replies.windows(actor, params)
    return {(row.contact.name, row.member.name) for row in found}


@pytest.fixture
def mail(team):
    """Anna's contact wrote to Anna and to Bob, Bob's to Bob, at different hours."""
    team.one = factories.contact(team.actors.anna, name="一")
    team.two = factories.contact(team.actors.bob, name="二")
    wrote(team, team.one, team.anna, 50 * HOUR)
    wrote(team, team.one, team.anna, 10 * HOUR)
    wrote(team, team.one, team.bob, 48 * HOUR)
    wrote(team, team.two, team.bob, 47 * HOUR)
    return team


def test_q9_the_window_slides_and_excludes_its_end(mail):
    assert open_windows(mail.admin) == {("一", "Anna"), ("二", "Bob")}
    row = replies.windows(mail.admin, {}).get(contact=mail.one)
    assert row.at == NOON - 10 * HOUR and replies.closes_at(row.at) == NOON + 38 * HOUR
    with clock.at(NOON + HOUR):
        assert open_windows(mail.admin) == {("一", "Anna")}  # the other one closed at this very second
        wrote(mail, mail.two, mail.bob, timedelta())
        assert open_windows(mail.admin) == {("一", "Anna"), ("二", "Bob")}


def test_q9_o5_everybody_sees_the_windows_of_contacts_they_see(mail):
    assert open_windows(mail.actors.anna) == {("一", "Anna")}
    assert open_windows(mail.admin, member=str(mail.bob.pk)) == {("二", "Bob")}
    assert open_windows(mail.actors.carl) == set()


def test_q9_two_messages_of_one_moment_are_one_window(mail):
    for _number in range(2):
        wrote(mail, mail.two, mail.bob, HOUR)
    assert replies.windows(mail.admin, {"member": str(mail.bob.pk)}).count() == 1


def test_q8_q9_may_a_member_answer(mail, full):
    full(1)
    decision, last = replies.decision(mail.admin, contact=mail.one, member=mail.anna)
    assert decision.allowed and last == NOON - 10 * HOUR
    decision, last = replies.decision(mail.admin, contact=mail.one, member=mail.bob)
    assert (decision.code, last) == ("reply_window_closed", NOON - 48 * HOUR)
    assert decision.remedies
    full(2)
    assert replies.decision(mail.admin, contact=mail.one, member=mail.bob)[0].allowed


def test_q8_whom_a_rehearsal_meets(mail):
    archive_contact(mail.admin, contact=factories.contact(mail.actors.anna))
    create_group(mail.admin, name="甲", owner=mail.anna)
    create_group(mail.admin, name="乙", owner=mail.anna)
    factories.contact(mail.actors.carl)
    resign_member(mail.admin, member=mail.carl)
    found = rehearsal.affected(mail.admin.enterprise)
    assert found == rehearsal.Affected(
        members=4, customers=3, archived=1, groups=2, group_owners=1, leavers=1, left_behind=1, answerable=2
    )


# --- REST and console -------------------------------------------------------------------------------------


@pytest.fixture
def firm(enterprise):
    """Three served contacts, two places; the first wrote an hour ago."""
    with tenant(enterprise.pk), clock.at(NOON):
        admin = factories.super_admin(enterprise)
        made = [factories.contact(admin, name=f"客户{number}") for number in range(3)]
        when = NOON - HOUR
        record_interaction(admin, contact=made[0], kind="message_in", at=when, member=admin.member)
        factories.reset_policy({"free_unverified": 2, "free_verified": 2})
        quota.refresh_account(enterprise)
    return made


def api(enterprise, path: str) -> tuple[int, dict]:
    with clock.at(NOON):
        answer = factories.api_client(enterprise).get(f"/api/v1/{path}")
    return answer.status_code, answer.json()


def test_q8_rest_rehearsal(enterprise, firm):
    status, body = api(enterprise, "quota/rehearsal?at=2026-07-01&served=2")
    assert status == 200
    assert (body["served"], body["capacity"], body["state"]) == (2, 2, "at_capacity")
    assert body["stops"] == ["add_contact", "restore_contact", "invite_to_group"]
    assert body["at"].startswith("2026-07-01T15:59:59.999999")  # the end of that day in Shanghai
    assert body["affected"]["customers"] == 3 and body["reply_limited"] is False
    assert body["actions"]["mass_send"]["allowed"] is True
    status, body = api(enterprise, "quota/rehearsal")
    assert (body["state"], body["reply_limited"], body["affected"]["answerable"]) == ("over", True, 1)
    assert len(body["stops"]) == 8 and body["remedies"][0] == {"kind": "archive", "count": 1}


@pytest.mark.parametrize(
    "query", ["at=2026-06-14", "at=yesterday", "at=9999-12-31", "served=-1", "served=1e3", "served=99999999999", "x=1"]
)
def test_q8_rest_refuses_what_cannot_be_rehearsed(enterprise, firm, query):
    status, body = api(enterprise, f"quota/rehearsal?{query}")
    assert status == 400 and body["errors"]


def test_q9_rest_windows(enterprise, firm):
    status, body = api(enterprise, "reply-windows")
    assert status == 200
    (row,) = body["results"]
    assert (row["contact"]["name"], row["last_inbound_at"], row["closes_at"]) == (
        "客户0",
        "2026-06-15T03:00:00Z",
        "2026-06-17T03:00:00Z",
    )
    assert api(enterprise, f"reply-windows?member={uuid7()}")[1]["results"] == []
    assert api(enterprise, "reply-windows?member=x")[0] == 400
    status, body = api(enterprise, f"contacts/{firm[0].pk}/reply")
    assert (status, body["allowed"], body["closes_at"]) == (200, True, "2026-06-17T03:00:00Z")
    status, body = api(enterprise, f"contacts/{firm[1].pk}/reply")
    assert (body["allowed"], body["code"], body["closes_at"]) == (False, "reply_window_closed", None)
    assert api(enterprise, f"contacts/{firm[1].pk}/reply?member={uuid7()}")[0] == 404


@pytest.fixture
def page(enterprise, firm):
    with tenant(enterprise.pk):
        user = factories.super_admin(enterprise).member.user
    client = Client()
    client.force_login(user)
    client.cookies[LANGUAGE_COOKIE] = "en"

    def get(path: str):
        with clock.at(NOON), CaptureQueriesContext(connection) as captured:
            response = client.get(f"/e/{enterprise.code}/scale/{path}")
        # What a test's own transaction adds: a savepoint, its release, the wall put up again.
        get.queries = sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE", "SET ")) for query in captured) + 1
        return response.status_code, " ".join(response.content.decode().split())

    return get


def test_q8_the_page_of_the_rehearsal(page):
    status, text = page("rehearsal/?at=2026-07-01&served=3")
    assert status == 200 and "This would stop" in text and "Archive 1 contacts." in text
    assert "3 served contacts not reached" in text and "1 conversations would be open" in text
    assert "Nothing would stop" in page("rehearsal/?at=2026-07-01&served=1")[1]
    assert page("rehearsal/")[0] == 200 and page.queries <= 15
    status, text = page("rehearsal/?at=2020-01-01")
    assert status == 400 and "This lies in the past." in text


def test_q9_the_page_of_the_windows(page):
    status, text = page("replies/")
    assert status == 200 and page.queries <= 15
    assert "客户0" in text and "客户1" not in text and "2026-06-17 11:00" in text
