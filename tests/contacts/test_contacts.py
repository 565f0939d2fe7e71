"""Single contacts: adding, reporting, editing, archiving, grading."""

from datetime import timedelta

import pytest

from common import clock
from common.errors import Forbidden, Invalid, NotFound, Stale
from contacts.models import Contact, Follow, Interaction
from contacts.rules import Kind
from contacts.services import contacts as services
from contacts.services.history import record_purchase
from contacts.services.relations import end_follow
from enterprises.actors import Actor
from enterprises.models import AuditEntry, Member
from quota.models import Account, LedgerEntry
from quota.services import QuotaExceeded, verify_counts
from tests import factories
from tests.contacts.conftest import grant
from tests.contacts.unchanged import refused, state

pytestmark = pytest.mark.django_db


def kinds(contact):
    return list(Interaction.objects.filter(contact=contact).order_by("id").values_list("kind", flat=True))


def served():
    assert verify_counts()["ok"]
    return Account.objects.get().served


def add(actor, external_userid="wm1", **fields):
    return services.add_contact(actor, external_userid=external_userid, name="王小明", **fields)


def test_c1_c3_q1_two_members_add_one_person(team):
    contact, is_new = add(team.actors.anna, source="qr", remark="小王", phones=["138 0013-8000", "13800138000"])
    assert is_new and contact.owner == team.anna and contact.phones == ["13800138000"]
    again, is_new = add(team.actors.bob, remark="明")
    assert not is_new and again.pk == contact.pk and again.owner_id == team.anna.pk
    assert served() == 1 and LedgerEntry.objects.count() == 1
    assert list(Follow.objects.values_list("member__name", "remark", "source")) == [
        ("Anna", "小王", "qr"),
        ("Bob", "明", ""),
    ]
    assert kinds(contact) == [Kind.ADDED, Kind.ADDED]
    actions = AuditEntry.objects.filter(subject_id=contact.pk).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["contact.added", "contact.followed"]


def test_c1_the_same_member_again_changes_nothing(team):
    add(team.actors.anna)
    before = state()
    add(team.actors.anna)
    assert state() == before


def test_q10_no_place_nothing_happens_and_what_helps_is_said(team, full):
    full(1)
    add(team.actors.anna)
    with refused("quota_exceeded", QuotaExceeded) as caught:
        add(team.actors.anna, "wm2")
    extra = caught.value.extra
    assert (extra["served"], extra["capacity"]) == (1, 1) and extra["remedies"]
    add(team.actors.bob)  # one more friend of a known contact needs no place
    assert served() == 1


def test_c3_a_contact_without_owner_gets_the_first_member_who_adds(team):
    contact = add(Actor.system(team.admin.enterprise))[0]
    assert contact.owner is None
    assert add(team.actors.bob)[0].owner_id == team.bob.pk


def test_c5_an_archived_contact_is_not_added_but_restored(team):
    contact = add(team.actors.anna)[0]
    services.archive_contact(team.admin, contact=contact)
    with refused("contact_archived") as caught:
        add(team.actors.anna)
    assert caught.value.extra == {"contact": contact.pk}
    with refused("contact_archived") as caught:
        add(team.actors.bob)
    assert caught.value.extra == {}  # O5: not theirs to see


def test_c2_q8_a_lost_contact_comes_back_if_there_is_a_place(team, full):
    contact = add(team.actors.anna)[0]
    end_follow(team.actors.anna, contact=contact, member=team.anna, by="member")
    assert served() == 0
    full(1)
    add(team.actors.carl, "wm2")
    with refused("quota_exceeded"):
        add(team.actors.bob)
    full(2)
    again, is_new = add(team.actors.bob)
    assert not is_new and (again.status, again.lost_at) == ("active", None) and served() == 2
    assert kinds(contact)[-1] == Kind.RETURNED
    assert LedgerEntry.objects.order_by("-id").first().reason == "returned"


def test_only_who_may_assign_names_another_follower(team):
    with refused("forbidden", Forbidden):
        add(team.actors.anna, follower=team.bob)
    contact = add(team.admin, follower=team.bob)[0]
    assert contact.owner == team.bob
    Member.objects.filter(pk=team.carl.pk).update(status=Member.Status.RESIGNED)
    team.carl.refresh_from_db()
    with refused("invalid", Invalid):
        add(team.admin, "wm2", follower=team.carl)


def test_o4_a_graded_admin_adds_only_for_members_in_range(team):
    assert add(team.actors.graded, follower=team.anna)[0].owner == team.anna
    with refused("out_of_range"):
        add(team.actors.graded, "wm2", follower=team.bob)
    with refused("out_of_range"):
        add(team.actors.graded, "wm3")  # their own department is not in their range


def test_bad_details_are_refused(team):
    for fields in (
        {"external_userid": "has space"},
        {"external_userid": ""},
        {"external_userid": "x" * 65},
        {"name": "  "},
        {"name": "x" * 129},
        {"kind": "alien"},
        {"phones": ["1"] * 11 and [str(n) for n in range(11)]},
        {"added_at": factories.NOON + timedelta(hours=1)},
    ):
        with refused("invalid", Invalid):
            services.add_contact(team.admin, **{"external_userid": "wm1", "name": "x", **fields})


def test_q11_what_wecom_reports_is_recorded_even_over_the_scale(team, full):
    full(1)
    add(team.actors.anna)
    system = Actor.system(team.admin.enterprise)
    contact, is_new = services.report_contact(system, external_userid="wm2", name="x", follower=team.bob)
    assert is_new and served() == 2 and Account.objects.get().capacity == 1
    assert LedgerEntry.objects.get(contact_id=contact.pk).reason == "reported"
    services.archive_contact(team.admin, contact=contact)
    services.report_contact(system, external_userid="wm2", name="x", follower=team.carl)
    contact.refresh_from_db()
    assert contact.status == "archived" and contact.follows.count() == 2 and served() == 1


def test_x3_edit_says_before_and_after_and_raises_the_version(team):
    contact = add(team.actors.anna)[0]
    edited = services.edit_contact(
        team.actors.anna, contact=contact, version=1, name=" 王大明 ", company="公司", phones=["1 2"], description="x"
    )
    assert (edited.name, edited.company, edited.phones, edited.version) == ("王大明", "公司", ["12"], 2)
    entry = AuditEntry.objects.get(action="contact.edited")
    assert entry.before == {"name": "王小明", "company": "", "phones": [], "description": ""}
    assert entry.after == {"name": "王大明", "company": "公司", "phones": ["****12"], "description": "x"}
    before = state()
    services.edit_contact(team.actors.anna, contact=contact, name="王大明")
    assert state() == before
    with refused("precondition_failed", Stale):
        services.edit_contact(team.actors.anna, contact=contact, version=1, name="x")
    with refused("invalid"):
        services.edit_contact(team.actors.anna, contact=contact, name="")


def test_c5_q2_archive_gives_the_place_back_and_restore_takes_one(team, full):
    contact = add(team.actors.anna)[0]
    full(1)
    with refused("not_found", NotFound):
        services.archive_contact(team.actors.bob, contact=contact)
    archived = services.archive_contact(team.admin, contact=contact)
    assert archived.archived_at == factories.NOON and served() == 0
    with refused("not_active"):
        services.archive_contact(team.admin, contact=contact)
    add(team.actors.bob, "wm2")
    with refused("quota_exceeded"):
        services.restore_contact(team.admin, contact=contact)
    full(2)
    restored = services.restore_contact(team.admin, contact=contact)
    assert (restored.status, restored.archived_at) == ("active", None) and served() == 2
    with refused("not_archived"):
        services.restore_contact(team.admin, contact=contact)
    assert kinds(contact) == [Kind.ADDED, Kind.ARCHIVED, Kind.RESTORED]
    assert list(LedgerEntry.objects.filter(contact_id=contact.pk).order_by("id").values_list("delta", flat=True)) == [
        1,
        -1,
        1,
    ]


def test_c9_a_grade_set_by_hand_stays_until_it_is_given_back(team):
    contact = add(team.actors.anna)[0]
    with refused("not_found", NotFound):
        services.set_grade(team.actors.bob, contact=contact, grade="high")
    services.set_grade(team.admin, contact=contact, grade="high")
    record_purchase(team.actors.anna, contact=contact, order_no="1", amount=1200)
    contact.refresh_from_db()
    assert (contact.grade, contact.grade_source, contact.spend_365d) == ("high", "manual", 1200)
    before = state()
    services.set_grade(team.admin, contact=contact, grade="high")
    assert state() == before
    services.set_grade(team.admin, contact=contact, grade=None)
    contact.refresh_from_db()
    assert (contact.grade, contact.grade_source) == ("middle", "auto")
    assert kinds(contact).count(Kind.GRADE_CHANGED) == 2
    graded = AuditEntry.objects.filter(action="contact.graded").order_by("id").last()
    assert graded.before == {"grade": "high", "grade_source": "manual"}
    assert graded.after == {"grade": "middle", "grade_source": "auto"}
    with refused("invalid"):
        services.set_grade(team.admin, contact=contact, grade="gold")


def test_every_service_asks_for_its_permission_itself(team):
    contact = add(team.actors.anna)[0]
    role = team.anna.role
    role.permissions = []
    role.save()
    actor = factories.actor(team.admin.enterprise, team.anna)
    for call in (
        lambda: add(actor, "wm2"),
        lambda: services.edit_contact(actor, contact=contact, name="x"),
        lambda: services.archive_contact(actor, contact=contact),
        lambda: services.restore_contact(actor, contact=contact),
        lambda: services.set_grade(actor, contact=contact, grade="high"),
        lambda: record_purchase(actor, contact=contact, order_no="1", amount=1),
    ):
        with refused("forbidden", Forbidden):
            call()


def test_adding_later_does_not_move_the_first_addition(team):
    contact = add(team.actors.anna)[0]
    with clock.at(factories.NOON + timedelta(days=3)):
        add(team.actors.bob)
    contact.refresh_from_db()
    assert contact.added_at == factories.NOON
    assert contact.last_contact_at == factories.NOON + timedelta(days=3)
    assert Contact.objects.count() == 1
    assert grant(team.actors.anna, "contacts.archive").may("contacts.archive")
