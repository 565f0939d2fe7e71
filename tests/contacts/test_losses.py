"""C4: who left, by whom, how long they were kept; and who is about to fall silent."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.errors import Conflict, Invalid
from common.ids import uuid7
from common.tenancy import tenant
from contacts import losses
from contacts.losses import Asked, By, Kept
from contacts.models import Contact, Follow
from contacts.rules import Activity, Grade, Risk, risks
from contacts.services import loss_notices
from contacts.services.contacts import add_contact
from contacts.services.relations import end_follow
from enterprises.models import Member
from enterprises.policy import Policy
from jobs.models import Notification
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)


def friends(actor, days=10, **fields):
    return factories.contact(actor, added_at=NOON - days * DAY, **fields)


def ended(actor, contact, by="contact", at=NOON):
    end_follow(actor, contact=contact, member=actor.member, by=by, at=at)


# --- Who ended it ---------------------------------------------------------------------------------------------


def test_c4_both_sides_may_end_a_relation_one_after_the_other(team):
    anna = team.actors.anna
    states = {}
    for first, second in (("contact", "member"), ("member", "contact")):
        contact = friends(team.admin)
        add_contact(anna, external_userid=contact.external_userid, name="x")
        end_follow(team.admin, contact=contact, member=team.anna, by=first, at=NOON - DAY)
        end_follow(team.admin, contact=contact, member=team.anna, by=second, at=NOON)
        follow = Follow.objects.get(contact=contact, member=team.anna)
        states[first] = (follow.state, follow.ended_at, follow.both_at, losses.ended_by(follow))
        for again in ("contact", "member"):
            with pytest.raises(Conflict):
                end_follow(team.admin, contact=contact, member=team.anna, by=again)
        # Whoever deleted the contact does not see it any more (O4).
        assert contact not in Contact.objects.visible_to(anna)
    assert states["contact"] == states["member"] == ("deleted_by_member", NOON - DAY, NOON, By.BOTH)


def test_c4_one_side_ends_a_relation_once(inside):
    contact = friends(inside)
    ended(inside, contact, "contact")
    with pytest.raises(Conflict) as refused:
        ended(inside, contact, "contact")
    assert refused.value.code == "not_following"


def test_c4_a_relation_that_begins_anew_has_no_loss(team):
    contact = friends(team.actors.anna)
    ended(team.actors.anna, contact)
    end_follow(team.admin, contact=contact, member=team.anna, by="member")
    add_contact(team.actors.anna, external_userid=contact.external_userid, name="x")
    follow = Follow.objects.get(contact=contact)
    assert (follow.state, follow.ended_at, follow.both_at) == ("active", None, None)
    assert not losses.losses(team.admin, Asked.parse(team.admin)).exists()


# --- The warning ----------------------------------------------------------------------------------------------


def test_c4_the_owner_and_the_member_are_told_when_a_contact_deletes(team):
    contact = friends(team.actors.carl, name="王小明")
    add_contact(team.actors.anna, external_userid=contact.external_userid, name="x")
    end_follow(team.actors.anna, contact=contact, member=team.anna, by="contact")
    told = {(one.member.name, one.kind) for one in Notification.objects.select_related("member")}
    assert told == {("Anna", "contacts.lost_friend"), ("Carl", "contacts.lost_friend")}
    assert Notification.objects.first().data == {"contact": "王小明", "member": "Anna", "id": str(contact.pk)}


def test_c4_nobody_is_warned_when_a_member_deletes(team):
    ended(team.actors.anna, friends(team.actors.anna), "member")
    assert not Notification.objects.exists()


# --- The report -----------------------------------------------------------------------------------------------


@pytest.fixture
def lost(team):
    anna, bob = team.actors.anna, team.actors.bob
    ended(anna, friends(anna, days=3, source="门店"), at=NOON)
    ended(anna, friends(anna, days=50, source="门店"), at=NOON - 2 * DAY)
    ended(bob, friends(bob, days=400, source="直播"), "member", at=NOON - 2 * DAY)
    both = friends(bob, days=100)
    ended(bob, both, "member", at=NOON - 40 * DAY)
    end_follow(team.admin, contact=both, member=team.bob, by="contact", at=NOON)
    return team


def test_c4_the_report_counts_by_who_when_member_source_and_time_kept(lost):
    found = losses.report(lost.admin, Asked.parse(lost.admin, {"from": "2026-05-01"}))
    assert found.total == 4
    assert found.by == {By.CONTACT: 2, By.MEMBER: 1, By.BOTH: 1}
    assert found.average_days == pytest.approx((3 + 48 + 398 + 60) / 4)
    assert found.kept == {Kept.WEEK: 1, Kept.MONTH: 0, Kept.QUARTER: 2, Kept.HALF: 0, Kept.LONGER: 1}
    assert [(name, number) for _pk, name, number in found.members] == [("Anna", 2), ("Bob", 2)]
    assert found.sources == [("门店", 2), ("", 1), ("直播", 1)]
    assert not found.monthly and len(found.trend) == 46
    days = {day: numbers for day, *numbers in found.trend if any(numbers)}
    assert days == {date(2026, 6, 15): [1, 0, 0], date(2026, 6, 13): [1, 1, 0], date(2026, 5, 6): [0, 0, 1]}


def test_c4_a_long_time_is_drawn_by_months(lost):
    found = losses.report(lost.admin, Asked.parse(lost.admin, {"from": "2025-12-31", "to": "2026-06-15"}))
    assert found.monthly
    assert [(day.month, *numbers) for day, *numbers in found.trend][-2:] == [(5, 0, 0, 1), (6, 2, 1, 0)]
    assert len(found.trend) == 7


@pytest.mark.parametrize(
    ("params", "number"),
    [
        ({}, 3),
        ({"by": "contact"}, 2),
        ({"by": "both", "from": "2026-01-01"}, 1),
        ({"source": "直播"}, 1),
        ({"from": "2026-06-15"}, 1),
        ({"to": "2026-06-14", "from": "2026-06-13"}, 2),
    ],
)
def test_c4_the_report_is_filtered(params, number, lost):
    asked = Asked.parse(lost.admin, params)
    assert losses.losses(lost.admin, asked).count() == losses.report(lost.admin, asked).total == number


def test_c4_the_report_of_one_member_counts_theirs_only(lost):
    """Both members of one name, too: each has their own number (`members` is by id)."""
    Member.objects.filter(pk__in=[lost.anna.pk, lost.bob.pk]).update(name="张伟")
    whole = losses.report(lost.admin, Asked.parse(lost.admin, {"from": "2026-01-01"}))
    assert sorted(whole.members) == sorted([(lost.anna.pk, "张伟", 2), (lost.bob.pk, "张伟", 2)])
    for member in (lost.anna, lost.bob):
        asked = Asked.parse(lost.admin, {"from": "2026-01-01", "member": str(member.pk)})
        assert losses.report(lost.admin, asked).members == [(member.pk, "张伟", 2)]
        assert {loss.member_id for loss in losses.losses(lost.admin, asked)} == {member.pk}
    assert losses.report(lost.admin, Asked.parse(lost.admin, {"member": str(uuid7())})).total == 0


def test_c4_who_left_is_not_told_of_losses(team):
    contact = factories.contact(team.actors.anna)
    add_contact(team.actors.bob, external_userid=contact.external_userid, name="x")
    Member.objects.filter(pk__in=[team.anna.pk, team.bob.pk]).update(status="disabled")
    end_follow(team.admin, contact=contact, member=team.bob, by="contact")
    assert not Notification.objects.exists()


def test_c4_o5_one_sees_the_losses_of_contacts_that_one_sees(lost):
    counts = {
        name: losses.report(getattr(lost.actors, name), Asked.parse(lost.admin)).total
        for name in ("anna", "bob", "carl", "graded")
    }
    # Bob owns the contact that he deleted.
    assert counts == {"anna": 2, "bob": 1, "carl": 0, "graded": 2}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-06-02", "to": "2026-06-01"}, "from"),
        ({"by": "nobody"}, "by"),
        ({"member": "x"}, "member"),
    ],
)
def test_c4_filters_that_make_no_sense_are_refused(params, field, inside):
    with pytest.raises(Invalid) as refused:
        Asked.parse(inside, params)
    assert list(refused.value.errors) == [field]


def test_c4_days_are_the_enterprises(inside):
    asked = Asked.parse(inside, {"from": "2026-06-15", "to": "2026-06-15"})
    assert (asked.start.isoformat(), asked.end.isoformat()) == (
        "2026-06-15T00:00:00+08:00",
        "2026-06-16T00:00:00+08:00",
    )
    contact = friends(inside)
    ended(inside, contact, at=datetime.fromisoformat("2026-06-14T23:59:59+08:00"))
    assert not losses.losses(inside, asked).exists()


# --- Before the fact ------------------------------------------------------------------------------------------

moments = st.integers(-250, 0).map(lambda days: NOON + days * DAY)


@given(
    st.lists(
        st.tuples(moments, st.none() | moments, moments, st.sampled_from(list(Grade)), st.sampled_from(list(Activity))),
        max_size=1,
    )
)
def test_c4_a_warning_is_a_rule_of_the_contacts_own_times(cases):
    numbers = Policy()
    for added_at, last_customer_at, last_contact_at, grade, activity in cases:
        found = risks(added_at, last_customer_at, last_contact_at, grade, activity, NOON, numbers)
        quiet = min((NOON - max(added_at, last_customer_at or added_at)).days, 10**6)
        assert (Risk.SILENT_SOON in found) == (quiet >= 150)
        assert (Risk.BUYER_QUIET in found) == (activity is Activity.FREQUENT and quiet >= 60)
        assert (Risk.VALUED_ALONE in found) == (grade is not Grade.LOW and NOON - last_contact_at >= 60 * DAY)


def test_c4_the_query_says_what_the_rule_says(inside):
    """Every combination at and around the thresholds."""
    people = []
    for added in (10, 59, 60, 149, 150, 200):
        for quiet in (None, 1, 59, 60, 149, 150, 179):
            for grade, activity in ((Grade.LOW, Activity.FREQUENT), (Grade.HIGH, Activity.NEVER)):
                contact = factories.contact(inside, added_at=NOON - added * DAY)
                last = None if quiet is None else NOON - quiet * DAY
                touched = max(contact.added_at, last or contact.added_at)
                Contact.objects.filter(pk=contact.pk).update(
                    last_customer_at=last, last_contact_at=touched, grade=grade, activity=activity
                )
                people.append(
                    SimpleNamespace(
                        pk=contact.pk,
                        added=contact.added_at,
                        last=last,
                        touched=touched,
                        grade=grade,
                        activity=activity,
                    )
                )
    for risk in Risk:
        expected = {
            one.pk
            for one in people
            if risk in risks(one.added, one.last, one.touched, one.grade, one.activity, NOON, Policy())
        }
        assert set(losses.at_risk(inside, risk).values_list("pk", flat=True)) == expected
        assert expected


def test_c4_archived_and_inactive_ones_need_no_warning(inside):
    for change in ({"status": "archived"}, {"inactive": True}):
        contact = friends(inside, days=170)
        assert losses.at_risk(inside, Risk.SILENT_SOON).count() == 1
        Contact.objects.filter(pk=contact.pk).update(**change)
        assert not losses.at_risk(inside, Risk.SILENT_SOON).exists()


def test_c4_owners_are_warned_once_a_week(team):
    for _number in range(2):
        friends(team.actors.anna, days=170)
    friends(team.actors.bob, days=170)
    friends(team.actors.carl, days=10)
    for _run in range(2):
        assert loss_notices.warn(team.admin, now=NOON) == 2
    told = dict(Notification.objects.values_list("member__name", "data__count"))
    assert told == {"Anna": 2, "Bob": 1}
    with clock.at(NOON + 7 * DAY):
        loss_notices.warn(team.admin, now=NOON + 7 * DAY)
    assert Notification.objects.count() == 4


def test_c4_owners_who_left_are_not_warned(team):
    friends(team.actors.anna, days=170)
    friends(team.actors.bob, days=170)
    Member.objects.filter(pk=team.anna.pk).update(status="disabled")
    assert loss_notices.warn(team.admin, now=NOON) == 1
    assert Notification.objects.get().member == team.bob


# --- API and console ------------------------------------------------------------------------------------------


def lose(enterprise, total):
    """So many losses in all."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        while Follow.objects.exclude(state="active").count() < total:
            contact = factories.contact(actor, name="王小明", added_at=clock.now() - 9 * DAY, source="门店")
            end_follow(actor, contact=contact, member=actor.member, by="contact")


@pytest.mark.parametrize("page", ["losses/", "losses/ahead/"])
def test_c4_pages_take_a_constant_number_of_queries(page, browser, enterprise):
    address = f"/e/{enterprise.code}/{page}"
    browser.get(address)
    counts = []
    for total in (1, 3):
        lose(enterprise, total)
        with tenant(enterprise.pk):
            factories.contact(factories.super_admin(enterprise), added_at=clock.now() - 170 * DAY)
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(address)
        shown = answer.content.decode().count("<tr data-href")
        assert (answer.status_code, shown) == (200, total if page == "losses/" else len(counts) + 1)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 17


def test_c4_the_console_filters_and_says_what_is_wrong(browser, enterprise):
    lose(enterprise, 1)
    base = f"/e/{enterprise.code}/losses/"
    assert "王小明" in browser.get(base).content.decode()
    assert "王小明" not in browser.get(f"{base}?by=member").content.decode()
    wrong = browser.get(f"{base}?from=x")
    assert wrong.status_code == 400 and "Enter a date" in wrong.content.decode()
    for risk in ("silent_soon", "buyer_quiet", "valued_alone", "nonsense"):
        assert browser.get(f"{base}ahead/?risk={risk}").status_code == 200


def test_c4_x1_losses_by_the_api(api, enterprise):
    lose(enterprise, 2)
    with tenant(enterprise.pk):
        factories.contact(factories.super_admin(enterprise), name="静静", added_at=clock.now() - 170 * DAY)
    found = api.get("/api/v1/losses?by=contact&count=1").json()
    assert found["count"] == {"value": 2, "exact": True}
    assert found["results"][0] | {"id": 0, "contact": 0, "member": 0, "owner": 0, "added_at": 0, "ended_at": 0} == {
        "id": 0, "contact": 0, "member": 0, "owner": 0, "by": "contact", "added_at": 0, "ended_at": 0, "days_kept": 9,
        "source": "门店", "tags": [],
    }  # fmt: skip
    report = api.get("/api/v1/losses/report").json()
    assert (report["total"], report["by"]) == (2, {"contact": 2, "member": 0, "both": 0})
    assert len(report["trend"]) == 30 and report["sources"] == [{"name": "门店", "number": 2}]
    ahead = api.get("/api/v1/losses/ahead?risk=silent_soon").json()["results"]
    assert [one["name"] for one in ahead] == ["静静"]
    assert api.get("/api/v1/losses/ahead?risk=x").status_code == 400
    assert api.get("/api/v1/losses?nonsense=1").json()["code"] == "unknown_filter"


def test_c4_x1_the_list_of_who_is_about_to_fall_silent_is_walked_to_its_end_and_back(api, enterprise):
    with tenant(enterprise.pk):
        for number in range(5):
            factories.contact(
                factories.super_admin(enterprise), name=f"静{number}", added_at=clock.now() - (170 + number // 2) * DAY
            )
    whole = [one["id"] for one in api.get("/api/v1/losses/ahead").json()["results"]]
    forth, url = [], "/api/v1/losses/ahead?page_size=2"
    while url:
        page = api.get(url).json()
        forth.append([one["id"] for one in page["results"]])
        last, url = page, page["next"]
    assert len(whole) == 5 and [one for page in forth for one in page] == whole
    back = api.get(last["previous"]).json()["results"]
    assert [one["id"] for one in back] == forth[1]
