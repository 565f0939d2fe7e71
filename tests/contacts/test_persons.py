"""Phone numbers by permission, and everything about one person: as a file, and erased (data protection)."""

import base64
import json

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import Forbidden, Invalid
from common.sql import rows
from common.tenancy import tenant
from contacts.models import Contact, Follow, Interaction, Purchase, SearchEntry
from contacts.rules import MASKED_PHONE, masked_phone
from contacts.services import attachments, follow_ups, merges, persons
from contacts.services.contacts import archive_contact, edit_contact, show_phones
from contacts.services.exports import start_export
from contacts.services.history import record_interaction, record_purchase
from enterprises.models import AuditEntry
from jobs.models import JobRun
from jobs.runner import execute_run
from quota.models import LedgerEntry
from tests import factories
from tests.contacts.bulk import consistent, do

pytestmark = pytest.mark.django_db
PHONE = "13800138000"
BLIND = ("contacts.view", "contacts.edit", "contacts.export", "audit.view", "contacts.import")


@pytest.fixture
def blind(enterprise):
    """Somebody who sees everybody, but no phone numbers."""
    with tenant(enterprise.pk):
        return factories.member(role=factories.role(*BLIND))


@pytest.fixture
def contact(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        made = factories.contact(actor, name="王小明", external_userid="wm1", phones=[PHONE, "010-8888"])
        record_interaction(actor, contact=made, kind="message_in", data={"text": "你好 <b>"})
        record_purchase(actor, contact=made, order_no="O1", amount=9)
        return made


def done(enterprise, start, *arguments, member=None, **given):
    with tenant(enterprise.pk):
        actor = factories.actor(enterprise, member) if member else factories.super_admin(enterprise)
        run = start(actor, *arguments, **given)
    ended = execute_run(enterprise.pk, run.pk)
    assert ended is not None
    return ended


def report(run):
    with default_storage.open(run.report) as file:
        return file.read().decode()


@settings(max_examples=40)
@given(st.text(alphabet="0123456789+", min_size=1, max_size=32))
def test_a_mask_is_the_same_here_and_in_the_database(db, phone):
    masked = rows("SELECT " + MASKED_PHONE.format("phone") + " FROM (SELECT %s AS phone) AS one", [phone])
    assert masked == [(masked_phone(phone),)]
    assert masked_phone(PHONE) == "138****8000" and masked_phone("0108888") == "****88" and len(masked_phone("1")) == 5


def test_phones_are_masked_for_those_who_may_not_see_them(api, enterprise, contact, blind):
    masked = ["138****8000", "****88"]
    theirs = factories.api_client(enterprise, blind)
    assert theirs.get(f"/api/v1/contacts/{contact.pk}").json()["phones"] == masked
    assert theirs.get("/api/v1/contacts").json()["results"][0]["phones"] == masked
    assert api.get(f"/api/v1/contacts/{contact.pk}").json()["phones"] == [PHONE, "0108888"]
    assert theirs.get(f"/api/v1/contacts?search={PHONE}").json()["results"] == []
    assert theirs.post(f"/api/v1/contacts/{contact.pk}/phones").status_code == 403
    answer = theirs.patch(f"/api/v1/contacts/{contact.pk}", {"remark": "x"}, content_type="application/json")
    assert answer.json()["phones"] == masked


def test_a_masked_number_is_never_written_back(enterprise, contact, blind):
    theirs = factories.api_client(enterprise, blind)
    path = f"/api/v1/contacts/{contact.pk}"
    seen = theirs.get(path).json()["phones"]
    answer = theirs.patch(path, {"phones": seen}, content_type="application/json")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"phones"})
    with tenant(enterprise.pk):
        assert Contact.objects.get().phones == [PHONE, "0108888"]


def test_exports_mask_and_say_whether_they_did(enterprise, contact, blind):
    for member, shown in ((None, PHONE), (blind, "138****8000")):
        run = done(enterprise, start_export, member=member, filter={})
        assert shown in report(run) and (PHONE in report(run)) == (member is None)
        with tenant(enterprise.pk):
            entry = AuditEntry.objects.filter(action="contacts.exported").latest("id")
        assert (entry.after["phones"], entry.after["contacts"], entry.subject_id) == (member is None, 1, run.pk)


def test_an_export_of_a_selection_is_what_one_sees_of_it(enterprise, contact, blind):
    with tenant(enterprise.pk):
        other = factories.contact(factories.super_admin(enterprise), name="李四")
        staff = factories.member(role=factories.role("contacts.view", "contacts.export", scope="related"))
    run = done(enterprise, start_export, ids=[contact.pk, contact.pk])
    assert run.result == {"rows": 1} and "李四" not in report(run)
    run = done(enterprise, start_export, ids=[contact.pk, other.pk], member=staff)
    assert run.result == {"rows": 0} and "王小明" not in report(run)
    with tenant(enterprise.pk), pytest.raises(Invalid):
        start_export(factories.super_admin(enterprise), ids=[], format="csv")


def test_whoever_looks_at_numbers_is_in_the_audit_trail(api, enterprise, contact, blind):
    assert api.post(f"/api/v1/contacts/{contact.pk}/phones").json() == {"phones": [PHONE, "0108888"]}
    with tenant(enterprise.pk):
        entry = AuditEntry.objects.get(action="contact.phones_shown")
        assert (entry.subject_id, entry.after) == (contact.pk, {"numbers": 2})
        with pytest.raises(Forbidden):
            show_phones(factories.actor(enterprise, blind), contact=contact)
        assert AuditEntry.objects.filter(action="contact.phones_shown").count() == 1


def test_the_audit_trail_itself_shows_no_numbers(enterprise, contact):
    with tenant(enterprise.pk):
        edit_contact(factories.super_admin(enterprise), contact=contact, phones=["13900139000"])
        entry = AuditEntry.objects.get(action="contact.edited")
    assert (entry.before["phones"], entry.after["phones"]) == (["138****8000", "****88"], ["139****9000"])


def test_everything_about_a_person_is_one_file(enterprise, contact):
    run = done(enterprise, persons.start_export, contact=contact)
    kept = json.loads(report(run))
    assert [row["phones"] for row in kept["contacts_contact"]] == [[PHONE, "0108888"]]
    assert [row["order_no"] for row in kept["contacts_purchase"]] == ["O1"]
    assert {"text": "你好 <b>"} in [row["data"] for row in kept["contacts_interaction"]]
    assert [row["delta"] for row in kept["quota_ledgerentry"]] == [1]
    assert len(kept["contacts_follow"]) == 1 and kept["contacts_followtag"] == []
    assert "enterprise_id" not in kept["contacts_contact"][0] and "contacts_searchentry" not in kept
    assert run.result == {"rows": sum(map(len, kept.values()))} and len(kept["enterprises_auditentry"]) == 3
    with tenant(enterprise.pk):
        assert AuditEntry.objects.get(action="contact.person_exported").subject_id == contact.pk


def test_the_file_holds_what_was_attached_and_who_was_merged_into_the_person(enterprise, contact):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        twin = factories.contact(actor, name="小明", external_userid="wmTwin", phones=["13900139000"])
        record_interaction(actor, contact=twin, kind="call", key="said")
        written = follow_ups.write(actor, contact=twin, text="x")
        content = b"%PDF-1.7 \x00\xff"
        kept_file = attachments.attach(actor, follow_up=written, file=SimpleUploadedFile("报价.pdf", content))
        lost_file = attachments.attach(actor, follow_up=written, file=SimpleUploadedFile("空.pdf", content))
        default_storage.delete(attachments.place(lost_file))
        merges.merge(actor, contact=contact, gone=twin)
        factories.contact(actor, name="李四", phones=["13700137000"])
    text = report(done(enterprise, persons.start_export, contact=contact))
    kept = json.loads(text)
    assert {row["external_userid"]: row["phones"][-1] for row in kept["contacts_contact"]} == {
        "wm1": "13900139000", "wmTwin": "13900139000",
    }  # fmt: skip
    assert "said" in {row["key"] for row in kept["contacts_interaction"]}
    files = {row["name"]: row["content"] for row in kept["contacts_followupfile"]}
    assert base64.b64decode(files[kept_file.name]) == content and files[lost_file.name] is None
    assert "李四" not in text and "13700137000" not in text


@pytest.mark.parametrize("how", ["erased", "deleted"])
def test_c8_the_file_about_a_person_goes_with_them(how, enterprise, contact, django_capture_on_commit_callbacks):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        other = factories.contact(actor)
        for one in (contact, other):
            archive_contact(actor, contact=one)
    mine, others = (done(enterprise, persons.start_export, contact=one) for one in (contact, other))
    assert default_storage.exists(mine.report)
    with django_capture_on_commit_callbacks(execute=True):
        if how == "erased":
            done(enterprise, persons.start_erasure, contact=contact, confirm=contact.name)
        else:
            assert do(enterprise, "delete", ids=[contact.pk], params={"count": 1}).result["done"] == 1
    assert not default_storage.exists(mine.report) and default_storage.exists(others.report)
    with tenant(enterprise.pk):
        assert [JobRun.objects.get(pk=run.pk).report for run in (mine, others)] == ["", others.report]


def test_a_long_history_is_written_chunk_by_chunk(enterprise, contact, monkeypatch):
    monkeypatch.setattr(persons, "CHUNK", 2)
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        for _each in range(4):
            record_interaction(actor, contact=contact, kind="call")
        count = Interaction.objects.count()
    kept = json.loads(report(done(enterprise, persons.start_export, contact=contact)))
    assert len(kept["contacts_interaction"]) == len({row["id"] for row in kept["contacts_interaction"]}) == count == 6


def test_an_erased_person_leaves_a_ledger_without_a_name(enterprise, contact):
    with tenant(enterprise.pk):
        other = factories.contact(factories.super_admin(enterprise), name="李四")
    run = done(enterprise, persons.start_erasure, contact=contact, confirm=" 王小明 ")
    assert (run.state, run.result) == ("done", {"erased": 1, "freed": 1})
    assert consistent(enterprise) == 1
    with tenant(enterprise.pk):
        assert [one.pk for one in Contact.objects.all()] == [other.pk]
        for model in (Follow, Interaction, Purchase, SearchEntry):
            assert not model.objects.filter(contact_id=contact.pk).exists(), model
        entries = LedgerEntry.objects.filter(contact_id=contact.pk).order_by("number")
        assert [(entry.delta, entry.contact_label) for entry in entries] == [(1, ""), (-1, "")]
        audit = AuditEntry.objects.filter(subject_id=contact.pk, subject_type="contact").order_by("id")
        assert {entry.subject_label for entry in audit} == {""}
        assert [entry.after for entry in audit if entry.after] == [{"served": True}]
        assert audit.last().action == "contact.erased"
        assert LedgerEntry.objects.get(contact_id=other.pk).contact_label == "李四"


def test_erasing_asks_for_the_name_and_for_the_right(enterprise, contact, blind):
    with tenant(enterprise.pk):
        with pytest.raises(Invalid):
            persons.start_erasure(factories.super_admin(enterprise), contact=contact, confirm="王小")
        with pytest.raises(Forbidden):
            persons.start_erasure(factories.actor(enterprise, blind), contact=contact, confirm="王小明")
        with pytest.raises(Forbidden):
            persons.start_export(factories.actor(enterprise, blind), contact=contact)
        assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("a\u200bb", "ab"),
        ("\u202eevil\u200f", "evil"),
        ("王\n小  明", "王 小 明"),
        ("👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"),
        ("e\u0301", "\u00e9"),
        ("\u200b\u2060", "wm1"),
    ],
)
def test_a_person_whose_name_nobody_can_type_can_be_erased(name, typed, enterprise, contact):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        contact.name = name
        contact.save(update_fields=["name"])
        for wrong in ("", "\u200b", "王小明", typed.upper() + "x"):
            with pytest.raises(Invalid):
                persons.start_erasure(actor, contact=contact, confirm=wrong)
    assert done(enterprise, persons.start_erasure, contact=contact, confirm=typed).state == "done"
    with tenant(enterprise.pk):
        assert not Contact.objects.exists()


def test_erasing_twice_finds_nobody(enterprise, contact):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        first, second = (persons.start_erasure(actor, contact=contact, confirm="王小明") for _each in range(2))
    assert execute_run(enterprise.pk, first.pk).state == "done"
    again = execute_run(enterprise.pk, second.pk)
    assert (again.state, again.error["code"]) == ("failed", "not_found")
    assert consistent(enterprise) == 0


def test_an_archived_person_takes_no_place_and_gives_none_back(enterprise, contact):
    with tenant(enterprise.pk):
        archive_contact(factories.super_admin(enterprise), contact=contact)
    run = done(enterprise, persons.start_erasure, contact=contact, confirm="王小明")
    assert run.result == {"erased": 1, "freed": 0} and consistent(enterprise) == 0
