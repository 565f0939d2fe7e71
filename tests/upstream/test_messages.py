"""U9: messages to the people of partners: whom they reach, scheduling, sending, stopping; and what is refused."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from common import clock
from common.errors import Conflict, Forbidden, Invalid
from common.tenancy import tenant
from enterprises.models import AuditEntry, Member
from jobs import services as jobs
from jobs.models import JobRun, Notification
from tests import factories
from tests.upstream.conftest import make_partner, make_person
from tests.upstream.messaging import consistent, reached
from upstream.models import Message, MessageDelivery
from upstream.queries import messaging
from upstream.services import channels, members, messages, partners, people, sending, spaces, subgroups

pytestmark = pytest.mark.django_db


# --- sending ----------------------------------------------------------------------------------------------


def test_u9_everybody_gets_it_once_and_the_sender_is_told(firm):
    message = firm.draft(audience={"spaces": [firm.brands.pk, firm.media.pk]})
    assert messages.preview(firm.admin, audience=message.to).people == 3
    assert firm.send(message).state == "sending"
    [run] = firm.work()
    assert (run.state, run.done, run.total) == ("done", 3, 3)
    assert run.result == {"people": 3, "delivered": 3, "failed": 0}
    assert reached(message, state="delivered") == ["两处", "老板", "远人"]
    assert MessageDelivery.objects.get(person=firm.both.person).seat_id == firm.both.pk, "where they were first"
    assert consistent(message).state == "sent" and message.ended_at
    told = Notification.objects.get(kind="space_message.sent")
    assert told.member_id == firm.admin.member_id and told.data["people"] == 3
    actions = AuditEntry.objects.filter(subject_id=message.pk).order_by("at").values_list("action", flat=True)
    assert list(actions) == ["space_message.created", "space_message.started"]


@pytest.mark.parametrize(
    ("audience", "names", "left_out"),
    [
        (lambda f: {"subgroups": [f.top.pk]}, ["两处", "老板"], {}),
        (lambda f: {"partners": [f.far.pk, f.paper.pk]}, ["两处", "远人"], {}),
        (lambda f: {"spaces": [f.brands.pk, f.media.pk], "kinds": ["supplier"]}, ["远人"], {}),
        (lambda f: {"spaces": [f.brands.pk], "regions": ["华东"]}, ["两处", "老板"], {}),
        (lambda f: {"spaces": [f.brands.pk], "leaders": True}, ["老板"], {}),
        (lambda f: {"spaces": [f.brands.pk], "but_subgroups": [f.top.pk]}, ["远人"], {"excluded": 2}),
        # excluded at one partner is excluded wherever else one is
        (lambda f: {"spaces": [f.brands.pk], "but_partners": [f.paper.pk]}, ["老板", "远人"], {"excluded": 1}),
        (lambda f: {"spaces": [f.brands.pk], "but_persons": [f.boss.person_id]}, ["两处", "远人"], {"excluded": 1}),
        (lambda f: {"spaces": [f.brands.pk, f.media.pk]}, ["两处", "老板", "远人"], {"duplicate": 1}),
    ],
)
def test_u9_audiences_and_why_others_are_left_out(firm, audience, names, left_out):
    message = firm.draft(audience=audience(firm))
    found = messages.preview(firm.admin, audience=message.to)
    assert {reason: number for reason, number in found.left_out.items() if number} == left_out
    assert found.people == found.without_workbench == len(names)
    firm.send(message)
    firm.work()
    assert reached(message) == sorted(names) and consistent(message).people == len(names)


def test_u9_u8_a_series_is_one_audience(firm):
    series = spaces.create_series(firm.admin, name="博主")
    second = spaces.create_space(firm.admin, name="博主 2", series=series)
    for space in (second, spaces.Space.objects.get(series=series, number=1)):
        make_person(firm.admin, make_partner(firm.admin, space), f"在 {space.number}")
    message = firm.draft(audience={"series": [series.pk]})
    firm.send(message)
    firm.work()
    assert reached(message) == ["在 1", "在 2"] and len(message.space_ids) == 2


def test_u9_u6_whom_the_sender_does_not_see_gets_nothing_whoever_presses_the_button(firm):
    role = factories.role("spaces.view", "spaces.message", scope="related")
    person = factories.member("客服甲", role=role)
    clerk = factories.acting(firm.enterprise, person)
    members.add_members(firm.admin, space=firm.brands, members=[person])
    members.create_rule(firm.admin, space=firm.brands, name="只对近", members=[person], partners=[firm.near])
    message = firm.draft(clerk)
    assert messages.preview(clerk, audience=message.to).left_out["unseen"] == 1
    firm.send(message)  # the admin, who sees everybody
    firm.work()
    assert reached(message) == ["两处", "老板"]
    with pytest.raises(Invalid) as refused:
        firm.draft(clerk, audience={"partners": [firm.far.pk]})
    assert "audience" not in refused.value.errors and "partners" in refused.value.errors


def test_u9_people_who_leave_before_the_batch_get_nothing_and_forgotten_ones_leave_only_numbers(firm):
    message = firm.draft()
    firm.send(message)
    people.remove_person(firm.admin, seat=firm.other)
    firm.work()
    assert reached(message) == ["两处", "老板"]
    people.remove_person(firm.admin, seat=firm.boss)
    message.refresh_from_db()
    assert reached(message) == ["两处"] and message.delivered == 2


# --- states -----------------------------------------------------------------------------------------------


def test_u9_a_scheduled_message_goes_at_its_time_and_once(firm):
    due = clock.now() + timedelta(hours=2)
    message = messages.send(firm.admin, message=firm.draft(), at=due)
    assert (message.state, message.due_at) == ("scheduled", due)

    def tick(moment):
        with clock.at(moment):
            jobs.enqueue_scheduled(firm.enterprise, name="upstream.send_due_messages")
            firm.work("upstream.send_due_messages")
            firm.work()

    tick(due - timedelta(minutes=1))
    assert not MessageDelivery.objects.exists()
    for minute in range(3):
        tick(due + timedelta(minutes=minute))
    assert consistent(message).state == "sent" and message.delivered == 3
    assert JobRun.objects.filter(name=messages.JOB).count() == 1


def test_u9_the_due_function_tells_which_enterprises_have_work(firm):
    from common.sql import rows

    due = clock.now() + timedelta(hours=2)
    messages.send(firm.admin, message=firm.draft(), at=due)
    ask = "SELECT enterprises_with_due_messages(%(now)s)"
    assert rows(ask, {"now": clock.now()}) == []
    assert rows(ask, {"now": due}) == [(firm.enterprise.pk,)]


@pytest.mark.parametrize("why", ["sender_gone", "may_not", "nobody", "exclusion_gone"])
def test_u9_a_scheduled_message_that_cannot_go_stops_and_somebody_is_told(firm, why):
    role = factories.role("spaces.view", "spaces.message", scope="all")
    person = factories.member("客服甲", role=role)
    audience = {"partners": [firm.far.pk]}
    if why == "exclusion_gone":
        audience = {"spaces": [firm.brands.pk], "but_subgroups": [firm.below.pk]}
    due = clock.now() + timedelta(hours=2)
    message = firm.draft(factories.acting(firm.enterprise, person), audience=audience)
    messages.send(firm.admin, message=message, at=due)
    match why:
        case "sender_gone":
            Member.objects.filter(pk=person.pk).update(status="disabled")
        case "may_not":
            role.permissions = ["spaces.view"]
            role.save()
        case "nobody":
            partners.remove_partner(firm.admin, partner=firm.far)
        case _:
            subgroups.delete_subgroup(firm.admin, subgroup=firm.below)
    with clock.at(due):
        assert messages.send_due(firm.admin, now=due) == {"started": 0, "not_sent": 1}
        assert messages.send_due(firm.admin, now=due) == {"started": 0, "not_sent": 0}
    message.refresh_from_db()
    assert message.state == "stopped" and not MessageDelivery.objects.exists()
    told = Notification.objects.get(kind="space_message.not_sent")
    assert told.member_id == (firm.admin.member_id if why == "sender_gone" else person.pk)


def test_u9_stop_and_resume_go_on_where_it_stopped(firm, monkeypatch):
    monkeypatch.setattr(sending, "STEP", 1)
    message = firm.draft()
    firm.send(message)
    carried = []

    class Slow:
        name, label = "workbench", "slow"

        def carry(self, sent, parcels):
            carried.extend(parcel.person for parcel in parcels)
            if len(carried) == 1:
                with tenant(firm.enterprise.pk):
                    messages.stop(firm.admin, message=message)
            return {}

    monkeypatch.setitem(channels._channels, "workbench", Slow())
    [run] = firm.work()
    assert run.state == "done" and run.result == {"people": 3, "delivered": 1, "failed": 0}
    assert consistent(message).state == "stopped"
    assert sorted(MessageDelivery.objects.values_list("state", flat=True)) == ["delivered", "queued", "queued"]
    messages.resume(firm.admin, message=message)
    [run] = firm.work()
    assert (run.done, run.total) == (3, 3) and consistent(message).state == "sent"
    assert len(carried) == len(set(carried)) == 3, "nobody was carried to twice"
    with pytest.raises(Conflict) as refused:
        messages.stop(firm.admin, message=message)
    assert refused.value.code == "not_under_way"


def test_u9_withdrawing_stops_what_is_on_its_way_and_only_what_was_sent(firm, monkeypatch):
    monkeypatch.setattr(sending, "STEP", 1)
    message = firm.draft()
    later = firm.draft()
    messages.send(firm.admin, message=later, at=clock.now() + timedelta(days=1))
    for one in (message, later):
        with pytest.raises(Conflict) as refused:
            messages.withdraw(firm.admin, message=one)
        assert refused.value.code == "not_sent"
    firm.send(message)

    class Slow:
        name, label = "workbench", "slow"

        def carry(self, sent, parcels):
            with tenant(firm.enterprise.pk):
                messages.withdraw(firm.admin, message=message)
            return {}

    monkeypatch.setitem(channels._channels, "workbench", Slow())
    [run] = firm.work()
    assert (run.state, run.result["delivered"]) == ("done", 1)
    assert consistent(message).state == "stopped" and message.withdrawn_at is not None
    assert sorted(MessageDelivery.objects.values_list("state", flat=True)) == ["delivered", "queued", "queued"]
    assert not messaging.inbox(MessageDelivery.objects.get(state="delivered").person_id).exists()
    with pytest.raises(Conflict) as refused:
        messages.resume(firm.admin, message=message)
    assert refused.value.code == "withdrawn"
    stranger = factories.acting(firm.enterprise, factories.member())
    with pytest.raises(Forbidden):
        messages.withdraw(stranger, message=message)


def test_u9_a_message_whose_job_failed_can_be_resumed_and_one_at_work_cannot(firm, monkeypatch):
    message = firm.draft()
    firm.send(message)
    with pytest.raises(Conflict) as refused:
        messages.resume(firm.admin, message=message)
    assert refused.value.code == "not_stopped"
    messages.stop(firm.admin, message=message)
    with pytest.raises(Conflict) as refused:
        messages.resume(firm.admin, message=message)
    assert refused.value.code == "still_stopping"
    firm.work()
    assert not MessageDelivery.objects.exists()
    messages.resume(firm.admin, message=message)

    class Broken:
        name, label = "workbench", "broken"

        def carry(self, sent, parcels):
            raise RuntimeError("no way")

    with monkeypatch.context() as patched:
        patched.setitem(channels._channels, "workbench", Broken())
        [run] = firm.work()
    assert run.state == "failed" and consistent(message).people == 3 and message.state == "sending"
    messages.resume(firm.admin, message=message)
    firm.work()
    assert consistent(message).delivered == 3


def test_u9_the_port_says_who_could_not_be_reached(firm, monkeypatch):
    class Partial:
        name, label = "far", "far"

        def carry(self, sent, parcels):
            return {parcel.id: "blocked" for parcel in parcels if parcel.person == firm.boss.person_id}

    monkeypatch.setitem(channels._channels, "far", Partial())
    message = firm.draft(channel="far")
    firm.send(message)
    firm.work()
    assert reached(message, state="failed", reason="blocked") == ["老板"]
    assert (consistent(message).delivered, message.failed) == (2, 1)
    assert list(messaging.inbox(firm.boss.person_id)) == []


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 129}, "title"),
        ({"kind": "other"}, "kind"),
        ({"kind": "link", "url": "javascript:alert(1)"}, "url"),
        ({"text": "x" * 4001}, "text"),
        ({"channel": "pigeon"}, "channel"),
        ({"audience": {"kinds": ["other", "x"]}}, "kinds"),
        ({"audience": {"spaces": ["no id"]}}, "spaces"),
        ({"kind": "file", "file": SimpleUploadedFile("run.exe", b"MZ")}, "file"),
        ({"file": SimpleUploadedFile("a.pdf", b"%PDF")}, "file"),
    ],
)
def test_u9_what_is_wrong_is_not_kept(firm, fields, field):
    with pytest.raises(Invalid) as refused:
        firm.draft(**fields)
    assert list(refused.value.errors) == [field] and not Message.objects.exists()


def test_u9_a_file_that_is_too_large_is_not_kept(firm):
    large = SimpleUploadedFile("a.pdf", b"x")
    large.size = (20 << 20) + 1
    with pytest.raises(Invalid):
        firm.draft(kind="file", file=large)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": ""}, "invalid"),
        ({"kind": "link"}, "invalid"),
        ({"kind": "mini_program"}, "invalid"),
        ({"kind": "file"}, "invalid"),
        ({"audience": {}}, "nobody"),
        ({"audience": {"kinds": ["brand"]}}, "nobody"),
    ],
)
def test_u9_an_unfinished_draft_is_not_sent(firm, fields, code):
    message = firm.draft(**fields)
    with pytest.raises((Invalid, Conflict)) as refused:
        firm.send(message)
    message.refresh_from_db()
    assert refused.value.code == code and message.state == "draft" and not JobRun.objects.exists()


def test_u9_a_moment_that_is_over_is_refused(firm):
    with pytest.raises(Invalid):
        messages.send(firm.admin, message=firm.draft(), at=clock.now() - timedelta(minutes=1))


def test_u9_only_drafts_change_and_a_stopped_schedule_is_a_draft_again(firm):
    message = firm.draft(kind="file", file=SimpleUploadedFile("价 目.PDF", b"%PDF-1"))
    first = message.file
    assert (message.file_name, message.size) == ("价 目.PDF", 6) and first.endswith(".pdf")
    messages.send(firm.admin, message=message, at=clock.now() + timedelta(hours=1))
    with pytest.raises(Conflict) as refused:
        messages.edit_message(firm.admin, message=message, changes={"title": "新"})
    assert refused.value.code == "not_a_draft"
    with pytest.raises(Conflict):
        messages.delete_draft(firm.admin, message=message)
    messages.stop(firm.admin, message=message)
    changed = messages.edit_message(firm.admin, message=message, changes={"kind": "text", "title": "新"})
    assert (changed.title, changed.file, changed.state, changed.due_at) == ("新", "", "draft", None)
    messages.delete_draft(firm.admin, message=message)
    assert not Message.objects.exists()


def test_u9_the_file_of_a_deleted_draft_goes_with_it(firm, django_capture_on_commit_callbacks):
    message = firm.draft(kind="file", file=SimpleUploadedFile("a.pdf", b"%PDF-1"))
    assert default_storage.exists(message.file)
    with django_capture_on_commit_callbacks(execute=True):
        messages.delete_draft(firm.admin, message=message)
    assert not default_storage.exists(message.file)


def test_u9_messages_need_their_permission_and_are_seen_by_author_manager_and_admin(firm):
    clerk = factories.acting(
        firm.enterprise, factories.member("甲", role=factories.role("spaces.message", scope="related"))
    )
    manager_role = factories.role("spaces.view", "spaces.manage", "spaces.message", scope="related")
    manager = factories.acting(firm.enterprise, factories.member("乙", role=manager_role))
    members.add_members(firm.admin, space=firm.brands, members=[manager.member])
    into_brands, into_both = firm.draft(), firm.draft(audience={"spaces": [firm.brands.pk, firm.media.pk]})
    own = messages.create_message(clerk, title="自己的")
    assert set(messaging.messages(clerk)) == {own}
    assert set(messaging.messages(manager)) == {into_brands}
    assert set(messaging.messages(firm.admin)) == {into_brands, into_both, own}
    assert set(messaging.messages(firm.admin, {"space": str(firm.media.pk)})) == {into_both}
    staff = factories.acting(firm.enterprise, factories.member("丙"))
    with pytest.raises(Forbidden):
        firm.draft(staff)


def test_u9_stop_and_send_need_the_permission(firm):
    staff = factories.acting(firm.enterprise, factories.member("丙"))
    message = firm.draft()
    for act in (messages.send, messages.stop, messages.resume, messages.delete_draft):
        with pytest.raises(Forbidden):
            act(staff, message=message)


def test_x2_another_enterprise_has_nothing_of_it(other_enterprise, firm):
    firm.send(firm.draft())
    firm.work()
    firm.open.close()
    with tenant(other_enterprise.pk):
        assert not Message.objects.exists() and not MessageDelivery.objects.exists()
