"""Who has fallen silent (C7): the decision of `contacts.rules.inactive`, set-based.

The tag is set on contacts that are kept, served or archived: it is what the clean-up of archived ones filters by
(C8). Lost contacts do not have it: nobody can speak to them, so their silence says nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from common.sql import joins_never_loop, row
from common.tenancy import current_enterprise_id
from contacts.rules import Status, silent_since
from enterprises.policy import CustomerKind, Policy
from enterprises.services import policy

_TAG = """
WITH changed AS (
    UPDATE contacts_contact AS contact SET inactive = NOT contact.inactive
    {source}
    WHERE contact.enterprise_id = %(enterprise)s {same}
      AND contact.inactive IS DISTINCT FROM (
          contact.status <> %(lost)s AND contact.added_at <= %(since)s AND {silent})
    RETURNING contact.inactive
)
SELECT count(*) FILTER (WHERE inactive), count(*) FILTER (WHERE NOT inactive) FROM changed
"""

# Every kind counts: the contact's own row knows the last one, and is read again when somebody changed it meanwhile.
_ANYTHING = "(contact.last_customer_at IS NULL OR contact.last_customer_at <= %(since)s)"

# Some kinds count: their last time stands in the events, and only those after `since` matter. A row that was changed
# after this statement began (`xmin`) is left to whoever changed it: these events may be newer than what was read.
_SOME_KINDS = """
FROM (
    SELECT known.id, known.xmin AS version_seen, heard.contact_id IS NULL AS silent
    FROM contacts_contact AS known
    LEFT JOIN (
        SELECT contact_id FROM contacts_interaction
        WHERE enterprise_id = %(enterprise)s AND at > %(since)s AND kind = ANY (%(kinds)s)
        UNION
        SELECT contact_id FROM contacts_purchase
        WHERE enterprise_id = %(enterprise)s AND paid_at > %(since)s
          AND CASE WHEN refund THEN %(refund)s ELSE %(purchase)s END = ANY (%(kinds)s)
    ) AS heard ON heard.contact_id = known.id
    WHERE known.enterprise_id = %(enterprise)s
) AS event
"""


@dataclass(frozen=True)
class Tagged:
    """How many contacts became inactive, and how many came back to life."""

    tagged: int
    untagged: int


def tag_inactive(now: datetime) -> Tagged:
    """Set and remove the tag of every contact, as of `now`; only those that change are written."""
    numbers = policy()
    if set(numbers.inactive_kinds) == set(CustomerKind):
        statement = _TAG.format(source="", same="", silent=_ANYTHING)
    else:
        same = "AND contact.id = event.id AND contact.xmin = event.version_seen"
        statement = _TAG.format(source=_SOME_KINDS, same=same, silent="event.silent")
    joins_never_loop()
    counted = row(statement, _params(now, numbers))
    assert counted is not None
    return Tagged(*counted)


def inactive_count() -> int:
    """How many contacts are inactive."""
    counted = row(
        "SELECT count(*) FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND inactive",
        {"enterprise": current_enterprise_id()},
    )
    assert counted is not None
    return counted[0]


def _params(now: datetime, numbers: Policy) -> dict[str, object]:
    return {
        "enterprise": current_enterprise_id(),
        "since": silent_since(now, numbers),
        "lost": Status.LOST.value,
        "kinds": [kind.value for kind in numbers.inactive_kinds],
        "purchase": CustomerKind.PURCHASE.value,
        "refund": CustomerKind.REFUND.value,
    }
