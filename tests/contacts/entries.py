"""Are contacts found by their present texts? (C11)"""

from django.db import transaction

from contacts.models import Contact
from contacts.services.search_entries import index


def stale() -> int:
    """How many entries are not of the present texts: what making them anew would change."""
    with transaction.atomic():
        changed = index(list(Contact.objects.values_list("pk", flat=True)))
        transaction.set_rollback(True)
    return changed
