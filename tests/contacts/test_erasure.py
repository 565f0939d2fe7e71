"""An erased person is nowhere any more: every column of every table of the enterprise is read for what they were."""

from datetime import timedelta

import pytest

from collaboration.services import grants
from common import clock
from common.sql import rows
from common.tenancy import tenant
from contacts.models import Contact
from contacts.services import attachments, cleanups, follow_ups, merges, persons, tags
from contacts.services.contacts import add_contact, archive_contact, edit_contact
from contacts.services.groups import Person, create_group, invite, leave
from contacts.services.history import record_interaction, record_purchase
from contacts.services.relations import end_follow
from contacts.services.returns import come_back
from jobs.models import Delivery, Notification, NotificationPreference
from jobs.notifications import KINDS
from jobs.runner import execute_run
from quota.services import refresh_account
from tests import factories
from tests.contacts.bulk import consistent, do
from tests.contacts.imports.conftest import as_csv, run_import  # noqa: F401 - a fixture
from tests.contacts.test_follow_ups import pdf

pytestmark = pytest.mark.django_db

# Words that belong to one person, and to nobody else here.
NAME, LATER, REMARK, COMPANY = "欧阳绝无仅有", "欧阳改了名", "只此一人", "独一无二公司"
PHONE, EXTERNAL, UNION, TEXT = "13900987654", "wmOnlyOne", "unionOnlyOne", "谈了绝密配方"
TWIN, TWIN_NAME = "wmTheOtherOne", "欧阳另一个"
WORDS = (NAME, LATER, REMARK, COMPANY, PHONE, EXTERNAL, UNION, TEXT, TWIN, TWIN_NAME)

# What may keep a word of somebody who was erased, and why.
ALLOWED: dict[str, str] = {}


def mentions(enterprise, words=WORDS) -> dict[str, set[str]]:
    """In which tables which of the words stand, whatever the columns: texts, lists, JSON, bytes."""
    found: dict[str, set[str]] = {}
    tables = rows(
        """
        SELECT table_name, array_agg(column_name::text) FILTER (WHERE data_type = 'bytea')
        FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name
        HAVING bool_or(column_name = 'enterprise_id') ORDER BY table_name
        """
    )
    assert len(tables) > 50
    with tenant(enterprise.pk):
        for table, binary in tables:
            said = "to_jsonb(kept)::text"
            for column in binary or ():
                said += f" || encode(coalesce(kept.{column}, ''), 'escape')"
            for word in words:
                # `escape` writes letters beyond ASCII as octal numbers: bytes are searched for both ways.
                octal = "".join(f"\\{byte:o}" if byte > 127 else chr(byte) for byte in word.encode())
                asked = [f"%{word}%".lower(), f"%{octal}%".lower().replace("\\", "\\\\")]
                if rows(f"SELECT 1 FROM {table} AS kept WHERE lower({said}) LIKE ANY (%s) LIMIT 1", [asked]):
                    found.setdefault(table, set()).add(word)
    return found


@pytest.fixture
def person(enterprise, run_import):  # noqa: F811
    """Somebody with whom everything happened that leaves a trace."""
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        anna, bob = factories.member("Anna"), factories.member("Bob")
        as_anna, as_bob = factories.actor(enterprise, anna), factories.actor(enterprise, bob)
        NotificationPreference.objects.bulk_create(
            NotificationPreference(member=member, kind=kind, bell=True, mail=True)
            for kind in KINDS
            for member in (anna, bob)
        )
    header = ("外部联系人ID", "姓名", "成员账号", "群名称", "添加时间")
    run_import(as_csv(header, (EXTERNAL, NAME, anna.userid, "", ""), ("wmx", "x", anna.userid, "", "")), kind="served")
    client = factories.api_client(enterprise, anna)
    answer = client.post(
        "/api/v1/contacts",
        {"external_userid": EXTERNAL, "name": NAME, "phones": [PHONE], "remark": REMARK, "company": COMPANY},
        content_type="application/json",
        headers={"Idempotency-Key": "one"},
    )
    assert answer.status_code == 201
    run_import(as_csv(("external_userid", "name", "phones", "added_at"), (EXTERNAL, NAME, "不是号码", "")))
    with tenant(enterprise.pk):
        contact = Contact.objects.get(external_userid=EXTERNAL)
        Contact.objects.filter(pk=contact.pk).update(unionid=UNION)
        group = tags.create_tag_group(admin, name="意向", tags=["高"])
        tags.tag_contact(as_anna, contact=contact, add=list(group.tags.all()))
        made = follow_ups.write(as_anna, contact=contact, text=TEXT, next_at=clock.now() + timedelta(minutes=1))
        attachments.attach(as_anna, follow_up=made, file=pdf(f"{NAME}的报价.pdf"))
        record_interaction(admin, contact=contact, kind="message_in", data={"text": TEXT})
        record_purchase(admin, contact=contact, order_no="O1", amount=9)
        grants.invite(as_anna, contact=contact, member=bob, level="viewer")
        add_contact(as_bob, external_userid=EXTERNAL, name=NAME, remark=REMARK)
        end_follow(as_bob, contact=contact, member=bob, by="contact")
        chat = create_group(admin, name="群")
        invite(admin, group=chat, people=[Person(EXTERNAL, NAME), Person("wmOther", "别人")])
        leave(admin, group=chat, contacts=[contact])
        twin = add_contact(as_anna, external_userid=TWIN, name=TWIN_NAME, phones=[PHONE])[0]
        merges.merge(admin, contact=Contact.objects.get(pk=contact.pk), gone=twin)
        edit_contact(admin, contact=Contact.objects.get(pk=contact.pk), name=LATER)
        with clock.at(clock.now() + timedelta(minutes=2)):
            assert follow_ups.remind(admin, now=clock.now()) == 1
        Contact.objects.filter(pk=contact.pk).update(inactive=True, grade="low")
        cleanups.announce(admin)
        archive_contact(admin, contact=Contact.objects.get(pk=contact.pk))
        factories.reset_policy({"free_unverified": 1, "free_verified": 1})
        refresh_account(enterprise)
        assert come_back(admin, contacts=[contact.pk]) == (0, 1)
        kinds = set(Notification.objects.filter(data__id=str(contact.pk)).values_list("kind", flat=True))
        assert kinds == {"contacts.lost_friend", "contacts.follow_up", "contacts.waiting", "collaboration.invited"}
        assert Delivery.objects.filter(notification__data__id=str(contact.pk)).exists()
    return Contact(pk=contact.pk, enterprise_id=enterprise.pk, name=LATER)


def test_an_erased_person_is_nowhere_any_more(enterprise, person):
    before = mentions(enterprise)
    assert {"contacts_contact", "quota_ledgerentry", "enterprises_auditentry", "jobs_notification"} < set(before)
    assert {"contacts_platformentry", "contacts_importrefusal", "enterprises_idempotencyrecord"} < set(before)
    with tenant(enterprise.pk):
        run = persons.start_erasure(factories.super_admin(enterprise), contact=person, confirm=LATER)
    ended = execute_run(enterprise.pk, run.pk)
    assert (ended.state, ended.result) == ("done", {"erased": 1, "freed": 0})
    assert {table: words for table, words in mentions(enterprise).items() if table not in ALLOWED} == {}
    consistent(enterprise)
    with tenant(enterprise.pk):
        assert Contact.objects.filter(external_userid="wmOther").exists()


def test_others_keep_what_is_said_of_them(enterprise, person):
    """Negative control: erasing somebody else leaves this person's traces where they were."""
    before = mentions(enterprise)
    with tenant(enterprise.pk):
        other = Contact.objects.get(external_userid="wmOther")
        run = persons.start_erasure(factories.super_admin(enterprise), contact=other, confirm="别人")
    assert execute_run(enterprise.pk, run.pk).state == "done"
    assert mentions(enterprise) == before


def test_c8_deleting_many_for_good_leaves_no_name_with_the_mails_about_them(enterprise, person):
    run = do(enterprise, "delete", ids=[person.pk], params={"count": 1})
    assert (run.state, run.result["done"]) == ("done", 1)
    # WeCom's list, refused lines and kept answers are erased with a person only; here they go with time.
    beside = {"contacts_platformentry", "contacts_platformdifference", "contacts_importrefusal"}
    assert set(mentions(enterprise)) <= {*beside, "enterprises_idempotencyrecord"}
