"""C5, C8, Q10, Q14, X3, O4, O5: bulk work on a selection or a filter."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps

from common import clock
from common.errors import Conflict, Forbidden, Invalid
from common.sql import rows
from common.tenancy import tenant
from contacts.models import BulkItem, Contact, Follow, FollowTag, Interaction, Purchase, Tag, TagGroup
from contacts.services import bulk
from contacts.services.bulk import work
from contacts.services.bulk.removal import BELONGINGS, FILES
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Department, Member
from enterprises.services import GRADED_ADMIN
from jobs import runner
from jobs.models import JobRun
from quota.models import Account, LedgerEntry
from tests import crowd, factories
from tests.contacts.bulk import consistent, do, finish, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Several steps also with few contacts."""
    monkeypatch.setattr(work, "STEP", 7)


@pytest.fixture
def admin(enterprise) -> Actor:
    with tenant(enterprise.pk):
        return factories.super_admin(enterprise)


@pytest.fixture
def tags(enterprise) -> list[Tag]:
    with tenant(enterprise.pk):
        group = TagGroup.objects.create(name="等级")
        return [Tag.objects.create(group=group, name=name) for name in ("A", "B")]


def statuses() -> dict[str, int]:
    return dict(rows("SELECT status, count(*) FROM contacts_contact GROUP BY status"))


def test_c5_archive_a_filter_gives_the_places_back(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 20)
        high = crowd.contacts(admin, 3, prefix="hi")
        Contact.objects.filter(pk__in=high).update(grade="high", remark="大客户")
        crowd.contacts(admin, 2, prefix="ar", status="archived")
    run = do(enterprise, "archive", filter={"grade": ["low"]})
    assert run.state == "done", run.error
    assert run.result == {
        "total": 22,
        "done": 20,
        "skipped": 2,
        "refused": 0,
        "reasons": {"already_archived": 2},
        "freed": 20,
    }
    assert (run.done, run.total) == (22, 22)
    assert run.undo_until > clock.now() + timedelta(days=29)
    with tenant(enterprise.pk):
        assert statuses() == {"archived": 22, "active": 3}
        assert Account.objects.get().served == 3
        assert Interaction.objects.filter(kind="archived", data__job=str(run.pk)).count() == 20
        assert LedgerEntry.objects.filter(delta=-1, reason="archived", job_id=run.pk).count() == 20
        assert set(Contact.objects.filter(pk__in=high).values_list("status", "version")) == {("active", 1)}
        assert set(Contact.objects.filter(archived_at__gt=crowd.LONG_AGO).values_list("version", flat=True)) == {2}
        entries = AuditEntry.objects.filter(action="contacts.archived", subject_id=run.pk)
        assert sum(entry.after["contacts"] for entry in entries) == 20
        assert {entry.actor_id for entry in entries} == {admin.member_id}


def test_c5_the_report_names_who_was_left_out_and_why(enterprise, admin):
    with tenant(enterprise.pk):
        [one, two] = crowd.contacts(admin, 2)
        [gone] = crowd.contacts(admin, 1, prefix="ar", status="archived")
        [lost] = crowd.contacts(admin, 1, prefix="lo", status="lost")
    nobody = uuid4()
    run = do(enterprise, "archive", ids=[one, str(two), gone, lost, nobody, str(one)])
    assert run.result["reasons"] == {"already_archived": 1, "lost": 1, "not_found": 1}
    assert (run.result["total"], run.result["done"], run.result["skipped"], run.result["refused"]) == (5, 2, 2, 1)
    found = {row[0]: (row[1], row[4]) for row in report(run)}
    assert found == {
        str(gone): ("ar00000001", "already_archived"),
        str(lost): ("lo00000001", "lost"),
        str(nobody): ("", "not_found"),
    }
    assert run.report_name == "left_out.csv"


def test_c5_the_selection_is_what_it_was_when_the_job_started(enterprise, admin):
    """Somebody who comes to fit the filter later is not touched."""
    with tenant(enterprise.pk):
        crowd.contacts(admin, 3)
        run = bulk.start(admin, action="archive", filter={"status": ["active"]})
    context = runner.JobContext(*runner._claim(enterprise.pk, run.pk))
    work._fix(context, bulk.ACTIONS["archive"])
    with tenant(enterprise.pk):
        later = crowd.contacts(admin, 1, prefix="later")
    assert work.run(context)["done"] == 3
    with tenant(enterprise.pk):
        assert Contact.objects.get(pk=later[0]).status == "active"


def test_q10_restore_is_all_or_nothing_unless_asked_otherwise(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 1990)
        archived = crowd.contacts(admin, 25, prefix="ar", status="archived")
    run = do(enterprise, "restore", ids=archived)
    assert run.state == "failed" and run.error["code"] == "quota_exceeded"
    assert run.error["wanted"] == 25 and run.error["remedies"]
    assert run.undo_until is None
    with tenant(enterprise.pk):
        assert statuses() == {"active": 1990, "archived": 25}, "nothing half done"
        assert not Interaction.objects.filter(kind="restored").exists()
        assert not LedgerEntry.objects.filter(job_id=run.pk).exists()
    run = do(enterprise, "restore", ids=archived, params={"on_full": "partial"})
    assert run.state == "done"
    assert run.result == {
        "total": 25,
        "done": 10,
        "skipped": 0,
        "refused": 15,
        "reasons": {"quota_exceeded": 15},
        "taken": 10,
    }
    assert {row[4] for row in report(run)} == {"quota_exceeded"} and len(report(run)) == 15
    assert consistent(enterprise) == 2000
    with tenant(enterprise.pk):
        crowd_restored = Contact.objects.filter(pk__in=archived, status="active")
        assert {one.archived_at for one in crowd_restored} == {None}
        assert LedgerEntry.objects.filter(job_id=run.pk, delta=1, reason="restored").count() == 10


def test_q10_restore_all_that_fit_in_one_step(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 1975)
        archived = crowd.contacts(admin, 25, prefix="ar", status="archived")
        active = crowd.contacts(admin, 0)
    run = do(enterprise, "restore", ids=archived + active)
    assert (run.state, run.result["done"], run.result["taken"]) == ("done", 25, 25)
    assert consistent(enterprise) == 2000
    again = do(enterprise, "restore", ids=archived)
    assert again.state == "done" and again.result["reasons"] == {"already_active": 25}, "needs no place"


def test_c13_tag_and_untag(enterprise, admin, tags):
    with tenant(enterprise.pk):
        owner, friend, other = factories.member(), factories.member(), factories.member()
        ids = crowd.contacts(admin, 10, owner=owner, follower=friend)
        Follow.objects.bulk_create(
            Follow(contact_id=one, member=owner, added_at=crowd.LONG_AGO + timedelta(days=1)) for one in ids[:5]
        )
        Follow.objects.create(contact_id=ids[9], member=other, added_at=crowd.LONG_AGO, state="deleted_by_contact")
        alone = crowd.contacts(admin, 1, prefix="alone")
        mine = Follow.objects.get(contact_id=ids[0], member=owner)
        FollowTag.objects.bulk_create(FollowTag(follow=mine, contact_id=ids[0], tag=tag) for tag in tags)
    run = do(enterprise, "tag", ids=ids + alone, params={"tags": [str(tag.pk) for tag in tags]})
    assert run.result == {
        "total": 11,
        "done": 9,
        "skipped": 1,
        "refused": 1,
        "reasons": {"already_tagged": 1, "no_follow": 1},
    }
    with tenant(enterprise.pk):
        by_member = FollowTag.objects.values_list("contact_id", "follow__member_id").distinct()
        assert dict(by_member) == {one: owner.pk if one in ids[:5] else friend.pk for one in ids}
        assert FollowTag.objects.count() == 20
    run = do(enterprise, "untag", filter={}, params={"tags": [tags[0].pk]})
    assert run.result["done"] == 10 and run.result["reasons"] == {"not_tagged": 1}
    with tenant(enterprise.pk):
        assert set(FollowTag.objects.values_list("tag_id", flat=True)) == {tags[1].pk}


def test_c13_staff_tag_and_untag_their_own_follow(enterprise, admin, tags):
    with tenant(enterprise.pk):
        owner, friend = factories.member(), factories.member()
        ids = crowd.contacts(admin, 3, owner=owner, follower=friend)
        Follow.objects.bulk_create(Follow(contact_id=one, member=owner, added_at=crowd.LONG_AGO) for one in ids)
        staff = Actor.of(enterprise, friend, "api")
    wanted = {"tags": [tags[0].pk]}
    assert do(enterprise, "tag", actor=admin, ids=ids, params=wanted).result["done"] == 3, "on the owner's follow"
    assert do(enterprise, "tag", actor=staff, ids=ids, params=wanted).result["done"] == 3, "on their own"
    assert do(enterprise, "untag", actor=staff, ids=ids, params=wanted).result["done"] == 3
    with tenant(enterprise.pk):
        assert set(FollowTag.objects.values_list("follow__member_id", flat=True)) == {owner.pk}


def test_o1_transfer_changes_owners_and_takes_no_place(enterprise, admin):
    with tenant(enterprise.pk):
        old, new = factories.member(name="旧人"), factories.member(name="新人")
        ids = crowd.contacts(admin, 9, owner=old)
        crowd.contacts(admin, 1, prefix="own", owner=new)
        crowd.contacts(admin, 1, prefix="none")
    run = do(enterprise, "transfer", filter={}, params={"owner": str(new.pk)})
    assert run.result == {"total": 11, "done": 10, "skipped": 1, "refused": 0, "reasons": {"same_owner": 1}}
    with tenant(enterprise.pk):
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {new.pk}
        note = Interaction.objects.get(contact_id=ids[0], kind="owner_changed")
        assert note.data == {"job": str(run.pk), "from": "旧人", "to": "新人"}
        assert LedgerEntry.objects.count() == 11


def test_c8_delete_only_what_takes_no_place_and_only_the_typed_count(enterprise, admin, tags):
    with tenant(enterprise.pk):
        member = factories.member()
        active = crowd.contacts(admin, 2)
        archived = crowd.contacts(admin, 9, prefix="ar", status="archived", follower=member)
        crowd.contacts(admin, 1, prefix="lo", status="lost")
        follow = Follow.objects.get(contact_id=archived[0])
        FollowTag.objects.create(follow=follow, contact_id=archived[0], tag=tags[0])
        Purchase.objects.create(contact_id=archived[0], order_no="1", paid_at=clock.now(), amount=1)
        Interaction.objects.create(contact_id=archived[0], kind="call", side="member", at=clock.now(), key="1")
        with pytest.raises(Conflict) as refused:
            bulk.start(admin, action="delete", filter={}, params={"count": 12})
        assert refused.value.extra == {"count": 10}
        run = bulk.start(admin, action="delete", filter={}, params={"count": 10})
        crowd.contacts(admin, 1, prefix="more", status="archived")
    failed = finish(enterprise, run)
    assert failed.state == "failed" and failed.error["code"] == "count" and failed.error["count"] == 11
    run = do(enterprise, "delete", filter={}, params={"count": 11})
    assert run.result == {"total": 13, "done": 11, "skipped": 0, "refused": 2, "reasons": {"not_archived": 2}}
    assert run.undo_until is None
    with tenant(enterprise.pk):
        assert set(Contact.objects.values_list("pk", flat=True)) == set(active)
        for model in (Follow, FollowTag, Purchase, Interaction):
            assert not model.objects.exists()
        assert AuditEntry.objects.filter(action="contacts.deleted").count() == 2


def test_c8_everything_that_belongs_to_a_contact_is_deleted_with_it():
    """A new table with a reference to contacts must be added to BELONGINGS. Those merged into it go first."""
    referring = {
        model._meta.db_table
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation and field.remote_field.model is Contact
    }
    assert referring == {*BELONGINGS, FILES, Contact._meta.db_table}


def test_o4_o5_nobody_touches_what_they_do_not_see(enterprise, other_enterprise, admin):
    with tenant(enterprise.pk):
        north, south = Department.objects.create(name="北"), Department.objects.create(name="南")
        mine, theirs = factories.member(department=north), factories.member(department=south)
        boss = factories.member(role=GRADED_ADMIN, ranges=[north])
        seen = crowd.contacts(admin, 3, owner=mine)
        unseen = crowd.contacts(admin, 3, prefix="un", owner=theirs)
        actor = Actor.of(enterprise, Member.objects.select_related("role").get(pk=boss.pk), "api")
    with tenant(other_enterprise.pk):
        foreign = crowd.contacts(factories.super_admin(other_enterprise), 2)
    run = do(enterprise, "archive", actor=actor, ids=[*seen, *unseen, *foreign, uuid4()])
    assert run.result["done"] == 3 and run.result["reasons"] == {"not_found": 6}
    rows_of = [row[1:] for row in report(run)]
    assert len({tuple(row) for row in rows_of}) == 1, "what is invisible, foreign or missing reads the same"
    run = do(enterprise, "archive", actor=actor, filter={})
    assert run.result["total"] == 3
    with tenant(enterprise.pk):
        assert statuses() == {"archived": 3, "active": 3}
        with pytest.raises(Forbidden):
            bulk.start(actor, action="transfer", ids=seen, params={"owner": str(theirs.pk)})
        found = bulk.preview(actor, action="archive", ids=[*seen, *unseen, uuid4()])
        assert (found.total, found.affected, found.excluded) == (7, 0, {"already_archived": 3, "not_found": 4})


def test_o5_a_contact_that_went_out_of_sight_meanwhile_is_left_out(enterprise, admin):
    with tenant(enterprise.pk):
        north, south = Department.objects.create(name="北"), Department.objects.create(name="南")
        mine, theirs = factories.member(department=north), factories.member(department=south)
        boss = factories.member(role=GRADED_ADMIN, ranges=[north])
        ids = crowd.contacts(admin, 3, owner=mine)
        actor = Actor.of(enterprise, Member.objects.select_related("role").get(pk=boss.pk), "api")
        run = bulk.start(actor, action="archive", ids=ids)
        Contact.objects.filter(pk=ids[0]).update(owner=theirs)
    assert finish(enterprise, run).result["reasons"] == {"not_found": 1}
    with tenant(enterprise.pk):
        assert Contact.objects.get(pk=ids[0]).status == "active"


def test_x1_permissions_are_asked_per_action(enterprise, admin):
    with tenant(enterprise.pk):
        staff = factories.member(role=factories.role("contacts.view", "contacts.tag", scope="related"))
        actor = Actor.of(enterprise, Member.objects.select_related("role").get(pk=staff.pk), "api")
        for action in ("archive", "restore", "transfer", "delete"):
            with pytest.raises(Forbidden):
                bulk.start(actor, action=action, filter={})
            with pytest.raises(Forbidden):
                bulk.preview(actor, action=action, filter={})
        with pytest.raises(Invalid) as refused:
            bulk.start(actor, action="tag", filter={})
        assert list(refused.value.errors) == ["tags"]
        assert not JobRun.objects.exists()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"action": "explode", "filter": {}}, "action"),
        ({"action": "archive"}, "ids"),
        ({"action": "archive", "ids": [], "filter": {}}, "ids"),
        ({"action": "archive", "ids": []}, "ids"),
        ({"action": "archive", "ids": ["x"]}, "ids"),
        ({"action": "archive", "ids": [uuid4() for _number in range(10_001)]}, "ids"),
        ({"action": "archive", "filter": {"colour": "red"}}, "colour"),
        ({"action": "archive", "filter": {}, "params": {"on_full": "partial"}}, "on_full"),
        ({"action": "restore", "filter": {}, "params": {"on_full": "maybe"}}, "on_full"),
        ({"action": "tag", "filter": {}, "params": {"tags": [str(uuid4())]}}, "tags"),
        ({"action": "tag", "filter": {}, "params": {"tags": "A"}}, "tags"),
        ({"action": "transfer", "filter": {}, "params": {"owner": str(uuid4())}}, "owner"),
        ({"action": "transfer", "filter": {}}, "owner"),
        ({"action": "delete", "filter": {}}, "count"),
        ({"action": "delete", "filter": {}, "params": {"count": "3"}}, "count"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_queued(enterprise, admin, asked, field):
    with tenant(enterprise.pk):
        with pytest.raises(Invalid) as refused:
            bulk.start(admin, **asked)
        assert list(refused.value.errors) == [field]
        assert not JobRun.objects.exists() and not BulkItem.objects.exists()


def test_c13_at_most_fifty_tags_at_once(enterprise, admin):
    with tenant(enterprise.pk):
        group = TagGroup.objects.create(name="许多")
        many = [str(Tag.objects.create(group=group, name=str(number)).pk) for number in range(51)]
        with pytest.raises(Invalid) as refused:
            bulk.start(admin, action="tag", filter={}, params={"tags": many})
        assert list(refused.value.errors) == ["tags"] and not JobRun.objects.exists()
        assert bulk.start(admin, action="tag", filter={}, params={"tags": many[:50]})


def test_o1_nobody_is_given_to_who_is_not_there_any_more(enterprise, admin):
    """Neither when it is asked for, nor when the member leaves before the job comes to it."""
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 10)
        leaver = factories.member()
        asked = {"action": "transfer", "ids": ids, "params": {"owner": str(leaver.pk)}}
        run = bulk.start(admin, **asked)
        Member.objects.filter(pk=leaver.pk).update(status=Member.Status.DISABLED)
        with pytest.raises(Invalid) as refused:
            bulk.start(admin, **asked)
        assert list(refused.value.errors) == ["owner"]
    ended = finish(enterprise, run)
    assert (ended.state, ended.error["code"]) == ("failed", "owner_gone")
    with tenant(enterprise.pk):
        assert {contact.owner_id for contact in Contact.objects.all()} == {None}


def test_c13_a_tag_that_is_gone_when_the_job_comes_to_it_fails_the_job_and_tags_nobody(enterprise, admin, tags):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 3)
        run = bulk.start(admin, action="tag", filter={}, params={"tags": [str(tag.pk) for tag in tags]})
        Tag.objects.filter(pk=tags[0].pk).delete()
    ended = finish(enterprise, run)
    assert (ended.state, ended.error["code"]) == ("failed", "tag_gone")
    with tenant(enterprise.pk):
        assert not FollowTag.objects.exists()


def test_c5_who_may_not_any_more_when_the_job_begins_changes_nothing(enterprise, admin):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 3)
        clerk = factories.member(role=factories.role("contacts.view", "contacts.archive"))
        run = bulk.start(factories.acting(enterprise, clerk), action="archive", ids=ids)
        clerk.role = factories.role("contacts.view")
        clerk.save(update_fields=["role"])
    ended = finish(enterprise, run)
    assert (ended.state, ended.error["code"]) == ("failed", "forbidden")
    assert consistent(enterprise) == 3


def test_c5_preview_in_numbers_is_what_then_happens(enterprise, admin):
    with tenant(enterprise.pk):
        owner = factories.member(name="张三")
        ids = crowd.contacts(admin, 12, owner=owner)
        Contact.objects.filter(pk__in=ids[:4]).update(grade="high")
        crowd.contacts(admin, 3, prefix="none")
        crowd.contacts(admin, 5, prefix="ar", status="archived")
        crowd.contacts(admin, 1, prefix="lo", status="lost")
        found = bulk.preview(admin, action="archive", filter={})
        assert (found.total, found.affected, found.frees, found.needs) == (21, 15, 15, 0)
        assert found.excluded == {"already_archived": 5, "lost": 1}
        assert found.by_status == {"active": 15, "archived": 5, "lost": 1}
        assert found.by_grade == {"high": 4, "low": 11}
        assert [(one.name if one else None, number) for one, number in found.owners] == [("张三", 12), (None, 3)]
        assert found.other_owners == 0 and found.free_places is None and found.fits
        found = bulk.preview(admin, action="restore", filter={})
        assert (found.affected, found.needs, found.free_places) == (5, 5, 1985)
        assert bulk.preview(admin, action="delete", filter={}).affected == 6
    run = do(enterprise, "archive", filter={})
    assert (run.result["total"], run.result["done"], run.result["freed"]) == (21, 15, 15)


def test_an_empty_selection_is_a_job_that_does_nothing(enterprise, admin):
    run = do(enterprise, "archive", filter={"grade": ["high"]})
    assert (run.state, run.done, run.total, run.report) == ("done", 0, 0, "")
    assert run.result == {"total": 0, "done": 0, "skipped": 0, "refused": 0, "reasons": {}, "freed": 0}


def test_x6_the_same_job_twice_changes_nothing_more(enterprise, admin):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 20)
    one, two = do(enterprise, "archive", ids=ids), do(enterprise, "archive", ids=ids)
    assert (one.result["done"], two.result["done"]) == (20, 0)
    assert two.result["reasons"] == {"already_archived": 20} and two.undo_until is None


def test_items_go_with_their_job_when_jobs_are_cleaned_up(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 3)
    run = do(enterprise, "archive", filter={})
    with tenant(enterprise.pk):
        cleaning = JobRun.objects.create(name="jobs.clean_up")
    with clock.at(clock.now() + timedelta(days=181)):
        assert finish(enterprise, cleaning).state == "done"
    with tenant(enterprise.pk):
        assert not BulkItem.objects.exists() and not JobRun.objects.filter(pk=run.pk).exists()
