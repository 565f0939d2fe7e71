"""Does the account tell the truth?"""

import logging

from common import clock
from common.sql import row
from common.tenancy import current_enterprise_id
from enterprises.models import Enterprise
from quota import notices, queries

log = logging.getLogger(__name__)


def verify_counts() -> dict[str, int | bool]:
    """Does ledger sum = counter = counted contacts hold (Q14)? Returns the three and whether they agree.

    One statement, so one snapshot. It counts the contacts' table by name, as that room stands above this one.
    """
    found = row(
        """
        SELECT (SELECT coalesce(sum(delta), 0)::bigint FROM quota_ledgerentry WHERE enterprise_id = %(enterprise)s),
               (SELECT served FROM quota_account WHERE enterprise_id = %(enterprise)s),
               (SELECT count(*) FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND status = 'active')
        """,
        {"enterprise": current_enterprise_id()},
    )
    assert found is not None
    ledger, counter, contacts = found
    return {"ledger": ledger, "counter": counter, "contacts": contacts, "ok": ledger == counter == contacts}


def verify_and_report(enterprise: Enterprise) -> dict[str, int | bool]:
    """`verify_counts`, and tell log and super admins when the three differ."""
    found = verify_counts()
    if not found["ok"]:
        log.error("Ledger, counter and contacts of %s differ: %s", enterprise.pk, found)
        notices.books_differ(found, day=str(queries.today(enterprise, clock.now())))
    return found
