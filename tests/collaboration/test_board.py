"""The team board (O10): daily rows by a job, equal to counting by hand; who sees which; the file."""

import csv
import html
import io
import re
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collaboration.models import BoardDay
from collaboration.queries.board import board, period
from collaboration.queries.board_rows import Asked, Figure, rows
from collaboration.services.board import count_days
from common import clock
from common.errors import Invalid
from common.formulas import looks_like_formula, restore
from contacts.models import Contact, Interaction
from contacts.services.contacts import archive_contact
from contacts.services.history import record_interaction
from contacts.services.relations import end_follow
from enterprises.models import AuditEntry, Department, Member
from tests import factories

pytestmark = pytest.mark.django_db
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = factories.NOON
TODAY = date(2026, 6, 15)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def say(scene, contact, *events):
    """(kind, moment, member) each."""
    for kind, moment, member in events:
        with scene(member, at=NOON) as actor:
            record_interaction(actor, contact=contact, kind=kind, at=moment, member=member)


def count(scene, firm, at=NOON):
    with scene(at=at):
        return count_days(firm.enterprise)


def board_rows(firm, figure, *, member=None, actor=None, first=TODAY - 30 * DAY, last=TODAY):
    asked = Asked(first, last, Figure(figure))
    return rows(actor or factories.super_admin(firm.enterprise), member or firm.ann, asked).order_by("-at", "-id")


def figures(found):
    return {one.name: one for team in found.teams for one in team.members}


def test_o10_answers_within_minutes_and_hours_rate_and_contacts(firm, scene):
    with scene(firm.ann, at=NOON - 5 * DAY) as ann:
        one, two, three = [factories.contact(ann) for _number in range(3)]
    with scene(firm.bob, at=NOON - 5 * DAY) as bob:
        factories.contact(bob)
    day = NOON - DAY
    say(
        scene,
        one,
        ("message_in", day, firm.ann),
        ("message_in", day + MINUTE, firm.ann),  # still the same wait
        ("message_out", day + 20 * MINUTE, firm.ann),
        ("message_in", day + HOUR, firm.ann),
        ("message_out", day + 3 * HOUR, firm.ann),
        ("follow_up", day + 3 * HOUR, firm.ann),
    )
    say(scene, two, ("message_in", day, firm.ann))
    with scene() as admin:
        Contact.objects.filter(pk=one.pk).update(grade="high")
        Contact.objects.filter(pk=two.pk).update(inactive=True)
        archive_contact(admin, contact=three)
        end_follow(admin, contact=two, member=firm.ann, by="contact", at=day)
    count(scene, firm)
    with scene() as admin:
        found = board(admin, TODAY - 6 * DAY, TODAY)
        ann = figures(found)["Ann"]
        assert (ann.asked, ann.answered, ann.in_minutes, ann.in_hours) == (3, 2, 1, 2)
        assert (ann.rate, ann.quick) == (round(2 / 3, 4), round(1 / 3, 4))
        # The second contact is lost: nobody follows it any more.
        assert (ann.high, ann.middle, ann.low, ann.silent, ann.contacts) == (1, 0, 0, 0, 1)
        assert (ann.added, ann.lost, ann.follow_ups) == (3, 1, 1)
        assert [team.name for team in found.teams] == ["华北", "华南", "深圳", ""]
        assert found.total.asked == 3 and found.total.added == 4
        [asked] = [one for one in found.days if one.asked]
        assert (asked.day, asked.in_hours) == (TODAY - DAY, 2) and len(found.days) == 7
        assert figures(board(admin, TODAY, TODAY))["Ann"].asked == 0


def test_o10_a_late_answer_and_a_late_report_are_counted_by_the_next_run(firm, scene):
    with scene(firm.ann, at=NOON - 5 * DAY) as ann:
        contact = factories.contact(ann)
    say(scene, contact, ("message_in", NOON - HOUR, firm.ann))
    count(scene, firm)
    with scene(firm.ann, at=NOON + HOUR) as ann:
        record_interaction(ann, contact=contact, kind="message_out", at=NOON + HOUR)
    count(scene, firm, at=NOON + HOUR)
    count(scene, firm, at=NOON + DAY)
    with scene(at=NOON + DAY) as admin:
        ann = figures(board(admin, TODAY, TODAY + DAY))["Ann"]
        assert (ann.asked, ann.answered, ann.in_minutes, ann.in_hours) == (1, 1, 0, 1)


def test_x6_twice_and_late_give_the_same_rows(firm, scene):
    with scene(firm.ann, at=NOON - 9 * DAY) as ann:
        contact = factories.contact(ann)
    say(scene, contact, *[("message_in", NOON - days * DAY, firm.ann) for days in range(8)])

    def kept():
        with scene():
            return list(BoardDay.objects.order_by("day", "member__name").values_list(
                "day", "member__name", "asked", "added", "low"))  # fmt: skip

    assert count(scene, firm, at=NOON - 4 * DAY) == 91
    assert count(scene, firm) == 6  # the four missed days, the last counted one and the one before
    first = kept()
    assert count(scene, firm) == 2
    assert kept() == first
    call_command("run_job", "collaboration.board", "--now", NOON.isoformat(), "--enterprise", firm.enterprise.code)
    assert kept() == first


def by_hand(events, since):
    """The oracle: (day) → (asked, answered, within 30 minutes, within 24 hours)."""
    found: dict[date, list[int]] = {}
    said = sorted(events)
    for number, (moment, kind) in enumerate(said):
        if kind != "message_in" or moment < since or (number and said[number - 1][1] == "message_in"):
            continue
        answer = next((later for later, what in said[number:] if what == "message_out"), None)
        day = found.setdefault(moment.astimezone(SHANGHAI).date(), [0, 0, 0, 0])
        for place, holds in enumerate(
            (
                True,
                answer is not None,
                answer and answer - moment <= 30 * MINUTE,
                answer and answer - moment <= 24 * HOUR,
            )
        ):
            day[place] += bool(holds)
    return {day: tuple(numbers) for day, numbers in found.items()}


@settings(max_examples=15)
@example([(0, "message_in")])  # at this very moment
@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.sampled_from(["message_in", "message_out"])),
        max_size=30,
        unique_by=lambda one: one[0],
    )
)
def test_o10_rows_are_what_counting_by_hand_gives(firm, scene, said):
    events = [(NOON - minutes * MINUTE, kind) for minutes, kind in said]
    with scene(firm.ann, at=NOON - 30 * DAY) as ann:
        Interaction.objects.all().delete()  # those of the example before
        BoardDay.objects.all().delete()
        contact = factories.contact(ann)
        Interaction.objects.bulk_create(
            Interaction(contact=contact, kind=kind, side="customer", at=moment, member=firm.ann, key=str(number))
            for number, (moment, kind) in enumerate(events)
        )
        Contact.objects.filter(pk=contact.pk).update(last_contact_at=NOON)
    count(scene, firm)
    with scene():
        rows = BoardDay.objects.filter(member=firm.ann, asked__gt=0)
        found = {one.day: (one.asked, one.answered, one.in_minutes, one.in_hours) for one in rows}
        assert found == by_hand(events, NOON - 90 * DAY)
        behind = {figure: list(board_rows(firm, figure)) for figure in ("asked", "late")}
        assert {one.at for one in behind["late"]} <= {one.at for one in behind["asked"]}
        assert (len(behind["asked"]), len(behind["late"])) == (
            sum(numbers[0] for numbers in found.values()),
            sum(numbers[0] - numbers[3] for numbers in found.values()),
        )


def test_o4_graded_admins_see_their_departments_staff_nothing(firm, scene):
    for member in (firm.ann, firm.nora):
        with scene(member) as actor:
            factories.contact(actor)
    count(scene, firm)
    with scene(firm.graded) as graded:
        found = board(graded, TODAY, TODAY)
        assert set(figures(found)) == {"Lea", "Ann", "Bob", "Gu"} and found.total.added == 1
        assert [one.added for one in found.days] == [1]
        assert board(graded, TODAY, TODAY, department=str(firm.north.pk)).teams == []
    api = factories.api_client(firm.enterprise, firm.ann)
    assert api.get("/api/v1/team-board").status_code == 403


def test_o10_api_file_and_bad_questions(firm, scene):
    with scene(firm.ann, at=NOON) as ann:
        factories.contact(ann)
    count(scene, firm)
    api = factories.api_client(firm.enterprise)
    query = {"from": "2026-06-10", "to": "2026-06-15"}
    found = api.get("/api/v1/team-board", query).json()
    assert (found["first"], found["last"], found["answer_minutes"], len(found["days"])) == (
        "2026-06-10",
        "2026-06-15",
        30,
        6,
    )
    [ann] = [one for team in found["teams"] for one in team["members"] if one["name"] == "Ann"]
    assert (ann["added"], ann["low"], ann["rate"]) == (1, 1, None)
    answer = api.get("/api/v1/team-board/export", query)
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    members = sum(len(team["members"]) for team in found["teams"])
    assert len(rows) == 1 + members
    with scene():
        entry = AuditEntry.objects.get(action="team_board.exported")
        assert (entry.subject_label, entry.after) == ("2026-06-10 – 2026-06-15", {"members": members})
    for bad in ({"from": "x"}, {"from": "2026-06-16", "to": "2026-06-15"}, {"from": "2020-01-01"}, {"department": "x"}):
        assert api.get("/api/v1/team-board", bad).status_code == 400
    with scene() as admin:
        assert period(admin, None, None) == (TODAY - 29 * DAY, TODAY)
        with pytest.raises(Invalid):
            period(admin, "2026-06-16", None)


def test_o10_the_file_runs_nothing_in_a_spreadsheet(firm, scene):
    names = ["=1+1", "+8613800138000", "-2", "@SUM(1)", "=cmd|' /C calc'!A0", "王🎉<b>"]
    with scene():
        for name in names:
            member = factories.member(name, department=Department.objects.create(name=f"={name}"))
            assert Member.objects.get(pk=member.pk).name == name
    answer = factories.api_client(firm.enterprise).get("/api/v1/team-board/export")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert not any(looks_like_formula(cell) for row in rows for cell in row if not cell.startswith("'"))
    assert set(names) <= {restore(row[1]) for row in rows} and {f"={name}" for name in names} <= {
        restore(row[0]) for row in rows
    }


def test_o10_the_page_reads_daily_rows_only(firm, scene):
    with scene() as admin:
        with CaptureQueriesContext(connection) as queries:
            board(admin, TODAY - 29 * DAY, TODAY)
    assert len(queries) == 2
    assert not any("contacts_" in one["sql"] for one in queries.captured_queries)


# --- What stands behind a figure ------------------------------------------------------------------------------


@pytest.fixture
def busy(firm, scene):
    """Three contacts of Ann's: one answered in time, one late, one not at all; two more follow-ups; one lost."""
    with scene(firm.ann, at=NOON - 5 * DAY) as ann:
        made = [factories.contact(ann, name=name) for name in ("及时", "晚了", "没回")]
    day = NOON - 3 * DAY
    say(
        scene,
        made[0],
        ("message_in", day, firm.ann),
        ("message_in", day + MINUTE, firm.ann),
        ("message_out", day + 2 * MINUTE, firm.ann),
        ("follow_up", day + HOUR, firm.ann),
        ("follow_up", day + 2 * HOUR, firm.ann),
    )
    say(scene, made[1], ("message_in", day, firm.ann), ("message_out", day + 30 * HOUR, firm.ann))
    say(scene, made[2], ("message_in", day, firm.ann))
    with scene() as admin:
        end_follow(admin, contact=made[2], member=firm.ann, by="contact", at=day + HOUR)
    count(scene, firm)
    return made


def test_o10_behind_a_figure_stand_its_rows(firm, scene, busy):
    with scene() as admin:
        ann = figures(board(admin, TODAY - 6 * DAY, TODAY))["Ann"]
        behind = {one: list(board_rows(firm, one, first=TODAY - 6 * DAY)) for one in Figure}
        assert {one.value: len(found) for one, found in behind.items()} == {
            "added": ann.added,
            "follow_ups": ann.follow_ups,
            "asked": ann.asked,
            "late": ann.asked - ann.in_hours,
        }
        assert (ann.added, ann.follow_ups, ann.asked, ann.in_hours) == (3, 2, 3, 1)
        waited = {str(one.contact): one.answered_at and one.answered_at - one.at for one in behind[Figure.ASKED]}
        assert waited == {"及时": 2 * MINUTE, "晚了": 30 * HOUR, "没回": None}
        assert {str(one.contact) for one in behind[Figure.LATE]} == {"晚了", "没回"}
        for figure in Figure:  # of the day before it, and of somebody else, there is nothing
            assert not board_rows(firm, figure, first=TODAY - 9 * DAY, last=TODAY - 6 * DAY)
            assert not board_rows(firm, figure, member=firm.bob)


def test_o10_who_was_not_answered_for_a_week_waits_anew(firm, scene):
    with scene(firm.ann, at=NOON - 30 * DAY) as ann:
        contact = factories.contact(ann)
    moments = (NOON - 20 * DAY, NOON - 14 * DAY, NOON - 7 * DAY, NOON - MINUTE)  # six days, seven, nearly seven
    say(scene, contact, *[("message_in", moment, firm.ann) for moment in moments])
    count(scene, firm)
    with scene() as admin:
        assert figures(board(admin, TODAY - 30 * DAY, TODAY))["Ann"].asked == 1
        Interaction.objects.filter(contact=contact, at=NOON - 7 * DAY).update(at=NOON - 7 * DAY + MINUTE)
        BoardDay.objects.all().delete()
    count(scene, firm)
    with scene() as admin:
        assert figures(board(admin, TODAY - 30 * DAY, TODAY))["Ann"].asked == 2
        assert [one.at for one in board_rows(firm, "asked")] == [NOON - 7 * DAY + MINUTE, NOON - 20 * DAY]


def test_o5_rows_behind_a_figure_are_of_contacts_that_one_sees(firm, scene, busy):
    with scene(firm.graded) as graded:
        assert board_rows(firm, "asked", actor=graded).count() == 3
        Contact.objects.filter(pk=busy[0].pk).update(owner=firm.nora)
        assert {str(one.contact) for one in board_rows(firm, "asked", actor=graded)} == {"晚了", "没回"}
    api = factories.api_client(firm.enterprise, firm.graded)
    answers = [api.get(f"/api/v1/team-board/members/{pk}") for pk in (firm.nora.pk, firm.enterprise.pk)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    for who, pk in ((firm.ann, firm.ann.pk), (firm.ann, firm.bob.pk)):
        assert factories.api_client(firm.enterprise, who).get(f"/api/v1/team-board/members/{pk}").status_code == 403


def test_x1_o10_rows_by_the_api_and_on_the_page(firm, scene, busy):
    query = {"from": "2026-06-09", "to": "2026-06-15", "figure": "late"}
    api = factories.api_client(firm.enterprise)
    path = f"/api/v1/team-board/members/{firm.ann.pk}"
    found = api.get(path, query).json()["results"]
    assert {(one["contact"]["name"], one["kind"], one["answered_at"]) for one in found} == {
        ("晚了", "message_in", "2026-06-13T10:00:00Z"),
        ("没回", "message_in", None),
    }
    first = api.get(path, {**query, "figure": "asked", "page_size": "2"}).json()
    assert len(first["results"]) == 2 and len(api.get(first["next"]).json()["results"]) == 1
    for bad in ({"figure": "lost"}, {"from": "x"}, {"member": "x"}, {"to": "9999-12-31"}):
        assert api.get(path, bad).status_code == 400
    with scene() as admin:
        browser = Client()
        browser.force_login(admin.member.user)
    address = f"/e/{firm.enterprise.code}/team-board/"
    page = browser.get(address, {"from": "2026-06-09", "to": "2026-06-15"}, headers={"Accept-Language": "en"})
    links = set(re.findall(rf'href="({address}members/{firm.ann.pk}/[^"]*)"', page.content.decode()))
    numbers = {"added": 3, "follow_ups": 2, "asked": 3, "late": 2}
    assert len(links) == len(numbers)
    for link in map(html.unescape, links):
        rest = browser.get(link).content.decode()
        figure = re.search(r"figure=(\w+)", link)[1]
        assert rest.count("data-href") == numbers[figure], figure
    losses = re.search(
        rf'href="(/e/{firm.enterprise.code}/losses/[?]member={firm.ann.pk}[^"]*)"', page.content.decode()
    )
    assert browser.get(html.unescape(losses[1])).content.decode().count("data-href") == 1
    assert browser.get(f"{address}members/{firm.ann.pk}/", {"figure": "lost"}).status_code == 400


def test_o10_rows_cost_the_same_for_one_and_three(firm, scene, busy):
    api = factories.api_client(firm.enterprise)
    with scene() as admin:
        browser = Client()
        browser.force_login(admin.member.user)
    pages = ((api, "/api/v1/team-board/members/{}"), (browser, f"/e/{firm.enterprise.code}/team-board/members/{{}}/"))

    def cost():
        counted = []
        for client, path in pages:
            with CaptureQueriesContext(connection) as queries, clock.at(NOON):
                assert client.get(path.format(firm.ann.pk), {"figure": "asked"}).status_code == 200
            counted.append(len(queries))
        return counted

    cost()  # who is new is looked up once
    three = cost()
    with scene():
        Interaction.objects.filter(contact__in=busy[1:], kind="message_in").delete()
    assert cost() == three
