"""C5: a batch can be taken back for 30 days, as one batch; what was changed since is left as it is."""

from datetime import timedelta

import pytest

from common import clock
from common.errors import Conflict
from common.tenancy import tenant
from contacts.models import Contact, Follow, FollowTag, Interaction, Tag, TagGroup, TagRule
from contacts.services import bulk
from contacts.services.bulk import work
from contacts.services.contacts import archive_contact, edit_contact, restore_contact
from contacts.services.relations import change_owner
from enterprises.actors import Actor
from enterprises.models import Member
from jobs import services as jobs
from jobs.models import JobRun
from quota.models import LedgerEntry
from tests import crowd, factories
from tests.contacts.bulk import consistent, do, report, undo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(work, "STEP", 7)


@pytest.fixture
def admin(enterprise) -> Actor:
    with tenant(enterprise.pk):
        return factories.super_admin(enterprise)


def statuses() -> set[str]:
    return set(Contact.objects.values_list("status", flat=True))


def test_c5_archive_and_back(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 20)
        crowd.contacts(admin, 3, prefix="ar", status="archived")
    run = do(enterprise, "archive", filter={})
    assert consistent(enterprise) == 0
    with tenant(enterprise.pk):
        found = bulk.preview_undo(admin, run=JobRun.objects.get(pk=run.pk))
        assert (found.affected, found.needs, found.free_places, found.excluded) == (20, 20, 2000, {})
    undone = undo(enterprise, run)
    assert undone.state == "done"
    assert undone.result == {"total": 20, "done": 20, "skipped": 0, "refused": 0, "reasons": {}, "taken": 20}
    assert undone.undo_until is None, "an undo is not undone"
    assert consistent(enterprise) == 20
    with tenant(enterprise.pk):
        assert Contact.objects.filter(status="archived").count() == 3
        assert Interaction.objects.filter(kind="restored").count() == 20
        assert LedgerEntry.objects.filter(job_id=undone.pk, reason="undone", delta=1).count() == 20


def test_c5_what_was_changed_since_is_left(enterprise, admin):
    with tenant(enterprise.pk):
        one, two, three, four, five = crowd.contacts(admin, 5)
    run = do(enterprise, "archive", ids=[one, two, three, four, five])
    with tenant(enterprise.pk):
        restore_contact(admin, contact=Contact.objects.get(pk=one))
        restore_contact(admin, contact=Contact.objects.get(pk=two))
        archive_contact(admin, contact=Contact.objects.get(pk=two))  # archived, but not by the job
        Contact.objects.filter(pk=three).update(status="lost")
        edit_contact(admin, contact=Contact.objects.get(pk=four), remark="新备注")  # not what the job changed
        found = bulk.preview_undo(admin, run=JobRun.objects.get(pk=run.pk))
        assert (found.affected, found.excluded) == (2, {"changed_since": 3})
    undone = undo(enterprise, run)
    assert undone.result["done"] == 2 and undone.result["reasons"] == {"changed_since": 3}
    assert {row[0] for row in report(undone)} == {str(one), str(two), str(three)}
    with tenant(enterprise.pk):
        now = dict(Contact.objects.values_list("pk", "status"))
    assert now == {one: "active", two: "archived", three: "lost", four: "active", five: "active"}


def test_c5_q10_undo_of_archive_asks_for_places_for_all_or_none(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 10)
    run = do(enterprise, "archive", filter={})
    with tenant(enterprise.pk):
        crowd.contacts(admin, 1995, prefix="new")
    refused = undo(enterprise, run)
    assert refused.state == "failed" and refused.error["code"] == "quota_exceeded"
    assert consistent(enterprise) == 1995
    with tenant(enterprise.pk):
        gone = list(Contact.objects.filter(status="active").values_list("pk", flat=True)[:5])
    do(enterprise, "archive", ids=gone)
    again = undo(enterprise, run)
    assert (again.state, again.result["taken"]) == ("done", 10), "a refused undo can be tried again"
    assert consistent(enterprise) == 2000


def test_c5_restore_and_back(enterprise, admin):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 9, status="archived")
    run = do(enterprise, "restore", ids=ids)
    assert consistent(enterprise) == 9
    with tenant(enterprise.pk):
        archive_contact(admin, contact=Contact.objects.get(pk=ids[0]))
        archive_contact(admin, contact=Contact.objects.get(pk=ids[1]))
        restore_contact(admin, contact=Contact.objects.get(pk=ids[1]))  # active, but not by the job
    undone = undo(enterprise, run)
    assert undone.result["freed"] == 7 and undone.result["reasons"] == {"changed_since": 2}
    assert consistent(enterprise) == 1
    with tenant(enterprise.pk):
        assert list(Contact.objects.filter(status="active").values_list("pk", flat=True)) == [ids[1]]


def test_c13_untag_what_the_job_tagged_only(enterprise, admin):
    with tenant(enterprise.pk):
        member = factories.member()
        ids = crowd.contacts(admin, 4, follower=member)
        group = TagGroup.objects.create(name="g")
        a, b = (Tag.objects.create(group=group, name=name) for name in "ab")
        follows = {follow.contact_id: follow for follow in Follow.objects.all()}
        FollowTag.objects.create(follow=follows[ids[0]], contact_id=ids[0], tag=a)
    run = do(enterprise, "tag", ids=ids, params={"tags": [a.pk, b.pk]})
    assert run.result["done"] == 4
    with tenant(enterprise.pk):
        FollowTag.objects.filter(contact_id=ids[1]).delete()
        FollowTag.objects.create(follow=follows[ids[1]], contact_id=ids[1], tag=a)  # somebody else's now
        FollowTag.objects.filter(contact_id=ids[2], tag=a).delete()
    undone = undo(enterprise, run)
    assert undone.result["done"] == 3 and undone.result["reasons"] == {"changed_since": 1}
    with tenant(enterprise.pk):
        left = set(FollowTag.objects.values_list("contact_id", "tag_id"))
    assert left == {(ids[0], a.pk), (ids[1], a.pk)}


def test_c13_tag_again_what_the_job_untagged_only(enterprise, admin):
    with tenant(enterprise.pk):
        member, other = factories.member(), factories.member()
        ids = crowd.contacts(admin, 4, follower=member)
        Follow.objects.create(contact_id=ids[0], member=other, added_at=crowd.LONG_AGO)
        group = TagGroup.objects.create(name="g")
        a, b = (Tag.objects.create(group=group, name=name) for name in "ab")
        for follow in Follow.objects.all():
            FollowTag.objects.create(follow=follow, contact_id=follow.contact_id, tag=a)
        before = set(FollowTag.objects.values_list("follow_id", "tag_id"))
    run = do(enterprise, "untag", filter={}, params={"tags": [a.pk, b.pk]})
    with tenant(enterprise.pk):
        assert not FollowTag.objects.exists()
        ended = Follow.objects.get(contact_id=ids[3])
        Follow.objects.filter(pk=ended.pk).update(state="deleted_by_contact")
        present = Follow.objects.get(contact_id=ids[2])
        FollowTag.objects.create(follow=present, contact_id=ids[2], tag=a)
    undone = undo(enterprise, run)
    assert undone.result["done"] == 2 and undone.result["reasons"] == {"changed_since": 2}
    with tenant(enterprise.pk):
        assert set(FollowTag.objects.values_list("follow_id", "tag_id")) == before - {(ended.pk, a.pk)}


def test_o1_transfer_and_back_to_each_previous_owner(enterprise, admin):
    with tenant(enterprise.pk):
        one, two, three, new = (factories.member() for _number in range(4))
        ids = [crowd.contacts(admin, 3, prefix=f"o{n}", owner=owner) for n, owner in enumerate((one, two, three, None))]
        everybody = [pk for some in ids for pk in some]
    run = do(enterprise, "transfer", ids=everybody, params={"owner": new.pk})
    assert run.result["done"] == 12
    with tenant(enterprise.pk):
        Contact.objects.filter(pk=ids[0][0]).update(owner=two)
        Member.objects.filter(pk=three.pk).update(status="resigned")
    undone = undo(enterprise, run)
    assert undone.result["done"] == 8
    assert undone.result["reasons"] == {"changed_since": 1, "owner_gone": 3}
    with tenant(enterprise.pk):
        owners = dict(Contact.objects.values_list("pk", "owner_id"))
    assert owners == {
        ids[0][0]: two.pk,
        **dict.fromkeys(ids[0][1:], one.pk),
        **dict.fromkeys(ids[1], two.pk),
        **dict.fromkeys(ids[2], new.pk),
        **dict.fromkeys(ids[3], None),
    }


def test_c5_only_for_thirty_days_once_and_not_of_an_undo(enterprise, admin):
    with tenant(enterprise.pk):
        crowd.contacts(admin, 3)
    run = do(enterprise, "archive", filter={})
    with tenant(enterprise.pk):
        done = JobRun.objects.get(pk=run.pk)
        with clock.at(run.undo_until), pytest.raises(Conflict) as late:
            jobs.undo(admin, run=done)
        assert late.value.code == "undo_expired"
    with clock.at(run.undo_until - timedelta(seconds=1)):
        undone = undo(enterprise, run)
    with tenant(enterprise.pk):
        with pytest.raises(Conflict) as twice:
            jobs.undo(admin, run=JobRun.objects.get(pk=run.pk))
        assert twice.value.code == "already_undone"
        for undoing in (undone, run):
            again = JobRun.objects.get(pk=undoing.pk)
            with pytest.raises(Conflict):
                jobs.undo(admin, run=again)
        with pytest.raises(Conflict):
            bulk.preview_undo(admin, run=JobRun.objects.get(pk=undone.pk))


def test_c8_deleting_cannot_be_undone(enterprise, admin):
    with tenant(enterprise.pk):
        ids = crowd.contacts(admin, 2, status="archived")
    run = do(enterprise, "delete", ids=ids, params={"count": 2})
    with tenant(enterprise.pk), pytest.raises(Conflict) as refused:
        jobs.undo(admin, run=JobRun.objects.get(pk=run.pk))
    assert refused.value.code == "not_undoable"


def test_c5_c13_an_untagging_comes_back_as_it_was(enterprise, admin):
    """Whose tags they were: those that a rule had put on, and those of relations that had ended by then."""
    with tenant(enterprise.pk):
        member = factories.member(name="Ann")
        one, two = crowd.contacts(admin, 2, follower=member)
        tag = Tag.objects.create(group=TagGroup.objects.create(name="来源"), name="展会")
        rule = TagRule.objects.create(name="r", conditions={"grade": ["low"]}, effect="keep", tag=tag, position=1)
        follows = {follow.contact_id: follow for follow in Follow.objects.all()}
        Follow.objects.filter(contact=two).update(state="deleted_by_contact", ended_at=clock.now())
        for contact in (one, two):
            FollowTag.objects.create(follow=follows[contact], contact_id=contact, tag=tag, rule=rule)
        before = set(FollowTag.objects.values_list("follow", "contact", "tag", "rule"))
    run = do(enterprise, "untag", filter={}, params={"tags": [str(tag.pk)]})
    assert run.result["done"] == 2
    undone = undo(enterprise, run)
    assert undone.result["done"] == 2
    with tenant(enterprise.pk):
        assert set(FollowTag.objects.values_list("follow", "contact", "tag", "rule")) == before
    again = do(enterprise, "untag", filter={}, params={"tags": [str(tag.pk)]})
    with tenant(enterprise.pk):
        rule.delete()
        Follow.objects.filter(contact=two).update(state="active", ended_at=None)
    assert undo(enterprise, again).result["reasons"] == {"changed_since": 1}
    with tenant(enterprise.pk):
        assert list(FollowTag.objects.values_list("contact", "rule")) == [(one, None)]


def test_c5_o1_who_was_given_on_and_back_since_stays(enterprise, admin):
    with tenant(enterprise.pk):
        one, two = crowd.contacts(admin, 2)
        ann, bob = factories.member(name="Ann"), factories.member(name="Bob")
    run = do(enterprise, "transfer", filter={}, params={"owner": str(ann.pk)})
    with tenant(enterprise.pk):
        for owner in (bob, ann):
            change_owner(admin, contact=Contact.objects.get(pk=one), owner=owner)
        found = bulk.preview_undo(admin, run=JobRun.objects.get(pk=run.pk))
        assert (found.affected, found.excluded) == (1, {"changed_since": 1})
    assert undo(enterprise, run).result["reasons"] == {"changed_since": 1}
    with tenant(enterprise.pk):
        assert dict(Contact.objects.values_list("pk", "owner")) == {one: ann.pk, two: None}
