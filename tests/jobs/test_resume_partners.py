"""X4, U7: a worker is killed in the middle of an import of partners; another finishes it, and nobody is there twice."""

from collections import Counter

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from common.tenancy import tenant
from enterprises.models import AuditEntry
from jobs import tasks
from tests import factories, workers
from upstream.models import Partner, PartnerContact, Person, Space
from upstream.services import partner_import, spaces
from upstream.services.partner_import import STEP

pytestmark = pytest.mark.usefixtures("committed_db")
PARTNERS = 2 * STEP + 20


def test_x4_u7_a_worker_killed_inside_a_step_loses_and_doubles_nobody(committed_db, database_name):
    enterprise = factories.enterprise()
    lines = ["企业名称,姓名,手机号", *(f"伙伴{n},联系人{n},139{n:08}" for n in range(PARTNERS)), ",无名,"]
    file = SimpleUploadedFile("partners.csv", "\n".join(lines).encode())
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        space = spaces.create_space(admin, name="经销商")
        run = partner_import.start_import(admin, file=file, space=space)
    with workers.worker(database_name) as first:
        with tenant(enterprise.pk):
            # Somebody of the second step is being entered elsewhere: the worker has to wait, and is inside of it.
            held = Person(name="联系人", phone=f"139{STEP + 10:08}")
            held.write_keys()
            held.save(force_insert=True)
            tasks.run_job.delay(str(enterprise.pk), str(run.pk))
            factories.wait_for_blocked()
            first.kill()
            held.delete()
    with tenant(enterprise.pk):
        assert Partner.objects.count() == Space.objects.get().partner_count == STEP, "the second left nothing"
        assert PartnerContact.objects.count() == Person.objects.count() == STEP
    ended = workers.taken_over(database_name, enterprise.pk, run.pk)
    assert ended.state == "done", ended.error
    numbers = {"rows": PARTNERS + 1, "partners": PARTNERS, "people": PARTNERS, "unchanged": 0, "refused": 1}
    assert ended.result == {**numbers, "dry_run": False}
    with tenant(enterprise.pk):
        assert Partner.objects.count() == Space.objects.get().partner_count == PARTNERS
        assert PartnerContact.objects.count() == Person.objects.count() == PARTNERS
        assert set(Partner.objects.values_list("contact_count", flat=True)) == {1}
        entries = Counter(AuditEntry.objects.values_list("action", flat=True))
    wanted = {"partner.added": PARTNERS, "partner_contact.added": PARTNERS, "partners.imported": 1}
    assert {name: entries[name] for name in wanted} == wanted
