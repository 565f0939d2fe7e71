"""Many contacts at once, by SQL: for tests of set-based work. The scale is kept true. The scope must be open."""

import csv
import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db.models import F

from common.sql import execute, rows
from common.tenancy import current_enterprise_id
from contacts.models import Contact
from enterprises.actors import Actor
from enterprises.models import Member
from enterprises.services import zone
from quota import services as quota
from quota.models import Account
from tests.services import ROOT

INVOICES = ROOT.parent / "shared" / "data" / "online_retail_invoices.csv.gz"
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


def contacts(
    actor: Actor,
    count: int,
    *,
    prefix: str = "wm",
    status: str = "active",
    owner: Member | None = None,
    follower: Member | None = None,
    added_at: datetime = LONG_AGO,
) -> list:
    """Make `count` contacts and return their ids in order. Active ones take places, whatever the capacity."""
    params = {
        "enterprise": current_enterprise_id(),
        "prefix": prefix,
        "count": count,
        "status": status,
        "owner": owner.pk if owner else None,
        "follower": follower.pk if follower else None,
        "added": added_at,
    }
    made = rows(
        """
        INSERT INTO contacts_contact
            (id, enterprise_id, external_userid, unionid, name, remark, kind, company, phones, description, status,
             owner_id, added_at, archived_at, grade, grade_source, spend_365d, activity, inactive, last_contact_at,
             version, created_at)
        SELECT uuid7(), %(enterprise)s, %(prefix)s || lpad(n::text, 8, '0'), '', '客户' || n, '', 'wechat', '', '{}',
               '', %(status)s, %(owner)s, %(added)s, CASE WHEN %(status)s = 'archived' THEN %(added)s END, 'low',
               'auto', 0, 'never', false, %(added)s, 1, %(added)s
        FROM generate_series(1, %(count)s) AS n
        RETURNING id
        """,
        params,
    )
    ids = sorted(row[0] for row in made)
    if follower is not None:
        execute(
            """
            INSERT INTO contacts_follow
                (id, enterprise_id, contact_id, member_id, state, added_at, remark, source)
            SELECT uuid7(), %(enterprise)s, c.id, %(follower)s, 'active', %(added)s, '', ''
            FROM unnest(%(ids)s::uuid[]) AS c (id)
            """,
            {**params, "ids": ids},
        )
    if status == "active":
        serve(actor, ids)
    return ids


def serve(actor: Actor, ids: Sequence) -> None:
    """Take a place for each of these contacts, as facts."""
    Account.objects.update(served=F("served") + len(ids), ledger_number=F("ledger_number") + len(ids))
    quota.write_ledger_from(
        actor,
        source="SELECT id, name FROM contacts_contact WHERE enterprise_id = %(enterprise)s AND id = ANY (%(ids)s)",
        params={"ids": list(ids)},
        count=len(ids),
        reason=quota.Reason.IMPORTED,
        delta=+1,
    )


def retailer(actor: Actor, path: Path = INVOICES) -> None:
    """The 4 372 customers of a real retailer and their purchases; amounts one to one in CNY."""
    if not path.exists():
        pytest.skip(f"{path.name} is not here: the retailer's data is not part of the product")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        invoices = list(csv.DictReader(file))
    local = zone(actor.enterprise)
    params = {
        "enterprise": current_enterprise_id(),
        "customers": [row["customer"] for row in invoices],
        "orders": [row["invoice"] for row in invoices],
        "times": [datetime.fromisoformat(row["purchased_at"]).replace(tzinfo=local) for row in invoices],
        "amounts": [row["amount_gbp"] for row in invoices],
    }
    execute(
        """
        CREATE TEMPORARY TABLE invoice ON COMMIT DROP AS
        SELECT * FROM unnest(%(customers)s::text[], %(orders)s::text[], %(times)s::timestamptz[],
                             %(amounts)s::numeric[]) AS given (customer, order_no, paid_at, amount)
        """,
        params,
    )
    execute(
        """
        INSERT INTO contacts_contact
            (id, enterprise_id, external_userid, unionid, name, remark, kind, company, phones, description, status,
             added_at, grade, grade_source, spend_365d, activity, inactive, last_contact_at, last_customer_at,
             version, created_at)
        SELECT uuid7(), %(enterprise)s, customer, '', customer, '', 'wechat', '', '{}', '', 'active', min(paid_at),
               'low', 'auto', 0, 'never', false, max(paid_at), max(paid_at), 1, min(paid_at)
        FROM invoice GROUP BY customer
        """,
        params,
    )
    execute(
        """
        INSERT INTO contacts_purchase (id, enterprise_id, contact_id, order_no, paid_at, amount)
        SELECT uuid7(), %(enterprise)s, contact.id, invoice.order_no, invoice.paid_at, invoice.amount
        FROM invoice JOIN contacts_contact AS contact
          ON contact.enterprise_id = %(enterprise)s AND contact.external_userid = invoice.customer
        """,
        params,
    )
    execute("DROP TABLE invoice")
    serve(actor, list(Contact.objects.values_list("pk", flat=True)))
