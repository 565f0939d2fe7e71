import pytest

from common.tenancy import tenant
from contacts.models import Contact
from quota.models import Account, LedgerEntry
from quota.services import verify_counts
from tests import factories


@pytest.mark.django_db
def test_q1_one_contact_takes_one_place(enterprise):
    with tenant(enterprise.pk):
        actor = factories.super_admin(enterprise)
        factories.contact(actor)
        assert Account.objects.get().served == 1
        assert Account.objects.get().capacity == 2000
        assert Contact.objects.count() == LedgerEntry.objects.count() == 1
        assert verify_counts()["ok"]
