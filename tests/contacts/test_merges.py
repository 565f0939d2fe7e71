"""C1, Q1, Q14: two contacts that are one person; merging, taking it back, one place freed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common import clock
from common.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from common.ids import uuid7
from common.sql import execute
from common.tenancy import tenant
from contacts.models import Contact, ContactMerge, Follow, FollowTag, FollowUp, Interaction, MergeItem, Purchase
from contacts.services import attachments, bulk, follow_ups, merges, tags
from contacts.services.bulk import work
from contacts.services.contacts import add_contact, archive_contact, edit_contact, set_grade
from contacts.services.groups import Person, create_group, invite
from contacts.services.history import record_interaction, record_purchase
from contacts.services.relations import add_follow, end_follow
from enterprises.models import AuditEntry, Department
from enterprises.services import GRADED_ADMIN
from jobs import services as jobs
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.models import LedgerEntry
from quota.services import verify_counts
from tests import factories, services
from tests.contacts.bulk import consistent, do
from tests.contacts.test_follow_ups import pdf
from tests.factories import NOON
from tests.parallel import in_parallel

DAY = timedelta(days=1)
QUERIES = 41  # however much goes over: one for each table that belongs to a contact, those of the rooms above too


@pytest.fixture
def pair(team):
    """王小明 twice: Anna's and Carl's, both served; Anna is a friend of both."""
    anna, carl = team.actors.anna, team.actors.carl
    kept = factories.contact(anna, name="王小明", added_at=NOON - 9 * DAY)
    gone = factories.contact(
        carl, name="小明", remark="老客", company="鹏城", phones=["13800000000"], added_at=NOON - 99 * DAY
    )
    add_contact(anna, external_userid=gone.external_userid, name="x")
    return kept, gone


def everything(contact):
    """What belongs to a contact, in numbers and names."""
    contact = Contact.objects.get(pk=contact.pk)
    return {
        "row": {name: getattr(contact, name) for name in (*merges._KEPT, "grade", "spend_365d", "activity")},
        "events": set(
            Interaction.objects.filter(contact=contact)
            .exclude(kind__in=["merged", "unmerged"])
            .values_list("id", flat=True)
        ),
        "orders": set(Purchase.objects.filter(contact=contact).values_list("order_no", flat=True)),
        "friends": set(Follow.objects.filter(contact=contact).values_list("member__name", flat=True)),
        "tags": set(FollowTag.objects.filter(contact=contact).values_list("follow__member__name", "tag__name")),
        "groups": set(contact.group_memberships.values_list("group__name", flat=True)),
        "follow_ups": set(contact.follow_ups.values_list("text", flat=True)),
    }


@pytest.fixture
def rich(team, pair):
    """Both have something of everything, and something in common."""
    kept, gone = pair
    anna, carl = team.actors.anna, team.actors.carl
    tags.create_tag_group(team.admin, name="意向", tags=["高", "中"])
    high, middle = tags.Tag.objects.order_by("position")
    tags.tag_contact(anna, contact=kept, add=[high])
    tags.tag_contact(anna, contact=gone, add=[high, middle])
    tags.tag_contact(carl, contact=gone, add=[middle])
    for contact, order in ((kept, "A"), (gone, "B")):
        record_purchase(anna, contact=contact, order_no=order, paid_at=NOON - DAY, amount=3000)
        record_interaction(anna, contact=contact, kind="message_in", at=NOON - DAY, key="same")
        record_interaction(anna, contact=contact, kind="call", at=NOON - 2 * DAY, key=order)
        group = create_group(team.admin, name=order)
        invite(team.admin, group=group, people=[Person(contact.external_userid, "")])
        common = create_group(team.admin, name="共同") if order == "A" else common  # noqa: F821
        invite(team.admin, group=common, people=[Person(contact.external_userid, "")])
        made = follow_ups.write(anna, contact=contact, text=order)
        follow_ups.attachments.attach(anna, follow_up=made, file=pdf())
    return kept, gone


def test_c1_everything_goes_over_and_what_both_had_is_there_once(team, rich):
    kept, gone = rich
    before = LedgerEntry.objects.count()
    merges.merge(team.admin, contact=kept, gone=gone)
    found = everything(kept)
    assert found["orders"] == {"A", "B"} and found["follow_ups"] == {"A", "B"}
    assert found["friends"] == {"Anna", "Carl"} and found["groups"] == {"A", "B", "共同"}
    assert found["tags"] == {("Anna", "高"), ("Anna", "中"), ("Carl", "中")}
    assert Interaction.objects.filter(contact=kept, key="same").count() == 1
    row = found["row"]
    assert (row["remark"], row["company"], row["phones"]) == ("老客", "鹏城", ["13800000000"])
    assert (row["added_at"], row["grade"], row["spend_365d"]) == (NOON - 99 * DAY, "high", 6000)
    # One place freed, exactly.
    last = LedgerEntry.objects.order_by("-number").first()
    assert LedgerEntry.objects.count() == before + 1
    assert (last.delta, last.reason, last.contact_id) == (-1, "merged", gone.pk)
    assert verify_counts()["ok"] and verify_counts()["counter"] == 1


def test_c1_o5_who_is_gone_is_hidden_and_arrives_as_the_other(team, rich):
    kept, gone = rich
    merges.merge(team.admin, contact=kept, gone=gone)
    for actor in (team.admin, team.actors.anna, team.actors.graded):
        assert list(Contact.objects.visible_to(actor)) == [kept]
    again, is_new = add_contact(team.actors.bob, external_userid=gone.external_userid, name="x")
    assert (again.pk, is_new) == (kept.pk, False)
    assert Follow.objects.filter(contact=kept, member=team.bob).exists()
    guests = create_group(team.admin, name="新群")
    invite(team.admin, group=guests, people=[Person(gone.external_userid, "小明"), Person(kept.external_userid, "")])
    assert list(guests.memberships.values_list("contact", flat=True)) == [kept.pk]
    assert verify_counts()["counter"] == 1


def test_q14_undoing_restores_everything_and_takes_the_place_again(team, rich):
    kept, gone = rich
    before = everything(kept), everything(gone)
    made = merges.merge(team.admin, contact=kept, gone=gone)
    returned = merges.undo(team.admin, merge=made)
    assert returned.pk == gone.pk
    assert (everything(kept), everything(gone)) == before
    assert verify_counts()["ok"] and verify_counts()["counter"] == 2
    assert set(Contact.objects.visible_to(team.admin)) == {kept, gone}
    with pytest.raises(Conflict) as again:
        merges.undo(team.admin, merge=made)
    assert again.value.code == "already_undone"


def test_c5_undoing_keeps_what_changed_since(team, rich):
    kept, gone = rich
    made = merges.merge(team.admin, contact=kept, gone=gone)
    Contact.objects.filter(pk=kept.pk).update(remark="新备注")
    late = record_interaction(team.actors.anna, contact=kept, kind="call", at=NOON)[0]
    merges.undo(team.admin, merge=made)
    kept.refresh_from_db()
    assert (kept.remark, kept.company) == ("新备注", "")
    assert Interaction.objects.get(pk=late.pk).contact_id == kept.pk


def test_c5_a_state_that_changed_since_keeps_its_times(team, pair):
    """Archived and waiting before, served by the merge, archived anew: it waits for nothing, and lies since now."""
    kept, gone = pair
    archive_contact(team.admin, contact=kept)
    Contact.objects.filter(pk=kept.pk).update(waiting_since=NOON)
    kept.refresh_from_db()
    made = merges.merge(team.admin, contact=kept, gone=gone)
    kept.refresh_from_db()
    assert (kept.status, kept.archived_at, kept.waiting_since) == ("active", None, None)
    with clock.at(NOON + DAY):
        archive_contact(team.admin, contact=kept)
        merges.undo(team.admin, merge=made)
    kept.refresh_from_db()
    assert (kept.status, kept.archived_at, kept.waiting_since) == ("archived", NOON + DAY, None)
    assert verify_counts()["ok"]


def test_q10_undoing_needs_a_place(team, rich, full):
    kept, gone = rich
    made = merges.merge(team.admin, contact=kept, gone=gone)
    factories.contact(team.admin)
    full(2)
    before = everything(kept)
    with pytest.raises(Refusal) as refused:
        merges.undo(team.admin, merge=made)
    assert refused.value.code == "quota_exceeded"
    connection.set_rollback(False)
    assert before["orders"] == {"A", "B"}


def test_c5_the_time_to_undo_ends(team, pair):
    made = merges.merge(team.admin, contact=pair[0], gone=pair[1])
    with clock.at(NOON + 30 * DAY), pytest.raises(Conflict) as refused:
        merges.undo(team.admin, merge=made)
    assert refused.value.code == "undo_expired"
    assert merges.forget(NOON + 29 * DAY, most=100) == 0
    number = MergeItem.objects.count()
    assert merges.forget(NOON + 30 * DAY, most=100) == number > 0
    assert not MergeItem.objects.exists()


@pytest.mark.parametrize(
    ("kept_as", "gone_as", "after", "change"),
    [
        ("active", "active", "active", -1),
        ("active", "archived", "active", 0),
        ("archived", "active", "active", 0),
        ("archived", "archived", "archived", 0),
        ("lost", "active", "active", 0),
        ("lost", "archived", "archived", 0),
    ],
)
def test_q14_places_are_exact_whatever_the_two_were(kept_as, gone_as, after, change, team):
    anna = team.actors.anna
    kept, gone = factories.contact(anna), factories.contact(anna)
    for contact, status in ((kept, kept_as), (gone, gone_as)):
        if status == "archived":
            archive_contact(team.admin, contact=contact)
        if status == "lost":
            end_follow(anna, contact=contact, member=team.anna, by="contact")
    served = verify_counts()["counter"]
    made = merges.merge(team.admin, contact=kept, gone=gone)
    kept.refresh_from_db()
    assert kept.status == after
    assert verify_counts()["ok"] and verify_counts()["counter"] == served + change
    merges.undo(team.admin, merge=made)
    kept.refresh_from_db(), gone.refresh_from_db()
    assert (kept.status, gone.status) == (kept_as, gone_as)
    assert verify_counts()["ok"] and verify_counts()["counter"] == served


def test_c1_merging_on_is_undone_from_the_end(team, pair):
    kept, gone = pair
    third = factories.contact(team.actors.anna)
    first = merges.merge(team.admin, contact=kept, gone=gone)
    second = merges.merge(team.admin, contact=third, gone=kept)
    gone.refresh_from_db()
    assert gone.merged_into_id == third.pk  # whoever arrives as the first is found at the last
    with pytest.raises(Conflict):
        merges.undo(team.admin, merge=first)
    merges.undo(team.admin, merge=second)
    merges.undo(team.admin, merge=first)
    assert set(Contact.objects.visible_to(team.admin)) == {kept, gone, third}
    assert verify_counts()["counter"] == 3


def test_c1_a_preview_says_what_will_happen(team, rich):
    kept, gone = rich
    found = merges.preview(team.admin, contact=kept, gone=gone)
    # Its key "added" differs; "same" and the relation to Anna are in both.
    assert found.stays["contacts_interaction"] == 1 and found.stays["contacts_follow"] == 1
    assert found.moves["contacts_purchase"] == 1 and found.moves["contacts_follow"] == 1
    assert (found.stays["contacts_groupmember"], found.moves["contacts_groupmember"]) == (1, 1)
    assert found.changes["remark"] == ("", "老客") and found.frees == 1
    assert not ContactMerge.objects.exists()


def test_c1_rights_and_sense(team, pair):
    kept, gone = pair
    for attempt in (merges.preview, merges.merge):
        with pytest.raises(Invalid) as itself:
            attempt(team.admin, contact=kept, gone=kept)
        assert list(itself.value.errors) == ["gone"]  # as the field of the request is called
    with pytest.raises(Forbidden):
        merges.merge(team.actors.anna, contact=kept, gone=gone)
    merges.merge(team.admin, contact=kept, gone=gone)
    with pytest.raises(Conflict) as refused:
        merges.merge(team.admin, contact=kept, gone=gone)
    assert refused.value.code == "already_merged"


def test_c1_no_more_numbers_than_a_contact_may_have_and_its_own_first(team, pair):
    kept, gone = pair
    for contact, start in ((kept, 0), (gone, 5)):
        Contact.objects.filter(pk=contact.pk).update(phones=[f"1380000{n:04}" for n in range(start, start + 8)])
    merges.merge(team.admin, contact=kept, gone=gone)
    kept.refresh_from_db()
    assert kept.phones == [f"1380000{n:04}" for n in range(10)]


@pytest.mark.parametrize("was", [(True, True), (True, False), (False, True), (False, False)])
def test_c7_one_person_is_silent_when_both_were_and_is_so_again_after_the_undo(was, team, pair):
    kept, gone = pair
    for contact, inactive in zip(pair, was, strict=True):
        Contact.objects.filter(pk=contact.pk).update(inactive=inactive)
    made = merges.merge(team.admin, contact=kept, gone=gone)
    kept.refresh_from_db()
    assert kept.inactive is all(was)
    merges.undo(team.admin, merge=made)
    assert (*Contact.objects.filter(pk__in=[kept.pk, gone.pk]).order_by("added_at").values_list("inactive", flat=True),
    ) == (was[1], was[0])  # fmt: skip


def test_c1_the_same_union_id_is_suggested(team, pair):
    other = factories.contact(team.actors.bob)
    Contact.objects.filter(pk__in=[one.pk for one in pair]).update(unionid="u1")
    Contact.objects.filter(pk=other.pk).update(unionid="u2")
    assert [{one.pk for one in group} for group in merges.suggestions(team.admin)] == [{one.pk for one in pair}]
    assert merges.suggestions(team.actors.bob) == []
    merges.merge(team.admin, contact=pair[0], gone=pair[1])
    assert merges.suggestions(team.admin) == []


@pytest.mark.parametrize("number", [1, 3])
def test_c1_merging_takes_a_constant_number_of_queries(number, team, pair):
    for n in range(number):
        record_interaction(team.admin, contact=pair[1], kind="call", key=str(n))
        record_purchase(team.admin, contact=pair[1], order_no=str(n), amount=1)
    with CaptureQueriesContext(connection) as queries:
        merges.merge(team.admin, contact=pair[0], gone=pair[1])
    assert len(queries) == QUERIES


# --- At once --------------------------------------------------------------------------------------------------


def two(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        return factories.contact(actor), factories.contact(actor)


@pytest.mark.usefixtures("committed_db")
def test_q14_merging_the_same_pair_many_times_at_once_frees_one_place():
    enterprise = factories.enterprise()
    a, b = two(enterprise)

    def work(kept, gone):
        def run():
            with tenant(enterprise.pk):
                try:
                    merges.merge(factories.super_admin(enterprise), contact=kept, gone=gone)
                except Conflict as refused:
                    return refused.code
                return "merged"

        return run

    results = in_parallel([work(a, b), work(b, a)] * 4)
    assert sorted(results) == ["already_merged"] * 7 + ["merged"]
    assert consistent(enterprise) == 1
    with tenant(enterprise.pk):
        assert Contact.objects.filter(merged_into=None).count() == 1


@pytest.mark.usefixtures("committed_db")
def test_q14_merging_and_archiving_across_each_other_stays_true(monkeypatch):
    """Six pairs are merged while a job archives all twelve, and are taken apart while another one brings them back."""
    monkeypatch.setattr(work, "STEP", 3)
    enterprise = factories.enterprise()
    pairs = [two(enterprise) for _n in range(6)]
    everybody = [one.pk for pair in pairs for one in pair]

    def started(begin):
        with tenant(enterprise.pk):
            return begin(factories.super_admin(enterprise))

    archiving = started(lambda actor: bulk.start(actor, action="archive", ids=everybody))
    merging = [lambda a=a, b=b: started(lambda actor: merges.merge(actor, contact=a, gone=b)) for a, b in pairs]
    ended, *made = in_parallel([lambda: execute_run(enterprise.pk, archiving.pk), *merging])
    assert ended.state == "done" and consistent(enterprise) == 0
    with tenant(enterprise.pk):
        assert set(Contact.objects.filter(merged_into=None).values_list("status", flat=True)) == {"archived"}
        assert Contact.objects.filter(merged_into=None).count() == 6

    undoing = started(lambda actor: jobs.undo(actor, run=JobRun.objects.get(pk=archiving.pk)))
    apart = [lambda one=one: started(lambda actor: merges.undo(actor, merge=one)) for one in made]
    ended, *_apart = in_parallel([lambda: execute_run(enterprise.pk, undoing.pk), *apart])
    assert ended.state == "done"
    consistent(enterprise)
    with tenant(enterprise.pk):
        assert not Contact.objects.exclude(merged_into=None).exists()
        assert Contact.objects.exclude(status__in=["active", "archived"]).count() == 0


@pytest.mark.usefixtures("committed_db")
def test_q14_undoing_many_times_at_once_takes_one_place():
    enterprise = factories.enterprise()
    a, b = two(enterprise)
    with tenant(enterprise.pk):
        made = merges.merge(factories.super_admin(enterprise), contact=a, gone=b)

    def work():
        with tenant(enterprise.pk):
            try:
                merges.undo(factories.super_admin(enterprise), merge=made)
            except Conflict as refused:
                return refused.code
            return "undone"

    assert sorted(in_parallel([work] * 6)) == ["already_undone"] * 5 + ["undone"]
    assert consistent(enterprise) == 2


# What somebody may be about to do with a contact that is merged away at that moment.
LATE = {
    "interaction": lambda actor, gone: record_interaction(actor, contact=gone, kind="message_in", key="late"),
    "purchase": lambda actor, gone: record_purchase(actor, contact=gone, order_no="late", amount=9),
    "follow-up": lambda actor, gone: follow_ups.write(actor, contact=gone, text="late"),
    "friend": lambda actor, gone: add_follow(actor, contact=gone),
    "edit": lambda actor, gone: edit_contact(actor, contact=gone, remark="late"),
    "archive": lambda actor, gone: archive_contact(actor, contact=gone),
    "grade": lambda actor, gone: set_grade(actor, contact=gone, grade="high"),
}


@pytest.mark.parametrize("work", LATE)
@pytest.mark.usefixtures("committed_db")
def test_c1_nothing_comes_to_stand_with_somebody_who_is_merged_away_at_that_moment(work):
    """It waits for the merge, then finds nobody; without that it would stand where nobody sees it."""
    enterprise = factories.enterprise()
    kept, gone = two(enterprise)

    def late():
        try:
            with tenant(enterprise.pk):
                LATE[work](factories.super_admin(enterprise), gone)
        except NotFound:
            return "nobody"
        return "done"

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk):
            merges.merge(factories.super_admin(enterprise), contact=kept, gone=gone)
            before = left_with(gone)
            running = pool.submit(closing(late))
            factories.wait_for_blocked()
        assert running.result() == "nobody"
    with tenant(enterprise.pk):
        assert left_with(gone) == before
    assert consistent(enterprise) == 1


def left_with(contact):
    """All that stands with a contact itself."""
    contact = Contact.objects.get(pk=contact.pk)
    return (
        *(getattr(contact, name) for name in ("status", "remark", "grade", "version", "last_contact_at")),
        *(
            model.objects.filter(contact=contact).count()
            for model in (Interaction, Purchase, Follow, FollowUp, FollowTag)
        ),
        AuditEntry.objects.count(),
    )


def closing(work):
    """In a thread: with its own connection, closed at the end."""

    def run():
        try:
            return work()
        finally:
            connections.close_all()

    return run


def test_c1_a_file_goes_to_whom_the_follow_up_belongs_to_by_now(team, pair):
    kept, gone = pair
    written = follow_ups.write(team.admin, contact=gone, text="x")
    merges.merge(team.admin, contact=kept, gone=gone)
    assert attachments.attach(team.admin, follow_up=written, file=pdf()).contact_id == kept.pk


@pytest.mark.usefixtures("committed_db")
def test_c8_deleting_for_good_takes_along_who_was_merged():
    enterprise = factories.enterprise()
    a, b = two(enterprise)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        merges.merge(actor, contact=a, gone=b)
        archive_contact(actor, contact=a)
    run = do(enterprise, "delete", ids=[a.pk], params={"count": 1})
    assert run.result["done"] == 1, run.result
    with tenant(enterprise.pk):
        assert not Contact.objects.exists() and not ContactMerge.objects.exists() and not MergeItem.objects.exists()
        assert set(LedgerEntry.objects.values_list("contact_label", flat=True)) == {""}


@pytest.mark.parametrize("known", [True, False])
def test_c1_100_000_interactions_go_over_and_come_back_within_a_request(committed_db, database_name, known):
    """Merging is one request: no statement of it may take long, however much there is (the limit ends it).

    `known`: to the planner. It takes what was filled just now for a few rows.
    """
    enterprise = factories.enterprise()
    kept, gone = two(enterprise)
    with tenant(enterprise.pk):
        for contact, step in ((gone, 1), (kept, 2)):  # every other one is known to both
            execute(
                """
                INSERT INTO contacts_interaction (id, enterprise_id, contact_id, kind, side, at, key, data)
                SELECT uuid7(), %(enterprise)s, %(contact)s, 'message_in', 'customer',
                       %(noon)s - number * interval '1 minute', 'key' || number, '{}'
                FROM generate_series(%(step)s, 100000, %(step)s) AS number
                """,
                {"enterprise": enterprise.pk, "contact": contact.pk, "noon": NOON, "step": step},
            )
    if known:
        with psycopg.connect(services.owner_conninfo(database_name), autocommit=True) as owner:
            owner.execute("ANALYZE contacts_interaction")

    def counted():
        return [Interaction.objects.filter(contact=one, kind="message_in").count() for one in (kept, gone)]

    with tenant(enterprise.pk):
        execute("SET LOCAL statement_timeout = '10s'")
        made = merges.merge(factories.super_admin(enterprise), contact=kept, gone=gone)
        assert counted() == [100_000, 50_000]
    with tenant(enterprise.pk):
        execute("SET LOCAL statement_timeout = '10s'")
        merges.undo(factories.super_admin(enterprise), merge=made)
        assert counted() == [50_000, 100_000]


# --- Pages and API --------------------------------------------------------------------------------------------


def test_o5_merges_of_what_one_does_not_see_read_as_of_what_does_not_exist(enterprise, other_enterprise):
    """For a graded admin who may merge: others' contacts in the body and others' merges in the path are random ids."""
    with tenant(other_enterprise.pk):
        foreign = factories.contact(factories.super_admin(other_enterprise))
    with tenant(enterprise.pk):
        admin, north = factories.super_admin(enterprise), Department.objects.create(name="北")
        graded = factories.member(role=GRADED_ADMIN, ranges=[north])
        owner = factories.actor(enterprise, factories.member(department=north))
        seen, kept, gone, away = factories.contact(owner), *(factories.contact(admin) for _n in range(3))
        made = merges.merge(admin, contact=kept, gone=away)
    client = factories.api_client(enterprise, graded)
    base = f"/api/v1/contacts/{seen.pk}/merges"

    def answer(path, body):
        found = client.post(path, body, "application/json")
        return found.status_code, found.json()

    for path in (base, f"{base}/preview"):
        expected = answer(path, {"gone": str(uuid7())})
        assert expected[0] == 400 and list(expected[1]["errors"]) == ["gone"]
        for other in (gone, away, foreign):
            assert answer(path, {"gone": str(other.pk)}) == expected
    missing = answer(f"{base}/{uuid7()}/undo", {})
    assert missing[0] == 404
    assert answer(f"{base}/{made.pk}/undo", {}) == missing
    assert answer(f"/api/v1/contacts/{kept.pk}/merges/{made.pk}/undo", {}) == missing
    # Nor is a merge undone by the way of a contact that it is not of, for those who see both.
    assert factories.api_client(enterprise).post(f"{base}/{made.pk}/undo", {}, "application/json").status_code == 404
    with tenant(enterprise.pk):
        assert ContactMerge.objects.get().undone_at is None
        assert Contact.objects.filter(merged_into=None).count() == 3


@pytest.mark.usefixtures("committed_db")
@pytest.mark.parametrize("alone", [False, True])
def test_c5_an_edit_during_an_undo_is_not_lost(alone, monkeypatch):
    """What somebody wrote while a merge is being taken back stays; without the lock the undo writes over it."""
    enterprise = factories.enterprise()
    kept, gone = two(enterprise)
    with tenant(enterprise.pk):
        Contact.objects.filter(pk=gone.pk).update(company="鹏城")
        made = merges.merge(factories.super_admin(enterprise), contact=kept, gone=gone)
    if alone:  # the negative control: the rows are read before the other one is done, and not locked

        def unlocked(contact, gone, *, merged=False):
            found = Contact.objects.in_bulk([contact.pk, gone.pk])
            return found[contact.pk], found[gone.pk]

        monkeypatch.setattr(merges, "_both_locked", unlocked)

    def undo():
        with tenant(enterprise.pk):
            merges.undo(factories.super_admin(enterprise), merge=made)

    with ThreadPoolExecutor(1) as pool:
        with tenant(enterprise.pk):
            edit_contact(factories.super_admin(enterprise), contact=Contact.objects.get(pk=kept.pk), company="改过")
            running = pool.submit(closing(undo))
            factories.wait_for_blocked()
        running.result()
    with tenant(enterprise.pk):
        assert Contact.objects.get(pk=kept.pk).company == ("" if alone else "改过")
    assert consistent(enterprise) == 2


def test_c1_x1_merging_by_the_api_and_the_console(api, enterprise):
    kept, gone = two(enterprise)
    with tenant(enterprise.pk):
        Contact.objects.update(unionid="u1")
        browser = Client()
        browser.force_login(factories.super_admin(enterprise).member.user)
    browser.cookies["language"] = "en"
    base = f"/api/v1/contacts/{kept.pk}/merges"
    assert len(api.get("/api/v1/contacts/merge-suggestions").json()["results"][0]["contacts"]) == 2
    body = {"gone": str(gone.pk)}
    assert api.post(f"{base}/preview", body, "application/json").json()["frees"] == 1
    made = api.post(base, body, "application/json")
    assert made.status_code == 201
    assert api.get(f"/api/v1/contacts/{gone.pk}").status_code == 404
    assert len(api.get(base).json()["results"]) == 1
    undone = api.post(f"{base}/{made.json()['id']}/undo", {}, "application/json")
    assert undone.status_code == 200 and undone.json()["id"] == str(gone.pk)

    console = f"/e/{enterprise.code}/contacts"
    assert "Merge" in browser.get(f"{console}/merge/").content.decode()
    assert str(gone.pk) in browser.get(f"{console}/{kept.pk}/merge/").content.decode()
    assert str(gone.name) in browser.get(f"{console}/{kept.pk}/merge/?search={gone.name}").content.decode()
    assert "one place is given back" in browser.get(f"{console}/{kept.pk}/merge/?with={gone.pk}").content.decode()
    assert browser.post(f"{console}/{kept.pk}/merge/", {"with": str(gone.pk)}).status_code == 302
    page = browser.get(f"{console}/{kept.pk}/").content.decode()
    assert "/unmerge/" in page
    with tenant(enterprise.pk):
        merge_id = ContactMerge.objects.get(undone_at=None).pk
    assert browser.post(f"{console}/{kept.pk}/unmerge/{merge_id}/").status_code == 302
    assert consistent(enterprise) == 2
