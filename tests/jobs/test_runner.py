"""How a run goes and ends, in one process (X4, X6)."""

from datetime import timedelta

import pytest
from django.utils import translation

import tests.jobs.handlers  # noqa: F401
from common import clock
from common.errors import Conflict, Forbidden, NotFound
from common.tenancy import tenant
from contacts.models import Contact
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Enterprise, Member
from enterprises.services import SUPER_ADMIN
from jobs import lease, notifications, registry, services
from jobs.models import JobRun, Notification
from jobs.runner import MAX_ATTEMPTS, Cancelled, ClaimLost, JobContext, execute_run
from tests import factories

pytestmark = pytest.mark.django_db


def queue(enterprise, name="tests.count", member=None, **params):
    """A queued run of the first super admin (or of a member)."""
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        if member is not None:
            actor = Actor.of(enterprise, Member.objects.select_related("role").get(pk=member.pk), "api")
        return services.enqueue(actor, name=name, params=params)


def reload(run):
    with tenant(run.enterprise_id):
        return JobRun.objects.get(pk=run.pk)


def counted(enterprise):
    with tenant(enterprise.pk):
        entries = AuditEntry.objects.filter(action="tests.counted").order_by("id")
        return [entry.subject_label for entry in entries]


def context_of(enterprise, run):
    """A context as the runner makes it, for a run that is claimed now."""
    with tenant(enterprise.pk):
        claim = factories.super_admin(enterprise).member_id
        JobRun.objects.filter(pk=run.pk).update(state="running", claim=claim, heartbeat_at=clock.real())
        run = JobRun.objects.get(pk=run.pk)
        return JobContext(run, enterprise, factories.super_admin(enterprise))


def test_x4_a_run_counts_up_to_its_end(enterprise):
    run = queue(enterprise, upto=3)
    ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.done, ended.total, ended.result) == ("done", 3, 3, {"counted": 3})
    assert ended.claim is None and ended.finished_at is not None and ended.error is None
    assert counted(enterprise) == ["0", "1", "2"]


def test_x6_the_same_message_again_does_nothing(enterprise):
    run = queue(enterprise, upto=2)
    execute_run(enterprise.pk, run.pk)
    assert execute_run(enterprise.pk, run.pk) is None
    assert counted(enterprise) == ["0", "1"]


def test_x6_a_message_of_an_enterprise_or_run_that_is_gone_is_dropped(enterprise):
    run = queue(enterprise, upto=2)
    assert execute_run(enterprise.pk, enterprise.pk) is None
    assert execute_run(run.pk, run.pk) is None


def test_x6_a_running_run_is_not_taken_even_when_its_heart_beat_is_old(enterprise):
    run = queue(enterprise, upto=2)
    context_of(enterprise, run)
    with tenant(enterprise.pk):
        JobRun.objects.update(heartbeat_at=clock.real() - timedelta(hours=1))
    assert execute_run(enterprise.pk, run.pk) is None


def test_refusal_fails_the_run_with_code_and_text_in_the_language_of_who_asked(enterprise):
    with tenant(enterprise.pk):
        reader = factories.member(role=SUPER_ADMIN)
    reader.user.language = "en"
    reader.user.save()
    run = queue(enterprise, "tests.refuse", member=reader)
    with translation.override("zh-hans"):
        ended = execute_run(enterprise.pk, run.pk)
    assert ended.state == "failed"
    assert ended.error == {
        "code": "tests_refused",
        "detail": "This job has ended already.",
        "lazy": "Failed",
        "wanted": 3,
    }
    # What the refused step had prepared is gone with it.
    assert (ended.done, ended.undo_until) == (0, None)
    assert counted(enterprise) == []


def test_unexpected_error_tells_an_id_and_nothing_else(enterprise, caplog):
    run = queue(enterprise, "tests.crash")
    ended = execute_run(enterprise.pk, run.pk)
    assert ended.state == "failed"
    assert (ended.error["code"], ended.error["id"]) == ("internal_error", str(run.pk))
    assert "secret detail" not in str(ended.error) and "ZeroDivision" not in str(ended.error)
    assert "secret detail" in caplog.text
    assert ended.done == 1  # the committed step stays counted


def test_unknown_job_fails_and_says_so(enterprise):
    run = queue(enterprise, upto=1)
    with tenant(enterprise.pk):
        JobRun.objects.filter(pk=run.pk).update(name="tests.gone")
    assert execute_run(enterprise.pk, run.pk).error["code"] == "not_found"


def test_x4_a_step_that_fails_leaves_the_context_as_it_was(enterprise):
    context = context_of(enterprise, queue(enterprise, upto=1))
    context.cursor = {"at": {"row": 1}}
    with pytest.raises(ZeroDivisionError), context.step():
        context.done, context.total = 7, 9
        context.cursor["at"]["row"] = 2
        context.updates = {"undo_until": clock.now()}
        raise ZeroDivisionError
    assert (context.done, context.total, context.cursor, context.updates) == (0, None, {"at": {"row": 1}}, {})


def test_x6_who_lost_the_claim_cannot_commit_a_step(enterprise):
    run = queue(enterprise, upto=1)
    context = context_of(enterprise, run)
    with pytest.raises(ClaimLost), context.step():
        factories.contact(context.actor)
        JobRun.objects.filter(pk=run.pk).update(claim=run.pk)  # another worker
    with tenant(enterprise.pk):
        assert not Contact.objects.exists()
        JobRun.objects.filter(pk=run.pk).update(claim=run.pk)
    with pytest.raises(ClaimLost), context.step():
        pytest.fail("a step of a lost run must not begin")


def test_x4_cancel_queued_stops_at_once_and_running_at_the_next_step(enterprise):
    run = queue(enterprise, upto=3)
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        assert services.cancel(admin, run=run).state == "cancelled"
        with pytest.raises(Conflict) as refused:
            services.cancel(admin, run=run)
        assert refused.value.code == "job_ended"
    assert execute_run(enterprise.pk, run.pk) is None

    running = queue(enterprise, upto=3)
    context = context_of(enterprise, running)
    with context.step():
        context.done = 1
    with tenant(enterprise.pk):
        assert services.cancel(factories.super_admin(enterprise), run=running).state == "running"
    with pytest.raises(Cancelled), context.step():
        pytest.fail("no step begins after a cancel")
    assert reload(running).done == 1


def test_x4_cancel_reaches_a_run_that_waits_for_another_worker(enterprise):
    """Killed, put back into the queue by the sweeper, then cancelled: it never goes on."""
    run = queue(enterprise, upto=3)
    with tenant(enterprise.pk):
        JobRun.objects.filter(pk=run.pk).update(state="queued", done=1, started_at=clock.now())
        assert services.cancel(factories.super_admin(enterprise), run=run).state == "cancelled"


def test_poison_is_given_up(enterprise):
    run = queue(enterprise, upto=1)
    with tenant(enterprise.pk):
        JobRun.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS)
    ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.error["code"], ended.claim) == ("failed", "gave_up", None)
    assert counted(enterprise) == []


def test_progress_makes_a_long_run_immune_to_restarts(enterprise):
    run = queue(enterprise, upto=1)
    with tenant(enterprise.pk):
        JobRun.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS - 1)
    context = context_of(enterprise, run)
    with context.step():
        pass
    assert reload(run).attempts == MAX_ATTEMPTS - 1  # an empty step is no progress
    with context.step():
        context.cursor["at"] = 1
    assert reload(run).attempts == 0


def test_retry_goes_on_after_a_failure(enterprise):
    run = queue(enterprise, "tests.crash")
    execute_run(enterprise.pk, run.pk)
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        JobRun.objects.filter(pk=run.pk).update(name="tests.count", params={"upto": 3}, attempts=9)
        again = services.retry(admin, run=run)
        assert (again.state, again.error, again.attempts, again.done) == ("queued", None, 0, 1)
        with pytest.raises(Conflict):
            services.retry(admin, run=run)
    assert execute_run(enterprise.pk, run.pk).state == "done"
    assert counted(enterprise) == ["1", "2"]


def test_x4_undo_once_in_time_and_with_the_right_permission(enterprise):
    run = queue(enterprise, upto=1)
    execute_run(enterprise.pk, run.pk)
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        with pytest.raises(Conflict) as refused:
            services.undo(admin, run=run)
        assert refused.value.code == "not_undoable"
        until = clock.now() + timedelta(days=30)
        JobRun.objects.filter(pk=run.pk).update(undo_until=until)
        with clock.at(until), pytest.raises(Conflict) as late:
            services.undo(admin, run=run)
        assert late.value.code == "undo_expired" and late.value.extra == {"undo_until": until}
        assert services.can_undo(JobRun.objects.get(pk=run.pk))
        undoing = services.undo(admin, run=run)
        assert not services.can_undo(JobRun.objects.get(pk=run.pk))
        with pytest.raises(Conflict) as twice:
            services.undo(admin, run=run)
        assert twice.value.code == "already_undone"
    assert execute_run(enterprise.pk, undoing.pk).state == "done"


def test_o5_other_peoples_runs_do_not_exist_for_staff_and_undo_needs_the_permission(enterprise):
    run = queue(enterprise, upto=1)
    with tenant(enterprise.pk):
        staff = Actor.of(enterprise, factories.member(role=factories.role("contacts.view", scope="related")), "api")
        for act in (services.cancel, services.undo, services.retry):
            with pytest.raises(NotFound):
                act(staff, run=run)
        own = services.enqueue(staff, name="tests.count", params={"upto": 1})
        assert list(JobRun.objects.visible_to(staff)) == [own]
        with pytest.raises(Forbidden):
            services.undo(staff, run=own)


def test_x4_suspended_enterprise_waits_and_goes_on(enterprise):
    run = queue(enterprise, upto=1)
    Enterprise.objects.filter(pk=enterprise.pk).update(status="suspended")
    assert execute_run(enterprise.pk, run.pk) is None
    assert reload(run).state == "queued"
    Enterprise.objects.filter(pk=enterprise.pk).update(status="active")
    assert execute_run(enterprise.pk, run.pk).state == "done"


def test_a_run_of_somebody_who_left_is_carried_to_its_end(enterprise):
    with tenant(enterprise.pk):
        leaver = factories.member(role=SUPER_ADMIN)
    run = queue(enterprise, upto=2, member=leaver)
    with tenant(enterprise.pk):
        Member.objects.filter(pk=leaver.pk).update(status="resigned")
    assert execute_run(enterprise.pk, run.pk).state == "done"
    with tenant(enterprise.pk):
        entries = AuditEntry.objects.filter(action="tests.counted")
        assert {(entry.actor_id, entry.via) for entry in entries} == {(leaver.pk, "job")}


def test_leases_do_not_follow_the_moved_clock(enterprise):
    """X6: `run_job --now 2020…` must not look like a worker that died years ago."""
    with clock.at(clock.now() - timedelta(days=2000)):
        run = queue(enterprise, upto=1)
        context_of(enterprise, run)
    row = reload(run)
    assert clock.real() - row.dispatched_at < timedelta(minutes=5)
    assert clock.real() - row.heartbeat_at < timedelta(minutes=5)
    assert lease.stale_runs() == []


def test_notified_when_it_failed_or_took_long_once(enterprise):
    quick = queue(enterprise, upto=1)
    execute_run(enterprise.pk, quick.pk)
    crashed = queue(enterprise, "tests.crash")
    execute_run(enterprise.pk, crashed.pk)
    with tenant(enterprise.pk):
        [note] = Notification.objects.all()
        with translation.override("en"):
            assert notifications.text(note) == "Failed: Crash"
        assert notifications.page(note) == f"jobs/{crashed.pk}/"
        notifications.run_ended(JobRun.objects.get(pk=crashed.pk))
        assert Notification.objects.count() == 1
        admin = factories.super_admin(enterprise)
        assert notifications.mark_read(admin) == 1 and notifications.mark_read(admin) == 0


def test_every_job_has_an_undo_that_exists():
    for job in registry.JOBS.values():
        assert job.undo is None or job.undo in registry.JOBS, job.name
