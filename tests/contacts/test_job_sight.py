"""What jobs made is for those who may have it now: the list of jobs, the files, and taking back (O2, O4, O5, C5)."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common import clock
from common.errors import Conflict, NotFound
from common.tenancy import tenant
from contacts.models import Contact, FollowTag, Tag, TagGroup
from contacts.services import bulk, exports, persons, tag_merges, tag_rules
from contacts.services.bulk import work
from contacts.services.contacts import archive_contact, restore_contact
from contacts.services.imports import import_upload
from enterprises.actors import Actor
from enterprises.models import Department, Member, Role
from enterprises.services import GRADED_ADMIN
from jobs import services as jobs
from jobs.models import JobRun
from tests import crowd, factories
from tests.contacts.bulk import consistent, do, finish, undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(enterprise) -> Actor:
    with tenant(enterprise.pk):
        return factories.super_admin(enterprise)


def somebody(enterprise, *codes: str, scope: str = "all") -> Member:
    with tenant(enterprise.pk):
        return factories.member(role=factories.role(*codes, scope=scope))


def reported(enterprise, run: JobRun) -> str:
    finish(enterprise, run)
    return f"/api/v1/jobs/{run.pk}/report"


def test_o5_jobs_of_others_say_nothing_to_whoever_sees_a_part_of_the_enterprise(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 3)
        graded = factories.member(role=GRADED_ADMIN, ranges=[Department.objects.create(name="华南")])
        graded.role = Role.objects.create(
            name="更多", scope="departments", permissions=[*graded.role.permissions, "jobs.view_all"]
        )
        graded.save(update_fields=["role"])
    run = do(enterprise, "archive", filter={})
    client = factories.api_client(enterprise, graded)
    assert client.get("/api/v1/jobs").json()["results"] == []
    for action in ("", "/report"):
        assert client.get(f"/api/v1/jobs/{run.pk}{action}").status_code == 404
    assert client.post(f"/api/v1/jobs/{run.pk}/undo").status_code == 404
    assert consistent(enterprise) == 0


def test_o5_files_of_others_need_what_making_them_needed(enterprise, admin):
    with tenant(enterprise.pk):
        contact = factories.contact(admin, name="王小明", phones=["13800138000"])
        made = [exports.start_export(admin, filter={}), persons.start_export(admin, contact=contact)]
    one, other = (reported(enterprise, run) for run in made)
    api = factories.api_client(enterprise)
    assert api.get(one).status_code == api.get(other).status_code == 200
    watching = factories.api_client(enterprise, somebody(enterprise, "jobs.view_all"))
    exporting = factories.api_client(enterprise, somebody(enterprise, "jobs.view_all", "contacts.export"))
    for client in (watching, exporting):
        assert client.get(f"/api/v1/jobs/{made[0].pk}").status_code == 200
        assert [client.get(path).status_code for path in (one, other)] == [403, 403]


def test_o5_an_old_link_gives_nothing_that_one_may_not_have_any_more(enterprise, admin):
    codes = ("contacts.view", "contacts.export", "contacts.phones")
    member = somebody(enterprise, *codes, scope="related")
    with tenant(enterprise.pk):
        contact = factories.contact(admin, follower=member, name="王小明")
        actor = factories.actor(enterprise, member)
        made = [exports.start_export(actor, filter={}), persons.start_export(actor, contact=contact)]
    one, other = (reported(enterprise, run) for run in made)
    client = factories.api_client(enterprise, member)
    assert [client.get(path).status_code for path in (one, other)] == [200, 200]
    with tenant(enterprise.pk):
        contact.follows.all().delete()
        Contact.objects.filter(pk=contact.pk).update(owner=None)
    assert [client.get(path).status_code for path in (one, other)] == [200, 404], "a list was theirs; a person is gone"
    with tenant(enterprise.pk):
        member.role.permissions = ["contacts.view"]
        member.role.save()
    assert [client.get(path).status_code for path in (one, other)] == [403, 403]


def test_o5_an_export_that_waited_is_not_made_for_who_may_not_export_any_more(enterprise, admin):
    member = somebody(enterprise, "contacts.view", "contacts.export")
    with tenant(enterprise.pk):
        factories.contact(admin)
        run = exports.start_export(factories.actor(enterprise, member), filter={})
        member.role.permissions = ["contacts.view"]
        member.role.save()
    ended = finish(enterprise, run)
    assert (ended.state, ended.error["code"], ended.report) == ("failed", "forbidden", "")


def test_o5_work_that_waited_is_not_done_for_who_may_not_do_it_any_more(enterprise, admin):
    member = somebody(enterprise, "contacts.view", "contacts.import", "tags.manage")
    with tenant(enterprise.pk):
        factories.contact(admin)
        actor = factories.actor(enterprise, member)
        group = TagGroup.objects.create(name="来源")
        one, other = (Tag.objects.create(group=group, name=name) for name in ("展会", "会展"))
        rule = tag_rules.save(actor, name="r", conditions={"grade": ["low"]}, effect="tag", tag=one)
        waiting = [
            tag_rules.start(actor, rule=rule),
            tag_merges.start(actor, tag=one, into=other),
            import_upload(actor, file=SimpleUploadedFile("a.csv", b"external_userid,name\nwm-n,n\n"), kind="contacts"),
        ]
        member.role.permissions = ["contacts.view"]
        member.role.save()
    for run in waiting:
        ended = finish(enterprise, run)
        assert (ended.state, ended.error["code"]) == ("failed", "forbidden"), run.name
    with tenant(enterprise.pk):
        assert not FollowTag.objects.exists() and Tag.objects.count() == 2 and Contact.objects.count() == 1


def test_c8_what_is_written_at_the_moment_of_a_deletion_is_refused(enterprise, admin):
    with tenant(enterprise.pk):
        contact = factories.contact(admin)
        archive_contact(admin, contact=contact)
    do(enterprise, "delete", ids=[contact.pk], params={"count": 1})
    with tenant(enterprise.pk), pytest.raises(NotFound):
        restore_contact(admin, contact=contact)  # as a request that had read it before


# --- Taking back ----------------------------------------------------------------------------------------------


@pytest.fixture
def half_done(enterprise, admin, monkeypatch) -> JobRun:
    """An assignment that failed after its first step: the new owner was disabled and is back since."""
    monkeypatch.setattr(work, "STEP", 2)
    with tenant(enterprise.pk):
        crowd.contacts(admin, 4)
        taker = factories.member(name="Ann")
        run = bulk.start(admin, action="transfer", filter={}, params={"owner": str(taker.pk)})
    once = []

    def disabled_after_one(options):
        once.append(1)
        if len(once) == 2:
            raise Conflict("gone", code="owner_gone")

    with monkeypatch.context() as patch:
        patch.setattr(work, "BY_JOB", {**work.BY_JOB, run.name: _checking(work.BY_JOB[run.name], disabled_after_one)})
        failed = finish(enterprise, run)
    assert (failed.state, failed.done) == ("failed", 2)
    return failed


def _checking(action, check):
    from dataclasses import replace

    return replace(action, check=check)


def test_c5_a_job_that_was_taken_back_is_not_tried_again(enterprise, admin, half_done):
    """The rest of it could not be taken back any more."""
    undone = undo(enterprise, half_done)
    assert undone.result["done"] == 2
    with tenant(enterprise.pk), pytest.raises(Conflict) as caught:
        jobs.retry(admin, run=half_done)
    assert caught.value.code == "already_undone"
    with tenant(enterprise.pk):
        assert not Contact.objects.exclude(owner=None).exists()


def test_c5_taking_back_is_tried_again_while_there_is_time_only(enterprise, admin, half_done):
    with tenant(enterprise.pk):
        undoing = jobs.undo(admin, run=half_done)
        JobRun.objects.filter(pk=undoing.pk).update(state="failed", error={}, finished_at=clock.now())
        late = half_done.undo_until
    with tenant(enterprise.pk), clock.at(late), pytest.raises(Conflict) as caught:
        jobs.retry(admin, run=undoing)
    assert caught.value.code == "undo_expired"
    with tenant(enterprise.pk), clock.at(late - timedelta(seconds=1)):
        assert jobs.retry(admin, run=undoing).state == "queued"


def test_c5_a_job_is_kept_as_long_as_it_can_be_taken_back(enterprise, admin):
    """Jobs are kept for fewer days here than they can be undone."""
    with tenant(enterprise.pk):
        factories.reset_policy({"undo_days": 60, "job_days": 30, "job_file_days": 30})
        crowd.contacts(admin, 2)
    run = do(enterprise, "archive", filter={})
    for days, kept in ((59, True), (61, False)):
        with clock.at(run.finished_at + timedelta(days=days)), tenant(enterprise.pk):
            swept = jobs.enqueue(admin, name="jobs.clean_up")
        with clock.at(run.finished_at + timedelta(days=days)):
            assert finish(enterprise, swept).state == "done"
        with tenant(enterprise.pk):
            assert JobRun.objects.filter(pk=run.pk).exists() is kept
