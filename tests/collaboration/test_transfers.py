"""Hand-over, one enterprise: who gets what, when it takes effect, and what is refused (O6, O7, O8)."""

from collections import Counter
from datetime import date, timedelta

import pytest

from collaboration.models import InheritanceRule, Transfer, TransferItem
from collaboration.queries.pool import pool
from collaboration.rules.transfers import State
from collaboration.services import transfers
from collaboration.services.transfers import settling
from common import clock
from common.errors import Conflict, Forbidden, Invalid
from contacts import losses
from contacts.models import Contact, Follow, FollowTag, GroupChat, Interaction, Tag, TagGroup
from contacts.rules import MOST_TAGS_OF_A_FOLLOW
from contacts.services.bulk import start
from contacts.services.contacts import archive_contact, edit_contact
from contacts.services.relations import add_follow, change_owner, end_follow
from contacts.services.search_entries import index
from contacts.services.tags import create_tag_group
from enterprises.models import AuditEntry, Member
from enterprises.services.members import resign_member
from jobs.models import Notification
from quota.models import Account, LedgerEntry
from quota.services import refresh_account, verify_counts
from tests import crowd, factories
from tests.contacts.entries import stale

pytestmark = pytest.mark.django_db
NOON = factories.NOON
DAY = timedelta(days=1)


def to(*takers, **more) -> dict:
    """A plan of one part."""
    return {"parts": [{"takers": [str(taker.pk) for taker in takers]}], **more}


def states(transfer: Transfer) -> dict:
    return dict(Counter(transfer.items.values_list("state", flat=True)))


def customers(firm, count: int, owner: Member | None = None) -> list[Contact]:
    """Contacts of Lea (or somebody else), each added by her."""
    actor = factories.acting(firm.enterprise, owner or firm.lea)
    return [factories.contact(actor, name=f"客户{number}") for number in range(count)]


def leave(scene, firm) -> None:
    with scene() as admin:
        resign_member(admin, member=firm.lea)
        firm.lea.refresh_from_db()


# --- O6: after leaving ----------------------------------------------------------------------------------------


def test_c13_o6_the_taker_wears_no_more_tags_on_a_contact_than_wecom_takes(firm, scene, work):
    """The oldest tags go over as far as there is room; what the taker put on stays."""
    with scene() as admin:
        [contact] = customers(firm, 1)
        add_follow(admin, contact=contact, member=firm.ann)
        group = create_tag_group(admin, name="多", tags=["一", "二", "三"])
        Tag.objects.bulk_create(
            Tag(group=group, name=f"t{n}", position=9 + n) for n in range(MOST_TAGS_OF_A_FOLLOW - 2)
        )
        of = {follow.member_id: follow for follow in Follow.objects.filter(contact=contact)}
        many = Tag.objects.filter(group=group, name__startswith="t")
        FollowTag.objects.bulk_create(FollowTag(follow=of[firm.ann.pk], contact=contact, tag=tag) for tag in many)
        for name in ("一", "t5", "三", "二"):  # t5 is Ann's already, so two of these have room
            tag = Tag.objects.get(name=name)
            FollowTag.objects.create(follow=of[firm.lea.pk], contact=contact, tag=tag)
    leave(scene, firm)
    with scene() as admin:
        transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    with scene():
        worn = FollowTag.objects.filter(contact=contact)
        assert set(worn.values_list("follow__member__name", flat=True)) == {"Ann"}
        assert worn.count() == MOST_TAGS_OF_A_FOLLOW
        assert set(worn.exclude(tag__name__startswith="t").values_list("tag__name", flat=True)) == {"一", "三"}


def test_o6_all_to_one_at_once_with_groups_follow_ups_and_no_place(firm, scene, work):
    with scene() as admin:
        mine = customers(firm, 3)
        mine[0].remark = "大客户"
        Follow.objects.filter(contact=mine[0]).update(remark="大客户")
        index([mine[0].pk])
        archived = archive_contact(admin, contact=mine[2])
        group = GroupChat.objects.create(chat_id="wr-lea", name="客户群", owner=firm.lea)
        tag_group = create_tag_group(admin, name="来源", tags=["展会"])
        tag = TagGroup.objects.get(pk=tag_group.pk).tags.get()
        FollowTag.objects.create(follow=Follow.objects.get(contact=mine[0]), contact=mine[0], tag=tag)
        served, entries = Account.objects.get().served, LedgerEntry.objects.count()
    leave(scene, firm)
    with scene() as admin:
        [leaver] = pool(admin)
        assert (leaver.member.pk, leaver.contacts, leaver.groups) == (firm.lea.pk, 3, 1)
        seen = transfers.preview(admin, member=firm.lea, plan=to(firm.ann))
        assert (seen.total, seen.ready, seen.groups, seen.excluded) == (3, 3, 1, {})
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
        assert (transfer.kind, states(transfer)) == ("resigned", {"waiting": 4})
    [ended] = work()
    assert (ended.state, ended.done, ended.total) == ("done", 4, 4)
    assert ended.result == {"done": 3, "groups": {"done": 1}}
    with scene() as admin:
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.ann.pk}
        follows = Follow.objects.filter(contact=mine[0])
        assert dict(follows.values_list("member_id", "state")) == {
            firm.lea.pk: "deleted_by_member",
            firm.ann.pk: "active",
        }
        heir = follows.get(member=firm.ann)
        assert (heir.remark, heir.source, heir.taggings.get().tag_id) == ("大客户", "transfer", tag.pk)
        assert stale() == 0
        assert GroupChat.objects.get(pk=group.pk).owner_id == firm.ann.pk
        assert Contact.objects.get(pk=archived.pk).status == "archived"
        kinds = Counter(Interaction.objects.filter(contact=mine[0]).values_list("kind", flat=True))
        assert (kinds["owner_changed"], kinds["handed_over"]) == (1, 1)
        assert (Account.objects.get().served, LedgerEntry.objects.count()) == (served, entries)
        assert verify_counts()["ok"]
        assert pool(admin) == []
        transfer.refresh_from_db()
        assert (transfer.contacts, transfer.groups) == ({"done": 3}, {"done": 1}) and transfer.finished_at
        actions = AuditEntry.objects.filter(subject_id=transfer.pk).order_by("at", "id")
        assert list(actions.values_list("action", flat=True)) == [
            "transfer.ordered",
            "transfer.groups_given",
            "transfer.settled",
        ]
    with scene(firm.ann) as ann:
        assert Contact.objects.visible_to(ann).count() == 3
        assert Notification.objects.get(member=firm.ann).kind == "transfer.inherited"


def test_o6_resigning_ends_the_access_and_tells_the_admins(firm, scene):
    with scene():
        customers(firm, 2)
    client = factories.api_client(firm.enterprise, firm.lea)
    assert client.get("/api/v1/me").status_code == 200
    leave(scene, firm)
    assert client.get("/api/v1/me").status_code == 401
    with scene() as admin:
        told = Notification.objects.filter(kind="transfer.resigned")
        assert {note.member_id for note in told} == {admin.member_id, firm.graded.pk}
        assert told[0].data == {"name": "Lea", "contacts": 2, "groups": 0}


@pytest.mark.parametrize("split", ["even", "room"])
def test_o6_splits_over_several(firm, scene, work, split):
    with scene() as admin:
        customers(firm, 9)
        customers(firm, 4, owner=firm.ann)
        factories.reset_policy({"taker_limit": 10})
    leave(scene, firm)
    with scene() as admin:
        plan = to(firm.ann, firm.bob, split=split)
        seen = transfers.preview(admin, member=firm.lea, plan=plan)
        transfer = transfers.order(admin, member=firm.lea, plan=plan)
    work()
    with scene():
        got = Counter(transfer.items.values_list("taker_id", flat=True))
        wanted = {"even": {firm.ann.pk: 5, firm.bob.pk: 4}, "room": {firm.ann.pk: 3, firm.bob.pk: 6}}[split]
        assert got == wanted == {share.member.pk: share.contacts for share in seen.shares}
        assert states(transfer) == {"done": 9}


def test_o6_by_grade_by_tag_and_by_department(firm, scene, work):
    with scene() as admin:
        mine = customers(firm, 6)
        Contact.objects.filter(pk__in=[one.pk for one in mine[:2]]).update(grade="high")
        tag = create_tag_group(admin, name="来源", tags=["展会"]).tags.get()
        for contact in mine[1:4]:
            FollowTag.objects.create(follow=Follow.objects.get(contact=contact), contact=contact, tag=tag)
    leave(scene, firm)
    plan = {
        "parts": [
            {"grade": "high", "takers": [str(firm.ann.pk)]},
            {"tag": str(tag.pk), "takers": [str(firm.bob.pk)]},
            {"department": str(firm.north.pk)},
        ]
    }
    with scene() as admin:
        transfer = transfers.order(admin, member=firm.lea, plan=plan)
    work()
    with scene():
        owners = [Contact.objects.get(pk=one.pk).owner_id for one in mine]
        assert owners == [firm.ann.pk] * 2 + [firm.bob.pk] * 2 + [firm.nora.pk] * 2
        assert states(transfer) == {"done": 6}


def test_o6_what_fits_no_part_stays_in_the_pool(firm, scene, work):
    with scene():
        mine = customers(firm, 3)
        Contact.objects.filter(pk=mine[0].pk).update(grade="high")
    leave(scene, firm)
    plan = {"parts": [{"grade": "high", "takers": [str(firm.ann.pk)]}]}
    with scene() as admin:
        assert transfers.preview(admin, member=firm.lea, plan=plan).unmatched == 2
        transfers.order(admin, member=firm.lea, plan=plan)
    work()
    with scene() as admin:
        assert [(one.contacts, one.open) for one in pool(admin)] == [(2, 2)]


def test_o6_saved_rule_of_the_nearest_department_runs_by_itself(firm, scene, work):
    with scene() as admin:
        customers(firm, 2)
        transfers.save_rule(admin, department=None, plan=to(firm.nora))
        transfers.save_rule(admin, department=firm.south, plan=to(firm.bob))
    leave(scene, firm)
    [ended] = work()
    assert ended.state == "done"
    with scene():
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.bob.pk}
        assert Transfer.objects.get().by is None
        assert not Notification.objects.filter(kind="transfer.resigned").exists()


def test_o6_a_rule_that_cannot_run_keeps_nobody_from_leaving(firm, scene):
    with scene() as admin:
        customers(firm, 2)
        rule = transfers.save_rule(admin, department=None, plan=to(firm.nora))
        Member.objects.filter(pk=firm.nora.pk).update(status="disabled")
    leave(scene, firm)
    with scene() as admin:
        assert firm.lea.status == "resigned" and not Transfer.objects.exists()
        assert {note.kind for note in Notification.objects.filter(member=admin.member)} == {
            "transfer.rule_refused",
            "transfer.resigned",
        }
        transfers.delete_rule(admin, rule=rule)
        assert not InheritanceRule.objects.exists()


def test_q8_over_the_scale_nothing_is_inherited(firm, scene):
    with scene():
        customers(firm, 3)
    leave(scene, firm)
    with scene() as admin:
        factories.reset_policy({"free_unverified": 1, "free_verified": 2})
        refresh_account(firm.enterprise)
        with pytest.raises(Forbidden) as refused:
            transfers.order(admin, member=firm.lea, plan=to(firm.ann))
        assert refused.value.extra["remedies"] and not TransferItem.objects.exists()


def test_o6_pool_that_waits_too_long_is_warned_about_once(firm, scene):
    from django.core.management import call_command

    with scene():
        customers(firm, 2)
    leave(scene, firm)
    for hours in (0, 71, 73, 74, 90):
        moment = NOON + timedelta(hours=hours)
        call_command("run_job", "collaboration.settle_transfers", "--now", moment.isoformat())
        with scene(at=moment) as admin:
            found = Notification.objects.filter(kind="transfer.pool", member=admin.member)
            assert found.count() == (hours >= 73), hours
    with scene():
        assert found.get().data == {"name": "Lea", "contacts": 2, "groups": 0, "days": 3}


# --- O7: on the job -------------------------------------------------------------------------------------------


def settle(scene, at) -> int:
    from jobs.management.commands import run_job  # noqa: F401

    with scene(at=at) as admin:
        return transfers.settle_due(admin)


def test_o7_takes_effect_after_24_hours_unless_declined(firm, scene, work):
    with scene() as admin:
        mine = customers(firm, 3)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann), message="  您好，以后由 Ann 为您服务 ")
        assert (transfer.kind, transfer.message) == ("on_job", "您好，以后由 Ann 为您服务")
    work()
    with scene() as admin:
        assert set(transfer.items.values_list("state", "due_at", "batch")) == {("waiting", NOON + DAY, 1)}
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.lea.pk}
        declined = transfer.items.get(contact=mine[0])
        result = transfers.Result(declined.pk, State.REFUSED)
        assert transfers.report_results(admin, transfer=transfer, results=[result]) == 1
        assert transfers.report_results(admin, transfer=transfer, results=[result]) == 0
    assert settle(scene, NOON + DAY - timedelta(seconds=1)) == 0
    assert settle(scene, NOON + DAY) == 2
    with scene(at=NOON + DAY) as admin:
        owners = [Contact.objects.get(pk=one.pk).owner_id for one in mine]
        assert owners == [firm.lea.pk, firm.ann.pk, firm.ann.pk]
        transfer.refresh_from_db()
        assert transfer.contacts == {"done": 2, "refused": 1} and transfer.finished_at == NOON + DAY
        assert Notification.objects.get(kind="transfer.finished").data == {
            "transfer": str(transfer.pk),
            "name": "Lea",
            "done": 2,
            "left": 1,
        }
        # Declined customers can be given to somebody else.
        transfers.try_again(admin, transfer=transfer, taker=firm.bob)
    work(NOON + DAY)
    assert settle(scene, NOON + 2 * DAY) == 1
    with scene():
        assert Contact.objects.get(pk=mine[0].pk).owner_id == firm.bob.pk
        assert states(transfer) == {"done": 3}


def test_c4_o7_a_hand_over_is_no_loss_but_what_the_contact_ends_is(firm, scene, work):
    with scene() as admin:
        mine = customers(firm, 3)
        transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    assert settle(scene, NOON + DAY) == 3
    with scene(at=NOON + 2 * DAY) as admin:
        ended = Follow.objects.filter(state=Follow.State.DELETED_BY_MEMBER, member=firm.lea)
        assert ended.count() == 3
        assert losses.report(admin, losses.Asked.parse(admin)).total == 0
        end_follow(admin, contact=mine[0], member=firm.ann, by="contact")
        end_follow(admin, contact=mine[1], member=firm.ann, by="member")
        report = losses.report(admin, losses.Asked.parse(admin))
        assert (report.total, report.by[losses.By.CONTACT], report.by[losses.By.MEMBER]) == (2, 1, 1)


def test_o7_at_most_twice_in_90_natural_days(firm, scene, work):
    def hand(member, taker, at):
        with scene(at=at) as admin:
            transfer = transfers.order(admin, member=member, plan=to(taker))
        work(at)
        settle(scene, at + DAY)
        return transfer

    with scene():
        [mine] = customers(firm, 1)
    hand(firm.lea, firm.ann, NOON)
    hand(firm.ann, firm.bob, NOON + 10 * DAY)
    with scene(at=NOON + 20 * DAY) as admin:
        customers(firm, 1, owner=firm.bob)
        seen = transfers.preview(admin, member=firm.bob, plan=to(firm.lea))
        assert (seen.total, seen.ready, seen.excluded) == (2, 1, {"too_often": 1})
        assert seen.blocked == [(date(2026, 9, 14), 1)]  # the first of the two: 16 June, plus 90 days
    transfer = hand(firm.bob, firm.lea, NOON + 20 * DAY)
    with scene(at=NOON + 22 * DAY) as admin:
        item = transfer.items.get(contact=mine)
        assert (item.state, item.reason, item.blocked_until) == ("failed", "too_often", date(2026, 9, 14))
        assert Contact.objects.get(pk=mine.pk).owner_id == firm.bob.pk
    for days, state in ((90, "failed"), (91, "waiting")):
        with scene(at=NOON + days * DAY) as admin:
            transfers.try_again(admin, transfer=transfer)
        work(NOON + days * DAY)
        with scene():
            assert transfer.items.get(contact=mine).state == state, days


def test_o7_takers_limit_is_respected(firm, scene, work):
    with scene() as admin:
        factories.reset_policy({"taker_limit": 3})
        customers(firm, 4)
        customers(firm, 1, owner=firm.ann)
        seen = transfers.preview(admin, member=firm.lea, plan=to(firm.ann))
        assert (seen.ready, seen.full) == (2, 2)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
        customers(firm, 1, owner=firm.ann)  # meanwhile Ann found somebody herself
    work()
    with scene() as admin:
        assert states(transfer) == {"waiting": 1, "taker_full": 3}
        transfers.try_again(admin, transfer=transfer, taker=firm.bob)
    work()
    settle(scene, NOON + DAY)
    with scene():
        held = Counter(Follow.objects.filter(state="active").values_list("member_id", flat=True))
        assert held == {firm.ann.pk: 3, firm.bob.pk: 3}


def test_o7_a_friend_of_the_contact_needs_no_room(firm, scene, work):
    with scene() as admin:
        factories.reset_policy({"taker_limit": 1})
        [mine] = customers(firm, 1)
        add_follow(admin, contact=mine, member=firm.ann)
        factories.reset_policy({"taker_limit": 2})
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
        factories.reset_policy({"taker_limit": 1})
    work()
    settle(scene, NOON + DAY)
    with scene():
        assert states(transfer) == {"done": 1}
        assert list(Follow.objects.filter(contact=mine, state="active").values_list("member_id", flat=True)) == [
            firm.ann.pk
        ]


def test_o7_taker_who_left_meanwhile_gets_nothing(firm, scene, work):
    with scene() as admin:
        customers(firm, 2)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    with scene() as admin:
        resign_member(admin, member=firm.ann)
    settle(scene, NOON + DAY)
    with scene():
        assert set(transfer.items.values_list("state", "reason")) == {("failed", "taker_gone")}
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.lea.pk}


def test_o7_platform_decides_where_it_is_connected(firm, scene, work, monkeypatch):
    monkeypatch.setattr(settling, "FOLLOWED", [lambda enterprise: enterprise.pk == firm.enterprise.pk])
    with scene() as admin:
        mine = customers(firm, 3)
    leave(scene, firm)
    with scene() as admin:
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    assert settle(scene, NOON + 3 * DAY) == 0
    with scene(at=NOON + 3 * DAY) as admin:
        assert states(transfer) == {"waiting": 3}
        # The successor is responsible at once; the friendship follows WeCom.
        assert set(Contact.objects.values_list("owner_id", flat=True)) == {firm.ann.pk}
        items = [transfer.items.get(contact=one).pk for one in mine]
        results = [
            transfers.Result(items[0], State.DONE),
            transfers.Result(items[1], State.REFUSED),
            transfers.Result(items[2], State.TAKER_FULL),
        ]
        transfers.report_results(admin, transfer=transfer, results=results)
        assert states(transfer) == {"done": 1, "refused": 1, "taker_full": 1}
        friends = Follow.objects.filter(member=firm.ann, state="active")
        assert list(friends.values_list("contact_id", flat=True)) == [mine[0].pk]


def test_o8_cancelled_ones_can_be_tried_again(firm, scene, work):
    with scene() as admin:
        customers(firm, 2)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    with scene() as admin:
        transfers.cancel(admin, transfer=transfer)
        assert set(transfer.items.values_list("state", "reason")) == {("failed", "cancelled")}
        with pytest.raises(Conflict):
            transfers.cancel(admin, transfer=transfer)
        transfers.try_again(admin, transfer=transfer)
        with pytest.raises(Conflict):
            transfers.try_again(admin, transfer=transfer)
    work()
    settle(scene, NOON + DAY)
    with scene():
        assert states(transfer) == {"done": 2}


# --- Who may ---------------------------------------------------------------------------------------------------


def test_o4_graded_admins_hand_over_within_their_departments_only(firm, scene):
    with scene():
        customers(firm, 2)
        customers(firm, 1, owner=firm.nora)
    with scene(firm.graded) as graded:
        with pytest.raises(Forbidden):
            transfers.order(graded, member=firm.nora, plan=to(firm.ann))
        with pytest.raises(Invalid):
            transfers.order(graded, member=firm.lea, plan=to(firm.nora))
        with pytest.raises(Forbidden):
            transfers.save_rule(graded, department=firm.north, plan=to(firm.ann))
        with pytest.raises(Forbidden):
            transfers.save_rule(graded, department=None, plan=to(firm.ann))
        assert not Transfer.objects.exists()
        transfer = transfers.order(graded, member=firm.lea, plan=to(firm.ann))
        assert states(transfer) == {"waiting": 2}
        assert list(Transfer.objects.visible_to(graded)) == [transfer]
    with scene(firm.ann) as ann:
        with pytest.raises(Forbidden):
            transfers.order(ann, member=firm.lea, plan=to(firm.bob))
        assert not Transfer.objects.visible_to(ann).exists()


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({}, "parts"),
        ({"parts": []}, "parts"),
        ({"parts": [{}]}, "takers"),
        ({"parts": ["x"]}, "parts"),
        ({"parts": [{"takers": ["x"]}]}, "takers"),
        ({"parts": [{"takers": [], "colour": 1}]}, "colour"),
    ],
)
def test_o6_bad_plans_are_refused(firm, scene, plan, field):
    with scene() as admin:
        customers(firm, 1)
        with pytest.raises(Invalid) as refused:
            transfers.order(admin, member=firm.lea, plan=plan)
        assert field in refused.value.errors and not Transfer.objects.exists()


def test_o6_nobody_takes_over_from_themselves_nor_nothing(firm, scene):
    with scene() as admin:
        with pytest.raises(Invalid):
            transfers.order(admin, member=firm.lea, plan=to(firm.lea))
        with pytest.raises(Conflict) as refused:
            transfers.order(admin, member=firm.lea, plan=to(firm.ann))
        assert refused.value.code == "nothing_to_hand_over" and not Transfer.objects.exists()


def test_o7_some_contacts_only(firm, scene, work):
    with scene() as admin:
        mine = customers(firm, 3)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann), ids=[mine[0].pk])
        assert list(transfer.items.values_list("contact_id", flat=True)) == [mine[0].pk]
        with pytest.raises(Invalid):
            transfers.order(admin, member=firm.lea, plan=to(firm.ann), ids=[])


def test_c8_deleting_a_contact_for_good_takes_its_items_along(firm, scene, work):
    with scene() as admin:
        mine = customers(firm, 2)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann))
        archive_contact(admin, contact=mine[0])
        start(admin, action="delete", ids=[mine[0].pk], params={"count": 1})
    assert {run.state for run in work()} == {"done"}
    with scene():
        assert list(transfer.items.values_list("contact_id", flat=True)) == [mine[1].pk]


def test_o8_batches_are_at_most_100_of_one_taker(firm, scene, work):
    with scene() as admin:
        crowd.contacts(admin, 250, owner=firm.lea, follower=firm.lea)
        transfer = transfers.order(admin, member=firm.lea, plan=to(firm.ann, firm.bob))
    work()
    with scene():
        sizes = Counter(transfer.items.values_list("batch", "taker_id"))
        assert sorted(sizes.values()) == [25, 25, 100, 100]
        assert len({batch for batch, _taker in sizes}) == 4
        assert clock.now() == NOON


@pytest.mark.parametrize("kind", ["resigned", "on_job"])
@pytest.mark.parametrize("word", ["", "老李"])
def test_o6_o7_c11_the_taker_has_one_remark_of_the_contact(firm, scene, work, kind, word):
    """A taker who is a friend with a word of their own is heard; else the contact goes over as it is called."""
    with scene() as admin:
        [contact] = customers(firm, 1)
        edit_contact(admin, contact=contact, remark="大客户")
        add_follow(admin, contact=contact, member=firm.ann, remark=word)
    if kind == "resigned":
        leave(scene, firm)
    with scene() as admin:
        transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    with scene(at=NOON + 2 * DAY) as admin:
        settling.settle_due(admin)
        contact.refresh_from_db()
        follows = dict(Follow.objects.filter(contact=contact).values_list("member__name", "remark"))
        assert (contact.owner_id, contact.remark) == (firm.ann.pk, word or "大客户")
        assert follows == {"Lea": "大客户", "Ann": contact.remark}
        assert stale() == 0


def test_o6_c11_a_friendship_that_goes_over_to_the_owner_brings_no_second_remark(firm, scene, work):
    """Ann owns the contact and is no friend; Lea, who is one, leaves."""
    with scene() as admin:
        [contact] = customers(firm, 1)
        edit_contact(admin, contact=contact, remark="大客户")
        change_owner(admin, contact=contact, owner=firm.ann)
        contact = edit_contact(admin, contact=contact, remark="甲方")
        assert Follow.objects.get(member=firm.lea).remark == "大客户"
    leave(scene, firm)
    with scene() as admin:
        transfers.order(admin, member=firm.lea, plan=to(firm.ann))
    work()
    with scene():
        assert Follow.objects.get(member=firm.ann).remark == Contact.objects.get(pk=contact.pk).remark == "甲方"
        assert stale() == 0
