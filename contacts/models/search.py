"""What contacts are found by."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from common.tenancy import TenantForeignKey, TenantModel
from contacts.models.contacts import Contact


class SearchEntry(TenantModel):
    """What a contact is found by (C11): terms of `common.terms`, each behind the enterprise's mark.

    A row of its own: contacts change all the time, their names hardly ever. `fingerprint` is of the texts that the
    terms were made of, so that whoever changed them past the services is noticed.
    """

    contact = TenantForeignKey(Contact, related_name="+")
    terms = SearchVectorField()
    fingerprint = models.UUIDField()

    class Meta(TenantModel.Meta):
        constraints = (models.UniqueConstraint(fields=("enterprise_id", "contact"), name="search_entry_once"),)
        # An inverted index cannot begin with the enterprise; its terms do.
        indexes = (GinIndex(fields=("terms",), name="search_entry_terms"),)
