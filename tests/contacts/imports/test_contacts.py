"""Import of contacts (C12): admission, repetition, refusals, owners, tags."""

from datetime import UTC, datetime

import pytest

from common.tenancy import tenant
from contacts.filters import ContactFilter
from contacts.models import Contact, Follow, FollowTag, ImportRefusal, Interaction
from contacts.services.relations import add_follow
from quota.models import Account, LedgerEntry
from quota.services import verify_counts
from tests import factories
from tests.contacts.entries import stale
from tests.contacts.imports.conftest import as_csv, report

pytestmark = pytest.mark.django_db

COUNTS = ("rows", "created", "updated", "unchanged", "refused")


def counts(run):
    return tuple(run.result[name] for name in COUNTS)


def test_c12_new_contacts_are_admitted_with_ledger_follow_and_timeline(enterprise, run_import):
    run = run_import(as_csv(("客户ID", "姓名", "添加时间"), ("wm1", "王小明", "2026-01-31 08:00"), ("wm2", "", "")))
    assert (run.state, counts(run)) == ("done", (2, 2, 0, 0, 0))
    assert run.report == ""
    with tenant(enterprise.pk):
        first, second = Contact.objects.order_by("external_userid")
        admin = factories.super_admin(enterprise).member
        assert (first.name, first.added_at) == ("王小明", datetime(2026, 1, 31, tzinfo=UTC))
        assert (second.name, second.owner) == ("wm2", admin)
        assert list(Follow.objects.values_list("contact_id", "member_id").order_by("contact_id")) == [
            (first.pk, admin.pk),
            (second.pk, admin.pk),
        ]
        assert list(Interaction.objects.filter(contact=first).values_list("kind", "at")) == [("added", first.added_at)]
        ledger = LedgerEntry.objects.order_by("number").values_list("delta", "served_after", "reason", "contact_id")
        assert list(ledger) == [(1, 1, "imported", first.pk), (1, 2, "imported", second.pk)]
        assert verify_counts()["ok"]


def test_c12_the_same_file_again_changes_nothing(enterprise, run_import):
    file = as_csv(("external_userid", "name", "tags"), ("wm1", "A", "vip;新客"), ("wm2", "B", ""))
    run_import(file)
    with tenant(enterprise.pk):
        before = list(Contact.objects.order_by("pk").values())
    again = run_import(file)
    assert counts(again) == (2, 0, 0, 2, 0)
    with tenant(enterprise.pk):
        assert list(Contact.objects.order_by("pk").values()) == before
        assert (Follow.objects.count(), FollowTag.objects.count(), LedgerEntry.objects.count()) == (2, 2, 2)


def test_c12_a_changed_file_updates_what_it_says_and_keeps_what_it_leaves_out(enterprise, run_import):
    run_import(as_csv(("external_userid", "name", "company", "phone"), ("wm1", "A", "甲公司", "13800000000")))
    run = run_import(as_csv(("external_userid", "name", "company", "phone"), ("wm1", "A2", "", "")))
    assert counts(run) == (1, 0, 1, 0, 0)
    with tenant(enterprise.pk):
        contact = Contact.objects.get()
        assert (contact.name, contact.company, contact.phones) == ("A2", "甲公司", ["13800000000"])
        assert contact.version == 2


def test_c1_a_row_that_names_another_member_adds_a_follow_and_takes_no_place(enterprise, run_import):
    with tenant(enterprise.pk):
        colleague = factories.member(name="李四")
    run_import(as_csv(("external_userid", "name"), ("wm1", "A")))
    run = run_import(as_csv(("external_userid", "owner"), ("wm1", colleague.userid.upper())))
    assert counts(run) == (1, 0, 1, 0, 0)
    with tenant(enterprise.pk):
        contact = Contact.objects.get()
        assert contact.owner == factories.super_admin(enterprise).member
        assert set(contact.follows.values_list("member_id", flat=True)) == {contact.owner_id, colleague.pk}
        assert Account.objects.get().served == 1


def called():
    """What each contact is called: its own remark, and those of its friends by name."""
    return {
        one.external_userid: (
            one.remark,
            dict(one.follows.order_by("added_at", "id").values_list("member__name", "remark")),
        )
        for one in Contact.objects.prefetch_related("follows")
    }


def test_c11_a_remark_is_the_named_members_and_the_contacts_own_stays(enterprise, run_import):
    """Import, import with another owner, again, with a new remark of that one, and the first file once more."""
    with tenant(enterprise.pk):
        anna, li = factories.member("Anna"), factories.member("李四")
    header = ("external_userid", "name", "remark", "owner")
    first = as_csv(header, ("wm1", "王小明", "大客户", anna.userid), ("wm2", "孙", "", anna.userid))
    assert counts(run_import(first)) == (2, 2, 0, 0, 0)
    both = as_csv(header, ("wm1", "", "老李", li.userid), ("wm2", "", "孙总", li.userid))
    assert (counts(run_import(both)), counts(run_import(both))) == ((2, 0, 2, 0, 0), (2, 0, 0, 2, 0))
    with tenant(enterprise.pk):
        assert called() == {
            "wm1": ("大客户", {"Anna": "大客户", "李四": "老李"}),
            "wm2": ("", {"Anna": "", "李四": "孙总"}),
        }
        assert set(Contact.objects.values_list("owner_id", "version")) == {(anna.pk, 1)}
    # A friend whom the file names again: what it says replaces, what it leaves empty stays.
    other = as_csv(header, ("wm1", "", "李工", li.userid), ("wm2", "", "", li.userid))
    assert (counts(run_import(other)), counts(run_import(other))) == ((2, 0, 1, 1, 0), (2, 0, 0, 2, 0))
    with tenant(enterprise.pk):
        assert called() == {
            "wm1": ("大客户", {"Anna": "大客户", "李四": "李工"}),
            "wm2": ("", {"Anna": "", "李四": "孙总"}),
        }
        assert stale() == 0
        asked = ContactFilter.from_params({"search": "李工"}, factories.super_admin(enterprise))
        assert [one.external_userid for one in asked.queryset()] == ["wm1"]
    assert counts(run_import(first)) == (2, 0, 0, 2, 0)
    # Who names the owner or nobody writes the contact's own, which is the owner's word.
    run = run_import(as_csv(header, ("wm1", "", "贵客", anna.userid.upper()), ("wm2", "", "孙姐", "")))
    assert counts(run) == (2, 0, 2, 0, 0)
    with tenant(enterprise.pk):
        assert called() == {
            "wm1": ("贵客", {"Anna": "贵客", "李四": "李工"}),
            "wm2": ("孙姐", {"Anna": "孙姐", "李四": "孙总"}),
        }
        assert stale() == 0


def test_c11_a_dry_run_calls_nobody_anything(enterprise, run_import):
    with tenant(enterprise.pk):
        anna, li = factories.member("Anna"), factories.member("李四")
        contact = factories.contact(factories.actor(enterprise, anna), external_userid="wm1", remark="大客户")
        add_follow(factories.actor(enterprise, li), contact=contact, remark="老李")
    file = as_csv(("external_userid", "remark", "owner"), ("wm1", "李工", li.userid))
    assert counts(run_import(file, dry_run=True)) == (1, 0, 1, 0, 0)
    with tenant(enterprise.pk):
        assert called() == {"wm1": ("大客户", {"Anna": "大客户", "李四": "老李"})}


def test_o2_staff_call_a_contact_by_their_own_friendship_only(enterprise, run_import):
    """Bob is a friend of Anna's contact: he writes what he calls it, not what Carl does; Dora may not even that."""
    with tenant(enterprise.pk):
        codes = ("contacts.view", "contacts.add", "contacts.import", "contacts.edit")
        role, less = factories.role(*codes, scope="related"), factories.role(*codes[:3], scope="related")
        anna, bob, carl = (factories.member(name, role=role) for name in ("Anna", "Bob", "Carl"))
        dora = factories.member("Dora", role=less)
        contact = factories.contact(factories.actor(enterprise, anna), external_userid="wm1", remark="大客户")
        for member in (bob, carl, dora):
            add_follow(factories.actor(enterprise, member), contact=contact, remark=member.name)
    friends = {"Anna": "大客户", "Bob": "Bob", "Carl": "Carl", "Dora": "Dora"}
    header = ("external_userid", "remark", "owner")
    for importer, named, column in ((bob, carl, "owner"), (dora, dora, "remark"), (dora, anna, "remark")):
        run = run_import(as_csv(header, ("wm1", "老卡", named.userid)), member=importer)
        assert counts(run) == (1, 0, 0, 0, 1)
        with tenant(enterprise.pk):
            assert ImportRefusal.objects.filter(job_id=run.pk).values_list("code", "column").get() == (
                "forbidden",
                column,
            )
            assert called() == {"wm1": ("大客户", friends)}
    assert counts(run_import(as_csv(header, ("wm1", "老王", bob.userid)), member=bob)) == (1, 0, 1, 0, 0)
    with tenant(enterprise.pk):
        assert called() == {"wm1": ("大客户", friends | {"Bob": "老王"})}


def test_q10_as_many_as_fit_the_first_rows_win(enterprise, run_import):
    with tenant(enterprise.pk):
        Account.objects.update(capacity=2)
        from enterprises.models import PolicyRecord

        PolicyRecord.objects.update(overrides={"free_verified": 2, "free_unverified": 2})
    file = as_csv(("external_userid",), *((f"wm{n}",) for n in range(5)))
    run = run_import(file, on_full="partial")
    assert counts(run) == (5, 2, 0, 0, 3)
    assert run.result["refusals"] == {"quota_exceeded": 3}
    assert [(line, code) for line, code, *_ in report(run)] == [
        ("4", "quota_exceeded"),
        ("5", "quota_exceeded"),
        ("6", "quota_exceeded"),
    ]
    with tenant(enterprise.pk):
        assert set(Contact.objects.values_list("external_userid", flat=True)) == {"wm0", "wm1"}
        assert verify_counts() == {"ledger": 2, "counter": 2, "contacts": 2, "ok": True}


def test_q10_all_or_nothing_refuses_the_whole_file_and_leaves_nothing(enterprise, run_import):
    with tenant(enterprise.pk):
        from enterprises.models import PolicyRecord

        Account.objects.update(capacity=2)
        PolicyRecord.objects.update(overrides={"free_verified": 2, "free_unverified": 2})
    file = as_csv(("external_userid", "tags"), *((f"wm{n}", "vip") for n in range(5)))
    run = run_import(file, on_full="refuse")
    assert run.state == "failed"
    assert (run.error["code"], run.error["served"], run.error["capacity"], run.error["wanted"]) == (
        "quota_exceeded",
        0,
        2,
        5,
    )
    assert run.error["remedies"]
    with tenant(enterprise.pk):
        assert not any(model.objects.exists() for model in (Contact, Follow, FollowTag, Interaction, LedgerEntry))
        assert Account.objects.get().served == 0


def test_c12_a_dry_run_says_what_would_happen_and_does_nothing(enterprise, run_import):
    run = run_import(as_csv(("external_userid", "added_at"), ("wm1", ""), ("", ""), ("wm2", "never")), dry_run=True)
    assert counts(run) == (2, 1, 0, 0, 1)
    assert run.result["refusals"] == {"bad_date": 1}
    assert [code for _line, code, *_ in report(run)] == ["bad_date"]
    with tenant(enterprise.pk):
        assert not Contact.objects.exists() and not LedgerEntry.objects.exists()
        assert Account.objects.get().served == 0


def test_c12_every_refused_row_is_reported_with_line_and_reason(enterprise, run_import):
    file = as_csv(
        ("external_userid", "name", "added_at", "owner"),
        ("wm1", "A", "2026-01-01", ""),
        ("", "B", "", ""),
        ("wm 3", "C", "", ""),
        ("wm4", "D", "31.12.2025", ""),
        ("wm1", "E", "", ""),
        ("wm6", "F", "", "nobody"),
        ("wm7", "G", "2999-01-01", ""),
    )
    run = run_import(file)
    assert counts(run) == (7, 1, 0, 0, 6)
    assert [(line, code, column) for line, code, _text, column, *_ in report(run)] == [
        ("3", "missing_id", "external_userid"),
        ("4", "bad_id", "external_userid"),
        ("5", "bad_date", "added_at"),
        ("6", "duplicate_in_file", ""),
        ("7", "owner_unknown", "owner"),
        ("8", "future_date", "added_at"),
    ]
    assert run.report_name == "f-refused.csv"
    with tenant(enterprise.pk):
        assert ImportRefusal.objects.count() == 6


def test_o4_a_graded_admin_imports_only_into_their_range(enterprise, run_import):
    from enterprises.models import Department

    with tenant(enterprise.pk):
        north, south = (Department.objects.create(name=name) for name in ("华北", "华南"))
        inside = factories.member(department=north)
        outside = factories.member(department=south)
        factories.contact(factories.actor(enterprise, outside), external_userid="wm-south")
        admin = factories.member(role="graded_admin", ranges=[north])
    run = run_import(
        as_csv(
            ("external_userid", "name", "owner"),
            ("wm-new", "N", inside.userid),
            ("wm-south", "changed", ""),
            ("wm-other", "O", outside.userid),
        ),
        member=admin,
    )
    assert run.result["refusals"] == {"forbidden": 1, "owner_unknown": 1}
    with tenant(enterprise.pk):
        assert Contact.objects.get(external_userid="wm-south").name != "changed"
        assert set(Contact.objects.values_list("external_userid", flat=True)) == {"wm-south", "wm-new"}


def test_o2_an_importer_changes_only_what_their_level_allows(enterprise, run_import):
    """Friends: remark and their own tags, not name, company, phones, kind; the column is named, the row refused."""
    with tenant(enterprise.pk):
        role = factories.role(
            "contacts.view", "contacts.add", "contacts.import", "contacts.edit", "contacts.tag", scope="related"
        )
        owner, friend = factories.member(role=role), factories.member(role=role)
        for number in range(7):
            known = factories.contact(factories.actor(enterprise, owner), external_userid=f"wm{number}", name="A")
            if number != 4:
                Follow.objects.create(contact=known, member=friend, added_at=factories.NOON)
            if number == 5:
                Follow.objects.filter(contact=known, member=friend).update(state="deleted_by_contact")
    header = ("external_userid", "name", "remark", "company", "phone", "kind", "tags")
    file = as_csv(
        header,
        ("wm0", "A", "老客户", "", "", "", "vip"),
        ("wm1", "B", "老客户", "", "", "", ""),
        ("wm2", "", "老客户", "甲公司", "", "", ""),
        ("wm3", "", "", "", "13800000000", "", ""),
        ("wm4", "", "老客户", "", "", "", ""),
        ("wm5", "", "", "", "", "", "vip"),
        ("wm6", "", "", "", "", "wecom", ""),
    )
    run = run_import(file, member=friend)
    assert counts(run) == (7, 0, 1, 0, 6)
    with tenant(enterprise.pk):
        refused = ImportRefusal.objects.order_by("line").values_list("code", "column")
        assert list(refused) == [
            ("forbidden", column) for column in ("name", "company", "phone", "external_userid", "tags", "kind")
        ]
        assert set(Contact.objects.values_list("name", "company", "kind")) == {("A", "", "wechat")}
        assert list(Contact.objects.exclude(remark="").values_list("external_userid", flat=True)) == ["wm0"]
        assert FollowTag.objects.get().follow.member_id == friend.pk
    own = run_import(as_csv(header, ("wm1", "B", "", "乙公司", "13800000000", "wecom", "")), member=owner)
    assert counts(own) == (1, 0, 1, 0, 0)
