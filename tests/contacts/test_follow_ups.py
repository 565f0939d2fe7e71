"""C14: follow-ups, what is planned, reminders, files and the calendar."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from common import clock
from common.errors import Conflict, Forbidden, Invalid, Stale
from common.ids import uuid7
from common.tenancy import tenant
from contacts import agenda
from contacts.models import CalendarFeed, Contact, FollowUp, FollowUpFile, Interaction
from contacts.rules import Plan, plan, tomorrow
from contacts.services import attachments, calendars, follow_ups
from contacts.services.relations import change_owner, end_follow
from enterprises.models import AuditEntry, Enterprise, Member, User
from enterprises.services.members import resign_member
from jobs import schedule
from jobs.models import Delivery, JobRun, Notification
from jobs.runner import execute_run
from tests import factories
from tests.contacts.bulk import do
from tests.contacts.conftest import grant
from tests.factories import NOON
from tests.parallel import in_parallel

HOUR = timedelta(hours=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def pdf(name="报价单.pdf", content=b"%PDF-1.7\n..."):
    return SimpleUploadedFile(name, content)


# --- Rules ----------------------------------------------------------------------------------------------------


@given(st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3)))
def test_c14_a_date_is_overdue_today_or_coming(distance):
    at = NOON + distance
    expected = (
        Plan.OVERDUE if at < NOON else Plan.TODAY if at.astimezone(SHANGHAI).date() <= NOON.date() else Plan.COMING
    )
    assert plan(at, NOON, SHANGHAI) is expected


def test_c14_tomorrow_begins_at_the_enterprises_midnight():
    assert tomorrow(NOON, SHANGHAI) == datetime(2026, 6, 15, 16, tzinfo=UTC)
    assert tomorrow(NOON, ZoneInfo("UTC")) == datetime(2026, 6, 16, tzinfo=UTC)


# --- Writing --------------------------------------------------------------------------------------------------


def test_c14_a_follow_up_stands_on_the_timeline_and_carries_the_last_contact(team):
    anna = team.actors.anna
    contact = factories.contact(anna, added_at=NOON - timedelta(days=9))
    made = follow_ups.write(anna, contact=contact, text="  谈了三款精华 ", kind="visit", next_at=NOON + HOUR)
    assert (made.text, made.kind, made.member, made.assignee) == ("谈了三款精华", "visit", anna.member, anna.member)
    entry = Interaction.objects.get(contact=contact, kind="follow_up")
    assert (entry.at, entry.member_id, entry.side) == (NOON, anna.member_id, "member")
    assert entry.data == {"text": "谈了三款精华", "kind": "visit", "follow_up": str(made.pk)}
    contact.refresh_from_db()
    assert (contact.last_contact_at, contact.last_customer_at) == (NOON, None)
    assert AuditEntry.objects.get(action="follow_up.written").subject_id == contact.pk


@pytest.mark.parametrize(
    ("given", "field"),
    [({"text": " "}, "text"), ({"text": "x" * 5001}, "text"), ({"text": "x", "kind": "dance"}, "kind")],
)
def test_c14_nonsense_is_refused_and_leaves_nothing(given, field, inside):
    contact = factories.contact(inside)
    before = Interaction.objects.count()
    with pytest.raises(Invalid) as refused:
        follow_ups.write(inside, contact=contact, **given)
    assert list(refused.value.errors) == [field]
    assert (FollowUp.objects.count(), Interaction.objects.count()) == (0, before)


def test_c14_the_future_has_not_been_done(inside):
    with pytest.raises(Invalid):
        follow_ups.write(inside, contact=factories.contact(inside), text="x", at=NOON + HOUR)


def test_c14_carrying_out_what_was_planned_closes_it_once(inside):
    contact = factories.contact(inside)
    first = follow_ups.write(inside, contact=contact, text="报价", next_at=NOON + HOUR)
    second = follow_ups.write(inside, contact=contact, text="成交", closes=first)
    first.refresh_from_db()
    assert (first.done_at, second.done_at, first.version) == (NOON, None, 2)
    with pytest.raises(Conflict) as again:
        follow_ups.do(inside, follow_up=first)
    assert again.value.code == "not_planned"


def test_c14_a_follow_up_closes_only_its_own_contacts(inside):
    planned = follow_ups.write(inside, contact=factories.contact(inside), text="x", next_at=NOON + HOUR)
    with pytest.raises(Invalid):
        follow_ups.write(inside, contact=factories.contact(inside), text="x", closes=planned)


def test_c14_another_member_is_reminded_only_by_those_who_may_assign(team):
    contact = factories.contact(team.actors.anna)
    with pytest.raises(Forbidden):
        follow_ups.write(team.actors.anna, contact=contact, text="x", next_at=NOON, assignee=team.carl)
    graded = grant(team.actors.graded, "contacts.assign")
    made = follow_ups.write(graded, contact=contact, text="x", next_at=NOON, assignee=team.carl)
    assert made.assignee == team.carl
    with pytest.raises(Forbidden) as out:
        follow_ups.write(graded, contact=contact, text="x", next_at=NOON, assignee=team.bob)
    assert out.value.code == "out_of_range"


def test_o5_whoever_sees_the_contact_sees_all_its_follow_ups_and_nobody_else_any(team):
    contact = factories.contact(team.actors.anna)
    factories.contact(team.actors.bob, external_userid=contact.external_userid, name="x")
    made = follow_ups.write(team.actors.anna, contact=contact, text="x", next_at=NOON)
    seers = {
        name for name in ("anna", "bob", "carl", "graded") if made in agenda.visible_to(getattr(team.actors, name))
    }
    assert seers == {"anna", "bob", "graded"}
    assert list(agenda.planned(team.actors.carl)) == []


def test_c14_others_may_not_change_what_somebody_wrote(team):
    contact = factories.contact(team.actors.anna)
    factories.contact(team.actors.bob, external_userid=contact.external_userid, name="x")
    made = follow_ups.write(team.actors.anna, contact=contact, text="x")
    for attempt in (
        lambda: follow_ups.edit(team.actors.bob, follow_up=made, text="y"),
        lambda: follow_ups.delete(team.actors.bob, follow_up=made),
        lambda: attachments.attach(team.actors.bob, follow_up=made, file=pdf()),
    ):
        with pytest.raises(Forbidden) as refused:
            attempt()
        assert refused.value.code == "not_the_writer"
    assert FollowUp.objects.get().text == "x"


def test_c14_who_may_assign_changes_others_only_where_they_are_the_owner(team):
    """The right is asked of the contact: a friend with contacts.assign is no admin of everybody's contacts."""
    contact = factories.contact(team.actors.anna)
    bob = grant(team.actors.bob, "contacts.assign")
    factories.contact(bob, external_userid=contact.external_userid, name="x")
    made = follow_ups.write(team.actors.anna, contact=contact, text="x")
    with pytest.raises(Forbidden) as refused:
        follow_ups.edit(bob, follow_up=made, text="y")
    assert (refused.value.code, FollowUp.objects.get().text) == ("not_the_writer", "x")
    change_owner(team.admin, contact=contact, owner=team.bob)
    assert follow_ups.edit(bob, follow_up=made, text="y").text == "y"


def test_c14_editing_and_deleting_follow_on_the_timeline(inside):
    contact = factories.contact(inside)
    made = follow_ups.write(inside, contact=contact, text="x", next_at=NOON)
    follow_ups.do(inside, follow_up=made)
    follow_ups.edit(inside, follow_up=made, text="y", next_at=NOON + HOUR)
    made.refresh_from_db()
    assert (made.text, made.next_at, made.done_at, made.version) == ("y", NOON + HOUR, None, 3)
    assert Interaction.objects.get(kind="follow_up").data["text"] == "y"
    follow_ups.delete(inside, follow_up=made)
    assert not FollowUp.objects.exists() and not Interaction.objects.filter(kind="follow_up").exists()


def test_c14_an_edit_of_an_older_version_is_refused_and_changes_nothing(inside):
    """Two forms are open; the second to be sent does not overwrite the first unseen."""
    made = follow_ups.write(inside, contact=factories.contact(inside), text="x")
    follow_ups.edit(inside, follow_up=made, version=1, text="first")
    entries = AuditEntry.objects.count()
    with pytest.raises(Stale) as refused:
        follow_ups.edit(inside, follow_up=made, version=1, text="second")
    assert refused.value.extra["version"] == 2
    made.refresh_from_db()
    assert (made.text, made.version, AuditEntry.objects.count()) == ("first", 2, entries)


def test_o6_what_the_former_owner_planned_passes_to_the_new_one(team):
    contact = factories.contact(team.actors.anna)
    own = follow_ups.write(team.actors.anna, contact=contact, text="x", next_at=NOON)
    others = follow_ups.write(team.admin, contact=contact, text="x", next_at=NOON)
    done = follow_ups.do(
        team.actors.anna, follow_up=follow_ups.write(team.actors.anna, contact=contact, text="x", next_at=NOON)
    )
    change_owner(team.admin, contact=contact, owner=team.carl)
    whose = dict(FollowUp.objects.values_list("pk", "assignee__name"))
    assert whose == {own.pk: "Carl", others.pk: team.admin.member.name, done.pk: "Anna"}


# --- What is planned ------------------------------------------------------------------------------------------


def test_c14_the_agenda_tells_overdue_today_and_coming(team):
    anna, admin = team.actors.anna, team.admin
    contact = factories.contact(anna)
    for hours in (-2, -1, 1, 12, 30):
        follow_ups.write(anna, contact=contact, text=str(hours), next_at=NOON + hours * HOUR)
    follow_ups.write(admin, contact=contact, text="admin", next_at=NOON + HOUR)
    follow_ups.do(anna, follow_up=FollowUp.objects.get(text="-1"))
    asked = {"mine": "true"}
    assert agenda.figures(anna, asked) == agenda.Figures(overdue=1, today=1, coming=2)
    assert agenda.figures(anna) == agenda.Figures(overdue=1, today=2, coming=2)
    for state, texts in (("overdue", ["-2"]), ("today", ["1"]), ("coming", ["12", "30"])):
        found = agenda.planned(anna, {**asked, "state": state}).order_by("next_at")
        assert [row.text for row in found] == texts
    assert [row.text for row in agenda.planned(admin, {"assignee": str(admin.member_id)})] == ["admin"]
    for wrong in ({"mine": "perhaps"}, {"state": "never"}, {"assignee": "x"}):
        with pytest.raises(Invalid):
            agenda.planned(anna, wrong)


@pytest.mark.parametrize("path", ["follow-ups", "contacts/{}/follow-ups"])
def test_c14_lists_take_a_constant_number_of_queries(path, api, enterprise):
    with tenant(enterprise.pk):
        contact = factories.contact(factories.super_admin(enterprise))
    api.get("/api/v1/me")  # the token is touched once a minute
    counts = []
    for total in (1, 3):
        with tenant(enterprise.pk):
            actor = factories.super_admin(enterprise)
            while FollowUp.objects.count() < total:
                made = follow_ups.write(actor, contact=contact, text="x", next_at=NOON)
                attachments.attach(actor, follow_up=made, file=pdf())
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(f"/api/v1/{path.format(contact.pk)}")
        assert len(answer.json()["results"]) == total
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


# --- Reminders ------------------------------------------------------------------------------------------------


def test_c14_members_are_reminded_when_it_is_due_once(team):
    contact = factories.contact(team.actors.anna, name="王小明")
    made = follow_ups.write(team.actors.anna, contact=contact, text="报价", next_at=NOON + HOUR)
    assert follow_ups.remind(team.admin, now=NOON + HOUR - timedelta(seconds=1)) == 0
    assert follow_ups.remind(team.admin, now=NOON + HOUR) == 1
    assert follow_ups.remind(team.admin, now=NOON + 2 * HOUR) == 0
    told = Notification.objects.get()
    assert (told.member, told.kind) == (team.anna, "contacts.follow_up")
    assert told.data == {"contact": "王小明", "text": "报价", "id": str(contact.pk)}
    assert told.bell and Delivery.objects.get(channel="mail").notification_id == told.pk, "and by mail, unless chosen"
    follow_ups.edit(team.actors.anna, follow_up=made, next_at=NOON + 3 * HOUR)
    assert follow_ups.remind(team.admin, now=NOON + 3 * HOUR) == 1
    assert Notification.objects.count() == 2


def test_c14_what_is_done_is_not_reminded_of(inside):
    made = follow_ups.write(inside, contact=factories.contact(inside), text="x", next_at=NOON)
    follow_ups.do(inside, follow_up=made)
    assert follow_ups.remind(inside, now=NOON + HOUR) == 0


def test_c14_o5_who_left_or_does_not_see_the_contact_is_not_told_but_its_owner(team):
    contact = factories.contact(team.actors.anna)
    other = factories.contact(team.actors.anna)
    for which, who in ((contact, team.bob), (other, team.carl)):
        made = follow_ups.write(team.admin, contact=which, text="x", next_at=NOON)
        FollowUp.objects.filter(pk=made.pk).update(assignee=who)
    Member.objects.filter(pk=team.carl.pk).update(status=Member.Status.DISABLED)
    assert follow_ups.remind(team.admin, now=NOON) == 2
    assert set(Notification.objects.values_list("member__name", flat=True)) == {"Anna"}


def test_c14_only_enterprises_with_something_due_get_a_run(committed_db):
    busy, idle = factories.enterprise("忙"), factories.enterprise("闲")
    with tenant(busy.pk), clock.at(NOON):
        actor = factories.super_admin(busy)
        follow_ups.write(actor, contact=factories.contact(actor), text="x", next_at=NOON + HOUR)
    with clock.at(NOON):
        assert schedule.fan_out_waiting("contacts.remind") == 0
    with clock.at(NOON + HOUR):
        assert schedule.fan_out_waiting("contacts.remind") == 1
        assert schedule.fan_out_waiting("contacts.remind") == 0  # this minute has its run
        with tenant(busy.pk):
            run = JobRun.objects.get(name="contacts.remind")
        ended = execute_run(busy.pk, run.pk)
        assert (ended.state, ended.result) == ("done", {"reminded": 1})
    with clock.at(NOON + 2 * HOUR):
        assert schedule.fan_out_waiting("contacts.remind") == 0
    with tenant(idle.pk):
        assert not JobRun.objects.exists()


@pytest.mark.usefixtures("committed_db")
def test_x6_many_workers_remind_once():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk), clock.at(NOON):
        actor = factories.super_admin(enterprise)
        contact = factories.contact(actor)
        for _number in range(20):
            follow_ups.write(actor, contact=contact, text="x", next_at=NOON)

    def work():
        with tenant(enterprise.pk):
            return follow_ups.remind(factories.super_admin(enterprise), now=NOON)

    assert sum(in_parallel([work] * 6)) == 20
    with tenant(enterprise.pk):
        assert Notification.objects.count() == 20


# --- Files ----------------------------------------------------------------------------------------------------


def office(member="[Content_Types].xml"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as parts:
        parts.writestr(member, "<x/>")
    return made.getvalue()


def damaged(*, at, by):
    """An Office file in whose directory of parts some bytes are others; what it says first is unharmed."""
    made = bytearray(office("[Content_Types].xml"))
    start = made.index(b"PK\x01\x02") + at
    made[start : start + len(by)] = by
    return bytes(made)


@pytest.fixture
def written(inside):
    return follow_ups.write(inside, contact=factories.contact(inside), text="x")


MEDIA = {
    "pdf": "application/pdf",
    "png": "image/png",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "txt": "text/plain",
    "csv": "text/csv",
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("报价单.PDF", b"%PDF-1.7"),
        ("👩‍🎤图 (1).png", b"\x89PNG\r\n\x1a\n..."),
        ("表.xlsx", office()),
        ("记录.txt", "第一行\r\n第二行\t✓".encode()),
        ("gb.csv", "姓名,电话".encode("gb18030")),
    ],
)
def test_c14_files_are_kept_under_an_id_and_come_back_as_they_were(name, content, inside, written):
    sent = SimpleUploadedFile(name, content, content_type="text/html")
    kept = attachments.attach(inside, follow_up=written, file=sent)
    assert (kept.name, kept.size) == (name.replace("PDF", "pdf"), len(content))
    answer = attachments.download(kept)
    assert b"".join(answer.streaming_content) == content
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == MEDIA[kept.extension], "by its name as it was checked, never as the sender says"
    assert str(kept.pk) in attachments.place(kept) and name not in attachments.place(kept)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("page.html", b"<script>", "unsupported_file"),
        ("script.svg", b"<svg>", "unsupported_file"),
        ("no-extension", b"%PDF-1.7", "unsupported_file"),
        (".pdf", b"%PDF-1.7", "unsupported_file"),
        ("lie.pdf", b"MZ\x90\x00", "unsupported_file"),
        ("lie.docx", office("evil.exe"), "unsupported_file"),
        ("lie.xlsx", b"PK\x03\x04broken", "unsupported_file"),
        ("later.docx", damaged(at=6, by=b"\x63\x00"), "unsupported_file"),  # needs version 9.9
        ("no-text.pptx", damaged(at=8, by=b"\x00\x08").replace(b"[Content_", b"[Cont\xff\xfe__"), "unsupported_file"),
        ("lie.txt", b"\x7fELF\x00\x01", "unsupported_file"),
        ("fdp.\u202eexe.html", b"%PDF-1.7", "unsupported_file"),
        ("empty.pdf", b"", "invalid"),
        ("large.pdf", b"%PDF-" + b"x" * (1 << 20), "too_large"),
    ],
)
def test_c14_files_that_are_not_what_they_say_or_too_large_are_refused(name, content, code, inside, written):
    factories.reset_policy({"attachment_mb": 1})
    with pytest.raises(Invalid) as refused:
        attachments.attach(inside, follow_up=written, file=SimpleUploadedFile(name, content))
    assert (refused.value.code, FollowUpFile.objects.count()) == (code, 0)


@pytest.mark.parametrize("how", ["the file", "the follow-up"])
def test_c14_a_file_that_is_taken_off_is_gone_from_the_disk_once_that_is_certain(
    how, inside, written, django_capture_on_commit_callbacks
):
    kept, other = (attachments.attach(inside, follow_up=one, file=pdf()) for one in (
        written, follow_ups.write(inside, contact=written.contact, text="y")
    ))  # fmt: skip
    with django_capture_on_commit_callbacks() as callbacks:
        if how == "the file":
            attachments.remove(inside, file=kept)
        else:
            follow_ups.delete(inside, follow_up=written)
        assert default_storage.exists(attachments.place(kept))
    assert list(FollowUpFile.objects.all()) == [other]
    for callback in callbacks:
        callback()
    assert [default_storage.exists(attachments.place(one)) for one in (kept, other)] == [False, True]


def test_c14_a_path_in_a_file_name_leads_nowhere(inside, written):
    kept = attachments.attach(inside, follow_up=written, file=pdf("..\\..\\etc/passwd\x07.pdf"))
    assert kept.name == "passwd.pdf"
    assert attachments.place(kept).startswith(f"attachments/{inside.enterprise.pk}/")


@pytest.mark.parametrize("turn", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_c14_a_file_name_ends_as_it_seems_to_end(turn, inside, written):
    assert attachments.attach(inside, follow_up=written, file=pdf(f"exe.{turn}fdp.pdf")).name == "exe.fdp.pdf"


def test_c14_the_number_of_files_is_policy_and_exact(committed_db):
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        factories.reset_policy({"attachments": 3})
        written = follow_ups.write(actor, contact=factories.contact(actor), text="x")

    def work():
        with tenant(enterprise.pk):
            try:
                return attachments.attach(factories.super_admin(enterprise), follow_up=written, file=pdf()).pk
            except Conflict as refused:
                return refused.code

    assert in_parallel([work] * 6).count("too_many_files") == 3
    with tenant(enterprise.pk):
        assert FollowUpFile.objects.count() == 3


@pytest.mark.usefixtures("committed_db")
def test_c8_deleting_a_contact_for_good_takes_its_follow_ups_and_files():
    enterprise = factories.enterprise()
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        contact = factories.contact(actor)
        made = follow_ups.write(actor, contact=contact, text="x", next_at=clock.now() + HOUR)
        place = attachments.place(attachments.attach(actor, follow_up=made, file=pdf()))
    do(enterprise, "archive", ids=[contact.pk])
    assert default_storage.exists(place)
    run = do(enterprise, "delete", ids=[contact.pk], params={"count": 1})
    assert (run.state, run.result["done"]) == ("done", 1)
    assert not default_storage.exists(place)
    with tenant(enterprise.pk):
        assert not FollowUp.objects.exists() and not FollowUpFile.objects.exists() and not Contact.objects.exists()


def test_c14_files_without_a_row_are_swept_after_a_day(inside, written, django_capture_on_commit_callbacks):
    kept = attachments.attach(inside, follow_up=written, file=pdf())
    old = FollowUpFile(id=_made_long_ago(), extension="pdf")
    fresh = FollowUpFile(id=uuid7(), extension="pdf")
    for orphan in (old, fresh):
        default_storage.save(attachments.place(orphan), pdf())
    with django_capture_on_commit_callbacks(execute=True):
        assert attachments.sweep() == 1
    found = [default_storage.exists(attachments.place(one)) for one in (kept, old, fresh)]
    assert found == [True, False, True]


def _made_long_ago():
    from uuid import UUID

    now = uuid7()
    return UUID(int=now.int - (2 * 86_400_000 << 80))


# --- The calendar ---------------------------------------------------------------------------------------------


def path(enterprise, secret):
    return calendars.path_of(enterprise.code, secret)


def test_c14_the_calendar_shows_what_one_has_planned_at_a_secret_address(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        contact = factories.contact(actor, name="王小明, VIP; 深圳")
        soon = clock.now().replace(microsecond=0) + HOUR
        planned = follow_ups.write(actor, contact=contact, text="带样品\n两套", kind="visit", next_at=soon)
        follow_ups.write(actor, contact=contact, text="没有日期")
        secret = calendars.open_feed(actor)
        assert secret not in str(CalendarFeed.objects.values())
    answer = Client().get(path(enterprise, secret))
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event["UID"] == f"{planned.pk}@follow-ups"
    assert event["DTSTART"].dt == soon
    assert event["SUMMARY"].startswith("王小明, VIP; 深圳")
    assert event["DESCRIPTION"] == "带样品\n两套"
    assert event["URL"] == f"http://testserver/e/{enterprise.code}/contacts/{contact.pk}/follow-ups/"


def test_c14_the_calendar_speaks_in_the_enterprises_time(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        actor.enterprise.timezone = "America/New_York"
        actor.enterprise.save(update_fields=["timezone"])
        contact = factories.contact(actor)
        moment = (clock.now() + timedelta(days=2)).astimezone(ZoneInfo("America/New_York"))
        moment = moment.replace(hour=9, minute=0, second=0, microsecond=0)
        follow_ups.write(actor, contact=contact, text="x", next_at=moment.astimezone(UTC))
        secret = calendars.open_feed(actor)
    content = Client().get(path(enterprise, secret)).content
    made = Calendar.from_ical(content)
    (event,) = made.walk("VEVENT")
    assert event["SEQUENCE"] == 1
    assert (event["DTSTART"].dt, event["DTSTART"].dt.utcoffset()) == (moment, moment.utcoffset())
    assert f"DTSTART;TZID=America/New_York:{moment:%Y%m%dT%H%M%S}".encode() in content
    assert [zone["TZID"] for zone in made.walk("VTIMEZONE")] == ["America/New_York"]
    assert made["X-WR-TIMEZONE"] == "America/New_York"
    with tenant(enterprise.pk):
        follow_ups.edit(actor, follow_up=FollowUp.objects.get(), text="later")
    (event,) = Calendar.from_ical(Client().get(path(enterprise, secret)).content).walk("VEVENT")
    assert event["SEQUENCE"] == 2, "calendar programs take the newer one by this number"


def test_c14_a_calendar_address_can_be_revoked_and_made_anew(enterprise, other_enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        first = calendars.open_feed(actor)
        second = calendars.open_feed(actor)
    with tenant(other_enterprise.pk):
        foreign = calendars.open_feed(factories.super_admin(other_enterprise))
    statuses = [Client().get(path(enterprise, secret)).status_code for secret in (first, second, foreign, "x")]
    assert statuses == [404, 200, 404, 404]
    with tenant(enterprise.pk):
        assert calendars.close_feed(actor) and not calendars.close_feed(actor)
    assert Client().get(path(enterprise, second)).status_code == 404


def _no_longer_reads(member):
    member.role = factories.role("members.view")
    member.save(update_fields=["role"])


@pytest.mark.parametrize(
    "end",
    [
        lambda member: Member.objects.filter(pk=member.pk).update(status=Member.Status.DISABLED),
        lambda member: resign_member(factories.super_admin(Enterprise.objects.get()), member=member),
        lambda member: User.objects.filter(pk=member.user_id).update(is_active=False),
        lambda member: Enterprise.objects.filter(pk=member.enterprise_id).update(status=Enterprise.Status.SUSPENDED),
        _no_longer_reads,
    ],
    ids=["disabled", "resigned", "no longer a user", "enterprise suspended", "role taken"],
)
def test_c14_the_calendar_of_who_may_read_no_more_is_closed(end, enterprise):
    with tenant(enterprise.pk):
        member = factories.member()
        follow_ups.write(
            factories.actor(enterprise, member),
            contact=factories.contact(factories.actor(enterprise, member)), text="x", next_at=clock.now() + HOUR,
        )  # fmt: skip
        secret = calendars.open_feed(factories.actor(enterprise, member))
    assert b"VEVENT" in Client().get(path(enterprise, secret)).content
    with tenant(enterprise.pk):
        end(member)
    assert Client().get(path(enterprise, secret)).status_code == 404


def test_c14_o5_the_calendar_is_empty_of_contacts_that_one_sees_no_more(team):
    enterprise, anna = team.admin.enterprise, team.actors.anna
    contact = factories.contact(anna)
    planned = follow_ups.write(anna, contact=contact, text="x", next_at=NOON + HOUR)
    address = "http://testserver/"
    assert calendars.calendar(anna, address=address).count(b"BEGIN:VEVENT") == 1
    Contact.objects.filter(pk=contact.pk).update(owner=team.bob)
    end_follow(team.admin, contact=contact, member=team.anna, by="member")
    assert FollowUp.objects.get(pk=planned.pk).assignee == team.anna
    assert calendars.calendar(factories.actor(enterprise, team.anna), address=address).count(b"BEGIN:VEVENT") == 0


def test_c14_the_calendar_holds_a_month_back_and_a_year_ahead(inside):
    contact = factories.contact(inside)
    edges = (-timedelta(days=31), -timedelta(days=29), timedelta(days=365), timedelta(days=367))
    for edge in edges:
        follow_ups.write(inside, contact=contact, text=f"{edge.days}", next_at=NOON + edge)
    events = Calendar.from_ical(calendars.calendar(inside, address="http://testserver/")).walk("VEVENT")
    assert [event["DESCRIPTION"] for event in events] == ["-29", "365"]


# --- API ------------------------------------------------------------------------------------------------------


def test_c14_x1_the_api_writes_plans_attaches_and_fetches(api, enterprise):
    with tenant(enterprise.pk):
        contact = factories.contact(factories.super_admin(enterprise), name="王小明")
    body = {"text": "报价", "kind": "offer", "next_at": "2030-01-01T10:00:00Z"}
    base = f"/api/v1/contacts/{contact.pk}/follow-ups"
    answer = api.post(base, body, "application/json")
    assert answer.status_code == 201 and answer["ETag"] == '"1"'
    made = answer.json()
    assert (made["contact"], made["kind"]) == ({"id": str(contact.pk), "name": "王小明"}, "offer")
    assert made["next_at"] == "2030-01-01T10:00:00Z" and made["assignee"] == made["member"]
    one = f"/api/v1/follow-ups/{made['id']}"
    file = api.post(f"{one}/files", {"file": pdf()}).json()
    assert file["name"] == "报价单.pdf"
    fetched = api.get(f"{one}/files/{file['id']}")
    assert b"".join(fetched.streaming_content) == b"%PDF-1.7\n..."
    assert api.get("/api/v1/follow-ups?mine=true&state=coming&count=1").json()["count"] == {"value": 1, "exact": True}
    assert api.get(one).json()["files"] == [file]
    stale = api.patch(one, {"text": "x"}, "application/json", headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert api.patch(one, {"text": "新报价"}, "application/json").json()["text"] == "新报价"
    assert api.post(f"{one}/done", {}, "application/json").json()["done_at"] is not None
    assert api.post(f"{one}/done", {}, "application/json").json()["code"] == "not_planned"
    assert api.delete(one).status_code == 204
    assert api.get(base).json()["results"] == []


def test_o5_closing_a_follow_up_that_one_does_not_see_reads_as_closing_none(enterprise):
    """Naming it must not tell that it exists, though it would be refused anyway."""
    with tenant(enterprise.pk):
        admin, staff = factories.super_admin(enterprise), factories.member()
        mine = factories.contact(factories.actor(enterprise, staff))
        planned = follow_ups.write(admin, contact=factories.contact(admin), text="x", next_at=clock.now() + HOUR)
    client = factories.api_client(enterprise, staff)

    def answer(pk):
        body = {"text": "y", "closes": str(pk)}
        found = client.post(f"/api/v1/contacts/{mine.pk}/follow-ups", body, "application/json")
        return found.status_code, found.json()

    expected = answer(uuid7())
    assert expected[0] == 400 and answer(planned.pk) == expected
    with tenant(enterprise.pk):
        assert FollowUp.objects.get().done_at is None


def test_c14_the_api_gives_and_revokes_the_calendar(api):
    made = api.post("/api/v1/follow-ups/calendar", {}, "application/json")
    assert made.status_code == 201
    assert Client().get(made.json()["url"]).status_code == 200
    assert api.get("/api/v1/follow-ups/calendar").json()["open"] is True
    assert api.delete("/api/v1/follow-ups/calendar").status_code == 204
    assert api.get("/api/v1/follow-ups/calendar").json() == {"open": False, "created_at": None}
