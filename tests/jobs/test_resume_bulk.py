"""X4, X6, Q14: a real worker is killed in the middle of bulk work; another finishes it, and nothing is done twice."""

import pytest

from common.sql import rows
from common.tenancy import tenant
from contacts.models import BulkItem, Contact, Interaction
from contacts.services import bulk
from contacts.services.bulk.work import STEP
from enterprises.models import Enterprise
from jobs import tasks
from quota.models import LedgerEntry
from tests import crowd, factories, workers
from tests.contacts.bulk import consistent, undo

pytestmark = pytest.mark.usefixtures("committed_db")
CONTACTS = 2 * STEP + 100


@pytest.fixture
def enterprise(committed_db: None) -> Enterprise:
    return factories.enterprise(verified=True)


def test_x4_a_worker_killed_inside_a_step_loses_and_doubles_nothing(enterprise, database_name):
    with tenant(enterprise.pk):
        admin = factories.super_admin(enterprise)
        ids = crowd.contacts(admin, CONTACTS)
        run = bulk.start(admin, action="archive", filter={})
    with workers.worker(database_name) as first:
        with tenant(enterprise.pk):
            # The second step has to wait for this contact: the worker is inside of it for sure.
            rows("SELECT FROM contacts_contact WHERE id = %(id)s FOR UPDATE", {"id": ids[STEP + 10]})
            tasks.run_job.delay(str(enterprise.pk), str(run.pk))
            factories.wait_for_blocked()
            first.kill()
    assert consistent(enterprise) == CONTACTS - STEP, "the first step stands, the second left nothing"
    ended = workers.taken_over(database_name, enterprise.pk, run.pk)
    assert (ended.state, ended.done, ended.total) == ("done", CONTACTS, CONTACTS)
    assert ended.result["freed"] == CONTACTS
    assert consistent(enterprise) == 0
    with tenant(enterprise.pk):
        assert BulkItem.objects.filter(state="done").count() == BulkItem.objects.count() == CONTACTS
        assert LedgerEntry.objects.filter(delta=-1).count() == CONTACTS
        assert Interaction.objects.filter(kind="archived").count() == CONTACTS
        assert set(Contact.objects.values_list("status", "version")) == {("archived", 2)}
    assert undo(enterprise, ended).error["code"] == "quota_exceeded", "2 000 places are not enough for all of them"
